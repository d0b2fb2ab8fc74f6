//! Multi-label detection of action units: counts pooled over the split, unknown labels masked.

use super::expression::ratio;

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
