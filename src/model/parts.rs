//! A batch in parts: on the processor, forward and backward pass are computed for parts of the samples, side by side.
//!
//! Of the operations of a pass only matrix products use several threads; a part has one thread for all of them, and what it
//! works on stays in the cache. Each part has a tape of its own, which ends where the samples meet: in losses over the whole
//! batch. The parts and the order in which their gradients are added depend on sizes alone, so that the bits do not depend on
//! the number of threads.

use std::ops::Range;

use burn::tensor::{Device, Tensor};
use rayon::prelude::*;

use crate::elementwise::on_host;
use crate::error::{Error, Result};

use super::params::{Leaves, Named};

/// Rows that make a part worth its own pass over the parameters.
const ROWS: usize = 256;

/// Parts at most: each has gradients of its own for all parameters.
const MOST: usize = 16;

/// Parts of `samples`, of which each has so many `rows`. One where a whole batch is what keeps the device busy.
pub fn ranges(samples: usize, rows: usize, device: &Device) -> Vec<Range<usize>> {
    let count = if on_host(device) {
        (samples * rows / ROWS).clamp(1, MOST).min(samples.max(1))
    } else {
        1
    };
    (0..count)
        .map(|part| part * samples / count..(part + 1) * samples / count)
        .collect()
}

/// Rows of a matrix that belong to the samples of a part.
pub fn rows(matrix: &Tensor<2>, samples: &Range<usize>, a_sample: usize) -> Tensor<2> {
    matrix
        .clone()
        .narrow(0, samples.start * a_sample, samples.len() * a_sample)
}

/// A forward pass in parts, with the tapes for the way back.
#[derive(Debug)]
pub struct Parts<const N: usize> {
    parts: Vec<(Leaves, [Tensor<2>; N])>,
}

impl<const N: usize> Parts<N> {
    /// Calls `pass` for every part with leaves of its own. It returns matrices with a row a sample.
    ///
    /// # Errors
    /// Whatever `pass` returns.
    pub fn forward(
        inputs: &Leaves,
        ranges: &[Range<usize>],
        pass: impl Fn(&Leaves, &Range<usize>) -> Result<[Tensor<2>; N]> + Sync,
    ) -> Result<Self> {
        let parts = ranges.par_iter().map(|samples| {
            let leaves = inputs.copied();
            let outputs = pass(&leaves, samples)?;
            Ok((leaves, outputs))
        });
        Ok(Self {
            parts: parts.collect::<Result<_>>()?,
        })
    }

    /// What came out for all samples, as new leaves.
    pub fn outputs(&self) -> [Tensor<2>; N] {
        std::array::from_fn(|output| {
            let rows = self.parts.iter().map(|(_, outputs)| outputs[output].clone().inner());
            Tensor::cat(rows.collect(), 0).autodiff().require_grad()
        })
    }

    /// Gradients of the inputs, in the order of their names, given those of what came out.
    ///
    /// # Errors
    /// [`Error::Data`] if parts reach different inputs, which no pass does.
    pub fn backward(self, gradients: &[Tensor<2>; N]) -> Result<Named> {
        let mut start = 0;
        let mut placed = Vec::with_capacity(self.parts.len());
        for (leaves, outputs) in self.parts {
            let samples = outputs[0].dims()[0];
            placed.push((start..start + samples, leaves, outputs));
            start += samples;
        }
        let found: Vec<Named> = placed
            .into_par_iter()
            .map(|(samples, leaves, outputs)| {
                let sums = outputs.into_iter().zip(gradients);
                let sums = sums.map(|(output, gradient)| known_gradient(output, rows(gradient, &samples, 1)));
                let total = sums.reduce(|a, b| a + b);
                total.map_or_else(Vec::new, |total| leaves.gradients(&mut total.backward()))
            })
            .collect();
        let mut found = found.into_iter();
        let mut sums = found.next().unwrap_or_default();
        let rest: Vec<Named> = found.collect();
        if rest.iter().any(|part| part.len() != sums.len()) {
            return Err(Error::data("parts of a batch have gradients for different parameters"));
        }
        sums.par_iter_mut().enumerate().for_each(|(at, (_, sum))| {
            for part in &rest {
                *sum = sum.clone() + part[at].1.clone();
            }
        });
        Ok(sums)
    }
}

/// A number whose gradient with respect to `tensor` is `gradient`.
pub fn known_gradient<const D: usize>(tensor: Tensor<D>, gradient: Tensor<D>) -> Tensor<1> {
    (tensor * gradient).sum()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::model::adamw::AdamW;
    use crate::model::aura::{Aura, Batch, Prior};
    use crate::model::config::ModelConfig;
    use crate::model::loss::config::LossConfig;
    use crate::model::loss::task::Target;
    use crate::model::math::{Purpose, host, matrix, normal, one_hot, stream};
    use crate::model::projector::{Masks, Sizes};
    use crate::task::Task;

    pub(crate) const SAMPLES: usize = 600;

    /// A model, and a batch that is computed in parts.
    pub(crate) fn start(task: Task) -> (Aura, Batch) {
        let device = Device::flex();
        let mut rng = stream(0, Purpose::Parameters, 0, 0);
        let mut config = ModelConfig {
            k_max: 40,
            width: 64,
            hidden: 128,
            ..ModelConfig::default()
        };
        config.contextualization.top_k = 3;
        let sizes = Sizes {
            input: 96,
            patches: 1,
            outputs: 3,
        };
        let prior = Prior {
            mean: Tensor::full([1, 3], 1.0 / 3.0, &device),
            weights: Tensor::ones([1, 3], &device),
        };
        let setup = (task, config, LossConfig::default());
        let mut model = Aura::create(setup, sizes, prior, &mut rng, &device);
        model.buffers.size = Tensor::ones([1, 40], &device);
        model.buffers.known = Tensor::ones([40, 3], &device);
        let labels: Vec<i64> = (0..40).map(|k| k % 3).collect();
        let labels = Tensor::<1, burn::tensor::Int>::from_data(labels.as_slice(), &device);
        model.buffers.labels = one_hot(labels.reshape([40, 1]), 3, &device);
        let classes: Vec<i64> = (0..SAMPLES as i64).map(|i| i % 3).collect();
        let classes = Tensor::<1, burn::tensor::Int>::from_data(classes.as_slice(), &device);
        let batch = Batch {
            x: matrix(normal(&mut rng, SAMPLES * 96, 1.0), SAMPLES, 96, &device),
            target: Target {
                y: one_hot(classes.reshape([SAMPLES, 1]), 3, &device),
                known: Tensor::ones([SAMPLES, 3], &device),
            },
        };
        (model, batch)
    }

    /// Losses of expressions are means over samples, or do not depend on them: the gradients of a batch are the mean of those
    /// of small ones, which are computed as a whole.
    #[test]
    fn parts_have_the_gradients_of_the_whole() -> Result<()> {
        let (model, batch) = start(Task::Expression);
        let device = Device::flex();
        assert!(ranges(SAMPLES, 1, &device).len() == 2 && ranges(SAMPLES, 4, &device).len() == 9);
        let (row, found) = model.gradients(&batch, &Masks::default(), true)?;
        let small = 60;
        assert_eq!(ranges(small, 4, &device).len(), 1);
        let mut means: Vec<(String, Tensor<2>)> = Vec::new();
        let mut rows_mean = row.zeros_like();
        let count = (SAMPLES / small) as f64;
        for start in (0..SAMPLES).step_by(small) {
            let part = |t: &Tensor<2>| rows(t, &(start..start + small), 1);
            let part = Batch {
                x: part(&batch.x),
                target: Target {
                    y: part(&batch.target.y),
                    known: part(&batch.target.known),
                },
            };
            let (row, gradients) = model.gradients(&part, &Masks::default(), true)?;
            rows_mean = rows_mean + row / count;
            if means.is_empty() {
                means = gradients
                    .iter()
                    .map(|(name, g)| (name.clone(), g.zeros_like()))
                    .collect();
            }
            for ((_, mean), (_, gradient)) in means.iter_mut().zip(gradients) {
                *mean = mean.clone() + gradient / count;
            }
        }
        means.push(("losses".to_owned(), rows_mean));
        let found: Vec<(String, Tensor<2>)> = found.into_iter().chain([("losses".to_owned(), row)]).collect();
        assert_eq!(found.len(), means.len());
        for ((name, found), (expected_name, expected)) in found.into_iter().zip(means) {
            assert_eq!(name, expected_name);
            let (found, expected) = (host(found)?, host(expected)?);
            let largest = expected.iter().fold(0.0_f32, |a, v| a.max(v.abs()));
            let off = found
                .iter()
                .zip(&expected)
                .fold(0.0_f32, |a, (f, e)| a.max((f - e).abs()));
            assert!(largest > 0.0 && off <= 2e-5 * largest, "{name}: {off:e} of {largest:e}");
        }
        Ok(())
    }

    /// Bits of all parameters after two steps with so many threads.
    fn trained(task: Task, threads: usize) -> Result<Vec<u32>> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|error| Error::data(error.to_string()))?;
        pool.install(|| {
            let (mut model, batch) = start(task);
            let adam = |_: &str| AdamW {
                lr: 1e-3,
                beta1: 0.9,
                beta2: 0.999,
                eps: 1e-8,
                weight_decay: 1e-2,
            };
            for step in 0..2 {
                let mut rng = stream(1, Purpose::Dropout, 1, step);
                let masks = Masks::draw(&mut rng, SAMPLES, 96, 128, 0.2, &Device::flex());
                model.step(&batch, &masks, true, adam)?;
            }
            let mut bits = Vec::new();
            for (_, value) in model.store.iter() {
                bits.extend(host(value.clone())?.into_iter().map(f32::to_bits));
            }
            Ok(bits)
        })
    }

    #[test]
    fn bits_do_not_depend_on_threads() -> Result<()> {
        for task in [Task::Expression, Task::ValenceArousal, Task::ActionUnits] {
            let one = trained(task, 1)?;
            assert!(one.len() > 50_000);
            assert!(
                [2, 3, 5]
                    .map(|threads| trained(task, threads))
                    .into_iter()
                    .all(|other| other.is_ok_and(|bits| bits == one))
            );
        }
        Ok(())
    }
}
