//! Behaviour through the binary, as a user meets it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod chain;
mod checks;
mod child;
mod comparisons;
mod damage;
mod data;
mod device;
mod elsewhere;
#[cfg(target_os = "linux")]
mod endings;
mod examples;
mod explanations;
mod exports;
mod extract;
mod flags;
mod flags_of_data;
mod flags_of_runs;
mod folds;
mod hub;
mod kill;
mod launch;
mod origins;
mod page;
mod predictions;
mod published;
mod queries;
mod recipes;
mod remote;
mod reviews;
mod schemas;
mod scores;
mod screens;
mod served;
mod shared;
mod studies;
mod tracking;
mod transfers;
#[cfg(target_os = "linux")]
mod units;
mod validate;
mod videos;
mod view;

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use tempfile::TempDir;

/// The program in a folder of its own.
struct Bench {
    folder: TempDir,
    cache: PathBuf,
}

impl Bench {
    /// With an empty cache of its own: for tests about what is computed, and when.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        Self { folder, cache }
    }

    /// With the cache that the tests share, where the faces, samples and features of [`SMALL`] are.
    fn with_shared_cache() -> Self {
        Self {
            cache: shared::cache(),
            ..Self::new()
        }
    }

    /// With the shared cache and a copy of a finished run below `runs`, [`SMALL`] with further arguments. Returns its folder
    /// too, relative to this one.
    fn with_run(more: &[&'static str]) -> (Self, String) {
        let bench = Self::with_shared_cache();
        let run = bench.add_run(more);
        (bench, run)
    }

    /// A copy of a further finished run below `runs`.
    fn add_run(&self, more: &[&'static str]) -> String {
        let run = shared::run(more);
        copy(&run.folder, &self.path(&run.name));
        run.name.clone()
    }

    /// Lets the digests of a run say of a file what it is now: whoever means harm can do that too.
    fn seal(&self, run: &str, file: &str) {
        let path = self.path(run).join("digests.json");
        let mut digests: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let bytes = std::fs::read(self.path(run).join(file)).unwrap();
        digests["files"][file] =
            serde_json::json!({"bytes": bytes.len(), "blake3": blake3::hash(&bytes).to_hex().to_string()});
        std::fs::write(path, digests.to_string()).unwrap();
    }

    /// With a copy of the faces of [`SMALL`] in the folder `raf`, to be read and changed.
    fn with_faces() -> Self {
        let bench = Self::new();
        copy(&shared::faces(), &bench.path("raf"));
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn command(&self) -> Command {
        let mut command = Command::cargo_bin("aura-bench").unwrap();
        command.current_dir(self.folder.path());
        command
            .env("AURA_BENCH_CACHE", &self.cache)
            .env("NO_COLOR", "1")
            .env("XDG_CONFIG_HOME", self.folder.path())
            .env_remove("AURA_BENCH_CONFIG")
            .env_remove("RAFDB_ROOT");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// Runs, expects success, and returns stdout.
    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?} failed:\n{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs, expects success, and reads stdout as JSON.
    fn json(&self, arguments: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.ok(arguments)).unwrap()
    }

    /// Runs, expects the exit code, and returns stderr.
    fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}:\n{text}");
        assert!(output.stdout.is_empty(), "an error leaves stdout empty");
        text.replace(&self.folder.path().display().to_string(), "[FOLDER]")
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The smallest stand-in run that still goes through every stage.
const SMALL: [&str; 16] = [
    "run",
    "recipes/rafdb.toml",
    "--stand-in",
    "--quiet",
    "--set",
    "stand_in.samples=260",
    "--set",
    "train.epochs=3",
    "--set",
    "model.k_max=30",
    "--set",
    "baselines.linear.c=0.01",
    "--set",
    "baselines.mlp.epochs=3",
    "--seeds",
    "0",
];

fn small(more: &[&'static str]) -> Vec<&'static str> {
    SMALL.iter().copied().chain(more.iter().copied()).collect()
}

/// Every file below a folder with its bytes, sorted by path; but for locks, which count who held them.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.file_name().unwrap().to_string_lossy().starts_with(".lock") {
                found.push((
                    path.strip_prefix(folder).unwrap().to_owned(),
                    std::fs::read(&path).unwrap(),
                ));
            }
        }
    }
    found.sort();
    found
}

/// The tables below a run folder: its manifest and what is made from it hold times and places, these hold neither.
fn tables(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = files(folder);
    found.retain(|(path, _)| path.extension().is_some_and(|extension| extension == "parquet"));
    found
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for (path, bytes) in files(from) {
        let path = to.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}
