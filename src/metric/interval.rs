//! Intervals: Wilson for shares, the BCa bootstrap (Efron 1987) for everything else.

use ndarray::{Array2, ArrayView2, Axis};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::interrupt::Interrupt;

use super::special::{normal_cdf, normal_quantile};

/// Lower and upper end of an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// Whether `value` lies inside, ends included.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// Wilson's score interval, without continuity correction, for `successes` of `n`; `None` if `n` is 0.
pub fn wilson(successes: u64, n: u64, level: f64) -> Option<Interval> {
    if n == 0 {
        return None;
    }
    let z = normal_quantile(0.5 + 0.5 * level);
    let n = n as f64;
    let p = successes as f64 / n;
    let scale = 1.0 + z * z / n;
    let middle = (p + z * z / (2.0 * n)) / scale;
    let half = z / scale * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    Some(Interval {
        low: if p <= 0.0 { 0.0 } else { (middle - half).max(0.0) },
        high: if p >= 1.0 { 1.0 } else { (middle + half).min(1.0) },
    })
}

/// Samples that are resampled one by one; where there are more, each is put into one of as many groups, by lot. Groups of
/// independent samples are independent: the interval stays right, its width varies by 1/√(2·16,384), half a per cent, which is
/// less than 9,999 resamples leave open, and neither time nor memory of a resample grows any further.
const CLUSTERS: usize = 16_384;
/// Resamples whose sums are one product.
const BLOCK: usize = 32;

/// Sums that clusters of samples contribute to a statistic, one row a cluster.
///
/// Every statistic here is a function of sums over samples (counts, moments): a resample is then a weighted sum of rows, and
/// leaving a cluster out a subtraction.
#[derive(Debug, Clone, PartialEq)]
pub struct Contributions {
    /// Clusters × width.
    rows: Array2<f64>,
}

impl Contributions {
    /// One row for each group of samples, or for each sample if `groups` is `None` (for each of [`CLUSTERS`] groups, if there are
    /// more samples than that).
    ///
    /// `emit(i, sink)` calls `sink(position, amount)` for everything that sample `i` adds to the `width` sums; `groups[i]` is
    /// the cluster of sample `i`, counted from 0 without gaps.
    pub fn new(
        samples: usize,
        width: usize,
        groups: Option<&[usize]>,
        mut emit: impl FnMut(usize, &mut dyn FnMut(usize, f64)),
    ) -> Self {
        let lots = (groups.is_none() && samples > CLUSTERS).then(|| by_lot(samples));
        let groups = groups.or(lots.as_deref());
        let clusters = groups.map_or(samples, |groups| groups.iter().map(|&g| g + 1).max().unwrap_or(0));
        let mut rows = Array2::zeros((clusters, width));
        for i in 0..samples {
            let cluster = groups.map_or(i, |groups| groups[i]);
            emit(i, &mut |position, amount| rows[[cluster, position]] += amount);
        }
        Self { rows }
    }

    /// Number of clusters that are resampled.
    pub fn clusters(&self) -> usize {
        self.rows.nrows()
    }

    /// Sums over all clusters.
    pub fn total(&self) -> Vec<f64> {
        self.rows.sum_axis(Axis(0)).to_vec()
    }
}

/// A group below [`CLUSTERS`] for each sample, all of nearly equal size.
fn by_lot(samples: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..samples).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(0));
    let mut groups = vec![0; samples];
    for (rank, sample) in order.into_iter().enumerate() {
        groups[sample] = rank % CLUSTERS;
    }
    groups
}

/// How bootstrap intervals are made.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    /// Resamples.
    pub resamples: usize,
    /// Coverage.
    pub level: f64,
    /// Seed; resample r draws from stream r of one generator, so results do not depend on the number of threads.
    pub seed: u64,
    /// Asked between blocks of resamples.
    pub interrupt: Interrupt,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self {
            resamples: 9_999,
            level: 0.95,
            seed: 0,
            interrupt: Interrupt::default(),
        }
    }
}

impl Bootstrap {
    /// As the default, hearing Ctrl-C.
    pub fn hearing(interrupt: &Interrupt) -> Self {
        Self {
            interrupt: interrupt.clone(),
            ..Self::default()
        }
    }

    /// What `statistic` says of each resample of the clusters, in order of the resamples.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub fn distribution<T: Send>(
        &self,
        rows: &Contributions,
        statistic: impl Fn(&[f64]) -> T + Sync,
    ) -> Result<Vec<T>> {
        let n = rows.clusters();
        if n == 0 {
            return Ok(Vec::new());
        }
        let blocks: Vec<Vec<T>> = (0..self.resamples.div_ceil(BLOCK))
            .into_par_iter()
            .map(|block| {
                self.interrupt.check()?;
                let resamples = block * BLOCK..((block + 1) * BLOCK).min(self.resamples);
                // How often each cluster was drawn.
                let mut weights = vec![0.0; resamples.len() * n];
                for (resample, weights) in resamples.clone().zip(weights.chunks_exact_mut(n)) {
                    let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
                    rng.set_stream(resample as u64);
                    for _ in 0..n {
                        weights[rng.random_range(0..n)] += 1.0;
                    }
                }
                let weights = ArrayView2::from_shape((resamples.len(), n), &weights)
                    .map_err(|error| Error::data(format!("resamples: {error}")))?;
                let sums = weights.dot(&rows.rows);
                Ok(sums.rows().into_iter().map(|sums| statistic(&sums.to_vec())).collect())
            })
            .collect::<Result<_>>()?;
        Ok(blocks.into_iter().flatten().collect())
    }

    /// BCa interval of `statistic`; `None` with fewer than two clusters.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub fn interval(&self, rows: &Contributions, statistic: impl Fn(&[f64]) -> f64 + Sync) -> Result<Option<Interval>> {
        let mut distribution = self.distribution(rows, &statistic)?;
        if rows.clusters() < 2 || distribution.is_empty() {
            return Ok(None);
        }
        let left_out = left_out(rows, &statistic);
        Ok(Some(bca(
            statistic(&rows.total()),
            &mut distribution,
            &left_out,
            self.level,
        )))
    }
}

/// What `statistic` says with each of the clusters left out.
pub(crate) fn left_out<T: Send>(rows: &Contributions, statistic: impl Fn(&[f64]) -> T + Sync) -> Vec<T> {
    let total = rows.rows.sum_axis(Axis(0));
    (0..rows.clusters())
        .into_par_iter()
        .map(|cluster| statistic(&(&total - &rows.rows.row(cluster)).to_vec()))
        .collect()
}

/// Bias-corrected and accelerated interval from the estimate, its resampled values (sorted here) and its values with one
/// cluster left out.
///
/// Where the correction is undefined (every resample lies on one side of the estimate) the plain percentile interval is given;
/// a statistic that never varies gives an interval of no width.
pub fn bca(estimate: f64, distribution: &mut [f64], left_out: &[f64], level: f64) -> Interval {
    distribution.sort_by(f64::total_cmp);
    let n = distribution.len() as f64;
    let below = distribution.partition_point(|&v| v < estimate) as f64;
    let up_to = distribution.partition_point(|&v| v <= estimate) as f64;
    // Ties count half, as in scipy.
    let bias = normal_quantile((below + up_to) / (2.0 * n));
    let mean = left_out.iter().sum::<f64>() / left_out.len() as f64;
    let (cubes, squares) = left_out.iter().fold((0.0, 0.0), |(cubes, squares), v| {
        let u = mean - v;
        (cubes + u * u * u, squares + u * u)
    });
    let acceleration = if squares > 0.0 {
        cubes / (6.0 * squares.powf(1.5))
    } else {
        0.0
    };
    let tail = 0.5 * (1.0 - level);
    let at = |p: f64| {
        if !bias.is_finite() {
            return percentile(distribution, p);
        }
        let z = bias + normal_quantile(p);
        percentile(distribution, normal_cdf(bias + z / (1.0 - acceleration * z)))
    };
    Interval {
        low: at(tail),
        high: at(1.0 - tail),
    }
}

/// Percentile of sorted values by linear interpolation (numpy's default), `p` in [0, 1].
pub fn percentile(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let position = p.clamp(0.0, 1.0) * last as f64;
    let index = (position.floor() as usize).min(last);
    let next = (index + 1).min(last);
    let fraction = position - index as f64;
    sorted[index] + fraction * (sorted[next] - sorted[index])
}
