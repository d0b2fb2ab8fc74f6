//! What a rival achieved, as rows of the tables.

use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::metric::Bootstrap;
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
    /// Its metrics on the same splits, the primary one with a 95 % interval, and what it was fitted with (split `all`).
    pub metrics: Vec<MetricRow>,
}

impl RivalOutcome {
    /// Adds settings as metrics `setting_<name>` of split `all`.
    pub(crate) fn fitted_with(&mut self, settings: &[(&str, f64)]) {
        for (name, value) in settings {
            let row = MetricRow::of_no_split(&self.method, &format!("setting_{name}"), *value, None);
            self.metrics.push(row);
        }
    }

    pub(crate) fn add(
        &mut self,
        split: Split,
        set: &FeatureSet,
        outputs: &Matrix,
        interrupt: &Interrupt,
    ) -> Result<()> {
        let options = Options {
            subjects: Some(&set.subjects),
            bootstrap: Bootstrap::hearing(interrupt),
        };
        let values = evaluate::evaluate(&set.targets, outputs, &options)?;
        self.metrics
            .extend(evaluate::rows(&self.method, split.as_str(), None, &values));
        self.predictions.extend(evaluate::prediction_rows(
            &self.method,
            split,
            &set.sample_ids,
            &set.targets,
            outputs,
        )?);
        Ok(())
    }
}
