//! Features and outputs between the device and the solvers on the host.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::error::Result;
use crate::sets::Matrix;
use crate::solver::linalg::Dense;
use crate::solver::samples::Table;

use super::input::{Features, values};

/// Features on the host, n × D.
pub struct Host {
    x: Vec<f32>,
    width: usize,
}

impl Host {
    /// Reads them from the device.
    ///
    /// # Errors
    /// If the device fails.
    pub fn read(features: &Features) -> Result<Self> {
        Ok(Self {
            x: values(features.x.clone())?,
            width: features.cols,
        })
    }

    /// As the solvers see them.
    pub fn table(&self) -> Table<'_> {
        Table {
            x: &self.x,
            width: self.width,
        }
    }
}

/// A solver's outputs.
pub fn table(dense: &Dense) -> Matrix {
    Matrix {
        rows: dense.rows,
        cols: dense.cols,
        data: dense.data.iter().map(|&v| v as f32).collect(),
    }
}

/// Samples that stand for all `n` where a kernel against all would be too large; the same in every seed.
pub fn landmarks(n: usize, count: usize) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..n).collect();
    rows.shuffle(&mut ChaCha8Rng::seed_from_u64(0));
    rows.truncate(count);
    rows.sort_unstable();
    rows
}
