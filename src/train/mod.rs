//! Training: batches, the loop, resets, moves between archetypes, checkpoints, selection, and the pass that freezes the
//! dictionary.

pub mod checkpoint;
pub mod config;
pub mod data;
pub mod departure;
pub mod feed;
pub mod finish;
pub mod flow;
pub mod freeze;
pub mod held_out;
pub mod live;
pub mod merge;
mod replay;
pub mod reset;
pub mod run;
pub mod seed;
pub mod setup;
pub mod synth;
pub mod trained;

#[cfg(test)]
mod tests;

pub use config::{Sampling, Selection, TrainConfig};
pub use seed::Seeds;
pub use trained::Trained;
