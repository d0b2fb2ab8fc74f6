//! The canonical samples table: one row an image, the same columns for every database.

use std::path::Path;

use polars::io::parquet::write::{KeyValueMetadata, ParquetWriter};
use polars::prelude::*;
use serde::{Deserialize, Serialize};

use crate::columns::{self, Kind, SAMPLES_KEY, SCHEMA_KEY};
use crate::disk::guard::guarded;
use crate::disk::{atomic, guard};
use crate::error::{Context, Error, Result};
use crate::task::Split;

use super::card::Card;

/// Version of the samples table, in the file's metadata under [`SCHEMA_KEY`].
pub const SCHEMA_VERSION: &str = "1";

/// Rows of one row group: small enough to stream, large enough to compress.
const ROW_GROUP: usize = 1 << 16;

/// What the table says of itself, under [`SAMPLES_KEY`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SamplesMeta {
    /// Card id.
    pub dataset: String,
    /// Layout that was read.
    pub layout: String,
    /// Class names in the order of `expression`.
    pub classes: Vec<String>,
    /// Action unit columns.
    pub aus: Vec<String>,
    /// Digest of the label files and of the list of images.
    pub source_digest: String,
    /// Whether the tree was generated.
    pub stand_in: bool,
}

/// Columns of the table for a card, in order.
pub fn columns(card: &Card) -> Vec<(String, DataType)> {
    let fixed = columns::SAMPLES
        .iter()
        .map(|column| (column.name.to_owned(), column.kind));
    let units = card.au_columns().into_iter().map(|name| (name, columns::UNIT.0));
    fixed
        .chain(units)
        .map(|(name, kind)| (name, polars_type(kind)))
        .collect()
}

fn polars_type(kind: Kind) -> DataType {
    match kind {
        Kind::Text => DataType::String,
        Kind::Bool => DataType::Boolean,
        Kind::Int8 => DataType::Int8,
        Kind::Int32 => DataType::Int32,
        Kind::Float32 => DataType::Float32,
    }
}

/// Brings working rows into the form of the table: all columns in order, absent ones null, `dataset` and `expression_name`
/// filled in, sorted by split (train, val, test) and sample.
///
/// # Errors
/// [`Error::Data`] if a column has a type that cannot become the table's.
pub fn normalise(frame: &DataFrame, card: &Card) -> Result<DataFrame> {
    let wrap = |error: PolarsError| Error::data(format!("failed to lay out the samples table: {error}"));
    let rows = frame.height();
    let names: Vec<&str> = card.classes.iter().map(|class| class.name.as_str()).collect();
    let mut out = Vec::new();
    for (name, dtype) in columns(card) {
        let key: PlSmallStr = name.as_str().into();
        let column = match name.as_str() {
            "dataset" => Column::new_scalar(key, Scalar::from(PlSmallStr::from(card.id.as_str())), rows),
            "expression_name" => match frame.column("expression") {
                Ok(classes) => {
                    let classes = classes.cast(&DataType::Int8).map_err(wrap)?;
                    let classes = classes.i8().map_err(wrap)?;
                    let named: StringChunked = classes
                        .iter()
                        .map(|class| names.get(usize::try_from(class?).ok()?).copied())
                        .collect();
                    named.with_name(key).into_column()
                }
                Err(_) => Column::full_null(key, rows, &dtype),
            },
            _ => match frame.column(&name) {
                Ok(column) => column.cast(&dtype).map_err(wrap)?,
                Err(_) => Column::full_null(key, rows, &dtype),
            },
        };
        out.push(column);
    }
    let table = DataFrame::new(rows, out).map_err(wrap)?;
    let mut sorted: Option<DataFrame> = None;
    for split in Split::ALL {
        let mask = table
            .column("split")
            .and_then(|c| Ok(c.str()?.equal(split.as_str())))
            .map_err(wrap)?;
        let part = table
            .filter(&mask)
            .and_then(|part| part.sort(["sample_id"], SortMultipleOptions::default().with_maintain_order(true)))
            .map_err(wrap)?;
        match &mut sorted {
            Some(all) => {
                all.vstack_mut(&part).map_err(wrap)?;
            }
            None => sorted = Some(part),
        }
    }
    let mut sorted = sorted.unwrap_or(table);
    sorted.rechunk_mut();
    Ok(sorted)
}

/// Writes the table as Parquet; the same rows give the same bytes.
///
/// # Errors
/// [`Error::Io`] if the file cannot be written.
pub fn write(path: &Path, table: &mut DataFrame, meta: &SamplesMeta) -> Result<()> {
    let json = serde_json::to_string(meta).at("describe", path)?;
    atomic::write_with(path, |file| {
        ParquetWriter::new(std::io::BufWriter::new(file))
            .with_compression(ParquetCompression::Zstd(None))
            .with_row_group_size(Some(ROW_GROUP))
            .with_key_value_metadata(Some(KeyValueMetadata::from_static(vec![
                (SCHEMA_KEY.to_owned(), SCHEMA_VERSION.to_owned()),
                (SAMPLES_KEY.to_owned(), json),
            ])))
            .finish(table)
            .map(|_| ())
            .at("write", path)
    })
}

/// Reads the table and its metadata with arrow, for the stages that do not use polars; text columns are `Utf8`.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read; [`Error::Data`] if it is no samples table of this version.
pub fn read(path: &Path) -> Result<(arrow::record_batch::RecordBatch, SamplesMeta)> {
    use ::parquet::arrow::arrow_reader::ArrowReaderOptions;
    // Without the embedded arrow schema the text columns come as plain `Utf8`, not as views.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = guard::open_with(path, options)?;
    let pairs = builder
        .metadata()
        .file_metadata()
        .key_value_metadata()
        .cloned()
        .unwrap_or_default();
    let value = |key: &str| {
        pairs
            .iter()
            .find(|pair| pair.key == key)
            .and_then(|pair| pair.value.clone())
    };
    let version = value(SCHEMA_KEY);
    if version.as_deref() != Some(SCHEMA_VERSION) {
        return Err(Error::incompatible(format!(
            "{}: not a samples table of version {SCHEMA_VERSION} (found {}): write it again with `aura-bench convert`",
            path.display(),
            version.as_deref().unwrap_or("none")
        )));
    }
    let meta = value(SAMPLES_KEY).unwrap_or_default();
    let meta: SamplesMeta = serde_json::from_str(&meta).at("understand the metadata of", path)?;
    let schema = builder.schema().clone();
    let batches = guarded(path, || {
        let reader = builder.build().at("read", path)?;
        reader.collect::<std::result::Result<Vec<_>, _>>().at("read", path)
    })?;
    let table = arrow::compute::concat_batches(&schema, &batches).at("read", path)?;
    Ok((table, meta))
}
