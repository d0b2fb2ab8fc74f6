//! Stages 3 and 4: AURA is trained and the rivals are fitted, seed by seed; then all are evaluated.

use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::baseline;
use crate::device::Resolved;
use crate::digest::of_file;
use crate::error::{Context, Error, Result};
use crate::feature::{FeatureTable, LoadOptions, SplitSets, Validation};
use crate::model::config::Level;
use crate::run::atomic;
use crate::run::cost::{Cost, peak_memory};
use crate::run::folder::{RunFolder, SeedFolder};
use crate::run::tables::{self, MetricRow};
use crate::task::Task;
use crate::train::{self, SeedOutcome, Setup, checkpoint};

use super::Chain;
use super::convert::Samples;
use super::cost::calibrate;
use super::extract::Features;
use super::truth::Truth;

/// What training left in the run folder.
pub struct TrainedSeeds {
    /// Names of the model's outputs.
    pub outputs: Vec<String>,
    /// All seeds that are whole in the folder, those of earlier calls among them.
    pub seeds_in_folder: Vec<u64>,
    /// Whether this call computed anything.
    pub fresh: bool,
}

/// `done.json` of a seed.
#[derive(Debug, Serialize, Deserialize)]
struct Done {
    schema: u32,
    digest: String,
    outputs: Vec<String>,
}

impl Chain<'_> {
    /// Trains and evaluates every seed that is not there yet.
    pub fn train(
        &mut self,
        features: &Features,
        samples: &Samples,
        folder: &RunFolder,
        digest: &str,
        device: &Resolved,
    ) -> Result<TrainedSeeds> {
        let started = Instant::now();
        let seeds = self.recipe.protocol.seeds.clone();
        let missing: Vec<u64> = seeds
            .iter()
            .copied()
            .filter(|&seed| done(&folder.seed(seed), digest).is_none())
            .collect();
        if missing.is_empty() {
            self.done("train", started, true, digest);
            self.done("evaluate", Instant::now(), true, digest);
        } else {
            self.train_missing(&missing, features, samples, folder, digest, device)?;
        }
        let outputs = seeds
            .first()
            .and_then(|&seed| done(&folder.seed(seed), digest))
            .map(|done| done.outputs)
            .ok_or_else(|| Error::Data(format!("{} vanished while it was written", folder.path().display())))?;
        Ok(TrainedSeeds {
            outputs,
            seeds_in_folder: whole_seeds(folder, digest)?,
            fresh: !missing.is_empty(),
        })
    }

    fn train_missing(
        &mut self,
        missing: &[u64],
        features: &Features,
        samples: &Samples,
        folder: &RunFolder,
        digest: &str,
        device: &Resolved,
    ) -> Result<()> {
        let recipe = self.recipe;
        let sets = self.load(features)?;
        let read = |path: &Path| Truth::read(path, &recipe.card.class_names(), &recipe.protocol.classes);
        let truth = samples.truth.as_deref().map(read).transpose()?;
        copy(&samples.table, &folder.samples())?;
        if let Some(table) = &samples.truth {
            copy(table, &folder.truth())?;
        }
        let setup = Setup {
            task: recipe.protocol.task,
            model: recipe.model.clone(),
            loss: recipe.loss.clone(),
            train: recipe.train.clone(),
            selection: recipe.protocol.selection,
        };
        let (mut training, mut evaluating, mut epochs) = (0.0, 0.0, 0);
        let calibration_per_second = calibrate(&device.device)?;
        // What an interrupted call trained was not timed.
        let from_the_start = missing
            .iter()
            .all(|&seed| !checkpoint::path(folder.seed(seed).path()).is_file());
        for &seed in missing {
            self.interrupt.check()?;
            let here = folder.seed(seed);
            std::fs::create_dir_all(here.path()).at("create the folder", here.path())?;
            let clock = Instant::now();
            let outcome = train::train_seed(
                &sets,
                &setup,
                seed,
                &device.device,
                here.path(),
                self.progress,
                self.interrupt,
            )?;
            training += clock.elapsed().as_secs_f64();
            epochs += outcome.metrics.iter().filter_map(|row| row.epoch).max().unwrap_or(0) as usize;

            let clock = Instant::now();
            let rivals = baseline::run_all(
                &sets,
                &recipe.baselines,
                seed,
                &device.device,
                &self.progress,
                self.interrupt,
            )?;
            write_seed(&here, outcome, rivals, truth.as_ref(), digest, &sets)?;
            evaluating += clock.elapsed().as_secs_f64();
            self.progress.line(&format!("            seed {seed} done"));
        }
        self.cost = from_the_start.then(|| Cost {
            train_samples: (sets.train.len() * epochs) as u64,
            train_seconds: training,
            calibration_per_second,
            peak_memory_bytes: peak_memory(),
        });
        self.record("train", training, false, digest);
        self.record("evaluate", evaluating, false, digest);
        Ok(())
    }

    /// Reads the feature table into memory, split by the protocol.
    fn load(&self, features: &Features) -> Result<SplitSets> {
        let protocol = &self.recipe.protocol;
        let table = FeatureTable::open(&features.folder)?;
        let loaded = table.load(&LoadOptions {
            outputs: if protocol.task == Task::Expression {
                protocol.classes.clone()
            } else {
                Vec::new()
            },
            tokens: self.recipe.model.level_for(protocol.task) == Level::Patch,
            validation: (protocol.validation > 0.0).then_some(Validation {
                fraction: protocol.validation,
                seed: protocol.validation_seed,
                by_subject: false,
            }),
            ..LoadOptions::new(protocol.task)
        })?;
        let counts = &loaded.counts;
        self.progress.line(&format!(
            "            {} training, {} validation, {} test samples",
            counts.train, counts.val, counts.test
        ));
        for (n, why) in [
            (counts.unlabelled, "without a label"),
            (counts.other_class, "of other classes"),
        ] {
            if n > 0 {
                self.progress.line(&format!("            {n} samples {why} left out"));
            }
        }
        Ok(loaded.sets)
    }
}

/// Writes everything of one seed; `done.json` last.
fn write_seed(
    folder: &SeedFolder,
    outcome: SeedOutcome,
    rivals: Vec<baseline::BaselineOutcome>,
    truth: Option<&Truth>,
    digest: &str,
    sets: &SplitSets,
) -> Result<()> {
    let mut metrics = outcome.metrics;
    let mut predictions = outcome.predictions;
    for rival in rivals {
        metrics.extend(rival.metrics);
        predictions.extend(rival.predictions);
    }
    if let Some(truth) = truth {
        metrics.extend(truth.agreement(&outcome.assignments, &outcome.archetypes)?);
    }
    check_finite(&metrics)?;
    tables::write(&folder.file("metrics.parquet"), &metrics, &[])?;
    tables::write(&folder.file("predictions.parquet"), &predictions, &[])?;
    tables::write(&folder.file("assignments.parquet"), &outcome.assignments, &[])?;
    tables::write(&folder.file("archetypes.parquet"), &outcome.archetypes, &[])?;
    tables::write(&folder.file("resets.parquet"), &outcome.resets, &[])?;
    outcome.model.save(&folder.file("model.safetensors"))?;
    let done = Done {
        schema: 1,
        digest: digest.to_owned(),
        outputs: sets.train.targets.names.clone(),
    };
    let mut text = serde_json::to_string_pretty(&done).at("encode", &folder.done())?;
    text.push('\n');
    atomic::write(&folder.done(), text.as_bytes())?;
    checkpoint::discard(folder.path())
}

fn done(folder: &SeedFolder, digest: &str) -> Option<Done> {
    let text = std::fs::read_to_string(folder.done()).ok()?;
    serde_json::from_str::<Done>(&text)
        .ok()
        .filter(|done| done.digest == digest)
}

/// Seeds of the folder that are whole, ascending.
fn whole_seeds(folder: &RunFolder, digest: &str) -> Result<Vec<u64>> {
    let mut seeds = Vec::new();
    for entry in std::fs::read_dir(folder.path()).at("list", folder.path())? {
        let name = entry.at("list", folder.path())?.file_name();
        let seed = name
            .to_str()
            .and_then(|name| name.strip_prefix("seed-"))
            .and_then(|seed| seed.parse().ok());
        if let Some(seed) = seed
            && done(&folder.seed(seed), digest).is_some()
        {
            seeds.push(seed);
        }
    }
    seeds.sort_unstable();
    Ok(seeds)
}

/// A number that is not a number must stop the run, not travel into a table.
fn check_finite(metrics: &[MetricRow]) -> Result<()> {
    match metrics.iter().find(|row| !row.value.is_finite()) {
        None => Ok(()),
        Some(row) => Err(Error::Data(format!(
            "{} of {} on {} is {}: training diverged; try a smaller train.lr",
            row.metric, row.method, row.split, row.value
        ))),
    }
}

/// Copies a table into the run folder, whole or not at all, unless the same bytes are there.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if to.is_file() && of_file(to)? == of_file(from)? {
        return Ok(());
    }
    atomic::write(to, &std::fs::read(from).at("read", from)?)
}
