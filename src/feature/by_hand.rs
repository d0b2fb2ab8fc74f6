//! A feature table of any folder of images, without a recipe.

use std::path::Path;

use burn::tensor::Device;

use crate::encoder::config::EncoderConfig;
use crate::error::{Context, Result};
use crate::interrupt::Interrupt;
use crate::progress::Progress;

use super::config::FeaturesConfig;
use super::extract::{ExtractReport, Extraction};
use super::folder::FolderSamples;
use super::shard::Shard;

/// What to extract, and where to.
#[derive(Debug, Clone, Copy)]
pub struct ByHand<'a> {
    /// The folder of images.
    pub images: &'a Path,
    /// A samples table whose paths are relative to `images`; without it, every image below `images` is a sample of split
    /// `test` whose id is its path.
    pub samples: Option<&'a Path>,
    /// The encoder.
    pub encoder: &'a EncoderConfig,
    /// What is kept of its output.
    pub options: &'a FeaturesConfig,
    /// The folder of the feature table.
    pub out: &'a Path,
    /// This machine's share.
    pub shard: Shard,
    /// Where fetched weights are kept; the hub's own cache if left out.
    pub cache: Option<&'a Path>,
    /// Where the encoder runs.
    pub device: &'a Device,
}

impl ByHand<'_> {
    /// Computes what is missing of the table.
    ///
    /// # Errors
    /// As [`EncoderConfig::build_on`], [`FolderSamples::of`] and [`Extraction::run`].
    pub fn run(&self, progress: Progress, interrupt: &Interrupt) -> Result<ExtractReport> {
        // Before the weights are fetched: a folder may hold no images.
        let found = self
            .samples
            .is_none()
            .then(|| FolderSamples::of(self.images))
            .transpose()?;
        let encoder = self
            .encoder
            .fetched(self.cache, progress, interrupt)?
            .build_on(self.device)?;
        if let Some(preprocessing) = encoder.preprocessing() {
            progress.line(&format!("images      {preprocessing}"));
        }
        std::fs::create_dir_all(self.out).at("create the folder", self.out)?;
        // Beside the parts, so that the table says what was looked at, rejects included.
        let listed = self.out.join("samples.parquet");
        if let Some(found) = found {
            found.write(&listed)?;
        }
        let samples = self.samples.unwrap_or(&listed);
        Extraction {
            samples,
            data_root: self.images,
            encoder: encoder.as_ref(),
            options: self.options,
            out: self.out,
            shard: self.shard,
        }
        .run(progress, interrupt)
    }
}
