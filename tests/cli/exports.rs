//! `export`: other programs read runs and tables.

use crate::{Bench, copy, files, shared};

#[test]
fn a_run_is_exported_to_mlflow_and_replaced_when_exported_again() {
    let (bench, _) = Bench::with_run(&[]);
    let address = bench.ok(&["export", "mlflow", "runs", "--out", "mlruns"]);
    assert!(address.starts_with("file:///"), "{address}");
    let first = files(&bench.path("mlruns"));
    let named = |end: &str| first.iter().filter(|(path, _)| path.ends_with(end)).count();
    assert_eq!(
        (named("meta.yaml"), named("metrics/acc"), named("metrics/test.acc")),
        (3, 1, 1)
    );
    assert_eq!(named("tags/mlflow.parentRunId"), 1);
    bench.ok(&["export", "mlflow", "runs", "--out", "mlruns"]);
    assert!(
        first == files(&bench.path("mlruns")),
        "exporting again replaces what is there"
    );
    bench.fails(3, &["export", "croissant", "mlruns"]);
}

#[test]
fn a_feature_table_is_described_as_the_run_described_it() {
    let bench = Bench::new();
    copy(&shared::features(), &bench.path("features"));
    let beside = std::fs::read(bench.path("features/croissant.json")).unwrap();
    std::fs::remove_file(bench.path("features/croissant.json")).unwrap();
    let written = bench.ok(&["export", "croissant", "features"]);
    assert!(
        std::fs::read(bench.path(written.trim())).unwrap() == beside,
        "the run wrote the same"
    );
    let metadata: serde_json::Value = serde_json::from_slice(&beside).unwrap();
    let fields = metadata["recordSet"][0]["field"].as_array().unwrap();
    let global = fields.iter().find(|field| field["name"] == "global").unwrap();
    assert_eq!(
        (&global["dataType"], &global["repeated"]),
        (&"sc:Float".into(), &true.into())
    );
}
