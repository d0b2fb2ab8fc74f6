//! Stage 1: the database's folder becomes a samples table.

use std::path::PathBuf;
use std::time::Instant;

use crate::dataset::{self, ConvertOptions};
use crate::digest::{Digest, of_file, room};
use crate::error::Result;

use super::data::Data;
use super::{Chain, json, publish};

/// The samples table of a run.
pub struct Samples {
    /// `samples.parquet`.
    pub table: PathBuf,
    /// Digest of its bytes.
    pub digest: String,
    /// `truth.parquet` of generated faces.
    pub truth: Option<PathBuf>,
}

impl Chain<'_> {
    /// Converts, or finds the conversion of exactly these files by exactly this code.
    pub fn convert(&mut self, data: &Data) -> Result<Samples> {
        let started = Instant::now();
        let recipe = self.recipe;
        let options = ConvertOptions::from(&recipe.dataset);
        let digest = Digest::new("samples")
            .part("source", dataset::source_digest(&recipe.card, &data.root, &options)?)
            .part("options", json(&options)?.to_string())
            .part("card", json(&recipe.card)?.to_string())
            .part("code", room::DATASET)
            .part("image", room::IMAGE)
            .finish();
        let folder = self
            .options
            .cache
            .join("samples")
            .join(format!("{}-{}", recipe.card.id, &digest[..16]));
        let cached = publish::folder(&folder, self.progress, self.interrupt, |partial| {
            dataset::convert(
                &recipe.card,
                &data.root,
                &options,
                partial,
                &self.progress,
                self.interrupt,
            )?;
            Ok(())
        })?;
        let table = folder.join("samples.parquet");
        let samples = Samples {
            digest: of_file(&table)?,
            table,
            truth: Some(data.root.join("truth.parquet")).filter(|path| recipe.stand_in.is_some() && path.is_file()),
        };
        self.done("convert", started, cached, &digest);
        Ok(samples)
    }
}
