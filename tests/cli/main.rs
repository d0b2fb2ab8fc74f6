//! Behaviour through the binary, as a user meets it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod chain;
mod checks;
mod data;
mod device;
mod elsewhere;
mod extract;
mod folds;
mod kill;
mod page;
mod published;
mod queries;
mod recipes;
mod schemas;
mod studies;
mod validate;

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use tempfile::TempDir;

/// The program in a folder of its own, with a cache of its own.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
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
            .env("AURA_BENCH_CACHE", self.path("cache"))
            .env("NO_COLOR", "1")
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
const SMALL: [&str; 12] = [
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
    "--seeds",
    "0",
];

fn small(more: &[&'static str]) -> Vec<&'static str> {
    SMALL.iter().copied().chain(more.iter().copied()).collect()
}

/// Every file below a folder with its bytes, sorted by path.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
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
