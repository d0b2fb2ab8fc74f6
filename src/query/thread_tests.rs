//! Sums over many rows: the same bits on any number of threads, whatever ends first.

use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::disk::parquet;
use crate::record::{AssignmentRow, Origin};

use super::Format;
use super::context::QueryContext;

/// Rows of one seed: more than one batch.
const ROWS: usize = 9_000;

/// Runs of one seed each, with these similarities one after the other.
fn write(folder: &Path, runs: usize, similarity: impl Fn(usize) -> f32) {
    for run in 0..runs {
        let name = format!("run-{run:02}");
        let path = folder.join(&name);
        let manifest = serde_json::json!({"schema": 1, "run": name, "name": name, "dataset": "rafdb", "task": "expression",
            "stand_in": true, "classes": ["happiness", "neutral"], "seeds": [0]});
        std::fs::create_dir_all(path.join("seed-0")).unwrap();
        std::fs::write(path.join("manifest.json"), manifest.to_string()).unwrap();
        let rows: Vec<AssignmentRow> = (0..ROWS)
            .map(|i| AssignmentRow {
                sample_id: format!("s{}", i % 1000),
                split: if i % 3 == 0 { "test" } else { "train" }.to_owned(),
                archetype: (i % 7) as i32,
                similarity: similarity(run * ROWS + i),
                second: None,
                margin: Some(similarity(run * ROWS + i + 1)),
                top_archetypes: Vec::new(),
                top_similarities: Vec::new(),
            })
            .collect();
        parquet::write(&path.join("seed-0/assignments.parquet"), &rows, &Origin::default()).unwrap();
    }
}

/// Of every way in which rows come together: all of them, in groups, from joins, unions and windows.
const SUMS: [&str; 8] = [
    "SELECT sum(similarity) AS s, avg(similarity) AS a, stddev(similarity) AS d FROM assignments",
    "SELECT sum(CAST(similarity AS DOUBLE) * 1.1) AS s FROM assignments WHERE split = 'test'",
    "SELECT archetype, sum(CAST(similarity AS DOUBLE)) AS s, avg(margin) AS m FROM assignments GROUP BY archetype ORDER BY archetype",
    "SELECT sample_id, sum(similarity) AS s FROM assignments WHERE archetype < 5 GROUP BY sample_id ORDER BY s LIMIT 20",
    "SELECT r.dataset, sum(a.similarity) AS s FROM assignments a JOIN runs r USING (run) WHERE a.split = 'train' GROUP BY r.dataset",
    "SELECT sum(a.similarity * b.margin) AS s FROM assignments a JOIN assignments b \
     ON a.run = b.run AND a.sample_id = b.sample_id AND a.archetype = b.archetype WHERE a.split = 'test' AND b.margin > 0.5",
    "SELECT sum(x) AS s FROM (SELECT similarity AS x FROM assignments UNION ALL SELECT margin FROM assignments WHERE archetype = 1)",
    "SELECT run, last_value(total) AS t FROM (SELECT run, sum(similarity) OVER (PARTITION BY run ORDER BY sample_id, archetype) AS total \
     FROM assignments) GROUP BY run ORDER BY run",
];

fn bits(folder: &Path, threads: usize) -> Vec<String> {
    let context = QueryContext::open_on(&[folder.to_owned()], threads, 1).unwrap();
    let told = |sql: &&str| context.query(sql).unwrap().to_text(Format::Csv);
    SUMS.iter().map(told).collect()
}

#[test]
fn sums_are_the_same_bits_on_any_number_of_threads() {
    // Magnitudes far apart: in another order almost every sum has other bits.
    let strategy = (3_usize..9, any::<u32>());
    let config = Config {
        cases: 3,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&strategy, |(runs, seed)| {
            let value = move |i: usize| {
                let mixed = (i as u32 ^ seed).wrapping_mul(2_654_435_761);
                let sign = if mixed & 1 == 0 { 1.0 } else { -1.0 };
                sign * ((mixed >> 8) as f32 + 1.0) * 10_f32.powi((mixed % 13) as i32 - 6)
            };
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), runs, value);
            // A single other order may come to the same bits by chance; a dozen do not.
            let all = runs * ROWS;
            let from = |first: usize| {
                let sum = (0..all).fold(0.0, |sum, i| sum + f64::from(value((first + i) % all)));
                sum.to_bits()
            };
            prop_assert!((1..=12).any(|part| from(part * all / 13) != from(0)));
            let one = bits(folder.path(), 1);
            for threads in [2, 4, 8, 8] {
                prop_assert_eq!(&bits(folder.path(), threads), &one, "on {} threads", threads);
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn rows_are_computed_in_several_streams_and_come_in_the_order_of_the_files() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 6, |i| i as f32);
    let context = QueryContext::open_on(&[folder.path().to_owned()], 4, 1).unwrap();
    let sql = "SELECT run, CAST(similarity AS BIGINT) AS i FROM assignments WHERE archetype <> 3";
    let plan = context.query(&format!("EXPLAIN {sql}")).unwrap().to_text(Format::Csv);
    let place = |text: &str| plan.find(text).unwrap_or_else(|| panic!("no {text} in\n{plan}"));
    assert!(place("InOrder") < place("DataSourceExec"), "{plan}");
    let table = context.query(sql).unwrap();
    let numbers: Vec<i64> = table
        .rows
        .iter()
        .filter_map(|row| table.get(row, "i").as_i64())
        .collect();
    assert_eq!(numbers.len(), table.rows.len());
    assert!(numbers.is_sorted() && numbers.len() > 40_000, "{}", numbers.len());
    // A small view is read at once: beginning several streams takes longer.
    let context = QueryContext::open(&[folder.path().to_owned()]).unwrap();
    let plan = context.query(&format!("EXPLAIN {sql}")).unwrap().to_text(Format::Csv);
    assert!(!plan.contains("InOrder"), "{plan}");
}
