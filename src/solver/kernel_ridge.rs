//! Kernel ridge regression (Saunders, Gammerman & Vovk 1998) with an RBF kernel.
//!
//! a = (K + λI)⁻¹(y − ȳ), as scikit-learn's `KernelRidge` on answers less the mean of the known ones. Beyond a number of
//! samples the kernel is that of Nyström features, and ridge regression on them gives the same scores without the n × n matrix.

use std::sync::Arc;

use super::expansion::{Described, Expansion};
use super::kernel::{Basis, Products, Width};
use super::linalg::{Cholesky, Dense};
use super::linear::Linear;
use super::ridge::{Intercept, Ridge};
use super::samples::{Answers, Rows};
use crate::error::Result;
use crate::interrupt::Interrupt;

/// Outputs that are known for the same samples.
#[derive(Debug)]
struct Group {
    outputs: Vec<usize>,
    rows: Vec<usize>,
    mean: Vec<f64>,
    /// rows × outputs, less the mean.
    right: Dense,
}

#[derive(Debug)]
enum Form {
    /// n × n kernel.
    Exact {
        kernel: Dense,
        groups: Vec<Group>,
    },
    Features(Ridge),
}

/// Kernel ridge regression for one width and a path of penalties.
#[derive(Debug)]
pub struct KernelRidge {
    basis: Arc<Basis>,
    outputs: usize,
    form: Form,
}

impl KernelRidge {
    /// The kernel of the training samples, or the Gram matrices of their Nyström features.
    ///
    /// # Errors
    /// [`crate::Error::Data`] if features are no numbers; [`crate::Error::Interrupted`].
    pub fn new(x: &dyn Rows, answers: &Answers<'_>, width: &Width<'_>, interrupt: &Interrupt) -> Result<Self> {
        Self::sharing(&mut None, x, answers, width, interrupt)
    }

    /// The same for another width, for which the inner products of the training samples are not computed again; where the
    /// kernel is exact they are left here.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn sharing(
        products: &mut Option<Products>,
        x: &dyn Rows,
        answers: &Answers<'_>,
        width: &Width<'_>,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let basis = Basis::new(x, width, interrupt)?;
        let form = if let Some(kernel) = basis.exact() {
            let groups = answers.groups().into_iter().map(|(outputs, rows)| {
                let (mean, right) = answers.centred(&outputs, &rows);
                Group {
                    outputs,
                    rows,
                    mean,
                    right,
                }
            });
            let own = match products.take() {
                Some(own) => own,
                None => kernel.own_products(interrupt)?,
            };
            Form::Exact {
                kernel: kernel.matrix_of_products(products.insert(own), interrupt)?,
                groups: groups.collect(),
            }
        } else {
            let described = Described {
                basis: &basis,
                samples: x,
            };
            Form::Features(Ridge::new(&described, answers, Intercept::Mean, interrupt)?)
        };
        Ok(Self {
            basis: Arc::new(basis),
            outputs: answers.outputs,
            form,
        })
    }

    /// What samples are described by: with [`Basis::describe`] once and [`Linear::apply`] for each penalty, a path is judged
    /// on the same samples without computing their kernels again.
    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    /// Scores for a penalty λ ≥ 0. An output that is known for no sample gets zeros.
    ///
    /// # Errors
    /// [`crate::Error::Data`] if features are no numbers; [`crate::Error::Interrupted`].
    pub fn solve(&self, lambda: f64, interrupt: &Interrupt) -> Result<Expansion> {
        let linear = match &self.form {
            Form::Features(ridge) => ridge.solve(lambda, interrupt)?,
            Form::Exact { kernel, groups } => {
                let mut weights = Dense::zeros(kernel.rows, self.outputs);
                let mut bias = vec![0.0; self.outputs];
                for group in groups {
                    interrupt.check()?;
                    let solved = if group.rows.len() == kernel.rows {
                        Cholesky::new(kernel, lambda, interrupt)?
                    } else {
                        Cholesky::new(&principal(kernel, &group.rows), lambda, interrupt)?
                    }
                    .solve(group.right.clone());
                    for (at, (&o, &mean)) in group.outputs.iter().zip(&group.mean).enumerate() {
                        bias[o] = mean;
                        for (&i, row) in group.rows.iter().zip(solved.data.chunks_exact(solved.cols)) {
                            weights.row_mut(i)[o] = row[at];
                        }
                    }
                }
                Linear { weights, bias }
            }
        };
        Ok(Expansion {
            basis: Arc::clone(&self.basis),
            linear,
        })
    }
}

/// Rows and columns of a square matrix.
fn principal(all: &Dense, rows: &[usize]) -> Dense {
    let mut data = Vec::with_capacity(rows.len() * rows.len());
    for &i in rows {
        data.extend(rows.iter().map(|&j| all.row(i)[j]));
    }
    Dense {
        rows: rows.len(),
        cols: rows.len(),
        data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solver::kernel::Shape;
    use crate::solver::samples::Table;

    /// 60 × 4 features, two outputs; the second is unknown for every third sample.
    fn data() -> (Vec<f32>, Vec<f64>, Vec<bool>) {
        let x = (0..240).map(|i| ((i * i + 5 * i) % 101) as f32 / 30.0 - 1.6).collect();
        let y = (0..120).map(|i| f64::from((i * 7) % 13)).collect();
        let known = (0..120).map(|i| i % 2 == 0 || i / 2 % 3 > 0).collect();
        (x, y, known)
    }

    #[test]
    fn with_all_samples_as_landmarks_both_forms_agree() {
        let (x, y, known) = data();
        let table = Table { x: &x, width: 4 };
        let answers = Answers {
            y: &y,
            known: &known,
            outputs: 2,
        };
        let landmarks: Vec<usize> = (0..60).collect();
        let scores = |limit: usize| {
            let width = Width {
                shape: Shape::rbf(0.8),
                limit,
                landmarks: &landmarks,
            };
            // Inner products of another kernel serve this one.
            let (mut products, other) = (
                None,
                Width {
                    shape: Shape::rbf(0.3),
                    ..width
                },
            );
            KernelRidge::sharing(&mut products, &table, &answers, &other, &Interrupt::default()).unwrap();
            assert_eq!(products.is_some(), limit == 60);
            let path = KernelRidge::sharing(&mut products, &table, &answers, &width, &Interrupt::default()).unwrap();
            let fit = path.solve(0.3, &Interrupt::default()).unwrap();
            let direct = fit.predict(&table, &Interrupt::default()).unwrap();
            assert_eq!(
                fit.linear
                    .apply(&path.basis().describe(&table, &Interrupt::default()).unwrap()),
                direct
            );
            direct
        };
        let (exact, features) = (scores(60), scores(59));
        assert!(exact.data.iter().zip(&features.data).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn residuals_are_the_penalty_times_the_dual_weights() {
        let (x, y, known) = data();
        let table = Table { x: &x, width: 4 };
        let answers = Answers {
            y: &y,
            known: &known,
            outputs: 2,
        };
        let width = Width {
            shape: Shape::rbf(2.0),
            limit: 100,
            landmarks: &[],
        };
        let fit = KernelRidge::new(&table, &answers, &width, &Interrupt::default())
            .unwrap()
            .solve(0.7, &Interrupt::default())
            .unwrap();
        let scores = fit.predict(&table, &Interrupt::default()).unwrap();
        for i in 0..120 {
            let weight = fit.linear.weights.data[i];
            if known[i] {
                assert!((y[i] - scores.data[i] - 0.7 * weight).abs() < 1e-9);
            } else {
                assert!(weight.abs() < f64::MIN_POSITIVE);
            }
        }
    }
}
