//! Measures, intervals and tests, in f64; no tensors, no files. Conventions and their peers: `docs/metrics.md`.
//!
//! [`evaluate::evaluate`] gives every metric of a task, [`evaluate::primary`] the one that training curves show, and
//! [`evaluate::rows`] turns values into the rows of a run folder's tables. Single measures live in the modules.

pub mod action_units;
pub mod clustering;
pub mod compare;
pub mod evaluate;
pub mod expression;
pub mod interval;
pub mod named;
pub mod panel;
pub mod retrieval;
pub mod seeds;
pub mod separability;
pub(crate) mod special;
pub mod subgroup;
pub mod tally;
#[cfg(test)]
mod tests;
pub mod truth;
pub mod valence_arousal;

pub use interval::{Bootstrap, Interval};
pub use tally::Measure;
pub(crate) use tally::output_key;
