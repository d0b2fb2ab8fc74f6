//! Failures by what they are: a changed label, or a face that is far from its archetype.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float32Array, RecordBatch, StringArray};

use crate::disk::parquet;
use crate::record::{AssignmentRow, Origin, PredictionRow};

use super::Value;
use super::context::QueryContext;

/// Archetype, similarity with it, whether the prediction is right, whether the label was flipped. Archetypes 0 and 1 are of
/// class 0, archetype 2 is of class 1 and has no right prediction.
const TESTED: [(i32, f32, bool, bool); 9] = [
    (0, 0.875, true, false),
    (0, 0.75, true, false),
    (0, 0.625, true, true),
    (1, 0.5, true, false),
    (1, 0.25, true, false),
    (0, 0.8125, false, true),
    (0, 0.5, false, false),
    (1, 0.375, false, false),
    (2, 0.125, false, false),
];

/// A run of one seed with [`TESTED`]; every second face leans to another expression.
fn write(runs: &Path) {
    let folder = runs.join("tiny");
    std::fs::create_dir_all(&folder).unwrap();
    let manifest = serde_json::json!({"schema": 1, "run": "tiny", "name": "tiny", "dataset": "rafdb", "task": "expression",
        "stand_in": true, "classes": ["happiness", "neutral"], "seeds": [0]});
    std::fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
    let id = |i: usize| format!("test_{i:04}");
    let (mut assignments, mut predictions) = (Vec::new(), Vec::new());
    for (i, (archetype, similarity, correct, _)) in TESTED.into_iter().enumerate() {
        assignments.push(AssignmentRow {
            sample_id: id(i),
            split: "test".to_owned(),
            archetype,
            similarity,
            second: None,
            margin: None,
            top_archetypes: vec![archetype],
            top_similarities: vec![similarity],
        });
        let prediction = i32::from(archetype == 2);
        predictions.push(PredictionRow {
            method: "aura".to_owned(),
            sample_id: id(i),
            split: "test".to_owned(),
            label: Some(if correct { prediction } else { 1 - prediction }),
            prediction: Some(prediction),
            correct: Some(correct),
            target: vec![Some(1.0), Some(0.0)],
            output: vec![1.0, 0.0],
        });
    }
    let seed = folder.join("seed-0");
    parquet::write(&seed.join("assignments.parquet"), &assignments, &Origin::default()).unwrap();
    parquet::write(&seed.join("predictions.parquet"), &predictions, &Origin::default()).unwrap();
    let n = TESTED.len();
    let ids: ArrayRef = Arc::new(StringArray::from_iter_values((0..n).map(id)));
    let flipped: ArrayRef = Arc::new(TESTED.iter().map(|row| Some(row.3)).collect::<BooleanArray>());
    let strength: ArrayRef = Arc::new(Float32Array::from_iter_values(TESTED.iter().map(|row| row.1)));
    let leaning = (0..n).map(|i| (i % 2 == 1).then_some("neutral"));
    let blend: ArrayRef = Arc::new(leaning.collect::<StringArray>());
    let columns = [
        ("sample_id", ids),
        ("flipped", flipped),
        ("strength", strength),
        ("blend", blend),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    parquet::write_batch(&folder.join("truth.parquet"), &batch, &[]).unwrap();
}

/// Outcome, samples, similarity, the two shares, strength, share of ambiguous faces.
type Row = (String, f64, f64, f64, f64, Option<f64>, Option<f64>);

fn outcomes(runs: &Path) -> Vec<Row> {
    let sql = std::fs::read_to_string(format!(
        "{}/reports/sql/failure_outcomes.sql",
        env!("CARGO_MANIFEST_DIR")
    ));
    let table = QueryContext::open(&[runs.to_owned()])
        .unwrap()
        .query(&sql.unwrap())
        .unwrap();
    let number = |row: &[Value], name: &str| table.get(row, name).as_f64();
    table
        .rows
        .iter()
        .map(|row| {
            let Value::Text(outcome) = table.get(row, "outcome") else {
                panic!()
            };
            let known = |name: &str| number(row, name).unwrap();
            let (nearer, of_class) = (known("nearer_archetype"), known("nearer_class"));
            let (strength, ambiguous) = (number(row, "strength"), number(row, "ambiguous"));
            (
                outcome.clone(),
                known("samples"),
                known("similarity"),
                nearer,
                of_class,
                strength,
                ambiguous,
            )
        })
        .collect()
}

#[test]
fn wrong_predictions_with_a_flipped_label_stand_apart() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    // Medians of the right ones: archetype 0 0.75, archetype 1 0.375, class 0 0.625; archetype 2 has none.
    let wrong = (0.5 + 0.375 + 0.125) / 3.0;
    let expected: [Row; 3] = [
        (
            "wrong, label right".into(),
            3.0,
            wrong,
            0.25,
            0.0,
            Some(wrong),
            Some(1.0 / 3.0),
        ),
        (
            "wrong, label flipped".into(),
            1.0,
            0.8125,
            1.0,
            1.0,
            Some(0.8125),
            Some(1.0),
        ),
        ("right".into(), 5.0, 0.6, 0.5, 0.5, Some(0.6), Some(0.4)),
    ];
    assert_eq!(outcomes(folder.path()), expected);
}

#[test]
fn without_truth_there_are_right_and_wrong_ones() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    std::fs::remove_file(folder.path().join("tiny/truth.parquet")).unwrap();
    let expected: [Row; 2] = [
        ("wrong".into(), 4.0, 0.453_125, 0.5, 1.0 / 3.0, None, None),
        ("right".into(), 5.0, 0.6, 0.5, 0.5, None, None),
    ];
    assert_eq!(outcomes(folder.path()), expected);
}
