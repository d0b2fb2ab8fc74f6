//! Row-major f64 matrices, products and Cholesky factors, over gemm's products, on one thread.
//!
//! Last bits depend on the instruction set and, in long sums, on the sizes of the caches; not on the number of threads.

use ndarray::{ArrayView2, ArrayViewMut2};

use super::blocks::blocks;
use super::cholesky::{self, PANEL};
use super::product::multiply;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;

/// Rows of a block of a product.
pub const BLOCK: usize = 512;
/// First share of the mean of the diagonal that is added to a matrix which rounding left indefinite; every try adds a hundred
/// times more.
const JITTER: f64 = 1e-14;
/// Tries, the last with 1e-4 of the mean.
const TRIES: usize = 7;

/// A matrix, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// rows × cols values.
    pub data: Vec<f64>,
}

impl Dense {
    /// All zeros.
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Self {
            rows,
            cols,
            data: vec![0.0; rows * cols],
        }
    }

    /// Row i.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.data[i * self.cols..(i + 1) * self.cols]
    }

    /// Row i, to write to.
    pub fn row_mut(&mut self, i: usize) -> &mut [f64] {
        &mut self.data[i * self.cols..(i + 1) * self.cols]
    }

    fn view(&self) -> ArrayView2<'_, f64> {
        view(&self.data, self.rows, self.cols)
    }

    fn view_mut(&mut self) -> ArrayViewMut2<'_, f64> {
        view_mut(&mut self.data, self.rows, self.cols)
    }

    /// self · b.
    #[must_use]
    pub fn times(&self, b: &Self) -> Self {
        let mut product = Self::zeros(self.rows, b.cols);
        multiply(1.0, &self.view(), &b.view(), 0.0, &mut product.view_mut());
        product
    }

    /// self · bᵀ.
    #[must_use]
    pub fn times_transposed(&self, b: &Self) -> Self {
        let mut product = Self::zeros(self.rows, b.rows);
        multiply(1.0, &self.view(), &b.view().t(), 0.0, &mut product.view_mut());
        product
    }

    /// self += aᵀ · b.
    pub fn add_transposed_times(&mut self, a: &Self, b: &Self) {
        multiply(1.0, &a.view().t(), &b.view(), 1.0, &mut self.view_mut());
    }

    /// self += aᵀ · a in the lower triangle; [`Self::mirror`] completes the matrix.
    pub fn add_gram(&mut self, a: &Self) {
        for cols in blocks(self.cols, PANEL) {
            cholesky::add_panel(1.0, &a.view().t(), cols, &mut self.view_mut());
        }
    }

    /// Copies the lower triangle of a square matrix to its upper one.
    pub fn mirror(&mut self) {
        mirror(&mut self.data, self.rows);
    }

    /// Mean of the diagonal; 0 for an empty matrix.
    pub fn mean_diagonal(&self) -> f64 {
        let n = self.rows;
        (0..n).map(|i| self.data[i * n + i]).sum::<f64>() / n.max(1) as f64
    }
}

/// Copies the lower triangle of a row-major n × n matrix to its upper one.
pub fn mirror<T: Copy>(data: &mut [T], n: usize) {
    // Tiles of both triangles stay in the cache.
    const TILE: usize = 64;
    for rows in blocks(n, TILE) {
        for cols in blocks(rows.end, TILE) {
            for i in rows.clone() {
                for j in cols.start..cols.end.min(i) {
                    data[j * n + i] = data[i * n + j];
                }
            }
        }
    }
}

/// Σ aᵢbᵢ in eight partial sums, so that it needs no order of additions that a processor cannot keep up with.
pub fn dot(a: &[f32], b: &[f64]) -> f64 {
    let mut parts = [0.0_f64; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a8
        .remainder()
        .iter()
        .zip(b8.remainder())
        .map(|(&a, b)| f64::from(a) * b)
        .sum();
    for (a, b) in a8.zip(b8) {
        for k in 0..8 {
            parts[k] += f64::from(a[k]) * b[k];
        }
    }
    parts.iter().sum::<f64>() + rest
}

/// A shape that does not fit its values is a mistake of this file; the empty view makes the product that follows refuse it.
fn view(data: &[f64], rows: usize, cols: usize) -> ArrayView2<'_, f64> {
    ArrayView2::from_shape((rows, cols), data).unwrap_or_else(|_| ArrayView2::from(&[] as &[[f64; 0]]))
}

fn view_mut(data: &mut [f64], rows: usize, cols: usize) -> ArrayViewMut2<'_, f64> {
    ArrayViewMut2::from_shape((rows, cols), data).unwrap_or_else(|_| ArrayViewMut2::from(&mut [] as &mut [[f64; 0]]))
}

/// Lower Cholesky factor L of a symmetric matrix, L·Lᵀ = A.
#[derive(Debug, Clone)]
pub struct Cholesky {
    /// n × n; what stands above the diagonal means nothing.
    factor: Dense,
}

impl Cholesky {
    /// Factor of a + αI; of a slightly stronger diagonal if rounding left that indefinite.
    ///
    /// # Errors
    /// [`crate::Error::Data`] if even 1e-4 of the mean of the diagonal does not help; [`crate::Error::Interrupted`].
    pub fn new(a: &Dense, alpha: f64, interrupt: &Interrupt) -> Result<Self> {
        let n = a.rows;
        let mut jitter = 0.0;
        for attempt in 0..TRIES {
            interrupt.check()?;
            let mut factor = a.clone();
            for i in 0..n {
                factor.data[i * n + i] += alpha + jitter;
            }
            if cholesky::factorise(factor.view_mut(), interrupt)? {
                return Ok(Self { factor });
            }
            jitter = JITTER * 100.0_f64.powi(attempt as i32) * (a.mean_diagonal() + alpha).abs();
        }
        Err(Error::unusable_table(
            "features hold values that are no numbers; extract them again, or look for a broken image",
        ))
    }

    /// A⁻¹ · b for b of n rows.
    pub fn solve(&self, mut b: Dense) -> Dense {
        cholesky::forward(&self.factor.view(), b.view_mut());
        cholesky::backward(&self.factor.view(), b.view_mut());
        b
    }

    /// L⁻ᵀ · b for b of n rows: weights of whitened columns as weights of the columns themselves.
    #[must_use]
    pub fn unwhiten(&self, mut b: Dense) -> Dense {
        cholesky::backward(&self.factor.view(), b.view_mut());
        b
    }

    /// b · L⁻ᵀ for b of n columns.
    pub fn whiten(&self, mut b: Dense) -> Dense {
        cholesky::whiten(&self.factor.view(), b.view_mut());
        b
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(rows: usize, cols: usize) -> Dense {
        let mut state = 7_u64;
        let data = (0..rows * cols).map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / f64::from(1 << 24) - 0.5
        });
        Dense {
            rows,
            cols,
            data: data.collect(),
        }
    }

    #[test]
    fn factors_solve_and_whiten_across_panels() {
        let n = 549;
        let x = noise(n + 20, n);
        let mut a = Dense::zeros(n, n);
        a.add_gram(&x);
        a.mirror();
        let root = Cholesky::new(&a, 0.5, &Interrupt::default()).unwrap();
        for i in 0..n {
            a.data[i * n + i] += 0.5;
        }
        let b = noise(n, 3);
        let solved = root.solve(b.clone());
        let again = a.times(&solved);
        assert!(again.data.iter().zip(&b.data).all(|(a, b)| (a - b).abs() < 1e-8));
        // (a L⁻ᵀ)(a L⁻ᵀ)ᵀ = a A⁻¹ a = a.
        let white = root.whiten(a.clone());
        let back = white.times_transposed(&white);
        assert!(back.data.iter().zip(&a.data).all(|(x, y)| (x - y).abs() < 1e-8));
    }

    #[test]
    fn a_singular_matrix_is_strengthened_and_no_number_is_refused() {
        let ones = Dense {
            rows: 3,
            cols: 3,
            data: vec![1.0; 9],
        };
        assert!(Cholesky::new(&ones, 0.0, &Interrupt::default()).is_ok());
        let mut bad = ones;
        bad.data[4] = f64::NAN;
        let refused = Cholesky::new(&bad, 0.0, &Interrupt::default()).unwrap_err();
        assert!(refused.to_string().contains("no numbers"), "{refused}");
    }

    #[test]
    fn dot_counts_every_element() {
        let a: Vec<f32> = (0..21).map(|i| i as f32).collect();
        let b: Vec<f64> = (0..21).map(f64::from).collect();
        assert!((dot(&a, &b) - 2870.0).abs() < 1e-9);
    }
}
