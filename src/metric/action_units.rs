//! Multi-label detection of action units: counts pooled over the split, unknown labels masked.

use crate::error::{Error, Result};

use super::expression::ratio;
use super::named::NamedValue;

/// A probability of at least this says "active". torchmetrics asks for more than the threshold instead.
pub const THRESHOLD: f32 = 0.5;

/// Counts a unit contributes: tp, fp, fn, tn.
pub(crate) const SUMS: usize = 4;

/// Outcomes of one action unit over the samples whose label is known.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Counts {
    /// Active and found.
    pub tp: f64,
    /// Inactive, said to be active.
    pub fp: f64,
    /// Active and missed.
    pub fn_: f64,
    /// Inactive, and said so.
    pub tn: f64,
}

impl Counts {
    /// Counts `probabilities` at [`THRESHOLD`] against `labels`; `None` labels are skipped.
    ///
    /// # Errors
    /// [`Error::Data`] if the lists differ in length.
    pub fn new(labels: &[Option<bool>], probabilities: &[f32]) -> Result<Self> {
        if labels.len() != probabilities.len() {
            return Err(Error::data(format!(
                "{} labels stand against {} probabilities; each sample needs one of both",
                labels.len(),
                probabilities.len()
            )));
        }
        let mut sums = [0.0; SUMS];
        for (label, &p) in labels.iter().zip(probabilities) {
            if let Some(label) = label {
                sums[outcome(*label, p)] += 1.0;
            }
        }
        Ok(Self::from_sums(&sums))
    }

    pub(crate) fn from_sums(sums: &[f64]) -> Self {
        Self {
            tp: sums[0],
            fp: sums[1],
            fn_: sums[2],
            tn: sums[3],
        }
    }

    /// Samples counted.
    pub fn n(&self) -> f64 {
        self.tp + self.fp + self.fn_ + self.tn
    }

    /// 2·tp / (2·tp + fp + fn); `None` where that is 0/0: no active label and no detection.
    pub fn f1(&self) -> Option<f64> {
        let total = 2.0 * self.tp + self.fp + self.fn_;
        (total > 0.0).then(|| 2.0 * self.tp / total)
    }

    /// Share of right answers; 0 without samples.
    pub fn accuracy(&self) -> f64 {
        ratio(self.tp + self.tn, self.n())
    }
}

/// Position of a sample's outcome among tp, fp, fn, tn.
pub(crate) fn outcome(label: bool, probability: f32) -> usize {
    match (label, probability >= THRESHOLD) {
        (true, true) => 0,
        (false, true) => 1,
        (true, false) => 2,
        (false, false) => 3,
    }
}

/// ICC(3,1) of two raters: two-way mixed effects, consistency, single measures (Shrout & Fleiss 1979).
///
/// `(BMS − EMS) / (BMS + EMS)` with BMS the mean square between samples and EMS the residual one. `None` if there are fewer
/// than two samples or no variance at all.
///
/// # Errors
/// [`Error::Data`] if the lists differ in length.
pub fn icc_3_1(labels: &[f64], outputs: &[f64]) -> Result<Option<f64>> {
    if labels.len() != outputs.len() {
        return Err(Error::data(format!(
            "{} labels stand against {} outputs; each sample needs one of both",
            labels.len(),
            outputs.len()
        )));
    }
    if labels.len() < 2 {
        return Ok(None);
    }
    let n = labels.len() as f64;
    let (mean_x, mean_y) = (labels.iter().sum::<f64>() / n, outputs.iter().sum::<f64>() / n);
    // With two raters the between-sample part is half the squared centred sum, the residual half the squared difference.
    let (mut between, mut residual) = (0.0, 0.0);
    for (x, y) in labels.iter().zip(outputs) {
        let (u, v) = (x - mean_x, y - mean_y);
        between += 0.5 * (u + v) * (u + v);
        residual += 0.5 * (u - v) * (u - v);
    }
    let total = between + residual;
    Ok((total > 0.0).then(|| (between - residual) / total))
}

/// Intensity agreement per action unit: `icc_<unit>` for every unit and `icc_avg`, their mean.
///
/// `labels` and `outputs` hold one list a unit; `None` labels are skipped. A unit whose ICC is undefined counts as 0 and is
/// marked degenerate.
///
/// # Errors
/// [`Error::Data`] if the shapes do not fit together.
pub fn intensities(names: &[String], labels: &[Vec<Option<f64>>], outputs: &[Vec<f64>]) -> Result<Vec<NamedValue>> {
    if names.len() != labels.len() || names.len() != outputs.len() {
        return Err(Error::data(format!(
            "{} action units stand against {} lists of labels and {} lists of outputs",
            names.len(),
            labels.len(),
            outputs.len()
        )));
    }
    let mut values = Vec::with_capacity(names.len() + 1);
    for ((name, labels), outputs) in names.iter().zip(labels).zip(outputs) {
        if labels.len() != outputs.len() {
            return Err(Error::data(format!(
                "{name} has {} labels and {} outputs; each sample needs one of both",
                labels.len(),
                outputs.len()
            )));
        }
        let (x, y): (Vec<f64>, Vec<f64>) = labels
            .iter()
            .zip(outputs)
            .filter_map(|(l, &o)| l.map(|l| (l, o)))
            .unzip();
        let icc = icc_3_1(&x, &y)?;
        values.push(NamedValue {
            degenerate: icc.is_none(),
            ..NamedValue::new(format!("icc_{name}"), icc.unwrap_or(0.0), x.len() as u64)
        });
    }
    let n = values.iter().map(|v| v.n).max().unwrap_or(0);
    let mean = crate::metric::expression::mean(values.iter().map(|v| v.value));
    values.insert(
        0,
        NamedValue {
            degenerate: values.iter().any(|v| v.degenerate),
            ..NamedValue::new("icc_avg".to_owned(), mean, n)
        },
    );
    Ok(values)
}

/// Means over folds of equally named values, in the first fold's order.
///
/// A name that any fold lacks is left out: a mean over what happens to be there is not the mean over folds.
pub fn mean_over_folds(folds: &[Vec<NamedValue>]) -> Vec<NamedValue> {
    let Some(first) = folds.first() else {
        return Vec::new();
    };
    first
        .iter()
        .filter_map(|value| {
            let same: Option<Vec<&NamedValue>> = folds
                .iter()
                .map(|fold| fold.iter().find(|v| v.name == value.name))
                .collect();
            let same = same?;
            Some(NamedValue {
                degenerate: same.iter().any(|v| v.degenerate),
                ..NamedValue::new(
                    value.name.clone(),
                    crate::metric::expression::mean(same.iter().map(|v| v.value)),
                    same.iter().map(|v| v.n).sum(),
                )
            })
        })
        .collect()
}
