//! The rivals' share of a seed: they have a `done` of their own, so that a change in a rival trains no AURA again.
//!
//! Rivals stand in the tables of the seed beside AURA, in files that are rewritten whole: AURA's rows stay, those of the
//! rivals that are fitted anew are replaced. `rivals.json` says before what is about to change, and is written last.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use serde::{Deserialize, Serialize};

use crate::digest::{Digest, stage};
use crate::disk::seal::Sealed;
use crate::disk::{atomic, parquet};
use crate::error::{Context, Result};
use crate::record::{Origin, Table};
use crate::rival::finetune::job::METHOD;
use crate::rival::outcome::RivalOutcome;
use crate::run::folder::SeedFolder;

use super::finite::check_finite;

/// From what the rivals of a call are fitted, beside what AURA is trained from.
pub(crate) struct RivalsDigest {
    /// Of the rivals on frozen features.
    probes: String,
    /// Of the rival that trains the encoder, where the recipe asks for it.
    finetuned: Option<String>,
}

impl RivalsDigest {
    /// Of a run with this digest.
    pub fn new(run: &str, finetune: bool) -> Self {
        let of = |code: &str| Digest::new("rivals").part("run", run).part("code", code).finish();
        Self {
            probes: of(stage::RIVALS),
            finetuned: finetune.then(|| of(stage::FINETUNE)),
        }
    }

    /// The address of all numbers of a run: what pages and evaluations of it are made from.
    pub fn address(&self, run: &str) -> String {
        Digest::new("evaluation")
            .part("run", run)
            .part("rivals", &self.probes)
            .part("finetuned", self.finetuned.as_deref().unwrap_or_default())
            .finish()
    }
}

/// `rivals.json` of a seed: the digests of the rivals that are in its tables.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RivalsDone {
    probes: Option<String>,
    finetuned: Option<String>,
    /// What was not done as the recipe says, and why.
    pub(crate) warnings: Vec<String>,
    /// What the tables that rivals write may be: one thing each, but for the moment in which they are replaced.
    tables: BTreeMap<String, Vec<Sealed>>,
}

impl RivalsDone {
    /// What is there; nothing, where the file is missing or damaged.
    pub fn read(folder: &SeedFolder) -> Self {
        std::fs::read(folder.rivals())
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default()
    }

    /// Whether the rivals on frozen features are there.
    pub fn has_probes(&self, wanted: &RivalsDigest) -> bool {
        self.probes.as_ref() == Some(&wanted.probes)
    }

    /// Whether the fine-tuned encoder is there, or none is asked for.
    pub fn has_finetuned(&self, wanted: &RivalsDigest) -> bool {
        wanted.finetuned.is_none() || self.finetuned == wanted.finetuned
    }

    /// Whether a table is as rivals left it.
    ///
    /// # Errors
    /// [`crate::Error::Io`] if it is there and cannot be read.
    pub fn knows(&self, table: &Path) -> Result<bool> {
        let name = table.file_name().unwrap_or_default().to_string_lossy();
        for sealed in self.tables.get(name.as_ref()).into_iter().flatten() {
            if sealed.damage(table)?.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Writes the rivals on frozen features in place of those that are there.
    ///
    /// # Errors
    /// If a metric is no number, or a table cannot be read or written.
    pub fn write_probes(
        folder: &SeedFolder,
        outcomes: Vec<RivalOutcome>,
        warnings: Vec<String>,
        wanted: &RivalsDigest,
    ) -> Result<()> {
        let there = Self {
            probes: Some(wanted.probes.clone()),
            warnings,
            ..Self::read(folder)
        };
        there.write(folder, outcomes, |method| is_aura(method) || method == METHOD)
    }

    /// Writes the fine-tuned encoder in place of the one that is there.
    ///
    /// # Errors
    /// As [`RivalsDone::write_probes`].
    pub fn write_finetuned(folder: &SeedFolder, outcome: RivalOutcome, wanted: &RivalsDigest) -> Result<()> {
        let there = Self {
            finetuned: wanted.finetuned.clone(),
            ..Self::read(folder)
        };
        there.write(folder, vec![outcome], |method| method != METHOD)
    }

    fn write(&self, folder: &SeedFolder, outcomes: Vec<RivalOutcome>, stays: impl Fn(&str) -> bool) -> Result<()> {
        let (mut metrics, mut predictions) = (Vec::new(), Vec::new());
        for outcome in outcomes {
            metrics.extend(outcome.metrics);
            predictions.extend(outcome.predictions);
        }
        check_finite(&metrics)?;
        let tables = [
            prepare(&folder.file("metrics.parquet"), &metrics, folder.origin(), &stays)?,
            prepare(
                &folder.file("predictions.parquet"),
                &predictions,
                folder.origin(),
                &stays,
            )?,
        ];
        let mut after = Self {
            probes: self.probes.clone(),
            finetuned: self.finetuned.clone(),
            warnings: self.warnings.clone(),
            tables: BTreeMap::new(),
        };
        // A call that is killed between the two leaves one table old and one new, and both are known.
        let mut between = Self::default();
        for table in &tables {
            let name = table.path.file_name().unwrap_or_default().to_string_lossy();
            between
                .tables
                .insert(name.to_string(), vec![table.old.clone(), table.new.clone()]);
            after.tables.insert(name.to_string(), vec![table.new.clone()]);
        }
        between.put(folder)?;
        for Prepared { path, beside, .. } in &tables {
            std::fs::rename(beside, path).at("write", path)?;
        }
        after.put(folder)
    }

    fn put(&self, folder: &SeedFolder) -> Result<()> {
        let path = folder.rivals();
        let mut text = serde_json::to_string_pretty(self).at("encode", &path)?;
        text.push('\n');
        atomic::write(&path, text.as_bytes())
    }
}

/// A table that is written beside the one that it will replace.
struct Prepared {
    path: PathBuf,
    beside: PathBuf,
    old: Sealed,
    new: Sealed,
}

fn is_aura(method: &str) -> bool {
    method == "aura" || method.starts_with("aura_")
}

/// The table at `path` with the rows of the methods that stay, and `rows` behind them.
fn prepare<T: Table>(path: &Path, rows: &[T], origin: &Origin, stays: &impl Fn(&str) -> bool) -> Result<Prepared> {
    let new = T::batch(rows)
        .and_then(|batch| origin.lead(&batch))
        .at("encode", path)?;
    let there = parquet::read(path)?;
    let kept: Vec<bool> = {
        let methods = there
            .column_by_name("method")
            .map(|column| column.as_string::<i32>().clone());
        (0..there.num_rows())
            .map(|row| {
                methods
                    .as_ref()
                    .is_some_and(|methods| !methods.is_null(row) && stays(methods.value(row)))
            })
            .collect()
    };
    let kept = filter_record_batch(&there, &BooleanArray::from(kept)).at("filter", path)?;
    // Of equal columns, but without the metadata of the file.
    let kept = RecordBatch::try_new(new.schema(), kept.columns().to_vec()).at("read", path)?;
    let both = concat_batches(&new.schema(), [&kept, &new]).at("encode", path)?;
    let beside = path.with_extension("next");
    parquet::write_batch(&beside, &both, &[])?;
    Ok(Prepared {
        old: Sealed::of(path)?,
        new: Sealed::of(&beside)?,
        path: path.to_owned(),
        beside,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::MetricRow;

    fn origin() -> Origin {
        Origin {
            run: "run-01234567".to_owned(),
            unit: Some((Some(2), 7)),
        }
    }

    fn rows(path: &Path) -> Vec<(String, f64)> {
        let batch = parquet::read(path).expect("the table is whole");
        let methods = batch
            .column_by_name("method")
            .expect("there")
            .as_string::<i32>()
            .clone();
        let values = batch.column_by_name("value").expect("there").clone();
        let values = values.as_primitive::<arrow::datatypes::Float64Type>();
        (0..batch.num_rows())
            .map(|row| (methods.value(row).to_owned(), values.value(row)))
            .collect()
    }

    #[test]
    fn rivals_that_are_fitted_anew_replace_their_own_rows_and_no_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("metrics.parquet");
        let row = |method: &str, value| MetricRow::of_no_split(method, "acc", value, Some(true));
        let first = [
            row("aura", 0.9),
            row("aura_mixture", 0.8),
            row("knn", 0.1),
            row(METHOD, 0.7),
        ];
        parquet::write(&path, &first, &origin()).expect("written");
        let replace = |path: &Path, rows: &[MetricRow], stays: &dyn Fn(&str) -> bool| {
            let Prepared { path, beside, .. } = prepare(path, rows, &origin(), &stays)?;
            std::fs::rename(beside, &path).at("write", &path)
        };
        replace(&path, &[row("knn", 0.2), row("mlp", 0.3)], &|method: &str| {
            is_aura(method) || method == METHOD
        })
        .expect("replaced");
        let expected = [
            ("aura", 0.9),
            ("aura_mixture", 0.8),
            (METHOD, 0.7),
            ("knn", 0.2),
            ("mlp", 0.3),
        ];
        assert_eq!(rows(&path), expected.map(|(method, value)| (method.to_owned(), value)));
        replace(&path, &[row(METHOD, 0.6)], &|method: &str| method != METHOD).expect("replaced");
        assert_eq!(rows(&path).last(), Some(&(METHOD.to_owned(), 0.6)));
        assert_eq!(rows(&path).len(), 5);
    }
}
