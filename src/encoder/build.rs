//! From a recipe's settings to an encoder that runs.

use std::path::Path;

use burn::tensor::Device;

use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::naming::RANDOM;
use crate::progress::Progress;

use super::config::{EncoderConfig, EncoderKind};
use super::frozen::{self, Frozen};
use super::hog::Hog;
use super::hub;
use super::interface::{Encoder, TokenShape};

impl EncoderConfig {
    /// The same configuration with weights that lie on this machine: what `hf://…` names, or the kind's published model where
    /// nothing is named, is fetched unless the hub's cache has it. `cache` replaces the hub's own cache folder.
    ///
    /// # Errors
    /// As [`hub::HubModel::fetch`]; [`Error::Usage`] if the name of the model cannot be.
    pub fn fetched(&self, cache: Option<&Path>, progress: Progress, interrupt: &Interrupt) -> Result<Self> {
        let config = self.clone().completed();
        let Some(model) = config.hub_model()? else {
            return Ok(config);
        };
        let folder = model.fetch(cache, progress, interrupt)?;
        let Some(folder) = folder.to_str() else {
            return Err(Error::data(format!(
                "{} is not Unicode; move the cache",
                folder.display()
            )));
        };
        Ok(Self {
            weights: Some(folder.to_owned()),
            ..config
        })
    }

    /// Values of the global vector and the grid of tokens, without reading weights; of a model that would have to be fetched,
    /// those of its family's usual size. `None` if that cannot be known yet.
    pub fn shape(&self) -> Option<(usize, Option<TokenShape>)> {
        match self.kind {
            EncoderKind::Hog => {
                let hog = Hog::new(self.hog.clone()).ok()?;
                Some((hog.global_dim(), hog.tokens()))
            }
            EncoderKind::Clip | EncoderKind::Dino | EncoderKind::Dinov2 => {
                frozen::shape(self).map(|(global, tokens)| (global, Some(tokens)))
            }
        }
    }

    /// Where the weights are, or that they have yet to be fetched, without fetching or reading them; `None` for `hog`.
    ///
    /// # Errors
    /// As [`Self::fetched`], as far as it can be known without asking the hub.
    pub fn whereabouts(&self) -> Result<Option<String>> {
        let config = self.clone().completed();
        if let Some(model) = config.hub_model()? {
            return model.whereabouts().map(Some);
        }
        if let Some(path) = config.weights.as_deref().filter(|weights| !weights.starts_with(RANDOM)) {
            frozen::exists(config.kind, path)?;
        }
        Ok(config.weights)
    }

    /// Whether nothing of it has to be fetched; its files are not read.
    ///
    /// # Errors
    /// As [`Self::whereabouts`].
    pub fn is_here(&self) -> Result<bool> {
        match self.clone().completed().hub_model()? {
            Some(model) => model.is_here(),
            None => Ok(true),
        }
    }

    fn hub_model(&self) -> Result<Option<hub::HubModel>> {
        self.weights
            .as_deref()
            .and_then(hub::HubModel::parse)
            .transpose()
            .map_err(|message| Error::Usage(format!("encoder.weights: {message}")))
    }

    /// Builds the encoder on the processor.
    ///
    /// # Errors
    /// As [`EncoderConfig::build_on`].
    pub fn build(&self) -> Result<Box<dyn Encoder>> {
        self.build_on(&Device::flex())
    }

    /// Builds the encoder on `device` (`hog` always runs on the processor).
    ///
    /// # Errors
    /// [`Error::Usage`] for options that cannot be; [`Error::Data`] if weights are missing or do not fit; [`Error::Io`] if
    /// they cannot be read.
    pub fn build_on(&self, device: &Device) -> Result<Box<dyn Encoder>> {
        self.validate()
            .map_err(|(key, message)| Error::Usage(format!("encoder.{key}: {message}")))?;
        match self.kind {
            EncoderKind::Hog => Ok(Box::new(Hog::new(self.hog.clone())?)),
            EncoderKind::Clip | EncoderKind::Dino | EncoderKind::Dinov2 => {
                let here = self.fetched(None, Progress::hidden(), &Interrupt::default())?;
                Ok(Box::new(Frozen::load(&here, device)?))
            }
        }
    }
}
