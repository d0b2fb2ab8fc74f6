//! A k-means codebook: every code says what its training samples say on average (majority vote, mean score).
//!
//! k-means++ (Arthur & Vassilvitskii 2007) on some of the samples, then Lloyd's steps on all; a code that loses its last
//! sample moves to the sample farthest from its own code.

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::fitting::choose::Candidates;
use crate::interrupt::Interrupt;
use crate::sets::Matrix;
use crate::solver::samples::Rows as _;

use super::fit::{Apart, Fitted, Rival, Settings, Training};
use super::input::Features;
use super::knn::prior;
use super::prototypes::{Prototypes, weighted_sums};

/// Samples a code from which the first codes are drawn, at most: every code is drawn in a pass over all of them.
const SEEDING: usize = 40;
/// The same for all codes.
const SEEDING_IN_ALL: usize = 50_000;

/// Codebook with majority vote (`kmeans`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KmeansConfig {
    /// Number of codes; fewer if there are fewer samples.
    pub codes: usize,
    /// Lloyd's steps at most.
    pub steps: usize,
    /// Ends where the codes moved by less: the sum of their squared moves against the mean variance of a dimension, scikit-learn's
    /// `tol`; 0: where no sample changes its code.
    pub tolerance: f64,
}

impl Default for KmeansConfig {
    fn default() -> Self {
        Self {
            codes: 150,
            steps: 25,
            tolerance: 1e-4,
        }
    }
}

impl KmeansConfig {
    pub(crate) fn validate(&self) -> std::result::Result<(), (String, String)> {
        if !(1..=100_000).contains(&self.codes) {
            return Err(("kmeans.codes".to_owned(), "expected 1 to 100000 codes".to_owned()));
        }
        if !(self.tolerance.is_finite() && self.tolerance >= 0.0) {
            return Err(("kmeans.tolerance".to_owned(), "expected 0 or more".to_owned()));
        }
        Ok(())
    }
}

/// Codes, the code of every sample, and the sum of squared distances.
#[derive(Debug, Clone, PartialEq)]
pub struct Clustering {
    /// The codes.
    pub codes: Prototypes,
    /// Code of each sample.
    pub assignment: Vec<usize>,
    /// Σ squared distance of a sample from its code.
    pub inertia: f64,
}

/// Draws K codes among the samples (greedy k-means++).
///
/// Each code is the best of 2 + ln K candidates, drawn with probability proportional to the squared distance from the codes
/// before; the best is the one that leaves the least total distance. scikit-learn does the same.
fn plus_plus(x: &Features, k: usize, rng: &mut ChaCha8Rng, interrupt: &Interrupt) -> Result<Prototypes> {
    let mut rows: Vec<usize> = (0..x.rows).collect();
    let most = (SEEDING * k).min(SEEDING_IN_ALL.max(k));
    if rows.len() > most {
        rows.shuffle(rng);
        rows.truncate(most);
        rows.sort_unstable();
    }
    let pool = x.select(&rows)?;
    let norms = pool.squared_norms()?;
    let trials = 2 + (k as f64).ln() as usize;
    let mut points = Vec::with_capacity(k * x.cols);
    let mut distance = vec![f64::INFINITY; pool.rows];
    for drawn in 0..k {
        interrupt.check()?;
        let candidates: Vec<usize> = if drawn == 0 {
            vec![rng.random_range(0..pool.rows)]
        } else {
            (0..trials).map(|_| weighted_draw(&distance, rng)).collect()
        };
        let tried = Prototypes {
            points: pool.pick(&candidates)?,
            width: x.cols,
        };
        let mut after: Vec<Vec<f64>> = vec![Vec::with_capacity(pool.rows); candidates.len()];
        for range in pool.chunks() {
            let to = tried.distances(&pool, range.clone(), &norms)?;
            for (row, i) in to.chunks_exact(candidates.len()).zip(range) {
                for ((after, &d), &candidate) in after.iter_mut().zip(row).zip(&candidates) {
                    after.push(if i == candidate {
                        0.0
                    } else {
                        distance[i].min(f64::from(d))
                    });
                }
            }
        }
        let totals: Vec<f64> = after.iter().map(|d| d.iter().sum()).collect();
        let best = (0..totals.len()).fold(0, |best, c| if totals[c] < totals[best] { c } else { best });
        points.extend_from_slice(&tried.points[best * x.cols..(best + 1) * x.cols]);
        distance = after.swap_remove(best);
    }
    Ok(Prototypes { points, width: x.cols })
}

/// An index with probability proportional to its weight; the last one if no weight is left.
fn weighted_draw(weights: &[f64], rng: &mut ChaCha8Rng) -> usize {
    let mut left = rng.random_range(0.0..1.0) * weights.iter().sum::<f64>();
    for (i, weight) in weights.iter().enumerate() {
        left -= weight;
        if left < 0.0 {
            return i;
        }
    }
    // Rounding may leave a rest behind the last weight above 0.
    weights.iter().rposition(|&w| w > 0.0).unwrap_or(weights.len() - 1)
}

/// Mean variance of the dimensions of n samples whose squared norms are given.
fn variance(x: &Features, norms: &[f32]) -> Result<f64> {
    let n = x.rows.max(1) as f64;
    let mean = weighted_sums(x, 1, |_, _| 1.0)?;
    let of_mean: f64 = mean.iter().map(|&sum| (f64::from(sum) / n).powi(2)).sum();
    let square: f64 = norms.iter().map(|&norm| f64::from(norm)).sum::<f64>() / n;
    Ok((square - of_mean).max(0.0) / x.cols.max(1) as f64)
}

/// Lloyd's steps from given codes until nothing changes or the codes hardly move, `steps` at most.
pub(super) fn lloyd(
    x: &Features,
    start: &Prototypes,
    steps: usize,
    tolerance: f64,
    interrupt: &Interrupt,
) -> Result<Clustering> {
    let norms = x.squared_norms()?;
    let still = if tolerance > 0.0 {
        tolerance * variance(x, &norms)?
    } else {
        0.0
    };
    let (mut codes, k) = (start.clone(), start.count());
    let (mut assignment, mut distance) = codes.nearest(x, &norms)?;
    for _ in 0..steps {
        interrupt.check()?;
        let mut counts = vec![0_usize; k];
        for &c in &assignment {
            counts[c] += 1;
        }
        // Codes without samples take the farthest ones; equal distances in the order of samples.
        let empty: Vec<usize> = (0..k).filter(|&c| counts[c] == 0).collect();
        if !empty.is_empty() {
            let mut far: Vec<usize> = (0..x.rows).collect();
            far.sort_by(|&a, &b| distance[b].total_cmp(&distance[a]).then(a.cmp(&b)));
            let mut far = far.into_iter();
            for code in empty {
                if let Some(i) = far.by_ref().find(|&i| counts[assignment[i]] > 1) {
                    counts[assignment[i]] -= 1;
                    counts[code] = 1;
                    assignment[i] = code;
                }
            }
        }
        let mut points = weighted_sums(x, k, |i, c| f32::from(assignment[i] == c))?;
        for ((point, &count), old) in points
            .chunks_exact_mut(x.cols)
            .zip(&counts)
            .zip(codes.points.chunks_exact(x.cols))
        {
            if count == 0 {
                point.copy_from_slice(old);
            } else {
                for v in point {
                    *v /= count as f32;
                }
            }
        }
        let moves = points
            .iter()
            .zip(&codes.points)
            .map(|(new, old)| f64::from(new - old).powi(2));
        let moved: f64 = moves.sum();
        codes.points = points;
        let (next, next_distance) = codes.nearest(x, &norms)?;
        let settled = next == assignment;
        (assignment, distance) = (next, next_distance);
        if settled || moved <= still {
            break;
        }
    }
    Ok(Clustering {
        codes,
        assignment,
        inertia: distance.iter().map(|&d| f64::from(d)).sum(),
    })
}

/// Clusters the rows of `x`.
///
/// # Errors
/// [`crate::error::Error::Interrupted`], or a failing device.
pub fn cluster(x: &Features, config: &KmeansConfig, seed: u64, interrupt: &Interrupt) -> Result<Clustering> {
    let start = plus_plus(
        x,
        config.codes.clamp(1, x.rows.max(1)),
        &mut ChaCha8Rng::seed_from_u64(seed),
        interrupt,
    )?;
    lloyd(x, &start, config.steps, config.tolerance, interrupt)
}

#[derive(Debug)]
struct Codebook {
    codes: Prototypes,
    /// What each code says, O values.
    says: Vec<Vec<f32>>,
    outputs: usize,
}

impl Rival for KmeansConfig {
    fn settings(&self) -> usize {
        1
    }

    fn seeded(&self) -> bool {
        true
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
        let o = targets.outputs();
        let found = cluster(x, self, training.seed, training.interrupt)?;
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); found.codes.count()];
        for (i, &code) in found.assignment.iter().enumerate() {
            members[code].push(i);
        }
        let fallback = prior(targets);
        let says = members
            .iter()
            .map(|rows| {
                let own = targets.select(rows);
                let mean = prior(&own);
                (0..o)
                    .map(|c| {
                        if (0..rows.len()).any(|i| own.known[i * o + c]) {
                            mean[c]
                        } else {
                            fallback[c]
                        }
                    })
                    .collect()
            })
            .collect();
        Ok(Box::new(Codebook {
            codes: found.codes,
            says,
            outputs: o,
        }))
    }
}

impl Fitted for Codebook {
    fn predict(&self, x: &Features) -> Result<Matrix> {
        let (code, _) = self.codes.nearest(x, &x.squared_norms()?)?;
        Ok(Matrix {
            rows: x.rows,
            cols: self.outputs,
            data: code.iter().flat_map(|&c| self.says[c].iter().copied()).collect(),
        })
    }

    fn settings(&self) -> Settings {
        vec![("codes", self.codes.count() as f64)]
    }
}
