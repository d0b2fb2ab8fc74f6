//! Whom a run serves, row by row: `attributes.parquet` and `subgroups.parquet` of a run folder.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch};

use crate::record::{Table, batch, strings, texts};

/// What is known of who is in a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeRow {
    /// The sample.
    pub sample_id: String,
    /// Name of the attribute, as `age`.
    pub attribute: String,
    /// Its value; `None` where it is not known.
    pub value: Option<String>,
}

/// A metric of one method on the test samples of a group, or the largest gap between the groups of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct SubgroupRow {
    /// Name of the attribute.
    pub attribute: String,
    /// `group` or `gap`.
    pub kind: String,
    /// The group's value of the attribute; `None` for samples without one, and of a gap.
    pub part: Option<String>,
    /// As in [`MetricRow::method`].
    pub method: String,
    /// As in [`MetricRow::metric`].
    pub metric: String,
    /// Mean over seeds (and folds that have the group); of a gap the greatest less the least of the groups that count.
    pub value: f64,
    /// Lower end of its 95 % interval.
    pub low: Option<f64>,
    /// Upper end of its 95 % interval.
    pub high: Option<f64>,
    /// Test samples that the metric rests on.
    pub n: i64,
    /// Subjects, where every sample names one, or else samples that were resampled.
    pub clusters: i64,
    /// Whether a group takes part in the gap.
    pub counted: bool,
    /// Fewest samples of a group that does.
    pub least: i64,
    /// Of a gap: the group with the greatest value.
    pub highest: Option<String>,
    /// Of a gap: the group with the least value.
    pub lowest: Option<String>,
}

impl Table for AttributeRow {
    fn batch(rows: &[Self]) -> std::result::Result<RecordBatch, arrow::error::ArrowError> {
        batch(vec![
            ("sample_id", false, strings(rows.iter().map(|r| r.sample_id.as_str()))),
            ("attribute", false, strings(rows.iter().map(|r| r.attribute.as_str()))),
            ("value", true, texts(rows.iter().map(|r| r.value.as_deref()))),
        ])
    }
}

impl Table for SubgroupRow {
    fn batch(rows: &[Self]) -> std::result::Result<RecordBatch, arrow::error::ArrowError> {
        let maybe =
            |of: fn(&Self) -> Option<f64>| -> ArrayRef { Arc::new(rows.iter().map(of).collect::<Float64Array>()) };
        let count = |of: fn(&Self) -> i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(rows.iter().map(of))) };
        batch(vec![
            ("attribute", false, strings(rows.iter().map(|r| r.attribute.as_str()))),
            ("kind", false, strings(rows.iter().map(|r| r.kind.as_str()))),
            ("part", true, texts(rows.iter().map(|r| r.part.as_deref()))),
            ("method", false, strings(rows.iter().map(|r| r.method.as_str()))),
            ("metric", false, strings(rows.iter().map(|r| r.metric.as_str()))),
            ("value", false, maybe(|r| Some(r.value))),
            ("low", true, maybe(|r| r.low)),
            ("high", true, maybe(|r| r.high)),
            ("n", false, count(|r| r.n)),
            ("clusters", false, count(|r| r.clusters)),
            (
                "counted",
                false,
                Arc::new(rows.iter().map(|r| Some(r.counted)).collect::<BooleanArray>()),
            ),
            ("least", false, count(|r| r.least)),
            ("highest", true, texts(rows.iter().map(|r| r.highest.as_deref()))),
            ("lowest", true, texts(rows.iter().map(|r| r.lowest.as_deref()))),
        ])
    }
}
