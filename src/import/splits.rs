//! Splits of a table that was made elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::dataset::split;
use crate::error::{Error, Result};
use crate::intake::reject::Reason;
use crate::spelling::composed;
use crate::task::Split;

use super::columns::{Columns, Number, listed};
use super::parts::splits_of_parts;
use super::rules::{Labels, Rules, Sample};
use super::source::Features;

/// Which split a sample belongs to.
pub(crate) struct Splitter<'a> {
    columns: &'a Columns,
    column: Option<&'a str>,
    values: BTreeMap<String, Split>,
    how: How<'a>,
    seed: u64,
    share: f64,
}

pub(crate) enum How<'a> {
    Column,
    /// By the file that holds the features: one past the last row of each, and its split.
    Parts(Vec<(usize, Split)>),
    /// The first fold is held out.
    Fold(&'a str, f32),
    Hash(Option<&'a str>),
}

impl<'a> Splitter<'a> {
    pub(crate) fn new(
        features: &Features,
        path: &Path,
        labels: &Labels<'a>,
        rules: &Rules<'_>,
        warnings: &mut Vec<String>,
    ) -> Result<Self> {
        let (roles, columns) = (labels.roles, labels.columns);
        let rows = 0..columns.rows();
        let mut values: BTreeMap<String, Split> = rules
            .config
            .splits
            .iter()
            .map(|(text, split)| (text.clone(), *split))
            .collect();
        let names: Vec<String> = features.parts.iter().map(|(name, _)| name.clone()).collect();
        let of_parts = match roles.split {
            Some(_) => None,
            None => splits_of_parts(&names, path, warnings)?,
        };
        let how = match (roles.split.as_deref(), of_parts, roles.fold.as_deref()) {
            (None, Some(splits), _) => {
                let mut end = 0;
                let mut ends = Vec::with_capacity(splits.len());
                for ((_, rows), split) in features.parts.iter().zip(splits) {
                    end += rows;
                    ends.push((end, split));
                }
                How::Parts(ends)
            }
            (Some(name), ..) => {
                let written: BTreeSet<&str> = rows
                    .filter_map(|row| columns.text(Some(name), row))
                    .take(1 << 24)
                    .collect();
                for text in &written {
                    let same = |said: &&String| composed(said) == composed(text);
                    let said = rules.config.splits.keys().find(same).and_then(|said| values.get(said));
                    if !values.contains_key(*text)
                        && let Some(split) = said.copied().or_else(|| split::split_of_value(text))
                    {
                        values.insert((*text).to_owned(), split);
                    }
                }
                let present: BTreeSet<Split> = written.iter().filter_map(|text| values.get(*text).copied()).collect();
                if present.is_empty() {
                    let written: Vec<String> = written.into_iter().take(5).map(str::to_owned).collect();
                    return Err(Error::unusable_table(format!(
                        "{}: no value of column `{name}` is a split: found {}; say what they mean, as dataset.table.splits = {{ \
                         \"VALUE\" = \"train\" }}",
                        labels.path.display(),
                        listed(&written)
                    )));
                }
                if !present.contains(&Split::Test) && present.contains(&Split::Val) {
                    warnings.push("no split is called test: what is called validation is read as `test`".into());
                    for split in values.values_mut().filter(|split| **split == Split::Val) {
                        *split = Split::Test;
                    }
                }
                How::Column
            }
            (None, None, Some(fold)) => {
                let folds = rows.filter_map(|row| match columns.number(Some(fold), row) {
                    Number::Is(value) => Some(value),
                    _ => None,
                });
                let first = folds.min_by(f32::total_cmp).unwrap_or(1.0);
                warnings.push(format!(
                    "no column says the split: fold {first} is held out for the test, all others train; protocol.folds runs each"
                ));
                How::Fold(fold, first)
            }
            (None, None, None) => {
                let subject = roles.subject.as_deref();
                warnings.push(format!(
                    "no column says the split: a hash of the {} decides (protocol.split_seed = {}, {:.0} % test)",
                    if subject.is_some() { "person" } else { "sample's name" },
                    rules.split_seed,
                    100.0 * rules.test_share
                ));
                How::Hash(subject)
            }
        };
        Ok(Self {
            columns,
            column: roles.split.as_deref(),
            values,
            how,
            seed: rules.split_seed,
            share: rules.test_share,
        })
    }

    /// The split of a sample, whose features are row `features` and whose labels are row `row`.
    pub(crate) fn split(&self, features: usize, row: usize, id: &str) -> std::result::Result<Split, Reason> {
        let held_out = match &self.how {
            How::Column => {
                let text = self.columns.text(self.column, row).unwrap_or_default();
                return self.values.get(text).copied().ok_or_else(|| Reason::BadValue {
                    column: "split".into(),
                    found: text.to_owned(),
                    expected: "train, val or test, or a value of dataset.table.splits".into(),
                });
            }
            How::Parts(ends) => {
                let part = ends.partition_point(|(end, _)| *end <= features);
                return Ok(ends.get(part).map_or(Split::Train, |(_, split)| *split));
            }
            How::Fold(fold, first) => self.columns.number(Some(fold), row) == Number::Is(*first),
            How::Hash(subject) => {
                let unit = self.columns.text(*subject, row).unwrap_or(id);
                split::hash_share(self.seed, unit) < self.share
            }
        };
        Ok(if held_out { Split::Test } else { Split::Train })
    }

    /// Warns of a hash that splits nothing, and of persons on both sides.
    pub(crate) fn tell(&self, samples: &[Sample], labels: &Labels<'_>, rules: &Rules<'_>, warnings: &mut Vec<String>) {
        if matches!(self.how, How::Hash(_)) {
            let test = samples.iter().filter(|sample| sample.split == Split::Test).count();
            if test == 0 || test == samples.len() {
                warnings.push("the hash puts all samples on one side; there are too few to split".into());
            }
        }
        // Where the protocol runs over folds, these are the sides, and are checked there.
        if let Some(subject) = labels.roles.subject.as_deref().filter(|_| rules.folds.is_empty()) {
            warnings.extend(persons_on_both_sides(samples, labels.columns, subject));
        }
    }
}

/// A word on persons whom the test does not see for the first time: what is measured then is partly how well they are known.
fn persons_on_both_sides(samples: &[Sample], columns: &Columns, subject: &str) -> Option<String> {
    let of_side = |test: bool| -> BTreeSet<&str> {
        samples
            .iter()
            .filter(|sample| (sample.split == Split::Test) == test)
            .filter_map(|sample| columns.text(Some(subject), sample.labels))
            .collect()
    };
    let (tested, others) = (of_side(true), of_side(false));
    let mut both = tested.intersection(&others);
    let first = both.next()?;
    Some(format!(
        "{} of the {} persons in the test set have samples in other splits, too (column `{subject}`), for example `{first}`: the \
         result also measures how well they are known; a split by person keeps them apart",
        both.count() + 1,
        tested.len()
    ))
}
