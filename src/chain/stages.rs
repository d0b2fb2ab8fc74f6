//! The stages of `run`, in order; what is there already is not done again.

use std::path::PathBuf;

use crate::device::choice::DeviceChoice;
use crate::device::machine::Resolved;
use crate::disk::lock::Lock;
use crate::disk::parquet;
use crate::error::{DataKind, Error, Result};
use crate::feature::FeatureTable;
use crate::feature::duplicates::DuplicateRule;
use crate::feature::pool::pooled_shape;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::run::folder::RunFolder;
use crate::run::looks;
use crate::run::manifest::{self, Manifest, Relabelled, StageRecord};
use crate::there;

use super::address::{self, Address};
use super::attributes;
use super::convert::Samples;
use super::data;
use super::extract::Features;
use super::needs;
use super::others::{self, Other};
use super::portion::{Portion, PortionSummary, Stage};
use super::relabel;
use super::state::{Chain, RunOptions, json, licence, serde_name};
use super::summary::{self, Summary};
use super::train::{Computed, Inputs};

pub use crate::disk::cache_folder::cache_folder;

/// What a call came to.
pub enum Outcome {
    /// The run is whole.
    Run(Box<Summary>),
    /// The part of the work that was asked for is done.
    Portion(PortionSummary),
}

/// Does what is missing of the whole chain.
///
/// # Errors
/// Missing or unusable data (exit 3), a device that cannot be used (4), an interruption (130).
pub fn run(recipe: &Recipe, options: &RunOptions, progress: Progress, interrupt: &Interrupt) -> Result<Summary> {
    match part(recipe, options, Portion::ALL, progress, interrupt)? {
        Outcome::Run(summary) => Ok(*summary),
        Outcome::Portion(portion) => Err(Error::data(portion.to_text())),
    }
}

/// Does what is missing of a part of the work; what that needs of earlier stages is done too.
///
/// # Errors
/// As [`run`]; [`Error::Data`] where a report is asked for and models are missing.
pub fn part(
    recipe: &Recipe,
    options: &RunOptions,
    portion: Portion,
    progress: Progress,
    interrupt: &Interrupt,
) -> Result<Outcome> {
    let once = || once(recipe, options, portion, progress, interrupt);
    match once() {
        // Whoever met the damage in the middle of its work has taken it away: the same call again makes it, and goes on.
        Err(Error::Data {
            kind: DataKind::Damaged,
            message,
        }) => {
            progress.line(&format!("            made again, because {message}"));
            once()
        }
        ended => ended,
    }
}

/// What is there once features are.
struct Ready<'a> {
    data_root: Option<PathBuf>,
    samples: Samples,
    features: Features,
    others: Vec<Other<'a>>,
}

fn once(
    recipe: &Recipe,
    options: &RunOptions,
    portion: Portion,
    progress: Progress,
    interrupt: &Interrupt,
) -> Result<Outcome> {
    if let Some(fold) = portion.fold
        && !recipe.protocol.folds.contains(&fold)
    {
        let folds: Vec<String> = recipe.protocol.folds.iter().map(ToString::to_string).collect();
        return Err(Error::Usage(if folds.is_empty() {
            format!(
                "fold {fold} is asked for, and the protocol of {} has no folds",
                recipe.name
            )
        } else {
            format!(
                "there is no fold {fold}: the protocol of {} has {}",
                recipe.name,
                folds.join(", ")
            )
        }));
    }
    let choice: DeviceChoice = options
        .device
        .parse()
        .map_err(|message| Error::Usage(format!("device: {message}")))?;
    let mut chain = Chain::new(recipe, options, progress, interrupt).of_portion(portion);
    if portion.only == Some(Stage::Convert) && !recipe.card.is_table() {
        chain.convert_alone()?;
        return Ok(chain.portion(Stage::Convert, None, 0));
    }
    let device = choice.resolve()?;
    progress.line(&format!("device      {}", device.name));
    if let Some(notice) = &device.notice {
        progress.line(&format!("            {notice}"));
    }
    let ready = chain.ready(&device)?;
    let Some(ready) = ready.filter(|_| !matches!(portion.only, Some(Stage::Convert | Stage::Extract))) else {
        let left = chain.left;
        return Ok(chain.portion(portion.only.unwrap_or(Stage::Extract), None, left));
    };
    chain.image_root.clone_from(&ready.data_root);
    let Ready {
        samples,
        features,
        others,
        ..
    } = &ready;
    let run = Address::of(
        recipe,
        &address::From {
            features: &features.digest,
            others: others.iter().map(|other| other.features.digest.as_str()).collect(),
            device: device.kind,
            stand_in: samples.stand_in,
            truth: samples.truth.is_some(),
        },
        &options.out,
    )?;
    let inputs = Inputs {
        features,
        samples,
        others,
    };
    let relabelled = chain.begin_run(&inputs, &run)?;
    let missing = chain.missing(&run.folder, &run.digest, &run.rivals);
    if portion.only == Some(Stage::Report) && !missing.is_empty() {
        return Err(lacking(recipe, &missing, &run.folder));
    }
    let computed = chain.train(&inputs, &run.folder, &run.digest, &run.rivals, &device)?;
    chain.record_training(computed, &run.folder, &run.digest, &run.rivals);
    if portion.only == Some(Stage::Train) {
        return Ok(chain.portion(Stage::Train, Some(&run.folder), 0));
    }
    chain
        .end_run(&ready, &run, relabelled, computed, &device)
        .map(|summary| Outcome::Run(Box::new(summary)))
}

/// A report was asked for, and some of its models are not there.
fn lacking(recipe: &Recipe, missing: &[(Option<i32>, u64)], folder: &RunFolder) -> Error {
    let named: Vec<String> = missing
        .iter()
        .take(12)
        .map(|(fold, seed)| match fold {
            Some(fold) => format!("fold {fold} seed {seed}"),
            None => format!("seed {seed}"),
        })
        .collect();
    let more = missing.len().saturating_sub(named.len());
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    Error::data(format!(
        "{} is not trained yet: {}{more} of {} are missing; train them first, or ask for the whole run, which does",
        recipe.name,
        named.join(", "),
        folder.path().display()
    ))
}

impl<'a> Chain<'a> {
    /// What a call that did a part of the work came to.
    fn portion(self, only: Stage, folder: Option<&RunFolder>, left: usize) -> Outcome {
        Outcome::Portion(PortionSummary {
            schema: 1,
            name: self.recipe.name.clone(),
            only,
            run_dir: folder.map(|folder| folder.path().display().to_string()),
            done: left == 0,
            left,
            stages: self.stages,
        })
    }

    /// Samples tables, and no more: neither weights nor a device are asked for.
    fn convert_alone(&mut self) -> Result<()> {
        data::check(self.recipe, self.options.data.as_deref())?;
        others::check(self.recipe)?;
        attributes::list(self.recipe)?;
        relabel::list(self.recipe)?;
        let data = self.data()?;
        let samples = self.convert(&data)?;
        self.relabel(&samples)?;
        self.convert_others()
    }

    /// Makes what is missing of samples and features; nothing, where a share is extracted and those of others are missing.
    fn ready(&mut self, device: &Resolved) -> Result<Option<Ready<'a>>> {
        let recipe = self.recipe;
        if recipe.card.is_table() {
            attributes::list(recipe)?;
            relabel::list(recipe)?;
            let (samples, features) = self.import()?;
            self.relabel(&samples)?;
            let table = FeatureTable::open(&features.folder)?;
            let metadata = table.metadata();
            self.announce(&needs::of(recipe, table.rows(), metadata.global_dim, metadata.tokens))?;
            let others = self.imported_others(&features)?;
            return Ok(Some(Ready {
                data_root: self.image_root()?,
                samples,
                features,
                others,
            }));
        }
        // A database that is missing is told before weights are fetched for it, weights that are missing or do not fit before
        // thousands of faces are drawn or converted.
        data::check(recipe, self.options.data.as_deref())?;
        others::check(recipe)?;
        attributes::list(recipe)?;
        relabel::list(recipe)?;
        let encoder = recipe
            .encoder
            .fetched(None, self.progress, self.interrupt)?
            .build_on(&device.device)?;
        if let Some(preprocessing) = encoder.preprocessing() {
            self.progress.line(&format!("images      {preprocessing}"));
        }
        let data = self.data()?;
        let samples = self.convert(&data)?;
        self.relabel(&samples)?;
        let tokens = pooled_shape(recipe.features.tokens, encoder.tokens(), encoder.name())?;
        self.announce(&needs::of(
            recipe,
            parquet::rows(&samples.table)?,
            encoder.global_dim(),
            tokens,
        ))?;
        let images = samples.images.clone().unwrap_or(data.root);
        let features = self.extract(&images, &samples, encoder.as_ref(), device)?;
        let others = self.others(encoder.as_ref(), device)?;
        let whole = others.len() == recipe.test.len();
        Ok(features.filter(|_| whole).map(|features| Ready {
            data_root: Some(images),
            samples,
            features,
            others,
        }))
    }

    /// Makes the run folder ready for its models: what is damaged is taken away, what has to be known before anything is trained is
    /// looked at.
    fn begin_run(&mut self, inputs: &Inputs<'_>, run: &Address) -> Result<Option<Relabelled>> {
        let folder = &run.folder;
        let _lock = Lock::hold(folder.path(), self.progress, self.interrupt)?;
        self.mend(folder, &run.digest)?;
        if !self.missing(folder, &run.digest, &run.rivals).is_empty() {
            folder.unseal()?;
        }
        // Of many processes that train a model each, one looks.
        let looks = self.portion.only != Some(Stage::Train) || self.recipe.protocol.duplicates == DuplicateRule::Fail;
        if looks {
            self.duplicates(inputs.features, folder)?;
        }
        self.keep_tables(inputs, folder)?;
        self.relabelled(folder, |chain, samples| chain.taking(inputs.features, samples))
    }

    /// Makes what is computed over all models, and the report.
    fn end_run(
        mut self,
        ready: &Ready<'_>,
        run: &Address,
        relabelled: Option<Relabelled>,
        computed: Computed,
        device: &Resolved,
    ) -> Result<Summary> {
        let Ready {
            data_root,
            samples,
            features,
            others,
        } = ready;
        let (recipe, options) = (self.recipe, self.options);
        let Address {
            digest,
            looked,
            rivals,
            folder,
        } = run;
        let lock = Lock::hold(folder.path(), self.progress, self.interrupt)?;
        // Another process that begins, or mends, may have taken them away meanwhile.
        if !there::is_file(&folder.duplicates())? {
            self.duplicates(features, folder)?;
        }
        let relabelled = match relabelled {
            Some(_) if !there::is_file(&folder.relabelled())? => {
                self.relabelled(folder, |chain, samples| chain.taking(features, samples))?
            }
            relabelled => relabelled,
        };
        let trained = self.trained(folder, digest, rivals)?;
        // What was read is part of what makes numbers comparable.
        let mut comparable = recipe.clone();
        comparable.protocol.release.clone_from(&samples.release);
        comparable.protocol.complete(&trained.outputs);
        let there = Manifest::proven(folder.path());
        // What another process computed is as new to the run as what this one did.
        let fresh = self.forget_evaluation(folder, &trained.seeds_in_folder)? || computed.fresh;
        let tests = match &there {
            Some(there) if !fresh => there.tests.clone(),
            _ => self.record_others(others, &trained.outputs, looked)?,
        };
        self.standings(folder, &trained.seeds_in_folder, &trained.outputs, &tests)?;
        self.attributes(folder)?;
        let served = self.subgroups(folder, &trained.seeds_in_folder, &trained.outputs)?;
        self.stamp_evaluation(folder, &trained.seeds_in_folder)?;
        let maps = self.maps(features, folder, digest, &trained.seeds_in_folder, device)?;
        let protocol_digest = comparable.protocol_digest()?;
        let test_looks = match &there {
            Some(there) if !fresh => there.test_looks,
            // The same numbers again are no further look.
            _ => Some(looks::record(&options.out, &protocol_digest, looked)?),
        };
        let manifest = Manifest {
            schema: manifest::SCHEMA,
            run: folder.name(),
            name: recipe.name.clone(),
            title: recipe.title.clone(),
            dataset: recipe.card.id.clone(),
            task: serde_name(&recipe.protocol.task)?,
            stand_in: samples.stand_in,
            encoder: features.encoder.clone(),
            protocol: json(&comparable.protocol.shown())?,
            protocol_digest,
            recipe_digest: recipe.digest()?,
            sweep: options.sweep.clone(),
            scored: None,
            device: device.name.clone(),
            classes: trained.outputs.clone(),
            licence: licence(&recipe.card, samples.stand_in),
            data_root: data_root.as_ref().map(|root| root.display().to_string()),
            folds: recipe.protocol.folds.clone(),
            seeds: trained
                .seeds_in_folder
                .iter()
                .filter_map(|&seed| i64::try_from(seed).ok())
                .collect(),
            test_looks,
            tests,
            relabelled,
            versions: versions(),
            warnings: self.warnings.clone(),
            git: manifest::git_state(std::path::Path::new(".")),
            stages: self.stages.clone(),
            // Of models whose cost is not known, what an earlier call said.
            cost: self.cost.or_else(|| there.as_ref().and_then(|there| there.cost)),
            recipe_file: Some(recipe.file.display().to_string()),
            created: manifest::stamp(std::time::SystemTime::now()),
            sum: None,
        };
        let manifest = self.write_manifest(folder, manifest, there.filter(|_| !fresh))?;
        let report = self.report(folder, &manifest, &format!("{} {maps}{served}", rivals.address(digest)))?;
        self.close(folder, &manifest)?;
        drop(lock);
        summary::summarise(recipe, folder, &manifest, &report, self.stages)
    }
}

impl Chain<'_> {
    /// Ends a run: the last stages' times join the others, of what was cached the time of the call that did the work, and the folder is
    /// sealed.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Interrupted`].
    pub(super) fn close(&self, folder: &RunFolder, manifest: &Manifest) -> Result<()> {
        if self.stages.iter().any(|stage| !stage.cached) {
            folder.unseal()?;
            Manifest {
                stages: with_times_of_work(&self.stages, &manifest.stages),
                ..manifest.clone()
            }
            .write(folder.path())?;
        }
        if !folder.is_sealed()? {
            folder.seal(&manifest.seeds, self.interrupt)?;
        }
        Ok(())
    }
}

fn with_times_of_work(now: &[StageRecord], before: &[StageRecord]) -> Vec<StageRecord> {
    let named = |name: &str| now.iter().any(|stage| stage.name == name);
    let mut all = Vec::new();
    for stage in now {
        let same = |old: &&StageRecord| old.digest == stage.digest;
        let worked = before.iter().filter(same).find(|old| old.name == stage.name);
        all.push(worked.filter(|_| stage.cached).unwrap_or(stage).clone());
        // Rivals that were there already are not named again.
        if stage.name == "evaluate" {
            let rivals = before.iter().filter(same).filter(|old| old.name.starts_with("rival "));
            all.extend(rivals.filter(|old| !named(&old.name)).cloned());
        }
    }
    all
}

pub(crate) fn versions() -> std::collections::BTreeMap<String, serde_json::Value> {
    let versions = [
        ("aura-bench", env!("CARGO_PKG_VERSION")),
        ("tables", crate::record::SCHEMA_VERSION),
    ];
    versions
        .into_iter()
        .map(|(name, version)| (name.to_owned(), version.into()))
        .collect()
}
