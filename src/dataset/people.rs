//! Who is in the pictures of a generated tree, which no label file of its database says.

use std::collections::HashMap;

use polars::prelude::*;

use crate::disk::fence::Fence;
use crate::disk::guard::guarded;
use crate::error::{Context, Error, Result};
use crate::regular;

use super::frame::wrap;

/// Fills `subject` of a samples table from the truth beside a generated tree, where the database itself names nobody: the
/// same people come several times, and whoever resamples or holds out images must not take them for strangers. A sample that
/// the truth does not know stays without.
///
/// # Errors
/// [`Error::Io`] if the truth cannot be read, [`Error::Data`] if it is no table with `sample_id` and `subject`.
pub(super) fn name_subjects(table: &mut DataFrame, fence: &Fence, truth: &str) -> Result<()> {
    let named = table.column("subject").map_err(wrap)?;
    if named.null_count() < named.len() {
        return Ok(());
    }
    let path = fence.resolve(truth)?;
    let file = regular::open(&path).at("read", &path)?;
    let columns = ["sample_id", "subject"];
    let read = guarded(&path, || {
        let reader = ParquetReader::new(file).with_columns(Some(columns.map(str::to_owned).to_vec()));
        reader.finish().map_err(|error| {
            Error::unusable_table(format!(
                "{}: no table of what was drawn, with `sample_id` and `subject` ({error})",
                path.display()
            ))
        })
    })?;
    let [known, people] = columns.map(|name| read.column(name).and_then(Column::str).map_err(wrap));
    let of: HashMap<&str, &str> = known?
        .iter()
        .zip(people?.iter())
        .filter_map(|(id, subject)| Some((id?, subject?)))
        .collect();
    let ids = table.column("sample_id").and_then(Column::str).map_err(wrap)?;
    let subjects: StringChunked = ids.iter().map(|id| of.get(id?).copied()).collect();
    table
        .with_column(subjects.with_name("subject".into()).into_column())
        .map_err(wrap)?;
    Ok(())
}
