//! The stages of `run`, in order; what is there already is not done again.

use crate::device::choice::DeviceChoice;
use crate::digest::{Digest, short, stage};
use crate::disk::lock::Lock;
use crate::disk::parquet;
use crate::error::{DataKind, Error, Result};
use crate::feature::FeatureTable;
use crate::feature::pool::pooled_shape;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::run::folder::RunFolder;
use crate::run::looks;
use crate::run::manifest::{self, Manifest, StageRecord};

use super::attributes;
use super::data;
use super::needs;
use super::others::{self, Other};
use super::relabel;
use super::rivals::RivalsDigest;
use super::state::{Chain, RunOptions, json, licence, serde_name};
use super::summary::{self, Summary};
use super::train::Inputs;

pub use crate::disk::cache_folder::cache_folder;

/// Does what is missing of the whole chain.
///
/// # Errors
/// Missing or unusable data (exit 3), a device that cannot be used (4), an interruption (130).
pub fn run(recipe: &Recipe, options: &RunOptions, progress: Progress, interrupt: &Interrupt) -> Result<Summary> {
    match once(recipe, options, progress, interrupt) {
        // Whoever met the damage in the middle of its work has taken it away: the same call again makes it, and goes on.
        Err(Error::Data {
            kind: DataKind::Damaged,
            message,
        }) => {
            progress.line(&format!("            made again, because {message}"));
            once(recipe, options, progress, interrupt)
        }
        ended => ended,
    }
}

fn once(recipe: &Recipe, options: &RunOptions, progress: Progress, interrupt: &Interrupt) -> Result<Summary> {
    let choice: DeviceChoice = options
        .device
        .parse()
        .map_err(|message| Error::Usage(format!("device: {message}")))?;
    let device = choice.resolve()?;
    let mut chain = Chain::new(recipe, options, progress, interrupt);
    progress.line(&format!("device      {}", device.name));
    if let Some(notice) = &device.notice {
        progress.line(&format!("            {notice}"));
    }

    // What was read is part of what makes numbers comparable.
    let mut comparable = recipe.clone();
    let (data_root, samples, features, others) = if recipe.card.is_table() {
        attributes::list(recipe)?;
        relabel::list(recipe)?;
        let (samples, features) = chain.import()?;
        chain.relabel(&samples)?;
        let table = FeatureTable::open(&features.folder)?;
        let metadata = table.metadata();
        chain.announce(&needs::of(recipe, table.rows(), metadata.global_dim, metadata.tokens))?;
        let others = chain.imported_others(&features)?;
        (chain.image_root()?, samples, features, others)
    } else {
        // A database that is missing is told before weights are fetched for it, weights that are missing or do not fit before
        // thousands of faces are drawn or converted.
        data::check(recipe, options.data.as_deref())?;
        others::check(recipe)?;
        attributes::list(recipe)?;
        relabel::list(recipe)?;
        let encoder = recipe
            .encoder
            .fetched(None, progress, interrupt)?
            .build_on(&device.device)?;
        if let Some(preprocessing) = encoder.preprocessing() {
            progress.line(&format!("images      {preprocessing}"));
        }
        let data = chain.data()?;
        let samples = chain.convert(&data)?;
        chain.relabel(&samples)?;
        let tokens = pooled_shape(recipe.features.tokens, encoder.tokens(), encoder.name())?;
        chain.announce(&needs::of(
            recipe,
            parquet::rows(&samples.table)?,
            encoder.global_dim(),
            tokens,
        ))?;
        let images = samples.images.clone().unwrap_or(data.root);
        let features = chain.extract(&images, &samples, encoder.as_ref(), &device)?;
        let others = chain.others(encoder.as_ref(), &device)?;
        (Some(images), samples, features, others)
    };
    chain.image_root.clone_from(&data_root);
    comparable.protocol.release.clone_from(&samples.release);

    // Further test sets change no number on the run's own test split: what is looked at there is addressed without them.
    let address = |recipe: &Recipe, others: &[Other<'_>]| -> Result<String> {
        let digest = Digest::new("run")
            .part("recipe", recipe.digest()?)
            .part("features", &features.digest)
            .part("device", device.kind)
            .part("code", stage::TRAIN)
            .part("stand-in", samples.stand_in.to_string())
            .part("truth", samples.truth.as_ref().map_or("", |_| stage::TRUTH));
        let with =
            |digest: Digest, other: &Other<'_>| digest.part("test", &other.features.digest).part("code", stage::TESTS);
        Ok(others.iter().fold(digest, with).finish())
    };
    let digest = address(recipe, &others)?;
    let alone = address(&recipe.alone(), &[])?;
    let looked = RivalsDigest::new(&alone, recipe.finetune.enabled).address(&alone);
    // Not part of the run's digest: a change in a rival leaves the folder and AURA in it.
    let rivals = RivalsDigest::new(&digest, recipe.finetune.enabled);
    let folder = RunFolder::new(options.out.join(format!("{}-{}", recipe.name, short(&digest))));
    let lock = Lock::hold(folder.path(), progress, interrupt)?;

    chain.mend(&folder, &digest)?;
    chain.duplicates(&features, &folder)?;
    let relabelled = chain.relabelled(&folder, |chain, samples| chain.taking(&features, samples))?;
    let inputs = Inputs {
        features: &features,
        samples: &samples,
        others: &others,
    };
    let trained = chain.train(&inputs, &folder, &digest, &rivals, &device)?;
    comparable.protocol.complete(&trained.outputs);
    let there = Manifest::proven(folder.path());
    let tests = match &there {
        Some(there) if !trained.fresh => there.tests.clone(),
        _ => chain.record_others(&others, &trained.outputs, &looked)?,
    };
    chain.standings(&folder, &trained.seeds_in_folder, &trained.outputs, &tests)?;
    chain.attributes(&folder)?;
    let served = chain.subgroups(&folder, &trained.seeds_in_folder, &trained.outputs)?;
    let maps = chain.maps(&features, &folder, &digest, &trained.seeds_in_folder, &device)?;
    let protocol_digest = comparable.protocol_digest()?;
    let test_looks = match &there {
        Some(there) if !trained.fresh => there.test_looks,
        // The same numbers again are no further look.
        _ => Some(looks::record(&options.out, &protocol_digest, &looked)?),
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
        data_root: data_root.map(|root| root.display().to_string()),
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
        warnings: chain.warnings.clone(),
        git: manifest::git_state(std::path::Path::new(".")),
        stages: chain.stages.clone(),
        // Where AURA was there already, its training took what it took.
        cost: if trained.trained {
            chain.cost
        } else {
            there.as_ref().and_then(|there| there.cost)
        },
        recipe_file: Some(recipe.file.display().to_string()),
        created: manifest::stamp(std::time::SystemTime::now()),
        sum: None,
    };
    let manifest = chain.write_manifest(&folder, manifest, there.filter(|_| !trained.fresh))?;
    let report = chain.report(
        &folder,
        &manifest,
        &format!("{} {maps}{served}", rivals.address(&digest)),
    )?;
    chain.close(&folder, &manifest)?;
    drop(lock);
    summary::summarise(recipe, &folder, &manifest, &report, chain.stages)
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
            folder.seal(self.interrupt)?;
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
