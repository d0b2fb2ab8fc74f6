//! What a run was made of: `manifest.json`, schema 1.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::disk::atomic;
use crate::error::{Context, Error, Result};
use crate::regular;
use crate::task::Task;

use super::cost::Cost;

/// Name of the manifest in a run folder.
pub const FILE: &str = "manifest.json";

/// Version of the manifest.
pub const SCHEMA: u32 = 1;

/// Everything about a run that is not a number of its results. Unknown keys are ignored, so that newer runs stay readable.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(title = "aura-bench manifest.json")]
pub struct Manifest {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Folder name, `<name>-<digest8>`.
    pub run: String,
    /// Name of the recipe.
    pub name: String,
    /// Title for people, from the recipe.
    pub title: Option<String>,
    /// Card of the database.
    pub dataset: String,
    /// `expression`, `valence_arousal` or `action_units`.
    pub task: String,
    /// Whether the faces were generated and the results say nothing about the database.
    pub stand_in: bool,
    /// What the encoder says of itself; `kind` is always there.
    pub encoder: Json,
    /// The protocol, resolved.
    pub protocol: Json,
    /// Key under which results may be compared.
    pub protocol_digest: String,
    /// Digest of the resolved recipe.
    pub recipe_digest: String,
    /// The study that the run is a point of, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sweep: Option<SweepPoint>,
    /// Of predictions made elsewhere: which, and how they were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scored: Option<Scored>,
    /// Device as its driver reports it.
    pub device: String,
    /// Names of the model's outputs: classes, dimensions or action units.
    pub classes: Vec<String>,
    /// Folder in which the images lie.
    pub data_root: Option<String>,
    /// Terms under which the images may be used, where they are a database's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Folds that were tested on, each in a folder `fold-<k>/`; empty for a run without folds.
    pub folds: Vec<i32>,
    /// Seeds that are whole, in every fold.
    pub seeds: Vec<i64>,
    /// How many different sets of numbers had been computed on this test split in this folder of runs when this run's were,
    /// these among them; null where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_looks: Option<u64>,
    /// Other databases that the models were tested on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<OtherTest>,
    /// What was reviewed of the labels, where the protocol names a list of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relabelled: Option<Relabelled>,
    /// What was found that changes what is measured, and was not asked for: rows that could not be used, a split that nobody
    /// stated, pictures that two splits share.
    pub warnings: Vec<String>,
    /// Versions of the program and of its formats.
    pub versions: BTreeMap<String, Json>,
    /// State of the repository from which the command was called (`commit`, `dirty`), null outside one.
    pub git: Json,
    /// The stages with their time; of a cached stage, the time of the call that found it.
    pub stages: Vec<StageRecord>,
    /// What training cost, measured in the call that last trained from the start; null if that was interrupted.
    pub cost: Option<Cost>,
    /// The recipe's path, as it was given.
    pub recipe_file: Option<String>,
    /// When the run was last written, RFC 3339, UTC.
    pub created: String,
    /// BLAKE3 of what stands before this key, with the brace that ends it: proof that it is what was written, before the run has
    /// its digests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sum: Option<String>,
}

/// Another database that the models of a run were tested on: `[[test]]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct OtherTest {
    /// Its name: its numbers are those of split `test@NAME`, and called `acc@NAME`.
    pub name: String,
    /// Card of the database.
    pub dataset: String,
    /// Its title, for people.
    pub title: String,
    /// Expressions: `shared` if the answer is one of the classes that both databases have, `all` if it is any that was trained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers: Option<String>,
    /// The models' outputs that were asked, as the models call them.
    pub outputs: Vec<String>,
    /// Outputs that it calls otherwise: `Happy → happiness`.
    pub renamed: Vec<String>,
    /// Its outputs that the models do not know.
    pub unknown: Vec<String>,
    /// Samples tested on.
    pub samples: u64,
    /// Samples left out, since the models know none of their labels or the test set's protocol takes no part of them.
    pub left_out: u64,
    /// Its section of the recipe, resolved.
    pub test: Json,
    /// Key under which numbers on it may be compared, beside the run's own.
    pub digest: String,
    /// As the run's own, of this test set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_looks: Option<u64>,
    /// Whether its faces were generated.
    pub stand_in: bool,
    /// Folder in which its images lie.
    pub data_root: Option<String>,
}

/// What the split of another database that is called `test` begins with.
const ELSEWHERE: &str = "test@";

/// The name that rows of another database have for a split.
pub fn split_of(test: &str) -> String {
    format!("{ELSEWHERE}{test}")
}

/// The other database whose rows have this split, if it is one.
pub fn test_of(split: &str) -> Option<&str> {
    split.strip_prefix(ELSEWHERE)
}

impl OtherTest {
    /// The name that its rows have for a split.
    pub fn split(&self) -> String {
        split_of(&self.name)
    }

    /// What was asked of it, by which rule, and of how many samples, for people.
    pub fn described(&self) -> String {
        let rule = match self.answers.as_deref() {
            Some("all") => "any class that was trained may be the answer",
            Some(_) => "the answer is one of the classes that both have",
            None => "what both label is asked",
        };
        let out = match self.left_out {
            0 => String::new(),
            n => format!(", {n} samples left out"),
        };
        let renamed = if self.renamed.is_empty() {
            String::new()
        } else {
            format!("; {}", self.renamed.join(", "))
        };
        let unknown = if self.unknown.is_empty() {
            String::new()
        } else {
            format!("; none of ours: {}", self.unknown.join(", "))
        };
        let drawn = if self.stand_in {
            "generated faces in place of "
        } else {
            ""
        };
        format!(
            "{drawn}{}, {} samples{out}; {} outputs asked, {rule}{renamed}{unknown}",
            self.title,
            self.samples,
            self.outputs.len()
        )
    }

    /// Positions of the outputs that were asked among `classes`, all that the models have.
    pub fn asked(&self, classes: &[String]) -> Vec<usize> {
        let place = |name: &String| classes.iter().position(|class| class == name);
        self.outputs.iter().filter_map(place).collect()
    }
}

/// What `protocol.relabel` did to the labels.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Relabelled {
    /// Labels changed, by the split in which the sample takes part; with folds, that in which it is tested. `unknown`
    /// where nobody has looked.
    pub changed: BTreeMap<String, u64>,
    /// Changes that touch nothing, since the protocol leaves the sample or the output out.
    pub left_out: u64,
    /// Labels that were looked at and kept.
    pub kept: u64,
    /// Labels that nobody could decide about, and that stay.
    pub unsure: u64,
}

impl Relabelled {
    /// Counts one reviewed label, of a sample that takes part in a split or in none.
    pub fn add(&mut self, decision: &str, split: Option<&str>) {
        match (decision, split) {
            ("change", Some(split)) => *self.changed.entry(split.to_owned()).or_default() += 1,
            ("change", None) => self.left_out += 1,
            ("keep", _) => self.kept += 1,
            _ => self.unsure += 1,
        }
    }

    /// For people: `3 changed (train 2, test 1), 4 kept, 1 unsure`.
    pub fn described(&self) -> String {
        let mut splits: Vec<String> = ["train", "val", "test"]
            .into_iter()
            .filter_map(|split| Some(format!("{split} {}", self.changed.get(split)?)))
            .collect();
        if self.left_out > 0 {
            splits.push(format!("of no effect {}", self.left_out));
        }
        let n = self.changed.values().sum::<u64>() + self.left_out;
        let splits = if splits.is_empty() {
            String::new()
        } else {
            format!(" ({})", splits.join(", "))
        };
        format!("{n} changed{splits}, {} kept, {} unsure", self.kept, self.unsure)
    }
}

/// Predictions that another tool made.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Scored {
    /// The tool, as the tables call its method.
    pub tool: String,
    /// Its title, for people.
    pub title: String,
    /// What the tool says: `probabilities`, `classes`, `scores` of valence and arousal, `binary` or `intensities` of units.
    pub outputs: String,
    /// How rows were matched with samples: `sample_id`, `image`, `frame` or `order`.
    pub matched: String,
    /// What a test sample without a prediction counts as: `error`, `wrong` or `left_out`.
    pub missing: String,
    /// Test samples without a prediction, over all folds, of the seed that has most.
    pub missing_samples: u64,
    /// Test samples, over all folds.
    pub samples: u64,
    /// The files that were read, by name, with their digests.
    pub files: BTreeMap<String, String>,
    /// The settings of `[score]`, with those of the tool's mapping.
    pub settings: Json,
}

/// Which point of which study a run is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SweepPoint {
    /// Name of the study's recipe.
    pub name: String,
    /// What the point sets, by dotted key.
    pub point: BTreeMap<String, Json>,
}

/// One stage of the chain.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct StageRecord {
    /// `stand-in`, `convert`, `extract`, `import`, `train`, `evaluate`, `map`, `statistics`, `report`; `rival <method>` is a part
    /// of `evaluate`.
    pub name: String,
    /// Seconds of this call by the clock.
    pub seconds: f64,
    /// Seconds of all processors together; null where the system does not say.
    pub cpu_seconds: Option<f64>,
    /// Largest resident memory meanwhile, in bytes; null where the system does not say, and of a rival, which has no peak of its
    /// own within `evaluate`.
    pub peak_memory_bytes: Option<u64>,
    /// Whether everything was there already.
    pub cached: bool,
    /// Digest of all that went in.
    pub digest: Option<String>,
}

impl Manifest {
    /// The method that the run is about: AURA's primal read-out, or the tool whose predictions were scored.
    pub fn method(&self) -> &str {
        self.scored.as_ref().map_or("aura", |scored| &scored.tool)
    }

    /// Whether that method's outputs are probabilities: those of classes and units are, unless a tool said classes or intensities.
    pub fn says_probabilities(&self) -> bool {
        match &self.scored {
            Some(scored) => scored.outputs == "probabilities",
            None => self.task != Task::ValenceArousal.name(),
        }
    }

    /// Reads the manifest of a run folder.
    ///
    /// # Errors
    /// [`Error::Io`] if it is missing, [`Error::Data`] if it is not a manifest of a version that this program reads.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let text = regular::text(&path).at("read", &path)?;
        let manifest: Self = serde_json::from_str(&text)
            .map_err(|error| Error::data(format!("{}: not a run manifest: {error}", path.display())))?;
        if manifest.schema != SCHEMA {
            return Err(Error::incompatible(format!(
                "{}: manifest schema {} found, {SCHEMA} expected; use the version of aura-bench that made the run",
                path.display(),
                manifest.schema
            )));
        }
        if manifest
            .sum
            .as_ref()
            .is_some_and(|sum| Some(sum) != sum_of(&text).as_ref())
        {
            return Err(Error::data(format!(
                "{} is damaged: it is not what was written",
                path.display()
            )));
        }
        if manifest.run.is_empty() {
            return Err(Error::data(format!(
                "{}: key `run` is missing or empty",
                path.display()
            )));
        }
        Ok(manifest)
    }

    /// The manifest of a run folder, finished or not, if it is what was written.
    pub fn proven(folder: &Path) -> Option<Self> {
        Self::read(folder).ok().filter(|manifest| manifest.sum.is_some())
    }

    /// Writes the manifest with its sum, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(FILE);
        let bare = Self {
            sum: None,
            ..self.clone()
        };
        let text = serde_json::to_string_pretty(&bare).at("encode", &path)?;
        let sum = blake3::hash(text.as_bytes()).to_hex();
        let open = text.strip_suffix(END).unwrap_or(&text);
        atomic::write(&path, format!("{open}{BEFORE_SUM}{sum}\"{END}\n").as_bytes())
    }
}

/// How a manifest ends.
const END: &str = "\n}";
/// What stands before its sum.
const BEFORE_SUM: &str = ",\n  \"sum\": \"";

/// The sum of what stands before the sum of a manifest.
fn sum_of(text: &str) -> Option<String> {
    let (open, _) = text.rsplit_once(BEFORE_SUM)?;
    Some(blake3::hash(format!("{open}{END}").as_bytes()).to_hex().to_string())
}

/// The git state of a folder, `{commit, dirty}`; null where git or a repository is missing.
pub fn git_state(folder: &Path) -> Json {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .arg("-C")
            .arg(folder)
            .args(arguments)
            .output()
            .ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let state = || {
        let commit = git(&["rev-parse", "HEAD"])?;
        let dirty = !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
        Some(serde_json::json!({ "commit": commit, "dirty": dirty }))
    };
    state().unwrap_or(Json::Null)
}

/// A time as RFC 3339; empty where the clock stands before 1970 or after 9999, which the format cannot say.
pub fn stamp(time: SystemTime) -> String {
    const END: u64 = 253_402_300_800;
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) if since.as_secs() < END => humantime::format_rfc3339_seconds(time).to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_clock_that_is_wrong_says_nothing() {
        use std::time::Duration;
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(stamp(SystemTime::UNIX_EPOCH), "1970-01-01T00:00:00Z");
        assert_eq!(stamp(at(253_402_300_799)), "9999-12-31T23:59:59Z");
        assert_eq!(stamp(at(253_402_300_800)), "");
        assert_eq!(stamp(SystemTime::UNIX_EPOCH - Duration::from_nanos(1)), "");
    }

    #[test]
    fn any_flipped_bit_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let written = Manifest {
            schema: SCHEMA,
            run: "rafdb-01234567".to_owned(),
            seeds: vec![0, 1],
            ..Manifest::default()
        };
        written.write(folder.path()).unwrap();
        let path = folder.path().join(FILE);
        let bytes = std::fs::read(&path).unwrap();
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, flipped).unwrap();
            assert_eq!(Manifest::proven(folder.path()), None, "bit {bit}");
        }
    }

    proptest! {
        // The report's address is made of the manifest: were a second of training read back one bit off, a call that has
        // nothing to do would write the pages again.
        #[test]
        fn what_was_written_is_read_back_bit_for_bit(seconds in 0.0..1e5, speed in prop::num::f64::POSITIVE | prop::num::f64::NORMAL) {
            let folder = tempfile::tempdir().unwrap();
            let written = Manifest {
                schema: SCHEMA,
                run: "rafdb-01234567".to_owned(),
                cost: Some(Cost {
                    train_samples: 3,
                    train_seconds: seconds,
                    calibration_per_second: speed,
                    peak_memory_bytes: None,
                }),
                ..Manifest::default()
            };
            written.write(folder.path()).unwrap();
            let read = Manifest::proven(folder.path()).unwrap();
            prop_assert_eq!(Manifest { sum: None, ..read }, written);
        }
    }
}
