//! Why one sample got its prediction.

pub mod sample;
pub mod show;
