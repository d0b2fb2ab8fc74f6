//! From outputs and labels to the metrics of a task.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::record::{MetricRow, PredictionRow};
use crate::sets::{FeatureSet, Matrix};
use crate::task::{Targets, Task};

use super::expression;
use super::interval::{Bootstrap, Contributions, wilson};
use super::named::{NamedValue, info};
use super::tally::{Measure, Tally};

/// How [`evaluate`] works.
#[derive(Debug, Clone, Default)]
pub struct Options<'a> {
    /// Person in each image: where every sample names one, whole subjects are resampled.
    pub subjects: Option<&'a [Option<String>]>,
    /// How the primary metric's interval is made.
    pub bootstrap: Bootstrap,
}

/// Every metric of the targets' task, the primary one first and with its 95 % interval.
///
/// `outputs` is n × O: class scores, (valence, arousal), or probabilities of action units. Accuracy gets Wilson's interval,
/// unless subjects are known; every other primary metric the BCa bootstrap.
///
/// # Errors
/// [`Error::Data`] if the shapes do not fit together or a value is not finite; [`Error::Interrupted`].
pub fn evaluate(targets: &Targets, outputs: &Matrix, options: &Options<'_>) -> Result<Vec<NamedValue>> {
    let tally = Tally::new(targets, outputs)?;
    let shape = tally.shape();
    let groups = groups(options.subjects, targets.len())?;
    let mut values = values(&tally);
    let measure = Measure::primary(targets.task);
    let Some(primary) = values.first_mut().filter(|primary| primary.n > 0) else {
        return Ok(values);
    };
    primary.interval = if measure == Measure::Accuracy && groups.is_none() {
        let right = (primary.value * primary.n as f64).round();
        wilson(right as u64, primary.n, options.bootstrap.level)
    } else {
        let rows = Contributions::new(tally.len(), shape.width(), groups.as_deref(), |i, sink| {
            tally.emit(i, sink);
        });
        options
            .bootstrap
            .interval(&rows, |sums| measure.value(shape, sums).value)?
    };
    Ok(values)
}

/// Every metric without intervals, as of a split that nobody is judged by.
///
/// # Errors
/// As [`evaluate`].
pub fn plain(targets: &Targets, outputs: &Matrix) -> Result<Vec<NamedValue>> {
    Ok(values(&Tally::new(targets, outputs)?))
}

/// Every metric in the order of [`Measure::all`], without intervals.
pub(crate) fn values(tally: &Tally<'_>) -> Vec<NamedValue> {
    let (shape, total) = (tally.shape(), tally.total());
    shape
        .measures()
        .into_iter()
        .map(|(name, measure)| {
            let value = measure.value(shape, &total);
            NamedValue {
                degenerate: value.degenerate,
                ..NamedValue::new(name, value.value, value.n as u64)
            }
        })
        .collect()
}

/// The task's primary metric alone, by which models are selected.
///
/// # Errors
/// As [`evaluate`].
pub fn primary(targets: &Targets, outputs: &Matrix) -> Result<f64> {
    let tally = Tally::new(targets, outputs)?;
    Ok(Measure::primary(targets.task)
        .value(tally.shape(), &tally.total())
        .value)
}

/// Cluster of each sample, counted from 0 in the order of names, if every sample names a subject and there are at least two.
pub(crate) fn groups(subjects: Option<&[Option<String>]>, samples: usize) -> Result<Option<Vec<usize>>> {
    let Some(subjects) = subjects else {
        return Ok(None);
    };
    if subjects.len() != samples {
        return Err(Error::data(format!(
            "{} subjects are given for {samples} samples; each sample needs one entry",
            subjects.len()
        )));
    }
    let Some(names) = subjects.iter().map(Option::as_deref).collect::<Option<Vec<&str>>>() else {
        return Ok(None);
    };
    let mut index: BTreeMap<&str, usize> = names.iter().map(|&name| (name, 0)).collect();
    if index.len() < 2 {
        return Ok(None);
    }
    for (i, slot) in index.values_mut().enumerate() {
        *slot = i;
    }
    Ok(Some(names.iter().map(|name| index[name]).collect()))
}

/// The values as rows of the metrics table; `split` is `train`, `val`, `test` or `all`, `epoch` is `None` for final values.
pub fn rows(method: &str, split: &str, epoch: Option<i32>, values: &[NamedValue]) -> Vec<MetricRow> {
    values
        .iter()
        .map(|value| MetricRow {
            method: method.to_owned(),
            split: split.to_owned(),
            epoch,
            metric: value.name.clone(),
            value: value.value,
            low: value.interval.map(|i| i.low),
            high: value.interval.map(|i| i.high),
            n: Some(value.n as i64),
            higher_is_better: info(&value.name).and_then(|info| info.higher_is_better),
        })
        .collect()
}

/// What one method says of one set: rows of the tables.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// Name as in every table.
    pub method: &'a str,
    /// `val`, `test`, `test@NAME`.
    pub split: &'a str,
    /// The samples.
    pub set: &'a FeatureSet,
    /// n × O outputs.
    pub outputs: &'a Matrix,
    /// The outputs that are asked; all if `None`.
    pub asked: Option<&'a [usize]>,
}

impl Said<'_> {
    /// Every metric with its interval, of the outputs that are asked, and every prediction.
    ///
    /// # Errors
    /// As [`evaluate`].
    pub fn rows(&self, bootstrap: Bootstrap) -> Result<(Vec<MetricRow>, Vec<PredictionRow>)> {
        let Self {
            method,
            split,
            set,
            outputs,
            asked,
        } = *self;
        let options = Options {
            subjects: Some(&set.subjects),
            bootstrap,
        };
        let values = match asked {
            None => evaluate(&set.targets, outputs, &options)?,
            Some(asked) => evaluate(&set.targets.columns(asked), &outputs.columns(asked), &options)?,
        };
        let predictions = prediction_rows(method, split, &set.sample_ids, &set.targets, outputs, asked)?;
        Ok((rows(method, split, None, &values), predictions))
    }
}

/// What a method says of each sample of a split, as rows of the predictions table; `outputs` is n × O. Where some outputs alone are
/// `asked`, the class predicted is one of them.
///
/// # Errors
/// [`Error::Data`] if there is not one identifier, target and output row a sample.
pub fn prediction_rows(
    method: &str,
    split: &str,
    sample_ids: &[String],
    targets: &Targets,
    outputs: &Matrix,
    asked: Option<&[usize]>,
) -> Result<Vec<PredictionRow>> {
    let (n, o) = (sample_ids.len(), targets.outputs());
    if outputs.rows != n || outputs.cols != o || targets.len() != n {
        return Err(Error::data(format!(
            "{n} samples of {o} outputs got {} rows of {} from {method}",
            outputs.rows, outputs.cols
        )));
    }
    Ok((0..n)
        .map(|i| {
            let output = outputs.row(i);
            let classes = targets.task == Task::Expression;
            let label = targets.class(i).map(|c| c as i32);
            let among = |asked: &[usize]| {
                let said: Vec<f32> = asked.iter().map(|&column| output[column]).collect();
                asked.get(expression::argmax(&said)).copied().unwrap_or_default()
            };
            let prediction = classes.then(|| asked.map_or_else(|| expression::argmax(output), among) as i32);
            PredictionRow {
                method: method.to_owned(),
                sample_id: sample_ids[i].clone(),
                split: split.to_owned(),
                label,
                prediction,
                correct: label.zip(prediction).map(|(label, prediction)| label == prediction),
                target: (i * o..(i + 1) * o)
                    .map(|at| targets.known[at].then_some(targets.values[at]))
                    .collect(),
                output: output.to_vec(),
            }
        })
        .collect())
}
