//! Stage 2: every image becomes a row of the feature table.

use std::path::PathBuf;
use std::time::Instant;

use crate::device::machine::{Resolved, memory};
use crate::digest::{Digest, stage};
use crate::disk::publish;
use crate::encoder::config::EncoderKind;
use crate::encoder::interface::{Encoder, TokenShape};
use crate::error::{Error, Result};
use crate::export::croissant;
use crate::feature;
use crate::feature::config::Dtype;
use crate::feature::pool::pooled_shape;

use super::convert::{self, Samples};
use super::data::Data;
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
    /// Extracts on `device`, or finds the table of exactly these samples, this encoder and this code.
    pub fn extract(
        &mut self,
        data: &Data,
        samples: &Samples,
        encoder: &dyn Encoder,
        device: &Resolved,
    ) -> Result<Features> {
        let started = Instant::now();
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
        let tokens = pooled_shape(recipe.features.tokens, encoder.tokens(), encoder.name())?;
        if let (Some(tokens), Some(folder)) = (tokens, samples.table.parent()) {
            let count = convert::read(folder)?.samples;
            if let Some(text) = too_large(count, tokens, recipe.features.dtype, memory()) {
                self.progress.line(&text);
            }
        }
        let cached = publish::folder(&folder, self.progress, self.interrupt, |partial| {
            let report = feature::extract(
                &samples.table,
                &data.root,
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
                    partial.join("rejects.csv").display()
                )));
            }
            Ok(())
        })?;
        croissant::write_beside(&folder)?;
        self.done("extract", started, cached, &digest);
        Ok(Features {
            folder,
            digest,
            encoder: encoder.describe(),
        })
    }
}

/// What to say before hours of extraction where training could not hold the tokens of `samples` images in `memory` bytes.
fn too_large(samples: u64, tokens: TokenShape, dtype: Dtype, memory: Option<u64>) -> Option<String> {
    let values = samples.saturating_mul(tokens.values() as u64);
    let needed = values.saturating_mul(Dtype::F32.bytes() as u64);
    let memory = memory.filter(|&memory| memory < needed)?;
    let gigabytes = |bytes: u64| bytes as f64 / 1e9;
    Some(format!(
        "warning     the {} tokens of each of {samples} images take {:.1} GB on disk, and {:.1} GB in memory while they are \
         trained on; this machine has {:.1} GB: features.tokens = \"7x7\" keeps 49, and model.level = \"global\" needs none",
        tokens.count(),
        gigabytes(values.saturating_mul(dtype.bytes() as u64)),
        gigabytes(needed),
        gigabytes(memory)
    ))
}

#[cfg(test)]
mod tests {
    use super::{Dtype, TokenShape, too_large};

    #[test]
    fn tokens_that_no_memory_holds_are_told_before_they_are_extracted() {
        let clip = TokenShape {
            rows: 14,
            cols: 14,
            width: 768,
        };
        let text = too_large(130_814, clip, Dtype::F16, Some(64_000_000_000)).unwrap_or_default();
        for part in [
            "196 tokens",
            "130814 images",
            "39.4 GB on disk",
            "78.8 GB in memory",
            "64.0 GB",
        ] {
            assert!(text.contains(part), "`{part}` is missing from: {text}");
        }
        assert_eq!(too_large(130_814, clip, Dtype::F16, Some(128_000_000_000)), None);
        assert_eq!(too_large(130_814, clip, Dtype::F16, None), None, "nothing is known");
    }
}
