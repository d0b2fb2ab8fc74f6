//! The paper's Tables 2 to 5 on runs that can be counted on the fingers.

use super::bins::Bins;
use super::context::QueryContext;
use super::fixture::{Fixture, Point};
use super::{Format, Value};

fn open(folder: &std::path::Path) -> QueryContext {
    QueryContext::open(&[folder.to_owned()]).unwrap()
}

fn csv(context: &QueryContext, name: &str) -> String {
    let file = format!("{}/reports/sql/{name}.sql", env!("CARGO_MANIFEST_DIR"));
    let sql = std::fs::read_to_string(file).unwrap();
    context.query(&sql).unwrap().to_text(Format::Csv).replace('\r', "")
}

#[test]
fn table_2_has_a_row_for_each_size_of_the_dictionary() {
    let folder = tempfile::tempdir().unwrap();
    let whole = [
        ("aura", "test", "acc", [Some(0.9), Some(0.8)].as_slice()),
        ("aura", "all", "convergence_epoch", &[Some(10.0), Some(14.0)]),
        ("aura", "all", "gflops", &[Some(0.25), Some(0.25)]),
        ("aura", "all", "gflops_pruned", &[Some(0.125), Some(0.25)]),
    ];
    // Two and three archetypes stay: 2.5 ± 0.7071; happiness 1 and 2, neutral 1 and 0, sadness 0 and 1.
    Point {
        run: "k4",
        study: Some("sizes"),
        metrics: &whole,
        ..Point::default()
    }
    .write(folder.path());
    // Seed 1 has no accuracy, and no dictionary: nothing is averaged over what is left.
    Point {
        run: "k6",
        study: Some("sizes"),
        k_max: 6,
        kept: &[&[0, 1, 2]],
        metrics: &[
            ("aura", "test", "acc", &[Some(0.7), None]),
            ("aura", "all", "convergence_epoch", &[Some(9.0), Some(9.0)]),
        ],
        ..Point::default()
    }
    .write(folder.path());
    // Another study, in which K max does not vary.
    Point {
        run: "other",
        study: Some("weights"),
        metrics: &whole,
        ..Point::default()
    }
    .write(folder.path());
    insta::assert_snapshot!(csv(&open(folder.path()), "table2_k_max"), @r#"
    run,study,dataset,metric,k_max,k_stable,k_stable_sd,value,value_sd,convergence_epoch,convergence_epoch_sd,distribution,gflops,gflops_pruned,gflops_contextualization
    k4,sizes,rafdb,acc,4,2.5,0.7071067811865476,0.8500000000000001,0.07071067811865478,12.0,2.8284271247461903,happiness 1.5 / neutral 0.5 / sadness 0.5,0.25,0.1875,
    k6,sizes,rafdb,acc,6,,,,,9.0,0.0,,,,
    "#);
}

#[test]
fn table_3_gives_gains_seed_by_seed_and_one_column_a_task() {
    let folder = tempfile::tempdir().unwrap();
    Point {
        run: "clip-rafdb",
        metrics: &[
            ("aura", "test", "acc", &[Some(0.94), Some(0.92)]),
            ("finetune", "test", "acc", &[Some(0.90), Some(0.86)]),
            ("knn", "test", "acc", &[Some(0.5), Some(0.5)]),
        ],
        ..Point::default()
    }
    .write(folder.path());
    Point {
        run: "clip-va",
        dataset: "affectnet_va",
        task: "valence_arousal",
        classes: &["valence", "arousal"],
        kept: &[],
        metrics: &[
            ("aura", "test", "ccc_va", &[Some(0.75), Some(0.73)]),
            // The second seed of the fine-tuned encoder is missing: no mean, no gain.
            ("finetune", "test", "ccc_va", &[Some(0.66), None]),
        ],
        ..Point::default()
    }
    .write(folder.path());
    Point {
        run: "dino-rafdb",
        encoder: "dino",
        seeds: &[0],
        kept: &[&[0]],
        stand_in: true,
        metrics: &[("aura", "test", "acc", &[Some(0.9)])],
        ..Point::default()
    }
    .write(folder.path());
    insta::assert_snapshot!(csv(&open(folder.path()), "table3_encoders"), @r#"
    run,stand_in,encoder,method,acc,acc_sd,acc_gain,ccc,ccc_sd,ccc_gain,f1,f1_sd,f1_gain
    "clip-rafdb, clip-va",false,clip,finetune,0.88,0.028284271247461926,,,,,,,
    "clip-rafdb, clip-va",false,clip,aura,0.9299999999999999,0.014142135623730845,0.04999999999999999,0.74,0.014142135623730963,,,,
    dino-rafdb,true,dino,aura,0.9,,,,,,,,
    "#);
}

#[test]
fn table_4_has_the_default_first_and_each_cell_from_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let point = |run: &str, task: &str, recipe: &str, value: f64| {
        let (dataset, metric) = match task {
            "expression" => ("rafdb", "acc"),
            _ => ("emotionet", "f1_avg"),
        };
        Point {
            run,
            dataset,
            task,
            study: Some(dataset),
            seeds: &[3],
            kept: &[&[0]],
            recipe,
            metrics: &[
                ("aura", "test", metric, &[Some(value)]),
                ("aura", "all", "convergence_epoch", &[Some(100.0 * value)]),
            ],
            ..Point::default()
        }
        .write(folder.path());
    };
    let half = "[loss]\nlambda_proj = 0.5\nlambda_arc = 1.0\nlambda_contx = 1.0";
    let more = "[loss]\nlambda_proj = 1.0\nlambda_arc = 1.5\nlambda_contx = 1.0";
    point("r-default", "expression", "[loss]\nlambda_proj = 1.0", 0.94);
    point("r-half", "expression", half, 0.93);
    point("r-half-again", "expression", half, 0.92);
    point("r-more", "expression", more, 0.95);
    point("e-default", "action_units", "", 0.67);
    point("e-half", "action_units", half, 0.66);
    insta::assert_snapshot!(csv(&open(folder.path()), "table4_lambda"), @r#"
    run,stand_in,lambda_proj,lambda_arc,lambda_contx,acc,acc_sd,acc_epoch,acc_epoch_sd,f1,f1_sd,f1_epoch,f1_epoch_sd,ccc,ccc_sd,ccc_epoch,ccc_epoch_sd
    "e-default, r-default",false,1.0,1.0,1.0,0.94,,94.0,,0.67,,67.0,,,,,
    "e-half, r-half",false,0.5,1.0,1.0,0.93,,93.0,,0.66,,66.0,,,,,
    r-half-again,false,0.5,1.0,1.0,0.92,,92.0,,,,,,,,,
    r-more,false,1.0,1.5,1.0,0.95,,95.0,,,,,,,,,
    "#);
}

#[test]
fn table_5_knows_the_margin_that_a_recipe_leaves_to_the_task() {
    let folder = tempfile::tempdir().unwrap();
    for (run, task, recipe, metric, value) in [
        ("r3", "expression", "", "acc", 0.94),
        ("r1", "expression", "[loss]\nmargin = 0.1", "acc", 0.93),
        ("v2", "valence_arousal", "", "ccc_va", 0.74),
        ("v5", "valence_arousal", "[loss]\nmargin = 0.5", "ccc_va", 0.70),
        ("a3", "action_units", "", "f1_avg", 0.67),
    ] {
        Point {
            run,
            dataset: task,
            task,
            seeds: &[0],
            kept: &[],
            recipe,
            metrics: &[("aura", "test", metric, &[Some(value)])],
            ..Point::default()
        }
        .write(folder.path());
    }
    // The default margins are those of the losses.
    let defaults = crate::model::loss::config::LossConfig::default();
    let context = open(folder.path());
    let table = context
        .query("SELECT run, task, margin FROM run_settings WHERE run IN ('r3', 'v2', 'a3') ORDER BY run")
        .unwrap();
    for row in &table.rows {
        let task = match table.get(row, "task").as_str() {
            Some("expression") => crate::task::Task::Expression,
            Some("action_units") => crate::task::Task::ActionUnits,
            _ => crate::task::Task::ValenceArousal,
        };
        assert_eq!(table.get(row, "margin"), &Value::Float(defaults.margin_for(task)));
    }
    insta::assert_snapshot!(csv(&context, "table5_margin"), @r#"
    run,stand_in,margin,acc,acc_sd,acc_epoch,acc_epoch_sd,f1,f1_sd,f1_epoch,f1_epoch_sd,ccc,ccc_sd,ccc_epoch,ccc_epoch_sd
    r1,false,0.1,0.93,,,,,,,,,,,
    v2,false,0.2,,,,,,,,,0.74,,,
    r3,false,0.3,0.94,,,,,,,,,,,
    v5,false,0.5,,,,,,,,,0.7,,,
    "#);
}

#[test]
fn table_1_over_seeds_keeps_its_total_and_misses_what_a_seed_misses() {
    let folder = tempfile::tempdir().unwrap();
    Fixture::default().write(folder.path());
    // Archetypes: class 0 has 3 and 1, the others 1 and 1; the whole dictionary 5 and 3.
    insta::assert_snapshot!(csv(&open(folder.path()), "table1_expression_seeds"), @r#"
    run,class_name,seeds,assigned,assigned_sd,uses_min,uses_max,matched,matched_sd,samples,row_kind
    tiny-0a1b2c3d,happiness,2,2.0,1.4142135623730951,2,12,12.5,0.7071067811865476,12,row
    tiny-0a1b2c3d,neutral,2,1.0,0.0,8,8,8.0,0.0,8,row
    tiny-0a1b2c3d,sadness,2,1.0,0.0,3,4,3.5,0.7071067811865476,4,row
    tiny-0a1b2c3d,all,2,4.0,1.4142135623730951,2,12,24.0,0.0,24,total
    "#);
    std::fs::remove_file(folder.path().join("tiny-0a1b2c3d/seed-1/archetypes.parquet")).unwrap();
    let context = open(folder.path());
    let table = context
        .query("SELECT assigned, matched, uses_max FROM class_allocation_seeds")
        .unwrap();
    assert_eq!(table.rows.len(), 4);
    assert!(table.rows.iter().flatten().all(Value::is_null));
}

#[test]
fn bins_of_ones_own_reach_the_views() {
    let folder = tempfile::tempdir().unwrap();
    let archetypes: [(&[f32], usize); 2] = [(&[0.7, 0.2], 4), (&[0.69, -0.2], 2)];
    let labels = [[0.7, 0.0], [0.7, 0.1], [0.0, 0.5], [0.3, -0.5], [0.9, 1.0], [1.0, -1.0]];
    super::fixture::scores(
        folder.path(),
        "valence_arousal",
        &["valence", "arousal"],
        &archetypes,
        &labels,
    );
    let bins = Bins {
        affect: vec![-1.0, 0.7, 1.0],
        ..Bins::default()
    };
    let context = open(folder.path()).with_bins(bins);
    let table = context
        .query(
            "SELECT low, high, assigned, matched, samples FROM bin_allocation WHERE dimension = 'valence' ORDER BY low",
        )
        .unwrap();
    // 0.7 in single precision is a little less than 0.7, and still belongs to the bin that begins there.
    insta::assert_snapshot!(table.to_text(Format::Csv).replace('\r', ""), @r#"
    low,high,assigned,matched,samples
    -1.0,0.7,1,2,2
    0.7,1.0,1,4,4
    "#);
}

#[test]
fn columns_of_derived_views_can_be_listed_before_and_after_they_are_asked() {
    let folder = tempfile::tempdir().unwrap();
    Fixture::default().write(folder.path());
    let context = open(folder.path());
    let list = "SELECT count(*) AS n FROM information_schema.columns WHERE table_name = 'scores'";
    let count = |context: &QueryContext| context.query(list).unwrap().rows[0][0].as_i64();
    assert_eq!(count(&context), Some(11));
    let rows = context.query("SELECT * FROM scores").unwrap().rows.len();
    assert!(rows > 0);
    assert_eq!(count(&context), Some(11));
    assert_eq!(context.query("SELECT * FROM scores").unwrap().rows.len(), rows);
}
