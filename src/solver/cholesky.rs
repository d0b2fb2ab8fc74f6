//! Cholesky factors and triangular solves by halving, so that nearly all of the work is products of large blocks.

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2, Axis, s};

use super::blocks::blocks;
use super::product::multiply;
use crate::counted::counted;
use crate::error::Result;
use crate::interrupt::Interrupt;

/// Size below which sums are written out.
const SMALL: usize = 32;
/// Rows or columns of a product between two looks for Ctrl-C.
pub const PANEL: usize = 256;

/// c += α·a·aᵀ from the diagonal down, in a range of at most [`PANEL`] columns; above the diagonal of its first square it writes
/// what nothing reads.
pub fn add_panel(alpha: f64, a: &ArrayView2<'_, f64>, cols: Range<usize>, c: &mut ArrayViewMut2<'_, f64>) {
    let (start, end) = (cols.start, cols.end);
    let mut part = c.slice_mut(s![start.., start..end]);
    multiply(
        alpha,
        &a.slice(s![start.., ..]),
        &a.slice(s![start..end, ..]).t(),
        1.0,
        &mut part,
    );
}

/// Overwrites the lower triangle by its factor; false if the matrix is indefinite.
///
/// # Errors
/// [`crate::Error::Interrupted`].
pub fn factorise(mut a: ArrayViewMut2<'_, f64>, interrupt: &Interrupt) -> Result<bool> {
    let n = a.nrows();
    if n <= SMALL {
        for i in 0..n {
            for j in 0..=i {
                let sum = a[[i, j]] - (0..j).map(|k| a[[i, k]] * a[[j, k]]).sum::<f64>();
                if i > j {
                    a[[i, j]] = sum / a[[j, j]];
                } else if sum > 0.0 && sum.is_finite() {
                    a[[i, i]] = sum.sqrt();
                } else {
                    return Ok(false);
                }
            }
        }
        return Ok(true);
    }
    let half = n / 2;
    let (head, foot) = a.view_mut().split_at(Axis(0), half);
    let (mut head, _) = head.split_at(Axis(1), half);
    let (mut below, mut rest) = foot.split_at(Axis(1), half);
    if !factorise(head.view_mut(), interrupt)? {
        return Ok(false);
    }
    for rows in blocks(n - half, PANEL) {
        interrupt.check()?;
        whiten(&head.view(), below.slice_mut(s![rows, ..]));
    }
    for cols in blocks(n - half, PANEL) {
        interrupt.check()?;
        add_panel(-1.0, &below.view(), cols, &mut rest);
    }
    factorise(rest, interrupt)
}

/// b ← b · L⁻ᵀ.
pub fn whiten(l: &ArrayView2<'_, f64>, b: ArrayViewMut2<'_, f64>) {
    let n = l.nrows();
    if n <= SMALL {
        // Value by value, each taken out of all that follow: a processor does four or eight of these at once.
        let mut columns = [[0.0; SMALL]; SMALL];
        for ((i, k), &value) in l.indexed_iter() {
            columns[k][i] = value;
        }
        let mut b = b;
        for mut row in b.rows_mut() {
            let mut own = [0.0; SMALL];
            counted(n, |j| own[j] = row[j]);
            counted(n, |j| {
                let (solved, column) = (own[j] / columns[j][j], &columns[j]);
                own[j] = solved;
                let (behind, below) = (&mut own[j + 1..n], &column[j + 1..n]);
                counted(n - j - 1, |i| behind[i] -= solved * below[i]);
            });
            counted(n, |j| row[j] = own[j]);
        }
        return;
    }
    let half = n / 2;
    let (mut left, mut right) = b.split_at(Axis(1), half);
    whiten(&l.slice(s![..half, ..half]), left.view_mut());
    multiply(-1.0, &left.view(), &l.slice(s![half.., ..half]).t(), 1.0, &mut right);
    whiten(&l.slice(s![half.., half..]), right);
}

/// b ← L⁻¹ · b.
pub fn forward(l: &ArrayView2<'_, f64>, b: ArrayViewMut2<'_, f64>) {
    let n = l.nrows();
    if n <= SMALL {
        let mut b = b;
        for mut column in b.columns_mut() {
            for i in 0..n {
                let sum = column[i] - (0..i).map(|k| l[[i, k]] * column[k]).sum::<f64>();
                column[i] = sum / l[[i, i]];
            }
        }
        return;
    }
    let half = n / 2;
    let (mut head, mut foot) = b.split_at(Axis(0), half);
    forward(&l.slice(s![..half, ..half]), head.view_mut());
    multiply(-1.0, &l.slice(s![half.., ..half]), &head.view(), 1.0, &mut foot);
    forward(&l.slice(s![half.., half..]), foot);
}

/// b ← L⁻ᵀ · b.
pub fn backward(l: &ArrayView2<'_, f64>, b: ArrayViewMut2<'_, f64>) {
    let n = l.nrows();
    if n <= SMALL {
        let mut b = b;
        for mut column in b.columns_mut() {
            for i in (0..n).rev() {
                let sum = column[i] - (i + 1..n).map(|k| l[[k, i]] * column[k]).sum::<f64>();
                column[i] = sum / l[[i, i]];
            }
        }
        return;
    }
    let half = n / 2;
    let (mut head, mut foot) = b.split_at(Axis(0), half);
    backward(&l.slice(s![half.., half..]), foot.view_mut());
    multiply(-1.0, &l.slice(s![half.., ..half]).t(), &foot.view(), 1.0, &mut head);
    backward(&l.slice(s![..half, ..half]), head);
}
