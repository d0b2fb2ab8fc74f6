//! The rival that trains the encoder itself, epoch by epoch.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::disk::atomic;
use crate::encoder::Trainable;
use crate::encoder::config::EncoderConfig;
use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;
use crate::metric::evaluate;
use crate::model::adamw::AdamW;
use crate::model::loss::task::{Target, TaskLoss};
use crate::model::math::{Purpose, host, matrix, normal, permutation, stream};
use crate::model::params::{Leaves, Parameter, Store};
use crate::progress::Progress;
use crate::record::MetricRow;
use crate::rival::outcome::RivalOutcome;
use crate::sets::{FeatureSet, Matrix, SplitSets};
use crate::task::{Split, Task};
use crate::train::Selection;
use crate::train::checkpoint::{Loaded, encode, moments_of, put_moments_back};
use crate::train::data::{prior, weights};

use super::config::FinetuneConfig;
use super::images::{Images, View};

/// The name of the method in every table.
pub const METHOD: &str = "finetune";

pub(crate) const HEAD: &str = "head.weight";

pub(crate) const HEAD_BIAS: &str = "head.bias";

/// Deviation of the head's first weights: small, so that the first gradients do not tear the encoder.
pub(crate) const HEAD_DEVIATION: f32 = 0.01;

/// What fine-tuning needs.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// Settings.
    pub config: &'a FinetuneConfig,
    /// The encoder to start from.
    pub encoder: &'a EncoderConfig,
    /// Samples and targets of the splits; their features are not read.
    pub sets: &'a SplitSets,
    /// Their images.
    pub images: &'a Images,
    /// The images of each of the other databases of `sets`.
    pub other_images: &'a [Images],
    /// Which epoch is reported.
    pub selection: Selection,
    /// Seed of everything random.
    pub seed: u64,
    /// Where tensors live.
    pub device: &'a Device,
    /// Folder in which a checkpoint may be kept.
    pub folder: &'a Path,
    /// Where progress is shown.
    pub progress: Progress,
    /// Asked before every batch.
    pub interrupt: &'a Interrupt,
}

/// Where a run stands, apart from its tensors.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Position {
    digest: String,
    /// Epochs done.
    epoch: usize,
    /// Bits of the mean loss of each epoch.
    losses: Vec<u64>,
    /// The selected epoch so far, and the bits of its metric.
    best: Option<(usize, u64)>,
}

/// Parameters in training, and those of the selected epoch.
pub(crate) struct State {
    store: Store,
    best: Option<Leaves>,
    position: Position,
}

impl Job<'_> {
    /// Trains the encoder and applies it to the validation and test splits.
    ///
    /// # Errors
    /// As [`Trainable::load`]; [`Error::Data`] if an image can no longer be read or the loss is not a number;
    /// [`Error::Interrupted`], [`Error::Device`].
    pub fn run(&self) -> Result<RivalOutcome> {
        let model = Trainable::load(self.encoder, self.device, self.progress, self.interrupt)?;
        let targets = &self.sets.train.targets;
        let frequencies = prior(targets);
        let loss = TaskLoss {
            task: targets.task,
            weights: matrix(weights(targets, &frequencies, true), 1, targets.outputs(), self.device),
            dice: 1.0,
        };
        let mut state = State {
            store: self.start(&model),
            best: None,
            position: Position {
                digest: self.digest()?,
                ..Position::default()
            },
        };
        self.resume(&mut state)?;
        let steps = self.sets.train.len().div_ceil(self.config.batch);
        let bar = self
            .progress
            .bar("fine-tune", (self.config.epochs * steps) as u64, "steps");
        bar.inc((state.position.epoch * steps) as u64);
        while state.position.epoch < self.config.epochs {
            let epoch = state.position.epoch + 1;
            let mean = self.epoch(&model, &mut state.store, &loss, epoch, steps, &|| bar.inc(1))?;
            if !mean.is_finite() {
                return Err(Error::diverged(format!(
                    "fine-tuning diverged in epoch {epoch}: its loss is {mean}; try a smaller finetune.lr"
                )));
            }
            state.position.epoch = epoch;
            state.position.losses.push(mean.to_bits());
            if let Some(set) = self.judged() {
                let values = state.store.values();
                let score = evaluate::primary(&set.targets, &self.predict(&model, &values, &loss, set)?)?;
                if state.position.best.is_none_or(|(_, bits)| score > f64::from_bits(bits)) {
                    state.position.best = Some((epoch, score.to_bits()));
                    state.best = Some(values);
                }
            }
            self.save(&state)?;
        }
        drop(bar);
        let chosen = state.best.take().unwrap_or_else(|| state.store.values());
        let mut outcome = RivalOutcome {
            method: METHOD.to_owned(),
            predictions: Vec::new(),
            metrics: curve(&state.position.losses),
        };
        let epoch = state.position.best.map_or(state.position.epoch, |(epoch, _)| epoch);
        outcome.fitted_with(&[("epochs", epoch as f64)]);
        if let Some(set) = self.sets.val.as_ref().filter(|set| !set.is_empty()) {
            outcome.add(
                Split::Val,
                set,
                &self.predict(&model, &chosen, &loss, set)?,
                self.interrupt,
            )?;
        }
        let test = &self.sets.test;
        outcome.add(
            Split::Test,
            test,
            &self.predict(&model, &chosen, &loss, test)?,
            self.interrupt,
        )?;
        for (other, images) in self.sets.others.iter().zip(self.other_images) {
            let there = Self { images, ..*self };
            let outputs = there.predict(&model, &chosen, &loss, &other.set)?;
            outcome.add_other(other, &outputs, self.interrupt)?;
        }
        Ok(outcome)
    }

    /// The split on which an epoch is selected, if the protocol selects.
    fn judged(&self) -> Option<&FeatureSet> {
        match self.selection {
            Selection::Last => None,
            Selection::BestOnVal => self.sets.val.as_ref(),
            Selection::BestOnTest => Some(&self.sets.test),
        }
    }

    /// The pre-trained parameters and a new head.
    fn start(&self, model: &Trainable) -> Store {
        let mut store = Store::default();
        for (name, value) in &model.parameters {
            // Gains, offsets and embeddings are not pulled towards zero.
            let decays = value.dims()[0] > 1 && !["position", "registers"].contains(&name.as_str());
            store.insert(name.clone(), Parameter::new(value.clone(), decays));
        }
        let outputs = self.sets.train.targets.outputs();
        let width = model.architecture.projection.unwrap_or(model.architecture.hidden);
        let drawn = normal(
            &mut stream(self.seed, Purpose::Parameters, 0, 0),
            outputs * width,
            HEAD_DEVIATION,
        );
        store.insert(HEAD, Parameter::new(matrix(drawn, outputs, width, self.device), true));
        let offsets = Tensor::zeros([1, outputs], self.device);
        store.insert(HEAD_BIAS, Parameter::new(offsets, false));
        store
    }

    /// One pass over the training split; the mean loss of its steps.
    fn epoch(
        &self,
        model: &Trainable,
        store: &mut Store,
        loss: &TaskLoss,
        epoch: usize,
        steps: usize,
        advance: &dyn Fn(),
    ) -> Result<f64> {
        let config = self.config;
        let train = &self.sets.train;
        let order = permutation(&mut stream(self.seed, Purpose::Order, epoch, 0), train.len());
        let view = View::Random {
            preprocess: &model.preprocess,
            side: model.architecture.image_size as u32,
            config,
            seed: self.seed,
            epoch,
        };
        // Every part of a step, and the size of the step that it belongs to.
        let parts: Vec<(Vec<usize>, usize)> = order
            .chunks(config.batch)
            .flat_map(|step| {
                step.chunks(config.at_a_time())
                    .map(|part| (part.to_vec(), step.len()))
                    .collect::<Vec<_>>()
            })
            .collect();
        let batches: Vec<Vec<usize>> = parts.iter().map(|(rows, _)| rows.clone()).collect();
        let mut sizes = parts.iter().map(|(_, size)| *size);
        let device = if config.checkpointing {
            self.device.clone().autodiff().gradient_checkpointing()
        } else {
            self.device.clone().autodiff()
        };
        let (mut sums, mut seen, mut step, mut total) = (BTreeMap::new(), 0, 0, 0.0);
        self.images
            .stream(&train.sample_ids, &batches, &view, self.interrupt, |rows, images| {
                let size = sizes.next().unwrap_or(rows.len());
                let leaves: BTreeMap<String, Tensor<2>> = store
                    .iter()
                    .map(|(name, value)| (name.clone(), leaf(value, &device)))
                    .collect();
                let take = |name: &str| {
                    leaves
                        .get(name)
                        .cloned()
                        .ok_or_else(|| Error::data(format!("the encoder has no parameter {name}")))
                };
                let vit = model.vit(config.precision, &device, take)?;
                let (global, _) = vit.forward(vit.patches(images, &model.preprocess));
                let logits = global.matmul(take(HEAD)?.transpose()) + take(HEAD_BIAS)?;
                let share = rows.len() as f64 / size as f64;
                let part = loss.of_logits(logits, &target(train, rows, &device)) * share;
                total += f64::from(host(part.clone())?.first().copied().unwrap_or(f32::NAN));
                let mut gradients = part.backward();
                for (name, leaf) in &leaves {
                    if let Some(gradient) = leaf.grad_remove(&mut gradients) {
                        let sum = match sums.remove(name) {
                            Some(sum) => sum + gradient,
                            None => gradient,
                        };
                        sums.insert(name.clone(), sum);
                    }
                }
                seen += rows.len();
                if seen >= size {
                    let rate = config.rate((epoch - 1) * steps + step, config.epochs * steps);
                    let gradients = std::mem::take(&mut sums).into_iter().collect();
                    store.step(gradients, |name| self.adam(model, name, rate))?;
                    seen = 0;
                    step += 1;
                    advance();
                }
                Ok(())
            })?;
        Ok(total / step.max(1) as f64)
    }

    /// AdamW of one parameter: the nearer to the input, the slower.
    fn adam(&self, model: &Trainable, name: &str, rate: f64) -> AdamW {
        let last = model.architecture.layers + 1;
        let depth = if name == HEAD || name == HEAD_BIAS {
            last
        } else {
            model.depth(name)
        };
        AdamW {
            lr: rate * self.config.layer_decay.powi((last - depth) as i32),
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: self.config.weight_decay,
        }
    }

    /// Outputs (n × O) for every sample of a split.
    fn predict(&self, model: &Trainable, values: &Leaves, loss: &TaskLoss, set: &FeatureSet) -> Result<Matrix> {
        let vit = model.vit(self.config.precision, self.device, |name| values.get(name))?;
        let (head, offset) = (values.get(HEAD)?.transpose(), values.get(HEAD_BIAS)?);
        let rows: Vec<usize> = (0..set.len()).collect();
        let batches: Vec<Vec<usize>> = rows.chunks(vit.batch_size()).map(<[usize]>::to_vec).collect();
        let mut data = Vec::with_capacity(set.targets.values.len());
        self.images.stream(
            &set.sample_ids,
            &batches,
            &View::Plain(&model.preprocess),
            self.interrupt,
            |_, images| {
                let (global, _) = vit.forward(vit.patches(images, &model.preprocess));
                data.extend(host(loss.activate(global.matmul(head.clone()) + offset.clone()))?);
                Ok(())
            },
        )?;
        Ok(Matrix {
            rows: set.len(),
            cols: set.targets.outputs(),
            data,
        })
    }

    /// Digest of everything that a checkpoint belongs to.
    fn digest(&self) -> Result<String> {
        let mut hasher = blake3::Hasher::new();
        let settings = serde_json::to_string(&(self.config, self.encoder, self.selection, self.seed))
            .at("encode the settings of", self.folder)?;
        hasher.update(settings.as_bytes());
        for set in [Some(&self.sets.train), self.sets.val.as_ref(), Some(&self.sets.test)]
            .into_iter()
            .flatten()
        {
            for (id, row) in set.sample_ids.iter().zip(0..) {
                hasher.update(id.as_bytes());
                for value in set.targets.row(row) {
                    hasher.update(&value.to_le_bytes());
                }
            }
        }
        Ok(hasher.finalize().to_hex().to_string())
    }

    fn checkpoint(&self) -> PathBuf {
        self.folder.join("checkpoint").join("finetune.safetensors")
    }

    fn save(&self, state: &State) -> Result<()> {
        let file = self.checkpoint();
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).at("create the folder", folder)?;
        }
        let mut tensors = Vec::new();
        for (name, value) in state.store.iter() {
            tensors.push((name.clone(), value.clone()));
            tensors.extend(moments_of(&state.store, "", name)?);
        }
        if let Some(best) = &state.best {
            tensors.extend(
                best.iter()
                    .map(|(name, tensor)| (format!("best/{name}"), tensor.clone())),
            );
        }
        let json = serde_json::to_string(&state.position).at("write", &file)?;
        atomic::write(&file, &encode(&tensors, json, &file)?)
    }

    /// Goes on from a checkpoint of the same settings and data, if there is one.
    fn resume(&self, state: &mut State) -> Result<()> {
        let file = self.checkpoint();
        let Some(loaded) = Loaded::left(&file, self.progress)? else {
            return Ok(());
        };
        let position: Position = serde_json::from_str(&loaded.json).at("read", &file)?;
        if position.digest != state.position.digest {
            return Ok(());
        }
        let take = |name: &str, like: &Tensor<2>| loaded.tensor(name, like.dims(), self.device);
        let mut best = Leaves::default();
        for name in state.store.names() {
            let there = state.store.value(&name)?;
            state.store.set(&name, take(&name, &there)?)?;
            put_moments_back(&mut state.store, "", &name, &loaded)?;
            if position.best.is_some() {
                best.insert(name.clone(), take(&format!("best/{name}"), &there)?);
            }
        }
        state.best = position.best.is_some().then_some(best);
        state.position = position;
        Ok(())
    }
}

/// A parameter as the start of a gradient tape, with the device's way of keeping intermediate results.
pub(crate) fn leaf(value: &Tensor<2>, device: &Device) -> Tensor<2> {
    let tracked = value.clone().autodiff();
    match device.gradient_checkpointing_strategy() {
        Some(strategy) => tracked.with_gradient_checkpointing_strategy(strategy).require_grad(),
        None => tracked.require_grad(),
    }
}

/// Targets of the samples at `rows` on the device.
pub(crate) fn target(set: &FeatureSet, rows: &[usize], device: &Device) -> Target {
    let targets = set.targets.select(rows);
    let outputs = targets.outputs();
    let known: Vec<f32> = targets.known.iter().map(|&known| f32::from(known)).collect();
    let values = targets
        .values
        .iter()
        .zip(&targets.known)
        .map(|(&value, &known)| {
            if known || targets.task != Task::ActionUnits {
                value
            } else {
                0.0
            }
        })
        .collect();
    Target {
        y: matrix(values, rows.len(), outputs, device),
        known: matrix(known, rows.len(), outputs, device),
    }
}

/// The training loss by epoch.
pub(crate) fn curve(losses: &[u64]) -> Vec<MetricRow> {
    losses
        .iter()
        .zip(1..)
        .map(|(&bits, epoch)| MetricRow {
            method: METHOD.to_owned(),
            split: Split::Train.as_str().to_owned(),
            epoch: Some(epoch),
            metric: "loss".to_owned(),
            value: f64::from_bits(bits),
            low: None,
            high: None,
            n: None,
            higher_is_better: Some(false),
        })
        .collect()
}
