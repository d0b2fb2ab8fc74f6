//! Ridge regression of several outputs, each on the samples that name it (Hoerl & Kennard 1970).
//!
//! minimises ‖y − Xw − b‖² + α‖w‖² per output, as scikit-learn's `Ridge`. Outputs with the same known samples share one Gram
//! matrix, and a path of α shares it too; it is d × d, or n × n where an output has fewer samples than dimensions.

use super::blocks::blocks;
use super::linalg::{BLOCK, Cholesky, Dense};
use super::linear::Linear;
use super::samples::{Answers, Rows};
use crate::error::Result;
use crate::interrupt::Interrupt;

/// What an intercept is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intercept {
    /// Fitted and not penalised: both sides are centred.
    Free,
    /// The mean of the known answers, whatever the features are.
    Mean,
}

/// Outputs that share a Gram matrix.
#[derive(Debug)]
struct Group {
    outputs: Vec<usize>,
    /// Mean of the features, or zeros; d values.
    mean: Vec<f64>,
    /// Mean of each output.
    level: Vec<f64>,
    /// The samples, n × d and centred, where there are fewer than dimensions; their Gram matrix is n × n.
    samples: Option<Dense>,
    /// `XᵀX` or `XXᵀ`.
    gram: Dense,
    /// `XᵀY` or `Y`.
    right: Dense,
}

/// Ridge regression for a path of penalties.
#[derive(Debug)]
pub struct Ridge {
    width: usize,
    outputs: usize,
    groups: Vec<Group>,
}

impl Ridge {
    /// Gram matrices of all outputs; one pass over the samples. One matrix a set of known samples stays in memory.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub fn new(x: &dyn Rows, answers: &Answers<'_>, intercept: Intercept, interrupt: &Interrupt) -> Result<Self> {
        let (n, d) = (x.count(), x.width());
        // Near the mean, so that subtracting the outer product of the mean afterwards loses nothing.
        let near = match intercept {
            Intercept::Free => column_means(&x.read(0..n.min(BLOCK))?),
            Intercept::Mean => vec![0.0; d],
        };
        let sets = answers.groups();
        let mut parts: Vec<(Group, Dense)> = Vec::with_capacity(sets.len());
        for (outputs, rows) in &sets {
            let (level, right) = answers.centred(outputs, rows);
            let few = rows.len() < d;
            let group = Group {
                outputs: outputs.clone(),
                mean: vec![0.0; d],
                level,
                samples: few.then(|| Dense::zeros(0, d)),
                gram: if few { Dense::zeros(0, 0) } else { Dense::zeros(d, d) },
                right: if few {
                    right.clone()
                } else {
                    Dense::zeros(d, outputs.len())
                },
            };
            parts.push((group, right));
        }
        let mut read = vec![0; sets.len()];
        for range in blocks(n, BLOCK) {
            interrupt.check()?;
            let mut block = x.read(range.clone())?;
            for row in block.data.chunks_exact_mut(d) {
                row.iter_mut().zip(&near).for_each(|(v, c)| *v -= c);
            }
            for (((group, right), (_, rows)), read) in parts.iter_mut().zip(&sets).zip(&mut read) {
                let start = *read;
                *read += rows[start..].iter().take_while(|&&i| i < range.end).count();
                let picked = pick(&block, &rows[start..*read], range.start);
                for row in picked.data.chunks_exact(d) {
                    group.mean.iter_mut().zip(row).for_each(|(m, v)| *m += v);
                }
                if let Some(samples) = &mut group.samples {
                    samples.data.extend_from_slice(&picked.data);
                    samples.rows += picked.rows;
                } else {
                    interrupt.check()?;
                    group.gram.add_gram(&picked);
                    let k = right.cols;
                    let right = Dense {
                        rows: picked.rows,
                        cols: k,
                        data: right.data[start * k..*read * k].to_vec(),
                    };
                    group.right.add_transposed_times(&picked, &right);
                }
            }
        }
        let mut groups = Vec::with_capacity(parts.len());
        for ((mut group, _), (_, rows)) in parts.into_iter().zip(&sets) {
            interrupt.check()?;
            group.finish(rows.len(), &near, intercept);
            groups.push(group);
        }
        Ok(Self {
            width: d,
            outputs: answers.outputs,
            groups,
        })
    }

    /// Weights for a penalty α ≥ 0. An output that is known for no sample gets zeros.
    ///
    /// # Errors
    /// [`crate::Error::Data`] if features are no numbers; [`crate::Error::Interrupted`].
    pub fn solve(&self, alpha: f64, interrupt: &Interrupt) -> Result<Linear> {
        let mut weights = Dense::zeros(self.width, self.outputs);
        let mut bias = vec![0.0; self.outputs];
        for group in &self.groups {
            let solved = Cholesky::new(&group.gram, alpha, interrupt)?.solve(group.right.clone());
            let solved = match &group.samples {
                None => solved,
                Some(samples) => {
                    let mut primal = Dense::zeros(self.width, solved.cols);
                    primal.add_transposed_times(samples, &solved);
                    primal
                }
            };
            for (at, (&o, level)) in group.outputs.iter().zip(&group.level).enumerate() {
                bias[o] = *level;
                for (j, mean) in group.mean.iter().enumerate() {
                    let w = solved.row(j)[at];
                    weights.row_mut(j)[o] = w;
                    bias[o] -= w * mean;
                }
            }
        }
        Ok(Linear { weights, bias })
    }
}

impl Group {
    /// Turns sums over samples less `near` into what is solved.
    fn finish(&mut self, count: usize, near: &[f64], intercept: Intercept) {
        let (d, n) = (near.len(), count.max(1) as f64);
        if intercept == Intercept::Free {
            self.mean.iter_mut().for_each(|m| *m /= n);
        } else {
            self.mean.fill(0.0);
        }
        if let Some(samples) = &mut self.samples {
            for row in samples.data.chunks_exact_mut(d) {
                row.iter_mut().zip(&self.mean).for_each(|(v, m)| *v -= m);
            }
            self.gram = samples.times_transposed(samples);
        } else {
            for i in 0..d {
                for j in 0..=i {
                    self.gram.data[i * d + j] -= n * self.mean[i] * self.mean[j];
                }
            }
            self.gram.mirror();
        }
        self.mean.iter_mut().zip(near).for_each(|(m, c)| *m += c);
    }
}

/// Rows of a block that starts at sample `start`.
fn pick(block: &Dense, rows: &[usize], start: usize) -> Dense {
    Dense {
        rows: rows.len(),
        cols: block.cols,
        data: rows.iter().flat_map(|i| block.row(i - start)).copied().collect(),
    }
}

fn column_means(block: &Dense) -> Vec<f64> {
    let mut mean = vec![0.0; block.cols];
    for row in block.data.chunks_exact(block.cols) {
        mean.iter_mut().zip(row).for_each(|(m, v)| *m += v);
    }
    for m in &mut mean {
        *m /= block.rows.max(1) as f64;
    }
    mean
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solver::samples::Table;

    /// Features and three outputs: two known everywhere, one for a few samples only.
    fn data(n: usize, d: usize, few: usize) -> (Vec<f32>, Vec<f64>, Vec<bool>) {
        let x: Vec<f32> = (0..n * d).map(|i| ((i * i + 3 * i) % 17) as f32 / 5.0 + 4.0).collect();
        let y = (0..3 * n)
            .map(|i| ((i * 7) % 11) as f64 + f64::from(x[i % (n * d)]))
            .collect();
        let known = (0..3 * n).map(|i| i % 3 < 2 || i / 3 < few).collect();
        (x, y, known)
    }

    #[test]
    fn gradients_vanish_in_both_forms_and_unknown_answers_do_not_count() {
        let (n, d, alpha) = (BLOCK + 30, 6, 2.5);
        for few in [4, 40] {
            let (x, mut y, known) = data(n, d, few);
            let fit = |y: &[f64]| {
                let answers = Answers {
                    y,
                    known: &known,
                    outputs: 3,
                };
                let ridge = Ridge::new(
                    &Table { x: &x, width: d },
                    &answers,
                    Intercept::Free,
                    &Interrupt::default(),
                )
                .unwrap();
                assert_eq!(ridge.groups.len(), 2);
                ridge.solve(alpha, &Interrupt::default()).unwrap()
            };
            let linear = fit(&y);
            for o in 0..3 {
                let rows: Vec<usize> = (0..n).filter(|i| known[i * 3 + o]).collect();
                let value = |i: usize, j: usize| f64::from(x[i * d + j]);
                let miss = |i: usize| {
                    let f: f64 = (0..d).map(|j| value(i, j) * linear.weights.row(j)[o]).sum();
                    f + linear.bias[o] - y[i * 3 + o]
                };
                assert!(rows.iter().map(|&i| miss(i)).sum::<f64>().abs() < 1e-7);
                for j in 0..d {
                    let slope: f64 = rows.iter().map(|&i| miss(i) * value(i, j)).sum();
                    assert!((slope + alpha * linear.weights.row(j)[o]).abs() < 1e-6);
                }
            }
            for (y, known) in y.iter_mut().zip(&known) {
                if !known {
                    *y = f64::NAN;
                }
            }
            assert_eq!(fit(&y), linear);
        }
    }

    #[test]
    fn an_output_that_nobody_knows_is_zero() {
        let (x, y, mut known) = data(20, 3, 10);
        known.iter_mut().skip(2).step_by(3).for_each(|k| *k = false);
        let answers = Answers {
            y: &y,
            known: &known,
            outputs: 3,
        };
        let table = Table { x: &x, width: 3 };
        let linear = Ridge::new(&table, &answers, Intercept::Free, &Interrupt::default())
            .unwrap()
            .solve(1.0, &Interrupt::default())
            .unwrap();
        assert_eq!((linear.bias[2], linear.weights.row(1)[2]), (0.0, 0.0));
    }
}
