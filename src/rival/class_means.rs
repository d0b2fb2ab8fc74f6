//! One prototype a class: the nearest mean.
//!
//! Expressions: one mean a class. Action units: the mean of the active and of the inactive samples of each unit. Valence and
//! arousal have no classes: the plane is cut into squares, and each occupied one gives a mean in feature space and a mean
//! score. Distances are Euclidean; probabilities are those of equal spherical Gaussians with equal priors.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::fitting::choose::Candidates;
use crate::sets::Matrix;
use crate::task::Task;

use super::fit::{Apart, Fitted, Rival, Settings, Training};
use super::input::{Features, tensor, values};
use super::prototypes::Prototypes;

/// Nearest class mean (`class_means`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClassMeansConfig {
    /// Squares along each axis into which valence and arousal are cut.
    pub bins: usize,
}

impl Default for ClassMeansConfig {
    fn default() -> Self {
        Self { bins: 5 }
    }
}

impl ClassMeansConfig {
    pub(crate) fn validate(&self) -> std::result::Result<(), (String, String)> {
        if (1..=100).contains(&self.bins) {
            Ok(())
        } else {
            Err((
                "class_means.bins".to_owned(),
                "expected 1 to 100 squares along each axis".to_owned(),
            ))
        }
    }
}

/// A class of one sample has no spread; below this, distances would overflow.
const LEAST_VARIANCE: f64 = 1e-9;

/// Sums of the samples of each of k groups, k × D; `members` names the groups of each sample.
fn member_sums(x: &Features, k: usize, members: &[Vec<usize>]) -> Result<Vec<f32>> {
    let mut sums = vec![0.0_f32; k * x.cols];
    for range in x.chunks() {
        let n = range.len();
        let mut member = vec![0.0; k * n];
        for (at, i) in range.clone().enumerate() {
            for &c in &members[i] {
                member[c * n + at] = 1.0;
            }
        }
        let part = values(tensor(member, k, n, &x.device()).matmul(x.slice(range)?))?;
        sums.iter_mut().zip(part).for_each(|(sum, v)| *sum += v);
    }
    Ok(sums)
}

#[derive(Debug)]
struct Means {
    task: Task,
    prototypes: Prototypes,
    /// Whether any training sample made this prototype.
    present: Vec<bool>,
    /// What each prototype says, O values (valence–arousal).
    scores: Vec<Vec<f32>>,
    /// Mean squared distance of a sample from its prototype, a dimension.
    variance: f64,
    outputs: usize,
}

impl Rival for ClassMeansConfig {
    fn settings(&self) -> usize {
        1
    }

    fn candidates<'a>(&'a self, training: Training<'a>, held: &'a Features) -> Result<Box<dyn Candidates + 'a>> {
        Ok(Box::new(Apart {
            rival: self,
            settings: 0..self.settings(),
            training,
            held,
        }))
    }

    fn fit(&self, training: &Training<'_>, _at: usize) -> Result<Box<dyn Fitted>> {
        let (x, targets) = (training.x, training.targets);
        let (n, o) = (targets.len(), targets.outputs());
        let mut scores = Vec::new();
        // The prototypes that sample i belongs to.
        let members: Vec<Vec<usize>> = match targets.task {
            Task::Expression => (0..n).map(|i| targets.class(i).into_iter().collect()).collect(),
            Task::ActionUnits => (0..n)
                .map(|i| {
                    let known = (0..o).filter(|a| targets.known[i * o + a]);
                    known.map(|a| 2 * a + usize::from(targets.row(i)[a] > 0.5)).collect()
                })
                .collect(),
            Task::ValenceArousal => {
                let bin = |v: f32| (((v + 1.0) * 0.5 * self.bins as f32).max(0.0) as usize).min(self.bins - 1);
                let cells: Vec<Option<Vec<usize>>> = (0..n)
                    .map(|i| {
                        let known = targets.known[i * o..(i + 1) * o].iter().all(|&k| k);
                        known.then(|| targets.row(i).iter().map(|&v| bin(v)).collect())
                    })
                    .collect();
                let mut index: BTreeMap<&Vec<usize>, usize> = cells.iter().flatten().map(|cell| (cell, 0)).collect();
                for (at, slot) in index.values_mut().enumerate() {
                    *slot = at;
                }
                let mut sums = vec![(vec![0.0_f32; o], 0.0_f32); index.len()];
                for (i, cell) in cells.iter().enumerate() {
                    if let Some(cell) = cell {
                        let (sum, count) = &mut sums[index[cell]];
                        sum.iter_mut().zip(targets.row(i)).for_each(|(s, v)| *s += v);
                        *count += 1.0;
                    }
                }
                scores = sums
                    .into_iter()
                    .map(|(sum, count)| sum.iter().map(|s| s / count).collect())
                    .collect();
                cells
                    .iter()
                    .map(|cell| cell.iter().map(|cell| index[cell]).collect())
                    .collect()
            }
        };
        let k = match targets.task {
            Task::Expression => o,
            Task::ActionUnits => 2 * o,
            Task::ValenceArousal => scores.len(),
        };
        let mut points = member_sums(x, k, &members)?;
        let mut counts = vec![0.0_f32; k];
        for &c in members.iter().flatten() {
            counts[c] += 1.0;
        }
        for (point, &count) in points.chunks_exact_mut(x.cols).zip(&counts) {
            for v in point {
                *v /= count.max(1.0);
            }
        }
        let prototypes = Prototypes { points, width: x.cols };
        let norms = x.squared_norms()?;
        let (mut spread, mut pairs) = (0.0_f64, 0.0_f64);
        for range in x.chunks() {
            let distances = prototypes.distances(x, range.clone(), &norms)?;
            for (row, i) in distances.chunks_exact(k.max(1)).zip(range) {
                for &c in &members[i] {
                    spread += f64::from(row[c]);
                    pairs += 1.0;
                }
            }
        }
        Ok(Box::new(Means {
            task: targets.task,
            prototypes,
            present: counts.iter().map(|&count| count > 0.0).collect(),
            scores,
            variance: (spread / (pairs * x.cols as f64).max(1.0)).max(LEAST_VARIANCE),
            outputs: o,
        }))
    }
}

impl Fitted for Means {
    fn predict(&self, x: &Features) -> Result<Matrix> {
        let (k, o) = (self.prototypes.count(), self.outputs);
        let norms = x.squared_norms()?;
        let mut data = Vec::with_capacity(x.rows * o);
        for range in x.chunks() {
            for row in self.prototypes.distances(x, range, &norms)?.chunks_exact(k.max(1)) {
                let log: Vec<f64> = row
                    .iter()
                    .zip(&self.present)
                    .map(|(&d, &present)| {
                        if present {
                            -0.5 * f64::from(d) / self.variance
                        } else {
                            f64::NEG_INFINITY
                        }
                    })
                    .collect();
                match self.task {
                    Task::Expression => {
                        let top = log.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                        let sum: f64 = log.iter().map(|v| (v - top).exp()).sum();
                        data.extend(log.iter().map(|v| ((v - top).exp() / sum) as f32));
                    }
                    Task::ActionUnits => {
                        // Without an active (inactive) sample the other side is certain.
                        data.extend((0..o).map(|a| match (self.present[2 * a], self.present[2 * a + 1]) {
                            (_, false) => 0.0,
                            (false, true) => 1.0,
                            (true, true) => (1.0 / (1.0 + (log[2 * a] - log[2 * a + 1]).exp())) as f32,
                        }));
                    }
                    Task::ValenceArousal => {
                        let mut best = 0;
                        for (i, v) in log.iter().enumerate() {
                            if *v > log[best] {
                                best = i;
                            }
                        }
                        data.extend_from_slice(&self.scores[best]);
                    }
                }
            }
        }
        Ok(Matrix {
            rows: x.rows,
            cols: o,
            data,
        })
    }

    fn settings(&self) -> Settings {
        vec![("prototypes", self.present.iter().filter(|&&p| p).count() as f64)]
    }
}
