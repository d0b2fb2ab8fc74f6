//! Stage 2: every image becomes a row of the feature table.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use crate::device::machine::Resolved;
use crate::digest::{Digest, stage};
use crate::disk::publish::{self, Identity};
use crate::disk::{parquet, rejects};
use crate::encoder::config::EncoderKind;
use crate::encoder::interface::Encoder;
use crate::error::{Error, Result};
use crate::export::croissant;
use crate::feature::extract::Share;
use crate::feature::shard::Shard;
use crate::feature::{Extraction, FeatureTable};
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

/// Where a feature table lies, whether it is there or not.
pub(super) struct Table {
    /// Its folder.
    pub(super) folder: PathBuf,
    /// Digest of all that goes into it.
    pub(super) digest: String,
}

impl Chain<'_> {
    /// The table of samples with this digest, by this encoder and this code, on a device of this kind.
    ///
    /// # Errors
    /// If the options cannot be encoded.
    pub(super) fn table_of(&self, samples: &str, encoder: &dyn Encoder, device: &str) -> Result<Table> {
        let recipe = self.recipe;
        // Devices of different kinds differ in their last digits; histograms are always computed on the processor.
        let kind = if recipe.encoder.kind == EncoderKind::Hog {
            "cpu"
        } else {
            device
        };
        let digest = Digest::new("features")
            .part("samples", samples)
            .part("encoder", encoder.digest())
            .part("options", json(&recipe.features)?.to_string())
            .part("device", kind)
            .part("code", stage::EXTRACT)
            .finish();
        let name = format!("{}-{}-{}", recipe.card.id, encoder.name(), &digest[..16]);
        Ok(Table {
            folder: self.options.cache.join("features").join(name),
            digest,
        })
    }

    /// Extracts on `device` from images below `images`, or finds the table of exactly these samples, this encoder and this code.
    /// Processes that extract it at the same time share its parts. Nothing, where the call does only a share of it and those of others
    /// are missing.
    pub fn extract(
        &mut self,
        images: &Path,
        samples: &Samples,
        encoder: &dyn Encoder,
        device: &Resolved,
    ) -> Result<Option<Features>> {
        let started = Meter::start();
        let recipe = self.recipe;
        let Table { folder, digest } = self.table_of(&samples.digest, encoder, device.kind)?;
        let whole = Extraction {
            samples: &samples.table,
            data_root: images,
            encoder,
            options: &recipe.features,
            out: &folder,
            shard: Shard::WHOLE,
        };
        let done: RefCell<Option<Share>> = RefCell::default();
        let share = |partial: &Path, home: Identity| {
            let ours = Extraction {
                out: partial,
                shard: self.portion.shard,
                ..whole
            };
            let share = ours.share(home, self.progress, self.interrupt)?;
            let all = share.is_whole();
            done.replace(Some(share));
            Ok(all)
        };
        let published = publish::together(&folder, self.progress, self.interrupt, share, |partial| {
            let share = done.borrow();
            let Some(share) = share.as_ref() else { return Ok(()) };
            let report = Extraction { out: partial, ..whole }.end(share, self.interrupt)?;
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
        let Some(published) = published else {
            self.left += done.take().map_or(0, |share| share.missing());
            self.done("extract", &started, false, &digest);
            return Ok(None);
        };
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
        Ok(Some(Features {
            folder,
            digest,
            encoder: encoder.describe(),
        }))
    }
}
