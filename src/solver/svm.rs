//! RBF support vector machines: classes against each other, or outputs of two states.
//!
//! Up to a number of samples exact, by [`smo`]; beyond it on Nyström features, by [`dual`]. Classes: one machine a pair, whose
//! votes and confidences make the scores of scikit-learn's `SVC(decision_function_shape="ovr")`, K = 2 too; on features one
//! machine a class against the rest, as `LinearSVC`. Outputs of two states: one machine each, on the samples that know it.

use std::sync::Arc;

use super::blocks::blocks;
use super::dual;
use super::expansion::Expansion;
use super::kernel::{Basis, Width};
use super::linalg::{BLOCK, Dense};
use super::linear::Linear;
use super::samples::Rows;
use super::smo;
use super::votes::Votes;
use crate::error::Result;
use crate::interrupt::Interrupt;

/// Violation of optimality at which support vectors are found (scikit-learn's `SVC`).
const TOLERANCE: f64 = 1e-3;
/// Span of projected gradients at which planes are found (scikit-learn's `LinearSVC`).
const PLANE_TOLERANCE: f64 = 1e-4;
/// The same on the way along a path, where planes are only compared (LIBLINEAR's own: 0.1).
const PATH_TOLERANCE: f64 = 1e-2;

/// What machines tell apart.
#[derive(Debug, Clone, Copy)]
pub enum States<'a> {
    /// One of `count` classes a sample; `None` leaves the sample out.
    Classes {
        /// n labels below `count`.
        labels: &'a [Option<usize>],
        /// K.
        count: usize,
    },
    /// `count` outputs that are active or not.
    Outputs {
        /// n × O.
        active: &'a [bool],
        /// n × O: whether that is known.
        known: &'a [bool],
        /// O.
        count: usize,
    },
}

/// Support vector machines for one width and a path of C.
#[derive(Debug)]
pub struct SvmPath {
    basis: Arc<Basis>,
    /// n × n kernel, or n × m features.
    table: Vec<f32>,
    /// n × machines: on which side ±1 of each machine a sample lies; 0 where it is none of its samples.
    sides: Vec<f64>,
    /// How many machines.
    machines: usize,
    votes: Option<Votes>,
    /// Dual weights of the machines on features, as the C before left them.
    alphas: Vec<f64>,
}

impl SvmPath {
    /// The kernel or the features of the training samples, in f32.
    ///
    /// # Errors
    /// [`crate::Error::Data`] if features of landmarks are no numbers; [`crate::Error::Interrupted`].
    pub fn new(x: &dyn Rows, states: &States<'_>, width: &Width<'_>, interrupt: &Interrupt) -> Result<Self> {
        let basis = Basis::new(x, width, interrupt)?;
        let table = if let Some(kernel) = basis.exact() {
            kernel.matrix_f32(interrupt)?
        } else {
            let mut features = Vec::with_capacity(x.count() * basis.width());
            for rows in blocks(x.count(), BLOCK) {
                interrupt.check()?;
                features.extend(basis.block(x, rows)?.data.into_iter().map(|v| v as f32));
            }
            features
        };
        let (sides, machines, votes) = match *states {
            States::Classes { labels, count } if basis.exact().is_some() => {
                let votes = Votes::between((0..count).map(|class| labels.contains(&Some(class))).collect());
                (pairs(labels, &votes.pairs), votes.pairs.len(), Some(votes))
            }
            States::Classes { labels, count } => (against_rest(labels, count), count, None),
            States::Outputs { active, known, count } => {
                let side = |(&active, &known)| if known { sign(active) } else { 0.0 };
                (active.iter().zip(known).map(side).collect(), count, None)
            }
        };
        Ok(Self {
            basis: Arc::new(basis),
            table,
            alphas: Vec::new(),
            sides,
            machines,
            votes,
        })
    }

    /// What samples are described by: [`Basis::describe`] once, then [`Svm::judge`] for each C, computes their kernels once.
    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    /// Machines for a C > 0.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub fn solve(&self, c: f64, interrupt: &Interrupt) -> Result<Svm> {
        self.found(c, PLANE_TOLERANCE, &mut Vec::new(), interrupt)
    }

    /// Machines for the next of ascending C: planes start where those before ended, and are found less exactly.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub fn next(&mut self, c: f64, interrupt: &Interrupt) -> Result<Svm> {
        let mut alphas = std::mem::take(&mut self.alphas);
        let svm = self.found(c, PATH_TOLERANCE, &mut alphas, interrupt)?;
        self.alphas = alphas;
        Ok(svm)
    }

    fn found(&self, c: f64, tolerance: f64, alphas: &mut Vec<f64>, interrupt: &Interrupt) -> Result<Svm> {
        let (n, o) = (self.basis.width(), self.machines);
        let mut weights = Dense::zeros(n, o);
        let mut bias = vec![0.0; o];
        if self.basis.exact().is_some() {
            for (at, bias) in bias.iter_mut().enumerate() {
                let rows: Vec<usize> = (0..n).filter(|i| self.sides[i * o + at] != 0.0).collect();
                let signs: Vec<f64> = rows.iter().map(|i| self.sides[i * o + at]).collect();
                let part = principal(&self.table, n, &rows);
                let kernel = part.as_deref().unwrap_or(&self.table);
                let found = smo::solve(kernel, &signs, &vec![c; rows.len()], TOLERANCE, interrupt)?;
                *bias = -found.rho;
                for (i, weight) in rows.into_iter().zip(found.weights) {
                    weights.row_mut(i)[at] = weight;
                }
            }
        } else {
            let problem = dual::Problem {
                x: &self.table,
                width: n,
                sides: &self.sides,
                outputs: o,
                c,
            };
            for (at, plane) in dual::solve(&problem, tolerance, 0, alphas, interrupt)?
                .into_iter()
                .enumerate()
            {
                bias[at] = plane.bias;
                for (j, weight) in plane.weights.into_iter().enumerate() {
                    weights.row_mut(j)[at] = weight;
                }
            }
        }
        Ok(Svm {
            machines: Expansion {
                basis: Arc::clone(&self.basis),
                linear: Linear { weights, bias },
            },
            votes: self.votes.clone(),
        })
    }
}

/// Machines that were found.
#[derive(Debug, Clone)]
pub struct Svm {
    machines: Expansion,
    votes: Option<Votes>,
}

impl Svm {
    /// n × O scores: the largest names the class, or those above 0 are active.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub fn predict(&self, x: &dyn Rows, interrupt: &Interrupt) -> Result<Dense> {
        Ok(self.count_votes(self.decisions(x, interrupt)?))
    }

    /// Decision value of each machine: K(K − 1)/2 pairs (0, 1), (0, 2), … of classes, else as many as outputs.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub fn decisions(&self, x: &dyn Rows, interrupt: &Interrupt) -> Result<Dense> {
        self.machines.predict(x, interrupt)
    }

    /// Scores of samples that were described already.
    pub fn judge(&self, described: &Dense) -> Dense {
        self.count_votes(self.machines.linear.apply(described))
    }

    fn count_votes(&self, decisions: Dense) -> Dense {
        match &self.votes {
            Some(votes) => votes.scores(&decisions),
            None => decisions,
        }
    }
}

fn sign(active: bool) -> f64 {
    if active { 1.0 } else { -1.0 }
}

/// Sides of one machine for each pair of classes, the first of the pair above.
fn pairs(labels: &[Option<usize>], pairs: &[(usize, usize)]) -> Vec<f64> {
    let side = |label: Option<usize>, &(first, second): &(usize, usize)| match label {
        Some(class) if class == first => 1.0,
        Some(class) if class == second => -1.0,
        _ => 0.0,
    };
    labels
        .iter()
        .flat_map(|&label| pairs.iter().map(move |pair| side(label, pair)))
        .collect()
}

/// Sides of one machine for each class.
fn against_rest(labels: &[Option<usize>], count: usize) -> Vec<f64> {
    let side = |label: Option<usize>, class: usize| label.map_or(0.0, |own| sign(own == class));
    labels
        .iter()
        .flat_map(|&label| (0..count).map(move |class| side(label, class)))
        .collect()
}

/// Rows and columns of an n × n table; `None` if these are all of them in order.
fn principal(table: &[f32], n: usize, rows: &[usize]) -> Option<Vec<f32>> {
    if rows.iter().copied().eq(0..n) {
        return None;
    }
    let part = rows.iter().flat_map(|&i| rows.iter().map(move |&j| table[i * n + j]));
    Some(part.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solver::kernel::Shape;
    use crate::solver::samples::Table;

    /// Three noisy clusters of 40 samples in 3 dimensions.
    fn clusters() -> (Vec<f32>, Vec<Option<usize>>) {
        let noise = |i: usize| ((i * i * 7 + 3 * i) % 37) as f32 / 18.0 - 1.0;
        let x = (0..360)
            .map(|i| noise(i) + if i / 3 % 3 == i % 3 { 1.2 } else { 0.0 })
            .collect();
        (x, (0..120).map(|i| Some(i % 3)).collect())
    }

    fn largest(row: &[f64]) -> usize {
        (0..row.len()).fold(0, |best, c| if row[c] > row[best] { c } else { best })
    }

    #[test]
    fn both_forms_know_the_clusters_and_absent_classes_never_win() {
        let (x, labels) = clusters();
        let table = Table { x: &x, width: 3 };
        let landmarks: Vec<usize> = (0..60).collect();
        for limit in [200, 100] {
            let width = Width {
                shape: Shape::rbf(1.0),
                limit,
                landmarks: &landmarks,
            };
            let states = States::Classes {
                labels: &labels,
                count: 4,
            };
            let path = SvmPath::new(&table, &states, &width, &Interrupt::default()).unwrap();
            let svm = path.solve(2.0, &Interrupt::default()).unwrap();
            let scores = svm.predict(&table, &Interrupt::default()).unwrap();
            assert_eq!(
                svm.judge(&path.basis().describe(&table, &Interrupt::default()).unwrap()),
                scores
            );
            let right = (0..120).filter(|&i| Some(largest(scores.row(i))) == labels[i]).count();
            assert!(right > 90 && (0..120).all(|i| scores.row(i)[3] <= -0.99), "{right}");
        }
    }

    /// Along a path planes start elsewhere and end sooner, near the same place.
    #[test]
    fn the_next_of_a_path_is_near_what_is_found_from_nothing() {
        let (x, labels) = clusters();
        let table = Table { x: &x, width: 3 };
        let landmarks: Vec<usize> = (0..60).collect();
        let width = Width {
            shape: Shape::rbf(1.0),
            limit: 100,
            landmarks: &landmarks,
        };
        let states = States::Classes {
            labels: &labels,
            count: 3,
        };
        let quiet = Interrupt::default();
        let mut path = SvmPath::new(&table, &states, &width, &quiet).unwrap();
        for c in [0.3, 1.0, 3.0] {
            let next = path.next(c, &quiet).unwrap().predict(&table, &quiet).unwrap();
            let alone = path.solve(c, &quiet).unwrap().predict(&table, &quiet).unwrap();
            let apart = next.data.iter().zip(&alone.data).map(|(a, b)| (a - b).abs());
            assert!(apart.fold(0.0, f64::max) < 0.05, "C = {c}");
        }
    }

    #[test]
    fn unknown_states_do_not_count() {
        let (x, labels) = clusters();
        let table = Table { x: &x, width: 3 };
        let active: Vec<bool> = labels.iter().flat_map(|&c| [c == Some(0), c == Some(1)]).collect();
        let known: Vec<bool> = (0..240).map(|i| i % 2 == 0 || i < 120).collect();
        let width = Width {
            shape: Shape::rbf(1.0),
            limit: 200,
            landmarks: &[],
        };
        let states = States::Outputs {
            active: &active,
            known: &known,
            count: 2,
        };
        let scores = SvmPath::new(&table, &states, &width, &Interrupt::default()).unwrap();
        let scores = scores
            .solve(1.0, &Interrupt::default())
            .unwrap()
            .predict(&table, &Interrupt::default())
            .unwrap();
        // The second output from the first half alone.
        let half = Table { x: &x[..180], width: 3 };
        let second: Vec<bool> = active.iter().skip(1).step_by(2).take(60).copied().collect();
        let states = States::Outputs {
            active: &second,
            known: &[true; 60],
            count: 1,
        };
        let path = SvmPath::new(&half, &states, &width, &Interrupt::default()).unwrap();
        let alone = path
            .solve(1.0, &Interrupt::default())
            .unwrap()
            .predict(&table, &Interrupt::default())
            .unwrap();
        assert!((0..120).all(|i| (scores.row(i)[1] - alone.row(i)[0]).abs() < 1e-9));
    }
}
