//! Measurements of speed: of training, and of feature extraction.

mod extract;
pub mod launches;
mod train;

pub use extract::{ExtractBench, ExtractSpeed};
pub use train::{TrainBench, TrainSpeed};
