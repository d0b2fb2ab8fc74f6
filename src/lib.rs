//! aura-bench: reproducible facial-affect benchmarks for AURA. See README.md for use and ARCHITECTURE.md for the house.

pub mod error;
pub mod feature;
pub mod interrupt;
pub mod progress;
pub mod query;
pub mod recipe;
pub mod report;
pub mod run;
pub mod task;
