//! A baseline: the numbers of one run with the rules by which later runs are judged, as a small file for people to review.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::disk::atomic;
use crate::disk::fence::is_name;
use crate::document::invalid::{Invalid, require};
use crate::document::mistake::Mistake;
use crate::document::tree::Node;
use crate::error::{Context, Error, Result};
use crate::regular;
use crate::task::Task;

use super::answers::Predictions;
use super::beside;
use super::expect::ExpectConfig;
use super::facts::Facts;
use super::kept::{BaselineMetric, BaselineStanding, BaselineTest, can_alarm, one};
use super::names::{COST, STRUCTURE, on, place};

/// Version of the file.
pub const SCHEMA: u32 = 1;

/// The numbers of one run and how later ones are judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "aura-bench baseline")]
pub struct Baseline {
    /// Version of this file: 1.
    pub schema: u32,
    /// Folder name of the run.
    pub run: String,
    /// Version of aura-bench that made the file.
    pub version: String,
    /// Card of the database.
    pub dataset: String,
    /// What is predicted.
    pub task: Task,
    /// Whether the faces were generated: the numbers then say nothing about the database.
    pub stand_in: bool,
    /// Names of the model's outputs.
    pub classes: Vec<String>,
    /// Device that computed.
    pub device: String,
    /// Key under which numbers may be compared: a run with another one is not judged.
    pub protocol_digest: String,
    /// Digest of the recipe. Another recipe of the same protocol may be judged: that is what a check is for.
    pub recipe_digest: String,
    /// Number of test samples.
    pub test_samples: u64,
    /// Digest of the test samples and their labels: a run tested on others is not judged.
    pub samples_digest: String,
    /// The seeds, ascending.
    pub seeds: Vec<i64>,
    /// Digest of every seed's predictions of the test samples, in the order of `seeds`: equal if not a bit has changed.
    pub prediction_digests: Vec<String>,
    /// The predictions themselves, a Parquet file beside this one, where they were saved: the paired bootstrap needs them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predictions: Option<String>,
    /// What the protocol digest covers, by dotted key: names the keys in which a run differs.
    pub protocol: BTreeMap<String, String>,
    /// The numbers, by name: `acc`, `k_stable`; of other methods `knn.acc`; facts of the run such as `not_finite`.
    pub metrics: BTreeMap<String, BaselineMetric>,
    /// How AURA stood against its rivals, by read-out and rival: `"aura.ridge"`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub standings: BTreeMap<String, BaselineStanding>,
    /// Other databases that the run was tested on, by their names in it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tests: BTreeMap<String, BaselineTest>,
    /// The predictions, read from their file or from the run.
    #[serde(skip)]
    pub answers: Option<Predictions>,
    /// The same on other databases.
    #[serde(skip)]
    pub elsewhere: BTreeMap<String, Predictions>,
    /// Shown in output: the file's path or the run's name.
    #[serde(skip)]
    pub shown: String,
}

/// What goes into a baseline.
#[derive(Debug, Clone, Default)]
pub struct SaveOptions {
    /// Metrics beside the task's usual ones.
    pub metrics: Vec<String>,
    /// Whether training speed and memory are judged too.
    pub cost: bool,
}

/// What saving did.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved {
    /// The lines in which a file changed that was there already, as [`diff`] shows them; empty if nothing did.
    pub changes: Option<String>,
    /// Rules of the earlier file that were not kept, and why.
    pub notes: Vec<String>,
}

/// The metrics of a task that a report puts first.
pub fn headline(task: Task) -> &'static [&'static str] {
    match task {
        Task::Expression => &["acc", "balanced_acc", "f1_macro"],
        Task::ValenceArousal => &["ccc_va", "ccc_v", "ccc_a"],
        Task::ActionUnits => &["f1_avg", "acc_avg"],
    }
}

impl Baseline {
    /// The baseline that `run` makes, with the rules of `expect` where it states any.
    ///
    /// # Errors
    /// [`Error::Usage`] for a metric that the run does not have, [`Error::Data`] if it lacks one for a seed or has no
    /// predictions.
    pub fn of(run: &Facts, expect: &ExpectConfig, options: &SaveOptions) -> Result<Self> {
        let manifest = &run.manifest;
        let digests = run.prediction_digests();
        if digests.is_empty() || digests.len() != manifest.seeds.len() {
            return Err(Error::data(format!(
                "{} has predictions for {} of its {} seeds; run the recipe again to make it whole",
                run.place,
                digests.len(),
                manifest.seeds.len()
            )));
        }
        let mut names: Vec<String> = headline(run.task).iter().map(|&name| name.to_owned()).collect();
        for test in &manifest.tests {
            // Of a database that labels one dimension there is nothing of the other.
            let there = headline(run.task).iter().map(|name| on(name, &test.name));
            names.extend(there.filter(|name| !run.of(name).is_empty()));
        }
        names.extend(options.metrics.iter().cloned());
        names.extend(
            expect
                .0
                .iter()
                .filter(|(_, e)| e.baseline.is_some())
                .map(|(name, _)| name.clone()),
        );
        // Predictions made elsewhere come without a dictionary.
        if manifest.scored.is_none() {
            names.push("k_stable".to_owned());
        }
        names.extend(
            STRUCTURE
                .into_iter()
                .filter(|name| run.structure.contains_key(*name))
                .map(str::to_owned),
        );
        if options.cost {
            if let Some(missing) = COST.into_iter().find(|name| !run.cost.contains_key(*name)) {
                return Err(Error::data(format!(
                    "{}: the run did not record `{missing}` (its training was interrupted, or the system does not say); \
                     run it again from the start, or save without its cost",
                    run.place
                )));
            }
            names.extend(COST.into_iter().map(str::to_owned));
        }
        let mut seen = std::collections::BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        let judged = names.iter().filter(|name| can_alarm(name)).count();
        let mut metrics = BTreeMap::new();
        for name in names {
            let stated = expect.0.get(&name);
            let rule = stated.and_then(|e| e.baseline.clone());
            let mut metric = one(run, &name, rule, judged)?;
            if let Some(stated) = stated.filter(|e| e.min.is_some() || e.max.is_some()) {
                (metric.min, metric.max) = (stated.min, stated.max);
            }
            metrics.insert(name, metric);
        }
        Ok(Self {
            schema: SCHEMA,
            run: manifest.run.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            dataset: manifest.dataset.clone(),
            task: run.task,
            stand_in: manifest.stand_in,
            classes: manifest.classes.clone(),
            device: manifest.device.clone(),
            protocol_digest: manifest.protocol_digest.clone(),
            recipe_digest: manifest.recipe_digest.clone(),
            test_samples: run.predictions.samples() as u64,
            samples_digest: run.predictions.samples_digest(),
            seeds: digests.keys().copied().collect(),
            prediction_digests: digests.into_values().collect(),
            predictions: None,
            protocol: run.protocol(),
            metrics,
            standings: run
                .standings
                .iter()
                .map(|row| {
                    let standing = BaselineStanding {
                        verdict: row.verdict.clone(),
                        lead: row.lead,
                        low: row.low,
                    };
                    let name = format!("{}.{}", row.read_out, row.method);
                    (
                        place(&row.metric)
                            .1
                            .map_or_else(|| name.clone(), |test| on(&name, test)),
                        standing,
                    )
                })
                .collect(),
            tests: manifest
                .tests
                .iter()
                .filter_map(|test| {
                    let said = run.elsewhere.get(&test.name)?;
                    let test_of = BaselineTest {
                        digest: test.digest.clone(),
                        outputs: test.outputs.clone(),
                        samples: said.samples() as u64,
                        samples_digest: said.samples_digest(),
                        prediction_digests: run.digests_of(said).into_values().collect(),
                    };
                    Some((test.name.clone(), test_of))
                })
                .collect(),
            answers: Some(run.predictions.clone()),
            elsewhere: run.elsewhere.clone(),
            shown: manifest.run.clone(),
        })
    }

    /// Reads a baseline file, and the predictions beside it where it names them.
    ///
    /// # Errors
    /// [`Error::Document`] with file and line if it is not a baseline of this version, [`Error::Data`] if the predictions do
    /// not belong to it.
    pub fn read(path: &Path) -> Result<Self> {
        let text = regular::text(path).at("read", path)?;
        let mut baseline = Self::parse(&path.display().to_string(), &text)?;
        if let Some(file) = &baseline.predictions {
            let beside = path.parent().unwrap_or(Path::new("")).join(file);
            let outputs = baseline
                .tests
                .iter()
                .map(|(name, test)| (name.as_str(), test.outputs.as_slice()));
            let (answers, elsewhere) = beside::read(&beside, baseline.task, &baseline.classes, &outputs.collect())?;
            let seeds = &baseline.seeds;
            let are = |said: &Predictions, samples: &str, digests: &[String]| {
                let mut seeds = seeds.iter().zip(digests);
                said.samples_digest() == samples
                    && seeds.all(|(&seed, digest)| said.seed_digest(seed).as_ref() == Some(digest))
            };
            let there = |(name, test): (&String, &BaselineTest)| {
                let said = elsewhere.get(name);
                said.is_some_and(|said| are(said, &test.samples_digest, &test.prediction_digests))
            };
            let same = are(&answers, &baseline.samples_digest, &baseline.prediction_digests)
                && baseline.tests.iter().all(there);
            if !same {
                return Err(Error::data(format!(
                    "{}: these are not the predictions of {}; save the baseline again",
                    beside.display(),
                    path.display()
                )));
            }
            baseline.answers = Some(answers);
            baseline.elsewhere = elsewhere;
        }
        baseline.shown = path.display().to_string();
        Ok(baseline)
    }

    /// Reads the text of a baseline file without the predictions.
    fn parse(file: &str, text: &str) -> std::result::Result<Self, Box<Mistake>> {
        let read = |tree: &Node| {
            let baseline: Self = tree.read()?;
            baseline.validate().map_err(|invalid| tree.invalid(&invalid))?;
            Ok(baseline)
        };
        Node::parse("baseline", file, text)
            .and_then(|tree| read(&tree))
            .map_err(|mistake| mistake.or_advice("expected a baseline as `aura-bench baseline save` writes it"))
    }

    /// What the types cannot say.
    fn validate(&self) -> std::result::Result<(), Invalid> {
        require(
            self.schema == SCHEMA,
            "schema",
            &format!("expected {SCHEMA}, found {}", self.schema),
        )?;
        require(
            !self.seeds.is_empty() && self.prediction_digests.len() == self.seeds.len(),
            "prediction_digests",
            "expected one prediction digest a seed, and at least one seed",
        )?;
        require(
            self.predictions.as_deref().is_none_or(is_name),
            "predictions",
            "expected the name of a file beside this one",
        )?;
        for (name, test) in &self.tests {
            require(
                test.prediction_digests.len() == self.seeds.len(),
                &format!("tests.{name}.prediction_digests"),
                "expected one prediction digest a seed",
            )?;
        }
        for (name, standing) in &self.standings {
            let finite = standing.lead.is_finite() && standing.low.is_none_or(f64::is_finite);
            require(
                finite && matches!(standing.verdict.as_str(), "above" | "level" | "below"),
                &format!("standings.{name}"),
                "expected a verdict (above, level or below) with finite numbers",
            )?;
        }
        for (name, metric) in &self.metrics {
            let key = |key: &str| format!("metrics.{name}.{key}");
            let (values, seeds) = (metric.seeds.len(), self.seeds.len());
            require(
                values == 0 || values == seeds,
                &key("seeds"),
                &format!("expected {seeds} values, one a seed, found {values}"),
            )?;
            require(
                metric.seeds.iter().all(|value| value.is_finite()),
                &key("seeds"),
                "expected finite numbers",
            )?;
            let numbers = [
                ("mean", Some(metric.mean)),
                ("tolerance", Some(metric.tolerance)),
                ("chance", metric.chance),
                ("min", metric.min),
                ("max", metric.max),
            ];
            for (name, number) in numbers {
                let finite = number.is_none_or(f64::is_finite);
                let not_negative = !matches!(name, "tolerance" | "chance") || number.is_none_or(|number| number >= 0.0);
                require(
                    finite && not_negative,
                    &key(name),
                    "expected a finite number; tolerance and chance are 0 or more",
                )?;
            }
        }
        Ok(())
    }

    /// The predictions that a metric (`acc`, `acc@rafdb`) is of, where they are there.
    pub(super) fn said(&self, metric: &str) -> Option<&Predictions> {
        match place(metric).1 {
            None => self.answers.as_ref(),
            Some(test) => self.elsewhere.get(test),
        }
    }

    /// Whether a run says bit by bit the same of another database, seed for seed.
    pub(super) fn unchanged_there(&self, run: &Facts, test: &str) -> bool {
        let (Some(before), Some(said)) = (self.tests.get(test), run.elsewhere.get(test)) else {
            return false;
        };
        run.digests_of(said)
            .into_values()
            .eq(before.prediction_digests.iter().cloned())
    }

    /// The file's text.
    ///
    /// # Errors
    /// [`Error::Data`] if it cannot be written as TOML, which is a defect of this program.
    pub fn to_toml(&self) -> Result<String> {
        let body = toml::to_string(self)
            .map_err(|error| Error::data(format!("cannot write the baseline as TOML: {error}")))?;
        let mut head = String::from(
            "# Baseline of one run, which `aura-bench check` holds other runs against; keys and rules: docs/check.md.\n\
             # Written by `aura-bench baseline save`. Rules (`rule`, `tolerance`, `min`, `max`) may be edited: saving again keeps them.\n",
        );
        if self.stand_in {
            let _ = writeln!(
                head,
                "# STAND-IN FACES: these numbers say nothing about {}.",
                self.dataset
            );
        }
        Ok(format!("{head}{body}"))
    }

    /// Writes the file and, if `predictions` is set, the predictions beside it. The rules of a file that is there already are
    /// kept, as far as they can hold: see `keep_rules`.
    ///
    /// # Errors
    /// If the old file cannot be read as a baseline, or a file cannot be written.
    pub fn save(mut self, path: &Path, predictions: bool) -> Result<Saved> {
        let old = match regular::text(path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).at("read", path),
        };
        let notes = match &old {
            // Without its predictions: they are about to be replaced.
            Some(text) => self.keep_rules(&Self::parse(&path.display().to_string(), text).map_err(|mistake| {
                mistake.or_advice("the rules of what is there would be kept: remove the file to start anew")
            })?),
            None => Vec::new(),
        };
        let beside = path.with_extension("predictions.parquet");
        if predictions {
            if let Some(answers) = &self.answers {
                beside::write(&beside, answers, &self.elsewhere)?;
            }
            self.predictions = beside.file_name().map(|name| name.to_string_lossy().into_owned());
        }
        let text = self.to_toml()?;
        let changes = old.map(|old| diff(&old, &text));
        if changes.as_deref() != Some("") {
            atomic::write(path, text.as_bytes())?;
        }
        Ok(Saved { changes, notes })
    }

    /// Takes over the rules of an earlier baseline, and says what could not be taken over: nothing from one of another
    /// protocol, whose rules were made for other numbers; no bound that the numbers now saved would fail themselves.
    fn keep_rules(&mut self, earlier: &Self) -> Vec<String> {
        if earlier.protocol_digest != self.protocol_digest {
            return vec![format!(
                "the file was a baseline of another protocol ({}, {}): its rules are not kept",
                earlier.dataset, earlier.run
            )];
        }
        let mut notes = Vec::new();
        for (name, metric) in &mut self.metrics {
            let Some(kept) = earlier.metrics.get(name) else {
                continue;
            };
            metric.rule = kept.rule;
            metric.tolerance = kept.tolerance;
            if kept.chance.is_none() && kept.sd.is_some() {
                metric.chance = None;
            }
            // Facts of the structure must hold for every seed, other numbers on average.
            let values = if STRUCTURE.contains(&name.as_str()) {
                metric.seeds.clone()
            } else {
                vec![metric.mean]
            };
            let outside =
                |value: &f64| kept.min.is_some_and(|min| *value < min) || kept.max.is_some_and(|max| *value > max);
            if let Some(value) = values.iter().find(|value| outside(value)) {
                notes.push(format!(
                    "{name}: {value} is outside the bounds that the file had, so they are set anew"
                ));
            } else {
                (metric.min, metric.max) = (kept.min, kept.max);
            }
        }
        notes
    }
}

/// The 1-based line of a metric's section in a baseline file.
pub fn line_of(text: &str, metric: &str) -> Option<usize> {
    let heads = [format!("[metrics.{metric}]"), format!("[metrics.\"{metric}\"]")];
    text.lines()
        .position(|line| heads.iter().any(|head| line.trim() == head))
        .map(|i| i + 1)
}

/// The lines in which two texts differ, `-` before what went and `+` before what came, each change with its line numbers.
pub fn diff(old: &str, new: &str) -> String {
    let (a, b): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    // Longest common subsequence from the end: `common[i][j]` lines of a[i..] and b[j..] agree.
    let mut common = vec![vec![0_u32; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            common[i][j] = if a[i] == b[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut out = String::new();
    let mut section = "";
    let mut shown_section = "";
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            if a[i].starts_with('[') {
                section = a[i];
            }
            i += 1;
            j += 1;
            continue;
        }
        if section != shown_section {
            let _ = writeln!(out, "  {section}");
            shown_section = section;
        }
        if j >= b.len() || (i < a.len() && common[i + 1][j] >= common[i][j + 1]) {
            let _ = writeln!(out, "- {}", a[i]);
            i += 1;
        } else {
            let _ = writeln!(out, "+ {}", b[j]);
            if b[j].starts_with('[') {
                section = b[j];
                shown_section = section;
            }
            j += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_name_file_line_and_key() {
        let text = include_str!("../../tests/baselines/rafdb-small.baseline.toml");
        assert!(Baseline::parse("base.toml", text).is_ok());
        let line = |needle: &str| text.lines().position(|line| line.starts_with(needle)).unwrap() + 1;
        for (right, wrong, told) in [
            ("tolerance = ", "toleranse = ", "toleranse`; did you mean `tolerance`?"),
            ("tolerance = ", "tolerance = -", "expected a finite number"),
            (
                "mean = ",
                "mean = 'high' # ",
                "expected a number; expected a baseline as `aura-bench baseline save`",
            ),
            ("rule = \"", "rule = \"s", "did you mean"),
            ("schema = 1", "schema = 2", "expected 1, found 2"),
        ] {
            let mistake = Baseline::parse("base.toml", &text.replacen(right, wrong, 1)).unwrap_err();
            let shown = mistake.one_line();
            assert!(
                shown.starts_with(&format!("base.toml:{}: ", line(right))) && shown.contains(told),
                "{shown}"
            );
        }
    }

    #[test]
    fn a_difference_names_its_section() {
        let old = "a = 1\n[metrics.acc]\nmean = 0.8\ntolerance = 0.01\n";
        let new = "a = 1\n[metrics.acc]\nmean = 0.9\ntolerance = 0.01\n[metrics.f1]\nmean = 1\n";
        assert_eq!(
            diff(old, new),
            "  [metrics.acc]\n- mean = 0.8\n+ mean = 0.9\n+ [metrics.f1]\n+ mean = 1\n"
        );
        assert_eq!(diff(old, old), "");
    }
}
