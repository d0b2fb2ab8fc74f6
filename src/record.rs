//! What a run leaves, row by row: the tables of a run folder.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Float32Array, Float32Builder, Float64Array, Int32Array, Int32Builder, Int64Array,
    ListBuilder, RecordBatch, StringArray, StringBuilder,
};
use arrow::datatypes::{DataType, Field, Schema};

/// Version of the tables of a run folder, in every file's metadata under `aura-bench.schema`.
pub const SCHEMA_VERSION: &str = "1";

/// One number: a metric of one method on one split, at one epoch or at the end.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricRow {
    /// `aura`, `aura_mixture`, or the name of a baseline (`knn`, `logistic`, …).
    pub method: String,
    /// `train`, `val`, `test`, or `all` for what belongs to no split (dictionary health).
    pub split: String,
    /// 1-based epoch; `None` for the final value after selection and pruning.
    pub epoch: Option<i32>,
    /// Name, for example `acc`, `loss_vas`, `codebook_active`.
    pub metric: String,
    /// The value; fractions, never per cent.
    pub value: f64,
    /// Lower end of the 95 % interval, where one is computed.
    pub low: Option<f64>,
    /// Upper end of the 95 % interval.
    pub high: Option<f64>,
    /// Samples that the value rests on.
    pub n: Option<i64>,
    /// Whether a larger value is better; `None` where neither is.
    pub higher_is_better: Option<bool>,
}

impl MetricRow {
    /// A final value that belongs to no split.
    pub fn of_no_split(method: &str, metric: &str, value: f64, higher_is_better: Option<bool>) -> Self {
        Self {
            method: method.to_owned(),
            split: "all".to_owned(),
            epoch: None,
            metric: metric.to_owned(),
            value,
            low: None,
            high: None,
            n: None,
            higher_is_better,
        }
    }
}

/// What one method says of one sample.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictionRow {
    /// As in [`MetricRow::method`].
    pub method: String,
    /// The sample.
    pub sample_id: String,
    /// Its split.
    pub split: String,
    /// Class index of the label (expression).
    pub label: Option<i32>,
    /// Class index predicted (expression).
    pub prediction: Option<i32>,
    /// Whether they agree (expression).
    pub correct: Option<bool>,
    /// The O target values (one-hot, valence/arousal, 0/1); `None` entries are unknown.
    pub target: Vec<Option<f32>>,
    /// The O outputs (probabilities, valence/arousal).
    pub output: Vec<f32>,
}

/// The archetype that a sample was matched with, after pruning.
#[derive(Debug, Clone, PartialEq)]
pub struct AssignmentRow {
    /// The sample.
    pub sample_id: String,
    /// Its split.
    pub split: String,
    /// Primal (nearest) archetype.
    pub archetype: i32,
    /// Cosine similarity with it.
    pub similarity: f32,
    /// Second nearest archetype, if more than one is kept.
    pub second: Option<i32>,
    /// `similarity` minus the second's.
    pub margin: Option<f32>,
    /// The k nearest archetypes, nearest first.
    pub top_archetypes: Vec<i32>,
    /// Their similarities.
    pub top_similarities: Vec<f32>,
}

/// One entry of the dictionary.
#[derive(Debug, Clone, PartialEq)]
pub struct ArchetypeRow {
    /// Index in the dictionary, 0-based, stable under pruning.
    pub archetype: i32,
    /// Whether it is kept at inference.
    pub active: bool,
    /// Training samples matched with it after pruning (0 if pruned).
    pub uses: i64,
    /// Its share of the training samples before pruning.
    pub alpha: f64,
    /// Class of the archetype: argmax of its value (expression).
    pub label: Option<i32>,
    /// Name of that class.
    pub label_name: Option<String>,
    /// The archetype's value V: class distribution, (valence, arousal), or AU activations.
    pub value: Vec<f32>,
    /// What the primal read-out says of a sample of this archetype: its value, fitted to the task (`model.readout_fit`).
    pub output: Vec<f32>,
    /// The unit vector e, d values.
    pub embedding: Vec<f32>,
    /// Training samples most similar to it, most similar first.
    pub nearest: Vec<String>,
    /// Their similarities.
    pub nearest_similarity: Vec<f32>,
}

/// A point of a map: a sample or an archetype.
#[derive(Debug, Clone, PartialEq)]
pub struct MapRow {
    /// Place of the map among those of the run, 0-based.
    pub place: i32,
    /// `archetypes`, `aura` (samples and archetypes in the projected space), `encoder`, or the name of another model.
    pub space: String,
    /// The sample, if the point is one.
    pub sample_id: Option<String>,
    /// The archetype, if the point is one.
    pub archetype: Option<i32>,
    /// Horizontal; maps have neither scale nor direction.
    pub x: f32,
    /// Vertical.
    pub y: f32,
}

/// How well classes lie apart in a space, and how far its map keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct SeparabilityRow {
    /// As in [`MapRow`].
    pub place: i32,
    /// As in [`MapRow`].
    pub space: String,
    /// `silhouette`, `purity` (both by cosine), `silhouette_map`, `purity_map`, `trustworthiness`.
    pub measure: String,
    /// The value.
    pub value: f64,
    /// Points that it rests on.
    pub n: i64,
}

/// How a read-out of AURA stands against one rival on the test split, in the task's primary metric.
#[derive(Debug, Clone, PartialEq)]
pub struct StandingRow {
    /// `aura`, `aura_mixture` or `aura_tuned`.
    pub read_out: String,
    /// The rival.
    pub method: String,
    /// The task's primary metric.
    pub metric: String,
    /// AURA minus the rival, means over seeds (and folds).
    pub lead: f64,
    /// Lower end of its 95 % interval.
    pub low: Option<f64>,
    /// Upper end of its 95 % interval.
    pub high: Option<f64>,
    /// Two-sided p-value: the larger of that over the test samples and that over the seeds.
    pub p: Option<f64>,
    /// `p` after Holm's correction over all rivals of the read-out.
    pub p_holm: Option<f64>,
    /// `above` or `below` where `p_holm` is below 0.05 and the interval does not hold 0, else `level`.
    pub verdict: String,
    /// Subjects, where every sample names one, or else samples that were resampled.
    pub clusters: i64,
}

/// A sample whose picture is in a later split too: training before validation before test.
#[derive(Debug, Clone, PartialEq)]
pub struct DuplicateRow {
    /// The fold that was tested on, in a run with folds.
    pub fold: Option<i32>,
    /// The sample.
    pub sample_id: String,
    /// Its split: `train` or `val`.
    pub split: String,
    /// The first sample of the other split with the same picture.
    pub same_as: String,
    /// The other split: `val` or `test`.
    pub same_split: String,
    /// `bytes`: the image files are equal; `features`: the features are.
    pub same: String,
    /// Whether the sample was taken out for it (`protocol.duplicates`).
    pub dropped: bool,
}

/// A label that somebody has looked at again (`protocol.relabel`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelabelRow {
    /// The sample.
    pub sample_id: String,
    /// Split in which it takes part; with folds, that in which it is tested. `None`: the protocol leaves the sample or the output out.
    pub split: Option<String>,
    /// `expression`, `valence`, `arousal`, or the column of an action unit.
    pub output: String,
    /// The database's own label: a class, a number, 0 or 1 of a unit; `None` if it has none.
    pub from: Option<String>,
    /// `keep`, `change` or `unsure`.
    pub decision: String,
    /// Of a change, the label in force.
    pub to: Option<String>,
}

/// A test sample of which predictions made elsewhere say nothing that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingRow {
    /// The sample.
    pub sample_id: String,
    /// `no_row`; `no_face`: the tool says that it found none; `no_values`: the row is empty; `other_class`: the class is none of the
    /// protocol's, which is a wrong answer.
    pub reason: String,
}

/// One replacement of an under-used archetype during the warm-up (appendix B).
#[derive(Debug, Clone, PartialEq)]
pub struct ResetRow {
    /// 1-based epoch at whose end it happened.
    pub epoch: i32,
    /// The archetype replaced.
    pub archetype: i32,
    /// Its usage share since the last reset.
    pub alpha: f64,
    /// The training sample whose projection took its place.
    pub sample_id: String,
}

/// Training samples that left one archetype for another between two looks at their split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowRow {
    /// 1-based epoch at whose end they were found there.
    pub epoch: i32,
    /// The archetype that they left; `None` at the first look.
    pub from: Option<i32>,
    /// The archetype that they are nearest to now.
    pub to: i32,
    /// How many.
    pub n: i32,
    /// `start`: the first look, which counts all; `training`; `freezing`: archetypes were joined and pruned after training.
    pub cause: String,
}

/// Whose rows a table holds. It leads every table of results, so that files of many runs can be read as one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// Name of the run folder.
    pub run: String,
    /// Fold, in a run with folds, and seed; `None` in a table of the whole run.
    pub unit: Option<(Option<i32>, i64)>,
}

impl Origin {
    /// The batch behind the columns `run` and, in a table of one seed, `fold` and `seed`.
    ///
    /// # Errors
    /// If the columns do not fit together, which is a defect of this crate.
    pub fn lead(&self, batch: &RecordBatch) -> std::result::Result<RecordBatch, arrow::error::ArrowError> {
        let rows = batch.num_rows();
        let run: ArrayRef = Arc::new(StringArray::from(vec![self.run.as_str(); rows]));
        let mut fields = vec![Field::new("run", DataType::Utf8, false)];
        let mut columns = vec![run];
        if let Some((fold, seed)) = self.unit {
            fields.push(Field::new("fold", DataType::Int32, true));
            fields.push(Field::new("seed", DataType::Int64, false));
            columns.push(Arc::new(Int32Array::from(vec![fold; rows])));
            columns.push(Arc::new(Int64Array::from(vec![seed; rows])));
        }
        fields.extend(batch.schema().fields().iter().map(|field| field.as_ref().clone()));
        columns.extend(batch.columns().iter().cloned());
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
    }
}

/// Rows that know their Parquet form.
pub trait Table: Sized {
    /// The rows as one Arrow record batch.
    ///
    /// # Errors
    /// If the columns do not fit together, which is a defect of this crate.
    fn batch(rows: &[Self]) -> std::result::Result<RecordBatch, arrow::error::ArrowError>;
}

pub(crate) fn batch(
    columns: Vec<(&str, bool, ArrayRef)>,
) -> std::result::Result<RecordBatch, arrow::error::ArrowError> {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, nullable, array)| Field::new(*name, array.data_type().clone(), *nullable))
        .collect();
    RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        columns.into_iter().map(|(_, _, array)| array).collect(),
    )
}

pub(crate) fn strings<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

pub(crate) fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

pub(crate) fn float_lists<'a>(rows: impl Iterator<Item = &'a [f32]>) -> ArrayRef {
    let mut builder = ListBuilder::new(Float32Builder::new()).with_field(Field::new("item", DataType::Float32, true));
    for row in rows {
        builder.values().append_slice(row);
        builder.append(true);
    }
    Arc::new(builder.finish())
}

impl Table for MetricRow {
    fn batch(rows: &[Self]) -> std::result::Result<RecordBatch, arrow::error::ArrowError> {
        batch(vec![
            ("method", false, strings(rows.iter().map(|r| r.method.as_str()))),
            ("split", false, strings(rows.iter().map(|r| r.split.as_str()))),
            (
                "epoch",
                true,
                Arc::new(rows.iter().map(|r| r.epoch).collect::<Int32Array>()),
            ),
            ("metric", false, strings(rows.iter().map(|r| r.metric.as_str()))),
            (
                "value",
                false,
                Arc::new(Float64Array::from_iter_values(rows.iter().map(|r| r.value))),
            ),
            (
                "low",
                true,
                Arc::new(rows.iter().map(|r| r.low).collect::<Float64Array>()),
            ),
            (
                "high",
                true,
                Arc::new(rows.iter().map(|r| r.high).collect::<Float64Array>()),
            ),
            ("n", true, Arc::new(rows.iter().map(|r| r.n).collect::<Int64Array>())),
            (
                "higher_is_better",
                true,
                Arc::new(rows.iter().map(|r| r.higher_is_better).collect::<BooleanArray>()),
            ),
        ])
    }
}

impl Table for PredictionRow {
    fn batch(rows: &[Self]) -> std::result::Result<RecordBatch, arrow::error::ArrowError> {
        let mut target =
            ListBuilder::new(Float32Builder::new()).with_field(Field::new("item", DataType::Float32, true));
        for row in rows {
            for &value in &row.target {
                target.values().append_option(value);
            }
            target.append(true);
        }
        batch(vec![
            ("method", false, strings(rows.iter().map(|r| r.method.as_str()))),
            ("sample_id", false, strings(rows.iter().map(|r| r.sample_id.as_str()))),
            ("split", false, strings(rows.iter().map(|r| r.split.as_str()))),
            (
                "label",
                true,
                Arc::new(rows.iter().map(|r| r.label).collect::<Int32Array>()),
            ),
            (
                "prediction",
                true,
                Arc::new(rows.iter().map(|r| r.prediction).collect::<Int32Array>()),
            ),
            (
                "correct",
                true,
                Arc::new(rows.iter().map(|r| r.correct).collect::<BooleanArray>()),
            ),
            ("target", false, Arc::new(target.finish())),
            ("output", false, float_lists(rows.iter().map(|r| r.output.as_slice()))),
        ])
    }
}

impl Table for StandingRow {
    fn batch(rows: &[Self]) -> std::result::Result<RecordBatch, arrow::error::ArrowError> {
        let maybe =
            |of: fn(&Self) -> Option<f64>| -> ArrayRef { Arc::new(rows.iter().map(of).collect::<Float64Array>()) };
        batch(vec![
            ("read_out", false, strings(rows.iter().map(|r| r.read_out.as_str()))),
            ("method", false, strings(rows.iter().map(|r| r.method.as_str()))),
            ("metric", false, strings(rows.iter().map(|r| r.metric.as_str()))),
            ("lead", false, maybe(|r| Some(r.lead))),
            ("low", true, maybe(|r| r.low)),
            ("high", true, maybe(|r| r.high)),
            ("p", true, maybe(|r| r.p)),
            ("p_holm", true, maybe(|r| r.p_holm)),
            ("verdict", false, strings(rows.iter().map(|r| r.verdict.as_str()))),
            (
                "clusters",
                false,
                Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.clusters))),
            ),
        ])
    }
}

impl Table for MissingRow {
    fn batch(rows: &[Self]) -> std::result::Result<RecordBatch, arrow::error::ArrowError> {
        batch(vec![
            ("sample_id", false, strings(rows.iter().map(|r| r.sample_id.as_str()))),
            ("reason", false, strings(rows.iter().map(|r| r.reason.as_str()))),
        ])
    }
}

impl Table for DuplicateRow {
    fn batch(rows: &[Self]) -> std::result::Result<RecordBatch, arrow::error::ArrowError> {
        batch(vec![
            (
                "fold",
                true,
                Arc::new(rows.iter().map(|r| r.fold).collect::<Int32Array>()),
            ),
            ("sample_id", false, strings(rows.iter().map(|r| r.sample_id.as_str()))),
            ("split", false, strings(rows.iter().map(|r| r.split.as_str()))),
            ("same_as", false, strings(rows.iter().map(|r| r.same_as.as_str()))),
            ("same_split", false, strings(rows.iter().map(|r| r.same_split.as_str()))),
            ("same", false, strings(rows.iter().map(|r| r.same.as_str()))),
            (
                "dropped",
                false,
                Arc::new(rows.iter().map(|r| Some(r.dropped)).collect::<BooleanArray>()),
            ),
        ])
    }
}

impl Table for RelabelRow {
    fn batch(rows: &[Self]) -> std::result::Result<RecordBatch, arrow::error::ArrowError> {
        batch(vec![
            ("sample_id", false, strings(rows.iter().map(|r| r.sample_id.as_str()))),
            ("split", true, texts(rows.iter().map(|r| r.split.as_deref()))),
            ("output", false, strings(rows.iter().map(|r| r.output.as_str()))),
            ("from", true, texts(rows.iter().map(|r| r.from.as_deref()))),
            ("decision", false, strings(rows.iter().map(|r| r.decision.as_str()))),
            ("to", true, texts(rows.iter().map(|r| r.to.as_deref()))),
        ])
    }
}

impl Table for AssignmentRow {
    fn batch(rows: &[Self]) -> std::result::Result<RecordBatch, arrow::error::ArrowError> {
        let mut top = ListBuilder::new(Int32Builder::new()).with_field(Field::new("item", DataType::Int32, true));
        for row in rows {
            top.values().append_slice(&row.top_archetypes);
            top.append(true);
        }
        batch(vec![
            ("sample_id", false, strings(rows.iter().map(|r| r.sample_id.as_str()))),
            ("split", false, strings(rows.iter().map(|r| r.split.as_str()))),
            (
                "archetype",
                false,
                Arc::new(Int32Array::from_iter_values(rows.iter().map(|r| r.archetype))),
            ),
            (
                "similarity",
                false,
                Arc::new(Float32Array::from_iter_values(rows.iter().map(|r| r.similarity))),
            ),
            (
                "second",
                true,
                Arc::new(rows.iter().map(|r| r.second).collect::<Int32Array>()),
            ),
            (
                "margin",
                true,
                Arc::new(rows.iter().map(|r| r.margin).collect::<Float32Array>()),
            ),
            ("top_archetypes", false, Arc::new(top.finish())),
            (
                "top_similarities",
                false,
                float_lists(rows.iter().map(|r| r.top_similarities.as_slice())),
            ),
        ])
    }
}

impl Table for ArchetypeRow {
    fn batch(rows: &[Self]) -> std::result::Result<RecordBatch, arrow::error::ArrowError> {
        let mut nearest = ListBuilder::new(StringBuilder::new()).with_field(Field::new("item", DataType::Utf8, true));
        for row in rows {
            for id in &row.nearest {
                nearest.values().append_value(id);
            }
            nearest.append(true);
        }
        batch(vec![
            (
                "archetype",
                false,
                Arc::new(Int32Array::from_iter_values(rows.iter().map(|r| r.archetype))),
            ),
            (
                "active",
                false,
                Arc::new(rows.iter().map(|r| Some(r.active)).collect::<BooleanArray>()),
            ),
            (
                "uses",
                false,
                Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.uses))),
            ),
            (
                "alpha",
                false,
                Arc::new(Float64Array::from_iter_values(rows.iter().map(|r| r.alpha))),
            ),
            (
                "label",
                true,
                Arc::new(rows.iter().map(|r| r.label).collect::<Int32Array>()),
            ),
            (
                "label_name",
                true,
                Arc::new(rows.iter().map(|r| r.label_name.as_deref()).collect::<StringArray>()),
            ),
            ("value", false, float_lists(rows.iter().map(|r| r.value.as_slice()))),
            ("output", false, float_lists(rows.iter().map(|r| r.output.as_slice()))),
            (
                "embedding",
                false,
                float_lists(rows.iter().map(|r| r.embedding.as_slice())),
            ),
            ("nearest", false, Arc::new(nearest.finish())),
            (
                "nearest_similarity",
                false,
                float_lists(rows.iter().map(|r| r.nearest_similarity.as_slice())),
            ),
        ])
    }
}

impl Table for MapRow {
    fn batch(rows: &[Self]) -> std::result::Result<RecordBatch, arrow::error::ArrowError> {
        batch(vec![
            (
                "place",
                false,
                Arc::new(Int32Array::from_iter_values(rows.iter().map(|r| r.place))),
            ),
            ("space", false, strings(rows.iter().map(|r| r.space.as_str()))),
            (
                "sample_id",
                true,
                Arc::new(rows.iter().map(|r| r.sample_id.as_deref()).collect::<StringArray>()),
            ),
            (
                "archetype",
                true,
                Arc::new(rows.iter().map(|r| r.archetype).collect::<Int32Array>()),
            ),
            (
                "x",
                false,
                Arc::new(Float32Array::from_iter_values(rows.iter().map(|r| r.x))),
            ),
            (
                "y",
                false,
                Arc::new(Float32Array::from_iter_values(rows.iter().map(|r| r.y))),
            ),
        ])
    }
}

impl Table for SeparabilityRow {
    fn batch(rows: &[Self]) -> std::result::Result<RecordBatch, arrow::error::ArrowError> {
        batch(vec![
            (
                "place",
                false,
                Arc::new(Int32Array::from_iter_values(rows.iter().map(|r| r.place))),
            ),
            ("space", false, strings(rows.iter().map(|r| r.space.as_str()))),
            ("measure", false, strings(rows.iter().map(|r| r.measure.as_str()))),
            (
                "value",
                false,
                Arc::new(Float64Array::from_iter_values(rows.iter().map(|r| r.value))),
            ),
            (
                "n",
                false,
                Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.n))),
            ),
        ])
    }
}

impl Table for ResetRow {
    fn batch(rows: &[Self]) -> std::result::Result<RecordBatch, arrow::error::ArrowError> {
        batch(vec![
            (
                "epoch",
                false,
                Arc::new(Int32Array::from_iter_values(rows.iter().map(|r| r.epoch))),
            ),
            (
                "archetype",
                false,
                Arc::new(Int32Array::from_iter_values(rows.iter().map(|r| r.archetype))),
            ),
            (
                "alpha",
                false,
                Arc::new(Float64Array::from_iter_values(rows.iter().map(|r| r.alpha))),
            ),
            ("sample_id", false, strings(rows.iter().map(|r| r.sample_id.as_str()))),
        ])
    }
}

impl Table for FlowRow {
    fn batch(rows: &[Self]) -> std::result::Result<RecordBatch, arrow::error::ArrowError> {
        let whole = |of: fn(&Self) -> i32| -> ArrayRef { Arc::new(Int32Array::from_iter_values(rows.iter().map(of))) };
        let from: ArrayRef = Arc::new(rows.iter().map(|r| r.from).collect::<Int32Array>());
        batch(vec![
            ("epoch", false, whole(|r| r.epoch)),
            ("from", true, from),
            ("to", false, whole(|r| r.to)),
            ("n", false, whole(|r| r.n)),
            ("cause", false, strings(rows.iter().map(|r| r.cause.as_str()))),
        ])
    }
}
