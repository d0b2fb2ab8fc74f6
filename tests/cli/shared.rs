//! What tests share that only read it: faces drawn once, their samples and features, and finished runs on them.
//!
//! A test gets copies of finished runs and of faces, and may change these; the cache is used as it lies, as several calls of
//! the program on one machine would.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, OnceLock};

use crate::small;

/// A folder of this process in the target folder. It is there until the next call of the tests tidies up.
struct Folder {
    path: PathBuf,
    /// Held while the process lives.
    _lock: File,
}

static FOLDER: LazyLock<Folder> = LazyLock::new(|| {
    let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shared");
    std::fs::create_dir_all(&all).unwrap();
    let alone = File::create(all.join("lock")).unwrap();
    alone.lock().unwrap();
    for entry in std::fs::read_dir(&all).unwrap() {
        let path = entry.unwrap().path();
        if File::open(path.join("lock")).is_ok_and(|lock| lock.try_lock().is_ok()) {
            std::fs::remove_dir_all(path).unwrap();
        }
    }
    let path = all.join(std::process::id().to_string());
    std::fs::create_dir_all(&path).unwrap();
    let lock = File::create(path.join("lock")).unwrap();
    lock.lock().unwrap();
    Folder { path, _lock: lock }
});

/// A finished run.
pub struct Run {
    /// Where it lies.
    pub folder: PathBuf,
    /// What the program calls it: `runs/NAME`.
    pub name: String,
    /// What the call that made it printed with `--json`.
    pub summary: serde_json::Value,
}

/// Finished runs by their further arguments.
static RUNS: Mutex<BTreeMap<Vec<&str>, &OnceLock<Run>>> = Mutex::new(BTreeMap::new());

/// The cache of the shared runs.
pub fn cache() -> PathBuf {
    FOLDER.path.join("cache")
}

/// The finished run of [`crate::SMALL`] with further arguments, made by the first test that asks for it.
pub fn run(more: &[&'static str]) -> &'static Run {
    let cell = *RUNS
        .lock()
        .unwrap()
        .entry(more.to_vec())
        .or_insert_with(|| Box::leak(Box::default()));
    cell.get_or_init(|| make(more))
}

fn make(more: &[&'static str]) -> Run {
    let mut arguments = small(more);
    arguments.push("--json");
    let output = assert_cmd::Command::cargo_bin("aura-bench")
        .unwrap()
        .args(&arguments)
        .current_dir(&FOLDER.path)
        .env("AURA_BENCH_CACHE", cache())
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", crate::stderr(&output));
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let name = summary["run_dir"].as_str().unwrap().to_owned();
    Run {
        folder: FOLDER.path.join(&name),
        name,
        summary,
    }
}

/// The folder of the faces that the shared run was trained on, in the layout of RAF-DB.
pub fn faces() -> PathBuf {
    let manifest = std::fs::read(run(&[]).folder.join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    PathBuf::from(manifest["data_root"].as_str().unwrap())
}

/// The folder of the feature table of the run without further arguments; other tests may leave others beside it.
pub fn features() -> PathBuf {
    let text = std::fs::read(run(&[]).folder.join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let mut stages = manifest["stages"].as_array().unwrap().iter();
    let extracted = stages.find(|stage| stage["name"] == "extract").unwrap();
    let digest = &extracted["digest"].as_str().unwrap()[..16];
    let table = cache().join("features").join(format!("rafdb-hog-{digest}"));
    assert!(table.join("croissant.json").is_file());
    table
}
