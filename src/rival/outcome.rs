//! What a rival achieved, as rows of the tables.

use crate::error::Result;
use crate::metric::evaluate::{self, Options};
use crate::record::{MetricRow, PredictionRow};
use crate::sets::{FeatureSet, Matrix};
use crate::task::Split;

/// What one rival achieved.
#[derive(Debug, Clone, PartialEq)]
pub struct RivalOutcome {
    /// Name as in every table: that of its kind, perhaps with `_tokens` or `_mean_tokens` behind it.
    pub method: String,
    /// Its outputs on the validation split (where there is one) and the test split.
    pub predictions: Vec<PredictionRow>,
    /// Its metrics on the same splits, the primary one with a 95 % interval.
    pub metrics: Vec<MetricRow>,
    /// Which settings were chosen, in a few words.
    pub note: String,
    /// Wall time of fitting and predicting.
    pub seconds: f64,
}

impl RivalOutcome {
    pub(crate) fn add(&mut self, split: Split, set: &FeatureSet, outputs: &Matrix) -> Result<()> {
        let options = Options {
            subjects: Some(&set.subjects),
            ..Options::default()
        };
        let values = evaluate::evaluate(&set.targets, outputs, &options)?;
        self.metrics
            .extend(evaluate::rows(&self.method, split.as_str(), None, &values));
        self.predictions
            .extend(evaluate::prediction_rows(&self.method, split, set, outputs)?);
        Ok(())
    }
}
