//! Scores that are linear in kernels or in Nyström features.

use std::ops::Range;
use std::sync::Arc;

use super::kernel::Basis;
use super::linalg::Dense;
use super::linear::Linear;
use super::samples::Rows;
use crate::error::Result;
use crate::interrupt::Interrupt;

/// Samples seen through a basis.
pub struct Described<'a> {
    /// The basis.
    pub basis: &'a Basis,
    /// The samples.
    pub samples: &'a dyn Rows,
}

impl Rows for Described<'_> {
    fn count(&self) -> usize {
        self.samples.count()
    }

    fn width(&self) -> usize {
        self.basis.width()
    }

    fn read(&self, range: Range<usize>) -> Result<Dense> {
        self.basis.block(self.samples, range)
    }

    fn pick(&self, rows: &[usize]) -> Result<Vec<f32>> {
        let mut picked = Vec::with_capacity(rows.len() * self.width());
        for &row in rows {
            picked.extend(self.read(row..row + 1)?.data.into_iter().map(|v| v as f32));
        }
        Ok(picked)
    }
}

/// Scores that are linear in descriptions.
#[derive(Debug, Clone)]
pub struct Expansion {
    /// What samples are described by.
    pub basis: Arc<Basis>,
    /// Weights and constants.
    pub linear: Linear,
}

impl Expansion {
    /// n × O scores; nothing n × width is kept.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub fn predict(&self, x: &dyn Rows, interrupt: &Interrupt) -> Result<Dense> {
        let described = Described {
            basis: &self.basis,
            samples: x,
        };
        self.linear.predict(&described, interrupt)
    }
}
