//! A k-means codebook: every code says what its training samples say on average (majority vote, mean score).
//!
//! k-means++ (Arthur & Vassilvitskii 2007) on some of the samples, then Lloyd's steps on all.

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
use super::lloyd::{Clustering, lloyd};
use super::prototypes::Prototypes;

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
    /// Ends where a step lowers the sum of squared distances by no more than this share; 0: where no sample changes its code.
    pub tolerance: f64,
}

impl Default for KmeansConfig {
    fn default() -> Self {
        Self {
            codes: 150,
            steps: 25,
            tolerance: 3e-4,
        }
    }
}

impl KmeansConfig {
    pub(crate) fn validate(&self) -> std::result::Result<(), (String, String)> {
        if !(1..=100_000).contains(&self.codes) {
            return Err(("kmeans.codes".to_owned(), "expected 1 to 100000 codes".to_owned()));
        }
        if !(0.0..1.0).contains(&self.tolerance) {
            return Err((
                "kmeans.tolerance".to_owned(),
                "expected a share from 0 to below 1".to_owned(),
            ));
        }
        Ok(())
    }
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
