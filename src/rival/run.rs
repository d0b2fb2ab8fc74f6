//! Fits every rival under the protocol of AURA.

use std::collections::BTreeMap;
use std::time::Instant;

use burn::tensor::Device;

use crate::error::{Error, Result};
use crate::fitting::choose::{Candidates, Choice, choose};
use crate::fitting::config::{FittingConfig, Outputs};
use crate::fitting::folds;
use crate::interrupt::Interrupt;
use crate::metric::evaluate;
use crate::progress::Progress;
use crate::sets::{FeatureSet, Matrix, SplitSets};
use crate::task::{Split, Targets, Task};

use super::config::RivalConfig;
use super::fit::{Fitted, Rival, Training};
use super::input::{Features, Input, Scale};
use super::method::Method;
use super::outcome::RivalOutcome;

/// The rivals of one training split, seed after seed.
pub struct Rivals<'a> {
    /// The splits.
    pub data: &'a SplitSets,
    /// `[baselines]`.
    pub config: &'a RivalConfig,
    /// `[fitting]`.
    pub fitting: &'a FittingConfig,
    /// Where tensors live.
    pub device: &'a Device,
    /// Shows which method is at work.
    pub progress: Progress,
    /// Asked in every loop.
    pub interrupt: &'a Interrupt,
    /// Outcomes of methods to which the seed does not matter.
    same: BTreeMap<Method, RivalOutcome>,
}

/// One held-out part, brought to scale by what is kept.
struct Piece {
    kept: Features,
    targets: Targets,
    held: Features,
}

/// What all methods on one input share.
struct Inputs {
    train: Features,
    val: Option<Features>,
    test: Features,
    pieces: Vec<Piece>,
    /// Targets of all held-out samples, piece behind piece.
    held: Targets,
}

impl<'a> Rivals<'a> {
    /// Rivals of these splits, nothing fitted yet.
    pub fn new(
        data: &'a SplitSets,
        config: &'a RivalConfig,
        fitting: &'a FittingConfig,
        device: &'a Device,
        progress: Progress,
        interrupt: &'a Interrupt,
    ) -> Self {
        Self {
            data,
            config,
            fitting,
            device,
            progress,
            interrupt,
            same: BTreeMap::new(),
        }
    }

    /// Fits every rival of the configuration on the training split and applies it to the others.
    ///
    /// The training split itself is not reported: nearest neighbours would find each sample's own label. Same data, settings
    /// and seed give the same numbers on the CPU, with any number of threads.
    ///
    /// # Errors
    /// [`Error::Data`] if a split is empty, features do not fit together, are not finite or lack the tokens that a method
    /// reads; [`Error::Interrupted`] on Ctrl-C.
    pub fn of_seed(&mut self, seed: u64) -> Result<Vec<RivalOutcome>> {
        if !self.config.enabled {
            return Ok(Vec::new());
        }
        let task = self.data.train.targets.task;
        let methods = self.config.methods_for(task, self.data.train.tokens.is_some());
        if let Some(method) = methods.iter().find(|method| !method.kind.serves(task)) {
            return Err(Error::data(format!(
                "`{}` does not predict {}; take it out of `baselines.methods`",
                method.name(),
                task.name()
            )));
        }
        let bar = self.progress.bar("rivals", methods.len() as u64, "methods");
        // Methods in order, inputs grouped: each input is standardised once and freed before the next.
        let mut outcomes: Vec<Option<RivalOutcome>> = methods.iter().map(|m| self.same.get(m).cloned()).collect();
        bar.inc(outcomes.iter().flatten().count() as u64);
        for input in Input::ALL {
            let missing =
                |(method, slot): &(&Method, &mut Option<RivalOutcome>)| method.input == input && slot.is_none();
            if !methods.iter().zip(&mut outcomes).any(|pair| missing(&pair)) {
                continue;
            }
            let inputs = self.inputs(input, &methods)?;
            for (method, slot) in methods.iter().zip(&mut outcomes).filter(missing) {
                bar.message(method.name());
                let outcome = self.fit(*method, &inputs, seed)?;
                if !self.config.rival(method.kind).seeded() {
                    self.same.insert(*method, outcome.clone());
                }
                *slot = Some(outcome);
                bar.inc(1);
            }
        }
        Ok(outcomes.into_iter().flatten().collect())
    }

    /// Reads one input of all splits, and of what is held out where a method on it has something to choose or to fit.
    fn inputs(&self, input: Input, methods: &[Method]) -> Result<Inputs> {
        let data = self.data;
        let raw = input.read(&data.train)?;
        let scale = Scale::fit(self.config.standardise, &raw)?;
        let of = |set: &FeatureSet| scale.apply(&*input.read(set)?, &set.sample_ids, self.device);
        let train = scale.apply(&raw, &data.train.sample_ids, self.device)?;
        let val = data.val.as_ref().filter(|set| !set.is_empty());
        let val = val.map(|set| of(set).map(|x| (x, &set.targets))).transpose()?;
        let test = of(&data.test)?;
        let here = methods.iter().filter(|method| method.input == input);
        let chooses = self.fits(data.train.targets.task)
            || here
                .into_iter()
                .any(|method| self.config.rival(method.kind).settings() > 1);
        let (pieces, held) = match &val {
            _ if !chooses => (Vec::new(), data.train.targets.select(&[])),
            Some((x, targets)) => {
                let piece = Piece {
                    kept: train.clone(),
                    targets: data.train.targets.clone(),
                    held: x.clone(),
                };
                (vec![piece], (*targets).clone())
            }
            None => self.pieces(&raw)?,
        };
        Ok(Inputs {
            train,
            val: val.map(|(x, _)| x),
            test,
            pieces,
            held,
        })
    }

    /// The held-out parts of the training split, and the targets of all that is held out.
    fn pieces(&self, raw: &Matrix) -> Result<(Vec<Piece>, Targets)> {
        let train = &self.data.train;
        let groups = evaluate::groups(Some(&train.subjects), train.len())?;
        let parts = folds::parts(&train.targets, groups.as_deref(), self.fitting);
        let mut pieces = Vec::new();
        for part in &parts {
            let scale = Scale::fit(self.config.standardise, &raw.select(&part.kept))?;
            let of = |rows: &[usize]| scale.apply(&raw.select(rows), &[], self.device);
            pieces.push(Piece {
                kept: of(&part.kept)?,
                targets: train.targets.select(&part.kept),
                held: of(&part.held)?,
            });
        }
        let rows: Vec<usize> = parts.into_iter().flat_map(|part| part.held).collect();
        Ok((pieces, train.targets.select(&rows)))
    }

    /// Whether outputs of this task are fitted.
    fn fits(&self, task: Task) -> bool {
        self.fitting.outputs == Outputs::Task && task != Task::Expression
    }

    fn fit(&self, method: Method, inputs: &Inputs, seed: u64) -> Result<RivalOutcome> {
        let started = Instant::now();
        let rival = self.config.rival(method.kind);
        let training = Training {
            x: &inputs.train,
            targets: &self.data.train.targets,
            seed,
            interrupt: self.interrupt,
        };
        let choice = self.choice(&*rival, inputs, &training)?;
        let fitted = rival.fit(&training, choice.at)?;
        let name = method.name();
        let mut outcome = RivalOutcome {
            predictions: Vec::new(),
            metrics: choice.rows(&name, training.targets),
            note: fitted.note(),
            seconds: 0.0,
            method: name,
        };
        let predict = |x: &Features| {
            let mut outputs: Matrix = Fitted::predict(&*fitted, x)?;
            choice.fit.apply(&mut outputs.data);
            Ok::<_, Error>(outputs)
        };
        if let (Some(x), Some(set)) = (&inputs.val, &self.data.val) {
            outcome.add(Split::Val, set, &predict(x)?)?;
        }
        outcome.add(Split::Test, &self.data.test, &predict(&inputs.test)?)?;
        outcome.seconds = started.elapsed().as_secs_f64();
        Ok(outcome)
    }

    /// The rival's setting and the map of its outputs, from samples that the models asked about them have not seen.
    fn choice(&self, rival: &dyn Rival, inputs: &Inputs, training: &Training<'_>) -> Result<Choice> {
        // Nothing to choose and nothing to fit, or too few samples to hold one out.
        if inputs.pieces.is_empty() || (rival.settings() == 1 && !self.fits(training.targets.task)) {
            return Ok(Choice::none());
        }
        let mut parts: Vec<Box<dyn Candidates + '_>> = Vec::new();
        for piece in &inputs.pieces {
            let part = Training {
                x: &piece.kept,
                targets: &piece.targets,
                ..*training
            };
            parts.push(rival.candidates(part, &piece.held)?);
        }
        choose(self.fitting.outputs, &inputs.held, &mut parts, rival.patience())
    }
}
