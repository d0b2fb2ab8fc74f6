//! From rows with a written label to working rows with a class.

use std::collections::{BTreeMap, HashMap};

use polars::prelude::*;

use crate::dataset::frame::{sift, wrap};
use crate::dataset::source::{Found, Source};
use crate::dataset::unknown::{UnknownLabels, says_unknown};
use crate::error::Result;
use crate::intake::reject::{Reason, Reject};
use crate::task::{Split, Task};

use super::labels::{self, Evidence, Meaning};

/// Rows as they are collected one by one, where a layout is a tree of folders and no table.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub file: Vec<String>,
    pub line: Vec<Option<u32>>,
    pub split: Vec<&'static str>,
    pub sample_id: Vec<String>,
    pub image_path: Vec<String>,
    pub label: Vec<Option<String>>,
}

impl Collected {
    pub(crate) fn into_frame(self) -> Result<DataFrame> {
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

/// Replaces the text column `label` by the class index `expression`, after a look at all labels together.
///
/// Labels that are none are rejected; labels outside the card's classes are masked. `documented`: see [`Evidence`]. Rows
/// whose label is not known are masked where expressions are the card's first task, and keep a null elsewhere.
pub(crate) fn with_classes(
    source: &Source<'_>,
    frame: &DataFrame,
    documented: bool,
    mut rejects: Vec<Reject>,
    mut warnings: Vec<String>,
) -> Result<Found> {
    let mut frame = frame.clone();
    frame.rechunk_mut();
    let required = source.card.tasks.first() == Some(&Task::Expression);
    let is_unknown = |label: &str| UnknownLabels::has_text(source.options.unknown.as_ref(), Task::Expression, label);
    let splits = frame.column("split").and_then(Column::str).map_err(wrap)?;
    let texts = frame.column("label").and_then(Column::str).map_err(wrap)?.clone();
    let mut written: HashMap<(&str, &str), u64> = HashMap::new();
    for pair in splits.iter().zip(texts.iter()) {
        if let (Some(split), Some(label)) = pair {
            *written.entry((split, label)).or_default() += 1;
        }
    }
    let counts: BTreeMap<(Split, String), u64> = written
        .into_iter()
        .filter(|((_, label), _)| !is_unknown(label))
        .filter_map(|((split, label), n)| Some(((Split::parse(split)?, label.to_owned()), n)))
        .collect();
    let labels = labels::interpret(
        source.card,
        &counts,
        Evidence {
            layout: &source.layout.name,
            documented,
            compare: source.is_counted(),
        },
    );
    warnings.extend(labels.warnings.iter().cloned());
    let meanings: Vec<Option<Meaning>> = texts
        .iter()
        .map(|label| {
            label.and_then(|label| match labels.meaning(label) {
                _ if is_unknown(label) => Some(Meaning::Ignored),
                // Only now, as a class may be called `none`.
                Meaning::Bad if says_unknown(label) => None,
                meaning => Some(meaning),
            })
        })
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
    let ignored: BooleanChunked = meanings
        .iter()
        .map(|meaning| Some(*meaning == Some(Meaning::Ignored) || (required && meaning.is_none())))
        .collect();
    frame
        .with_column(ignored.with_name("ignored".into()).into_column())
        .map_err(wrap)?;
    let expected = labels::expected_text(source.card);
    let frame = sift(&frame, &mut rejects, |row| match meanings[row] {
        Some(Meaning::Class(_) | Meaning::Ignored) | None => None,
        Some(Meaning::Bad) => Some(Reason::BadLabel {
            found: texts.get(row).unwrap_or_default().to_owned(),
            expected: expected.clone(),
        }),
    })?;
    let before = frame.height();
    let ignored = frame.column("ignored").and_then(Column::bool).map_err(wrap)?;
    let mut frame = frame.filter(&!ignored).map_err(wrap)?.drop_many(["label", "ignored"]);
    frame.rechunk_mut();
    Ok(Found {
        masked: (before - frame.height()) as u64,
        frame,
        rejects,
        warnings,
        decoded: None,
    })
}

/// What a text says of a number that may be unknown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    /// A finite number.
    Is(f32),
    /// Nothing, `NULL`, `NaN`, `NA`.
    Unknown,
    /// Something else.
    Bad,
}

/// Reads a number as label files write it.
pub(crate) fn number(text: Option<&str>) -> Number {
    let Some(text) = text.map(str::trim) else {
        return Number::Unknown;
    };
    if says_unknown(text) {
        return Number::Unknown;
    }
    match text.parse::<f32>() {
        Ok(value) if value.is_finite() => Number::Is(value),
        _ => Number::Bad,
    }
}

/// Turns the text columns `valence` and `arousal` into numbers in [-1, 1].
///
/// -2 is how `AffectNet` writes "unknown". Where valence and arousal are the card's first task, rows without them are masked and
/// impossible values are rejected; elsewhere both become null.
pub(crate) fn with_valence(source: &Source<'_>, found: Found) -> Result<Found> {
    let Found {
        mut frame,
        mut rejects,
        mut masked,
        mut warnings,
        decoded,
    } = found;
    frame.rechunk_mut();
    let needed = source.card.tasks.first() == Some(&Task::ValenceArousal);
    let column = |name: &str| -> Result<Vec<Number>> {
        match frame.column(name) {
            Ok(column) => Ok(column.str().map_err(wrap)?.iter().map(number).collect()),
            Err(_) => Ok(vec![Number::Unknown; frame.height()]),
        }
    };
    let (valence, arousal) = (column("valence")?, column("arousal")?);
    let listed = source.options.unknown.as_ref();
    let unknown = |value: Number| match value {
        Number::Unknown => true,
        Number::Is(value) => [-2.0].contains(&value) || UnknownLabels::has(listed, Task::ValenceArousal, value),
        Number::Bad => false,
    };
    let valid = |value: Number| match value {
        Number::Is(value) if (-1.0..=1.0).contains(&value) && !unknown(Number::Is(value)) => Some(value),
        _ => None,
    };
    let pairs: Vec<Option<(f32, f32)>> = valence
        .iter()
        .zip(&arousal)
        .map(|(v, a)| Some((valid(*v)?, valid(*a)?)))
        .collect();
    if needed && let Ok(classes) = frame.column("expression") {
        let classes = classes.i8().map_err(wrap)?;
        let zeros = classes
            .iter()
            .zip(&pairs)
            .filter(|(class, pair)| class.is_none() && **pair == Some((0.0, 0.0)))
            .count();
        if zeros > 0 {
            warnings.push(format!(
                "{zeros} rows without an expression label have valence = arousal = 0 exactly: some derived files write 0 where \
                 the database says -2 (unknown); they are kept"
            ));
        }
    }
    let texts = |name: &str, row: usize| -> String {
        let text = frame
            .column(name)
            .ok()
            .and_then(|column| Some(column.str().ok()?.get(row)?.to_owned()));
        text.unwrap_or_default()
    };
    let mut reasons: Vec<Option<Reason>> = vec![None; frame.height()];
    let mut known = vec![true; frame.height()];
    if needed {
        for row in 0..frame.height() {
            if pairs[row].is_some() {
                continue;
            }
            if unknown(valence[row]) || unknown(arousal[row]) {
                known[row] = false;
                continue;
            }
            let name = if valid(valence[row]).is_none() {
                "valence"
            } else {
                "arousal"
            };
            reasons[row] = Some(Reason::BadValue {
                column: name.to_owned(),
                found: texts(name, row),
                expected: "a number from -1 to 1, or -2 for unknown".to_owned(),
            });
        }
    }
    let split = |pick: fn((f32, f32)) -> f32| -> Float32Chunked { pairs.iter().map(|pair| pair.map(pick)).collect() };
    let (v, a) = (split(|pair| pair.0), split(|pair| pair.1));
    frame
        .with_column(v.with_name("valence".into()).into_column())
        .map_err(wrap)?;
    frame
        .with_column(a.with_name("arousal".into()).into_column())
        .map_err(wrap)?;
    frame
        .with_column(BooleanChunked::from_slice("known".into(), &known).into_column())
        .map_err(wrap)?;
    let mut reasons = reasons.into_iter();
    let frame = sift(&frame, &mut rejects, |_| reasons.next().flatten())?;
    let before = frame.height();
    let known = frame.column("known").and_then(Column::bool).map_err(wrap)?;
    let mut frame = frame.filter(known).map_err(wrap)?.drop_many(["known"]);
    frame.rechunk_mut();
    masked += (before - frame.height()) as u64;
    Ok(Found {
        frame,
        rejects,
        masked,
        warnings,
        decoded,
    })
}

/// A database without a validation split of its own calls its test set `valid` in some copies: if nothing else is the test
/// set, that is it, and the user is told. Returns what `val` stands for.
pub(crate) fn meaning_of_val(source: &Source<'_>, has_test: bool, warnings: &mut Vec<String>) -> Split {
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
