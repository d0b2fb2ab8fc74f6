//! Row-major f64 matrices, products and Cholesky factors, over faer's sequential kernels.
//!
//! faer splits no sum by thread here ([`Par::Seq`]); results depend on the instruction set, not on the number of threads.

use std::ops::Range;

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place};
use faer::prelude::{Reborrow, ReborrowMut};
use faer::{Accum, MatMut, MatRef, Par};

use crate::error::{Error, Result};
use crate::interrupt::Interrupt;

/// Rows of a block of a product.
pub const BLOCK: usize = 512;
/// Columns of a panel of a Cholesky factor, and so what is computed between two looks for Ctrl-C.
const PANEL: usize = 256;
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

    fn view(&self) -> MatRef<'_, f64> {
        MatRef::from_row_major_slice(&self.data, self.rows, self.cols)
    }

    fn view_mut(&mut self) -> MatMut<'_, f64> {
        MatMut::from_row_major_slice_mut(&mut self.data, self.rows, self.cols)
    }

    /// self · b.
    pub fn times(&self, b: &Self) -> Self {
        let mut product = Self::zeros(self.rows, b.cols);
        matmul(product.view_mut(), Accum::Replace, self.view(), b.view(), 1.0, Par::Seq);
        product
    }

    /// self · bᵀ.
    pub fn times_transposed(&self, b: &Self) -> Self {
        let mut product = Self::zeros(self.rows, b.rows);
        matmul(
            product.view_mut(),
            Accum::Replace,
            self.view(),
            b.view().transpose(),
            1.0,
            Par::Seq,
        );
        product
    }

    /// self += aᵀ · b.
    pub fn add_transposed_times(&mut self, a: &Self, b: &Self) {
        matmul(
            self.view_mut(),
            Accum::Add,
            a.view().transpose(),
            b.view(),
            1.0,
            Par::Seq,
        );
    }

    /// self += aᵀ · a in the lower triangle; [`Self::mirror`] completes the matrix.
    pub fn add_gram(&mut self, a: &Self) {
        let full = BlockStructure::Rectangular;
        triangular::matmul(
            self.view_mut(),
            BlockStructure::TriangularLower,
            Accum::Add,
            a.view().transpose(),
            full,
            a.view(),
            full,
            1.0,
            Par::Seq,
        );
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

/// 0..n in pieces of `size`, the last one shorter.
pub fn blocks(n: usize, size: usize) -> impl Iterator<Item = Range<usize>> {
    (0..n).step_by(size.max(1)).map(move |start| start..n.min(start + size))
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

/// Lower Cholesky factor L of a symmetric matrix, L·Lᵀ = A.
#[derive(Debug, Clone)]
pub struct Cholesky {
    /// n × n, column-major; what stands above the diagonal means nothing.
    factor: Vec<f64>,
    n: usize,
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
            // Symmetric: row-major is column-major.
            let mut factor = a.data.clone();
            for i in 0..n {
                factor[i * n + i] += alpha + jitter;
            }
            if factorise(&mut factor, n, interrupt)? {
                return Ok(Self { factor, n });
            }
            jitter = JITTER * 100.0_f64.powi(attempt as i32) * (a.mean_diagonal() + alpha).abs();
        }
        Err(Error::unusable_table(
            "features hold values that are no numbers; extract them again, or look for a broken image",
        ))
    }

    fn lower(&self) -> MatRef<'_, f64> {
        MatRef::from_column_major_slice(&self.factor, self.n, self.n)
    }

    /// A⁻¹ · b for b of n rows.
    pub fn solve(&self, mut b: Dense) -> Dense {
        solve_lower_triangular_in_place(self.lower(), b.view_mut(), Par::Seq);
        solve_upper_triangular_in_place(self.lower().transpose(), b.view_mut(), Par::Seq);
        b
    }

    /// b · L⁻ᵀ for b of n columns.
    pub fn whiten(&self, mut b: Dense) -> Dense {
        solve_lower_triangular_in_place(self.lower(), b.view_mut().transpose_mut(), Par::Seq);
        b
    }
}

/// Overwrites the lower triangle of a column-major matrix by its factor, panel by panel; false if it is indefinite.
fn factorise(a: &mut [f64], n: usize, interrupt: &Interrupt) -> Result<bool> {
    let mut rest = MatMut::from_column_major_slice_mut(a, n, n);
    let mut buffer = MemBuffer::new(cholesky_in_place_scratch::<f64>(PANEL, Par::Seq, Default::default()));
    while rest.nrows() > 0 {
        interrupt.check()?;
        let width = PANEL.min(rest.nrows());
        let (mut head, _, mut below, mut trailing) = rest.split_at_mut(width, width);
        let stack = MemStack::new(&mut buffer);
        let factored = cholesky_in_place(head.rb_mut(), Default::default(), Par::Seq, stack, Default::default());
        if factored.is_err() {
            return Ok(false);
        }
        solve_lower_triangular_in_place(head.rb(), below.rb_mut().transpose_mut(), Par::Seq);
        let left = trailing.nrows();
        for cols in blocks(left, PANEL) {
            interrupt.check()?;
            let (start, width) = (cols.start, cols.len());
            // Above the diagonal of its first square, this writes what nothing reads.
            matmul(
                trailing.rb_mut().submatrix_mut(start, start, left - start, width),
                Accum::Add,
                below.rb().subrows(start, left - start),
                below.rb().subrows(start, width).transpose(),
                -1.0,
                Par::Seq,
            );
        }
        rest = trailing;
    }
    // NaN passes every comparison with 0 that a factorisation makes.
    Ok((0..n).all(|i| a[i * n + i].is_finite()))
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
        let n = 2 * PANEL + 37;
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
        assert_eq!(dot(&a, &b), 2870.0);
    }
}
