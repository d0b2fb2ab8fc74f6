pub mod folds;
pub mod frames;
pub mod names;
pub mod read;
pub mod video;
