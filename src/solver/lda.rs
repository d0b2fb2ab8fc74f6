//! Linear discriminant analysis with a covariance that is shrunk toward a multiple of the identity (Friedman 1989).
//!
//! As scikit-learn's `LinearDiscriminantAnalysis(solver="lsqr", shrinkage=s)`: the covariances of the classes, divided by their
//! counts and weighted by their shares, give S; (1 − s)S + s·tr(S)/d·I is what is inverted. scikit-learn shrinks every class by
//! itself before it adds them up; as shrinking is linear, that is the same.

use super::blocks::blocks;
use super::linalg::{BLOCK, Cholesky, Dense};
use super::linear::Linear;
use super::samples::Rows;
use crate::error::Result;
use crate::interrupt::Interrupt;

/// Least variance: classes of one sample each have none.
const LEAST: f64 = 1e-12;

/// What the covariance within classes is made from.
#[derive(Debug)]
enum Form {
    /// S, d × d.
    Covariance(Dense),
    /// The samples less their class means, n × d, where there are fewer than dimensions, and their n × n products: S has no more
    /// than n directions, and outside them only the identity acts (Woodbury).
    Samples { centred: Dense, products: Dense },
}

/// Class means and the covariance within classes, for a path of shrinkages.
#[derive(Debug)]
pub struct Lda {
    /// K × d.
    means: Dense,
    /// Share of each class.
    priors: Vec<f64>,
    form: Form,
    /// tr(S) / d.
    variance: f64,
    /// Samples that have a class.
    total: f64,
}

impl Lda {
    /// Two passes over the samples; those without a class (`None`) are left out.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub fn new(x: &dyn Rows, labels: &[Option<usize>], classes: usize, interrupt: &Interrupt) -> Result<Self> {
        let d = x.width();
        let mut means = Dense::zeros(classes, d);
        let mut counts = vec![0.0_f64; classes];
        for range in blocks(x.count(), BLOCK) {
            interrupt.check()?;
            let block = x.read(range.clone())?;
            for (row, label) in block.data.chunks_exact(d).zip(&labels[range]) {
                if let Some(c) = *label {
                    counts[c] += 1.0;
                    means.row_mut(c).iter_mut().zip(row).for_each(|(m, v)| *m += v);
                }
            }
        }
        for (c, &count) in counts.iter().enumerate() {
            means.row_mut(c).iter_mut().for_each(|m| *m /= count.max(1.0));
        }
        let total = counts.iter().sum::<f64>().max(1.0);
        let few = x.count() < d;
        let mut covariance = Dense::zeros(if few { 0 } else { d }, d);
        let mut centred = Dense::zeros(0, d);
        let mut squares = 0.0;
        for range in blocks(x.count(), BLOCK) {
            interrupt.check()?;
            let mut block = x.read(range.clone())?;
            for (row, label) in block.data.chunks_exact_mut(d).zip(&labels[range]) {
                match *label {
                    Some(c) => row.iter_mut().zip(means.row(c)).for_each(|(v, m)| *v -= m),
                    None => row.fill(0.0),
                }
            }
            squares += block.data.iter().map(|v| v * v).sum::<f64>();
            if few {
                centred.rows += block.rows;
                centred.data.extend(block.data);
            } else {
                covariance.add_gram(&block);
            }
        }
        let form = if few {
            let products = centred.times_transposed(&centred);
            Form::Samples { centred, products }
        } else {
            covariance.mirror();
            covariance.data.iter_mut().for_each(|v| *v /= total);
            Form::Covariance(covariance)
        };
        Ok(Self {
            means,
            priors: counts.iter().map(|count| count / total).collect(),
            form,
            variance: squares / total / d.max(1) as f64,
            total,
        })
    }

    /// Discriminants for a shrinkage s of 0 to 1; one d × d or n × n factor. A class without samples gets probability 0.
    ///
    /// # Errors
    /// [`crate::Error::Data`] if features are no numbers; [`crate::Error::Interrupted`].
    pub fn solve(&self, shrinkage: f64, interrupt: &Interrupt) -> Result<Discriminants> {
        let (k, d) = (self.priors.len(), self.means.cols);
        let mut right = Dense::zeros(d, k);
        for j in 0..d {
            for c in 0..k {
                right.row_mut(j)[c] = self.means.row(c)[j];
            }
        }
        let ridge = (shrinkage * self.variance).max(LEAST);
        let weights = match &self.form {
            Form::Covariance(covariance) => {
                let mut shrunk = covariance.clone();
                shrunk.data.iter_mut().for_each(|v| *v *= 1.0 - shrinkage);
                Cholesky::new(&shrunk, ridge, interrupt)?.solve(right)
            }
            Form::Samples { centred, products } => {
                let share = (1.0 - shrinkage) / self.total;
                if share > 0.0 {
                    let root = Cholesky::new(products, ridge / share, interrupt)?;
                    let mut inside = root.solve(centred.times(&right));
                    inside.data.iter_mut().for_each(|v| *v = -*v);
                    right.add_transposed_times(centred, &inside);
                }
                right.data.iter_mut().for_each(|v| *v /= ridge);
                right
            }
        };
        let bias = self.priors.iter().enumerate().map(|(c, prior)| {
            let own: f64 = self
                .means
                .row(c)
                .iter()
                .enumerate()
                .map(|(j, m)| m * weights.row(j)[c])
                .sum();
            prior.ln() - 0.5 * own
        });
        let bias = bias.collect();
        Ok(Discriminants {
            linear: Linear { weights, bias },
        })
    }
}

/// Scores whose softmax is the posterior.
#[derive(Debug, Clone, PartialEq)]
pub struct Discriminants {
    /// Log-posteriors but for a constant a sample, K outputs.
    pub linear: Linear,
}

impl Discriminants {
    /// n × K posterior probabilities.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub fn predict(&self, x: &dyn Rows, interrupt: &Interrupt) -> Result<Dense> {
        let mut scores = self.linear.predict(x, interrupt)?;
        for row in scores.data.chunks_exact_mut(self.linear.bias.len().max(1)) {
            softmax(row);
        }
        Ok(scores)
    }
}

/// Softmax in place; all zeros if no class was ever seen.
fn softmax(row: &mut [f64]) {
    let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if top == f64::NEG_INFINITY {
        row.fill(0.0);
        return;
    }
    for v in row.iter_mut() {
        *v = (*v - top).exp();
    }
    let sum: f64 = row.iter().sum();
    for v in row {
        *v /= sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solver::samples::Table;

    #[test]
    fn full_shrinkage_is_the_nearest_mean_with_priors() {
        let x: Vec<f32> = (0..600)
            .map(|i| ((i * i + 3 * i) % 31) as f32 / 9.0 + (i / 3 % 4) as f32)
            .collect();
        let table = Table { x: &x, width: 3 };
        let labels: Vec<Option<usize>> = (0..200).map(|i| (i % 7 > 0).then_some(i % 4)).collect();
        let lda = Lda::new(&table, &labels, 5, &Interrupt::default()).unwrap();
        let variance = lda.variance;
        let found = lda
            .solve(1.0, &Interrupt::default())
            .unwrap()
            .predict(&table, &Interrupt::default())
            .unwrap();
        for i in 0..200 {
            let expected = (0..4).map(|c| {
                let row = x[i * 3..i * 3 + 3].iter().zip(lda.means.row(c));
                let distance: f64 = row.map(|(v, m)| (f64::from(*v) - m).powi(2)).sum();
                lda.priors[c] * (-0.5 * distance / variance).exp()
            });
            let expected: Vec<f64> = expected.collect();
            let sum: f64 = expected.iter().sum();
            for (c, value) in expected.iter().enumerate() {
                assert!((found.row(i)[c] - value / sum).abs() < 1e-9);
            }
            assert!(found.row(i)[4] <= 0.0);
        }
    }

    /// Fewer samples than dimensions, and the same ones twice: covariance and shares of the classes are equal.
    #[test]
    fn both_forms_agree() {
        let x: Vec<f32> = (0..30 * 40).map(|i| ((i * i + 3 * i) % 31) as f32 / 9.0).collect();
        let twice = [x.clone(), x.clone()].concat();
        let labels: Vec<Option<usize>> = (0..30).map(|i| (i > 2).then_some(i % 3)).collect();
        let both = [labels.clone(), labels.clone()].concat();
        let few = Lda::new(&Table { x: &x, width: 40 }, &labels, 3, &Interrupt::default()).unwrap();
        let many = Lda::new(&Table { x: &twice, width: 40 }, &both, 3, &Interrupt::default()).unwrap();
        for shrinkage in [0.01, 0.4, 1.0] {
            let a = few.solve(shrinkage, &Interrupt::default()).unwrap();
            let b = many.solve(shrinkage, &Interrupt::default()).unwrap();
            let mut pairs = a.linear.weights.data.iter().zip(&b.linear.weights.data);
            assert!(pairs.all(|(a, b)| (a - b).abs() < 1e-6), "{shrinkage}");
        }
    }

    #[test]
    fn samples_without_a_class_do_not_count() {
        let x: Vec<f32> = (0..90).map(|i| ((i * i + 3 * i) % 31) as f32).collect();
        let labels: Vec<Option<usize>> = (0..30).map(|i| (i < 20).then_some(i % 2)).collect();
        let all = Lda::new(&Table { x: &x, width: 3 }, &labels, 2, &Interrupt::default()).unwrap();
        let some = Lda::new(
            &Table { x: &x[..60], width: 3 },
            &labels[..20],
            2,
            &Interrupt::default(),
        )
        .unwrap();
        assert_eq!(
            all.solve(0.2, &Interrupt::default()).unwrap(),
            some.solve(0.2, &Interrupt::default()).unwrap()
        );
    }
}
