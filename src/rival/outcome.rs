//! What a rival achieved, as rows of the tables.

use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::metric::Bootstrap;
use crate::metric::evaluate::Said;
use crate::record::{MetricRow, PredictionRow};
use crate::sets::{FeatureSet, Matrix, TestSet};
use crate::task::Split;

/// What one rival achieved.
#[derive(Debug, Clone, PartialEq)]
pub struct RivalOutcome {
    /// Name as in every table: that of its kind, perhaps with `_tokens` or `_mean_tokens` behind it.
    pub method: String,
    /// Its outputs on the validation split (where there is one), the test split, and other databases.
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
        self.extend(split.as_str(), set, outputs, None, interrupt)
    }

    /// As [`Self::add`], of another database.
    pub(crate) fn add_other(&mut self, test: &TestSet, outputs: &Matrix, interrupt: &Interrupt) -> Result<()> {
        self.extend(&test.split, &test.set, outputs, Some(&test.asked), interrupt)
    }

    fn extend(
        &mut self,
        split: &str,
        set: &FeatureSet,
        outputs: &Matrix,
        asked: Option<&[usize]>,
        interrupt: &Interrupt,
    ) -> Result<()> {
        let said = Said {
            method: &self.method,
            split,
            set,
            outputs,
            asked,
        };
        let (metrics, predictions) = said.rows(Bootstrap::hearing(interrupt))?;
        self.metrics.extend(metrics);
        self.predictions.extend(predictions);
        Ok(())
    }
}
