//! A batch in parts: on the processor, forward and backward pass are computed for parts of the samples, side by side.
//!
//! Of the operations of a pass only matrix products use several threads; a part has one thread for all of them, and what it
//! works on stays in the cache. Each part has a tape of its own, which ends where the samples meet: in losses over the whole
//! batch. The parts and the order in which their gradients are added depend on sizes alone, so that the bits do not depend on
//! the number of threads.

use std::ops::Range;

use burn::tensor::{Device, Tensor};
use rayon::prelude::*;

use crate::error::{Error, Result};

use super::math::on_host;
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
    matrix.clone().narrow(0, samples.start * a_sample, samples.len() * a_sample)
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
