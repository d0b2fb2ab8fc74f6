//! CLIP, DINO and `DINOv2` with weights that can be trained.

use burn::tensor::{Device, Tensor};

use crate::error::{Error, Result};
use crate::image::Preprocess;
use crate::interrupt::Interrupt;
use crate::progress::Progress;

use super::architecture::{Architecture, Global};
use super::config::{EncoderConfig, EncoderKind};
use super::frozen::Opened;
use super::vit::{Precision, Vit, matrix_of};

/// A vision transformer, its parameters handed out by name.
#[derive(Debug, Clone)]
pub struct Trainable {
    /// Sizes and switches, for the images that it is fed with.
    pub architecture: Architecture,
    /// How images are brought to its input.
    pub preprocess: Preprocess,
    /// What its global vector is.
    pub global: Global,
    /// The pre-trained parameters by the names of [`Architecture::parameters`], each a matrix of its first axis and all
    /// others, vectors as one row.
    pub parameters: Vec<(String, Tensor<2>)>,
}

impl Trainable {
    /// Loads the encoder that `config` names onto `device`.
    ///
    /// # Errors
    /// As [`EncoderConfig::build_on`]; [`Error::Usage`] for `hog`, which has nothing to train.
    pub fn load(config: &EncoderConfig, device: &Device, progress: Progress, interrupt: &Interrupt) -> Result<Self> {
        if config.kind == EncoderKind::Hog {
            return Err(Error::Usage(
                "encoder.kind = \"hog\" has no weights that could be fine-tuned; expected clip, dino or dinov2"
                    .to_owned(),
            ));
        }
        let mut opened = Opened::open(&config.fetched(None, progress, interrupt)?)?;
        let architecture = opened.architecture.fitted(opened.size)?;
        let parameters = architecture
            .parameters()
            .into_iter()
            .map(|(name, shape)| {
                let values = opened
                    .architecture
                    .resampled(&name, opened.weights.take(&name)?, opened.size);
                Ok((name, matrix_of(values, Some(&shape), device)))
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            architecture,
            preprocess: opened.preprocess,
            global: config.global,
            parameters,
        })
    }

    /// The transformer with the parameters that `take` gives.
    ///
    /// # Errors
    /// Whatever `take` returns.
    pub fn vit(
        &self,
        precision: Precision,
        device: &Device,
        take: impl FnMut(&str) -> Result<Tensor<2>>,
    ) -> Result<Vit> {
        Vit::assemble(self.architecture.clone(), self.global, precision, device, take)
    }

    /// How far from the input parameter `name` is used: 0 for the embeddings, n for the n-th block, one more than there are
    /// blocks for what stands behind them.
    pub fn depth(&self, name: &str) -> usize {
        match name.strip_prefix("layers.").and_then(|rest| rest.split('.').next()) {
            Some(layer) => layer.parse::<usize>().unwrap_or(0) + 1,
            None if name.starts_with("post_norm") || name == "projection" => self.architecture.layers + 1,
            None => 0,
        }
    }
}
