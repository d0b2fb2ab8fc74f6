//! Parquet files from outside, whose reader is not trusted to return.

use std::cell::Cell;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use indicatif::HumanBytes;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::Type;
use parquet::file::metadata::ParquetMetaData;

use crate::error::{Context, Error, Result};
use crate::regular;

/// What unpacks to more than this is believed only if it does not shrink suspiciously.
const LARGE: u64 = 1 << 30;

/// Most bytes that one byte of a large file may become. Names that repeat and columns of one value shrink far; numbers do not.
const MOST_SHRINKING: u64 = 200;

thread_local! {
    /// How many [`guarded`] this thread is in.
    static GUARDED: Cell<usize> = const { Cell::new(0) };
}

/// Reads a Parquet file that may not be what it says. Its library panics on some (a schema with types that do not exist, columns of
/// negative length, a page that names a dictionary which is not there): they are refused like one that is cut off.
pub(crate) fn guarded<T>(path: &Path, read: impl FnOnce() -> Result<T>) -> Result<T> {
    GUARDED.set(GUARDED.get() + 1);
    let read = catch_unwind(AssertUnwindSafe(read));
    GUARDED.set(GUARDED.get() - 1);
    read.unwrap_or_else(|_| {
        Err(Error::unusable_table(format!(
            "{}: no Parquet file that can be read: its schema or its columns are malformed",
            path.display()
        )))
    })
}

/// Whether a panic of this thread is caught and becomes an error.
pub(crate) fn is_guarded() -> bool {
    GUARDED.get() > 0
}

/// A reader of a Parquet file, which may be from anywhere: it is a file, and what it says of itself can be read and is no more
/// than such a file holds. Its pages are not read yet: that is for [`guarded`].
///
/// # Errors
/// [`Error::Io`] if the file cannot be read or is no Parquet; [`Error::Data`] if it unpacks to more than can be.
pub(crate) fn open(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    open_with(path, ArrowReaderOptions::new())
}

/// As [`open`], with options of the reader.
pub(crate) fn open_with(path: &Path, options: ArrowReaderOptions) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    guarded(path, || {
        let file = regular::open(path).at("read", path)?;
        let length = file.metadata().at("read", path)?.len();
        let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).at("read", path)?;
        bounded(path, length, reader.metadata())?;
        Ok(reader)
    })
}

/// Refuses a file of `length` bytes that unpacks to what no table of this size holds. Rows count with their columns' width: a
/// column of one value is a few bytes long, however many rows it claims.
///
/// # Errors
/// [`Error::Data`].
fn bounded(path: &Path, length: u64, file: &ParquetMetaData) -> Result<()> {
    let positive = |number: i64| u64::try_from(number).unwrap_or(u64::MAX);
    let mut unpacked = 0_u64;
    for group in file.row_groups() {
        let mut values = 0_u64;
        for column in group.columns() {
            let width = match column.column_type() {
                Type::BOOLEAN => 1,
                Type::INT32 | Type::FLOAT => 4,
                Type::INT64 | Type::DOUBLE => 8,
                Type::INT96 => 12,
                Type::BYTE_ARRAY => 16,
                Type::FIXED_LEN_BYTE_ARRAY => u64::try_from(column.column_descr().type_length()).unwrap_or(0),
            };
            values = values.saturating_add(positive(column.num_values()).saturating_mul(width));
        }
        let pages = group
            .columns()
            .iter()
            .map(|column| positive(column.uncompressed_size()));
        let pages = pages.fold(0, u64::saturating_add);
        unpacked = unpacked.saturating_add(values.max(pages));
    }
    if unpacked > LARGE && unpacked / MOST_SHRINKING > length {
        return Err(Error::unusable_table(format!(
            "{}: {} would unpack to {}; no table shrinks so far: if it is meant, write it without compression",
            path.display(),
            HumanBytes(length),
            HumanBytes(unpacked)
        )));
    }
    Ok(())
}
