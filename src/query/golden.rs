//! Every statement on one set of runs, compared with the file of its name under `tests/golden/sql/`.
//!
//! A new statement needs no test of its own: `INSTA_UPDATE=always cargo test --lib golden` writes its file, to be read before
//! it is kept. What the runs hold stands in `fixture.rs` in words, so that the numbers can be worked out by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::record::{MetricRow, MissingRow, Origin};

use super::context::QueryContext;
use super::fixture::{self, Fixture, Point};
use super::{Format, Table, Value};

/// Decimals of numbers in the files: the last bits of a standard deviation are no matter.
const DECIMALS: i32 = 6;

/// Every parameter that any statement names.
fn parameters() -> [(&'static str, Value); 17] {
    let text = |text: &str| Value::Text(text.to_owned());
    [
        ("archetypes", Value::Int(3)),
        ("images", Value::Int(2)),
        ("dimension", text("valence")),
        ("panels", Value::Int(2)),
        ("panel_images", Value::Int(2)),
        ("arousal_clusters", text("-1,0,1")),
        ("valence_clusters", text("-1,0,1")),
        ("map_units", text("au12,au23")),
        ("au_levels", text("0,0.5,1")),
        ("sample", text("test_00001")),
        ("seed", Value::Int(0)),
        ("split", text("test")),
        ("fold", Value::Null),
        ("support", Value::Int(2)),
        ("issues", Value::Int(5)),
        ("others", Value::Int(3)),
        ("root", text("/data")),
    ]
}

/// Runs on which every statement has something to say: expressions in full, scores and action units in small, and points of
/// studies that vary K max, the loss weights and the margin.
fn everything(runs: &Path) {
    Fixture {
        rich: true,
        ..Fixture::default()
    }
    .write(runs);
    let affect: [(&[f32], usize); 3] = [(&[-1.0, 0.2], 2), (&[0.0, 0.9], 3), (&[1.0, 1.0], 1)];
    let labels = [
        [-1.0, 0.0],
        [-0.1, 0.1],
        [0.0, 0.5],
        [0.3, -0.5],
        [0.9, 1.0],
        [1.0, -1.0],
    ];
    fixture::scores(runs, "valence_arousal", &["valence", "arousal"], &affect, &labels);
    two_seeds(
        &runs.join("valence_arousal"),
        &[
            ("aura", "test", "ccc_va", 0.7),
            ("aura", "test", "ccc_v", 0.8),
            ("aura", "test", "ccc_a", 0.6),
            ("aura", "test", "rmse_v", 0.3),
            ("aura", "train", "ccc_va", 0.9),
            ("aura", "test@there", "ccc_va", 0.4),
            ("aura", "test@elsewhere", "ccc_va", 0.3),
            ("ridge", "test@there", "ccc_va", 0.45),
            ("ridge", "test", "ccc_va", 0.5),
            ("ridge", "all", "held_out_ccc_va", 0.55),
            ("ridge", "all", "setting_c", 0.3),
            ("aura", "all", "fit_shift_v", 0.1),
            ("aura", "all", "fit_factor_v", 1.2),
        ],
    );
    let active: [(&[f32], usize); 3] = [(&[0.1, 0.9], 3), (&[0.4, 0.0], 1), (&[1.0, 0.2], 2)];
    let labels = [[0.0, 1.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0], [1.0, 0.0], [1.0, 0.0]];
    fixture::scores(runs, "action_units", &["au12", "au23"], &active, &labels);
    two_seeds(
        &runs.join("action_units"),
        &[
            ("aura", "test", "f1_avg", 0.6),
            ("aura", "test", "f1_au12", 0.7),
            ("aura", "test", "f1_au23", 0.5),
            ("aura", "test", "acc_avg", 0.9),
            ("knn", "test", "f1_avg", 0.4),
            ("knn", "test", "f1_au12", 0.4),
            ("aura", "all", "fit_threshold_au23", 0.3),
        ],
    );
    let sizes = [
        ("aura", "test", "acc", [Some(0.9), Some(0.8)].as_slice()),
        ("aura", "all", "convergence_epoch", &[Some(10.0), Some(14.0)]),
        ("aura", "all", "gflops", &[Some(0.25), Some(0.25)]),
        ("aura", "all", "gflops_pruned", &[Some(0.125), Some(0.25)]),
        ("aura", "all", "gflops_contextualization", &[Some(0.5), Some(0.5)]),
        ("finetune", "test", "acc", &[Some(0.85), Some(0.75)]),
    ];
    let point = |run: &str, study: &str, k_max: usize, recipe: &str| {
        Point {
            run,
            study: Some(study),
            k_max,
            recipe,
            metrics: &sizes,
            ..Point::default()
        }
        .write(runs);
    };
    point("k4", "sizes", 4, "");
    let missing = [("test_00008", "no_face"), ("test_00009", "no_row")].map(|(sample_id, reason)| MissingRow {
        sample_id: sample_id.to_owned(),
        reason: reason.to_owned(),
    });
    crate::disk::parquet::write(&runs.join("k4/seed-0/missing.parquet"), &missing, &Origin::default()).unwrap();
    point("k6", "sizes", 6, "");
    point(
        "weights-1",
        "weights",
        4,
        "[loss]\nlambda_proj = 1.0\nlambda_arc = 1.0\nlambda_contx = 1.0",
    );
    point(
        "weights-2",
        "weights",
        4,
        "[loss]\nlambda_proj = 0.5\nlambda_arc = 1.0\nlambda_contx = 1.0",
    );
    point("margin-1", "margins", 4, "[loss]\nmargin = 0.1");
    point("margin-3", "margins", 4, "");
}

/// Gives a run of seed 0 a second seed with the same dictionary, metrics to both, those of the second seed 0.1 less, and a map
/// of its archetypes.
fn two_seeds(run: &Path, metrics: &[(&str, &str, &str, f64)]) {
    let path = run.join("manifest.json");
    let mut manifest: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    manifest["seeds"] = serde_json::json!([0, 1]);
    std::fs::write(&path, manifest.to_string()).unwrap();
    std::fs::create_dir(run.join("seed-1")).unwrap();
    for file in ["assignments", "archetypes", "predictions"] {
        let name = format!("{file}.parquet");
        std::fs::copy(run.join("seed-0").join(&name), run.join("seed-1").join(&name)).unwrap();
    }
    for seed in [0, 1] {
        let rows: Vec<MetricRow> = metrics
            .iter()
            .map(|&(method, split, metric, value)| MetricRow {
                method: method.to_owned(),
                split: split.to_owned(),
                epoch: None,
                metric: metric.to_owned(),
                value: value - 0.1 * f64::from(seed),
                low: None,
                high: None,
                n: (split == "test").then_some(6),
                higher_is_better: Some(true),
            })
            .collect();
        let folder = run.join(format!("seed-{seed}"));
        crate::disk::parquet::write(&folder.join("metrics.parquet"), &rows, &Origin::default()).unwrap();
    }
    fixture::write_maps(&run.join("seed-0"), &[0, 1, 2], &[]);
}

/// Name and text of every statement: those of the report, and views as `views/NAME`.
fn statements() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for prefix in ["", "views/"] {
        let folder = format!("{}/reports/sql/{prefix}", env!("CARGO_MANIFEST_DIR"));
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "sql") {
                let name = path.file_stem().unwrap().to_str().unwrap();
                let sql = match prefix {
                    "" => std::fs::read_to_string(&path).unwrap(),
                    _ => format!("SELECT * FROM {name}"),
                };
                found.insert(format!("{prefix}{name}"), sql);
            }
        }
    }
    found
}

/// The rows as CSV. Those of a view have no order: they are sorted as text.
fn text(name: &str, mut table: Table) -> String {
    for value in table.rows.iter_mut().flatten() {
        round(value);
    }
    let text = table.to_text(Format::Csv).replace('\r', "");
    match text.split_once('\n') {
        Some((head, rows)) if name.starts_with("views/") => {
            let mut rows: Vec<&str> = rows.lines().collect();
            rows.sort_unstable();
            format!("{head}\n{}\n", rows.join("\n"))
        }
        _ => text,
    }
}

fn round(value: &mut Value) {
    match value {
        Value::Float(number) => *number = (*number * 10_f64.powi(DECIMALS)).round() / 10_f64.powi(DECIMALS),
        Value::List(values) => values.iter_mut().for_each(round),
        _ => {}
    }
}

/// All files below the golden folder, as the statements are named.
fn golden_files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for prefix in ["", "views/"] {
        for entry in std::fs::read_dir(folder.join(prefix)).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.file_name().unwrap().to_str().unwrap();
                found.insert(format!("{prefix}{}", name.strip_suffix(".csv").unwrap_or(name)));
            }
        }
    }
    found
}

/// The first line in which two texts differ, of both.
fn difference(golden: &str, found: &str) -> String {
    let mut lines = golden.lines();
    for (i, line) in found.lines().enumerate() {
        let before = lines.next().unwrap_or("(no line)");
        if before != line {
            return format!("line {}\n  golden {before}\n  found  {line}", i + 1);
        }
    }
    format!(
        "line {}\n  golden {}\n  found  (no line)",
        found.lines().count() + 1,
        lines.next().unwrap_or("(no line)")
    )
}

#[test]
fn every_statement_gives_what_its_golden_file_holds() {
    let folder = tempfile::tempdir().unwrap();
    everything(folder.path());
    let open = |path: &Path| QueryContext::open(&[path.to_owned()]).unwrap();
    let (context, nothing) = (open(folder.path()), tempfile::tempdir().unwrap());
    let nothing = open(nothing.path());
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/sql");
    let write = std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always");
    let statements = statements();
    let mut wrong = String::new();
    for (name, sql) in &statements {
        let ask = |context: &QueryContext| {
            let table = context.query_with(sql, &parameters());
            table.unwrap_or_else(|error| panic!("{name}.sql: {error}"))
        };
        let table = ask(&context);
        if table.rows.is_empty() {
            writeln!(wrong, "{name}.sql has no rows: give the runs what it asks for").unwrap();
        }
        assert!(table.column("run").is_some(), "{name}.sql has no column `run`");
        let bare = ask(&nothing);
        assert!(
            bare.rows.is_empty() && bare.columns == table.columns,
            "{name}.sql on no run at all"
        );
        let found = text(name, table);
        let path = golden.join(format!("{name}.csv"));
        match std::fs::read_to_string(&path) {
            Ok(there) if there == found => {}
            _ if write => {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, found).unwrap();
            }
            Ok(there) => writeln!(wrong, "{name}.csv, {}", difference(&there, &found)).unwrap(),
            Err(_) => writeln!(wrong, "{name}.csv is not there").unwrap(),
        }
    }
    for name in golden_files(&golden) {
        if statements.contains_key(&name) {
            continue;
        }
        if write {
            std::fs::remove_file(golden.join(format!("{name}.csv"))).unwrap();
        } else {
            writeln!(wrong, "{name}.csv belongs to no statement").unwrap();
        }
    }
    assert!(
        wrong.is_empty(),
        "tests/golden/sql/:\n{wrong}If this is as it should be: INSTA_UPDATE=always cargo test --lib golden"
    );
}

/// With several threads at work in each of eight sessions side by side, so that whatever arrives first does not come first.
#[test]
fn every_statement_gives_the_same_bytes_eight_times() {
    let folder = tempfile::tempdir().unwrap();
    everything(folder.path());
    let statements = statements();
    let told = || -> BTreeMap<&String, String> {
        let context = QueryContext::open(&[folder.path().to_owned()]).unwrap();
        let csv = |sql: &str| context.query_with(sql, &parameters()).unwrap().to_text(Format::Csv);
        statements.iter().map(|(name, sql)| (name, csv(sql))).collect()
    };
    let all: Vec<_> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..8).map(|_| scope.spawn(told)).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    for (name, first) in &all[0] {
        for (time, other) in all.iter().enumerate() {
            assert!(
                other[name] == *first,
                "{name}.sql gives other bytes the time {}",
                time + 1
            );
        }
    }
}

/// Threads change what is computed at once and nothing else. Every view is read in parts here, however small its files are, so that
/// rows come in many streams; whatever merges them as they come would be named in a plan.
#[test]
fn every_statement_gives_the_same_bytes_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    everything(folder.path());
    let statements = statements();
    let open = |threads: usize| QueryContext::open_on(&[folder.path().to_owned()], threads, 1).unwrap();
    let eight = open(8);
    let plan = |sql: &str| {
        let plan = eight.query_with(&format!("EXPLAIN {sql}"), &parameters()).unwrap();
        plan.to_text(Format::Csv)
    };
    let mut in_order = 0;
    for (name, sql) in &statements {
        let plan = plan(sql);
        for merges in ["CoalescePartitionsExec", "RepartitionExec", "SortPreservingMergeExec"] {
            assert!(!plan.contains(merges), "{name}.sql: {merges} in\n{plan}");
        }
        in_order += usize::from(plan.contains("InOrder"));
    }
    assert!(in_order > 10, "only {in_order} statements read several streams");
    let told = |context: &QueryContext| -> BTreeMap<&String, String> {
        let csv = |sql: &str| context.query_with(sql, &parameters()).unwrap().to_text(Format::Csv);
        statements.iter().map(|(name, sql)| (name, csv(sql))).collect()
    };
    let one = told(&open(1));
    for context in [open(2), open(4), eight] {
        for (name, other) in told(&context) {
            let differs = || difference(&one[name], &other);
            assert!(other == one[name], "{name}.sql gives other bytes: {}", differs());
        }
    }
}
