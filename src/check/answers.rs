//! What methods say of every test sample, read from a run folder or from the predictions that lie beside a baseline.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ::parquet::arrow::ProjectionMask;
use arrow::array::{
    Array, ArrayRef, AsArray, Float32Array, Float32Builder, Int32Array, Int64Array, ListBuilder, RecordBatch,
    StringArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float32Type, Int32Type, Int64Type};

use crate::digest::Digest;
use crate::disk::guard::{self, guarded};
use crate::disk::parquet;
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
struct Row {
    sample_id: String,
    subject: Option<String>,
    target: Vec<Option<f32>>,
    output: Vec<f32>,
}

impl Predictions {
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
    fn insert(
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

    /// Reads the test predictions of several seeds from the files of a run folder, by method.
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
        names: &[String],
        wanted: impl Fn(&str) -> bool,
    ) -> Result<BTreeMap<String, Self>> {
        let mut all: BTreeMap<String, Self> = BTreeMap::new();
        for (fold, seed, path) in files {
            let mut rows: BTreeMap<String, Vec<Row>> = BTreeMap::new();
            for batch in batches(path, &["method", "sample_id", "split", "target", "output"])? {
                let (method, split) = (texts(&batch, "method", path)?, texts(&batch, "split", path)?);
                let ids = texts(&batch, "sample_id", path)?;
                let (target, output) = (lists(&batch, "target", path)?, lists(&batch, "output", path)?);
                for i in 0..batch.num_rows() {
                    if split.value(i) == "test" && wanted(method.value(i)) {
                        rows.entry(method.value(i).to_owned()).or_default().push(Row {
                            sample_id: ids.value(i).to_owned(),
                            subject: subjects.get(ids.value(i)).cloned(),
                            target: numbers(&target.value(i)),
                            output: whole(&output.value(i)),
                        });
                    }
                }
            }
            for (method, rows) in rows {
                let of = all.entry(method).or_default();
                of.insert(*fold, *seed, rows, task, names, path)?;
            }
        }
        Ok(all)
    }

    /// Writes all predictions into one Parquet file, to lie beside a baseline.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let (mut folds, mut seeds, mut ids, mut people) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let item = Field::new("item", DataType::Float32, true);
        let mut target = ListBuilder::new(Float32Builder::new()).with_field(item.clone());
        let mut output = ListBuilder::new(Float32Builder::new()).with_field(item);
        for (fold, answers) in &self.folds {
            let o = answers.targets.outputs();
            for (&seed, outputs) in &answers.outputs {
                for (i, id) in answers.sample_ids.iter().enumerate() {
                    folds.push(*fold);
                    seeds.push(seed);
                    ids.push(id.as_str());
                    people.push(answers.subjects.get(i).and_then(Option::as_deref));
                    for at in i * o..(i + 1) * o {
                        let known = answers.targets.known[at];
                        target
                            .values()
                            .append_option(known.then_some(answers.targets.values[at]));
                    }
                    target.append(true);
                    output.values().append_slice(outputs.row(i));
                    output.append(true);
                }
            }
        }
        let columns: Vec<(&str, ArrayRef, bool)> = vec![
            ("fold", Arc::new(Int32Array::from(folds)), true),
            ("seed", Arc::new(Int64Array::from(seeds)), false),
            ("sample_id", Arc::new(StringArray::from(ids)), false),
            ("subject", Arc::new(StringArray::from(people)), true),
            ("target", Arc::new(target.finish()), false),
            ("output", Arc::new(output.finish()), false),
        ];
        let batch = RecordBatch::try_from_iter_with_nullable(columns).at("encode", path)?;
        parquet::write_batch(path, &batch, &[])
    }

    /// Reads a file that [`Self::write`] made.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_beside(path: &Path, task: Task, names: &[String]) -> Result<Self> {
        let mut found: BTreeMap<(Option<i32>, i64), Vec<Row>> = BTreeMap::new();
        for batch in batches(path, &["fold", "seed", "sample_id", "subject", "target", "output"])? {
            let fold = column(&batch, "fold", &DataType::Int32, path)?;
            let seed = column(&batch, "seed", &DataType::Int64, path)?;
            let (fold, seed) = (fold.as_primitive::<Int32Type>(), seed.as_primitive::<Int64Type>());
            let (ids, people) = (texts(&batch, "sample_id", path)?, texts(&batch, "subject", path)?);
            let (target, output) = (lists(&batch, "target", path)?, lists(&batch, "output", path)?);
            for i in 0..batch.num_rows() {
                let key = (fold.is_valid(i).then(|| fold.value(i)), seed.value(i));
                found.entry(key).or_default().push(Row {
                    sample_id: ids.value(i).to_owned(),
                    subject: people.is_valid(i).then(|| people.value(i).to_owned()),
                    target: numbers(&target.value(i)),
                    output: whole(&output.value(i)),
                });
            }
        }
        let mut all = Self::default();
        for ((fold, seed), rows) in found {
            all.insert(fold, seed, rows, task, names, path)?;
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
fn batches(path: &Path, columns: &[&str]) -> Result<Vec<RecordBatch>> {
    guarded(path, || {
        let builder = guard::open(path)?;
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        let reader = builder.with_projection(mask).build().at("read", path)?;
        reader.collect::<std::result::Result<_, _>>().at("read", path)
    })
}

fn column(batch: &RecordBatch, name: &str, kind: &DataType, path: &Path) -> Result<ArrayRef> {
    let found = batch
        .column_by_name(name)
        .ok_or_else(|| Error::unusable_table(format!("{}: the column {name} is missing", path.display())))?;
    cast(found, kind).at("read", path)
}

fn texts(batch: &RecordBatch, name: &str, path: &Path) -> Result<StringArray> {
    Ok(column(batch, name, &DataType::Utf8, path)?.as_string::<i32>().clone())
}

fn lists(batch: &RecordBatch, name: &str, path: &Path) -> Result<arrow::array::ListArray> {
    let kind = DataType::List(Arc::new(Field::new("item", DataType::Float32, true)));
    Ok(column(batch, name, &kind, path)?.as_list::<i32>().clone())
}

fn numbers(array: &ArrayRef) -> Vec<Option<f32>> {
    array.as_primitive::<Float32Type>().iter().collect()
}

/// A missing output is no number.
fn whole(array: &ArrayRef) -> Vec<f32> {
    let array: &Float32Array = array.as_primitive::<Float32Type>();
    array.iter().map(|v| v.unwrap_or(f32::NAN)).collect()
}
