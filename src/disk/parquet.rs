//! Parquet files that are written beside their name and renamed.

use std::fs::File;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::columns::SCHEMA_KEY;
use crate::error::{Context, Error, Result};
use crate::record::{Origin, SCHEMA_VERSION, Table};

use super::atomic;
use super::guard::{guarded, open};

/// Rows that are turned into columns at once.
const CHUNK: usize = 16_384;

/// Writes `rows` of `origin` as Parquet, beside and renamed.
///
/// # Errors
/// [`Error::Io`] if the file cannot be written.
pub fn write<T: Table>(path: &Path, rows: &[T], origin: &Origin) -> Result<()> {
    // An empty table has its columns too.
    let chunks = rows.chunks(CHUNK).chain(rows.is_empty().then_some(rows));
    let batches = chunks.map(|rows| T::batch(rows).and_then(|batch| origin.lead(&batch)).at("encode", path));
    write_batches(path, batches, &[])
}

/// All rows of a small table, such as [`write`] leaves, as one batch.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read or is no Parquet.
pub fn read(path: &Path) -> Result<RecordBatch> {
    guarded(path, || read_unguarded(path))
}

fn read_unguarded(path: &Path) -> Result<RecordBatch> {
    let reader = open(path)?;
    let schema = reader.schema().clone();
    let batches: Vec<RecordBatch> = reader
        .build()
        .at("read", path)?
        .collect::<std::result::Result<_, _>>()
        .at("read", path)?;
    concat_batches(&schema, &batches).at("read", path)
}

/// What a Parquet file says of itself under a key of its metadata, if anything.
///
/// # Errors
/// [`Error::Io`] if it is no Parquet file.
pub fn about(path: &Path, key: &str) -> Result<Option<String>> {
    let file = open(path)?;
    let pairs = file.metadata().file_metadata().key_value_metadata();
    let found = pairs.and_then(|pairs| pairs.iter().find(|pair| pair.key == key));
    Ok(found.and_then(|pair| pair.value.clone()))
}

/// Number of rows of a Parquet file.
///
/// # Errors
/// [`Error::Io`] if it is no Parquet file.
pub fn rows(path: &Path) -> Result<usize> {
    Ok(usize::try_from(open(path)?.metadata().file_metadata().num_rows()).unwrap_or(0))
}

/// Writes one record batch as Parquet, beside and renamed.
///
/// # Errors
/// [`Error::Io`] if the file cannot be written.
pub fn write_batch(path: &Path, batch: &RecordBatch, metadata: &[(&str, String)]) -> Result<()> {
    write_batches(path, std::iter::once(Ok(batch.clone())), metadata)
}

/// Writes record batches of one schema, at least one, as they come.
fn write_batches(
    path: &Path,
    mut batches: impl Iterator<Item = Result<RecordBatch>>,
    metadata: &[(&str, String)],
) -> Result<()> {
    let Some(first) = batches.next().transpose()? else {
        return Err(Error::data(format!("{}: a table of no columns", path.display())));
    };
    let mut all = std::collections::HashMap::from([(SCHEMA_KEY.to_owned(), SCHEMA_VERSION.to_owned())]);
    all.extend(metadata.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    // The file's own key-value list is sorted: the same rows give the same bytes.
    let mut pairs: Vec<_> = all.into_iter().collect();
    pairs.sort();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_key_value_metadata(Some(
            pairs
                .into_iter()
                .map(|(key, value)| parquet::file::metadata::KeyValue::new(key, value))
                .collect(),
        ))
        .build();
    atomic::write_with(path, |file: &mut File| {
        let mut writer = ArrowWriter::try_new(file, first.schema(), Some(properties)).at("write", path)?;
        for batch in std::iter::once(Ok(first)).chain(batches) {
            writer.write(&batch?).at("write", path)?;
        }
        writer.close().at("write", path)?;
        Ok::<(), Error>(())
    })
}
