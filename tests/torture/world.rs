//! One small run, unbroken, and places in which it is done again under attack.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Files that hold times, or the place in which the run lies, and copies that are made when they are needed: by their ends.
const UNSTABLE: [&str; 8] = [
    "manifest.json",
    "digests.json",
    ".digest",
    ".cost.json",
    ".html",
    ".md",
    ".tex",
    ".rows",
];

/// The statistics that are left out, so that a case takes seconds.
const LEFT_OUT: [&str; 20] = [
    "results_splits",
    "readout_fits",
    "chosen_settings",
    "table1_expression",
    "table1_expression_seeds",
    "archetypes_per_class",
    "codebook",
    "usage",
    "maps",
    "separability",
    "map_scores",
    "curves",
    "label_pairs",
    "label_issues",
    "confident_learning",
    "flip_detection",
    "failure_outcomes",
    "failure_panels",
    "mode_agreement",
    "duplicates",
];

/// Where a case begins: what of an unbroken run is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    Nothing,
    Faces,
    Cache,
    Everything,
}

/// Every start.
pub const STARTS: [Start; 4] = [Start::Nothing, Start::Faces, Start::Cache, Start::Everything];

/// The unbroken run.
pub struct World {
    folder: TempDir,
    whole: BTreeMap<PathBuf, Vec<u8>>,
    /// How long it took.
    pub takes: Duration,
}

impl World {
    /// Runs once, undisturbed.
    pub fn build() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let started = Instant::now();
        let place = Place::new(folder.path().to_owned());
        let output = place.command().output().unwrap();
        assert!(output.status.success(), "an undisturbed run fails: {}", text(&output));
        let takes = started.elapsed();
        let whole = place.lasting();
        Self { folder, whole, takes }
    }

    /// How long the rest takes from a start, about.
    pub fn rest(&self, start: Start) -> Duration {
        match start {
            Start::Nothing => self.takes,
            Start::Faces => self.takes.mul_f64(0.9),
            Start::Cache => self.takes.mul_f64(0.7),
            Start::Everything => self.takes.mul_f64(0.1),
        }
    }

    /// A place of its own that holds what `start` says.
    pub fn place(&self, start: Start) -> (TempDir, Place) {
        let folder = tempfile::tempdir().unwrap();
        self.fill(start, folder.path());
        let place = Place::new(folder.path().to_owned());
        (folder, place)
    }

    /// Puts what `start` says into a folder.
    pub fn fill(&self, start: Start, to: &Path) {
        let folders: &[&str] = match start {
            Start::Nothing => &[],
            Start::Faces => &["cache/stand-in"],
            Start::Cache => &["cache"],
            Start::Everything => &["cache", "runs"],
        };
        for folder in folders {
            copy(&self.folder.path().join(folder), &to.join(folder));
        }
    }

    /// Says how a place differs from the unbroken run.
    pub fn compare(&self, place: &Place) -> Result<(), String> {
        let found = place.lasting();
        let paths: std::collections::BTreeSet<&PathBuf> = self.whole.keys().chain(found.keys()).collect();
        for path in paths {
            let how = match (self.whole.get(path), found.get(path)) {
                (Some(whole), Some(found)) if whole == found => continue,
                (Some(_), Some(_)) => "has other bytes",
                (Some(_), None) => "is missing",
                (None, _) => "should not be there",
            };
            return Err(format!("{} {how}", path.display()));
        }
        Ok(())
    }

    /// The same command once more, undisturbed, ends in the bytes of the unbroken run.
    pub fn continues(&self, place: &Place) -> Result<Output, String> {
        let output = place.command().output().unwrap();
        if !output.status.success() {
            return Err(format!("the same command again fails: {}", text(&output)));
        }
        self.compare(place)?;
        Ok(output)
    }
}

/// A folder in which the program runs.
pub struct Place {
    pub folder: PathBuf,
}

impl Place {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The arguments of the run.
    pub fn arguments() -> Vec<String> {
        let left_out: Vec<String> = LEFT_OUT.iter().map(|id| format!("\"{id}\"")).collect();
        let mut all: Vec<String> = [
            "run",
            "recipes/rafdb.toml",
            "--stand-in",
            "--device",
            "cpu",
            "--seeds",
            "0,1",
        ]
        .map(str::to_owned)
        .to_vec();
        for set in [
            "stand_in.samples=100",
            "stand_in.size=40",
            "train.epochs=3",
            "train.checkpoint_every=1",
            "model.k_max=8",
            "baselines.methods=[\"class_means\"]",
            "report.map_points=40",
            &format!("report.leave_out=[{}]", left_out.join(",")),
        ] {
            all.extend(["--set".to_owned(), set.to_owned()]);
        }
        all
    }

    /// Any command of the program, here.
    pub fn program(&self) -> Command {
        let mut command = Command::new(program());
        self.at_home(&mut command);
        command
    }

    /// The run, here.
    pub fn command(&self) -> Command {
        let mut command = self.program();
        command.args(Self::arguments());
        command
    }

    /// Lets a command run here.
    pub fn at_home(&self, command: &mut Command) {
        command
            .current_dir(&self.folder)
            .env("AURA_BENCH_CACHE", self.folder.join("cache"))
            .env("NO_COLOR", "1")
            .env("RAYON_NUM_THREADS", "2")
            .stdin(Stdio::null());
    }

    /// Every file that holds no times, with its bytes.
    pub fn lasting(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        for folder in ["cache", "runs"] {
            for path in files(&self.folder.join(folder)) {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let below = path.strip_prefix(&self.folder).unwrap_or(&path).to_owned();
                // Locks count who held them; what a killed call was writing is swept by the next one that writes there.
                if UNSTABLE.iter().any(|end| name.ends_with(end))
                    || name.starts_with(".partial-")
                    || name.starts_with(".lock")
                {
                    continue;
                }
                if let Ok(bytes) = std::fs::read(&path) {
                    found.insert(below, bytes);
                }
            }
        }
        found
    }
}

static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Attacks another build than the one that was made for the tests.
pub fn attack(program: PathBuf) {
    PROGRAM.get_or_init(|| program);
}

/// The program that is attacked.
pub fn program() -> &'static Path {
    PROGRAM.get_or_init(|| env!("CARGO_BIN_EXE_aura-bench").into())
}

/// Every file below a folder, sorted.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else {
        return found;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn copy(from: &Path, to: &Path) {
    for path in files(from) {
        let target = to.join(path.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(&path, target).unwrap();
    }
}

/// How a call ended, and its last words.
pub fn text(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let tail: Vec<&str> = said.lines().rev().take(6).collect();
    let tail: Vec<&str> = tail.into_iter().rev().collect();
    format!("{}: {}", output.status, tail.join(" | "))
}
