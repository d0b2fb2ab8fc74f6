//! From rows with a written label to working rows with a class.

use std::collections::BTreeMap;

use polars::prelude::*;

use super::labels::{self, Evidence, Meaning};
use super::layout::{Found, Source};
use super::reject::{Reason, Reject};
use crate::error::{Error, Result};
use crate::task::Split;

pub(super) fn wrap(error: PolarsError) -> Error {
    Error::data(format!("failed to check the label table: {error}"))
}

/// Rows as they are collected one by one, where a layout is a tree of folders and no table.
#[derive(Debug, Default)]
pub(super) struct Collected {
    pub file: Vec<String>,
    pub line: Vec<Option<u32>>,
    pub split: Vec<&'static str>,
    pub sample_id: Vec<String>,
    pub image_path: Vec<String>,
    pub label: Vec<Option<String>>,
}

impl Collected {
    pub(super) fn into_frame(self) -> Result<DataFrame> {
        df!(
            "file" => self.file,
            "line" => self.line,
            "split" => self.split,
            "sample_id" => self.sample_id,
            "image_path" => self.image_path,
            "label" => self.label,
        )
        .map_err(wrap)
    }
}

/// Moves the rows for which `reason` has an answer to `rejects`; needs the columns `file` and `line`.
pub(super) fn sift(
    frame: &DataFrame,
    rejects: &mut Vec<Reject>,
    mut reason: impl FnMut(usize) -> Option<Reason>,
) -> Result<DataFrame> {
    let files = frame.column("file").and_then(Column::str).map_err(wrap)?;
    let lines = frame.column("line").and_then(Column::u32).map_err(wrap)?;
    let mut good = vec![true; frame.height()];
    for (row, good) in good.iter_mut().enumerate() {
        if let Some(reason) = reason(row) {
            *good = false;
            rejects.push(Reject {
                file: files.get(row).unwrap_or_default().to_owned(),
                line: lines.get(row),
                reason,
            });
        }
    }
    if good.iter().all(|good| *good) {
        return Ok(frame.clone());
    }
    frame
        .filter(&BooleanChunked::from_slice("good".into(), &good))
        .map_err(wrap)
}

/// Replaces the text column `label` by the class index `expression`, after a look at all labels together.
///
/// Labels that are none are rejected; labels outside the card's classes are masked. `documented`: see [`Evidence`].
pub(super) fn with_classes(
    source: &Source<'_>,
    frame: &DataFrame,
    documented: bool,
    mut rejects: Vec<Reject>,
    mut warnings: Vec<String>,
) -> Result<Found> {
    let mut frame = frame.clone();
    frame.rechunk_mut();
    let grouped = frame
        .clone()
        .lazy()
        .group_by([col("split"), col("label")])
        .agg([len().cast(DataType::UInt64).alias("n")])
        .collect()
        .map_err(wrap)?;
    let mut counts: BTreeMap<(Split, String), u64> = BTreeMap::new();
    let splits = grouped.column("split").and_then(Column::str).map_err(wrap)?;
    let labels = grouped.column("label").and_then(Column::str).map_err(wrap)?;
    let numbers = grouped.column("n").and_then(Column::u64).map_err(wrap)?;
    for ((split, label), n) in splits.iter().zip(labels.iter()).zip(numbers.iter()) {
        if let (Some(split), Some(label), Some(n)) = (split.and_then(Split::parse), label, n) {
            counts.insert((split, label.to_owned()), n);
        }
    }
    let labels = labels::interpret(
        source.card,
        &counts,
        Evidence {
            layout: &source.layout.name,
            documented,
            compare: !source.stand_in,
        },
    );
    warnings.extend(labels.warnings.iter().cloned());
    let meanings: Vec<Option<Meaning>> = frame
        .column("label")
        .and_then(Column::str)
        .map_err(wrap)?
        .iter()
        .map(|label| label.map(|label| labels.meaning(label)))
        .collect();
    let classes: Int8Chunked = meanings
        .iter()
        .map(|meaning| match meaning {
            Some(Meaning::Class(class)) => Some(*class),
            _ => None,
        })
        .collect();
    frame
        .with_column(classes.with_name("expression".into()).into_column())
        .map_err(wrap)?;
    let texts = frame.column("label").and_then(Column::str).map_err(wrap)?.clone();
    let expected = labels::expected_text(source.card);
    let frame = sift(&frame, &mut rejects, |row| match meanings[row] {
        Some(Meaning::Class(_) | Meaning::Ignored) => None,
        Some(Meaning::Bad) | None => Some(Reason::BadLabel {
            found: texts.get(row).unwrap_or_default().to_owned(),
            expected: expected.clone(),
        }),
    })?;
    let before = frame.height();
    let frame = frame
        .lazy()
        .filter(col("expression").is_not_null())
        .drop(cols(["label"]))
        .collect()
        .map_err(wrap)?;
    Ok(Found {
        masked: (before - frame.height()) as u64,
        frame,
        rejects,
        warnings,
    })
}

/// Which part of the database a file or folder name speaks of.
pub(super) fn split_of_name(name: &str) -> Option<Split> {
    let name = name.to_ascii_lowercase();
    let has = |word: &str| {
        name.find(word).is_some_and(|at| {
            // `test` inside `contest` or `latest` is no split.
            at == 0 || !name.as_bytes()[at - 1].is_ascii_alphabetic()
        })
    };
    if has("train") {
        Some(Split::Train)
    } else if has("val") || has("dev") {
        Some(Split::Val)
    } else if has("test") {
        Some(Split::Test)
    } else {
        None
    }
}

/// A database without a validation split of its own calls its test set `valid` in some copies: if nothing else is the test
/// set, that is it, and the user is told. Returns what `val` stands for.
pub(super) fn meaning_of_val(source: &Source<'_>, has_test: bool, warnings: &mut Vec<String>) -> Split {
    let known = source.card.splits.iter().any(|split| split.name == Split::Val);
    if known || has_test {
        return Split::Val;
    }
    warnings.push(format!(
        "{} has no validation split of its own and no test split is here: what is called validation is read as `test`",
        source.card.title
    ));
    Split::Test
}
