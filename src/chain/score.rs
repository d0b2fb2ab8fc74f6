//! Predictions made elsewhere → a run folder like any other: convert, hold against the protocol's test samples, evaluate, report.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::dataset::DatasetConfig;
use crate::dataset::table::plain;
use crate::digest::{Digest, of_large_file, short, stage};
use crate::disk::lock::Lock;
use crate::disk::{atomic, parquet, seal};
use crate::error::{Context, Error, Result};
use crate::feature::LoadOptions;
use crate::feature::tested::{Tested, test_samples};
use crate::interrupt::Interrupt;
use crate::meter::Meter;
use crate::metric::Bootstrap;
use crate::metric::evaluate::{self, Options};
use crate::progress::Progress;
use crate::recipe::protocol::config::Protocol;
use crate::recipe::{Recipe, StandInConfig};
use crate::record::MetricRow;
use crate::run::folder::RunFolder;
use crate::run::looks;
use crate::run::manifest::{self, Manifest, Scored as Record};
use crate::score::config::ScoreConfig;
use crate::score::scored::{Request, Scored, score as read_scores};

use super::attributes;
use super::convert::Samples;
use super::data;
use super::finite::check_finite;
use super::relabel::{self, Taking};
use super::scored::ScoreSummary;
use super::stages::versions;
use super::state::{Chain, RunOptions, json, licence, serde_name};

/// What the run folder keeps of the recipe: what is tested, and how the tool's files were read.
#[derive(Serialize)]
struct Kept<'a> {
    schema: u32,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    dataset: &'a DatasetConfig,
    protocol: &'a Protocol,
    score: &'a ScoreConfig,
    #[serde(skip_serializing_if = "Option::is_none")]
    stand_in: Option<&'a StandInConfig>,
}

/// Scores the predictions at `paths` (files and folders) under the recipe's protocol.
///
/// # Errors
/// Missing or unusable data or predictions (exit 3), an interruption (130).
pub fn score(
    recipe: &Recipe,
    paths: &[PathBuf],
    options: &RunOptions,
    progress: Progress,
    interrupt: &Interrupt,
) -> Result<ScoreSummary> {
    let mut chain = Chain::new(recipe, options, progress, interrupt);
    attributes::list(recipe)?;
    relabel::list(recipe)?;
    let mut comparable = recipe.clone();
    let (root, samples) = if recipe.card.is_table() {
        let (samples, _) = chain.import()?;
        (chain.image_root()?, samples)
    } else {
        data::check(recipe, options.data.as_deref())?;
        let data = chain.data()?;
        let samples = chain.convert(&data)?;
        (Some(samples.images.clone().unwrap_or(data.root)), samples)
    };
    comparable.protocol.release.clone_from(&samples.release);

    let started = Meter::start();
    chain.relabel(&samples)?;
    let tests = chain.tests(&samples)?;
    let outputs = tests
        .first()
        .map_or_else(Vec::new, |(_, tested)| tested.targets.names.clone());
    comparable.protocol.complete(&outputs);
    let protocol_digest = comparable.protocol_digest()?;
    let scored = read_scores(&Request {
        paths,
        config: &recipe.score,
        dataset: &recipe.card.title,
        card: &recipe.card.id,
        samples: &samples.table,
        tests: &tests,
        threshold: recipe.protocol.au_threshold,
        missing: recipe.protocol.missing,
        interrupt,
    })?;
    for warning in &scored.warnings {
        chain.warn(warning.clone());
    }
    let files = digests(&scored.files, interrupt)?;
    let mut of_files = Digest::new("predictions");
    for (name, digest) in &files {
        of_files = of_files.part(name, digest);
    }
    let digest = Digest::new("score")
        .part("protocol", &protocol_digest)
        .part("samples", &samples.digest)
        .part("settings", json(&scored.config)?.to_string())
        .part("files", of_files.finish())
        .part("code", stage::SCORE)
        .finish();
    let name = format!("{}-{}", recipe.name, plain(&scored.config.tool).trim_matches('-'));
    let folder = RunFolder::new(options.out.join(format!("{name}-{}", short(&digest))));
    let lock = Lock::hold(folder.path(), progress, interrupt)?;
    let there = Manifest::proven(folder.path()).filter(|_| chain.is_whole(&folder));
    let seeds = scored.seeds();
    let protocol = Protocol {
        seeds: seeds.clone(),
        ..comparable.protocol.clone()
    };
    if there.is_none() {
        folder.unseal()?;
        atomic::sweep_below(folder.path())?;
        atomic::remove(&folder.report_stamp())?;
        atomic::remove(&folder.relabelled())?;
        chain.keep_samples(&samples.table, &folder)?;
        if let Some(truth) = &samples.truth {
            chain.keep_truth(truth, &samples.table, &folder)?;
        }
        chain.write_scores(&folder, &scored, &tests, &seeds)?;
        let kept = Kept {
            schema: 1,
            name: &name,
            title: recipe.title.as_deref(),
            dataset: &recipe.dataset,
            protocol: &protocol,
            score: &scored.config,
            stand_in: recipe.stand_in.as_ref(),
        };
        let text =
            toml::to_string(&kept).map_err(|error| Error::data(format!("cannot write the recipe as TOML: {error}")))?;
        atomic::write(&folder.recipe(), text.as_bytes())?;
    }
    let relabelled = chain.relabelled(&folder, |_, samples| Ok(Taking::tested(&tests, samples)))?;
    chain.attributes(&folder)?;
    let served = chain.subgroups(&folder, &seeds, &outputs)?;
    chain.done("score", &started, there.is_some(), &digest);
    let missing = seeds
        .iter()
        .map(|&seed| {
            tests
                .iter()
                .map(|(_, tested)| scored.missing(seed, tested).len())
                .sum::<usize>()
        })
        .max()
        .unwrap_or(0);
    if let Some(test) = recipe.test.first() {
        progress.line(&format!(
            "            [[test]] takes no part: predictions of {} are scored by a recipe of its own",
            test.database.card.title
        ));
    }
    let manifest = Manifest {
        schema: manifest::SCHEMA,
        run: folder.name(),
        name,
        title: recipe.title.clone(),
        dataset: recipe.card.id.clone(),
        task: serde_name(&recipe.protocol.task)?,
        stand_in: samples.stand_in,
        encoder: serde_json::json!({ "kind": "elsewhere", "tool": scored.config.tool }),
        protocol: json(&protocol.shown())?,
        protocol_digest: protocol_digest.clone(),
        recipe_digest: digest.clone(),
        sweep: None,
        scored: Some(Record {
            tool: scored.config.tool.clone(),
            title: scored.config.title.clone(),
            outputs: scored.outputs.to_owned(),
            matched: serde_name(&scored.by)?,
            missing: serde_name(&recipe.protocol.missing)?,
            missing_samples: missing as u64,
            samples: tests.iter().map(|(_, tested)| tested.sample_ids.len() as u64).sum(),
            files,
            settings: json(&scored.config)?,
        }),
        device: "none: the predictions were made elsewhere".to_owned(),
        classes: outputs,
        licence: licence(&recipe.card, samples.stand_in),
        data_root: root.map(|root| root.display().to_string()),
        folds: recipe.protocol.folds.clone(),
        seeds: seeds.iter().filter_map(|&seed| i64::try_from(seed).ok()).collect(),
        test_looks: match &there {
            Some(there) => there.test_looks,
            None => Some(looks::record(&options.out, &protocol_digest, &digest)?),
        },
        tests: Vec::new(),
        relabelled,
        warnings: chain.warnings.clone(),
        versions: versions(),
        git: manifest::git_state(Path::new(".")),
        stages: chain.stages.clone(),
        cost: None,
        recipe_file: Some(recipe.file.display().to_string()),
        created: manifest::stamp(std::time::SystemTime::now()),
        sum: None,
    };
    let manifest = match there {
        Some(there) if there.data_root == manifest.data_root && there.warnings == manifest.warnings => there,
        _ => {
            folder.unseal()?;
            manifest.write(folder.path())?;
            manifest
        }
    };
    let report = chain.report(&folder, &manifest, &format!("{digest}{served}"))?;
    chain.close(&folder, &manifest)?;
    drop(lock);
    ScoreSummary::of(&folder, &manifest, &report, &recipe.card.title)
}

/// The files with the digests of their bytes, by name; files of one name by their paths.
fn digests(files: &[PathBuf], interrupt: &Interrupt) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for path in files {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = if all.contains_key(&name) {
            path.display().to_string()
        } else {
            name
        };
        all.insert(name, of_large_file(path, || interrupt.check())?);
    }
    Ok(all)
}

impl Chain<'_> {
    /// The test samples of each fold, or of the one division.
    fn tests(&self, samples: &Samples) -> Result<Vec<(Option<i32>, Tested)>> {
        let protocol = &self.recipe.protocol;
        let of = |fold: Option<i32>| -> Result<(Option<i32>, Tested)> {
            let options = LoadOptions {
                fold,
                relabel: self.new_labels(),
                ..self.load_options(self.recipe)
            };
            Ok((fold, test_samples(&samples.table, &options)?))
        };
        protocol.units().into_iter().map(of).collect()
    }

    /// Whether everything of the folder is what was written.
    fn is_whole(&self, folder: &RunFolder) -> bool {
        seal::damages(folder.path(), self.interrupt).is_ok_and(|damages| damages.is_empty())
    }

    /// Evaluates every seed in every fold and writes its tables.
    fn write_scores(
        &self,
        folder: &RunFolder,
        scored: &Scored,
        tests: &[(Option<i32>, Tested)],
        seeds: &[u64],
    ) -> Result<()> {
        let (missing, tool) = (self.recipe.protocol.missing, scored.config.tool.as_str());
        for (fold, tested) in tests {
            for &seed in seeds {
                self.interrupt.check()?;
                let here = folder.seed(*fold, seed);
                std::fs::create_dir_all(here.path()).at("create the folder", here.path())?;
                let evaluated = scored.tested(seed, tested, missing, tool)?;
                let options = Options {
                    subjects: Some(&evaluated.subjects),
                    bootstrap: Bootstrap::hearing(self.interrupt),
                };
                let values = evaluate::evaluate(&evaluated.targets, &evaluated.outputs, &options)?;
                let mut metrics = evaluate::rows(tool, "test", None, &values);
                let lacking = scored.missing(seed, tested);
                metrics.push(MetricRow {
                    n: Some(tested.sample_ids.len() as i64),
                    split: "test".to_owned(),
                    ..MetricRow::of_no_split(
                        tool,
                        "missing_share",
                        lacking.len() as f64 / tested.sample_ids.len().max(1) as f64,
                        Some(false),
                    )
                });
                check_finite(&metrics)?;
                let origin = here.origin();
                parquet::write(&here.file("metrics.parquet"), &metrics, origin)?;
                parquet::write(&here.file("predictions.parquet"), &evaluated.rows, origin)?;
                parquet::write(&here.file("missing.parquet"), &lacking, origin)?;
            }
        }
        Ok(())
    }
}
