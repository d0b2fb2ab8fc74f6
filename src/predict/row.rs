//! Rows of the table of predictions.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, Int32Array, Int32Builder, ListBuilder, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field};

use crate::record::{Table, batch, float_lists, strings};

use super::features::Source;
use super::model::{Answer, RunModel};

/// Column that only the page needs: the image below the root of its piece.
pub const PATH: &str = "path";

/// What one read-out says of one face.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictedRow {
    /// `aura`, `aura_mixture` or `aura_tuned`.
    pub method: &'static str,
    /// The input that the face is from, as it was given.
    pub input: String,
    /// Where the face is.
    pub source: Source,
    /// Index of the class predicted (expressions).
    pub prediction: Option<i32>,
    /// Its name.
    pub prediction_name: Option<String>,
    /// The O outputs.
    pub output: Vec<f32>,
    /// What the primal archetype is called.
    pub archetype_name: Option<String>,
    /// The nearest archetypes, the primal one first.
    pub archetypes: Vec<i32>,
    /// Their cosine similarities.
    pub similarities: Vec<f32>,
}

impl PredictedRow {
    /// The rows of one face, a read-out each.
    pub fn of(run: &RunModel, input: &str, source: &Source, answer: &Answer) -> Vec<Self> {
        let archetypes: Vec<i32> = answer.nearest.iter().map(|(at, _)| *at as i32).collect();
        let name = archetypes.first().and_then(|primal| run.archetypes.get(primal));
        let rows = answer.said.iter().map(|said| Self {
            method: said.method,
            input: input.to_owned(),
            source: source.clone(),
            prediction: said.prediction.map(|class| class as i32),
            prediction_name: said.prediction.and_then(|class| run.trained.names.get(class).cloned()),
            output: said.output.clone(),
            archetype_name: name.cloned(),
            archetypes: archetypes.clone(),
            similarities: answer.nearest.iter().map(|(_, similarity)| *similarity).collect(),
        });
        rows.collect()
    }

    fn margin(&self) -> Option<f32> {
        Some(self.similarities.first()? - self.similarities.get(1)?)
    }
}

impl Table for PredictedRow {
    fn batch(rows: &[Self]) -> std::result::Result<RecordBatch, arrow::error::ArrowError> {
        let maybe = |of: &dyn Fn(&Self) -> Option<String>| -> ArrayRef {
            Arc::new(rows.iter().map(of).collect::<StringArray>())
        };
        let whole =
            |of: &dyn Fn(&Self) -> Option<i32>| -> ArrayRef { Arc::new(rows.iter().map(of).collect::<Int32Array>()) };
        let number =
            |of: &dyn Fn(&Self) -> Option<f32>| -> ArrayRef { Arc::new(rows.iter().map(of).collect::<Float32Array>()) };
        let mut top = ListBuilder::new(Int32Builder::new()).with_field(Field::new("item", DataType::Int32, true));
        for row in rows {
            top.values().append_slice(&row.archetypes);
            top.append(true);
        }
        batch(vec![
            ("method", false, strings(rows.iter().map(|r| r.method))),
            ("sample_id", false, strings(rows.iter().map(|r| r.source.id.as_str()))),
            ("input", false, strings(rows.iter().map(|r| r.input.as_str()))),
            ("image", true, maybe(&|r| r.source.image.clone())),
            ("frame", true, whole(&|r| r.source.frame)),
            ("face", true, whole(&|r| r.source.face)),
            ("bbox_x", true, number(&|r| r.source.bbox.map(|b| b.x))),
            ("bbox_y", true, number(&|r| r.source.bbox.map(|b| b.y))),
            ("bbox_w", true, number(&|r| r.source.bbox.map(|b| b.width))),
            ("bbox_h", true, number(&|r| r.source.bbox.map(|b| b.height))),
            ("prediction", true, whole(&|r| r.prediction)),
            ("prediction_name", true, maybe(&|r| r.prediction_name.clone())),
            ("output", false, float_lists(rows.iter().map(|r| r.output.as_slice()))),
            ("archetype", true, whole(&|r| r.archetypes.first().copied())),
            ("archetype_name", true, maybe(&|r| r.archetype_name.clone())),
            ("similarity", true, number(&|r| r.similarities.first().copied())),
            ("second", true, whole(&|r| r.archetypes.get(1).copied())),
            ("margin", true, number(&Self::margin)),
            ("top_archetypes", false, Arc::new(top.finish())),
            (
                "top_similarities",
                false,
                float_lists(rows.iter().map(|r| r.similarities.as_slice())),
            ),
            (PATH, true, maybe(&|r| r.source.path.clone())),
        ])
    }
}
