use std::path::Path;

use crate::record::{MetricRow, Origin};

use super::bins::Bins;
use super::context::QueryContext;
use super::fixture::Fixture;
use super::format::Format;
use super::value::Value;
use super::views::VIEWS;

fn open(folder: &Path) -> QueryContext {
    QueryContext::open(&[folder.to_owned()]).unwrap()
}

fn tiny() -> (tempfile::TempDir, QueryContext) {
    let folder = tempfile::tempdir().unwrap();
    Fixture::default().write(folder.path());
    let context = open(folder.path());
    (folder, context)
}

fn sql(name: &str) -> String {
    std::fs::read_to_string(format!("{}/reports/sql/{name}.sql", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn the_codebook_counts_and_its_perplexity_are_right() {
    let (_folder, context) = tiny();
    let table = context.query(&sql("codebook")).unwrap();
    let row = &table.rows[0];
    assert_eq!(table.get(row, "k_max"), &Value::Int(6));
    assert_eq!(table.get(row, "kept"), &Value::Int(5));
    let entropy: f64 = [7.0, 4.0, 8.0, 3.0, 2.0]
        .iter()
        .map(|u: &f64| -(u / 24.0) * (u / 24.0).ln())
        .sum();
    assert!((table.get(row, "perplexity").as_f64().unwrap() - entropy.exp()).abs() < 1e-12);
    assert_eq!(table.get(row, "least_uses"), &Value::Int(2));
}

#[test]
fn the_flipped_label_leads_the_label_issues() {
    let (_folder, context) = tiny();
    let table = context.query(&sql("label_issues")).unwrap();
    assert_eq!(
        table.get(&table.rows[0], "sample_id"),
        &Value::Text("train_00012".into())
    );
    assert_eq!(table.get(&table.rows[0], "flipped"), &Value::Bool(true));
    assert_eq!(
        table.get(&table.rows[0], "archetype_class"),
        &Value::Text("neutral".into())
    );
}

#[test]
fn nothing_but_queries_is_let_through() {
    let (folder, context) = tiny();
    let file = folder.path().join("tiny-0a1b2c3d/samples.parquet");
    let target = folder.path().join("out.csv");
    for text in [
        "CREATE TABLE t AS SELECT 1".to_owned(),
        "CREATE VIEW v AS SELECT 1".to_owned(),
        "DROP VIEW runs".to_owned(),
        "DROP TABLE runs".to_owned(),
        "INSERT INTO runs VALUES (1)".to_owned(),
        "DELETE FROM runs".to_owned(),
        "UPDATE runs SET run = 'x'".to_owned(),
        "SET datafusion.execution.batch_size = 1".to_owned(),
        "CREATE SCHEMA s".to_owned(),
        format!("COPY runs TO '{}'", target.display()),
        format!("COPY (SELECT 1) TO '{}' STORED AS CSV", target.display()),
        format!(
            "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '{}'",
            file.display()
        ),
        format!("SELECT * FROM '{}'", file.display()),
        format!("SELECT * FROM \"{}\"", file.display()),
        format!("SELECT * FROM read_parquet('{}')", file.display()),
        "SELECT 1; SELECT 2".to_owned(),
        "PREPARE p AS SELECT 1".to_owned(),
        "EXPLAIN ANALYZE DELETE FROM runs".to_owned(),
        String::new(),
    ] {
        let error = context.query(&text).expect_err(&text);
        assert_eq!(error.exit_code(), 2, "{text}: {error}");
    }
    assert!(!target.exists());
    assert_eq!(
        context.query("SELECT count(*) AS n FROM runs").unwrap().rows,
        [[Value::Int(1)]]
    );
}

#[test]
fn unknown_names_come_with_the_nearest_ones() {
    let (_folder, context) = tiny();
    let errors: Vec<String> = [
        "SELECT * FROM metric",
        "SELECT metod FROM metrics",
        "SELECT xyz FROM classes",
        "SELECT m.valu FROM metrics m JOIN runs r ON m.run = r.run",
        "SELECT run FROM runs WHERE",
        "SELECT $bins FROM runs",
        "SELECT nosuch(run) FROM runs",
    ]
    .iter()
    .map(|text| context.query(text).unwrap_err().to_string())
    .collect();
    insta::assert_snapshot!(errors.join("\n"), @r#"
    no view named `metric`: did you mean `metrics` or `seed_metrics`?; views: archetype_names, archetype_uses, archetypes, assignments, attributes, bin_allocation, bin_allocation_seeds, bins, calibration, class_allocation, class_allocation_seeds, classes, contradictions, duplicates, first_seeds, flows, label_doubts, label_doubts_au, label_doubts_va, label_issues, label_issues_au, label_issues_va, label_review, leads, mapped_archetypes, maps, metrics, missing, outcomes, predictions, primary_metrics, relabelled, reliability, resets, run_settings, runs, samples, scores, seed_metrics, separability, settings, stages, standings, subgroups, truth, units, varied_settings, warnings
    no column named `metod`: did you mean `method` or `metric`?; columns here: epoch, fold, high, higher_is_better, low, method, metric, n, run, seed, split, value
    no column named `xyz`; columns here: class, class_name, run
    no column named `valu`: did you mean `value`?; columns here: classes, created, data_root, dataset, device, encoder, encoder_json, epoch, fold, folds, git_commit, git_dirty, high, higher_is_better, low, method, metric, n, name, path, probabilities, protocol_digest, protocol_json, recipe_digest, run, seconds, seed, seeds, split, stand_in, study, task, test_looks, value, version
    not a query: Expected: an expression, found: EOF
    no value given for the parameter $bins
    Invalid function 'nosuch'. Did you mean 'cosh'?
    "#);
}

#[test]
fn json_and_csv_keep_types_and_quote_what_must_be_quoted() {
    let (_folder, context) = tiny();
    let text = "SELECT 'a,\"b\"\nc' AS t, 1 AS i, CAST(0.1 AS REAL) AS f, 2.0 AS d, NULL AS n, true AS b, \
                CAST('NaN' AS DOUBLE) AS x, [1, 2] AS l, 1 AS \"i:1\", count(*) AS count FROM runs";
    let table = context.query(text).unwrap();
    insta::assert_snapshot!(table.to_text(Format::Json), @r#"
    [
      {"t": "a,\"b\"\nc", "i": 1, "f": 0.1, "d": 2.0, "n": null, "b": true, "x": null, "l": [1, 2], "i:1": 1, "count": 1}
    ]
    "#);
    insta::assert_snapshot!(table.to_text(Format::Csv).replace('\r', ""), @r#"
    t,i,f,d,n,b,x,l,i:1,count
    "a,""b""
    c",1,0.1,2.0,,true,NaN,"[1, 2]",1,1
    "#);
    assert!(!table.to_text(Format::Table).contains("b\"\nc"));
}

#[test]
fn the_views_can_be_listed_and_described() {
    let (_folder, context) = tiny();
    let table = context
        .query("SELECT table_name, count(*) AS n FROM information_schema.columns WHERE table_schema = 'public' GROUP BY 1 ORDER BY 1")
        .unwrap();
    let names: Vec<_> = table.rows.iter().filter_map(|row| row[0].as_str()).collect();
    assert_eq!(names, VIEWS);
    let columns = context
        .query("SELECT * FROM metrics ORDER BY run, seed LIMIT 1")
        .unwrap();
    assert_eq!(columns.columns[0].name, "run");
    assert_eq!(columns.columns[1].name, "fold");
    assert_eq!(columns.columns[2].name, "seed");
    assert_eq!(columns.rows[0][0], Value::Text("tiny-0a1b2c3d".into()));
    assert_eq!(columns.rows[0][1], Value::Null, "a run without folds");
    assert_eq!(columns.rows[0][2], Value::Int(0));
    assert!(context.query("SELECT au12 FROM samples").is_ok());
}

#[test]
fn two_folders_of_one_run_stay_apart_and_a_broken_one_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    Fixture::default().write(&folder.path().join("a"));
    Fixture::default().write(&folder.path().join("b"));
    let broken = folder.path().join("c");
    std::fs::create_dir(&broken).unwrap();
    std::fs::write(broken.join("manifest.json"), "{").unwrap();
    let context = open(folder.path());
    let table = context
        .query("SELECT run, count(*) AS n FROM samples GROUP BY run ORDER BY run")
        .unwrap();
    assert_eq!(
        table.to_text(Format::Csv),
        "run,n\ntiny-0a1b2c3d,40\ntiny-0a1b2c3d [2],40\n"
    );
    assert_eq!(context.warnings().len(), 1);
    assert!(QueryContext::open(&[broken]).is_err());
    assert_eq!(
        QueryContext::open(&[folder.path().join("nowhere")])
            .unwrap_err()
            .exit_code(),
        3
    );
}

#[test]
fn a_thousand_runs_are_listed_from_their_manifests_without_a_look_at_their_tables() {
    let folder = tempfile::tempdir().unwrap();
    for i in 0..1000 {
        let run = folder.path().join(format!("r{i:04}"));
        std::fs::create_dir_all(run.join("seed-0")).unwrap();
        let manifest = format!(r#"{{"schema":1,"run":"r{i:04}","task":"expression","seeds":[0],"classes":["a","b"]}}"#);
        std::fs::write(run.join("manifest.json"), manifest).unwrap();
        std::fs::write(run.join("seed-0/metrics.parquet"), "whoever reads this fails").unwrap();
    }
    let context = open(folder.path());
    let table = context
        .query("SELECT count(*) AS n, max(run) AS last FROM runs")
        .unwrap();
    assert_eq!(table.rows, [[Value::Int(1000), Value::Text("r0999".into())]]);
    assert!(context.query("SELECT count(*) FROM metrics").is_err());
}

#[test]
fn archetypes_fall_into_bins_of_their_score() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["valence", "arousal"];
    // The third lies on an edge and belongs to the bin above it; the last two are the ends of the scale.
    let archetypes: [(&[f32], usize); 4] = [
        (&[-1.0, 0.2], 1),
        (&[-0.5, -0.2], 2),
        (&[0.0, 0.9], 2),
        (&[1.0, 1.0], 1),
    ];
    let labels = [
        [-1.0, 0.0],
        [-0.1, 0.1],
        [0.0, 0.5],
        [0.3, -0.5],
        [0.9, 1.0],
        [1.0, -1.0],
    ];
    super::fixture::scores(folder.path(), "valence_arousal", &names, &archetypes, &labels);
    let bins = Bins {
        affect: vec![-1.0, 0.0, 1.0],
        ..Bins::default()
    };
    let context = open(folder.path()).with_bins(bins);
    let table = context.query(&sql("table1_va")).unwrap();
    insta::assert_snapshot!(table.to_text(Format::Csv).replace('\r', ""), @r#"
    run,fold,seed,dimension,low,high,assigned,uses_min,uses_max,matched,samples
    valence_arousal,,0,arousal,-1.0,0.0,1,2,2,2,2
    valence_arousal,,0,arousal,0.0,1.0,3,1,2,4,4
    valence_arousal,,0,valence,-1.0,0.0,2,1,2,3,2
    valence_arousal,,0,valence,0.0,1.0,2,1,2,3,4
    "#);
}

#[test]
fn archetypes_fall_into_bins_of_their_activation() {
    let folder = tempfile::tempdir().unwrap();
    let archetypes: [(&[f32], usize); 3] = [(&[0.1, 0.9], 3), (&[0.4, 0.0], 1), (&[1.0, 0.2], 2)];
    let labels = [[0.0, 1.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0], [1.0, 0.0], [1.0, 0.0]];
    super::fixture::scores(folder.path(), "action_units", &["au12", "au25"], &archetypes, &labels);
    let bins = Bins {
        activation: vec![0.0, 0.3, 0.5, 1.0],
        units: vec!["au12".to_owned(), "au99".to_owned()],
        ..Bins::default()
    };
    let context = open(folder.path()).with_bins(bins);
    let table = context.query(&sql("table1_au")).unwrap();
    insta::assert_snapshot!(table.to_text(Format::Csv).replace('\r', ""), @r#"
    run,fold,seed,dimension,low,high,assigned,uses_min,uses_max,matched,samples
    action_units,,0,au12,0.0,0.3,1,3,3,3,3
    action_units,,0,au12,0.3,0.5,1,1,1,1,
    action_units,,0,au12,0.5,1.0,1,2,2,2,3
    "#);
    let parameters = [("archetypes", Value::Int(3)), ("images", Value::Int(1))];
    let sheet = context.query_with(&sql("contact_sheet"), &parameters).unwrap();
    let named: Vec<_> = sheet
        .rows
        .iter()
        .filter_map(|row| sheet.get(row, "name").as_str())
        .collect();
    assert_eq!(named, ["au25", "au12", "no action unit"]);
}

#[test]
fn the_recipe_can_be_asked_by_its_keys() {
    let (folder, _) = tiny();
    let recipe = "schema = 1\n[model]\nk_max = 150\n[loss]\nlambda_arc = 0.5\nrouting = \"routed\"\n[protocol]\nseeds = [0, 1]\n";
    std::fs::write(folder.path().join("tiny-0a1b2c3d/recipe.toml"), recipe).unwrap();
    let table = open(folder.path())
        .query("SELECT key, value FROM settings ORDER BY key")
        .unwrap();
    insta::assert_snapshot!(table.to_text(Format::Csv).replace('\r', ""), @r#"
    key,value
    loss.lambda_arc,0.5
    loss.routing,routed
    model.k_max,150
    protocol.seeds,"[0, 1]"
    schema,1
    "#);
}

/// Metrics of one fold of one seed, in the run folder `run`.
fn fold_metrics(run: &Path, fold: i32, seed: i64, rows: &[(&str, f64, f64)]) {
    let rows: Vec<MetricRow> = rows
        .iter()
        .map(|&(metric, value, half)| MetricRow {
            method: "aura".into(),
            split: "test".into(),
            epoch: None,
            metric: metric.into(),
            value,
            low: Some(value - half),
            high: Some(value + half),
            n: Some(10),
            higher_is_better: Some(true),
        })
        .collect();
    let folder = crate::run::folder::seed_dir(run, Some(fold), seed);
    std::fs::create_dir_all(&folder).unwrap();
    crate::disk::parquet::write(&folder.join("metrics.parquet"), &rows, &Origin::default()).unwrap();
}

#[test]
fn a_seed_is_the_mean_of_its_folds_or_missing() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("folds");
    std::fs::create_dir_all(&run).unwrap();
    let manifest = r#"{"schema":1,"run":"folds","task":"action_units","folds":[1,3],"seeds":[0,7],"classes":["au12"]}"#;
    std::fs::write(run.join("manifest.json"), manifest).unwrap();
    fold_metrics(&run, 1, 0, &[("f1_avg", 0.5, 0.03), ("acc_avg", 0.9, 0.01)]);
    fold_metrics(&run, 3, 0, &[("f1_avg", 0.7, 0.04), ("acc_avg", 0.7, 0.01)]);
    fold_metrics(&run, 1, 7, &[("f1_avg", 0.6, 0.01), ("acc_avg", 0.8, 0.01)]);
    fold_metrics(&run, 3, 7, &[("f1_avg", 0.6, 0.01)]);
    let context = open(folder.path());
    let table = context
        .query("SELECT fold, seed, value FROM metrics WHERE metric = 'f1_avg' ORDER BY fold, seed")
        .unwrap();
    let folds: Vec<_> = table.rows.iter().map(|row| table.get(row, "fold").as_i64()).collect();
    assert_eq!(folds, [Some(1), Some(1), Some(3), Some(3)]);
    let table = context
        .query("SELECT seed, metric, round(value, 6) AS value, round(low, 6) AS low, round(high, 6) AS high, n FROM seed_metrics ORDER BY seed, metric")
        .unwrap();
    insta::assert_snapshot!(table.to_text(Format::Csv).replace('\r', ""), @r#"
    seed,metric,value,low,high,n
    0,acc_avg,0.8,0.792929,0.807071,20
    0,f1_avg,0.6,0.575,0.625,20
    7,f1_avg,0.6,0.592929,0.607071,20
    "#);
    let table = context.query(&sql("results_au")).unwrap();
    let row = &table.rows[0];
    assert!((table.get(row, "f1_avg").as_f64().unwrap() - 0.6).abs() < 1e-12);
    assert_eq!(table.get(row, "acc_avg"), &Value::Null, "a fold of seed 7 lacks it");
    assert_eq!(table.get(row, "samples"), &Value::Int(20));
}
