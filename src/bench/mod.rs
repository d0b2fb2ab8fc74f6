//! Measurements of speed: of training, and of feature extraction.

mod extract;
mod train;

pub use extract::{ExtractBench, ExtractSpeed};
pub use train::{TrainBench, TrainSpeed};
