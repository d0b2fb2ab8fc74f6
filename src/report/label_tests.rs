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

#[derive(Deserialize)]
struct Scores {
    scores: Affect,
    units: Units,
}

#[derive(Deserialize)]
struct Said {
    names: Vec<String>,
    sample_ids: Vec<String>,
    targets: Vec<Vec<f32>>,
    outputs: Vec<Vec<f32>>,
    flipped: Vec<bool>,
}

#[derive(Deserialize)]
struct Affect {
    #[serde(flatten)]
    said: Said,
    quality: Vec<Vec<f64>>,
    z: Vec<Vec<f64>>,
    average_precision: f64,
}

#[derive(Deserialize)]
struct Units {
    #[serde(flatten)]
    said: Said,
    sample_quality: Vec<f64>,
    issues: Vec<Vec<usize>>,
    precision: f64,
    recall: f64,
    average_precision: f64,
}

fn scores() -> Scores {
    serde_json::from_str(include_str!("../../tests/peers/label_issues/scores.json")).unwrap()
}

/// A run of one seed that says this of its test samples.
fn run_of_scores(said: &Said, task: &str, folder: &std::path::Path) -> QueryContext {
    let manifest = serde_json::json!({
        "schema": 1, "run": "peer-00000000", "name": "peer", "dataset": "peer", "task": task, "stand_in": true,
        "classes": said.names, "seeds": [0],
    });
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
    let ids: ArrayRef = Arc::new(StringArray::from_iter_values(&said.sample_ids));
    let split: ArrayRef = Arc::new(StringArray::from_iter_values(said.sample_ids.iter().map(|_| "test")));
    let flipped: ArrayRef = Arc::new(said.flipped.iter().map(|&f| Some(f)).collect::<BooleanArray>());
    let columns = [("sample_id", ids), ("split", split), ("flipped", flipped)];
    let truth = RecordBatch::try_from_iter(columns.clone()).unwrap();
    parquet::write_batch(&folder.join("truth.parquet"), &truth, &[]).unwrap();
    let samples = RecordBatch::try_from_iter(columns.into_iter().take(2)).unwrap();
    parquet::write_batch(&folder.join("samples.parquet"), &samples, &[]).unwrap();
    let rows = said.sample_ids.iter().zip(&said.targets).zip(&said.outputs);
    let predictions: Vec<PredictionRow> = rows
        .map(|((id, target), output)| PredictionRow {
            method: "aura_mixture".to_owned(),
            sample_id: id.clone(),
            split: "test".to_owned(),
            label: None,
            prediction: None,
            correct: None,
            target: target.iter().map(|&value| Some(value)).collect(),
            output: output.clone(),
        })
        .collect();
    let file = folder.join("seed-0/predictions.parquet");
    parquet::write(&file, &predictions, &Origin::default()).unwrap();
    QueryContext::open(&[folder.to_owned()]).unwrap()
}

/// Place of the row's sample and of its dimension or unit.
fn place(said: &Said, table: &crate::query::Table, row: &[Value], name: &str) -> (usize, usize) {
    let text = |column: &str| table.get(row, column).as_str().unwrap();
    let of = |names: &[String], wanted: &str| names.iter().position(|known| known == wanted).unwrap();
    (of(&said.sample_ids, text("sample_id")), of(&said.names, text(name)))
}

/// The one row of `flip_detection.sql`: finder, precision, recall, average precision.
fn found(query: &QueryContext) -> (String, [Option<f64>; 3]) {
    let sql = ReportFiles::new(None).unwrap().text("sql/flip_detection.sql").unwrap();
    let table = query.query(&sql).unwrap();
    let [row] = &table.rows[..] else {
        panic!("one finder on one split, found {} rows", table.rows.len())
    };
    let numbers = ["precision", "recall", "ap"].map(|name| table.get(row, name).as_f64());
    (table.get(row, "finder").as_str().unwrap().to_owned(), numbers)
}

#[test]
fn quality_and_z_of_scores_are_those_of_the_peers() {
    let Scores { scores, .. } = scores();
    let folder = tempfile::tempdir().unwrap();
    let query = run_of_scores(&scores.said, "valence_arousal", folder.path());
    let table = query.query("SELECT * FROM label_doubts_va").unwrap();
    assert_eq!(table.rows.len(), scores.said.sample_ids.len() * scores.said.names.len());
    for row in &table.rows {
        let (i, d) = place(&scores.said, &table, row, "dimension");
        let number = |name: &str| table.get(row, name).as_f64().unwrap();
        assert!((number("quality") - scores.quality[i][d]).abs() < 1e-7);
        assert!(
            (number("z") - scores.z[i][d]).abs() < 1e-6,
            "{} {}",
            number("z"),
            scores.z[i][d]
        );
        assert_eq!(*table.get(row, "doubted"), Value::Bool(scores.z[i][d].abs() > 3.5));
    }
    let (finder, [_, _, ap]) = found(&query);
    assert_eq!(finder, "residual");
    assert!((ap.unwrap() - scores.average_precision).abs() < 1e-9);
}

#[test]
fn doubts_about_units_are_those_of_cleanlab() {
    let Scores { units, .. } = scores();
    let folder = tempfile::tempdir().unwrap();
    let query = run_of_scores(&units.said, "action_units", folder.path());
    let table = query.query("SELECT * FROM label_doubts_au").unwrap();
    let mut issues = vec![BTreeSet::new(); units.said.names.len()];
    for row in &table.rows {
        let (i, unit) = place(&units.said, &table, row, "unit");
        let quality = table.get(row, "sample_quality").as_f64().unwrap();
        assert!((quality - units.sample_quality[i]).abs() < 1e-7, "{quality}");
        if *table.get(row, "doubted") == Value::Bool(true) {
            issues[unit].insert(i);
        }
    }
    let theirs: Vec<BTreeSet<usize>> = units.issues.iter().map(|of| of.iter().copied().collect()).collect();
    assert!(
        theirs.iter().map(BTreeSet::len).sum::<usize>() > 10,
        "the golden file is not empty"
    );
    assert_eq!(issues, theirs);
    let (finder, numbers) = found(&query);
    assert_eq!(finder, "confident learning");
    for (ours, theirs) in numbers
        .into_iter()
        .zip([units.precision, units.recall, units.average_precision])
    {
        assert!((ours.unwrap() - theirs).abs() < 1e-9, "{ours:?} against {theirs}");
    }
}
