//! The samples table that features are extracted for.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use ::parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use arrow::array::{AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde_json::json;

use crate::columns::SAMPLES_KEY;
use crate::disk::guard::{self, guarded};
use crate::encoder::interface::Encoder;
use crate::error::{Context, Error, Result};

use super::config::FeaturesConfig;
use super::layout;
use super::pool::pooled_shape;
use super::reader::value_of;
use super::shard::Shard;
use super::table::{FEATURES_KEY, FeatureMetadata, IMAGE_DIGEST, canonical_samples};

/// A samples table that was opened and digested.
pub(super) struct Source<'a> {
    pub(super) path: &'a Path,
    digest: String,
    rows: usize,
    description: Option<serde_json::Value>,
}

impl<'a> Source<'a> {
    pub(super) fn open(path: &'a Path) -> Result<Self> {
        let mut hasher = blake3::Hasher::new();
        let file = File::open(path).at("read the samples table", path)?;
        hasher.update_reader(&file).at("read the samples table", path)?;
        let builder = guard::open(path)?;
        let file = builder.metadata().file_metadata();
        let description = match value_of(file, SAMPLES_KEY) {
            Some(text) => Some(serde_json::from_str(text).at("read the description of", path)?),
            None => None,
        };
        if value_of(file, FEATURES_KEY).is_some() {
            return Err(Error::unusable_table(format!(
                "{} is a feature table; expected a samples table",
                path.display()
            )));
        }
        Ok(Self {
            path,
            digest: hasher.finalize().to_hex().to_string(),
            rows: usize::try_from(file.num_rows()).unwrap_or(0),
            description,
        })
    }

    /// The description of the table that these samples give in the folder `out`, to which several processes may write their shares.
    pub(super) fn describe(
        &self,
        encoder: &dyn Encoder,
        options: &FeaturesConfig,
        out: &Path,
        shard: Shard,
    ) -> Result<FeatureMetadata> {
        let tokens = pooled_shape(options.tokens, encoder.tokens(), encoder.name())?;
        let limits = options.limits();
        let metadata = FeatureMetadata {
            digest: String::new(),
            encoder_name: encoder.name().to_owned(),
            encoder_digest: encoder.digest(),
            encoder: encoder.describe(),
            preprocessing: json!({
                "crop": options.crop,
                "margin": options.margin,
                "max_file_bytes": limits.max_file_bytes,
                "max_pixels": limits.max_pixels,
            }),
            dtype: options.dtype,
            global_dim: encoder.global_dim(),
            tokens,
            samples_digest: self.digest.clone(),
            samples: self.description.clone(),
            samples_rows: self.rows,
            part_rows: 0,
            parts: 0,
        };
        let asked = options.part_rows.map(|rows| rows as usize);
        layout::divided(metadata, asked, out, shard)
    }

    /// The rows `range`, in batches of `batch`.
    pub(super) fn read(&self, range: std::ops::Range<usize>, batch: usize) -> Result<ParquetRecordBatchReader> {
        guarded(self.path, || {
            guard::open(self.path)?
                .with_offset(range.start)
                .with_limit(range.len())
                .with_batch_size(batch)
                .build()
                .at("read the samples table", self.path)
        })
    }

    /// The schema of the canonical samples, with what extraction adds to them.
    pub(super) fn schema(&self) -> Result<SchemaRef> {
        let builder = guard::open(self.path)?;
        let empty = RecordBatch::new_empty(Arc::clone(builder.schema()));
        let samples = canonical_samples(&empty, self.path)?.schema();
        let digest = Arc::new(Field::new(IMAGE_DIGEST, DataType::Utf8, false));
        let fields = samples.fields().iter().cloned().chain([digest]);
        Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
    }
}

/// A text column of a batch of samples.
pub(super) fn strings<'a>(batch: &'a RecordBatch, name: &str, path: &Path) -> Result<&'a StringArray> {
    batch
        .column_by_name(name)
        .and_then(|column| column.as_string_opt::<i32>())
        .ok_or_else(|| Error::unusable_table(format!("{} has no text column `{name}`", path.display())))
}
