//! k nearest neighbours by cosine similarity, weighted by inverse distance as in scikit-learn.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::metric::evaluate;
use crate::sets::Matrix;
use crate::task::Targets;

use super::fit::{Context, Fitted, Rival, Training};
use super::input::{Features, values};

/// Neighbour counts tried.
const GRID: [usize; 7] = [1, 3, 5, 10, 20, 50, 100];
/// Training samples that are queried, at most, to choose k.
const QUERIES: usize = 4_000;
/// Queries that are compared with a chunk of the training split at once.
const QUERY_CHUNK: usize = 512;
/// Cosine distances up to this are one and the same point in f32.
const SAME: f32 = 1e-6;

/// Nearest neighbours (`knn`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KnnConfig {
    /// Number of neighbours; 0 chooses it from 1, 3, 5, 10, 20, 50, 100 by the task's metric on the validation split, or by
    /// leaving one out (with all of the same subject) on the training split.
    pub k: usize,
    /// How neighbours count.
    pub weights: Weights,
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
        Ok(())
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

/// The `k` nearest training samples of each query; `skip(query, neighbour)` leaves a pair out.
fn neighbours(
    train: &Features,
    queries: &Features,
    k: usize,
    skip: impl Fn(usize, usize) -> bool + Sync,
    interrupt: &Interrupt,
) -> Result<Vec<Neighbours>> {
    let mut found: Vec<Neighbours> = vec![Vec::with_capacity(k + 1); queries.rows];
    for start in (0..queries.rows).step_by(QUERY_CHUNK) {
        let block = start..(start + QUERY_CHUNK).min(queries.rows);
        let query = queries.slice(block.clone());
        for range in train.chunks() {
            interrupt.check()?;
            let width = range.len();
            let similarity = values(query.clone().matmul(train.slice(range.clone()).transpose()))?;
            found[block.clone()]
                .par_iter_mut()
                .zip(similarity.par_chunks_exact(width))
                .enumerate()
                .for_each(|(at, (best, row))| {
                    for (offset, &similarity) in row.iter().enumerate() {
                        if best.len() == k && best.last().is_some_and(|last| similarity <= last.0) {
                            continue;
                        }
                        if skip(start + at, range.start + offset) {
                            continue;
                        }
                        let place = best.partition_point(|other| other.0 >= similarity);
                        best.insert(place, (similarity, range.start + offset));
                        best.truncate(k);
                    }
                });
        }
    }
    Ok(found)
}

/// Weighted means of the neighbours' targets; outputs that no neighbour knows get the training split's mean.
fn read_out(found: &[Neighbours], k: usize, weights: Weights, targets: &Targets, prior: &[f32]) -> Matrix {
    let o = targets.outputs();
    let mut data = Vec::with_capacity(found.len() * o);
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
    Matrix {
        rows: found.len(),
        cols: o,
        data,
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

impl Rival for KnnConfig {
    fn fit(&self, training: &Training<'_>, context: &Context<'_>) -> Result<Box<dyn Fitted>> {
        let train = training.x.unit();
        let targets = training.targets;
        let prior = prior(targets);
        let mut k = self.k;
        if k == 0 {
            let most = GRID[GRID.len() - 1];
            let (found, judged) = if let Some((x, val)) = training.validation {
                (
                    neighbours(&train, &x.unit(), most, |_, _| false, context.interrupt)?,
                    val.clone(),
                )
            } else {
                let mut rows: Vec<usize> = (0..train.rows).collect();
                rows.shuffle(&mut ChaCha8Rng::seed_from_u64(context.seed));
                rows.truncate(QUERIES);
                rows.sort_unstable();
                let queries = train.select(&rows);
                let skip = |query: usize, other: usize| {
                    rows[query] == other || training.groups.is_some_and(|g| g[rows[query]] == g[other])
                };
                (
                    neighbours(&train, &queries, most, skip, context.interrupt)?,
                    targets.select(&rows),
                )
            };
            let mut best = f64::NEG_INFINITY;
            for candidate in GRID {
                let score = evaluate::primary(&judged, &read_out(&found, candidate, self.weights, targets, &prior))?;
                if score > best {
                    (best, k) = (score, candidate);
                }
            }
        }
        Ok(Box::new(Knn {
            train,
            targets: targets.clone(),
            prior,
            k: k.max(1),
            weights: self.weights,
            interrupt: context.interrupt.clone(),
        }))
    }
}

impl Fitted for Knn {
    fn predict(&self, x: &Features) -> Result<Matrix> {
        let found = neighbours(&self.train, &x.unit(), self.k, |_, _| false, &self.interrupt)?;
        Ok(read_out(&found, self.k, self.weights, &self.targets, &self.prior))
    }

    fn note(&self) -> String {
        format!("k = {}", self.k)
    }
}
