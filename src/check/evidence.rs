//! How far a mean over seeds may move by chance: of the seeds, of the test samples, of both.

use crate::error::Result;
use crate::metric::compare::{Answers, paired_bootstrap};
use crate::metric::seeds::{self, OverSeeds};
use crate::metric::special::t_quantile;
use crate::metric::{Bootstrap, Interval, Measure};

use super::answers::Predictions;
use super::names::place;

/// A difference counts if Holm's p-value lies below this.
pub const LEVEL: f64 = 0.05;

/// Interval of the difference of two means over seeds, second minus first.
///
/// Welch's where both sides have two seeds or more. Where only one side has, its spread is taken for both (Student's, pooled):
/// a single further seed is then judged against the spread of the others. `None` if neither side has.
pub fn over_seeds(first: &[f64], second: &[f64], level: f64) -> Option<Interval> {
    if first.is_empty() || second.is_empty() {
        return None;
    }
    if first.len() > 1 && second.len() > 1 {
        return seeds::welch(first, second, level);
    }
    let known = if first.len() > 1 { first } else { second };
    let sd = OverSeeds::of(known)?.sd?;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let difference = mean(second) - mean(first);
    let half = allowance(sd, known.len(), first.len(), second.len(), 0.5 * (1.0 - level));
    Some(Interval {
        low: difference - half,
        high: difference + half,
    })
}

/// By how much the mean of `n_second` seeds falls short of the mean of `n_first` seeds with probability `alpha` if all come from
/// one normal distribution, of which `n_sd` seeds gave the standard deviation `sd`.
pub fn allowance(sd: f64, n_sd: usize, n_first: usize, n_second: usize, alpha: f64) -> f64 {
    let freedom = (n_sd.max(2) - 1) as f64;
    t_quantile(1.0 - alpha, freedom) * sd * (1.0 / n_first as f64 + 1.0 / n_second as f64).sqrt()
}

/// Interval of the difference on the same test samples, second minus first: whole subjects are resampled where known.
///
/// `None` if the metric is not one of the predictions (the size of a dictionary), the samples differ, or a side has no seed.
///
/// # Errors
/// If outputs are not finite.
pub fn over_samples(
    metric: &str,
    first: &Predictions,
    second: &Predictions,
    bootstrap: &Bootstrap,
) -> Result<Option<Interval>> {
    let Some(folds) = pairs(metric, first, second) else {
        return Ok(None);
    };
    Ok(paired_bootstrap(place(metric).0, &folds, bootstrap)?.interval)
}

/// The answers of both sides, folds by the samples that they were tested on, if they can be paired and `metric` is a measure of them.
pub fn pairs<'a>(metric: &str, first: &'a Predictions, second: &'a Predictions) -> Option<Vec<Answers<'a>>> {
    if first.folds.is_empty() || first.folds.len() != second.folds.len() {
        return None;
    }
    for ((fold, a), (other, b)) in first.folds.iter().zip(&second.folds) {
        let known = Measure::parse(place(metric).0, a.targets.task, &a.targets.names).is_some();
        let same = fold == other && a.sample_ids == b.sample_ids && a.targets == b.targets;
        if !known || !same || a.outputs.is_empty() || b.outputs.is_empty() || a.sample_ids.is_empty() {
            return None;
        }
    }
    let panel = |folds: Vec<Option<i32>>| {
        let of = |side: &'a Predictions| {
            folds
                .iter()
                .flat_map(|fold| side.folds[fold].outputs.values())
                .collect()
        };
        let samples = &first.folds[&folds[0]];
        Answers {
            targets: &samples.targets,
            first: of(first),
            second: of(second),
            subjects: &samples.subjects,
        }
    };
    Some(first.panels().into_iter().map(panel).collect())
}

/// One interval that holds the chance of seeds and of samples: the half-widths of both, added as independent errors are.
pub fn both(difference: f64, one: Interval, other: Interval) -> Interval {
    Interval {
        low: difference - libm::hypot(difference - one.low, difference - other.low),
        high: difference + libm::hypot(one.high - difference, other.high - difference),
    }
}
