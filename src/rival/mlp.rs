//! A neural probe: one hidden layer, ReLU, dropout, AdamW, stopped where held-out samples say.
//!
//! Two matrix products need no automatic differentiation; the derivatives are written out, so that random numbers come from one
//! seeded stream and equal seeds give equal bytes on the CPU.

use burn::tensor::{Device, Tensor};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::fitting::choose::Candidates;
use crate::model::adamw::AdamW;
use crate::model::moments::{Moments, taken};
use crate::sets::Matrix;

use super::fit::{Fitted, Rival, Settings, Training};
use super::input::{Features, tensor, values};
use super::objective::{self, Loss, known_counts};

/// Neural probe with one hidden layer (`mlp`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MlpConfig {
    /// Hidden units.
    pub hidden: usize,
    /// Share of hidden units that are dropped while training.
    pub dropout: f64,
    /// Epochs at most.
    pub epochs: usize,
    /// Epochs without a better result on held-out samples after which no more are tried.
    pub patience: usize,
    /// Samples a step.
    pub batch: usize,
    /// Learning rate of AdamW.
    pub learning_rate: f64,
    /// Decoupled weight decay of AdamW, on the two weight matrices.
    pub weight_decay: f64,
}

impl Default for MlpConfig {
    fn default() -> Self {
        Self {
            hidden: 256,
            dropout: 0.2,
            epochs: 100,
            patience: 10,
            batch: 128,
            learning_rate: 1e-3,
            weight_decay: 0.01,
        }
    }
}

impl MlpConfig {
    pub(crate) fn validate(&self) -> std::result::Result<(), (String, String)> {
        let positive = |key: &str, value: usize| {
            if value == 0 {
                Err((format!("mlp.{key}"), "expected at least 1".to_owned()))
            } else {
                Ok(())
            }
        };
        positive("hidden", self.hidden)?;
        positive("epochs", self.epochs)?;
        positive("patience", self.patience)?;
        positive("batch", self.batch)?;
        if !(0.0..1.0).contains(&self.dropout) {
            return Err((
                "mlp.dropout".to_owned(),
                "expected a share from 0 to below 1".to_owned(),
            ));
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return Err(("mlp.learning_rate".to_owned(), "expected a number above 0".to_owned()));
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return Err(("mlp.weight_decay".to_owned(), "expected 0 or more".to_owned()));
        }
        Ok(())
    }
}

/// Weights D × H, biases 1 × H, weights H × O, biases 1 × O.
#[derive(Debug, Clone)]
struct Network {
    parts: [Tensor<2>; 4],
    loss: Loss,
    outputs: usize,
    epochs: usize,
}

impl Network {
    /// He's initialisation (uniform, variance 2 / fan-in) of the first layer, Glorot-like of the second.
    fn new(width: usize, hidden: usize, outputs: usize, loss: Loss, rng: &mut ChaCha8Rng, device: &Device) -> Self {
        let mut uniform = |rows: usize, cols: usize, bound: f64| {
            let data = (0..rows * cols)
                .map(|_| rng.random_range(-bound..bound) as f32)
                .collect();
            tensor(data, rows, cols, device)
        };
        let parts = [
            uniform(width, hidden, (6.0 / width as f64).sqrt()),
            tensor(vec![0.0; hidden], 1, hidden, device),
            uniform(hidden, outputs, (3.0 / hidden as f64).sqrt()),
            tensor(vec![0.0; outputs], 1, outputs, device),
        ];
        Self {
            parts,
            loss,
            outputs,
            epochs: 0,
        }
    }

    fn hidden(&self, x: Tensor<2>) -> Tensor<2> {
        (x.matmul(self.parts[0].clone()) + self.parts[1].clone()).clamp_min(0.0)
    }

    fn raw(&self, hidden: Tensor<2>) -> Tensor<2> {
        hidden.matmul(self.parts[2].clone()) + self.parts[3].clone()
    }
}

impl Fitted for Network {
    fn predict(&self, x: &Features) -> Result<Matrix> {
        let mut data = Vec::with_capacity(x.rows * self.outputs);
        for range in x.chunks() {
            data.extend(values(self.raw(self.hidden(x.slice(range)?)))?);
        }
        for row in data.chunks_exact_mut(self.outputs.max(1)) {
            self.loss.respond(row);
        }
        Ok(Matrix {
            rows: x.rows,
            cols: self.outputs,
            data,
        })
    }

    fn settings(&self) -> Settings {
        vec![("epochs", self.epochs as f64)]
    }
}

/// A network on its way.
struct Course<'a> {
    config: &'a MlpConfig,
    training: Training<'a>,
    network: Network,
    moments: [Moments; 4],
    rng: ChaCha8Rng,
    order: Vec<usize>,
}

impl<'a> Course<'a> {
    fn start(config: &'a MlpConfig, training: Training<'a>) -> Self {
        let (x, targets) = (training.x, training.targets);
        let loss = Loss::neural(targets.task);
        let mut rng = ChaCha8Rng::seed_from_u64(training.seed);
        let network = Network::new(x.cols, config.hidden, targets.outputs(), loss, &mut rng, &x.device());
        Self {
            config,
            training,
            moments: network.parts.each_ref().map(Moments::of),
            network,
            rng,
            order: (0..targets.len()).collect(),
        }
    }

    /// One pass over the training samples.
    fn epoch(&mut self) -> Result<()> {
        let Training { x, targets, .. } = self.training;
        let (o, hidden_units, device) = (targets.outputs(), self.config.hidden, x.device());
        let keep = 1.0 - self.config.dropout;
        let adam = AdamW {
            lr: self.config.learning_rate,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: self.config.weight_decay,
        };
        self.order.shuffle(&mut self.rng);
        for batch in self.order.chunks(self.config.batch) {
            self.training.interrupt.check()?;
            let network = &mut self.network;
            let input = x.select(batch)?.slice(0..batch.len())?;
            let full = network.hidden(input.clone());
            let mask = (0..batch.len() * hidden_units)
                .map(|_| {
                    if self.rng.random_range(0.0..1.0) < keep {
                        (1.0 / keep) as f32
                    } else {
                        0.0
                    }
                })
                .collect();
            // One factor carries dropout and ReLU's derivative.
            let mask = tensor(mask, batch.len(), hidden_units, &device);
            let hidden = full * mask.clone();
            let raw: Vec<f64> = values(network.raw(hidden.clone()))?
                .iter()
                .map(|&v| f64::from(v))
                .collect();
            let counts = known_counts(targets, batch.iter().copied());
            let mut slope = vec![0.0_f32; batch.len() * o];
            objective::evaluate(network.loss, targets, batch, &raw, &counts, &mut slope);
            let slope = tensor(slope, batch.len(), o, &device);
            let back = slope.clone().matmul(network.parts[2].clone().transpose())
                * mask
                * hidden.clone().greater_elem(0.0).float();
            let gradients = [
                input.transpose().matmul(back.clone()),
                back.sum_dim(0),
                hidden.transpose().matmul(slope.clone()),
                slope.sum_dim(0),
            ];
            let moving = network.parts.iter_mut().zip(&mut self.moments).zip(gradients);
            for (at, ((part, moments), gradient)) in moving.enumerate() {
                // Weights decay, biases do not.
                *part = moments.step(taken(part), gradient, at % 2 == 0, &adam)?;
            }
        }
        self.network.epochs += 1;
        Ok(())
    }
}

/// The settings are the numbers of epochs: each goes on where the one before ended.
struct Epochs<'a> {
    course: Course<'a>,
    held: &'a Features,
}

impl Candidates for Epochs<'_> {
    fn outputs(&mut self, at: usize) -> Result<Option<Matrix>> {
        if at >= self.course.config.epochs {
            return Ok(None);
        }
        self.course.epoch()?;
        self.course.network.predict(self.held).map(Some)
    }
}

impl Rival for MlpConfig {
    fn settings(&self) -> usize {
        self.epochs
    }

    fn patience(&self) -> usize {
        self.patience
    }

    fn seeded(&self) -> bool {
        true
    }

    fn candidates<'a>(&'a self, training: Training<'a>, held: &'a Features) -> Result<Box<dyn Candidates + 'a>> {
        Ok(Box::new(Epochs {
            course: Course::start(self, training),
            held,
        }))
    }

    fn fit(&self, training: &Training<'_>, at: usize) -> Result<Box<dyn Fitted>> {
        let mut course = Course::start(self, *training);
        for _ in 0..=at {
            course.epoch()?;
        }
        Ok(Box::new(course.network))
    }
}
