//! Stage 2: every image becomes a row of the feature table.

use std::path::{Path, PathBuf};

use crate::device::machine::Resolved;
use crate::digest::{Digest, stage};
use crate::disk::{parquet, publish, rejects};
use crate::encoder::config::EncoderKind;
use crate::encoder::interface::Encoder;
use crate::error::{Error, Result};
use crate::export::croissant;
use crate::feature::{self, FeatureTable};
use crate::meter::Meter;

use super::convert::{Samples, rejects_of};
use super::state::{Chain, json};

/// The feature table of a run.
pub struct Features {
    /// Its folder.
    pub folder: PathBuf,
    /// Digest of all that went into it.
    pub digest: String,
    /// What the encoder says of itself.
    pub encoder: serde_json::Value,
}

impl Chain<'_> {
    /// Extracts on `device` from images below `images`, or finds the table of exactly these samples, this encoder and this code.
    pub fn extract(
        &mut self,
        images: &Path,
        samples: &Samples,
        encoder: &dyn Encoder,
        device: &Resolved,
    ) -> Result<Features> {
        let started = Meter::start();
        let recipe = self.recipe;
        // Devices of different kinds differ in their last digits; histograms are always computed on the processor.
        let kind = if recipe.encoder.kind == EncoderKind::Hog {
            "cpu"
        } else {
            device.kind
        };
        let digest = Digest::new("features")
            .part("samples", &samples.digest)
            .part("encoder", encoder.digest())
            .part("options", json(&recipe.features)?.to_string())
            .part("device", kind)
            .part("code", stage::EXTRACT)
            .finish();
        let name = format!("{}-{}-{}", recipe.card.id, encoder.name(), &digest[..16]);
        let folder = self.options.cache.join("features").join(name);
        let published = publish::folder(&folder, self.progress, self.interrupt, |partial| {
            let report = feature::extract(
                &samples.table,
                images,
                encoder,
                &recipe.features,
                partial,
                self.progress,
                self.interrupt,
            )?;
            self.progress.line(&format!(
                "            {} images, {} rejected, {:.0} images/s",
                report.rows, report.rejected, report.images_per_second
            ));
            let lost = report.rejected as f64 / report.samples.max(1) as f64;
            if report.rows == 0 || lost > recipe.dataset.max_rejected {
                return Err(Error::too_many_rejects(format!(
                    "{} of {} images gave no features, more than dataset.max_rejected = {} allows; they are listed in {}",
                    report.rejected,
                    report.samples,
                    recipe.dataset.max_rejected,
                    rejects::keep(&partial.join("rejects.csv"))?.display()
                )));
            }
            Ok(())
        })?;
        croissant::write_beside(&folder)?;
        self.done("extract", &started, published.cached, &digest);
        let (listed, rows) = (parquet::rows(&samples.table)?, FeatureTable::open(&folder)?.rows());
        if rows < listed {
            self.warn(format!(
                "{} of {listed} images gave no features and are left out; listed in {} of the cache",
                listed - rows,
                rejects_of(&folder)
            ));
        }
        self.in_use.push(published);
        Ok(Features {
            folder,
            digest,
            encoder: encoder.describe(),
        })
    }
}
