//! A folder of 1,000 runs, listed, asked and reported on by the program itself, from its start to its end.
//!
//! `cargo bench --bench runs` makes one small run of drawn faces with three seeds, copies it under 1,000 names with other
//! settings, and prints the best of five calls of each command. Nothing is kept between calls but what the operating system
//! keeps of the files.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints and stops at what is wrong"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

const RUNS: usize = 1000;

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_aura-bench"))
}

/// Runs to the end, which must be a good one.
fn finish(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// One small run, made once and kept.
fn original(folder: &Path) -> PathBuf {
    let runs = folder.join("original");
    let mut command = program();
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.args(["run", "recipes/rafdb.toml", "--stand-in", "--quiet", "--seeds", "0,1,2"]);
    command.args([
        "--set",
        "stand_in.samples=260",
        "--set",
        "train.epochs=10",
        "--set",
        "model.k_max=30",
    ]);
    command.arg("--out").arg(&runs).arg("--cache").arg(folder.join("cache"));
    finish(&mut command);
    let found = std::fs::read_dir(&runs).unwrap().map(|entry| entry.unwrap().path());
    found.filter(|path| path.join("manifest.json").is_file()).max().unwrap()
}

/// The tables of `from` below `to`; its report and its trained models are not copied.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        if path.is_dir() {
            if name != "report" {
                copy(&path, &to.join(name));
            }
        } else if path.extension().is_some_and(|ending| ending == "parquet") {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

/// `RUNS` copies of a run, each with a name and settings of its own.
fn copies(original: &Path, folder: &Path) -> PathBuf {
    let runs = folder.join("runs");
    if runs.exists() {
        std::fs::remove_dir_all(&runs).unwrap();
    }
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(original.join("manifest.json")).unwrap()).unwrap();
    let recipe = std::fs::read_to_string(original.join("recipe.toml")).unwrap();
    let recipe: toml::Table = recipe.parse().unwrap();
    for i in 0..RUNS {
        let name = format!("rafdb-{i:08x}");
        let run = runs.join(&name);
        copy(original, &run);
        manifest["run"] = name.into();
        std::fs::write(run.join("manifest.json"), manifest.to_string()).unwrap();
        let mut recipe = recipe.clone();
        let margin = (i as f64 / RUNS as f64).into();
        recipe["loss"]
            .as_table_mut()
            .unwrap()
            .insert("margin".to_owned(), margin);
        std::fs::write(run.join("recipe.toml"), recipe.to_string()).unwrap();
    }
    runs
}

fn main() {
    let folder = std::env::temp_dir().join("aura-bench-runs");
    let runs = copies(&original(&folder), &folder);
    let listing = "SELECT run, dataset, task, created FROM runs ORDER BY run";
    let accuracy =
        "SELECT run, method, mean, sd FROM scores WHERE split = 'test' AND metric = 'acc' ORDER BY mean DESC";
    for (what, arguments) in [
        ("list", vec!["query", listing, "--format", "csv", "--runs"]),
        (
            "accuracy of every method",
            vec!["query", accuracy, "--format", "csv", "--runs"],
        ),
        ("report", vec!["report", "--quiet", "--out", "report"]),
    ] {
        let seconds = (0..5).map(|_| {
            let start = Instant::now();
            finish(program().current_dir(&folder).args(&arguments).arg(&runs));
            start.elapsed().as_secs_f64()
        });
        println!("{RUNS} runs, {what}: {:.2} s", seconds.fold(f64::INFINITY, f64::min));
    }
}
