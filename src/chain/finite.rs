//! Numbers that are no numbers stop a run.

use crate::error::{Error, Result};
use crate::record::MetricRow;

/// A number that is not a number must stop the run, not travel into a table.
pub(crate) fn check_finite(metrics: &[MetricRow]) -> Result<()> {
    match metrics.iter().find(|row| !row.value.is_finite()) {
        None => Ok(()),
        Some(row) => Err(Error::diverged(format!(
            "{} of {} on {} is {}: training diverged; try a smaller train.lr",
            row.metric, row.method, row.split, row.value
        ))),
    }
}
