//! Working rows on their way to the samples table.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;

use polars::prelude::*;

use crate::error::{Error, Result};
use crate::intake::reject::{Reason, Reject};
use crate::intake::text::bounded;

/// Where a working row was read, for its reject.
pub(crate) struct Places<'a> {
    files: &'a StringChunked,
    lines: &'a UInt32Chunked,
    samples: Option<&'a StringChunked>,
    images: Option<&'a StringChunked>,
}

impl<'a> Places<'a> {
    fn of(frame: &'a DataFrame) -> Result<Self> {
        let text = |name: &str| frame.column(name).and_then(Column::str);
        Ok(Self {
            files: text("file").map_err(wrap)?,
            lines: frame.column("line").and_then(Column::u32).map_err(wrap)?,
            samples: text("sample_id").ok(),
            // As it is written, before it is looked for.
            images: text("image_path").or_else(|_| text("image")).ok(),
        })
    }

    /// `file:line`.
    fn show(&self, row: usize) -> String {
        let file = self.files.get(row).unwrap_or_default();
        let line = self.lines.get(row).map_or_else(String::new, |line| format!(":{line}"));
        format!("{file}{line}")
    }

    fn reject(&self, row: usize, reason: Reason) -> Reject {
        let file = self.files.get(row).unwrap_or_default().to_owned();
        let text = |column: Option<&'a StringChunked>| column.and_then(|column| column.get(row));
        Reject::new(file, self.lines.get(row), reason).of(text(self.samples), text(self.images))
    }
}

/// Moves the rows with a reason to `rejects`.
pub(crate) fn keep_good(
    frame: &DataFrame,
    reasons: Vec<Option<Reason>>,
    rejects: &mut Vec<Reject>,
) -> Result<DataFrame> {
    let mask: BooleanChunked = reasons.iter().map(|reason| Some(reason.is_none())).collect();
    let places = Places::of(frame)?;
    for (row, reason) in reasons.into_iter().enumerate() {
        if let Some(reason) = reason {
            rejects.push(places.reject(row, reason));
            bounded(rejects, Path::new(places.files.get(row).unwrap_or_default()))?;
        }
    }
    frame.filter(&mask).map_err(wrap)
}

/// Keeps the first row of every sample, and of every image: one image under two names may be in two splits.
pub(crate) fn drop_duplicates(frame: DataFrame, rejects: &mut Vec<Reject>) -> Result<DataFrame> {
    let frame = keep_first(frame, "sample_id", rejects, |id, first| Reason::DuplicateId {
        id,
        first,
    })?;
    keep_first(frame, "image_path", rejects, |path, first| Reason::DuplicateImage {
        path,
        first,
    })
}

/// Keeps the first row of every value of a text column; the others are rejected for `reason`, which is told the value and where it
/// stood first.
pub(crate) fn keep_first(
    frame: DataFrame,
    column: &str,
    rejects: &mut Vec<Reject>,
    reason: fn(String, String) -> Reason,
) -> Result<DataFrame> {
    if frame.height() == 0 {
        return Ok(frame);
    }
    let values = frame.column(column).and_then(Column::str).map_err(wrap)?;
    let places = Places::of(&frame)?;
    let mut first: HashMap<&str, usize> = HashMap::with_capacity(frame.height());
    let mut reasons = vec![None; frame.height()];
    for (row, value) in values.iter().enumerate() {
        let value = value.unwrap_or_default();
        match first.entry(value) {
            Entry::Occupied(earlier) => reasons[row] = Some(reason(value.to_owned(), places.show(*earlier.get()))),
            Entry::Vacant(place) => {
                place.insert(row);
            }
        }
    }
    if reasons.iter().all(Option::is_none) {
        return Ok(frame);
    }
    drop(first);
    keep_good(&frame, reasons, rejects)
}

#[expect(clippy::needless_pass_by_value, reason = "map_err hands the error over")]
pub(crate) fn wrap(error: PolarsError) -> Error {
    Error::unusable_table(format!("failed to check the label table: {error}"))
}

/// Moves the rows for which `reason` has an answer to `rejects`; needs the columns `file` and `line`.
pub(crate) fn sift(
    frame: &DataFrame,
    rejects: &mut Vec<Reject>,
    mut reason: impl FnMut(usize) -> Option<Reason>,
) -> Result<DataFrame> {
    let places = Places::of(frame)?;
    let mut good = vec![true; frame.height()];
    for (row, good) in good.iter_mut().enumerate() {
        if let Some(reason) = reason(row) {
            *good = false;
            rejects.push(places.reject(row, reason));
            bounded(rejects, Path::new(places.files.get(row).unwrap_or_default()))?;
        }
    }
    if good.iter().all(|good| *good) {
        return Ok(frame.clone());
    }
    frame
        .filter(&BooleanChunked::from_slice("good".into(), &good))
        .map_err(wrap)
}
