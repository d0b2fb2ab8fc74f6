//! The same drawn problem on any device.

use burn::tensor::{Device, Tensor};

use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::model::adamw::AdamW;
use crate::model::aura::{Aura, Batch, LOSS_NAMES, Prior};
use crate::model::codebook::cosines;
use crate::model::config::{ModelConfig, Routing, Value};
use crate::model::kmeans;
use crate::model::loss::assign;
use crate::model::loss::config::LossConfig;
use crate::model::math::{Purpose, host, matrix, stream};
use crate::model::projector::{Masks, Sizes};
use crate::model::standardise::Standardiser;
use crate::sets::{Matrix, Rows, SplitSets};
use crate::task::Task;
use crate::train::checkpoint::{Position, State};
use crate::train::data;
use crate::train::synth::planted;

/// Sizes of the compared models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    /// Samples drawn.
    pub samples: usize,
    /// Values a feature vector (or token).
    pub dims: usize,
    /// Archetypes.
    pub k: usize,
    /// Width of the archetype space.
    pub width: usize,
    /// Hidden units of the projector.
    pub hidden: usize,
    /// Samples a batch.
    pub batch: usize,
    /// Training steps on the reference before the comparison, so that counts and moments are those of a run.
    pub warm: usize,
    /// Compared training steps.
    pub steps: usize,
}

impl Scale {
    /// The sizes of the paper's models.
    pub const FULL: Self = Self {
        samples: 4096,
        dims: 768,
        k: 150,
        width: 256,
        hidden: 512,
        batch: 256,
        warm: 30,
        steps: 20,
    };

    /// Small models: to see the suite itself run in seconds.
    pub const QUICK: Self = Self {
        samples: 600,
        dims: 48,
        k: 24,
        width: 32,
        hidden: 48,
        batch: 64,
        warm: 20,
        steps: 20,
    };
}

/// A model variant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) task: Task,
    pub(crate) routing: Routing,
    pub(crate) value: Value,
}

/// Data and settings of a case, the same for both sides.
pub(crate) struct Ground {
    case: Case,
    pub(crate) scale: Scale,
    model: ModelConfig,
    loss: LossConfig,
    sets: SplitSets,
    sizes: Sizes,
    standardiser: Standardiser,
}

impl Ground {
    pub(crate) fn new(case: Case, scale: Scale) -> Result<Self> {
        let sets = planted(case.task, scale.samples, 2, scale.dims, 5).sets;
        let mut model = ModelConfig {
            k_max: scale.k,
            width: scale.width,
            hidden: scale.hidden,
            routing: case.routing,
            value: case.value,
            ..ModelConfig::default()
        };
        // Half of the archetypes are under-used, whatever their usage.
        model.reset.value = 0.8;
        let level = model.level_for(case.task);
        let sizes = data::sizes(&sets, level)?;
        let (values, _) = data::features(&sets.train, level)?;
        Ok(Self {
            standardiser: Standardiser::fit(values, sizes.input, model.standardise, &Interrupt::default())?,
            loss: LossConfig::default(),
            case,
            scale,
            model,
            sizes,
            sets,
        })
    }

    fn values(&self) -> Result<&Rows> {
        Ok(data::features(&self.sets.train, self.model.level_for(self.case.task))?.0)
    }

    pub(crate) fn state(&self, device: &Device) -> State {
        let targets = &self.sets.train.targets;
        let mean = data::prior(targets);
        let weights = data::weights(targets, &mean, self.loss.balance_units);
        let o = self.sizes.outputs;
        let prior = Prior {
            mean: matrix(mean, 1, o, device),
            weights: matrix(weights, 1, o, device),
        };
        let mut rng = stream(11, Purpose::Parameters, 0, 0);
        let setup = (self.case.task, self.model.clone(), self.loss.clone());
        let model = Aura::create(setup, self.sizes, prior, &mut rng, device);
        State {
            sums: Tensor::zeros([1, LOSS_NAMES.len()], device),
            usage_before: model.buffers.usage.clone(),
            best: None,
            look: None,
            best_look: None,
            position: Position::default(),
            model,
        }
    }

    pub(crate) fn batch(&self, rows: &[usize], device: &Device) -> Result<Batch> {
        let targets = &self.sets.train.targets;
        data::batch(self.values()?, targets, &self.standardiser, rows, device)
    }

    pub(crate) fn masks(&self, vectors: usize, step: usize, device: &Device) -> Masks {
        let mut rng = stream(11, Purpose::Dropout, 1, step);
        let (input, hidden) = (self.sizes.input, self.model.hidden);
        Masks::draw(&mut rng, vectors, input, hidden, self.model.dropout, device)
    }

    /// A state on the reference device as a run has it: archetypes among the data, counts and moments of some steps.
    pub(crate) fn warmed(&self, device: &Device, interrupt: &Interrupt) -> Result<State> {
        let mut state = self.state(device);
        let all: Vec<usize> = (0..self.scale.samples).collect();
        let z = host(state.model.project(self.batch(&all, device)?.x)?)?;
        let z = Matrix {
            rows: all.len(),
            cols: self.model.width,
            data: z,
        };
        let mut rng = stream(11, Purpose::Dictionary, 0, 0);
        let centres = kmeans::spherical(&z, self.scale.k, &mut rng, device)?;
        state
            .model
            .set_dictionary(matrix(centres, self.scale.k, self.model.width, device));
        state.model.learn_values_from_counts();
        for step in 0..self.scale.warm {
            interrupt.check()?;
            let rows: Vec<usize> = (0..self.scale.batch)
                .map(|i| (step * self.scale.batch + i) % self.scale.samples)
                .collect();
            self.step(&mut state.model, &rows, step, device)?;
        }
        Ok(state)
    }

    /// One training step; the losses stay on the device.
    fn step(&self, model: &mut Aura, rows: &[usize], step: usize, device: &Device) -> Result<Tensor<2>> {
        let batch = self.batch(rows, device)?;
        let masks = self.masks(batch.x.dims()[0], step, device);
        model.step(&batch, &masks, true, |_| adam())
    }

    /// Samples by how clear their choices are, clearest first: the smallest gap, in cosines, between chosen and next best
    /// among all archetypes, at the end of the k nearest, and in the training assignment.
    pub(crate) fn clearest(&self, model: &Aura, device: &Device) -> Result<Vec<usize>> {
        let all: Vec<usize> = (0..self.scale.samples).collect();
        let batch = self.batch(&all, device)?;
        let z = model.project(batch.x.clone())?;
        let cosine = cosines(z, model.dictionary()?, &model.buffers.alive);
        let config = &self.model;
        let likelihood = assign::log_likelihood(self.case.task, model.value()?, &batch.target, config.assignment_sigma);
        let mut scores = assign::target_scores(cosine.clone(), config.temperature, config.assignment_gamma, likelihood);
        if config.assignment_balance > 0.0 {
            let crowding = assign::crowding(&model.buffers.size, 1.0 - config.decay);
            scores = scores - crowding * config.assignment_balance;
        }
        let (cosine, scores) = (host(cosine)?, host(scores * config.temperature)?);
        let k = self.scale.k;
        let top = config.contextualization.top_k;
        let gap = |row: &[f32], place: usize| {
            let mut sorted = row.to_vec();
            sorted.sort_by(|a, b| b.total_cmp(a));
            sorted[place - 1] - sorted[place]
        };
        let mut clear: Vec<(f32, usize)> = all
            .into_iter()
            .map(|row| {
                let (near, score) = (&cosine[row * k..][..k], &scores[row * k..][..k]);
                (gap(near, 1).min(gap(near, top)).min(gap(score, 1)), row)
            })
            .collect();
        clear.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        Ok(clear.into_iter().map(|(_, row)| row).collect())
    }
}

pub(crate) fn adam() -> AdamW {
    AdamW {
        lr: 1e-3,
        beta1: 0.9,
        beta2: 0.999,
        eps: 1e-8,
        weight_decay: 1e-2,
    }
}
