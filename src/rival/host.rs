//! Between rivals and the solvers on the host.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::sets::Matrix;
use crate::solver::linalg::Dense;

/// A solver's outputs.
pub fn table(dense: &Dense) -> Matrix {
    Matrix {
        rows: dense.rows,
        cols: dense.cols,
        data: dense.data.iter().map(|&v| v as f32).collect(),
    }
}

/// `count` samples drawn from `n` to stand for all of them, or all; ascending, the same in every seed.
pub fn lot(n: usize, count: usize) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..n).collect();
    rows.shuffle(&mut ChaCha8Rng::seed_from_u64(0));
    rows.truncate(count);
    rows.sort_unstable();
    rows
}
