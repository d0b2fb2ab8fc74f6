//! aura-bench: reproducible facial-affect benchmarks for AURA. See README.md for use and ARCHITECTURE.md for the house.

pub mod baseline;
pub mod check;
pub mod error;
pub mod feature;
pub mod interrupt;
pub mod metric;
pub mod progress;
pub mod recipe;
pub mod run;
pub mod task;
