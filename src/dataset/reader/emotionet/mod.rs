//! `EmotioNet`: rows of addresses and units, images, splits.

pub mod images;
pub mod read;
pub mod splits;
