//! Features brought to scale by statistics of the training split, for AURA and its rivals alike.

use std::ops::Range;

use rayon::prelude::*;

use crate::counted::counted;
use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::sets::{Matrix, Rows};

use super::config::Standardise;

/// A dimension whose variance is below this share of its squared mean is constant: what is left is the rounding of f32, whose
/// variance is about 10⁻¹⁵ of the squared value. The share does not depend on the units that a column is in.
const CONSTANT: f64 = 1e-13;

/// Mean and factor of each dimension: x ↦ (x − mean) · factor.
///
/// A dimension that is constant in training is 0 everywhere. Dividing by its rounding noise would invent something; and to
/// pass on what it does elsewhere would hand the model a value of any size, in a dimension of which it has learned nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Standardiser {
    /// What is subtracted, D values.
    pub mean: Vec<f64>,
    /// What it is multiplied with, D values.
    pub factor: Vec<f64>,
}

impl Standardiser {
    /// Statistics of the training split (ddof 0), in two passes over its blocks; tokens of `width` values count over images and
    /// positions together.
    ///
    /// # Errors
    /// If the values cannot be read; [`crate::Error::Interrupted`].
    pub fn fit(values: &Rows, width: usize, mode: Standardise, interrupt: &Interrupt) -> Result<Self> {
        let rows = (values.len() * values.cols() / width.max(1)).max(1) as f64;
        if mode == Standardise::None {
            return Ok(Self {
                mean: vec![0.0; width],
                factor: vec![1.0; width],
            });
        }
        let mut mean = vec![0.0_f64; width];
        for block in values.blocks() {
            interrupt.check()?;
            for row in values.read(block)?.data.chunks_exact(width) {
                for (sum, &value) in mean.iter_mut().zip(row) {
                    *sum += f64::from(value);
                }
            }
        }
        for sum in &mut mean {
            *sum /= rows;
        }
        let mut squares = vec![0.0_f64; width];
        for block in values.blocks() {
            interrupt.check()?;
            for row in values.read(block)?.data.chunks_exact(width) {
                for ((sum, &value), mean) in squares.iter_mut().zip(row).zip(&mean) {
                    let difference = f64::from(value) - mean;
                    *sum += difference * difference;
                }
            }
        }
        let inverse = |variance: f64, squared_mean: f64| {
            if variance <= CONSTANT * squared_mean {
                0.0
            } else {
                1.0 / variance.sqrt()
            }
        };
        let factor = if mode == Standardise::Dimension {
            let each = squares.iter().zip(&mean);
            each.map(|(sum, mean)| inverse(sum / rows, mean * mean)).collect()
        } else {
            let variance = squares.iter().sum::<f64>() / width as f64 / rows;
            let squared_mean = mean.iter().map(|mean| mean * mean).sum::<f64>() / width as f64;
            vec![inverse(variance, squared_mean); width]
        };
        Ok(Self { mean, factor })
    }

    /// Whether all statistics are finite, as they are if the features are.
    pub fn is_finite(&self) -> bool {
        self.mean.iter().chain(&self.factor).all(|value| value.is_finite())
    }

    /// Standardised features, row-major; in f32, as a device computes them.
    pub fn narrow(&self, mut values: Matrix) -> Vec<f32> {
        let (mean, factor) = (self.mean_f32(), self.factor_f32());
        each_tile(&mut values.data, mean.len(), |tile, columns| {
            let count = columns.len();
            let (tile, mean, factor) = (&mut tile[..count], &mean[columns.clone()], &factor[columns]);
            counted(count, |i| {
                tile[i] = (tile[i] - mean[i]) * factor[i];
            });
        });
        values.data
    }

    /// All standardised features, row-major; in f64 up to the last step, so that little is lost where a mean is large.
    pub fn apply(&self, mut values: Matrix) -> Vec<f32> {
        each_tile(&mut values.data, self.mean.len(), |tile, columns| {
            let count = columns.len();
            let (tile, mean, factor) = (&mut tile[..count], &self.mean[columns.clone()], &self.factor[columns]);
            counted(count, |i| {
                tile[i] = ((f64::from(tile[i]) - mean[i]) * factor[i]) as f32;
            });
        });
        values.data
    }

    /// The means as they are stored and as a device has them.
    pub fn mean_f32(&self) -> Vec<f32> {
        self.mean.iter().map(|&value| value as f32).collect()
    }

    /// The factors as they are stored and as a device has them.
    pub fn factor_f32(&self) -> Vec<f32> {
        self.factor.iter().map(|&value| value as f32).collect()
    }
}

/// Values up to which one thread does the work: waking others takes longer.
const ALONE: usize = 1 << 17;
/// Columns whose statistics stay in the nearest cache from vector to vector.
const TILE: usize = 1 << 10;
/// Vectors that one thread works on together, at most; fewer where they are wide.
const TOGETHER: usize = 16;

/// Some columns of every vector, and which they are.
fn each_tile(values: &mut [f32], width: usize, work: impl Fn(&mut [f32], Range<usize>) + Sync + Send) {
    let together = |vectors: &mut [f32]| {
        for columns in (0..width).step_by(TILE).map(|start| start..(start + TILE).min(width)) {
            for vector in vectors.chunks_exact_mut(width) {
                work(&mut vector[columns.clone()], columns.clone());
            }
        }
    };
    if values.len() < ALONE {
        together(values);
    } else {
        let vectors = (ALONE / width.max(1)).clamp(1, TOGETHER);
        values.par_chunks_mut(vectors * width).for_each(together);
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "exact by construction")]
mod tests {
    use super::*;

    fn matrix(cols: usize, data: Vec<f32>) -> Matrix {
        Matrix {
            rows: data.len() / cols,
            cols,
            data,
        }
    }

    fn fit(values: &Matrix, width: usize, mode: Standardise) -> Standardiser {
        Standardiser::fit(&values.clone().into(), width, mode, &Interrupt::default()).unwrap()
    }

    #[test]
    fn standardised_training_features_have_mean_zero() {
        let values = matrix(2, vec![1.0, 5.0, 2.0, 5.0, 3.0, 5.0]);
        let global = fit(&values, 2, Standardise::Global).narrow(values.clone());
        assert!((global[0] + global[2] + global[4]).abs() < 1e-6);
        let each = fit(&values, 2, Standardise::Dimension);
        let gathered = each.narrow(values.clone());
        assert!((gathered[4] - 1.224_745).abs() < 1e-5, "{gathered:?}");
        assert_eq!(gathered[5], 0.0);
        assert_eq!(gathered, each.apply(values));
    }

    /// Wide and many: more columns and more vectors than are worked on together, and a rest of both.
    #[test]
    fn every_value_meets_the_statistics_of_its_column() {
        let (rows, cols) = (3 * TOGETHER + 5, 3 * TILE + 7);
        let wave = |at: usize| (at as f32 * 0.37).sin() + (at % cols) as f32;
        let values = matrix(cols, (0..rows * cols).map(wave).collect());
        assert!(values.data.len() > ALONE);
        let fitted = fit(&values, cols, Standardise::Dimension);
        let seen = fitted.apply(values.clone());
        for (at, (&value, &seen)) in values.data.iter().zip(&seen).enumerate() {
            let own = at % cols;
            assert_eq!(
                seen,
                ((f64::from(value) - fitted.mean[own]) * fitted.factor[own]) as f32
            );
        }
    }

    #[test]
    fn what_is_constant_in_training_says_nothing_elsewhere() {
        // Constant; constant but for the last bit of f32; of tiny values in units of its own; zero.
        let last_bit = f32::from_bits(1000.3_f32.to_bits() + 1);
        let train = matrix(
            4,
            vec![7.0, 1000.3, 1e-9, 0.0, 7.0, last_bit, 3e-9, 0.0, 7.0, 1000.3, 2e-9, 0.0],
        );
        let fitted = fit(&train, 4, Standardise::Dimension);
        let test = matrix(4, vec![1e6, 2000.0, 3e-9, 5.0]);
        let seen = fitted.apply(test);
        assert_eq!((seen[0], seen[1], seen[3]), (0.0, 0.0, 0.0));
        assert!((seen[2] - 1.224_745).abs() < 1e-4, "units do not matter: {seen:?}");
        let nothing = fit(&matrix(1, vec![3.0, 3.0]), 1, Standardise::Global);
        assert_eq!(nothing.factor, [0.0]);
        assert!(!fit(&matrix(1, vec![f32::NAN, 3.0]), 1, Standardise::Dimension).is_finite());
    }
}
