//! The rival that trains the encoder itself: the whole vision transformer with a linear head, under the same protocol as
//! AURA on its frozen features (the paper's Table 3).
//!
//! AdamW with layer-wise learning rates (Clark et al., ICLR 2020; Bao et al., ICLR 2022), warm-up and cosine, random crops
//! and mirroring. A checkpoint is written after every epoch; the same command goes on from it.

pub mod config;
pub mod images;
pub mod job;
#[cfg(test)]
mod tests;
