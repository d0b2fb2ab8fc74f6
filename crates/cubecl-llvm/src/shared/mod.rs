//! Names about what a device advertises.

pub mod lowered_features;
