//! Stages 3 and 4: AURA is trained and the rivals are fitted, seed by seed; then all are evaluated.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;

use crate::device::machine::Resolved;
use crate::disk::lock::{Attempt, Lock};
use crate::disk::parquet;
use crate::error::{Context, Error, Result};
use crate::feature::duplicates::DuplicateRule;
use crate::feature::holdout::Validation;
use crate::feature::load::Loaded;
use crate::feature::{FeatureTable, LoadOptions};
use crate::meter::{Meter, peak_memory};
use crate::model::config::Level;
use crate::recipe::Recipe;
use crate::rival::finetune::images::Images;
use crate::rival::finetune::job;
use crate::rival::run::Rivals;
use crate::run::folder::{RunFolder, SeedFolder};
use crate::sets::{FeatureSet, SplitSets};
use crate::task::Task;
use crate::train::setup::{SeedOutcome, Setup};
use crate::train::{Seeds, checkpoint};

use super::convert::Samples;
use super::cost::calibrate;
use super::done::{self, Done};
use super::extract::Features;
use super::finite::check_finite;
use super::others::Other;
use super::rivals::{RivalsDigest, RivalsDone};
use super::state::Chain;
use super::truth::Truth;
use super::unit_cost::{Together, UnitCost};

/// What the stages before left.
#[derive(Clone, Copy)]
pub(super) struct Inputs<'a> {
    /// The features of the recipe's own database.
    pub features: &'a Features,
    /// Its samples.
    pub samples: &'a Samples,
    /// Other databases that are tested on.
    pub others: &'a [Other<'a>],
}

/// What a call computed of a run's models.
#[derive(Debug, Clone, Copy)]
pub(super) struct Computed {
    /// Whether this call computed anything.
    pub fresh: bool,
    /// Whether this call trained AURA, and did not only fit rivals anew.
    trained: bool,
}

/// What training left in the run folder.
pub struct TrainedSeeds {
    /// Names of the model's outputs.
    pub outputs: Vec<String>,
    /// All seeds that are whole in the folder, those of earlier calls among them.
    pub seeds_in_folder: Vec<u64>,
}

/// One model to train: a seed, in a fold where the protocol has folds.
#[derive(Debug, Clone, Copy)]
struct Unit {
    fold: Option<i32>,
    seed: u64,
}

/// What all units of a run share.
struct Shared<'a> {
    folder: &'a RunFolder,
    digest: &'a str,
    device: &'a Resolved,
    truth: Option<Truth>,
    setup: Setup,
    /// The images, where the encoder itself is trained too.
    images: Option<Images>,
    /// The same of every other database that is tested on.
    other_images: Vec<Images>,
    /// From what the rivals of this call are fitted.
    rivals: &'a RivalsDigest,
    /// Speed of the machine, in products of matrices a second.
    calibration_per_second: f64,
}

impl Chain<'_> {
    /// The models that the call is asked for.
    fn units(&self) -> Vec<Unit> {
        let protocol = &self.recipe.protocol;
        let asked = self.portion.fold;
        let folds = protocol.units().into_iter();
        let folds = folds.filter(|fold| asked.is_none() || *fold == asked);
        folds
            .flat_map(|fold| protocol.seeds.iter().map(move |&seed| Unit { fold, seed }))
            .collect()
    }

    /// Seeds that are asked for and not whole, each with its fold.
    pub(super) fn missing(&self, folder: &RunFolder, digest: &str, rivals: &RivalsDigest) -> Vec<(Option<i32>, u64)> {
        let units = self.units().into_iter();
        let missing = units.filter(|unit| !is_whole(&folder.seed(unit.fold, unit.seed), digest, rivals));
        missing.map(|unit| (unit.fold, unit.seed)).collect()
    }

    /// Keeps the tables that every model is beside in the run folder, whose lock the call holds.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn keep_tables(&self, inputs: &Inputs<'_>, folder: &RunFolder) -> Result<()> {
        let samples = inputs.samples;
        self.keep_samples(&samples.table, folder)?;
        Self::copy_others(inputs.others, folder)?;
        match &samples.truth {
            Some(table) => self.keep_truth(table, &samples.table, folder),
            None => Ok(()),
        }
    }

    /// Trains and evaluates every seed (in every fold) that is asked for and not there yet. Each is computed under a lock of its own;
    /// those that other processes have in hand come last, and are waited for.
    pub(super) fn train(
        &mut self,
        inputs: &Inputs<'_>,
        folder: &RunFolder,
        digest: &str,
        rivals: &RivalsDigest,
        device: &Resolved,
    ) -> Result<Computed> {
        let missing = self.missing(folder, digest, rivals);
        let missing: Vec<Unit> = missing.into_iter().map(|(fold, seed)| Unit { fold, seed }).collect();
        if missing.is_empty() {
            return Ok(Computed {
                fresh: false,
                trained: false,
            });
        }
        let before = |unit: &Unit| Done::read(&folder.seed(unit.fold, unit.seed), digest).is_some();
        let trained = !missing.iter().all(before);
        self.train_missing(missing, inputs, folder, digest, rivals, device)?;
        Ok(Computed { fresh: true, trained })
    }

    /// Records what the models of the run took, whoever computed them.
    pub(super) fn record_training(
        &mut self,
        computed: Computed,
        folder: &RunFolder,
        digest: &str,
        rivals: &RivalsDigest,
    ) {
        let units = self.units();
        let seeds: Vec<SeedFolder> = units.iter().map(|unit| folder.seed(unit.fold, unit.seed)).collect();
        let together = Together::of(seeds.iter());
        self.cost = together.cost;
        self.record("train", together.training, !computed.trained, digest);
        let address = rivals.address(digest);
        self.record("evaluate", together.evaluating, !computed.fresh, &address);
        for (method, spent) in together.rivals {
            let name = format!("rival {method}");
            if computed.fresh {
                self.record(&name, spent, false, &address);
            } else {
                self.note(&name, spent, true, &address);
            }
        }
    }

    /// What the seeds of the folder are, once all that are asked for are whole.
    ///
    /// # Errors
    /// [`Error::Data`] if a seed vanished, or predicts other outputs than the protocol says.
    pub(super) fn trained(&mut self, folder: &RunFolder, digest: &str, rivals: &RivalsDigest) -> Result<TrainedSeeds> {
        let mut outputs = self.recipe.protocol.outputs();
        for unit in self.units() {
            let there = Done::read(&folder.seed(unit.fold, unit.seed), digest)
                .ok_or_else(|| Error::data(format!("{} vanished while it was written", folder.path().display())))?;
            let here = folder.seed(unit.fold, unit.seed);
            // A call that was killed right after the last file of a seed left its checkpoint; one that fits rivals has its own.
            if (checkpoint::begun(here.path()) || here.file(checkpoint::CURVES).is_file())
                && let Attempt::Held(_lock) = Lock::attempt(here.path(), "", self.interrupt)?
            {
                checkpoint::discard(here.path())?;
            }
            let of_rivals = RivalsDone::read(&here).warnings;
            for warning in there.warnings.iter().chain(&of_rivals) {
                self.warn(warning.clone());
            }
            if outputs.is_empty() {
                // Features made elsewhere, whose labels alone name the classes.
                outputs.clone_from(&there.outputs);
            }
            if there.outputs != outputs {
                return Err(Error::data(format!(
                    "{} predicts {}, where the protocol says {}; remove the folder and run again",
                    folder.path().display(),
                    there.outputs.join(", "),
                    outputs.join(", ")
                )));
            }
        }
        Ok(TrainedSeeds {
            outputs,
            seeds_in_folder: whole_seeds(folder, &self.recipe.protocol.units(), digest, rivals)?,
        })
    }

    fn train_missing(
        &self,
        missing: Vec<Unit>,
        inputs: &Inputs<'_>,
        folder: &RunFolder,
        digest: &str,
        rivals: &RivalsDigest,
        device: &Resolved,
    ) -> Result<()> {
        let Inputs {
            features,
            samples,
            others,
        } = *inputs;
        let recipe = self.recipe;
        let protocol = &recipe.protocol;
        // Only expressions are compared with the class that was planted.
        let classes = match protocol.task {
            Task::Expression => protocol.classes.as_slice(),
            Task::ValenceArousal | Task::ActionUnits => &[],
        };
        let read = |path: &Path| Truth::read(path, &recipe.card.class_names(), classes);
        let truth = samples.truth.as_ref().map(|_| read(&folder.truth())).transpose()?;
        let shared = Shared {
            folder,
            digest,
            device,
            truth,
            setup: Setup {
                task: protocol.task,
                method: recipe.method,
                model: recipe.model.clone(),
                loss: recipe.loss.clone(),
                train: recipe.train.clone(),
                selection: protocol.selection,
                sampling: protocol.sampling,
                fitting: recipe.fitting.clone(),
            },
            images: if recipe.finetune.enabled {
                let root = self.image_root.as_deref().ok_or_else(|| {
                    Error::Usage("finetune.enabled: features made elsewhere come without images to train on".to_owned())
                })?;
                Some(Images::read(&samples.table, root, &recipe.features)?)
            } else {
                None
            },
            other_images: if recipe.finetune.enabled {
                Self::images_of_others(others)?
            } else {
                Vec::new()
            },
            rivals,
            calibration_per_second: calibrate(&device.device)?,
        };
        let mut told = false;
        let mut open = missing;
        for waiting in [false, true] {
            let mut later = Vec::new();
            for fold in protocol.units() {
                let mut here: VecDeque<Unit> = open.iter().copied().filter(|unit| unit.fold == fold).collect();
                let mut take = || self.take(&mut here, (!waiting).then_some(&mut later), &shared);
                let Some(mut taken) = take()? else { continue };
                // One fold at a time is held in memory.
                let loaded = self.load(features, fold)?;
                self.tell(&loaded, fold);
                let mut sets = loaded.sets;
                let there = self.load_others(others, &sets.train.targets.names)?;
                if !std::mem::replace(&mut told, true) {
                    self.tell_others(others, &there);
                }
                sets.others = there.into_iter().map(|found| found.set).collect();
                let learned = self.learned(others, &sets);
                let seeds = Seeds::new(&sets, &shared.setup, &device.device, self.progress, self.interrupt);
                let mut probes = Rivals::new(
                    &sets,
                    &recipe.baselines,
                    &recipe.fitting,
                    &device.device,
                    self.progress,
                    self.interrupt,
                );
                loop {
                    let (unit, lock) = taken;
                    self.unit(unit, &sets, &shared, &seeds, &mut probes, &learned)?;
                    drop(lock);
                    match take()? {
                        Some(next) => taken = next,
                        None => break,
                    }
                }
            }
            open = later;
        }
        Ok(())
    }

    /// The next unit that is not there yet, with its lock. Those that others have in hand go to `later`, or are waited for.
    fn take(
        &self,
        units: &mut VecDeque<Unit>,
        mut later: Option<&mut Vec<Unit>>,
        shared: &Shared<'_>,
    ) -> Result<Option<(Unit, Lock)>> {
        while let Some(unit) = units.pop_front() {
            self.interrupt.check()?;
            let here = shared.folder.seed(unit.fold, unit.seed);
            let lock = match later.as_deref_mut() {
                None => Lock::hold(here.path(), self.progress, self.interrupt)?,
                Some(later) => match Lock::attempt(here.path(), "", self.interrupt)? {
                    Attempt::Held(lock) => lock,
                    Attempt::Busy(_) => {
                        later.push(unit);
                        continue;
                    }
                },
            };
            // Whoever held it before may have done the work.
            if !is_whole(&here, shared.digest, shared.rivals) {
                return Ok(Some((unit, lock)));
            }
        }
        Ok(None)
    }

    /// Trains one model and fits the rivals, whichever is not there yet, and writes the unit's folder, whose lock the call holds.
    fn unit(
        &self,
        unit: Unit,
        sets: &SplitSets,
        shared: &Shared<'_>,
        seeds: &Seeds<'_>,
        probes: &mut Rivals<'_>,
        warnings: &[String],
    ) -> Result<()> {
        let here = shared.folder.seed(unit.fold, unit.seed);
        std::fs::create_dir_all(here.path()).at("create the folder", here.path())?;
        let mut cost = UnitCost::read(&here).unwrap_or_default();
        let mut meter = Meter::start();
        if Done::read(&here, shared.digest).is_none() {
            let from_the_start = !checkpoint::begun(here.path());
            let outcome = seeds.train(unit.seed, here.path())?;
            cost = UnitCost {
                training: meter.spent(),
                from_the_start,
                samples: outcome.trained_on,
                calibration_per_second: shared.calibration_per_second,
                peak_memory_bytes: peak_memory(),
                ..UnitCost::default()
            };
            cost.write(&here)?;
            meter = Meter::start();
            write_seed(
                &here,
                outcome,
                shared.truth.as_ref(),
                shared.digest,
                sets,
                seeds.warnings().into_iter().chain(warnings.iter().cloned()).collect(),
            )?;
        }
        self.fit_rivals(&here, unit.seed, sets, shared, probes)?;
        let seed = unit.seed;
        self.progress.line(&match unit.fold {
            Some(fold) => format!("            fold {fold}, seed {seed} done"),
            None => format!("            seed {seed} done"),
        });
        cost.evaluating = meter.spent();
        cost.rivals = probes.take_spent();
        cost.peak_memory_bytes = peak_memory();
        cost.write(&here)
    }

    /// Fits the rivals of one seed that other code fitted, or nobody, and writes them beside AURA.
    fn fit_rivals(
        &self,
        here: &SeedFolder,
        seed: u64,
        sets: &SplitSets,
        shared: &Shared<'_>,
        probes: &mut Rivals<'_>,
    ) -> Result<()> {
        let there = RivalsDone::read(here);
        if !there.has_probes(shared.rivals) {
            let outcomes = probes.of_seed(seed)?;
            RivalsDone::write_probes(here, outcomes, probes.warnings(), shared.rivals)?;
        }
        if let Some(images) = &shared.images
            && !there.has_finetuned(shared.rivals)
        {
            let finetune = job::Job {
                config: &self.recipe.finetune,
                encoder: &self.recipe.encoder,
                sets,
                images,
                other_images: &shared.other_images,
                selection: self.recipe.protocol.selection,
                seed,
                device: &shared.device.device,
                folder: here.path(),
                progress: self.progress,
                interrupt: self.interrupt,
            };
            let outcome = finetune.run()?;
            RivalsDone::write_finetuned(here, outcome, shared.rivals)?;
            // The fine-tuned encoder's own checkpoint has served.
            checkpoint::discard(here.path())?;
        }
        Ok(())
    }

    /// Reads the labels of the feature table, split by the protocol.
    pub(super) fn load(&self, features: &Features, fold: Option<i32>) -> Result<Loaded> {
        let rule = self.recipe.protocol.duplicates;
        self.load_with(features, fold, (rule == DuplicateRule::DropTrain).then_some(rule))
    }

    /// The same, with what is done about pictures that two splits share.
    pub(super) fn load_with(
        &self,
        features: &Features,
        fold: Option<i32>,
        duplicates: Option<DuplicateRule>,
    ) -> Result<Loaded> {
        let protocol = &self.recipe.protocol;
        let table = FeatureTable::open(&features.folder)?;
        let loaded = table.load(&LoadOptions {
            validation: (protocol.validation > 0.0).then_some(Validation {
                fraction: protocol.validation,
                seed: protocol.validation_seed,
                by_subject: fold.is_some(),
            }),
            training: protocol.training(fold.is_some()),
            fold,
            duplicates,
            relabel: self.new_labels(),
            ..self.load_options(self.recipe)
        })?;
        if fold.is_some() {
            exclusive(&loaded.sets)?;
        }
        Ok(loaded)
    }

    /// What of a table's labels a recipe asks for.
    pub(super) fn load_options(&self, recipe: &Recipe) -> LoadOptions<'static> {
        let protocol = &recipe.protocol;
        LoadOptions {
            outputs: protocol.outputs(),
            only_classes: (protocol.task == Task::ValenceArousal && protocol.some_classes)
                .then(|| protocol.classes.clone()),
            // Labels of 0 and 1 are active from 1 on.
            threshold: protocol.au_threshold.unwrap_or_default(),
            tokens: recipe.model.level_for(protocol.task) == Level::Patch,
            scratch: self.options.scratch.clone(),
            progress: self.progress,
            interrupt: self.interrupt.clone(),
            ..LoadOptions::new(protocol.task)
        }
    }

    /// Says how many samples there are, and which were left out.
    fn tell(&self, loaded: &Loaded, fold: Option<i32>) {
        let counts = &loaded.counts;
        let which = fold.map_or_else(String::new, |fold| format!("fold {fold}: "));
        self.progress.line(&format!(
            "            {which}{} training, {} validation, {} test samples",
            counts.train, counts.val, counts.test
        ));
        let protocol = &self.recipe.protocol;
        if protocol.train_share < 1.0 {
            let what = if fold.is_some() { "persons" } else { "training samples" };
            let share = protocol.train_share;
            self.progress.line(&format!(
                "            a share of {share} of the {what} is learned from (protocol.train_share)"
            ));
        }
        if protocol.label_noise > 0.0 {
            let share = protocol.label_noise;
            self.progress.line(&format!(
                "            a share of {share} of the training labels is exchanged at random (protocol.label_noise)"
            ));
        }
        for (n, why) in [
            (counts.unlabelled, "without a label"),
            (counts.other_class, "of other classes"),
            (counts.no_fold, "in no fold"),
        ] {
            if n > 0 {
                self.progress.line(&format!("            {n} samples {why} left out"));
            }
        }
    }
}

/// Folds exist so that nobody is both trained and tested on.
fn exclusive(sets: &SplitSets) -> Result<()> {
    let people = |set: &FeatureSet| -> Result<BTreeSet<String>> {
        set.sample_ids
            .iter()
            .zip(&set.subjects)
            .map(|(id, subject)| {
                subject
                    .clone()
                    .ok_or_else(|| Error::unusable_table(format!("sample {id} is in a fold, but names no person")))
            })
            .collect()
    };
    let test = people(&sets.test)?;
    for (name, set) in [("training", Some(&sets.train)), ("validation", sets.val.as_ref())] {
        let Some(set) = set else { continue };
        if let Some(both) = people(set)?.intersection(&test).next() {
            return Err(Error::data(format!(
                "{both} is in the {name} and in the test samples of one fold: correct protocol.fold_list"
            )));
        }
    }
    Ok(())
}

/// Writes everything of one seed but the rivals; `done.json` last.
fn write_seed(
    folder: &SeedFolder,
    outcome: SeedOutcome,
    truth: Option<&Truth>,
    digest: &str,
    sets: &SplitSets,
    warnings: Vec<String>,
) -> Result<()> {
    let mut metrics = outcome.metrics;
    if let Some(truth) = truth {
        metrics.extend(truth.agreement(&outcome.assignments, &outcome.archetypes)?);
    }
    check_finite(&metrics)?;
    // Rivals that stood beside an older model are no longer there once its tables are written.
    done::forget(folder)?;
    let origin = folder.origin();
    parquet::write(&folder.file("metrics.parquet"), &metrics, origin)?;
    parquet::write(&folder.file("predictions.parquet"), &outcome.predictions, origin)?;
    parquet::write(&folder.file("assignments.parquet"), &outcome.assignments, origin)?;
    parquet::write(&folder.file("archetypes.parquet"), &outcome.archetypes, origin)?;
    parquet::write(&folder.file("resets.parquet"), &outcome.resets, origin)?;
    parquet::write(&folder.file("flows.parquet"), &outcome.flows, origin)?;
    outcome.model.save(&folder.file("model.safetensors"))?;
    Done::write(folder, digest, &sets.train.targets.names, warnings)?;
    checkpoint::discard(folder.path())
}

/// Whether AURA and all rivals of this call are there.
pub(super) fn is_whole(folder: &SeedFolder, digest: &str, rivals: &RivalsDigest) -> bool {
    let there = RivalsDone::read(folder);
    Done::read(folder, digest).is_some() && there.has_probes(rivals) && there.has_finetuned(rivals)
}

/// Seeds of the folder that are whole in every fold, ascending.
fn whole_seeds(folder: &RunFolder, folds: &[Option<i32>], digest: &str, rivals: &RivalsDigest) -> Result<Vec<u64>> {
    let mut seeds = Vec::new();
    let Some(&first) = folds.first() else {
        return Ok(seeds);
    };
    let base = folder.fold(first);
    for entry in std::fs::read_dir(&base).at("list", &base)? {
        let name = entry.at("list", &base)?.file_name();
        let seed = name
            .to_str()
            .and_then(|name| name.strip_prefix("seed-"))
            .and_then(|seed| seed.parse().ok());
        if let Some(seed) = seed
            && folds
                .iter()
                .all(|&fold| is_whole(&folder.seed(fold, seed), digest, rivals))
        {
            seeds.push(seed);
        }
    }
    seeds.sort_unstable();
    Ok(seeds)
}
