//! What a feature table is: a folder of Parquet part files that share one description.
//!
//! Every part holds the columns of the samples table, then `global` (`fixed_size_list<f16|f32, D>`) and, if the recipe
//! keeps tokens, `tokens` (`fixed_size_list<f16|f32, M·D'>`, token-major). Part i covers a fixed range of the samples
//! table's rows, so parts can be written in any order and by any number of machines. A part's own record, with the images
//! that it had to reject, stands in its metadata: a part is whole with everything that belongs to it, or absent.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};

use crate::columns::{self, Kind};
use crate::encoder::interface::TokenShape;
use crate::error::{Context, Error, Result};

use super::config::Dtype;
use super::reject::Reject;

/// Version of the table's layout.
pub const SCHEMA_VERSION: &str = "1";
/// Metadata key of [`FeatureMetadata`].
pub const FEATURES_KEY: &str = "aura-bench.features";
/// Metadata key of [`PartMetadata`].
pub const PART_KEY: &str = "aura-bench.part";
/// Column of the global vector.
pub const GLOBAL: &str = "global";
/// Column of the tokens.
pub const TOKENS: &str = "tokens";
/// Most images a part, unless the recipe says otherwise.
pub(crate) const PART_ROWS: usize = 4096;

/// Bytes of features that a part should stay below, unless the recipe says otherwise.
pub(crate) const PART_BYTES: usize = 512 << 20;

/// Column with the BLAKE3 of the image file of a row, its first 16 bytes in hexadecimal digits; only features that were extracted
/// here have it.
pub const IMAGE_DIGEST: &str = "image_digest";

/// What all parts of a table have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureMetadata {
    /// blake3 (hexadecimal) of everything that went in: encoder, options, samples table.
    pub digest: String,
    /// The encoder's short name.
    pub encoder_name: String,
    /// The encoder's digest, weights included.
    pub encoder_digest: String,
    /// The encoder's own description.
    pub encoder: serde_json::Value,
    /// Face crop and decoding limits.
    pub preprocessing: serde_json::Value,
    /// How values are stored.
    pub dtype: Dtype,
    /// Values of `global` (D).
    pub global_dim: usize,
    /// Grid of `tokens`, if there are any.
    pub tokens: Option<TokenShape>,
    /// blake3 of the samples table's bytes.
    pub samples_digest: String,
    /// The samples table's own description (classes, action units), where it has one.
    pub samples: Option<serde_json::Value>,
    /// Rows of the samples table.
    pub samples_rows: usize,
    /// Rows of the samples table that each part covers; the last part may cover fewer.
    pub part_rows: usize,
    /// Number of parts of the whole table.
    pub parts: usize,
}

impl FeatureMetadata {
    /// The table's name for other programs: database and encoder.
    pub fn title(&self) -> String {
        let samples = self.samples.as_ref();
        let dataset = samples.and_then(|samples| samples.get("dataset")?.as_str());
        format!("{}-{}", dataset.unwrap_or("samples"), self.encoder_name)
    }

    /// Bytes of one row's features.
    pub fn row_bytes(&self) -> usize {
        (self.global_dim + self.tokens.map_or(0, |t| t.values())) * self.dtype.bytes()
    }

    /// Row numbers of the samples table that part `index` covers.
    pub fn range(&self, index: usize) -> std::ops::Range<usize> {
        let start = index.saturating_mul(self.part_rows);
        start.min(self.samples_rows)..start.saturating_add(self.part_rows).min(self.samples_rows)
    }
}

/// What only one part knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartMetadata {
    /// 0-based index of the part.
    pub index: usize,
    /// Rows that it holds: those that it covers less its rejects.
    pub rows: usize,
    /// Images that gave no features.
    pub rejects: Vec<Reject>,
}

/// The path of part `index`.
pub fn part_path(folder: &Path, index: usize) -> PathBuf {
    folder.join(format!("part-{index:05}.parquet"))
}

/// The index in the name of a part file, if it is one.
pub fn part_index(name: &str) -> Option<usize> {
    let digits = name.strip_prefix("part-")?.strip_suffix(".parquet")?;
    let index = digits.parse().ok()?;
    // No second spelling of the same number.
    (format!("{index:05}") == digits).then_some(index)
}

/// The type of a feature column.
pub fn list_type(dtype: Dtype, values: usize) -> DataType {
    DataType::FixedSizeList(Arc::new(item_field(dtype)), i32::try_from(values).unwrap_or(i32::MAX))
}

pub(super) fn item_field(dtype: Dtype) -> Field {
    let item = match dtype {
        Dtype::F16 => DataType::Float16,
        Dtype::F32 => DataType::Float32,
    };
    Field::new("item", item, false)
}

/// The table's Arrow schema: the samples' columns, then the features'.
pub fn table_schema(samples: &Schema, metadata: &FeatureMetadata) -> SchemaRef {
    let mut fields: Vec<Field> = samples.fields().iter().map(|f| f.as_ref().clone()).collect();
    fields.push(Field::new(
        GLOBAL,
        list_type(metadata.dtype, metadata.global_dim),
        false,
    ));
    if let Some(tokens) = metadata.tokens {
        fields.push(Field::new(TOKENS, list_type(metadata.dtype, tokens.values()), false));
    }
    Arc::new(Schema::new(fields))
}

/// The type that a samples column has in this program's tables, whatever its writer made of it.
fn canonical(name: &str, found: &DataType) -> DataType {
    match columns::of_samples(name) {
        // A text that is none is told below with its name, not turned into one.
        Some((kind, _)) if kind != Kind::Text => kind.arrow(),
        _ => match found {
            DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
            other => other.clone(),
        },
    }
}

/// Brings a samples batch to the canonical column types; `path` is named in errors.
///
/// # Errors
/// [`Error::Data`] if a required column is missing or of a wrong type, or a value does not fit.
pub fn canonical_samples(batch: &RecordBatch, path: &Path) -> Result<RecordBatch> {
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    let required: Vec<&str> = columns::required_names().collect();
    for &name in &required {
        if batch.column_by_name(name).is_none() {
            return Err(Error::unusable_table(format!(
                "{} has no column `{name}`; expected a samples table with the columns {}",
                path.display(),
                required.join(", ")
            )));
        }
    }
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let name = field.name();
        if [GLOBAL, TOKENS, IMAGE_DIGEST].contains(&name.as_str()) {
            return Err(Error::unusable_table(format!(
                "{} has a column `{name}`, which belongs to a feature table; expected a samples table",
                path.display()
            )));
        }
        let wanted = canonical(name, column.data_type());
        let cast = if column.data_type() == &wanted {
            Arc::clone(column)
        } else {
            cast(column, &wanted).at("convert the samples of", path)?
        };
        // `cast` turns what does not fit into null.
        if cast.null_count() > column.logical_null_count() && column.data_type() != &DataType::Null {
            return Err(Error::unusable_table(format!(
                "{}: column `{name}` ({}) holds values that do not fit {wanted}",
                path.display(),
                column.data_type()
            )));
        }
        if required.contains(&name.as_str()) && wanted != DataType::Utf8 {
            return Err(Error::unusable_table(format!(
                "{}: column `{name}` is {wanted}; expected text",
                path.display()
            )));
        }
        fields.push(Field::new(name, wanted, true));
        arrays.push(cast);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).at("read", path)
}
