//! Frozen encoders: from a face to one global vector and, where wanted, a grid of tokens.

pub mod architecture;
pub mod build;
pub mod config;
pub mod frozen;
pub mod hog;
pub mod hub;
pub mod interface;
pub mod model_folder;
pub mod positions;
pub mod processor;
pub mod scheme;
pub mod stored;
pub mod trainable;
pub mod vit;
pub mod weights;

pub use trainable::Trainable;
pub use vit::Precision;

#[cfg(test)]
mod tests;
