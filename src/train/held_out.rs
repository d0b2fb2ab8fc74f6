//! What AURA says of training samples that it has not seen: by it read-outs are fitted to the task, as those of every rival.
//!
//! Outputs for samples that a model was trained on are learned by heart: fitted to them, thresholds come out at one half and
//! spreads too small.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::disk::atomic;
use crate::error::{Context, Result};
use crate::fitting::choose::{Candidates, Choice, choose};
use crate::fitting::config::Outputs;
use crate::fitting::folds;
use crate::metric::evaluate;
use crate::model::math::{host, matrix};
use crate::model::predict;
use crate::sets::{FeatureSet, Matrix, SplitSets};
use crate::task::{Targets, Task};

use super::checkpoint::{Loaded, encode};
use super::freeze::freeze;
use super::run::Job;
use super::setup::Setup;
use super::trained::Trained;

/// Read-outs of one part's samples as they come, n × O.
#[derive(Debug)]
struct Asked {
    primal: Matrix,
    /// One a temperature that may be chosen.
    mixtures: Vec<Matrix>,
}

/// Read-outs of all held-out samples.
#[derive(Debug)]
pub struct HeldOut {
    targets: Targets,
    parts: Vec<Asked>,
    /// Samples that went through training, each as often as there were epochs.
    pub trained_on: u64,
}

/// How the two read-outs are fitted.
#[derive(Debug)]
pub struct Choices {
    /// Of the primal read-out.
    pub primal: Choice,
    /// Of the mixture.
    pub mixture: Choice,
    /// The mixture's temperature.
    pub temperature: f64,
}

/// The JSON part of a part's file.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    digest: String,
    trained_on: u64,
}

/// Whether anything is chosen or fitted on held-out samples.
fn wanted(setup: &Setup) -> bool {
    let fits = setup.fitting.outputs == Outputs::Task && setup.task != Task::Expression;
    fits || setup.model.temperatures().len() > 1
}

impl HeldOut {
    /// Trains one model a part on the rest of the training split and asks it about the part. `None` where nothing is fitted,
    /// nothing can be held out, or a validation split is there to be asked about ([`HeldOut::of_validation`]).
    ///
    /// What a part's model said stays in the checkpoint folder until the seed is whole, so that an interrupted call goes on.
    ///
    /// # Errors
    /// As [`Job::train`].
    pub fn by_parts(job: &Job<'_>) -> Result<Option<Self>> {
        let (data, setup) = (job.data, job.setup);
        if !wanted(setup) || data.val.as_ref().is_some_and(|set| !set.is_empty()) {
            return Ok(None);
        }
        let train = &data.train;
        let groups = evaluate::groups(Some(&train.subjects), train.len())?;
        let parts = folds::parts(&train.targets, groups.as_deref(), &setup.fitting);
        let mut asked = Vec::new();
        let mut trained_on = 0;
        for (at, part) in parts.iter().enumerate() {
            let sets = SplitSets {
                train: train.select(&part.kept),
                val: None,
                test: train.select(&part.held),
            };
            let folder = job.folder.join("checkpoint").join(format!("part-{at}"));
            let label = format!("{}, part {} of {}", job.label, at + 1, parts.len());
            let (said, samples) = ask(&Job {
                data: &sets,
                folder: &folder,
                label: &label,
                ..*job
            })?;
            asked.push(said);
            trained_on += samples;
        }
        let rows: Vec<usize> = parts.into_iter().flat_map(|part| part.held).collect();
        Ok((!rows.is_empty()).then(|| Self {
            targets: train.targets.select(&rows),
            parts: asked,
            trained_on,
        }))
    }

    /// What a model says of the validation split; `None` where nothing is fitted.
    ///
    /// # Errors
    /// As [`Trained::project`].
    pub fn of_validation(setup: &Setup, trained: &Trained, val: &FeatureSet) -> Result<Option<Self>> {
        if !wanted(setup) {
            return Ok(None);
        }
        Ok(Some(Self {
            targets: val.targets.clone(),
            parts: vec![read_outs(setup, trained, val)?],
            trained_on: 0,
        }))
    }

    /// Fits both read-outs; the mixture's temperature is chosen with its map.
    ///
    /// # Errors
    /// As [`choose`].
    pub fn choose(self, setup: &Setup) -> Result<Choices> {
        let how = setup.fitting.outputs;
        let (primal, mixtures): (Vec<_>, Vec<_>) = self
            .parts
            .into_iter()
            .map(|part| (Stored::of(vec![part.primal]), Stored::of(part.mixtures)))
            .unzip();
        let pick = |mut parts: Vec<Box<dyn Candidates>>| choose(how, &self.targets, &mut parts, usize::MAX);
        let (primal, mixture) = (pick(primal)?, pick(mixtures)?);
        Ok(Choices {
            temperature: setup.model.temperatures()[mixture.at],
            primal,
            mixture,
        })
    }
}

/// Outputs that are there already.
struct Stored(std::vec::IntoIter<Matrix>);

impl Stored {
    fn of(outputs: Vec<Matrix>) -> Box<dyn Candidates> {
        Box::new(Self(outputs.into_iter()))
    }
}

impl Candidates for Stored {
    fn outputs(&mut self, _at: usize) -> Result<Option<Matrix>> {
        Ok(self.0.next())
    }
}

/// Trains on the job's training split and reads out its test split; what an earlier call read out is taken from its file.
fn ask(job: &Job<'_>) -> Result<(Asked, u64)> {
    let file = job.folder.join("read-outs.safetensors");
    let digest = job.setup.digest(job.data, job.seed);
    if let Some(there) = load(&file, &digest, job)? {
        return Ok(there);
    }
    let ended = job.train()?;
    let trained = freeze(job.data, job.setup, &ended)?.trained;
    let asked = read_outs(job.setup, &trained, &job.data.test)?;
    let trained_on = (job.data.train.len() * ended.position.epoch) as u64;
    let tensor = |m: &Matrix| matrix(m.data.clone(), m.rows, m.cols, &trained.device);
    let mut tensors = vec![("primal".to_owned(), tensor(&asked.primal))];
    for (at, mixture) in asked.mixtures.iter().enumerate() {
        tensors.push((format!("mixture.{at}"), tensor(mixture)));
    }
    let json = serde_json::to_string(&Header { digest, trained_on }).at("write", &file)?;
    atomic::write(&file, &encode(&tensors, json, &file)?)?;
    Ok((asked, trained_on))
}

fn load(file: &PathBuf, digest: &str, job: &Job<'_>) -> Result<Option<(Asked, u64)>> {
    if !Path::is_file(file) {
        return Ok(None);
    }
    let loaded = Loaded::read(file)?;
    let Some(header) = serde_json::from_str::<Header>(&loaded.json)
        .ok()
        .filter(|header| header.digest == digest)
    else {
        return Ok(None);
    };
    let (rows, cols) = (job.data.test.len(), job.data.test.targets.outputs());
    let take = |name: String| -> Result<Matrix> {
        let data = host(loaded.tensor(&name, [rows, cols], job.device)?)?;
        Ok(Matrix { rows, cols, data })
    };
    let count = job.setup.model.temperatures().len();
    let mixtures = (0..count).map(|at| take(format!("mixture.{at}")));
    Ok(Some((
        Asked {
            primal: take("primal".to_owned())?,
            mixtures: mixtures.collect::<Result<_>>()?,
        },
        header.trained_on,
    )))
}

/// Both read-outs as they come.
fn read_outs(setup: &Setup, trained: &Trained, set: &FeatureSet) -> Result<Asked> {
    let cosines = trained.cosines(&trained.project(set)?);
    let of = |data: Vec<f32>| Matrix {
        rows: set.len(),
        cols: set.targets.outputs(),
        data,
    };
    let mixture = |temperature: f64| -> Result<Matrix> {
        let outputs = predict::mixture(cosines.clone(), trained.value.clone(), temperature);
        Ok(of(host(outputs)?))
    };
    Ok(Asked {
        primal: of(host(predict::primal(
            cosines.clone(),
            trained.value.clone(),
            &trained.device,
        ))?),
        mixtures: setup
            .model
            .temperatures()
            .into_iter()
            .map(mixture)
            .collect::<Result<_>>()?,
    })
}
