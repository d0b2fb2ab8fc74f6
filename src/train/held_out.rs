//! What AURA says of training samples that it has not seen: by it read-outs are fitted to the task, as those of every rival.
//!
//! Outputs for samples that a model was trained on are learned by heart: fitted to them, thresholds come out at one half and
//! spreads too small.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::disk::atomic;
use crate::error::{Context, Result};
use crate::fitting::choose::{Candidates, Choice, Walk, choose};
use crate::fitting::config::Outputs;
use crate::fitting::folds;
use crate::metric::evaluate;
use crate::model::math::{host, matrix};
use crate::sets::{FeatureSet, Matrix, SplitSets};
use crate::task::{Targets, Task};

use super::checkpoint::{Loaded, encode};
use super::departure::{STRENGTHS, Tuned};
use super::freeze::freeze;
use super::run::Job;
use super::setup::Setup;
use super::trained::Trained;

/// Read-outs of one part's samples as they come: the method, and n × O for each of its settings.
type Asked = Vec<(&'static str, Vec<Matrix>)>;

/// What was fitted for each read-out.
pub type Choices = Vec<(&'static str, Choice)>;

/// Read-outs of all held-out samples.
#[derive(Debug)]
pub struct HeldOut {
    targets: Targets,
    parts: Vec<Asked>,
    /// Samples that went through training, each as often as there were epochs.
    pub trained_on: u64,
}

/// The JSON part of a part's file.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    digest: String,
    trained_on: u64,
}

/// Whether outputs are fitted on held-out samples.
fn wanted(setup: &Setup) -> bool {
    setup.fitting.outputs == Outputs::Task && setup.task != Task::Expression
}

impl HeldOut {
    /// Trains one model a part on the rest of the training split and asks it about the part. `None` where nothing is fitted,
    /// nothing can be held out, or a validation split is there to be asked about ([`HeldOut::of_validation`]).
    ///
    /// What a part's model said stays in the checkpoint folder until the seed is whole, so that an interrupted call goes on.
    ///
    /// # Errors
    /// As [`Job::train`].
    pub fn by_parts(job: &Job<'_>, tuned: Option<Tuned<'_>>) -> Result<Option<Self>> {
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
                others: Vec::new(),
            };
            let folder = job.folder.join("checkpoint").join(format!("part-{at}"));
            let label = format!("{}, part {} of {}", job.label, at + 1, parts.len());
            let part = Job {
                data: &sets,
                folder: &folder,
                label: &label,
                ..*job
            };
            let tuned = tuned.map(|tuned| Tuned {
                part: Some(at),
                ..tuned
            });
            let (said, samples) = ask(&part, tuned)?;
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
    pub fn of_validation(job: &Job<'_>, trained: &Trained, val: &FeatureSet) -> Result<Option<Self>> {
        if !wanted(job.setup) {
            return Ok(None);
        }
        Ok(Some(Self {
            targets: val.targets.clone(),
            parts: vec![read_outs(job, trained, val)?],
            trained_on: 0,
        }))
    }

    /// Fits each read-out.
    ///
    /// # Errors
    /// As [`choose`].
    pub fn choose(self, setup: &Setup) -> Result<Choices> {
        let mut by_method: Vec<(&'static str, Vec<Box<dyn Candidates>>)> = Vec::new();
        for (method, outputs) in self.parts.into_iter().flatten() {
            let part: Box<dyn Candidates> = Box::new(Stored(outputs));
            match by_method.iter_mut().find(|(there, _)| *there == method) {
                Some((_, parts)) => parts.push(part),
                None => by_method.push((method, vec![part])),
            }
        }
        let how = setup.fitting.outputs;
        by_method
            .into_iter()
            .map(|(method, mut parts)| Ok((method, choose(how, &self.targets, &mut parts, Walk::ALL)?)))
            .collect()
    }
}

/// Outputs that are there already, of each setting.
struct Stored(Vec<Matrix>);

impl Candidates for Stored {
    fn outputs(&mut self, at: usize) -> Result<Option<Matrix>> {
        Ok(self.0.get(at).cloned())
    }
}

/// Settings of a read-out.
fn settings(method: &str) -> usize {
    if method == "aura_tuned" { STRENGTHS.len() } else { 1 }
}

fn tensor_name(method: &str, setting: usize) -> String {
    format!("{method}.{setting}")
}

/// Trains on the job's training split and reads out its test split; what an earlier call read out is taken from its file.
fn ask(job: &Job<'_>, tuned: Option<Tuned<'_>>) -> Result<(Asked, u64)> {
    let penalty = tuned.map(|tuned| tuned.penalty);
    let file = job.folder.join("read-outs.safetensors");
    let digest = format!("{} {penalty:?}", job.setup.digest(job.data, job.seed));
    if let Some(there) = load(&file, &digest, job, penalty)? {
        return Ok(there);
    }
    let ended = job.train()?;
    let trained = freeze(job, &ended, tuned)?.trained;
    let asked = read_outs(job, &trained, &job.data.test)?;
    let trained_on = (job.data.train.len() * ended.position.epoch) as u64;
    let tensors: Vec<_> = asked
        .iter()
        .flat_map(|(method, settings)| {
            let of = |(at, m): (usize, &Matrix)| {
                let tensor = matrix(m.data.clone(), m.rows, m.cols, &trained.device);
                (tensor_name(method, at), tensor)
            };
            settings.iter().enumerate().map(of).collect::<Vec<_>>()
        })
        .collect();
    let json = serde_json::to_string(&Header { digest, trained_on }).at("write", &file)?;
    atomic::write(&file, &encode(&tensors, json, &file)?)?;
    Ok((asked, trained_on))
}

fn load(file: &Path, digest: &str, job: &Job<'_>, penalty: Option<f64>) -> Result<Option<(Asked, u64)>> {
    let Some(loaded) = Loaded::left(file, job.progress)? else {
        return Ok(None);
    };
    let Some(header) = serde_json::from_str::<Header>(&loaded.json)
        .ok()
        .filter(|header| header.digest == digest)
    else {
        return Ok(None);
    };
    let (rows, cols) = (job.data.test.len(), job.data.test.targets.outputs());
    let tuned = penalty.map(|_| "aura_tuned");
    let mut asked = Vec::new();
    for method in ["aura", "aura_mixture"].into_iter().chain(tuned) {
        let of = |at| -> Result<Matrix> {
            let data = host(loaded.tensor(&tensor_name(method, at), [rows, cols], job.device)?)?;
            Ok(Matrix { rows, cols, data })
        };
        asked.push((method, (0..settings(method)).map(of).collect::<Result<_>>()?));
    }
    Ok(Some((asked, header.trained_on)))
}

/// The read-outs of a set as they come.
fn read_outs(job: &Job<'_>, trained: &Trained, set: &FeatureSet) -> Result<Asked> {
    let z = trained.project(set, job.interrupt)?;
    let of = |data| Matrix {
        rows: set.len(),
        cols: set.targets.outputs(),
        data,
    };
    let mut asked: Asked = trained
        .of_archetypes(&z, job.interrupt)?
        .into_iter()
        .map(|(method, data)| (method, vec![of(data)]))
        .collect();
    if let Some(departure) = &trained.departure {
        let tuned = trained.departures(departure, &STRENGTHS, set, &z, job.interrupt)?;
        asked.push(("aura_tuned", tuned.into_iter().map(of).collect()));
    }
    Ok(asked)
}
