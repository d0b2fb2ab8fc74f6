//! Scores that are linear in kernels or in Nyström features.

use std::ops::Range;
use std::sync::Arc;

use super::kernel::Basis;
use super::linalg::Dense;
use super::linear::Linear;
use super::samples::{Rows, Table};
use crate::error::Result;
use crate::interrupt::Interrupt;

/// A table seen through a basis.
#[derive(Debug)]
pub struct Described<'a> {
    /// The basis.
    pub basis: &'a Basis,
    /// The samples.
    pub table: Table<'a>,
}

impl Rows for Described<'_> {
    fn count(&self) -> usize {
        self.table.count()
    }

    fn width(&self) -> usize {
        self.basis.width()
    }

    fn read(&self, range: Range<usize>) -> Dense {
        self.basis.block(self.table, range)
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
    pub fn predict(&self, x: Table<'_>, interrupt: &Interrupt) -> Result<Dense> {
        let described = Described {
            basis: &self.basis,
            table: x,
        };
        self.linear.predict(&described, interrupt)
    }
}
