//! Parquet files from outside, whose reader is not trusted to return.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::error::{Error, Result};

/// Reads a Parquet file that may not be what it says. Its library panics on some (a schema with types that do not exist, columns of
/// negative length, a page that names a dictionary which is not there): they are refused like one that is cut off.
pub(crate) fn guarded<T>(path: &Path, read: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err(Error::unusable_table(format!(
            "{}: no Parquet file that can be read: its schema or its columns are malformed",
            path.display()
        )))
    })
}
