//! AURA: projector, dictionary of archetypes, contextualization, losses, read-outs. Pure tensors; no files.
//!
//! `docs/method.md` gives every equation with the function that computes it.

pub mod adamw;
pub mod aura;
pub mod cause;
pub mod codebook;
pub mod config;
pub mod contextualization;
pub mod flops;
pub mod kmeans;
pub mod loss;
pub mod math;
pub mod merge;
pub mod moments;
pub mod params;
pub mod parts;
pub mod predict;
pub mod projector;
pub mod standardise;

#[cfg(test)]
mod peers;

pub use config::ModelConfig;
