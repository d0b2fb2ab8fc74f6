//! Calibration against scikit-learn, on the same probabilities.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::disk::parquet;
use crate::query::Value;
use crate::query::context::QueryContext;
use crate::record::{MetricRow, Origin, PredictionRow};

#[derive(Deserialize)]
struct Golden {
    expression: Classes,
    action_units: Vec<Unit>,
}

#[derive(Deserialize)]
struct Classes {
    outputs: Vec<Vec<f32>>,
    labels: Vec<usize>,
    brier: f64,
    curve: Curve,
}

#[derive(Deserialize)]
struct Unit {
    outputs: Vec<f32>,
    labels: Vec<u8>,
    brier: f64,
    curve: Curve,
}

#[derive(Deserialize)]
struct Curve {
    accuracy: Vec<f64>,
    confidence: Vec<f64>,
    n: Vec<i64>,
    ece: f64,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../tests/peers/calibration/golden.json")).unwrap()
}

/// A run of one seed with these predictions and metrics.
fn run(
    folder: &Path,
    task: &str,
    names: &[&str],
    predictions: &[PredictionRow],
    metrics: &[MetricRow],
) -> QueryContext {
    let manifest = serde_json::json!({
        "schema": 1, "run": "peer", "name": "peer", "dataset": "peer", "task": task, "stand_in": false, "classes": names,
        "seeds": [0],
    });
    std::fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
    parquet::write(
        &folder.join("seed-0/predictions.parquet"),
        predictions,
        &Origin::default(),
    )
    .unwrap();
    parquet::write(&folder.join("seed-0/metrics.parquet"), metrics, &Origin::default()).unwrap();
    QueryContext::open(&[folder.to_owned()]).unwrap()
}

fn said(method: &str, i: usize, target: Vec<Option<f32>>, output: Vec<f32>, correct: Option<bool>) -> PredictionRow {
    PredictionRow {
        method: method.to_owned(),
        sample_id: format!("{i:04}"),
        split: "test".to_owned(),
        label: None,
        prediction: None,
        correct,
        target,
        output,
    }
}

/// (bins as confidence, accuracy and n, error, Brier score) by method and unit.
type Told = BTreeMap<(String, Option<String>), (Vec<(f64, f64, i64)>, f64, f64)>;

fn told(query: &QueryContext) -> Told {
    let mut all = Told::new();
    let table = query.query("SELECT * FROM calibration ORDER BY method, unit").unwrap();
    let key = |table: &crate::query::Table, row: &[Value]| {
        let text = |name: &str| table.get(row, name).as_str().map(str::to_owned);
        (text("method").unwrap(), text("unit"))
    };
    for row in &table.rows {
        let number = |name: &str| table.get(row, name).as_f64().unwrap();
        all.insert(key(&table, row), (Vec::new(), number("ece"), number("brier")));
    }
    let table = query
        .query("SELECT * FROM reliability ORDER BY method, unit, bin")
        .unwrap();
    for row in &table.rows {
        let number = |name: &str| table.get(row, name).as_f64().unwrap();
        let bin = (
            number("confidence"),
            number("accuracy"),
            table.get(row, "n").as_i64().unwrap(),
        );
        assert!(number("low") <= bin.0 && bin.0 <= number("high"));
        all.get_mut(&key(&table, row)).unwrap().0.push(bin);
    }
    all
}

fn same(found: &(Vec<(f64, f64, i64)>, f64, f64), curve: &Curve, brier: f64) {
    let (bins, ece, score) = found;
    let theirs: Vec<i64> = curve.n.clone();
    assert_eq!(bins.iter().map(|bin| bin.2).collect::<Vec<_>>(), theirs);
    for ((ours, theirs), accuracy) in bins.iter().zip(&curve.confidence).zip(&curve.accuracy) {
        assert!(
            (ours.0 - theirs).abs() < 1e-7 && (ours.1 - accuracy).abs() < 1e-9,
            "{ours:?} {theirs} {accuracy}"
        );
    }
    assert!((ece - curve.ece).abs() < 1e-7, "{ece} against {}", curve.ece);
    assert!((score - brier).abs() < 1e-7, "{score} against {brier}");
}

#[test]
fn probabilities_of_classes_are_judged_as_the_peer_does() {
    let Golden { expression, .. } = golden();
    let folder = tempfile::tempdir().unwrap();
    let mut rows = Vec::new();
    for (i, (output, &label)) in expression.outputs.iter().zip(&expression.labels).enumerate() {
        let target = || {
            (0..4)
                .map(|c| Some(f32::from(u8::from(c == label))))
                .collect::<Vec<_>>()
        };
        let right = Some(crate::metric::expression::argmax(output) == label);
        rows.push(said("logistic", i, target(), output.clone(), right));
        // None of these are probabilities: decisions, scores beyond 1, shares that do not add up.
        rows.push(said("svm_tokens", i, target(), output.clone(), right));
        rows.push(said(
            "foreign",
            i,
            target(),
            output.iter().map(|p| 2.0 * p - 0.25).collect(),
            right,
        ));
        rows.push(said(
            "halves",
            i,
            target(),
            output.iter().map(|p| 0.5 * p).collect(),
            right,
        ));
    }
    let query = run(folder.path(), "expression", &["a", "b", "c", "d"], &rows, &[]);
    let all = told(&query);
    let [((method, None), found)] = &all.iter().collect::<Vec<_>>()[..] else {
        panic!("one method alone has probabilities: {:?}", all.keys())
    };
    assert_eq!(method, "logistic");
    same(found, &expression.curve, expression.brier);
}

#[test]
fn probabilities_of_units_are_judged_before_their_thresholds() {
    let Golden { action_units, .. } = golden();
    let folder = tempfile::tempdir().unwrap();
    let names = ["au04", "au12"];
    let thresholds = [0.2, 0.7];
    let mut rows = Vec::new();
    for i in 0..action_units[0].outputs.len() {
        let target: Vec<_> = action_units
            .iter()
            .map(|unit| Some(f32::from(unit.labels[i])))
            .collect();
        let plain: Vec<f32> = action_units.iter().map(|unit| unit.outputs[i]).collect();
        let mut fitted = plain.clone();
        crate::fitting::map::Fit::Thresholds {
            threshold: thresholds.to_vec(),
        }
        .apply(&mut fitted);
        rows.push(said("mlp", i, target.clone(), plain, None));
        rows.push(said("knn", i, target, fitted, None));
    }
    // Labels that are not known do not count.
    rows.push(said("mlp", 9000, vec![None, None], vec![0.5, 0.5], None));
    let metrics: Vec<MetricRow> = names
        .iter()
        .zip(thresholds)
        .map(|(name, value)| MetricRow::of_no_split("knn", &format!("fit_threshold_{name}"), value, None))
        .collect();
    let query = run(folder.path(), "action_units", &names, &rows, &metrics);
    let all = told(&query);
    for method in ["knn", "mlp"] {
        let of = |unit: Option<&str>| &all[&(method.to_owned(), unit.map(str::to_owned))];
        let mut means = (0.0, 0.0);
        for (name, unit) in names.iter().zip(&action_units) {
            same(of(Some(name)), &unit.curve, unit.brier);
            means = (means.0 + unit.curve.ece / 2.0, means.1 + unit.brier / 2.0);
        }
        let (bins, ece, brier) = of(None);
        assert!(bins.is_empty() && (ece - means.0).abs() < 1e-7 && (brier - means.1).abs() < 1e-7);
    }
}
