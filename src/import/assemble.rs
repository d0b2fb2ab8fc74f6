//! Features and columns → the rows of a samples table, each checked.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use polars::prelude::*;

use crate::action_unit::ActionUnit;
use crate::dataset::unknown::UnknownLabels;
use crate::dataset::{self, Card};
use crate::error::{Error, Result};
use crate::intake::reject::{Reason, Reject};
use crate::spelling::composed;
use crate::task::{Split, Task};

use super::classes::{Numbering, card};
use super::columns::{Columns, Number};
use super::rules::{Labels, Rules, Sample};
use super::source::Features;
use super::spill::Flaw;
use super::splits::Splitter;

/// Valence or arousal that is unknown, in the way of `AffectNet`.
const UNKNOWN_VA: f32 = -2.0;

/// The samples table and where its features are.
pub(crate) struct Assembled {
    /// The card, with the classes and action units that were found.
    pub(crate) card: Card,
    pub(crate) table: DataFrame,
    /// Row of the features for every row of the table.
    pub(crate) rows: Vec<usize>,
    pub(crate) rejects: Vec<Reject>,
    pub(crate) masked: u64,
    pub(crate) warnings: Vec<String>,
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Checks every row and lays out the samples table.
///
/// # Errors
/// [`Error::Data`] if features and labels do not belong together or hold nothing for the task.
pub(crate) fn assemble(features: &Features, path: &Path, labels: &Labels<'_>, rules: &Rules<'_>) -> Result<Assembled> {
    let mut warnings = Vec::new();
    let mut rejects = Vec::new();
    let roles = labels.roles;
    if let Some((row, reason)) = labels.columns.none_usable() {
        let (file, line) = place_of(features, labels, row);
        return Err(Error::unusable_table(format!(
            "{file}:{}: {reason}; no row of it can be used",
            line.unwrap_or_default()
        )));
    }
    let partner = match_rows(features, path, labels, rules, &mut rejects)?;
    let card = card(labels, rules, &mut warnings)?;
    let numbering = Numbering::new(&card, labels, rules.unknown);
    let splitter = Splitter::new(features, path, labels, rules, &mut warnings)?;
    for (name, what) in &roles.aside {
        warnings.push(format!(
            "column `{name}` is left aside: it holds {what}, and not one text or number a row"
        ));
    }
    let place = |at: usize| place_of(features, labels, at);

    let mut samples: Vec<Sample> = Vec::new();
    let mut first: HashMap<String, usize> = HashMap::new();
    for (row, partner) in partner.iter().enumerate() {
        let Some(at) = *partner else { continue };
        // Labels that follow row by row belong to it only if it is the sample that they name.
        let by_row = labels.own_file && features.keys.is_none();
        if let Some(reason) = features.columns.unusable(row).filter(|_| by_row) {
            let (file, line) = place_of_features(features, path, row);
            rejects.push(Reject::new(file, line, reason.clone()));
            continue;
        }
        let id = labels
            .columns
            .text(roles.sample_id.as_deref(), at)
            .map_or_else(|| format!("row_{row:07}"), str::to_owned);
        let shown = id.clone();
        let mut refuse = |reason| {
            let (file, line) = place(at);
            let image = labels.columns.text(roles.image_path.as_deref(), at);
            rejects.push(Reject::new(file, line, reason).of(Some(&shown), image));
        };
        match check(features, row, at, labels, rules, &numbering, &splitter, &id) {
            Err(reason) => refuse(reason),
            Ok((split, image, class, emotion)) => {
                if let Some(&earlier) = first.get(&id) {
                    let (file, line) = place(earlier);
                    let advice = if file == place(at).0 {
                        ""
                    } else {
                        "; where they begin anew in every file, name another column as dataset.table.sample_id"
                    };
                    refuse(Reason::DuplicateId {
                        id,
                        first: format!("{file}:{}{advice}", line.unwrap_or_default()),
                    });
                } else {
                    first.insert(id.clone(), at);
                    samples.push(Sample {
                        features: row,
                        labels: at,
                        id,
                        split,
                        image,
                        class,
                        emotion,
                    });
                }
            }
        }
    }
    drop(first);
    splitter.tell(&samples, labels, rules, &mut warnings);
    // As the samples table orders its rows.
    samples.sort_by(|a, b| (a.split, &a.id).cmp(&(b.split, &b.id)));
    enough(&samples, labels, rules)?;
    warnings.extend(unread_labels(&samples, labels, rules, &numbering, place));
    let (table, masked) = frame(&samples, labels, rules, &card)?;
    rejects.sort();
    Ok(Assembled {
        rows: samples.iter().map(|sample| sample.features).collect(),
        card,
        table,
        rejects,
        masked,
        warnings,
    })
}

/// The file and the line in it of a row of labels.
fn place_of(features: &Features, labels: &Labels<'_>, at: usize) -> (String, Option<u32>) {
    if labels.own_file {
        return (name_of(labels.path), Some(labels.columns.line(at)));
    }
    place_of_features(features, labels.path, at)
}

/// The file and the row in it, from 1, of a row of features. Of a folder of files, rows are counted in each.
fn place_of_features(features: &Features, path: &Path, row: usize) -> (String, Option<u32>) {
    let mut before = 0;
    for (name, rows) in &features.parts {
        if row < before + rows {
            return (name.clone(), u32::try_from(row - before + 1).ok());
        }
        before += rows;
    }
    (name_of(path), u32::try_from(row + 1).ok())
}

/// The row of labels of every row of features.
fn match_rows(
    features: &Features,
    path: &Path,
    labels: &Labels<'_>,
    rules: &Rules<'_>,
    rejects: &mut Vec<Reject>,
) -> Result<Vec<Option<usize>>> {
    let rows = features.global.rows();
    if labels.columns.rows() == 0 {
        return Err(Error::unusable_table(format!(
            "{}: there are no rows of labels in it; expected one for each of the {rows} rows of features in {}",
            labels.path.display(),
            path.display()
        )));
    }
    let Some(keys) = &features.keys else {
        if labels.columns.rows() != rows {
            return Err(Error::unusable_table(format!(
                "{} has {rows} rows of features, {} has {} rows of labels; row i of one must belong to row i of the other, or \
                 dataset.table.key must name the samples",
                path.display(),
                labels.path.display(),
                labels.columns.rows()
            )));
        }
        let (own, other) = (features.roles.sample_id.as_deref(), labels.roles.sample_id.as_deref());
        if labels.own_file && own.is_some() && other.is_some() {
            for row in 0..rows {
                let (own, other) = (features.columns.text(own, row), labels.columns.text(other, row));
                let readable = labels.columns.unusable(row).is_none() && features.columns.unusable(row).is_none();
                if own != other && readable {
                    return Err(Error::unusable_table(format!(
                        "{}:{}: row {row} is sample `{}` here and `{}` in {}; set dataset.table.key = \"{}\" to find labels by \
                         the sample's name instead of by the row",
                        labels.path.display(),
                        labels.columns.line(row),
                        other.unwrap_or_default(),
                        own.unwrap_or_default(),
                        path.display(),
                        features.roles.sample_id.as_deref().unwrap_or_default()
                    )));
                }
            }
        }
        return Ok((0..rows).map(Some).collect());
    };
    let Some(id) = labels.roles.sample_id.as_deref() else {
        return Err(Error::unusable_table(format!(
            "dataset.table.key = \"{}\" finds labels by the sample's name, and {} has no column of names; name it as \
             dataset.table.sample_id ({})",
            rules.config.key,
            labels.path.display(),
            labels.roles.what_is_there()
        )));
    };
    let mut by_name: HashMap<Cow<'_, str>, usize> = HashMap::with_capacity(labels.columns.rows());
    for row in 0..labels.columns.rows() {
        let Some(name) = labels.columns.text(Some(id), row) else {
            rejects.push(Reject::new(
                name_of(labels.path),
                Some(labels.columns.line(row)),
                labels
                    .columns
                    .unusable(row)
                    .cloned()
                    .unwrap_or_else(|| Reason::MissingFeatures(String::new())),
            ));
            continue;
        };
        let composed = composed(name);
        if let Some(&first) = by_name.get(&composed) {
            rejects.push(Reject::new(
                name_of(labels.path),
                Some(labels.columns.line(row)),
                Reason::DuplicateId {
                    id: name.to_owned(),
                    first: format!("{}:{}", name_of(labels.path), labels.columns.line(first)),
                },
            ));
        } else {
            by_name.insert(composed, row);
        }
    }
    let mut used = vec![false; labels.columns.rows()];
    let partner: Vec<Option<usize>> = keys
        .iter()
        .enumerate()
        .map(|(row, key)| {
            let key = key.as_deref().map(str::trim).unwrap_or_default();
            let found = by_name.get(&composed(key)).copied();
            if let Some(at) = found {
                used[at] = true;
            } else {
                let (file, line) = place_of_features(features, path, row);
                let unnamed = || {
                    let labels = name_of(labels.path);
                    Reason::MissingLabel(format!("no row of {labels} is called `{key}`"))
                };
                let reason = features.columns.unusable(row).cloned().unwrap_or_else(unnamed);
                rejects.push(Reject::new(file, line, reason));
            }
            found
        })
        .collect();
    let mut unused: Vec<(Cow<'_, str>, usize)> = by_name.into_iter().filter(|(_, row)| !used[*row]).collect();
    unused.sort_unstable_by_key(|(_, row)| *row);
    for (name, row) in unused {
        rejects.push(Reject::new(
            name_of(labels.path),
            Some(labels.columns.line(row)),
            Reason::MissingFeatures(name.into_owned()),
        ));
    }
    if partner.iter().all(Option::is_none) {
        return Err(Error::unusable_table(format!(
            "no sample that {} names is in {}: for example `{}` there, `{}` here; the names must be equal",
            path.display(),
            labels.path.display(),
            keys.iter().flatten().next().map_or("", String::as_str),
            labels.columns.text(Some(id), 0).unwrap_or_default()
        )));
    }
    Ok(partner)
}

type Checked = (Split, String, Option<i8>, Option<(f32, f32)>);

/// A label of a task as a number, unknown where the protocol says so.
fn labelled<'a>(rules: &Rules<'_>, task: Task, columns: &'a Columns, column: Option<&str>, row: usize) -> Number<'a> {
    match columns.number(column, row) {
        Number::Is(value) if UnknownLabels::has(rules.unknown, task, value) => Number::Unknown,
        number => number,
    }
}

/// How a number is written whose point is a comma, if that is what is wrong with it.
fn with_point(found: &str) -> Option<String> {
    let pointed = found.replacen(',', ".", 1);
    (pointed != found && pointed.parse::<f32>().is_ok()).then(|| format!("a decimal point: {pointed}"))
}

/// What should have been written for an action unit, with a hint where words of another kind stand.
fn expected_of_unit(found: &str) -> &'static str {
    let words = ["t", "f", "y", "n", "yes", "no", "on", "off", "present", "absent"];
    if words.iter().any(|word| found.eq_ignore_ascii_case(word)) {
        "a number or true or false: which of such words are 1 and which are 0 is not guessed; write 1 and 0"
    } else {
        "an intensity from 0 to 5, true or false, or nothing or 999 for unknown; other numbers that mean unknown are listed in \
         protocol.unknown"
    }
}

/// All that can be wrong with one sample.
#[expect(clippy::too_many_arguments, reason = "everything that a sample is checked against")]
fn check(
    features: &Features,
    row: usize,
    at: usize,
    labels: &Labels<'_>,
    rules: &Rules<'_>,
    numbering: &Numbering<'_>,
    splitter: &Splitter<'_>,
    id: &str,
) -> std::result::Result<Checked, Reason> {
    let (roles, columns) = (labels.roles, labels.columns);
    if let Some(reason) = columns.unusable(at) {
        return Err(reason.clone());
    }
    let bad = |column: &str, found: String, expected: &str| Reason::BadValue {
        column: column.to_owned(),
        found,
        expected: expected.to_owned(),
    };
    for (spill, name) in [
        (Some(&features.global), "features"),
        (features.tokens.as_ref().map(|(spill, _)| spill), "tokens"),
    ] {
        let Some((spill, flaw)) = spill.and_then(|spill| Some((spill, spill.flaw(row)?))) else {
            continue;
        };
        let expected = match flaw {
            Flaw::NotFinite => "finite numbers, below 65,504 where features.dtype = \"f16\"".to_owned(),
            Flaw::Null | Flaw::Width(_) => format!("{} numbers, as most rows have", spill.width),
        };
        return Err(bad(name, flaw.to_string(), &expected));
    }
    let image = match columns.text(roles.image_path.as_deref(), at) {
        Some(path) => dataset::relative_path(path)?,
        None => String::new(),
    };
    let split = splitter.split(row, at, id)?;
    let class = read_or_unknown(rules, Task::Expression, numbering.class(columns, at))?;
    for (name, column) in [("frame", &roles.frame), ("fold", &roles.fold)] {
        match columns.number(column.as_deref(), at) {
            Number::Is(value) if value.fract() != 0.0 || value.abs() > 1e7 => {
                return Err(bad(name, value.to_string(), "a whole number"));
            }
            Number::Bad(text) => return Err(bad(name, text.to_owned(), "a whole number")),
            _ => {}
        }
    }
    let [valence, arousal] = [("valence", &roles.valence), ("arousal", &roles.arousal)].map(|(name, column)| {
        let found = emotion_of(labels, rules, name, column.as_deref(), at);
        read_or_unknown(rules, Task::ValenceArousal, found)
    });
    let pair = valence?.zip(arousal?);
    for (unit, column) in &roles.aus {
        read_or_unknown(rules, Task::ActionUnits, intensity_of(labels, rules, *unit, column, at))?;
    }
    Ok((split, image, class, pair))
}

/// What is wrong with a label that the task does not read costs that label and not the sample.
fn read_or_unknown<T>(
    rules: &Rules<'_>,
    task: Task,
    found: std::result::Result<Option<T>, Reason>,
) -> std::result::Result<Option<T>, Reason> {
    if rules.task == task {
        found
    } else {
        Ok(found.unwrap_or(None))
    }
}

/// Valence or arousal of a row.
fn emotion_of(
    labels: &Labels<'_>,
    rules: &Rules<'_>,
    name: &str,
    column: Option<&str>,
    at: usize,
) -> std::result::Result<Option<f32>, Reason> {
    let (found, expected) = match labelled(rules, Task::ValenceArousal, labels.columns, column, at) {
        Number::Unknown => return Ok(None),
        Number::Is(value) if value == UNKNOWN_VA => return Ok(None),
        Number::Is(value) if (-1.0..=1.0).contains(&value) => return Ok(Some(value)),
        Number::Is(value) => (
            value.to_string(),
            "a number from -1 to 1, or nothing or -2 for unknown".to_owned(),
        ),
        Number::Bad(text) => (
            text.to_owned(),
            with_point(text).unwrap_or_else(|| "a number from -1 to 1".to_owned()),
        ),
    };
    Err(Reason::BadValue {
        column: name.to_owned(),
        found,
        expected,
    })
}

/// The intensity of an action unit in a row.
fn intensity_of(
    labels: &Labels<'_>,
    rules: &Rules<'_>,
    unit: ActionUnit,
    column: &str,
    at: usize,
) -> std::result::Result<Option<f32>, Reason> {
    let found = match labelled(rules, Task::ActionUnits, labels.columns, Some(column), at) {
        Number::Unknown | Number::Is(ActionUnit::UNKNOWN) => return Ok(None),
        Number::Is(value) if (0.0..=5.0).contains(&value) => return Ok(Some(value)),
        Number::Is(value) => value.to_string(),
        Number::Bad(text) => text.to_owned(),
    };
    let expected = with_point(&found).unwrap_or_else(|| expected_of_unit(&found).to_owned());
    Err(Reason::BadValue {
        column: unit.column(),
        found,
        expected,
    })
}

/// A word on labels of other tasks that cannot be read, a column each.
fn unread_labels(
    samples: &[Sample],
    labels: &Labels<'_>,
    rules: &Rules<'_>,
    numbering: &Numbering<'_>,
    place: impl Fn(usize) -> (String, Option<u32>),
) -> Vec<String> {
    type Read<'a> = Box<dyn Fn(usize) -> Option<Reason> + 'a>;
    let roles = labels.roles;
    let mut columns: Vec<(String, Read<'_>)> = Vec::new();
    if rules.task != Task::Expression
        && let Some(column) = &roles.label
    {
        columns.push((column.clone(), Box::new(|at| numbering.class(labels.columns, at).err())));
    }
    if rules.task != Task::ValenceArousal {
        for (name, column) in [("valence", &roles.valence), ("arousal", &roles.arousal)] {
            if let Some(column) = column {
                let read = move |at| emotion_of(labels, rules, name, Some(column), at).err();
                columns.push((column.clone(), Box::new(read)));
            }
        }
    }
    if rules.task != Task::ActionUnits {
        for (unit, column) in &roles.aus {
            let read = move |at| intensity_of(labels, rules, *unit, column, at).err();
            columns.push((column.clone(), Box::new(read)));
        }
    }
    let told = columns.iter().filter_map(|(column, read)| {
        let mut wrong = samples
            .iter()
            .filter_map(|sample| Some((sample.labels, read(sample.labels)?)));
        let (at, reason) = wrong.next()?;
        let (file, line) = place(at);
        Some(format!(
            "column `{column}`, which the task does not read: {} values cannot be read and count as unknown ({file}:{}: {reason})",
            wrong.count() + 1,
            line.unwrap_or_default()
        ))
    });
    told.collect()
}

/// What the protocol needs to know or to find in the labels as a whole.
fn enough(samples: &[Sample], labels: &Labels<'_>, rules: &Rules<'_>) -> Result<()> {
    let (roles, columns) = (labels.roles, labels.columns);
    let fail = |what: String| Err(Error::unusable_table(format!("{}: {what}", labels.path.display())));
    let unit =
        |sample: &Sample, column: &String| labelled(rules, Task::ActionUnits, columns, Some(column), sample.labels);
    let intensity = |sample: &Sample, column: &String| match unit(sample, column) {
        // Small whole numbers, exact in f32.
        Number::Is(value) => ![0.0, 1.0, ActionUnit::UNKNOWN].contains(&value),
        _ => false,
    };
    if rules.task == Task::ActionUnits
        && rules.binary
        && let Some((unit, sample)) = roles
            .aus
            .iter()
            .find_map(|(unit, column)| Some((unit.number(), samples.iter().find(|sample| intensity(sample, column))?)))
    {
        return fail(format!(
            "line {} has an intensity of action unit {unit}; say from which on a unit counts as active, as protocol.au_threshold = \
             \">= 2\"",
            columns.line(sample.labels)
        ));
    }
    for fold in rules.folds {
        let is_in = |sample: &Sample| columns.number(roles.fold.as_deref(), sample.labels) == Number::Is(*fold as f32);
        if !samples.iter().any(is_in) {
            return fail(format!(
                "protocol.folds names fold {fold}, and no sample is in it (column {})",
                roles.fold.as_deref().unwrap_or("fold, which is not there")
            ));
        }
    }
    Ok(())
}

/// The samples table, and how many labels of it are unknown.
fn frame(samples: &[Sample], labels: &Labels<'_>, rules: &Rules<'_>, card: &Card) -> Result<(DataFrame, u64)> {
    let wrap = |error: PolarsError| Error::data(format!("failed to lay out the samples table: {error}"));
    let (roles, columns) = (labels.roles, labels.columns);
    let whole = |column: &Option<String>| -> Vec<Option<i32>> {
        samples
            .iter()
            .map(|sample| match columns.number(column.as_deref(), sample.labels) {
                Number::Is(value) => Some(value as i32),
                _ => None,
            })
            .collect()
    };
    let mut frame = df!(
        "sample_id" => samples.iter().map(|sample| sample.id.as_str()).collect::<Vec<_>>(),
        "split" => samples.iter().map(|sample| sample.split.as_str()).collect::<Vec<_>>(),
        "subject" => samples
            .iter()
            .map(|sample| columns.text(roles.subject.as_deref(), sample.labels))
            .collect::<Vec<_>>(),
        "frame" => whole(&roles.frame),
        "fold" => whole(&roles.fold),
        "image_path" => samples.iter().map(|sample| sample.image.as_str()).collect::<Vec<_>>(),
        "expression" => samples.iter().map(|sample| sample.class.map(i32::from)).collect::<Vec<_>>(),
        "valence" => samples.iter().map(|sample| sample.emotion.map(|pair| pair.0)).collect::<Vec<_>>(),
        "arousal" => samples.iter().map(|sample| sample.emotion.map(|pair| pair.1)).collect::<Vec<_>>(),
    )
    .map_err(wrap)?;
    let mut masked = 0;
    for ((unit, column), name) in roles.aus.iter().zip(card.au_columns()) {
        let values: Vec<Option<f32>> = samples
            .iter()
            .map(|sample| {
                let value = intensity_of(labels, rules, *unit, column, sample.labels);
                value.unwrap_or(None)
            })
            .collect();
        masked += values.iter().filter(|value| value.is_none()).count() as u64;
        frame.with_column(Column::new(name.into(), values)).map_err(wrap)?;
    }
    if roles.label.is_some() {
        masked += samples.iter().filter(|sample| sample.class.is_none()).count() as u64;
    }
    if roles.valence.is_some() && roles.arousal.is_some() {
        masked += samples.iter().filter(|sample| sample.emotion.is_none()).count() as u64;
    }
    Ok((dataset::samples::normalise(&frame, card)?, masked))
}
