//! What a finished run says of itself: its numbers seed by seed, its dictionary, its protocol, its predictions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;
use crate::query::context::QueryContext;
use crate::query::{FoundRun, Table};
use crate::record::StandingRow;
use crate::regular;
use crate::run::folder::RunFolder;
use crate::run::manifest::{Manifest, OtherTest};
use crate::task::Task;
use crate::there;

use super::answers::{self, Asked, Predictions};
use super::expect::ExpectConfig;
use super::names::{
    CLASSES_WITHOUT_ARCHETYPE, NOT_FINITE, PEAK_MEMORY, RESETS_AFTER_WARMUP, STANDING, TRAIN_SPEED, WARNINGS, of_row,
    place,
};
use super::standing;

/// The files of a run that are read, beside the samples of other databases.
const READ: [&str; 7] = [
    "archetypes.parquet",
    "metrics.parquet",
    "predictions.parquet",
    "recipe.toml",
    "resets.parquet",
    "samples.parquet",
    "standings.parquet",
];

/// A run folder, read.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The folder.
    pub path: PathBuf,
    /// Where it is, for people: the folder, or the address of a run that is kept elsewhere.
    pub place: String,
    /// Its manifest.
    pub manifest: Manifest,
    /// The task.
    pub task: Task,
    /// The resolved recipe, by dotted key.
    pub settings: BTreeMap<String, String>,
    /// Final numbers on the test split (or of the dictionary), by metric (`acc`, `k_stable`; of other methods `knn.acc`; on other
    /// databases `acc@rafdb`, `knn.acc@rafdb`) and seed. With folds the mean over all of them: where one is missing, the number is missing.
    pub values: BTreeMap<String, BTreeMap<i64, f64>>,
    /// Structural facts by name and seed, the worst fold of each.
    pub structure: BTreeMap<String, BTreeMap<i64, f64>>,
    /// Facts about cost, where the run recorded them.
    pub cost: BTreeMap<String, f64>,
    /// What the run's own recipe expects.
    pub expect: ExpectConfig,
    /// The predictions of the test samples of the method that the run is about: AURA, or the tool that was scored.
    pub predictions: Predictions,
    /// The same on other databases, by their names in the run.
    pub elsewhere: BTreeMap<String, Predictions>,
    /// How AURA stands against its rivals.
    pub standings: Vec<StandingRow>,
}

impl Facts {
    /// Reads every run at or below `paths`, sorted by name.
    ///
    /// # Errors
    /// [`Error::Data`] if there is no run, or one cannot be read.
    pub fn open(paths: &[PathBuf]) -> Result<Vec<Self>> {
        let (runs, warnings) = crate::query::discover(paths, &Interrupt::default())?;
        if let Some(warning) = warnings.first() {
            return Err(Error::data(warning.clone()));
        }
        if runs.is_empty() {
            let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
            return Err(Error::data(format!(
                "no run at or below {}: expected a folder with a manifest.json, as `aura-bench run` leaves it",
                names.join(", ")
            )));
        }
        crate::query::fetch(&runs, |name| {
            name.starts_with("tests/") || name.rsplit('/').next().is_some_and(|file| READ.contains(&file))
        })?;
        runs.iter().map(Self::read).collect()
    }

    /// Reads the one run at `path`.
    ///
    /// # Errors
    /// As [`Self::open`]; also if there are several runs below `path`.
    pub fn one(path: &Path) -> Result<Self> {
        let mut all = Self::open(&[path.to_owned()])?;
        if all.len() > 1 {
            let names: Vec<&str> = all.iter().map(|run| run.manifest.run.as_str()).collect();
            return Err(Error::Usage(format!(
                "{} holds {} runs ({}); name one of them",
                path.display(),
                names.len(),
                names.join(", ")
            )));
        }
        all.pop()
            .ok_or_else(|| Error::data(format!("no run at {}", path.display())))
    }

    fn read(run: &FoundRun) -> Result<Self> {
        // What came from elsewhere was looked at when it came; what no number is read from does not come.
        if !run.is_remote() {
            run.verify_all()?;
        }
        let manifest = run.manifest.clone();
        let task: Task = serde_json::from_value(manifest.task.clone().into()).map_err(|_| {
            Error::data(format!(
                "{}: the manifest's task is `{}`; expected expression, valence_arousal or action_units",
                run.place(),
                manifest.task
            ))
        })?;
        let context = QueryContext::of(vec![run.clone()])?;
        let settings: BTreeMap<String, String> = context
            .query("SELECT key, value FROM settings")?
            .rows
            .iter()
            .filter_map(|row| Some((row.first()?.as_str()?.to_owned(), row.get(1)?.as_str()?.to_owned())))
            .collect();
        let folds: BTreeSet<i64> = manifest.folds.iter().map(|&fold| i64::from(fold)).collect();
        let people = if there::is_file(&run.path.join("samples.parquet"))? {
            answers::subjects(&run.path.join("samples.parquet"))?
        } else {
            BTreeMap::new()
        };
        let files: Vec<(Option<i32>, i64, PathBuf)> = run
            .units()
            .into_iter()
            .map(|(fold, seed, folder)| (fold, seed, folder.join("predictions.parquet")))
            .filter_map(|file| there::is_file(&file.2).map(|there| there.then_some(file)).transpose())
            .collect::<Result<_>>()?;
        let own = |method: &str| method == manifest.method();
        let mut answers = Predictions::read(&files, &people, task, &Asked::test(&manifest.classes), own)?;
        let mut elsewhere = BTreeMap::new();
        for test in &manifest.tests {
            let people = answers::subjects(&RunFolder::new(&run.path).samples_of(&test.name))?;
            let (split, columns) = (test.split(), test.asked(&manifest.classes));
            let asked = Asked {
                split: &split,
                names: &manifest.classes,
                columns: Some(&columns),
            };
            let mut there = Predictions::read(&files, &people, task, &asked, own)?;
            elsewhere.insert(test.name.clone(), there.remove(manifest.method()).unwrap_or_default());
        }
        let standings =
            context.query("SELECT * FROM standings ORDER BY strpos(metric, '@') > 0, metric, read_out, method")?;
        let final_numbers = context.query(
            "SELECT * FROM metrics WHERE epoch IS NULL AND (split IN ('test', 'all') OR starts_with(split, 'test@')) \
             ORDER BY method, metric, split, seed",
        )?;
        let mut facts = Self {
            path: run.path.clone(),
            place: run.place(),
            task,
            settings,
            values: values(&final_numbers, &folds, manifest.method()),
            structure: BTreeMap::new(),
            cost: BTreeMap::new(),
            expect: expectations(&run.path)?,
            predictions: answers.remove(manifest.method()).unwrap_or_default(),
            elsewhere,
            standings: standing::read(&standings),
            manifest,
        };
        facts.cost = cost(&facts.manifest);
        facts
            .cost
            .insert(WARNINGS.to_owned(), facts.manifest.warnings.len() as f64);
        facts.structure = facts.structural(&context)?;
        Ok(facts)
    }

    /// Whether a larger number is better; `None` where any move is one too many.
    pub fn higher_is_better(metric: &str) -> Option<bool> {
        let bare = place(metric.rsplit('.').next().unwrap_or(metric)).0;
        match bare {
            TRAIN_SPEED => Some(true),
            PEAK_MEMORY | WARNINGS | CLASSES_WITHOUT_ARCHETYPE | RESETS_AFTER_WARMUP | NOT_FINITE => Some(false),
            _ => crate::metric::named::info(bare).and_then(|info| info.higher_is_better),
        }
    }

    /// How a read-out stands against a rival, named as `aura.ridge`; on another database as `aura.ridge@rafdb`.
    pub fn standing(&self, name: &str) -> Option<&StandingRow> {
        let (name, test) = place(name);
        let (read_out, method) = name.split_once('.')?;
        self.standings
            .iter()
            .find(|row| row.read_out == read_out && row.method == method && place(&row.metric).1 == test)
    }

    /// Another database that the run was tested on.
    pub fn test(&self, name: &str) -> Option<&OtherTest> {
        self.manifest.tests.iter().find(|test| test.name == name)
    }

    /// The predictions that a metric (`acc`, `acc@rafdb`) is of, where the run has them.
    pub fn said(&self, metric: &str) -> Option<&Predictions> {
        match place(metric).1 {
            None => Some(&self.predictions),
            Some(test) => self.elsewhere.get(test),
        }
    }

    /// The numbers of one metric, fact, cost or standing, seed by seed; what belongs to the whole run has the one seed −1.
    pub fn of(&self, metric: &str) -> BTreeMap<i64, f64> {
        if let Some(name) = metric.strip_prefix(STANDING) {
            let standing = self.standing(name);
            return standing
                .map(|row| (-1, standing::rank(&row.verdict)))
                .into_iter()
                .collect();
        }
        if let Some(&value) = self.cost.get(metric) {
            return BTreeMap::from([(-1, value)]);
        }
        self.structure
            .get(metric)
            .or_else(|| self.values.get(metric))
            .cloned()
            .unwrap_or_default()
    }

    /// What makes this run's numbers comparable with others, by dotted key: what the protocol digest covers.
    pub fn protocol(&self) -> BTreeMap<String, String> {
        protocol_keys(&self.settings)
    }

    /// The digest of each seed's predictions.
    pub fn prediction_digests(&self) -> BTreeMap<i64, String> {
        self.digests_of(&self.predictions)
    }

    /// The digest of each seed's predictions among `said`.
    pub fn digests_of(&self, said: &Predictions) -> BTreeMap<i64, String> {
        let seeds = self.manifest.seeds.iter();
        seeds
            .filter_map(|&seed| Some((seed, said.seed_digest(seed)?)))
            .collect()
    }

    fn structural(&self, context: &QueryContext) -> Result<BTreeMap<String, BTreeMap<i64, f64>>> {
        let mut found: BTreeMap<String, BTreeMap<i64, f64>> = BTreeMap::new();
        let mut worst = |name: &str, seed: i64, value: f64| {
            let slot = found.entry(name.to_owned()).or_default().entry(seed).or_insert(value);
            *slot = slot.max(value);
        };
        if self.task == Task::Expression {
            let kept = context.query("SELECT DISTINCT * EXCLUDE (embedding, value) FROM archetypes WHERE active")?;
            let mut speaking: BTreeMap<(i64, i64), BTreeSet<i64>> = BTreeMap::new();
            for row in &kept.rows {
                let fold = kept.get(row, "fold").as_i64().unwrap_or(-1);
                if let (Some(seed), Some(label)) = (kept.get(row, "seed").as_i64(), kept.get(row, "label").as_i64()) {
                    speaking.entry((seed, fold)).or_default().insert(label);
                }
            }
            let classes = 0..self.manifest.classes.len() as i64;
            for ((seed, _), labels) in &speaking {
                let silent = classes.clone().filter(|class| !labels.contains(class)).count();
                worst(CLASSES_WITHOUT_ARCHETYPE, *seed, silent as f64);
            }
        }
        if let Some(warmup) = self
            .settings
            .get("model.reset.warmup")
            .and_then(|v| v.parse::<i64>().ok())
        {
            for &seed in &self.manifest.seeds {
                worst(RESETS_AFTER_WARMUP, seed, 0.0);
            }
            let late = context.query(&format!(
                "SELECT seed, count(*) AS n FROM resets WHERE epoch > {warmup} GROUP BY seed"
            ))?;
            for row in &late.rows {
                if let (Some(seed), Some(n)) = (late.get(row, "seed").as_i64(), late.get(row, "n").as_f64()) {
                    worst(RESETS_AFTER_WARMUP, seed, n);
                }
            }
        }
        let broken = context.query(
            "SELECT seed, count(*) FILTER (WHERE value IS NULL OR isnan(value) OR abs(value) > 1.7e308) AS n \
             FROM metrics GROUP BY seed",
        )?;
        for row in &broken.rows {
            if let (Some(seed), Some(n)) = (broken.get(row, "seed").as_i64(), broken.get(row, "n").as_f64()) {
                let outputs = self
                    .predictions
                    .folds
                    .values()
                    .filter_map(|fold| fold.outputs.get(&seed));
                let in_outputs: usize = outputs
                    .map(|outputs| outputs.data.iter().filter(|v| !v.is_finite()).count())
                    .sum();
                worst(NOT_FINITE, seed, n + in_outputs as f64);
            }
        }
        Ok(found)
    }
}

/// The `[expect]` section of the resolved recipe in a run folder; empty if there is none.
fn expectations(folder: &Path) -> Result<ExpectConfig> {
    #[derive(serde::Deserialize)]
    struct Recipe {
        #[serde(default)]
        expect: ExpectConfig,
    }
    let path = folder.join("recipe.toml");
    let text = match regular::text(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(ExpectConfig::default()),
        Err(error) => return Err(error).at("read", &path),
    };
    toml::from_str::<Recipe>(&text)
        .map(|recipe| recipe.expect)
        .map_err(|error| {
            Error::data(format!(
                "{}: [expect] cannot be read: {}",
                path.display(),
                error.message()
            ))
        })
}

/// Numbers by metric and seed, those of the method `own` without its name, averaged over the folds where all of them are there.
fn values(table: &Table, folds: &BTreeSet<i64>, own: &str) -> BTreeMap<String, BTreeMap<i64, f64>> {
    let mut by_fold: BTreeMap<(String, i64), BTreeMap<Option<i64>, f64>> = BTreeMap::new();
    for row in &table.rows {
        let text = |column| table.get(row, column).as_str().unwrap_or_default();
        let (Some(seed), Some(value)) = (table.get(row, "seed").as_i64(), table.get(row, "value").as_f64()) else {
            continue;
        };
        let metric = of_row(text("metric"), text("split"));
        let name = match text("method") {
            method if method == own => metric,
            method => format!("{method}.{metric}"),
        };
        let fold = table.get(row, "fold").as_i64();
        by_fold.entry((name, seed)).or_default().insert(fold, value);
    }
    let mut out: BTreeMap<String, BTreeMap<i64, f64>> = BTreeMap::new();
    for ((name, seed), found) in by_fold {
        let whole = folds.iter().all(|fold| found.contains_key(&Some(*fold)));
        if whole {
            let mean = found.values().sum::<f64>() / found.len() as f64;
            out.entry(name).or_default().insert(seed, mean);
        }
    }
    out
}

fn cost(manifest: &Manifest) -> BTreeMap<String, f64> {
    let mut found = BTreeMap::new();
    if let Some(cost) = &manifest.cost {
        if let Some(speed) = cost.train_speed() {
            found.insert(TRAIN_SPEED.to_owned(), speed);
        }
        if let Some(bytes) = cost.peak_memory_bytes {
            found.insert(PEAK_MEMORY.to_owned(), bytes as f64 / f64::from(1 << 20));
        }
    }
    found
}

/// The keys among a recipe's settings that decide whether two numbers may stand side by side: database, protocol, generated
/// faces; not where the data lie, and not the seeds.
pub fn protocol_keys(settings: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    settings
        .iter()
        .filter(|(key, _)| {
            ["dataset.", "protocol.", "stand_in."]
                .iter()
                .any(|prefix| key.starts_with(prefix))
        })
        // How the folder lies on disk says nothing about what is measured, nor does what is known of the people in it.
        .filter(|(key, _)| {
            !key.starts_with("dataset.attributes.")
                && !matches!(
                    key.as_str(),
                    "dataset.root"
                        | "dataset.layout"
                        | "dataset.frame_base"
                        | "protocol.seeds"
                        | "protocol.fold_list"
                        | "protocol.split_list"
                        | "protocol.relabel"
                )
        })
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// The keys in which two protocols differ, as `key: first against second`.
pub fn differing(first: &BTreeMap<String, String>, second: &BTreeMap<String, String>) -> Vec<String> {
    let keys: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
    keys.into_iter()
        .filter(|key| first.get(*key) != second.get(*key))
        .map(|key| {
            let show = |side: &BTreeMap<String, String>| side.get(key).map_or_else(|| "—".to_owned(), Clone::clone);
            format!("{key}: {} against {}", show(first), show(second))
        })
        .collect()
}
