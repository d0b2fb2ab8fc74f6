//! Labels that somebody has looked at again (`protocol.relabel`): put in force, and listed in `relabelled.parquet`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use polars::prelude::DataFrame;

use crate::columns::{SAMPLES_KEY, TRUTH_KEY};
use crate::dataset::own_labels::OwnLabels;
use crate::dataset::relabel_list::{Decision, RelabelList};
use crate::dataset::samples;
use crate::digest;
use crate::disk::parquet;
use crate::error::{Context, Error, Result};
use crate::feature::relabel::NewLabels;
use crate::feature::tested::Tested;
use crate::recipe::Recipe;
use crate::record::RelabelRow;
use crate::run::folder::RunFolder;
use crate::run::manifest::Relabelled;
use crate::sets::FeatureSet;
use crate::task::Split;
use crate::there;

use super::convert::Samples;
use super::copy::copy;
use super::extract::Features;
use super::in_force;
use super::reviewed::{self, Relabel, Reviewed};
use super::state::Chain;

/// The list that a recipe names, read: what is wrong with it is told before anything is computed.
///
/// # Errors
/// [`Error::Data`] if it is not as [`RelabelList::read`] expects it, or of another task.
pub(super) fn list(recipe: &Recipe) -> Result<Option<RelabelList>> {
    let Some(path) = &recipe.protocol.relabel else {
        return Ok(None);
    };
    let path = Path::new(path);
    let list = RelabelList::read(path)?;
    // What is in force must be what the protocol's digest says, however long ago the recipe was read.
    let digest = digest::of_file(path)?;
    if let Some(expected) = &recipe.protocol.relabel_digest
        && !digest.starts_with(expected.as_str())
    {
        return Err(Error::unusable_table(format!(
            "{} has changed since the recipe was read (its digest was {expected}): run the recipe again",
            list.name
        )));
    }
    let task = recipe.protocol.task;
    if let Some(other) = list
        .reviews
        .iter()
        .find(|review| !reviewed::is_of(task, &review.output))
    {
        return Err(Error::unusable_table(format!(
            "{}:{}: `{}` is no output of the recipe's task, which is {}; take its lines out, or review them for a recipe of their own",
            list.name,
            other.line,
            other.output,
            task.name()
        )));
    }
    Ok(Some(list))
}

/// What the list of a recipe says, without a look at the samples: the splits of the changes are `unknown`.
///
/// # Errors
/// As of a run.
pub fn reviewed_labels(recipe: &Recipe) -> Result<Option<Relabelled>> {
    Ok(list(recipe)?.map(|list| {
        let mut counts = Relabelled::default();
        for review in &list.reviews {
            counts.add(review.decision.as_str(), Some("unknown"));
        }
        counts
    }))
}

/// What the list of a recipe would do to a samples table that is not written: labels changed by the table's own splits.
///
/// # Errors
/// As [`reviewed::check`].
pub(super) fn examined(recipe: &Recipe, table: &DataFrame, classes: Vec<String>) -> Result<Option<Relabelled>> {
    let Some(list) = list(recipe)? else {
        return Ok(None);
    };
    let own = OwnLabels::of_frame(table, classes, outputs(&list))?;
    let reviewed = reviewed::check(&list, &own, recipe)?;
    Ok(Some(counted(&rows(&reviewed, &own))))
}

fn outputs(list: &RelabelList) -> impl Iterator<Item = &str> {
    list.reviews.iter().map(|review| review.output.as_str())
}

/// A row a reviewed label, with the split of the samples table.
fn rows(reviewed: &[Reviewed<'_>], own: &OwnLabels) -> Vec<RelabelRow> {
    let row = |found: &Reviewed<'_>| RelabelRow {
        sample_id: found.review.sample_id.clone(),
        split: own.splits.get(found.row).cloned(),
        output: found.review.output.clone(),
        from: found.from.clone(),
        decision: found.review.decision.as_str().to_owned(),
        to: found.to.as_ref().map(|(to, _)| to.clone()),
    };
    reviewed.iter().map(row).collect()
}

fn counted(rows: &[RelabelRow]) -> Relabelled {
    let mut counts = Relabelled::default();
    for row in rows {
        counts.add(&row.decision, row.split.as_deref());
    }
    counts
}

impl Chain<'_> {
    /// Holds the recipe's list of reviewed labels against the samples; from here on its changes are in force.
    ///
    /// # Errors
    /// As [`reviewed::check`].
    pub(super) fn relabel(&mut self, samples: &Samples) -> Result<()> {
        let Some(list) = list(self.recipe)? else {
            return Ok(());
        };
        let (table, meta) = samples::read(&samples.table)?;
        let own = OwnLabels::of_table(&table, meta.classes, outputs(&list))?;
        let reviewed = reviewed::check(&list, &own, self.recipe)?;
        self.relabel = Some(Relabel {
            labels: Arc::new(reviewed::new_labels(&reviewed)),
            rows: rows(&reviewed, &own),
        });
        Ok(())
    }

    /// The labels in force in place of the database's own.
    pub(super) fn new_labels(&self) -> Arc<NewLabels> {
        self.relabel
            .as_ref()
            .map_or_else(Arc::default, |relabel| Arc::clone(&relabel.labels))
    }

    /// The samples table of the run: the database's own, with the labels in force.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read or written.
    pub(super) fn keep_samples(&self, from: &Path, folder: &RunFolder) -> Result<()> {
        let to = folder.samples();
        let Some(relabel) = &self.relabel else {
            return copy(from, &to, folder);
        };
        let (own, meta) = samples::read(from)?;
        let table = in_force::samples(&own, &meta.classes, &relabel.labels)?;
        if there::is_file(&to)? && parquet::read(&to)?.columns() == table.columns() {
            return Ok(());
        }
        folder.unseal()?;
        let meta = serde_json::to_string(&meta).at("describe", &to)?;
        parquet::write_batch(&to, &table, &[(SAMPLES_KEY, meta)])
    }

    /// The truth behind generated faces: the drawn one, with what was written of each sample as it is in force.
    ///
    /// # Errors
    /// As [`Self::keep_samples`].
    pub(super) fn keep_truth(&self, from: &Path, samples: &Path, folder: &RunFolder) -> Result<()> {
        let to = folder.truth();
        let Some(relabel) = &self.relabel else {
            return copy(from, &to, folder);
        };
        let (_, meta) = samples::read(samples)?;
        let table = in_force::truth(&parquet::read(from)?, &meta.classes, &relabel.labels)?;
        if there::is_file(&to)? && parquet::read(&to)?.columns() == table.columns() {
            return Ok(());
        }
        folder.unseal()?;
        let about = parquet::about(from, TRUTH_KEY)?;
        let about: Vec<(&str, String)> = about.into_iter().map(|about| (TRUTH_KEY, about)).collect();
        parquet::write_batch(&to, &table, &about)
    }

    /// Lists what was reviewed, unless that is there, and says and returns how much it was; `splits` says in which split each sample
    /// takes part, and with which outputs.
    ///
    /// # Errors
    /// Those of `splits`; [`Error::Io`].
    pub(super) fn relabelled(
        &mut self,
        folder: &RunFolder,
        splits: impl FnOnce(&Self, &BTreeSet<&str>) -> Result<Taking>,
    ) -> Result<Option<Relabelled>> {
        let Some(Relabel { rows, .. }) = &self.relabel else {
            return Ok(None);
        };
        let path = folder.relabelled();
        if !there::is_file(&path)? {
            let samples: BTreeSet<&str> = rows.iter().map(|row| row.sample_id.as_str()).collect();
            let taking = splits(self, &samples)?;
            let part = |row: &RelabelRow| RelabelRow {
                split: taking.split(row),
                ..row.clone()
            };
            let rows: Vec<RelabelRow> = rows.iter().map(part).collect();
            folder.unseal()?;
            parquet::write(&path, &rows, &folder.origin())?;
        }
        let table = parquet::read(&path)?;
        let (counts, idle) = read(&table, &path)?;
        self.progress.line(&format!(
            "            reviewed labels: {} (protocol.relabel)",
            counts.described()
        ));
        if let Some(first) = idle {
            self.progress.line(&format!(
                "            {} of the changes touch nothing, the first that of {first}: the protocol leaves the sample or the output out",
                counts.left_out
            ));
        }
        if let Some(n) = counts.changed.get(Split::Test.as_str()) {
            self.warn(format!(
                "changed labels of test samples: {n} (protocol.relabel); what is measured is not what runs on the database's own labels \
                 measure. They are listed in the table `relabelled` of the run"
            ));
        }
        Ok(Some(counts))
    }

    /// Where the samples of a run take part: with folds, a sample that is tested in one of them counts there.
    ///
    /// # Errors
    /// As [`Chain::load`].
    pub(super) fn taking(&self, features: &Features, samples: &BTreeSet<&str>) -> Result<Taking> {
        let mut taking = Taking::default();
        for fold in self.recipe.protocol.units() {
            self.interrupt.check()?;
            let sets = self.load(features, fold)?.sets;
            taking.outputs.clone_from(&sets.train.targets.names);
            let mut put = |split: Split, set: &FeatureSet| taking.put(split, &set.sample_ids, samples);
            put(Split::Test, &sets.test);
            put(Split::Train, &sets.train);
            if let Some(val) = &sets.val {
                put(Split::Val, val);
            }
        }
        Ok(taking)
    }
}

/// The splits in which samples take part, and the outputs that are asked.
#[derive(Default)]
pub(super) struct Taking {
    splits: BTreeMap<String, Split>,
    outputs: Vec<String>,
}

impl Taking {
    /// Of a scored tool, which was trained elsewhere: only the samples of `tests` take part.
    pub(super) fn tested(tests: &[(Option<i32>, Tested)], samples: &BTreeSet<&str>) -> Self {
        let mut taking = Self::default();
        for (_, tested) in tests {
            taking.outputs.clone_from(&tested.targets.names);
            taking.put(Split::Test, &tested.sample_ids, samples);
        }
        taking
    }

    /// A sample that is tested counts as such, whatever it is in another fold.
    fn put(&mut self, split: Split, ids: &[String], wanted: &BTreeSet<&str>) {
        for id in ids.iter().filter(|id| wanted.contains(id.as_str())) {
            let there = self.splits.entry(id.clone()).or_insert(split);
            if split == Split::Test {
                *there = split;
            }
        }
    }

    fn split(&self, row: &RelabelRow) -> Option<String> {
        let is_asked = row.output == "expression" || self.outputs.contains(&row.output);
        let split = self.splits.get(&row.sample_id).filter(|_| is_asked)?;
        Some(split.as_str().to_owned())
    }
}

/// What the table `relabelled` counts, and the first sample whose change touches nothing.
fn read(table: &RecordBatch, path: &Path) -> Result<(Relabelled, Option<String>)> {
    let column = |name: &str| -> Result<&StringArray> {
        let column = table
            .column_by_name(name)
            .and_then(|column| column.as_string_opt::<i32>());
        column.ok_or_else(|| Error::unusable_table(format!("{}: the column {name} is missing", path.display())))
    };
    let (samples, splits, decisions) = (column("sample_id")?, column("split")?, column("decision")?);
    let (mut counts, mut idle) = (Relabelled::default(), None);
    for row in 0..table.num_rows() {
        let split = splits.is_valid(row).then(|| splits.value(row));
        let decision = decisions.value(row);
        counts.add(decision, split);
        if split.is_none() && decision == Decision::Change.as_str() && idle.is_none() {
            idle = Some(samples.value(row).to_owned());
        }
    }
    Ok((counts, idle))
}
