//! What methods say of every test sample, read from a run folder or from the predictions that lie beside a baseline.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ::parquet::arrow::ProjectionMask;
use arrow::array::{Array, ArrayRef, AsArray, Float32Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float32Type};

use crate::digest::Digest;
use crate::disk::guard::{self, guarded};
use crate::error::{Context, Error, Result};
use crate::sets::Matrix;
use crate::task::{Targets, Task};

/// Outputs for the test samples, fold by fold; a run without folds has one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Predictions {
    /// By fold; `None` where the run has none.
    pub folds: BTreeMap<Option<i32>, FoldPredictions>,
}

/// Outputs for the test samples of one fold.
#[derive(Debug, Clone, PartialEq)]
pub struct FoldPredictions {
    /// The samples, ascending.
    pub sample_ids: Vec<String>,
    /// Person in each, where known; empty if no sample names one.
    pub subjects: Vec<Option<String>>,
    /// What was asked, row by row as `sample_ids`.
    pub targets: Targets,
    /// n × O outputs of each seed.
    pub outputs: BTreeMap<i64, Matrix>,
}

/// One row as a file holds it.
pub(super) struct Row {
    pub(super) sample_id: String,
    pub(super) subject: Option<String>,
    pub(super) target: Vec<Option<f32>>,
    pub(super) output: Vec<f32>,
}

/// Which rows of a file of predictions are read, and which of their outputs.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The rows' split: `test`, or `test@NAME`.
    pub split: &'a str,
    /// Names of all outputs of the models.
    pub names: &'a [String],
    /// Positions of those that are asked; all if `None`.
    pub columns: Option<&'a [usize]>,
}

impl<'a> Asked<'a> {
    /// All outputs on the run's own test split.
    pub fn test(names: &'a [String]) -> Self {
        Self {
            split: "test",
            names,
            columns: None,
        }
    }

    fn row(&self, mut row: Row, path: &Path) -> Result<Row> {
        let o = self.names.len();
        if row.target.len() != o || row.output.len() != o {
            return Err(Error::unusable_table(format!(
                "{}: the sample {} has {} targets and {} outputs; the manifest names {o} classes",
                path.display(),
                row.sample_id,
                row.target.len(),
                row.output.len()
            )));
        }
        if let Some(columns) = self.columns {
            row.target = columns.iter().map(|&column| row.target[column]).collect();
            row.output = columns.iter().map(|&column| row.output[column]).collect();
        }
        Ok(row)
    }

    fn asked(&self) -> Vec<String> {
        match self.columns {
            None => self.names.to_vec(),
            Some(columns) => columns.iter().map(|&column| self.names[column].clone()).collect(),
        }
    }
}

impl Predictions {
    /// The folds that were tested on the same samples, in groups: of another database every fold's models are asked about all of it,
    /// so that its samples are one sample of people and not as many as there are folds.
    pub fn panels(&self) -> Vec<Vec<Option<i32>>> {
        let mut groups: Vec<(&FoldPredictions, Vec<Option<i32>>)> = Vec::new();
        for (fold, here) in &self.folds {
            let same = |there: &FoldPredictions| there.sample_ids == here.sample_ids && there.targets == here.targets;
            match groups.iter_mut().find(|(there, _)| same(there)) {
                Some((_, folds)) => folds.push(*fold),
                None => groups.push((here, vec![*fold])),
            }
        }
        groups.into_iter().map(|(_, folds)| folds).collect()
    }

    /// Digest of the test samples and what was asked of them: equal for two runs that were tested on the same.
    pub fn samples_digest(&self) -> String {
        let mut digest = Digest::new("test samples");
        for (fold, answers) in &self.folds {
            digest = digest.part("fold", fold.map_or_else(String::new, |fold| fold.to_string()));
            let o = answers.targets.outputs();
            for (i, id) in answers.sample_ids.iter().enumerate() {
                digest = digest.part("sample", id);
                let mut bytes = Vec::with_capacity(5 * o);
                for at in i * o..(i + 1) * o {
                    bytes.push(u8::from(answers.targets.known[at]));
                    bytes.extend(answers.targets.values[at].to_bits().to_le_bytes());
                }
                digest = digest.part("target", bytes);
            }
        }
        digest.finish()
    }

    /// Digest of every output of one seed, bit by bit; `None` if a fold lacks the seed.
    pub fn seed_digest(&self, seed: i64) -> Option<String> {
        let mut digest = Digest::new("predictions").part("samples", self.samples_digest());
        for answers in self.folds.values() {
            let outputs = answers.outputs.get(&seed)?;
            let bytes: Vec<u8> = outputs.data.iter().flat_map(|v| v.to_bits().to_le_bytes()).collect();
            digest = digest.part("fold", bytes);
        }
        Some(digest.finish())
    }

    /// Test samples over all folds.
    pub fn samples(&self) -> usize {
        self.folds.values().map(|fold| fold.sample_ids.len()).sum()
    }

    /// Outputs that are not finite numbers, over all folds and seeds.
    pub fn not_finite(&self) -> usize {
        self.folds
            .values()
            .flat_map(|fold| fold.outputs.values())
            .map(|outputs| outputs.data.iter().filter(|v| !v.is_finite()).count())
            .sum()
    }

    /// Adds the predictions of one fold and seed.
    pub(super) fn insert(
        &mut self,
        fold: Option<i32>,
        seed: i64,
        mut rows: Vec<Row>,
        task: Task,
        names: &[String],
        path: &Path,
    ) -> Result<()> {
        let wrong = |what: String| Error::unusable_table(format!("{}: {what}", path.display()));
        rows.sort_by(|a, b| a.sample_id.cmp(&b.sample_id));
        let o = names.len();
        if let Some(twice) = rows.windows(2).find(|pair| pair[0].sample_id == pair[1].sample_id) {
            return Err(wrong(format!("the sample {} has two predictions", twice[0].sample_id)));
        }
        if let Some(row) = rows.iter().find(|row| row.target.len() != o || row.output.len() != o) {
            return Err(wrong(format!(
                "the sample {} has {} targets and {} outputs; the manifest names {o} classes",
                row.sample_id,
                row.target.len(),
                row.output.len()
            )));
        }
        let targets = Targets {
            task,
            names: names.to_vec(),
            values: rows
                .iter()
                .flat_map(|row| row.target.iter().map(|v| v.unwrap_or(0.0)))
                .collect(),
            known: rows
                .iter()
                .flat_map(|row| row.target.iter().map(Option::is_some))
                .collect(),
        };
        let outputs = Matrix {
            rows: rows.len(),
            cols: o,
            data: rows.iter().flat_map(|row| row.output.iter().copied()).collect(),
        };
        let subjects = if rows.iter().any(|row| row.subject.is_some()) {
            rows.iter().map(|row| row.subject.clone()).collect()
        } else {
            Vec::new()
        };
        let sample_ids: Vec<String> = rows.into_iter().map(|row| row.sample_id).collect();
        let entry = self.folds.entry(fold).or_insert_with(|| FoldPredictions {
            sample_ids: sample_ids.clone(),
            subjects,
            targets: targets.clone(),
            outputs: BTreeMap::new(),
        });
        if entry.sample_ids != sample_ids || entry.targets != targets {
            return Err(wrong(format!(
                "seed {seed} was tested on other samples than the seeds before it; the run folder is damaged"
            )));
        }
        entry.outputs.insert(seed, outputs);
        Ok(())
    }

    /// Reads the predictions on one test set of several seeds from the files of a run folder, by method.
    ///
    /// `files` holds (fold, seed, `predictions.parquet`); `subjects` names the person of a sample; `wanted` says which methods
    /// are read.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Data`] if a file cannot be read or does not fit the others.
    pub fn read(
        files: &[(Option<i32>, i64, std::path::PathBuf)],
        subjects: &BTreeMap<String, String>,
        task: Task,
        asked: &Asked<'_>,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<BTreeMap<String, Self>> {
        let names = asked.asked();
        let mut all: BTreeMap<String, Self> = BTreeMap::new();
        for (fold, seed, path) in files {
            let mut rows: BTreeMap<String, Vec<Row>> = BTreeMap::new();
            for batch in batches(path, &["method", "sample_id", "split", "target", "output"])? {
                let (method, split) = (texts(&batch, "method", path)?, texts(&batch, "split", path)?);
                let ids = texts(&batch, "sample_id", path)?;
                let (target, output) = (lists(&batch, "target", path)?, lists(&batch, "output", path)?);
                for i in 0..batch.num_rows() {
                    if split.value(i) == asked.split && wanted(method.value(i)) {
                        let row = Row {
                            sample_id: ids.value(i).to_owned(),
                            subject: subjects.get(ids.value(i)).cloned(),
                            target: numbers(&target.value(i)),
                            output: whole(&output.value(i)),
                        };
                        let of_method = rows.entry(method.value(i).to_owned()).or_default();
                        of_method.push(asked.row(row, path)?);
                    }
                }
            }
            for (method, rows) in rows {
                let of = all.entry(method).or_default();
                of.insert(*fold, *seed, rows, task, &names, path)?;
            }
        }
        Ok(all)
    }
}

/// Person of each sample of a samples table; samples without one are absent.
///
/// # Errors
/// As [`Predictions::read`].
pub fn subjects(path: &Path) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for batch in batches(path, &["sample_id", "subject"])? {
        let (ids, people) = (texts(&batch, "sample_id", path)?, texts(&batch, "subject", path)?);
        for i in 0..batch.num_rows() {
            if people.is_valid(i) {
                found.insert(ids.value(i).to_owned(), people.value(i).to_owned());
            }
        }
    }
    Ok(found)
}

/// The named columns of a Parquet file.
pub(super) fn batches(path: &Path, columns: &[&str]) -> Result<Vec<RecordBatch>> {
    guarded(path, || {
        let builder = guard::open(path)?;
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        let reader = builder.with_projection(mask).build().at("read", path)?;
        reader.collect::<std::result::Result<_, _>>().at("read", path)
    })
}

pub(super) fn column(batch: &RecordBatch, name: &str, kind: &DataType, path: &Path) -> Result<ArrayRef> {
    let found = batch
        .column_by_name(name)
        .ok_or_else(|| Error::unusable_table(format!("{}: the column {name} is missing", path.display())))?;
    cast(found, kind).at("read", path)
}

pub(super) fn texts(batch: &RecordBatch, name: &str, path: &Path) -> Result<StringArray> {
    Ok(column(batch, name, &DataType::Utf8, path)?.as_string::<i32>().clone())
}

pub(super) fn lists(batch: &RecordBatch, name: &str, path: &Path) -> Result<arrow::array::ListArray> {
    let kind = DataType::List(Arc::new(Field::new("item", DataType::Float32, true)));
    Ok(column(batch, name, &kind, path)?.as_list::<i32>().clone())
}

pub(super) fn numbers(array: &ArrayRef) -> Vec<Option<f32>> {
    array.as_primitive::<Float32Type>().iter().collect()
}

/// A missing output is no number.
pub(super) fn whole(array: &ArrayRef) -> Vec<f32> {
    let array: &Float32Array = array.as_primitive::<Float32Type>();
    array.iter().map(|v| v.unwrap_or(f32::NAN)).collect()
}
