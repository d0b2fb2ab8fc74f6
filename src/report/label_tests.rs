//! The statistics about labels against cleanlab, on the same outputs.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int8Array, RecordBatch, StringArray};
use serde::Deserialize;

use crate::disk::parquet;
use crate::query::Value;
use crate::query::context::QueryContext;
use crate::record::{Origin, PredictionRow};

use super::catalog::ReportFiles;

#[derive(Deserialize)]
struct Golden {
    classes: Vec<String>,
    sample_ids: Vec<String>,
    labels: Vec<usize>,
    outputs: Vec<Vec<f32>>,
    flipped: Vec<bool>,
    issues: Vec<usize>,
    margins: Vec<f64>,
    precision: f64,
    recall: f64,
    average_precision: f64,
}

fn golden() -> Golden {
    let text = include_str!("../../tests/peers/label_issues/golden.json");
    serde_json::from_str(text).unwrap()
}

/// A run of one seed that holds the golden outputs.
fn run(golden: &Golden, folder: &std::path::Path) {
    let manifest = serde_json::json!({
        "schema": 1, "run": "peer-00000000", "name": "peer", "dataset": "rafdb", "task": "expression", "stand_in": true,
        "classes": golden.classes, "seeds": [0],
    });
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
    let ids = || -> ArrayRef { Arc::new(StringArray::from_iter_values(&golden.sample_ids)) };
    let split = || -> ArrayRef { Arc::new(StringArray::from_iter_values(golden.labels.iter().map(|_| "test"))) };
    // The card's order of the classes may be another than the protocol's: names alone say what a label is.
    let elsewhere = |label: usize| (golden.classes.len() - 1 - label) as i8;
    let samples = RecordBatch::try_from_iter_with_nullable([
        ("sample_id", ids(), true),
        ("split", split(), true),
        (
            "expression",
            Arc::new(Int8Array::from_iter_values(golden.labels.iter().map(|&l| elsewhere(l)))) as ArrayRef,
            true,
        ),
        (
            "expression_name",
            Arc::new(StringArray::from_iter_values(
                golden.labels.iter().map(|&l| &golden.classes[l]),
            )) as ArrayRef,
            true,
        ),
    ])
    .unwrap();
    parquet::write_batch(&folder.join("samples.parquet"), &samples, &[]).unwrap();
    let truth = RecordBatch::try_from_iter_with_nullable([
        ("sample_id", ids(), true),
        ("split", split(), true),
        (
            "flipped",
            Arc::new(golden.flipped.iter().map(|&f| Some(f)).collect::<BooleanArray>()) as ArrayRef,
            true,
        ),
    ])
    .unwrap();
    parquet::write_batch(&folder.join("truth.parquet"), &truth, &[]).unwrap();
    let predictions: Vec<PredictionRow> = golden
        .sample_ids
        .iter()
        .zip(&golden.labels)
        .zip(&golden.outputs)
        .map(|((id, &label), output)| PredictionRow {
            method: "aura_mixture".to_owned(),
            sample_id: id.clone(),
            split: "test".to_owned(),
            label: Some(label as i32),
            prediction: None,
            correct: None,
            target: Vec::new(),
            output: output.clone(),
        })
        .collect();
    parquet::write(
        &folder.join("seed-0/predictions.parquet"),
        &predictions,
        &Origin::default(),
    )
    .unwrap();
}

#[test]
fn confident_learning_in_sql_is_that_of_cleanlab() {
    let golden = golden();
    let folder = tempfile::tempdir().unwrap();
    run(&golden, &folder.path().join("run"));
    let query = QueryContext::open(&[folder.path().to_owned()]).unwrap();
    let assets = ReportFiles::new(None).unwrap();
    let table = query
        .query(&assets.text("sql/confident_learning.sql").unwrap())
        .unwrap();
    let found: BTreeSet<&str> = table
        .rows
        .iter()
        .filter_map(|row| table.get(row, "sample_id").as_str())
        .collect();
    let theirs: BTreeSet<&str> = golden.issues.iter().map(|&i| golden.sample_ids[i].as_str()).collect();
    assert!(theirs.len() > 10, "the golden file is not empty");
    assert_eq!(found, theirs);
    for row in &table.rows {
        let id = table.get(row, "sample_id").as_str().unwrap();
        let i = golden.sample_ids.iter().position(|known| known == id).unwrap();
        let margin = table.get(row, "margin").as_f64().unwrap();
        assert!(
            (margin - golden.margins[i]).abs() < 1e-6,
            "{id}: {margin} against {}",
            golden.margins[i]
        );
        assert_eq!(*table.get(row, "flipped"), Value::Bool(golden.flipped[i]));
    }
}

#[test]
fn precision_recall_and_average_precision_are_those_of_the_peers() {
    let golden = golden();
    let folder = tempfile::tempdir().unwrap();
    run(&golden, &folder.path().join("run"));
    let query = QueryContext::open(&[folder.path().to_owned()]).unwrap();
    let assets = ReportFiles::new(None).unwrap();
    let table = query.query(&assets.text("sql/flip_detection.sql").unwrap()).unwrap();
    let [row] = &table.rows[..] else {
        panic!("one finder on one split, found {} rows", table.rows.len())
    };
    assert_eq!(table.get(row, "finder").as_str(), Some("confident learning"));
    let flips = golden.flipped.iter().filter(|&&f| f).count() as i64;
    assert_eq!(table.get(row, "flipped").as_i64(), Some(flips));
    for (name, theirs) in [
        ("precision", golden.precision),
        ("recall", golden.recall),
        ("ap", golden.average_precision),
    ] {
        let ours = table.get(row, name).as_f64().unwrap();
        assert!((ours - theirs).abs() < 1e-9, "{name}: {ours} against {theirs}");
    }
}
