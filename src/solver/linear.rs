//! Scores that are linear in features.

use super::blocks::blocks;
use super::linalg::{BLOCK, Dense};
use super::samples::Rows;
use crate::error::Result;
use crate::interrupt::Interrupt;

/// Linear scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// d × O.
    pub weights: Dense,
    /// O.
    pub bias: Vec<f64>,
}

impl Linear {
    /// n × O scores.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub fn predict(&self, x: &dyn Rows, interrupt: &Interrupt) -> Result<Dense> {
        let mut all = Dense::zeros(0, self.bias.len());
        for range in blocks(x.count(), BLOCK) {
            interrupt.check()?;
            let scores = self.apply(&x.read(range)?);
            all.rows += scores.rows;
            all.data.extend(scores.data);
        }
        Ok(all)
    }

    /// Scores of samples that were read already.
    pub fn apply(&self, x: &Dense) -> Dense {
        let mut scores = x.times(&self.weights);
        for row in scores.data.chunks_exact_mut(self.bias.len().max(1)) {
            row.iter_mut().zip(&self.bias).for_each(|(v, b)| *v += b);
        }
        scores
    }
}
