//! The statistics of Table 1 over a training set of a large database's size: 294,410 samples on 400 archetypes, from Parquet, in
//! one pass over the assignments.
//!
//! `cargo bench --features inside --bench statistics` measures opening the run folder and the query together. With `AURA_BENCH_PYTHON` set
//! to a Python that has both peers (duckdb, polars), the same table is then computed by both on the same files, compared number by
//! number, and the ratios are printed.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints and stops at what is wrong"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, Float32Array, RecordBatch, StringArray};
use aura_bench::inside::{ArchetypeRow, AssignmentRow, Origin, write_batch, write_table};
use aura_bench::{Format, QueryContext};
use criterion::Criterion;

const SAMPLES: usize = 294_410;
const ARCHETYPES: usize = 400;
const LISTED: usize = 8;
const SQL: &str = include_str!("../reports/sql/table1_va.sql");

/// A number in [0, 1) that depends on `i` alone.
fn unit(i: usize, stream: usize) -> f64 {
    let mut x = (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (stream as u64).wrapping_mul(0xD1B5_4A32_D192_ED03);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// A run folder of valence and arousal, made once and kept.
fn run_folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("aura-bench-statistics-{SAMPLES}-{ARCHETYPES}"));
    let done = folder.join("manifest.json");
    if done.is_file() {
        return folder;
    }
    std::fs::create_dir_all(folder.join("seed-0")).unwrap();
    let ids: Vec<String> = (0..SAMPLES)
        .map(|i| format!("Manually_Annotated_{:03}/{i:032x}", i % 1500))
        .collect();
    let column = |stream| -> ArrayRef {
        Arc::new(Float32Array::from_iter_values(
            (0..SAMPLES).map(|i| (2.0 * unit(i, stream) - 1.0) as f32),
        ))
    };
    let samples = RecordBatch::try_from_iter([
        ("sample_id", Arc::new(StringArray::from(ids.clone())) as ArrayRef),
        ("split", Arc::new(StringArray::from(vec!["train"; SAMPLES])) as ArrayRef),
        ("valence", column(1)),
        ("arousal", column(2)),
    ])
    .unwrap();
    write_batch(&folder.join("samples.parquet"), &samples, &[]).unwrap();
    let assignments: Vec<AssignmentRow> = ids
        .into_iter()
        .enumerate()
        .map(|(i, sample_id)| {
            // Squared: a few archetypes hold much, as dictionaries do.
            let top: Vec<i32> = (0..LISTED)
                .map(|j| ((unit(i, 3).powi(2) * ARCHETYPES as f64) as usize + j) % ARCHETYPES)
                .map(|k| k as i32)
                .collect();
            let similarities: Vec<f32> = (0..LISTED)
                .map(|j| (0.95 - 0.05 * j as f64 - 0.04 * unit(i, 4)) as f32)
                .collect();
            AssignmentRow {
                sample_id,
                split: "train".to_owned(),
                archetype: top[0],
                similarity: similarities[0],
                second: Some(top[1]),
                margin: Some(similarities[0] - similarities[1]),
                top_archetypes: top,
                top_similarities: similarities,
            }
        })
        .collect();
    write_table(
        &folder.join("seed-0/assignments.parquet"),
        &assignments,
        &Origin::default(),
    )
    .unwrap();
    let archetypes: Vec<ArchetypeRow> = (0..ARCHETYPES)
        .map(|k| ArchetypeRow {
            archetype: k as i32,
            active: true,
            uses: 0,
            alpha: 0.0,
            label: None,
            label_name: None,
            value: vec![(2.0 * unit(k, 5) - 1.0) as f32, (2.0 * unit(k, 6) - 1.0) as f32],
            output: vec![(2.0 * unit(k, 5) - 1.0) as f32, (2.0 * unit(k, 6) - 1.0) as f32],
            embedding: vec![0.0; 256],
            nearest: Vec::new(),
            nearest_similarity: Vec::new(),
        })
        .collect();
    write_table(
        &folder.join("seed-0/archetypes.parquet"),
        &archetypes,
        &Origin::default(),
    )
    .unwrap();
    let manifest = r#"{"schema":1,"run":"large","name":"large","dataset":"affectnet_va","task":"valence_arousal","seeds":[0],"classes":["valence","arousal"]}"#;
    std::fs::write(done, manifest).unwrap();
    folder
}

fn table(folder: &Path) -> String {
    QueryContext::open(&[folder.to_owned()])
        .unwrap()
        .query(SQL)
        .unwrap()
        .to_text(Format::Csv)
}

/// Best of some calls, in seconds.
fn best(calls: usize, work: impl Fn()) -> f64 {
    (0..calls)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min)
}

fn peers(folder: &Path) {
    let Some(python) = std::env::var_os("AURA_BENCH_PYTHON") else {
        println!("AURA_BENCH_PYTHON is not set: DuckDB and polars are not measured");
        return;
    };
    let own = best(5, || drop(table(folder)));
    let output = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/table_one.py"))
        .arg(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let peers: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let lines = |text: &str| -> Vec<String> { text.lines().skip(1).map(|line| line.trim_end().to_owned()).collect() };
    let ours = lines(&table(folder));
    for (name, peer) in peers.as_object().unwrap() {
        let theirs: Vec<String> = serde_json::from_value(peer["rows"].clone()).unwrap();
        assert_eq!(ours, theirs, "{name} gives another table");
        let seconds = peer["seconds"].as_f64().unwrap();
        println!(
            "{name}: {:.1} ms, aura-bench: {:.1} ms, ratio {:.2}; same {} rows",
            seconds * 1e3,
            own * 1e3,
            own / seconds,
            ours.len()
        );
    }
}

fn main() {
    let folder = run_folder();
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    criterion.bench_function("table 1 over 294,410 samples and 400 archetypes", |bencher| {
        bencher.iter(|| table(&folder));
    });
    criterion.final_summary();
    peers(&folder);
}
