//! `EmotioNet`: rows of addresses and units, images, splits.

pub mod images;
pub mod lists;
pub mod read;
pub mod splits;
