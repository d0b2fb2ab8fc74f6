//! How strongly the objective of a linear probe bends, so that its minimum is found in tens of steps instead of hundreds.
//!
//! Output k of a linear model bends by about sₖ·G + λₖI: G the mean of x·xᵀ, sₖ the mean second derivative of its loss, λₖ its
//! penalty. Features vary along few directions, so G is taken as it is along those where it is largest, found by subspace
//! iteration (Halko, Martinsson & Tropp 2011), and as a multiple of the identity across them. Only the way to the minimum depends
//! on this, not the minimum.

use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::solver::linalg::{Cholesky, Dense};

use super::host::lot;
use super::input::{Features, tensor, values};

/// Directions along which G is known.
const DIRECTIONS: usize = 64;
/// Samples that it is taken from, at most. Of 20,000 drawn samples of 512 values that costs the minimiser none to four steps of some
/// twenty; of patch tokens, products of all samples with all directions would take longer than these steps.
const SAMPLED: usize = 4_096;
/// Rounds of subspace iteration.
const ROUNDS: usize = 3;
/// Least second derivative: where a model is certain of every sample, none is left.
const LEAST: f64 = 1e-4;

/// The part of the curvature that depends on features alone.
pub struct Curvature {
    /// D × r, orthonormal columns.
    basis: Dense,
    /// basisᵀ·G·basis, r × r.
    along: Dense,
    /// G across the basis, on average.
    across: f64,
}

impl Curvature {
    /// Curvature over these features.
    ///
    /// # Errors
    /// [`crate::Error::Data`] if features are no numbers; [`crate::Error::Interrupted`]; a failing device.
    pub fn of(x: &Features, interrupt: &Interrupt) -> Result<Self> {
        let few = (x.rows > SAMPLED)
            .then(|| x.select(&lot(x.rows, SAMPLED)))
            .transpose()?;
        let x = few.as_ref().unwrap_or(x);
        let (n, d) = (x.rows, x.cols);
        let all = x.squared_norms()?.into_iter().map(f64::from).sum::<f64>() / n as f64;
        let directions = DIRECTIONS.min(d).min(n);
        let product = |basis: &Dense| -> Result<Dense> {
            interrupt.check()?;
            let narrow = basis.data.iter().map(|&v| v as f32).collect();
            let narrow = tensor(narrow, d, basis.cols, &x.device());
            let mut all = Dense::zeros(d, basis.cols);
            for range in x.passes() {
                interrupt.check()?;
                let block = x.slice(range)?;
                let product = block.clone().transpose().matmul(block.matmul(narrow.clone()));
                for (sum, v) in all.data.iter_mut().zip(values(product)?) {
                    *sum += f64::from(v);
                }
            }
            all.data.iter_mut().for_each(|v| *v /= n as f64);
            Ok(all)
        };
        // It starts from samples spread over all.
        let rows: Vec<usize> = (0..directions).map(|i| i * n / directions).collect();
        let samples = values(x.select(&rows)?.slice(0..directions)?.transpose())?;
        if samples.iter().all(|&v| v == 0.0) {
            // They show no direction, be it that features do not vary or that just these lie in the middle of all.
            return Ok(Self {
                basis: Dense::zeros(d, 0),
                along: Dense::zeros(0, 0),
                across: all / d as f64,
            });
        }
        let mut basis = Dense {
            rows: d,
            cols: directions,
            data: samples.into_iter().map(f64::from).collect(),
        };
        for _ in 0..ROUNDS {
            basis = product(&orthonormal(basis, interrupt)?)?;
        }
        basis = orthonormal(basis, interrupt)?;
        let mut along = Dense::zeros(directions, directions);
        along.add_transposed_times(&basis, &product(&basis)?);
        let rest = all - along.mean_diagonal() * directions as f64;
        Ok(Self {
            across: rest.max(0.0) / (d - directions).max(1) as f64,
            basis,
            along,
        })
    }

    /// The inverse for outputs of these second derivatives and penalties (O each).
    ///
    /// # Errors
    /// [`crate::Error::Data`] if features are no numbers; [`crate::Error::Interrupted`].
    pub fn inverse(&self, seconds: &[f64], penalty: &[f64], interrupt: &Interrupt) -> Result<Inverse<'_>> {
        let outputs = seconds.iter().zip(penalty).map(|(&second, &penalty)| {
            let second = second.max(LEAST);
            let ridge = penalty / second;
            Ok(Output {
                second,
                along: Cholesky::new(&self.along, ridge, interrupt)?,
                across: self.across + ridge,
            })
        });
        Ok(Inverse {
            basis: &self.basis,
            outputs: outputs.collect::<Result<_>>()?,
        })
    }
}

/// Columns that span the same space and are orthonormal; twice, for what rounding left the first time.
fn orthonormal(mut basis: Dense, interrupt: &Interrupt) -> Result<Dense> {
    for _ in 0..2 {
        let mut gram = Dense::zeros(basis.cols, basis.cols);
        gram.add_gram(&basis);
        gram.mirror();
        basis = Cholesky::new(&gram, 0.0, interrupt)?.whiten(basis);
    }
    Ok(basis)
}

/// One output's curvature, divided by its second derivative.
struct Output {
    second: f64,
    along: Cholesky,
    across: f64,
}

/// The inverse of a curvature.
pub struct Inverse<'a> {
    basis: &'a Dense,
    outputs: Vec<Output>,
}

impl Inverse<'_> {
    /// Applies it to a gradient: D × O weights, then O intercepts.
    pub fn apply(&self, mut gradient: Vec<f64>) -> Vec<f64> {
        let o = self.outputs.len();
        let intercepts = gradient.split_off(gradient.len() - o);
        let weights = Dense {
            rows: self.basis.rows,
            cols: o,
            data: gradient,
        };
        let r = self.basis.cols;
        let mut along = Dense::zeros(r, o);
        along.add_transposed_times(self.basis, &weights);
        for (k, output) in self.outputs.iter().enumerate() {
            let column = Dense {
                rows: r,
                cols: 1,
                data: (0..r).map(|i| along.data[i * o + k]).collect(),
            };
            let solved = output.along.solve(column);
            for (i, v) in solved.data.into_iter().enumerate() {
                let cell = &mut along.data[i * o + k];
                *cell = v - *cell / output.across;
            }
        }
        let mut step = self.basis.times(&along).data;
        for (step, weight) in step.chunks_exact_mut(o).zip(weights.data.chunks_exact(o)) {
            for ((step, weight), output) in step.iter_mut().zip(weight).zip(&self.outputs) {
                *step = (*step + weight / output.across) / output.second;
            }
        }
        step.extend(
            intercepts
                .iter()
                .zip(&self.outputs)
                .map(|(v, output)| v / output.second),
        );
        step
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rival::tests::reading;
    use crate::sets::Matrix;

    /// n × d values of rank `rank`.
    fn of_rank(n: usize, d: usize, rank: usize) -> Vec<f32> {
        let wave = |i: usize, j: usize| ((i * i + 7 * j * j + 3 * i * j) as f32 * 0.37).sin();
        let cell = |at: usize| (0..rank).map(|r| wave(at / d, r) * wave(r + 50, at % d)).sum();
        (0..n * d).map(cell).collect()
    }

    /// The only sample that is looked at first is the mean: no direction comes of it, and the rest is known as it is.
    #[test]
    fn samples_in_the_middle_of_all_show_no_direction() {
        let matrix = Matrix {
            rows: 5,
            cols: 1,
            data: vec![0.0, -2.0, -1.0, 1.0, 2.0],
        };
        let x = Features::new(matrix.into(), None, reading(usize::MAX)).unwrap();
        let stop = Interrupt::default();
        let curvature = Curvature::of(&x, &stop).unwrap();
        let step = curvature.inverse(&[0.5], &[0.25], &stop).unwrap().apply(vec![1.0, 1.0]);
        let off = (step[0] - 1.0 / (0.5 * 2.0 + 0.25)).abs() + (step[1] - 2.0).abs();
        assert!(off < 1e-12, "{step:?}");
    }

    /// Where the directions hold all that features vary along, few dimensions or few among many, nothing is left out: the inverse
    /// undoes sₖ·G + λₖI.
    #[test]
    fn directions_that_hold_everything_give_the_inverse_itself() {
        for (n, d, rank) in [(40, 5, 5), (120, 100, 3)] {
            let data = of_rank(n, d, rank);
            let matrix = Matrix {
                rows: n,
                cols: d,
                data: data.clone(),
            };
            let x = Features::new(matrix.into(), None, reading(usize::MAX)).unwrap();
            let stop = Interrupt::default();
            let (seconds, penalty) = ([0.2, 0.05], [0.3, 0.01]);
            let curvature = Curvature::of(&x, &stop).unwrap();
            let step: Vec<f64> = (0..(d + 1) * 2).map(|i| (i as f64).cos()).collect();
            let mut gradient: Vec<f64> = step.iter().enumerate().map(|(i, v)| penalty[i % 2] * v).collect();
            for row in data.chunks_exact(d) {
                for k in 0..2 {
                    let score: f64 = (0..d).map(|j| f64::from(row[j]) * step[j * 2 + k]).sum();
                    for j in 0..d {
                        gradient[j * 2 + k] += seconds[k] * score * f64::from(row[j]) / n as f64;
                    }
                }
            }
            for k in 0..2 {
                gradient[d * 2 + k] = seconds[k] * step[d * 2 + k];
            }
            let back = curvature.inverse(&seconds, &penalty, &stop).unwrap().apply(gradient);
            let off = back.iter().zip(&step).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(off < 1e-3, "{d} dimensions: {off}");
        }
    }
}
