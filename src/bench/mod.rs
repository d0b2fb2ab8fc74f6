//! Measurements of speed: of training, and of feature extraction.

pub mod extract;
pub mod launches;
pub mod speed;
pub mod train;

pub use extract::ExtractBench;
pub use train::TrainBench;
