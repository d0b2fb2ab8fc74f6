//! aura-bench: reproducible facial-affect benchmarks for AURA. See README.md for use and ARCHITECTURE.md for the house.

pub mod baseline;
pub mod bench;
pub mod chain;
pub mod check;
pub mod cli;
pub mod dataset;
pub mod device;
pub mod digest;
pub mod doctor;
pub mod encoder;
pub mod error;
pub mod export;
pub mod feature;
pub mod finetune;
#[doc(hidden)]
pub mod hostile;
pub mod image;
pub mod interrupt;
pub mod map;
pub mod metric;
pub mod model;
pub mod progress;
pub mod query;
pub mod recipe;
pub mod report;
pub mod run;
pub mod task;
pub mod train;
