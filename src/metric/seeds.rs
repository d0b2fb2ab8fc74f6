//! What several seeds say together, and when training had converged.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::interval::Interval;
use super::special::{beta_inc, t_quantile};

/// A metric over seeds, as a fraction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OverSeeds {
    /// Mean over the seeds.
    pub mean: f64,
    /// Standard deviation over the seeds (n − 1); null for a single seed.
    pub sd: Option<f64>,
    /// The value of each seed, in the order of the run's seeds.
    pub seeds: Vec<f64>,
}

impl OverSeeds {
    /// One metric's value of each seed; `None` without values.
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares = || values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>();
        Some(Self {
            mean,
            sd: (values.len() > 1).then(|| (squares() / (n - 1.0)).sqrt()),
            seeds: values.to_vec(),
        })
    }
}

/// Welch's interval of the difference of two means, second minus first, at `level` (variances need not be equal).
///
/// `None` unless both have at least two values.
pub fn welch(first: &[f64], second: &[f64], level: f64) -> Option<Interval> {
    let (a, b) = (OverSeeds::of(first)?, OverSeeds::of(second)?);
    let (va, vb) = (a.sd?.powi(2) / first.len() as f64, b.sd?.powi(2) / second.len() as f64);
    let difference = b.mean - a.mean;
    let half = if va + vb > 0.0 {
        let freedom =
            (va + vb).powi(2) / (va * va / (first.len() as f64 - 1.0) + vb * vb / (second.len() as f64 - 1.0));
        t_quantile(0.5 + 0.5 * level, freedom) * (va + vb).sqrt()
    } else {
        0.0
    };
    Some(Interval {
        low: difference - half,
        high: difference + half,
    })
}

/// Student's interval of the mean over seeds at `level`; `None` with fewer than two.
pub fn mean_interval(values: &[f64], level: f64) -> Option<Interval> {
    let over = OverSeeds::of(values)?;
    let n = values.len() as f64;
    let half = t_quantile(0.5 + 0.5 * level, n - 1.0) * over.sd? / n.sqrt();
    Some(Interval {
        low: over.mean - half,
        high: over.mean + half,
    })
}

/// Two-sided p-value of Welch's test of two means; `None` unless both have at least two values.
///
/// Without any spread it is 1 for equal means and 0 for others.
pub fn welch_p(first: &[f64], second: &[f64]) -> Option<f64> {
    let (a, b) = (OverSeeds::of(first)?, OverSeeds::of(second)?);
    let (n, m) = (first.len() as f64, second.len() as f64);
    let (va, vb) = (a.sd?.powi(2) / n, b.sd?.powi(2) / m);
    let difference = b.mean - a.mean;
    if va + vb <= 0.0 {
        return Some(if difference == 0.0 { 1.0 } else { 0.0 });
    }
    let freedom = (va + vb).powi(2) / (va * va / (n - 1.0) + vb * vb / (m - 1.0));
    let t2 = difference * difference / (va + vb);
    Some(beta_inc(0.5 * freedom, 0.5, freedom / (freedom + t2)))
}

/// Distance below the best value within which training counts as converged: 0.1 point of per cent.
pub const CONVERGENCE_SLACK: f64 = 0.001;

/// First 1-based epoch whose metric (larger is better) is within [`CONVERGENCE_SLACK`] of the best; `None` without values.
///
/// `metrics` holds (epoch, value) in order of epochs.
pub fn convergence_epoch(metrics: &[(i32, f64)]) -> Option<i32> {
    let best = metrics
        .iter()
        .map(|&(_, value)| value)
        .filter(|v| !v.is_nan())
        .reduce(f64::max)?;
    metrics
        .iter()
        // The slack is a decimal fraction: without this allowance 0.899 is not within 0.001 of 0.9.
        .find(|&&(_, value)| value >= best - CONVERGENCE_SLACK - 1e-12)
        .map(|&(epoch, _)| epoch)
}
