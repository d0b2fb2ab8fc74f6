//! Opens a feature table and checks that its parts are whole and belong together.

use std::path::{Path, PathBuf};

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use ::parquet::file::metadata::FileMetaData;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::columns::SCHEMA_KEY;
use crate::disk::guard::{self, guarded};
use crate::error::{Context, Error, Result};

use super::table::{
    FEATURES_KEY, FeatureMetadata, GLOBAL, PART_KEY, PartMetadata, SCHEMA_VERSION, TOKENS, list_type, part_index,
    part_path,
};

/// The text under `key` in a Parquet file's own metadata.
pub(crate) fn value_of<'a>(file: &'a FileMetaData, key: &str) -> Option<&'a str> {
    file.key_value_metadata()?
        .iter()
        .find(|pair| pair.key == key)?
        .value
        .as_deref()
}

/// The descriptions in one part file, checked against its columns and rows.
///
/// # Errors
/// [`Error::Io`] if it is no Parquet file or truncated, [`Error::Data`] if it is not a part of a feature table.
pub fn read_part(path: &Path) -> Result<(FeatureMetadata, PartMetadata)> {
    let builder = guard::open(path)?;
    let file = builder.metadata().file_metadata();
    let foreign = |what: String| {
        Error::unusable_table(format!(
            "{} {what}; expected a part of a feature table written by `aura-bench extract`",
            path.display()
        ))
    };
    match value_of(file, SCHEMA_KEY) {
        Some(SCHEMA_VERSION) => {}
        Some(other) => {
            return Err(Error::incompatible(format!(
                "{} has schema version {other}; this program reads version {SCHEMA_VERSION}: extract the features again",
                path.display()
            )));
        }
        None => return Err(foreign(format!("has no metadata `{SCHEMA_KEY}`"))),
    }
    let json = |key: &str| value_of(file, key).ok_or_else(|| foreign(format!("has no metadata `{key}`")));
    let metadata: FeatureMetadata =
        serde_json::from_str(json(FEATURES_KEY)?).map_err(|e| foreign(format!("has broken metadata ({e})")))?;
    let part: PartMetadata =
        serde_json::from_str(json(PART_KEY)?).map_err(|e| foreign(format!("has broken metadata ({e})")))?;
    if metadata.part_rows == 0 || metadata.parts != metadata.samples_rows.div_ceil(metadata.part_rows) {
        return Err(foreign("contradicts itself about its number of parts".to_owned()));
    }
    let empty = |t: crate::encoder::interface::TokenShape| t.rows == 0 || t.cols == 0 || t.width == 0;
    if metadata.global_dim == 0 || metadata.tokens.is_some_and(empty) {
        return Err(foreign("says that its features have no values".to_owned()));
    }
    if file.num_rows() != i64::try_from(part.rows).unwrap_or(-1) {
        return Err(foreign(format!(
            "holds {} rows where its metadata say {}",
            file.num_rows(),
            part.rows
        )));
    }
    for (name, values) in [
        (GLOBAL, Some(metadata.global_dim)),
        (
            TOKENS,
            metadata
                .tokens
                .map(|t| t.rows.saturating_mul(t.cols).saturating_mul(t.width)),
        ),
    ] {
        let found = builder
            .schema()
            .field_with_name(name)
            .ok()
            .map(|f| f.data_type().clone());
        let expected = values.map(|values| list_type(metadata.dtype, values));
        if found != expected {
            return Err(foreign(format!(
                "has column `{name}` as {found:?} where its metadata say {expected:?}"
            )));
        }
    }
    Ok((metadata, part))
}

/// An opened feature table.
#[derive(Debug, Clone)]
pub struct FeatureTable {
    folder: PathBuf,
    metadata: FeatureMetadata,
    parts: Vec<PartMetadata>,
    schema: SchemaRef,
}

impl FeatureTable {
    /// Opens the folder `folder`: every part must be there, whole, and of one table.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder or a part cannot be read, [`Error::Data`] if parts are missing, foreign, or of different
    /// tables.
    pub fn open(folder: &Path) -> Result<Self> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).at("read the feature table", folder)? {
            let name = entry.at("read the feature table", folder)?.file_name();
            found.extend(part_index(&name.to_string_lossy()));
        }
        found.sort_unstable();
        let Some(&first) = found.first() else {
            return Err(Error::unusable_table(format!(
                "{} holds no feature table (no part-00000.parquet); expected a folder written by `aura-bench extract`",
                folder.display()
            )));
        };
        let (metadata, _) = read_part(&part_path(folder, first))?;
        let mut parts = Vec::with_capacity(metadata.parts);
        for index in 0..metadata.parts.max(found.len()) {
            let path = part_path(folder, index);
            if found.get(index) != Some(&index) {
                return Err(Error::unusable_table(format!(
                    "the feature table {} is not complete: part {index} of 0 to {} is missing; run the extraction again, \
                     which goes on where it stopped",
                    folder.display(),
                    metadata.parts.saturating_sub(1)
                )));
            }
            let (other, part) = read_part(&path)?;
            if other.digest != metadata.digest || other != metadata || part.index != index || index >= metadata.parts {
                return Err(Error::unusable_table(format!(
                    "{} belongs to another feature table ({}) than the first part ({}); run the extraction again",
                    path.display(),
                    short(&other.digest),
                    short(&metadata.digest)
                )));
            }
            if part.rows + part.rejects.len() != metadata.range(index).len() {
                return Err(Error::unusable_table(format!(
                    "{} holds {} rows and {} rejects where it should account for {} samples; run the extraction again",
                    path.display(),
                    part.rows,
                    part.rejects.len(),
                    metadata.range(index).len()
                )));
            }
            parts.push(part);
        }
        let schema = guard::open(&part_path(folder, first))?.schema().clone();
        Ok(Self {
            folder: folder.to_owned(),
            metadata,
            parts,
            schema,
        })
    }

    /// What the table's parts have in common.
    pub fn metadata(&self) -> &FeatureMetadata {
        &self.metadata
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Rows of all parts together.
    pub fn rows(&self) -> usize {
        self.parts.iter().map(|part| part.rows).sum()
    }

    /// Images that gave no features, in the order of the samples.
    #[cfg(test)]
    pub fn rejects(&self) -> impl Iterator<Item = &super::reject::Reject> {
        self.parts.iter().flat_map(|part| &part.rejects)
    }

    /// Columns, features included.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The table's rows in order, at most `rows` a batch; `columns` in the table's own order, all of them if `None`.
    ///
    /// # Errors
    /// [`Error::Data`] if there is no such column; the iterator yields [`Error::Io`] if a part cannot be read.
    pub fn batches(
        &self,
        columns: Option<&[&str]>,
        rows: usize,
    ) -> Result<impl Iterator<Item = Result<RecordBatch>> + '_> {
        for name in columns.unwrap_or_default() {
            if self.schema.field_with_name(name).is_err() {
                return Err(Error::unusable_table(format!(
                    "the feature table {} has no column `{name}`; it has {}",
                    self.folder.display(),
                    self.schema
                        .fields()
                        .iter()
                        .map(|f| f.name().as_str())
                        .collect::<Vec<_>>()
                        .join(", ")
                )));
            }
        }
        let columns: Option<Vec<String>> = columns.map(|names| names.iter().map(|&n| n.to_owned()).collect());
        Ok((0..self.parts.len()).flat_map(move |index| {
            let path = part_path(&self.folder, index);
            let (mut reader, mut error) = match open_part(&path, columns.as_deref(), rows.max(1)) {
                Ok(reader) => (Some(reader), None),
                Err(error) => (None, Some(Err(error))),
            };
            std::iter::from_fn(move || {
                let batch = error.take().or_else(|| next_batch(&path, reader.as_mut()?));
                // What follows an error in a part would stand in the wrong rows.
                if matches!(batch, Some(Err(_))) {
                    reader = None;
                }
                batch
            })
        }))
    }
}

fn next_batch(path: &Path, reader: &mut ParquetRecordBatchReader) -> Option<Result<RecordBatch>> {
    guarded(path, || reader.next().transpose().at("read the feature table", path)).transpose()
}

fn open_part(path: &Path, columns: Option<&[String]>, rows: usize) -> Result<ParquetRecordBatchReader> {
    let builder = guard::open(path)?;
    let mask = match columns {
        Some(names) => ProjectionMask::columns(builder.parquet_schema(), names.iter().map(String::as_str)),
        None => ProjectionMask::all(),
    };
    let builder = builder.with_projection(mask).with_batch_size(rows);
    guarded(path, || builder.build().at("read the feature table", path))
}

fn short(digest: &str) -> String {
    digest.chars().take(8).collect()
}
