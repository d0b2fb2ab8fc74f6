//! aura-bench: reproducible facial-affect benchmarks for AURA. See README.md for use and ARCHITECTURE.md for the house.

pub mod bench;
pub mod chain;
pub mod check;
pub mod cli;
pub mod dataset;
pub mod device;
pub mod digest;
pub mod disk;
pub mod doctor;
pub mod document;
pub mod encoder;
pub mod error;
pub mod export;
pub mod feature;
#[doc(hidden)]
pub mod hostile;
pub mod image;
pub mod import;
pub mod intake;
pub mod interrupt;
pub mod map;
pub mod metric;
pub mod model;
pub mod naming;
pub mod progress;
pub mod published;
pub mod query;
pub mod recipe;
pub mod record;
pub mod report;
pub mod rival;
pub mod run;
pub mod sets;
pub mod standin;
pub mod task;
pub mod train;
