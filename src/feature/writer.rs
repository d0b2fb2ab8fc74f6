//! Writes one part of a feature table in a stream: memory is bounded by one row group.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeListArray, Float16Array, Float32Array, RecordBatch};
use arrow::datatypes::{Schema, SchemaRef};
use half::f16;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::columns::SCHEMA_KEY;
use crate::encoder::interface::Encoded;
use crate::error::{Context, Error, Result};

use super::config::Dtype;
use super::table::{
    FEATURES_KEY, FeatureMetadata, GLOBAL, PART_KEY, PartMetadata, SCHEMA_VERSION, TOKENS, item_field, table_schema,
};

/// Most rows of a row group.
const ROW_GROUP_ROWS: usize = 2048;

/// Bytes that a row group of wide features should stay below.
const ROW_GROUP_BYTES: usize = 64 << 20;

/// Writes the rows of one part; [`PartWriter::finish`] makes the file readable.
#[derive(Debug)]
pub struct PartWriter<W: Write + Send> {
    writer: ArrowWriter<W>,
    schema: SchemaRef,
    metadata: FeatureMetadata,
    path: PathBuf,
    rows: usize,
}

impl<W: Write + Send> PartWriter<W> {
    /// Starts a part on `file`; `samples` is the schema of the samples' columns, `path` is named in errors.
    ///
    /// # Errors
    /// [`Error::Io`] if nothing can be written.
    pub fn new(file: W, samples: &Schema, metadata: &FeatureMetadata, path: &Path) -> Result<Self> {
        let schema = table_schema(samples, metadata);
        let json = serde_json::to_string(metadata).at("write", path)?;
        let rows = (ROW_GROUP_BYTES / metadata.row_bytes().max(1)).clamp(1, ROW_GROUP_ROWS);
        let mut properties = WriterProperties::builder()
            .set_created_by(format!("aura-bench {}", env!("CARGO_PKG_VERSION")))
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(rows))
            .set_key_value_metadata(Some(vec![
                KeyValue::new(SCHEMA_KEY.to_owned(), SCHEMA_VERSION.to_owned()),
                KeyValue::new(FEATURES_KEY.to_owned(), json),
            ]));
        for column in [GLOBAL, TOKENS] {
            // Floats hardly repeat, and no query filters on a component.
            let leaf = ColumnPath::new(vec![column.to_owned(), "list".to_owned(), "item".to_owned()]);
            properties = properties
                .set_column_dictionary_enabled(leaf.clone(), false)
                .set_column_statistics_enabled(leaf, EnabledStatistics::None);
        }
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties.build())).at("write", path)?;
        Ok(Self {
            writer,
            schema,
            metadata: metadata.clone(),
            path: path.to_owned(),
            rows: 0,
        })
    }

    /// Appends the rows of `samples` with their features, one [`Encoded`] a row; tokens already pooled.
    ///
    /// # Errors
    /// [`Error::Io`] if nothing can be written, [`Error::Data`] if a vector has not the size that the table has.
    pub fn write(&mut self, samples: &RecordBatch, features: &[Encoded]) -> Result<()> {
        let dim = self.metadata.global_dim;
        let mut columns = samples.columns().to_vec();
        columns.push(self.list(features.iter().map(|e| e.global.as_slice()), dim)?);
        if let Some(shape) = self.metadata.tokens {
            let tokens = features.iter().map(|e| e.tokens.as_deref().unwrap_or_default());
            columns.push(self.list(tokens, shape.values())?);
        }
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).at("write", &self.path)?;
        self.writer.write(&batch).at("write", &self.path)?;
        self.rows += features.len();
        Ok(())
    }

    /// Rows written so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Writes the footer with the part's own record.
    ///
    /// # Errors
    /// [`Error::Io`] if nothing can be written.
    pub fn finish(mut self, part: &PartMetadata) -> Result<()> {
        let json = serde_json::to_string(part).at("write", &self.path)?;
        self.writer
            .append_key_value_metadata(KeyValue::new(PART_KEY.to_owned(), json));
        self.writer.close().at("write", &self.path)?;
        Ok(())
    }

    fn list<'a>(&self, rows: impl Iterator<Item = &'a [f32]>, width: usize) -> Result<ArrayRef> {
        let dtype = self.metadata.dtype;
        let mut values = Vec::new();
        for row in rows {
            if row.len() != width {
                return Err(Error::data(format!(
                    "encoder \"{}\" gave {} values where it announced {width}",
                    self.metadata.encoder_name,
                    row.len()
                )));
            }
            values.extend_from_slice(row);
        }
        let items: ArrayRef = match dtype {
            Dtype::F16 => Arc::new(Float16Array::from_iter_values(values.into_iter().map(f16::from_f32))),
            Dtype::F32 => Arc::new(Float32Array::from(values)),
        };
        let size = i32::try_from(width).at("write", &self.path)?;
        let list =
            FixedSizeListArray::try_new(Arc::new(item_field(dtype)), size, items, None).at("write", &self.path)?;
        Ok(Arc::new(list))
    }
}

/// Whether all values are finite once stored as `dtype`.
pub fn all_finite(values: &[f32], dtype: Dtype) -> bool {
    match dtype {
        Dtype::F16 => values.iter().all(|&v| f16::from_f32(v).is_finite()),
        Dtype::F32 => values.iter().all(|v| v.is_finite()),
    }
}
