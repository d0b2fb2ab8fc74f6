//! k nearest neighbours by cosine similarity, weighted by inverse distance as in scikit-learn.

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::fitting::choose::Candidates;
use crate::interrupt::Interrupt;
use crate::sets::Matrix;
use crate::task::Targets;

use super::fit::{Fitted, Rival, Settings, Training, enough};
use super::input::{Features, values};

/// Neighbour counts tried.
const GRID: [usize; 7] = [1, 3, 5, 10, 20, 50, 100];
/// Queries that are compared with a chunk of the training split at once.
const QUERY_CHUNK: usize = 512;
/// Cosine distances up to this are one and the same point in f32.
const SAME: f32 = 1e-6;

/// Nearest neighbours (`knn`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KnnConfig {
    /// Number of neighbours; 0 chooses it from 1, 3, 5, 10, 20, 50, 100.
    pub k: usize,
    /// How neighbours count.
    pub weights: Weights,
    /// Held-out samples, of all parts together, whose neighbours are looked for while k is chosen, at most; they are looked for
    /// among all that are kept.
    pub choose_on: usize,
}

/// How neighbours count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Weights {
    /// By 1 / (1 − cosine); neighbours at distance 0 alone, where there are any.
    #[default]
    Distance,
    /// All alike.
    Uniform,
}

impl Default for KnnConfig {
    fn default() -> Self {
        Self {
            k: 0,
            weights: Weights::Distance,
            choose_on: 4_000,
        }
    }
}

impl KnnConfig {
    pub(crate) fn validate(&self) -> std::result::Result<(), (String, String)> {
        if self.k > 10_000 {
            return Err((
                "knn.k".to_owned(),
                "expected at most 10000 neighbours, or 0 to choose".to_owned(),
            ));
        }
        enough("knn", self.choose_on)
    }
}

/// Neighbours of one query, most similar first; equal similarities in the order of the training split.
type Neighbours = Vec<(f32, usize)>;

#[derive(Debug)]
struct Knn {
    train: Features,
    targets: Targets,
    prior: Vec<f32>,
    k: usize,
    weights: Weights,
    interrupt: Interrupt,
}

/// Hands out the `k` nearest training samples of the queries, a block of queries after the other.
fn neighbours(
    train: &Features,
    queries: &Features,
    k: usize,
    interrupt: &Interrupt,
    mut each: impl FnMut(&[Neighbours]),
) -> Result<()> {
    for start in (0..queries.rows).step_by(QUERY_CHUNK) {
        let block = start..(start + QUERY_CHUNK).min(queries.rows);
        let mut found: Vec<Neighbours> = vec![Vec::with_capacity(k + 1); block.len()];
        let query = queries.slice(block)?;
        for range in train.chunks() {
            interrupt.check()?;
            let width = range.len();
            let similarity = values(query.clone().matmul(train.slice(range.clone())?.transpose()))?;
            found
                .par_iter_mut()
                .zip(similarity.par_chunks_exact(width))
                .for_each(|(best, row)| {
                    for (offset, &similarity) in row.iter().enumerate() {
                        if best.len() == k && best.last().is_some_and(|last| similarity <= last.0) {
                            continue;
                        }
                        let place = best.partition_point(|other| other.0 >= similarity);
                        best.insert(place, (similarity, range.start + offset));
                        best.truncate(k);
                    }
                });
        }
        each(&found);
    }
    Ok(())
}

/// Appends weighted means of the neighbours' targets to `data`; outputs that no neighbour knows get the training split's mean.
fn read_out(
    found: &[Neighbours],
    k: usize,
    weights: Weights,
    (targets, prior): (&Targets, &[f32]),
    data: &mut Vec<f32>,
) {
    let o = targets.outputs();
    for neighbours in found {
        let nearest = &neighbours[..k.min(neighbours.len())];
        let same = nearest.iter().any(|n| 1.0 - n.0 <= SAME);
        let (mut sums, mut totals) = (vec![0.0_f64; o], vec![0.0_f64; o]);
        for &(similarity, i) in nearest {
            let distance = 1.0 - similarity;
            let weight = match weights {
                Weights::Uniform => 1.0,
                Weights::Distance if same => f64::from(u8::from(distance <= SAME)),
                Weights::Distance => 1.0 / f64::from(distance),
            };
            for c in (0..o).filter(|&c| targets.known[i * o + c]) {
                sums[c] += weight * f64::from(targets.values[i * o + c]);
                totals[c] += weight;
            }
        }
        data.extend((0..o).map(|c| {
            if totals[c] > 0.0 {
                (sums[c] / totals[c]) as f32
            } else {
                prior[c]
            }
        }));
    }
}

/// Mean of the known targets of each output.
pub(super) fn prior(targets: &Targets) -> Vec<f32> {
    let o = targets.outputs();
    let (mut sums, mut totals) = (vec![0.0_f64; o], vec![0.0_f64; o]);
    for (at, (&value, _)) in targets
        .values
        .iter()
        .zip(&targets.known)
        .enumerate()
        .filter(|(_, (_, known))| **known)
    {
        sums[at % o] += f64::from(value);
        totals[at % o] += 1.0;
    }
    sums.iter()
        .zip(&totals)
        .map(|(s, t)| if *t > 0.0 { (s / t) as f32 } else { 0.0 })
        .collect()
}

/// What each number of neighbours says of one part: the most are found once.
struct Grid(Vec<Matrix>);

impl KnnConfig {
    /// The number of neighbours with number `at`.
    fn count(&self, at: usize) -> Option<usize> {
        if self.k > 0 {
            (at == 0).then_some(self.k)
        } else {
            GRID.get(at).copied()
        }
    }
}

impl Candidates for Grid {
    fn outputs(&mut self, at: usize) -> Result<Option<Matrix>> {
        Ok(self.0.get(at).cloned())
    }
}

impl Rival for KnnConfig {
    fn settings(&self) -> usize {
        if self.k > 0 { 1 } else { GRID.len() }
    }

    fn choose_on(&self, _: usize) -> usize {
        self.choose_on
    }

    /// The best k grows with the samples.
    fn needs_all(&self) -> bool {
        true
    }

    fn candidates<'a>(&'a self, training: Training<'a>, held: &'a Features) -> Result<Box<dyn Candidates + 'a>> {
        let counts: Vec<usize> = (0..self.settings()).filter_map(|at| self.count(at)).collect();
        let most = counts.iter().copied().max().unwrap_or(1);
        let (targets, prior) = (training.targets, prior(training.targets));
        let mut said: Vec<Matrix> = counts
            .iter()
            .map(|_| Matrix {
                rows: held.rows,
                cols: targets.outputs(),
                data: Vec::with_capacity(held.rows * targets.outputs()),
            })
            .collect();
        neighbours(&training.x.unit(), &held.unit(), most, training.interrupt, |found| {
            for (&k, said) in counts.iter().zip(&mut said) {
                read_out(found, k, self.weights, (targets, &prior), &mut said.data);
            }
        })?;
        Ok(Box::new(Grid(said)))
    }

    fn fit(&self, training: &Training<'_>, at: usize) -> Result<Box<dyn Fitted>> {
        Ok(Box::new(Knn {
            train: training.x.unit(),
            targets: training.targets.clone(),
            prior: prior(training.targets),
            k: self.count(at).unwrap_or(1),
            weights: self.weights,
            interrupt: training.interrupt.clone(),
        }))
    }
}

impl Fitted for Knn {
    fn predict(&self, x: &Features) -> Result<Matrix> {
        let mut said = Matrix {
            rows: x.rows,
            cols: self.targets.outputs(),
            data: Vec::with_capacity(x.rows * self.targets.outputs()),
        };
        neighbours(&self.train, &x.unit(), self.k, &self.interrupt, |found| {
            read_out(
                found,
                self.k,
                self.weights,
                (&self.targets, &self.prior),
                &mut said.data,
            );
        })?;
        Ok(said)
    }

    fn settings(&self) -> Settings {
        vec![("k", self.k as f64)]
    }
}
