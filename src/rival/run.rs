//! Fits every rival under the protocol of AURA.

use std::cell::RefCell;
use std::collections::BTreeMap;

use burn::tensor::Device;

use crate::error::{Error, Result};
use crate::fitting::choose::Choice;
use crate::fitting::config::{FittingConfig, Outputs};
use crate::fitting::folds;
use crate::interrupt::Interrupt;
use crate::meter::{Meter, Spent};
use crate::metric::evaluate;
use crate::model::config::Standardise;
use crate::progress::{Bar, Progress};
use crate::sets::{FeatureSet, Matrix, Rows, SplitSets};
use crate::task::{Split, Task};

use super::config::RivalConfig;
use super::fit::{Fitted, Training};
use super::input::{Features, HELD, Input, Reading, Scale};
use super::method::Method;
use super::outcome::RivalOutcome;
use super::pieces::{Piece, Pieces};

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
    /// What was chosen on held-out parts, once for all seeds.
    plans: BTreeMap<Method, Plan>,
    /// What each method took so far.
    spent: RefCell<BTreeMap<String, Spent>>,
    warnings: RefCell<Vec<String>>,
}

/// What all splits have, for all methods on one input.
struct Splits<T> {
    train: T,
    val: Option<T>,
    test: T,
    /// Of other databases.
    others: Vec<T>,
}

/// What a method is fitted with.
#[derive(Clone)]
struct Plan {
    how: Standardise,
    choice: Choice,
    /// Samples that the setting was chosen on, where these are not all.
    chosen_on: Option<usize>,
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
            plans: BTreeMap::new(),
            spent: RefCell::default(),
            warnings: RefCell::default(),
        }
    }

    /// What each method took to choose, fit and ask since this was last asked.
    pub fn take_spent(&self) -> BTreeMap<String, Spent> {
        self.spent.take()
    }

    /// What was not done as the recipe says, and why.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.borrow().clone()
    }

    /// Runs a part of a method's work and adds its cost up.
    fn metered<T>(&self, method: Method, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let meter = Meter::within();
        let result = work()?;
        *self.spent.borrow_mut().entry(method.name()).or_default() += meter.spent();
        Ok(result)
    }

    /// Names of the rivals that these splits get.
    ///
    /// # Errors
    /// If the features cannot be read.
    #[cfg(feature = "inside")]
    pub fn names(&self) -> Result<Vec<String>> {
        Ok(self.methods()?.into_iter().map(Method::name).collect())
    }

    fn methods(&self) -> Result<Vec<Method>> {
        let train = &self.data.train;
        Ok(self.config.methods_for(train.targets.task, &Input::of_patches(train)?))
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
        let methods = self.methods()?;
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
            let here: Vec<Method> = methods
                .iter()
                .zip(&mut outcomes)
                .filter(missing)
                .map(|(method, _)| *method)
                .collect();
            let raw = self.read(input)?;
            let plans = self.plans(&raw, &here, seed, &bar)?;
            let mut found = self.fit_all(&raw, &here, &plans, seed, &bar)?;
            for (method, slot) in methods.iter().zip(&mut outcomes) {
                if let Some(outcome) = found.remove(method) {
                    if !self.config.rival(method.kind).seeded() {
                        self.same.insert(*method, outcome.clone());
                    }
                    *slot = Some(outcome);
                }
            }
        }
        Ok(outcomes.into_iter().flatten().collect())
    }

    /// Plans of all methods. Where parts of the training split are held out, they are made once for all seeds; a validation split
    /// is asked about by the models of every seed, AURA's among them.
    fn plans(
        &mut self,
        raw: &Splits<Rows>,
        methods: &[Method],
        seed: u64,
        bar: &Bar,
    ) -> Result<BTreeMap<Method, Plan>> {
        if self.validation().is_some() {
            return self.planned(raw, methods, seed, bar);
        }
        let missing: Vec<Method> = methods
            .iter()
            .copied()
            .filter(|method| !self.plans.contains_key(method))
            .collect();
        if !missing.is_empty() {
            let planned = self.planned(raw, &missing, folds::SEED, bar)?;
            self.plans.extend(planned);
        }
        let plan = |method: &Method| self.plans.get(method).map(|plan| (*method, plan.clone()));
        Ok(methods.iter().filter_map(plan).collect())
    }

    /// Chooses scale and setting of every method, and the map of its outputs: one scale after the other, so that only one is in
    /// memory.
    fn planned(&self, raw: &Splits<Rows>, methods: &[Method], seed: u64, bar: &Bar) -> Result<BTreeMap<Method, Plan>> {
        let fits = self.fits(self.data.train.targets.task);
        let scales = self.config.scales();
        let mut plans: BTreeMap<Method, Plan> = BTreeMap::new();
        let chooses = |method: &Method| fits || scales.len() * self.config.rival(method.kind).settings() > 1;
        for &how in scales {
            let wanted = methods.iter().any(chooses);
            let pieces = if wanted { self.held_out(raw, how, bar)? } else { None };
            if wanted && pieces.is_none() {
                // Nor can another scale be preferred.
                self.warnings.borrow_mut().push(
                    "rivals take the first of their settings, and their outputs are not fitted: no training sample can be held \
                     out to choose by (expected two samples or more, of two people where people are named)"
                        .to_owned(),
                );
                return Ok(methods
                    .iter()
                    .map(|method| {
                        let plan = Plan {
                            how,
                            choice: Choice::none(),
                            chosen_on: None,
                        };
                        (*method, plan)
                    })
                    .collect());
            }
            for method in methods {
                bar.message(method.name());
                let (choice, chosen_on) = match &pieces {
                    Some(pieces) if chooses(method) => self.metered(*method, || self.choose(*method, pieces, seed))?,
                    // Nothing to choose and nothing to fit.
                    _ => (Choice::none(), None),
                };
                let better = |plan: &Plan| choice.score > plan.choice.score;
                if plans.get(method).is_none_or(better) {
                    let plan = Plan { how, choice, chosen_on };
                    plans.insert(*method, plan);
                }
            }
        }
        self.fitted_to_all(raw, plans, seed, bar)
    }

    /// A setting that was chosen on some of the samples, or between models found roughly, is fitted to all that are kept, and the map
    /// of its outputs is that of this model: outputs of the others lie elsewhere. Where outputs are not mapped, nothing would come of
    /// it.
    fn fitted_to_all(
        &self,
        raw: &Splits<Rows>,
        mut plans: BTreeMap<Method, Plan>,
        seed: u64,
        bar: &Bar,
    ) -> Result<BTreeMap<Method, Plan>> {
        if !self.fits(self.data.train.targets.task) {
            return Ok(plans);
        }
        for &how in self.config.scales() {
            let otherwise = |(method, plan): &(&Method, &mut Plan)| {
                let rival = self.config.rival(method.kind);
                let on_some = plan.chosen_on.is_some() && !rival.needs_all();
                plan.how == how && (on_some || rival.rough(self.data.train.len()))
            };
            let mut wanted = plans.iter_mut().filter(otherwise).peekable();
            if wanted.peek().is_none() {
                continue;
            }
            let Some(pieces) = self.held_out(raw, how, bar)? else {
                continue;
            };
            for (method, plan) in wanted {
                bar.message(method.name());
                let rival = self.config.rival(method.kind);
                plan.choice = self.metered(*method, || {
                    pieces.fit(&*rival, plan.choice.at, self.fitting.outputs, seed, self.interrupt)
                })?;
            }
        }
        Ok(plans)
    }

    /// Fits every method on the whole training split as it was chosen.
    fn fit_all(
        &self,
        raw: &Splits<Rows>,
        methods: &[Method],
        plans: &BTreeMap<Method, Plan>,
        seed: u64,
        bar: &Bar,
    ) -> Result<BTreeMap<Method, RivalOutcome>> {
        let mut outcomes = BTreeMap::new();
        for &how in self.config.scales() {
            let chosen = |method: &&Method| plans.get(method).is_some_and(|plan| plan.how == how);
            if !methods.iter().any(|method| chosen(&method)) {
                continue;
            }
            let scaled = self.scaled(raw, how, bar)?;
            for method in methods.iter().filter(chosen) {
                bar.message(method.name());
                if let Some(plan) = plans.get(method) {
                    let outcome = self.metered(*method, || self.fit(*method, &scaled, plan, seed))?;
                    outcomes.insert(*method, outcome);
                }
                bar.inc(1);
            }
        }
        Ok(outcomes)
    }

    /// One input of all splits, as it is stored.
    fn read(&self, input: Input) -> Result<Splits<Rows>> {
        let of = |set: &FeatureSet| input.read(set, self.interrupt);
        Ok(Splits {
            train: of(&self.data.train)?,
            val: self.validation().map(of).transpose()?,
            test: of(&self.data.test)?,
            others: self
                .data
                .others
                .iter()
                .map(|other| of(&other.set))
                .collect::<Result<_>>()?,
        })
    }

    /// The same at one scale.
    fn scaled(&self, raw: &Splits<Rows>, how: Standardise, bar: &Bar) -> Result<Splits<Features>> {
        let scale = Scale::fit(how, &raw.train, self.interrupt)?;
        let of = |rows: &Rows, set: &FeatureSet| scale.apply(rows, &set.sample_ids, self.reading(HELD, bar));
        let val = raw.val.as_ref().zip(self.validation());
        Ok(Splits {
            train: of(&raw.train, &self.data.train)?,
            val: val.map(|(rows, set)| of(rows, set)).transpose()?,
            test: of(&raw.test, &self.data.test)?,
            // However many there are, none of them is held.
            others: raw
                .others
                .iter()
                .zip(&self.data.others)
                .map(|(rows, other)| scale.apply(rows, &other.set.sample_ids, self.reading(0, bar)))
                .collect::<Result<_>>()?,
        })
    }

    fn validation(&self) -> Option<&FeatureSet> {
        self.data.val.as_ref().filter(|set| !set.is_empty())
    }

    fn reading(&self, most: usize, bar: &Bar) -> Reading {
        Reading {
            device: self.device.clone(),
            most,
            interrupt: self.interrupt.clone(),
            bar: bar.clone(),
        }
    }

    /// The validation split, or where there is none the held-out parts of the training split.
    fn held_out(&self, raw: &Splits<Rows>, how: Standardise, bar: &Bar) -> Result<Option<Pieces>> {
        let train = &self.data.train;
        if let (Some(rows), Some(val)) = (&raw.val, self.validation()) {
            let scale = Scale::fit(how, &raw.train, self.interrupt)?;
            let of = |rows: &Rows, set: &FeatureSet| scale.apply(rows, &set.sample_ids, self.reading(HELD, bar));
            let piece = Piece {
                kept: of(&raw.train, train)?,
                targets: train.targets.clone(),
                held: of(rows, val)?,
            };
            return Ok(Some(Pieces {
                pieces: vec![piece],
                held: val.targets.clone(),
            }));
        }
        let groups = evaluate::groups(Some(&train.subjects), train.len())?;
        let parts = folds::parts(&train.targets, groups.as_deref(), self.fitting);
        if parts.is_empty() {
            return Ok(None);
        }
        // All parts are asked side by side, and share what may be held.
        let share = HELD / parts.len();
        let mut pieces = Vec::new();
        for part in &parts {
            let kept = raw.train.select(&part.kept);
            let scale = Scale::fit(how, &kept, self.interrupt)?;
            let of = |rows: &Rows| scale.apply(rows, &[], self.reading(share, bar));
            pieces.push(Piece {
                kept: of(&kept)?,
                targets: train.targets.select(&part.kept),
                held: of(&raw.train.select(&part.held))?,
            });
        }
        let rows: Vec<usize> = parts.into_iter().flat_map(|part| part.held).collect();
        Ok(Some(Pieces {
            pieces,
            held: train.targets.select(&rows),
        }))
    }

    /// Whether outputs of this task are fitted.
    fn fits(&self, task: Task) -> bool {
        self.fitting.outputs == Outputs::Task && task != Task::Expression
    }

    fn fit(&self, method: Method, scaled: &Splits<Features>, plan: &Plan, seed: u64) -> Result<RivalOutcome> {
        let rival = self.config.rival(method.kind);
        let training = Training {
            x: &scaled.train,
            targets: &self.data.train.targets,
            seed,
            interrupt: self.interrupt,
        };
        let Plan { how, choice, chosen_on } = plan;
        let fitted = rival.fit(&training, choice.at)?;
        let name = method.name();
        let mut outcome = RivalOutcome {
            predictions: Vec::new(),
            metrics: choice.rows(&name, training.targets),
            method: name,
        };
        outcome.fitted_with(&fitted.settings());
        if let Some(samples) = chosen_on {
            outcome.fitted_with(&[("choose_on", *samples as f64)]);
        }
        match how {
            Standardise::Dimension => outcome.fitted_with(&[("one_scale", 0.0)]),
            Standardise::Global => outcome.fitted_with(&[("one_scale", 1.0)]),
            Standardise::None => {}
        }
        let predict = |x: &Features| {
            let mut outputs: Matrix = Fitted::predict(&*fitted, x)?;
            choice.fit.apply(&mut outputs.data);
            Ok::<_, Error>(outputs)
        };
        if let (Some(x), Some(set)) = (&scaled.val, &self.data.val) {
            outcome.add(Split::Val, set, &predict(x)?, self.interrupt)?;
        }
        outcome.add(Split::Test, &self.data.test, &predict(&scaled.test)?, self.interrupt)?;
        for (x, other) in scaled.others.iter().zip(&self.data.others) {
            outcome.add_other(other, &predict(x)?, self.interrupt)?;
        }
        Ok(outcome)
    }

    /// The rival's setting at one scale and the map of its outputs, and the samples that it was chosen on if these are not all.
    fn choose(&self, method: Method, pieces: &Pieces, seed: u64) -> Result<(Choice, Option<usize>)> {
        let rival = self.config.rival(method.kind);
        let how = self.fitting.outputs;
        // Where there is nothing to choose, fewer samples would only be fitted beside all of them.
        let settings = rival.settings() * self.config.scales().len();
        let most = if settings > 1 || rival.needs_all() {
            rival.choose_on(pieces.width())
        } else {
            usize::MAX
        };
        match pieces.thinned(most, rival.needs_all())? {
            Some(fewer) => Ok((fewer.choose(&*rival, how, seed, self.interrupt)?, Some(most))),
            None => Ok((pieces.choose(&*rival, how, seed, self.interrupt)?, None)),
        }
    }
}
