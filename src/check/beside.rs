//! The predictions that lie beside a baseline, in one Parquet file: those on the run's own test split and those on other databases.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float32Builder, Int32Array, Int64Array, ListBuilder, RecordBatch, StringArray,
};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type};

use crate::disk::parquet;
use crate::error::{Context, Error, Result};
use crate::task::Task;

use super::answers::{Predictions, Row, batches, column, lists, numbers, texts, whole};

/// The column that names the other database; a file without others has none.
const TEST: &str = "test";

/// Writes all predictions: `own`, and those on other databases by their names.
///
/// # Errors
/// [`Error::Io`] if the file cannot be written.
pub fn write(path: &Path, own: &Predictions, others: &BTreeMap<String, Predictions>) -> Result<()> {
    let (mut tests, mut folds, mut seeds) = (Vec::new(), Vec::new(), Vec::new());
    let (mut ids, mut people) = (Vec::new(), Vec::new());
    let item = Field::new("item", DataType::Float32, true);
    let mut target = ListBuilder::new(Float32Builder::new()).with_field(item.clone());
    let mut output = ListBuilder::new(Float32Builder::new()).with_field(item);
    let named = others.iter().map(|(name, there)| (Some(name.as_str()), there));
    for (test, predictions) in std::iter::once((None, own)).chain(named) {
        for (fold, answers) in &predictions.folds {
            let o = answers.targets.outputs();
            for (&seed, outputs) in &answers.outputs {
                for (i, id) in answers.sample_ids.iter().enumerate() {
                    tests.push(test);
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
    }
    let mut columns: Vec<(&str, ArrayRef, bool)> = vec![
        ("fold", Arc::new(Int32Array::from(folds)), true),
        ("seed", Arc::new(Int64Array::from(seeds)), false),
        ("sample_id", Arc::new(StringArray::from(ids)), false),
        ("subject", Arc::new(StringArray::from(people)), true),
        ("target", Arc::new(target.finish()), false),
        ("output", Arc::new(output.finish()), false),
    ];
    if !others.is_empty() {
        columns.insert(0, (TEST, Arc::new(StringArray::from(tests)), true));
    }
    let batch = RecordBatch::try_from_iter_with_nullable(columns).at("encode", path)?;
    parquet::write_batch(path, &batch, &[])
}

/// Reads a file that [`write`] made: `names` are the outputs of the models, `others` those that were asked on other databases.
///
/// # Errors
/// [`Error::Io`] or [`Error::Data`] if it cannot be read, or holds rows of a database that is not named.
pub fn read(
    path: &Path,
    task: Task,
    names: &[String],
    others: &BTreeMap<&str, &[String]>,
) -> Result<(Predictions, BTreeMap<String, Predictions>)> {
    let mut found: BTreeMap<(Option<String>, Option<i32>, i64), Vec<Row>> = BTreeMap::new();
    for batch in batches(
        path,
        &[TEST, "fold", "seed", "sample_id", "subject", "target", "output"],
    )? {
        let tests = match batch.column_by_name(TEST) {
            Some(_) => Some(texts(&batch, TEST, path)?),
            None => None,
        };
        let fold = column(&batch, "fold", &DataType::Int32, path)?;
        let seed = column(&batch, "seed", &DataType::Int64, path)?;
        let (fold, seed) = (fold.as_primitive::<Int32Type>(), seed.as_primitive::<Int64Type>());
        let (ids, people) = (texts(&batch, "sample_id", path)?, texts(&batch, "subject", path)?);
        let (target, output) = (lists(&batch, "target", path)?, lists(&batch, "output", path)?);
        for i in 0..batch.num_rows() {
            let test = tests
                .as_ref()
                .filter(|tests| tests.is_valid(i))
                .map(|tests| tests.value(i).to_owned());
            let key = (test, fold.is_valid(i).then(|| fold.value(i)), seed.value(i));
            found.entry(key).or_default().push(Row {
                sample_id: ids.value(i).to_owned(),
                subject: people.is_valid(i).then(|| people.value(i).to_owned()),
                target: numbers(&target.value(i)),
                output: whole(&output.value(i)),
            });
        }
    }
    let mut own = Predictions::default();
    let mut there: BTreeMap<String, Predictions> = BTreeMap::new();
    for ((test, fold, seed), rows) in found {
        let Some(test) = test else {
            own.insert(fold, seed, rows, task, names, path)?;
            continue;
        };
        let names = others.get(test.as_str()).ok_or_else(|| {
            Error::unusable_table(format!(
                "{}: it holds predictions on test@{test}, which the baseline does not name",
                path.display()
            ))
        })?;
        there
            .entry(test)
            .or_default()
            .insert(fold, seed, rows, task, names, path)?;
    }
    Ok((own, there))
}
