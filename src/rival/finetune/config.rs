//! The recipe section `[finetune]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::encoder::Precision;

/// Fine-tuning of the whole encoder as a rival (the paper's Table 3, "CLIP FT" and "DINO FT").
///
/// The paper gives no settings for it; these are the usual ones for vision transformers of this size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FinetuneConfig {
    /// Whether the encoder is fine-tuned at all: it takes a GPU for any real database.
    pub enabled: bool,
    /// Passes over the training split.
    pub epochs: usize,
    /// Images a step.
    pub batch: usize,
    /// Images that are on the device at a time; the gradients of a step are summed over them. 0: all of the step's, which takes
    /// four times the memory of the default.
    pub micro_batch: usize,
    /// Learning rate of the head and of the last layers.
    pub lr: f64,
    /// Factor of the learning rate from each block to the one before it.
    pub layer_decay: f64,
    /// Share of the steps in which the learning rate rises to `lr`; then it falls to 0 along a cosine.
    pub warmup: f64,
    /// Decoupled weight decay of matrices.
    pub weight_decay: f64,
    /// Numbers of the matrix products; parameters and sums stay in single precision.
    pub precision: Precision,
    /// Compute cheap intermediate results a second time instead of keeping them.
    pub checkpointing: bool,
    /// Mirror every other training image.
    pub flip: bool,
    /// Smallest share of a training image's area that a random crop keeps; 1 crops nothing.
    pub crop: f64,
}

impl Default for FinetuneConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            epochs: 10,
            batch: 64,
            micro_batch: 16,
            lr: 1e-4,
            layer_decay: 0.75,
            warmup: 0.1,
            weight_decay: 0.05,
            precision: Precision::F32,
            checkpointing: false,
            flip: true,
            crop: 0.8,
        }
    }
}

impl FinetuneConfig {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The key below `[finetune]` and what was expected of it.
    pub fn validate(&self) -> Result<(), (String, String)> {
        let wrong = |key: &str, expected: &str| Err((key.to_owned(), format!("expected {expected}")));
        if !(1..=10_000).contains(&self.epochs) {
            return wrong("epochs", "1 to 10000");
        }
        if !(1..=65_536).contains(&self.batch) {
            return wrong("batch", "1 to 65536 images");
        }
        if self.micro_batch > self.batch {
            return wrong("micro_batch", "no more images than finetune.batch");
        }
        if !(self.lr > 0.0 && self.lr <= 1.0) {
            return wrong("lr", "a number above 0 and at most 1");
        }
        if !(self.layer_decay > 0.0 && self.layer_decay <= 1.0) {
            return wrong("layer_decay", "a number above 0 and at most 1");
        }
        if !(0.0..1.0).contains(&self.warmup) {
            return wrong("warmup", "a share from 0 to below 1");
        }
        if !(0.0..=1.0).contains(&self.weight_decay) {
            return wrong("weight_decay", "0 to 1");
        }
        if !(self.crop > 0.0 && self.crop <= 1.0) {
            return wrong("crop", "a share above 0 and at most 1");
        }
        Ok(())
    }

    /// Images on the device at a time.
    pub(crate) fn at_a_time(&self) -> usize {
        if self.micro_batch == 0 {
            self.batch
        } else {
            self.micro_batch
        }
    }

    /// The learning rate of step `step` (from 0) of `steps`, before layers are told apart.
    pub(crate) fn rate(&self, step: usize, steps: usize) -> f64 {
        let rising = (self.warmup * steps as f64).floor();
        let at = step as f64;
        if at < rising {
            return self.lr * (at + 1.0) / rising;
        }
        let along = (at - rising) / (steps as f64 - rising).max(1.0);
        self.lr * 0.5 * (1.0 + (std::f64::consts::PI * along).cos())
    }
}
