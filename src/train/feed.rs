//! Where training features lie, and how they become batches.
//!
//! On a GPU the tables of all splits lie in device memory as far as they fit (as f16 where that holds every value exactly) and
//! batches are gathered there; a table that does not fit is read by a thread that prepares the next batches while the device
//! computes, as it does on the processor. Dropout masks are drawn by that thread too. All ways give the same numbers, because
//! the same operations meet the same values.

use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use burn::tensor::{DType, Device, FloatDType, Int, Tensor, TensorData};
use half::f16;

use crate::device::machine;
use crate::elementwise::on_host;
use crate::error::{Error, Result};
use crate::model::aura::Batch;
use crate::model::cause;
use crate::model::config::{Level, ModelConfig};
use crate::model::loss::task::Target;
use crate::model::math::{Purpose, matrix, stream};
use crate::model::projector::{MaskValues, Masks, Projector};
use crate::model::standardise::Standardiser;
use crate::sets::{FeatureSet, Rows, SplitSets};
use crate::task::Targets;

use super::data;
use super::trained::CHUNK;

/// Batches that wait for the step that a GPU is at. On the processor none does: the next one is prepared while a step is
/// computed, and handed over.
const AHEAD: usize = 3;

/// Where batches come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Placement {
    /// [`Self::Stream`] on the processor; elsewhere [`Self::Device`] for tables that fit, [`Self::Stream`] for others.
    #[default]
    Auto,
    /// Gathered in host memory by the thread that trains.
    Host,
    /// Gathered on the device from a table that lies there.
    Device,
    /// Gathered in host memory by a thread ahead of the one that trains.
    Stream,
}

impl Placement {
    /// `auto`, `host`, `device` or `stream`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Host => "host",
            Self::Device => "device",
            Self::Stream => "stream",
        }
    }
}

impl std::str::FromStr for Placement {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        [Self::Auto, Self::Host, Self::Device, Self::Stream]
            .into_iter()
            .find(|placement| placement.name() == text)
            .ok_or_else(|| format!("expected auto, host, device or stream, found {text:?}"))
    }
}

/// One split.
#[derive(Debug)]
struct Split<'a> {
    values: &'a Rows,
    targets: &'a Targets,
    resident: Option<Resident>,
}

/// A split in device memory.
#[derive(Debug)]
struct Resident {
    /// n × (P·D), f16 or f32.
    features: Tensor<2>,
    /// Targets, n × O; 0 where unknown.
    target: Target,
}

/// The features of all splits and the constants of a batch.
#[derive(Debug)]
pub struct Feed<'a> {
    train: Split<'a>,
    val: Option<Split<'a>>,
    test: Split<'a>,
    standardiser: Standardiser,
    mean: Tensor<2>,
    factor: Tensor<2>,
    placement: Placement,
    device: Device,
}

/// Which steps of an epoch are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Steps<'a> {
    /// Seed of the run.
    pub seed: u64,
    /// 1-based epoch.
    pub epoch: usize,
    /// Rows of every batch of the epoch.
    pub order: &'a [Vec<usize>],
    /// The first step wanted.
    pub first: usize,
    /// The model, for its masks.
    pub model: &'a ModelConfig,
}

/// What the thread ahead prepares for a step.
struct Prepared {
    x: Option<Result<Vec<f32>>>,
    masks: MaskValues,
}

impl<'a> Feed<'a> {
    /// Brings the tables to where `placement` puts them. `level` must be one that the tables have (see [`data::sizes`]).
    ///
    /// # Errors
    /// [`Error::Data`] if the tables lack the level.
    pub fn new(
        sets: &'a SplitSets,
        level: Level,
        standardiser: Standardiser,
        placement: Placement,
        device: &Device,
    ) -> Result<Self> {
        let placement = match placement {
            Placement::Auto if on_host(device) => Placement::Stream,
            other => other,
        };
        let half = machine::keeps_half(device);
        // Room for all tables together; one table has to be below half of it.
        let mut left = 2 * machine::table_budget(device);
        let mut split = |set: &'a FeatureSet| -> Result<Split<'a>> {
            let (values, _) = data::features(set, level)?;
            let needs = bytes(values, half);
            let resident = !set.is_empty()
                && match placement {
                    Placement::Auto => needs <= left && needs <= machine::table_budget(device),
                    Placement::Device => true,
                    Placement::Host | Placement::Stream => false,
                };
            if resident {
                left = left.saturating_sub(needs);
            }
            Ok(Split {
                values,
                targets: &set.targets,
                resident: resident
                    .then(|| Resident::new(values, &set.targets, half, device))
                    .transpose()?,
            })
        };
        let row = |values: &[f32]| matrix(values.to_vec(), 1, values.len(), device);
        Ok(Self {
            train: split(&sets.train)?,
            test: split(&sets.test)?,
            val: sets.val.as_ref().map(split).transpose()?,
            mean: row(&standardiser.mean_f32()),
            factor: row(&standardiser.factor_f32()),
            standardiser,
            placement,
            device: device.clone(),
        })
    }

    /// Where training batches come from.
    pub fn placement(&self) -> Placement {
        match (self.placement, &self.train.resident) {
            (Placement::Host, _) => Placement::Host,
            (_, Some(_)) => Placement::Device,
            (_, None) => Placement::Stream,
        }
    }

    /// The standardisation of the features.
    pub fn standardiser(&self) -> &Standardiser {
        &self.standardiser
    }

    /// Hands out batch and masks of every step in order. Returns the time for which the calling thread waited for data.
    ///
    /// # Errors
    /// Whatever `each` returns; it is not called again after that.
    pub fn steps(&self, steps: Steps, mut each: impl FnMut(usize, Batch, Masks) -> Result<()>) -> Result<Duration> {
        if self.placement() == Placement::Host {
            let clock = Instant::now();
            let mut worked = Duration::ZERO;
            for (step, rows) in steps.order.iter().enumerate().skip(steps.first) {
                let batch = self.batch(rows)?;
                let masks = self.masks(&steps, step, rows).upload(&self.device);
                let start = Instant::now();
                each(step, batch, masks)?;
                worked += start.elapsed();
            }
            return Ok(clock.elapsed().saturating_sub(worked));
        }
        // One transfer an epoch; every step reads its part.
        let flat: Vec<i64> = steps.order.iter().flatten().map(|&row| row as i64).collect();
        let count = flat.len();
        let indices = Tensor::<1, Int>::from_data(TensorData::new(flat, [count]), &self.device);
        let mut waited = Duration::ZERO;
        let ahead = if on_host(&self.device) { 0 } else { AHEAD };
        std::thread::scope(|scope| -> Result<()> {
            let (sender, receiver) = sync_channel(ahead);
            scope.spawn(move || {
                for (step, rows) in steps.order.iter().enumerate().skip(steps.first) {
                    let prepared = Prepared {
                        x: self
                            .train
                            .resident
                            .is_none()
                            .then(|| self.vectors_at(self.train.values, rows)),
                        masks: self.masks(&steps, step, rows),
                    };
                    // Nobody listens any more after an error.
                    if sender.send(prepared).is_err() {
                        return;
                    }
                }
            });
            let mut start: usize = steps.order[..steps.first].iter().map(Vec::len).sum();
            for (step, rows) in steps.order.iter().enumerate().skip(steps.first) {
                let clock = Instant::now();
                let prepared = receiver
                    .recv()
                    .map_err(|_| Error::data("the thread that prepares batches stopped"))?;
                waited += clock.elapsed();
                let end = start + rows.len();
                let (batch, masks) = cause::of("batch", || -> Result<(Batch, Masks)> {
                    let batch = match (&self.train.resident, prepared.x) {
                        (Some(resident), _) => {
                            let index = indices.clone().narrow(0, start, rows.len());
                            Batch {
                                x: self.standardised(resident.features.clone().select(0, index.clone())),
                                target: Target {
                                    y: resident.target.y.clone().select(0, index.clone()),
                                    known: resident.target.known.clone().select(0, index),
                                },
                            }
                        }
                        (None, Some(x)) => Batch {
                            x: self.vectors(x?),
                            target: data::target(self.train.targets, rows, &self.device),
                        },
                        (None, None) => return Err(Error::data("a batch was prepared without features")),
                    };
                    Ok((batch, prepared.masks.upload(&self.device)))
                })?;
                start = end;
                each(step, batch, masks)?;
            }
            Ok(())
        })?;
        Ok(waited)
    }

    /// The training samples at `rows`, gathered in host memory.
    fn batch(&self, rows: &[usize]) -> Result<Batch> {
        data::batch(
            self.train.values,
            self.train.targets,
            &self.standardiser,
            rows,
            &self.device,
        )
    }

    fn masks(&self, steps: &Steps, step: usize, rows: &[usize]) -> MaskValues {
        let mut rng = stream(steps.seed, Purpose::Dropout, steps.epoch, step);
        let input = self.standardiser.mean.len();
        let vectors = rows.len() * self.train.values.cols() / input;
        MaskValues::draw(&mut rng, vectors, input, steps.model.hidden, steps.model.dropout)
    }

    /// Standardised values of some rows.
    fn vectors_at(&self, values: &Rows, rows: &[usize]) -> Result<Vec<f32>> {
        Ok(self.standardiser.narrow(values.gather(rows.iter().copied())?))
    }

    fn vectors(&self, x: Vec<f32>) -> Tensor<2> {
        let width = self.standardiser.mean.len();
        let count = x.len() / width;
        matrix(x, count, width, &self.device)
    }

    /// Rows of a resident table as standardised vectors.
    fn standardised(&self, rows: Tensor<2>) -> Tensor<2> {
        let [n, cols] = rows.dims();
        let width = self.standardiser.mean.len();
        let x = rows.cast(FloatDType::F32).reshape([n * cols / width, width]);
        (x - self.mean.clone()) * self.factor.clone()
    }

    /// Hands out the unit vectors of the samples of a split (`train`, `val` or `test`) in order, some thousand rows × d at a
    /// time, on the device; nothing is read back.
    ///
    /// # Errors
    /// [`Error::Data`] if there is no such split, or it is empty; whatever `each` returns.
    pub fn project(
        &self,
        split: &str,
        projector: &Projector,
        mut each: impl FnMut(Tensor<2>) -> Result<()>,
    ) -> Result<()> {
        let split = match split {
            "train" => Some(&self.train),
            "test" => Some(&self.test),
            _ => self.val.as_ref(),
        };
        let split = split
            .filter(|split| split.values.len() > 0)
            .ok_or_else(|| Error::data("a split without samples cannot be evaluated"))?;
        let width = self.standardiser.mean.len();
        let images = (CHUNK * width / split.values.cols().max(1)).max(1);
        for start in (0..split.values.len()).step_by(images) {
            let end = (start + images).min(split.values.len());
            let x = if let Some(resident) = &split.resident {
                self.standardised(resident.features.clone().narrow(0, start, end - start))
            } else {
                self.vectors(self.standardiser.narrow(split.values.read(start..end)?))
            };
            each(projector.forward(x, &Masks::default()).z)?;
        }
        Ok(())
    }
}

impl Resident {
    /// Brings a split to the device block by block, as f16 if the device has them (`half`) and they hold every value.
    fn new(values: &Rows, targets: &Targets, half: bool, device: &Device) -> Result<Self> {
        let mut blocks = Vec::new();
        for block in values.blocks() {
            let block = values.read(block)?;
            let shape = [block.rows, block.cols];
            blocks.push(if half && values.value_bytes() == 2 {
                let halves: Vec<f16> = block.data.iter().map(|&value| f16::from_f32(value)).collect();
                Tensor::from_data(TensorData::new(halves, shape), (device, DType::F16))
            } else {
                matrix(block.data, block.rows, block.cols, device)
            });
        }
        let all: Vec<usize> = (0..values.len()).collect();
        Ok(Self {
            features: Tensor::cat(blocks, 0),
            target: data::target(targets, &all, device),
        })
    }
}

/// Bytes of a table on a device that has f16 (`half`) or has not.
fn bytes(values: &Rows, half: bool) -> u64 {
    let value = if half { values.value_bytes() } else { 4 };
    (values.len() * values.cols() * value) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::Interrupt;
    use crate::model::math::host;
    use crate::sets::Matrix;
    use crate::task::Task;
    use crate::train::synth::planted;

    /// Tables as they come from disk: half precision.
    fn sets(task: Task) -> SplitSets {
        let mut sets = planted(task, 130, 30, 16, 3).sets;
        for set in [&mut sets.train, &mut sets.test] {
            let tokens = set.tokens.as_mut().map(|tokens| &mut tokens.values);
            for values in tokens.into_iter().chain([&mut set.global]) {
                let mut all = values.all().unwrap();
                for value in &mut all.data {
                    *value = f16::from_f32(*value).to_f32();
                }
                *values = all.into();
            }
        }
        sets
    }

    /// Bits of everything that the steps of an epoch hand out.
    fn all(sets: &SplitSets, level: Level, placement: Placement, first: usize) -> Result<Vec<u32>> {
        let (values, patches) = data::features(&sets.train, level)?;
        let model = ModelConfig::default();
        let standardiser = Standardiser::fit(
            values,
            values.cols() / patches,
            model.standardise,
            &Interrupt::default(),
        )?;
        let feed = Feed::new(sets, level, standardiser, placement, &Device::flex())?;
        let order: Vec<Vec<usize>> = (0..4)
            .map(|step| (0..30).map(|i| (i * 7 + step * 31) % 130).collect())
            .collect();
        let steps = Steps {
            seed: 1,
            epoch: 2,
            order: &order,
            first,
            model: &model,
        };
        let mut found = Vec::new();
        let mut seen = Vec::new();
        feed.steps(steps, |step, batch, masks| {
            seen.push(step);
            for tensor in [
                Some(batch.x),
                Some(batch.target.y),
                Some(batch.target.known),
                masks.input,
                masks.hidden,
            ] {
                let values = host(tensor.ok_or_else(|| Error::data("nothing there"))?)?;
                found.extend(values.into_iter().map(f32::to_bits));
            }
            Ok(())
        })?;
        assert_eq!(seen, (first..4).collect::<Vec<_>>());
        Ok(found)
    }

    #[test]
    fn every_placement_gives_the_same_bits() -> Result<()> {
        for (task, level) in [(Task::Expression, Level::Global), (Task::ActionUnits, Level::Patch)] {
            let sets = sets(task);
            let host = all(&sets, level, Placement::Host, 0)?;
            assert!(!host.is_empty());
            for placement in [Placement::Device, Placement::Stream] {
                assert!(all(&sets, level, placement, 0)? == host, "{placement:?}");
            }
            let resumed = all(&sets, level, Placement::Host, 2)?;
            assert!(host.ends_with(&resumed));
            assert!(all(&sets, level, Placement::Device, 2)? == resumed);
        }
        Ok(())
    }

    #[test]
    fn tables_stay_exact_on_the_device() {
        let row = |data: Vec<f32>| {
            let (rows, cols) = (1, data.len());
            Rows::from(Matrix { rows, cols, data })
        };
        assert_eq!(bytes(&row(vec![0.5, -2.0, 65504.0, 0.0, -0.0]), true), 10);
        assert_eq!(bytes(&row(vec![0.5, 0.1]), true), 8);
        assert_eq!(bytes(&row(vec![0.5, -2.0]), false), 8);
    }

    #[test]
    fn an_error_ends_the_steps() -> Result<()> {
        let sets = sets(Task::Expression);
        let model = ModelConfig::default();
        let standardiser = Standardiser::fit(&sets.train.global, 16, model.standardise, &Interrupt::default())?;
        let order = vec![vec![0, 1, 2]; 50];
        for placement in [Placement::Host, Placement::Device, Placement::Stream] {
            let feed = Feed::new(&sets, Level::Global, standardiser.clone(), placement, &Device::flex())?;
            let steps = Steps {
                seed: 1,
                epoch: 1,
                order: &order,
                first: 0,
                model: &model,
            };
            let mut calls = 0;
            let outcome = feed.steps(steps, |step, _, _| {
                calls += 1;
                if step == 1 { Err(Error::Interrupted) } else { Ok(()) }
            });
            assert!(matches!(outcome, Err(Error::Interrupted)));
            assert_eq!(calls, 2);
        }
        Ok(())
    }

    #[test]
    fn on_the_processor_a_thread_reads_ahead() -> Result<()> {
        let sets = sets(Task::Expression);
        let standardiser = Standardiser::fit(
            &sets.train.global,
            16,
            ModelConfig::default().standardise,
            &Interrupt::default(),
        )?;
        let feed = Feed::new(&sets, Level::Global, standardiser, Placement::Auto, &Device::flex())?;
        assert_eq!(feed.placement(), Placement::Stream);
        Ok(())
    }
}
