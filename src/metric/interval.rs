//! Intervals: Wilson for shares, the BCa bootstrap (Efron 1987) for everything else.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

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

/// Sums that clusters of samples contribute to a statistic, as sparse rows.
///
/// Every statistic here is a function of sums over samples (counts, moments): a resample is then a sum of rows, and leaving a
/// cluster out a subtraction.
#[derive(Debug, Clone, PartialEq)]
pub struct Contributions {
    width: usize,
    starts: Vec<usize>,
    entries: Vec<(u32, f64)>,
}

impl Contributions {
    /// One row for each group of samples, or for each sample if `groups` is `None`.
    ///
    /// `emit(i, sink)` calls `sink(position, amount)` for everything that sample `i` adds to the `width` sums; `groups[i]` is
    /// the cluster of sample `i`, counted from 0 without gaps.
    pub fn new(
        samples: usize,
        width: usize,
        groups: Option<&[usize]>,
        mut emit: impl FnMut(usize, &mut dyn FnMut(usize, f64)),
    ) -> Self {
        let mut this = Self {
            width,
            starts: vec![0],
            entries: Vec::new(),
        };
        if let Some(groups) = groups {
            let clusters = groups.iter().map(|&g| g + 1).max().unwrap_or(0);
            let mut dense = vec![0.0; clusters * width];
            for (i, &group) in groups.iter().enumerate().take(samples) {
                emit(i, &mut |position, amount| dense[group * width + position] += amount);
            }
            for row in dense.chunks_exact(width.max(1)) {
                let filled = row.iter().enumerate().filter(|&(_, &v)| v != 0.0);
                this.entries.extend(filled.map(|(position, &v)| (position as u32, v)));
                this.starts.push(this.entries.len());
            }
        } else {
            for i in 0..samples {
                emit(i, &mut |position, amount| this.entries.push((position as u32, amount)));
                this.starts.push(this.entries.len());
            }
        }
        this
    }

    /// Number of clusters that are resampled.
    pub fn clusters(&self) -> usize {
        self.starts.len() - 1
    }

    /// Sums over all clusters.
    pub fn total(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.width];
        for i in 0..self.clusters() {
            self.add(i, 1.0, &mut sums);
        }
        sums
    }

    fn add(&self, cluster: usize, factor: f64, sums: &mut [f64]) {
        for &(position, amount) in &self.entries[self.starts[cluster]..self.starts[cluster + 1]] {
            sums[position as usize] += factor * amount;
        }
    }
}

/// How bootstrap intervals are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bootstrap {
    /// Resamples.
    pub resamples: usize,
    /// Coverage.
    pub level: f64,
    /// Seed; resample r draws from stream r of one generator, so results do not depend on the number of threads.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self {
            resamples: 9_999,
            level: 0.95,
            seed: 0,
        }
    }
}

impl Bootstrap {
    /// What `statistic` says of each resample of the clusters, in order of the resamples.
    pub fn distribution<T: Send>(&self, rows: &Contributions, statistic: impl Fn(&[f64]) -> T + Sync) -> Vec<T> {
        let n = rows.clusters();
        if n == 0 {
            return Vec::new();
        }
        (0..self.resamples)
            .into_par_iter()
            .map_init(
                || vec![0.0; rows.width],
                |sums, resample| {
                    sums.fill(0.0);
                    let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
                    rng.set_stream(resample as u64);
                    for _ in 0..n {
                        rows.add(rng.random_range(0..n), 1.0, sums);
                    }
                    statistic(sums)
                },
            )
            .collect()
    }

    /// BCa interval of `statistic`; `None` with fewer than two clusters.
    pub fn interval(&self, rows: &Contributions, statistic: impl Fn(&[f64]) -> f64 + Sync) -> Option<Interval> {
        let mut distribution = self.distribution(rows, &statistic);
        if rows.clusters() < 2 || distribution.is_empty() {
            return None;
        }
        let left_out = left_out(rows, &statistic);
        Some(bca(statistic(&rows.total()), &mut distribution, &left_out, self.level))
    }
}

/// What `statistic` says with each of the clusters left out.
pub(crate) fn left_out<T: Send>(rows: &Contributions, statistic: impl Fn(&[f64]) -> T + Sync) -> Vec<T> {
    let total = rows.total();
    (0..rows.clusters())
        .into_par_iter()
        .map_init(
            || total.clone(),
            |sums, cluster| {
                sums.copy_from_slice(&total);
                rows.add(cluster, -1.0, sums);
                statistic(sums)
            },
        )
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
