//! DISFA and DISFA+: frames, intensities, folds.

pub mod folds;
pub mod frames;
pub mod labels;
pub mod names;
pub mod read;
pub mod reading;
pub mod video;
