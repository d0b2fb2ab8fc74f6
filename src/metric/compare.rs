//! Whether two models differ on the same samples: McNemar's test, the paired bootstrap, Holm's correction.

use crate::error::{Error, Result};
use crate::sets::Matrix;
use crate::task::Targets;

use super::interval::{Bootstrap, Interval, bca, left_out};
use super::panel::{Laid, Panel};
use super::special::{binomial_half_cdf, chi2_1_upper};
use super::tally::Measure;

/// McNemar's test of two classifiers on the same samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mcnemar {
    /// Samples that only the first got right.
    pub only_first: u64,
    /// Samples that only the second got right.
    pub only_second: u64,
    /// Two-sided exact (binomial) p-value.
    pub p_exact: f64,
    /// (max(|b − c| − 1, 0))² / (b + c), 0 without discordant samples.
    pub chi2: f64,
    /// Upper tail of `chi2` with one degree of freedom.
    pub p_chi2: f64,
}

/// Compares which samples two classifiers got right.
///
/// # Errors
/// [`Error::Data`] if the lists differ in length.
pub fn mcnemar(first_correct: &[bool], second_correct: &[bool]) -> Result<Mcnemar> {
    if first_correct.len() != second_correct.len() {
        return Err(Error::data(format!(
            "{} answers stand against {}; the test needs both models on the same samples",
            first_correct.len(),
            second_correct.len()
        )));
    }
    let pairs = || first_correct.iter().zip(second_correct);
    let only_first = pairs().filter(|&(&a, &b)| a && !b).count() as u64;
    let only_second = pairs().filter(|&(&a, &b)| !a && b).count() as u64;
    let n = only_first + only_second;
    let chi2 = if n == 0 {
        0.0
    } else {
        let distance = (only_first.abs_diff(only_second) as f64 - 1.0).max(0.0);
        distance * distance / n as f64
    };
    Ok(Mcnemar {
        only_first,
        only_second,
        p_exact: if n == 0 {
            1.0
        } else {
            (2.0 * binomial_half_cdf(only_first.min(only_second), n)).min(1.0)
        },
        chi2,
        p_chi2: chi2_1_upper(chi2),
    })
}

/// Difference of two models in one metric, on the same samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paired {
    /// Second minus first.
    pub difference: f64,
    /// BCa interval of the difference; `None` with fewer than two clusters.
    pub interval: Option<Interval>,
    /// Two-sided bootstrap p-value, 2·min(share ≤ 0, share ≥ 0) with one added to numerator and denominator.
    pub p: f64,
    /// Samples (or subjects) that were resampled.
    pub clusters: usize,
}

/// Outputs of two models for the same samples of one test set, one matrix (n × O) a seed on each side.
#[derive(Debug, Clone)]
pub struct Answers<'a> {
    /// What was asked.
    pub targets: &'a Targets,
    /// The first model's outputs, one matrix a seed.
    pub first: Vec<&'a Matrix>,
    /// The second model's outputs, one matrix a seed; there may be more or fewer.
    pub second: Vec<&'a Matrix>,
    /// Person of each sample, where known.
    pub subjects: &'a [Option<String>],
}

/// Resamples the same samples (whole subjects, where every sample names one) for two models with one or several seeds, and
/// with one or several test sets (folds) whose metrics are averaged.
///
/// The difference is that of the means over seeds: each resample of the samples is laid over every seed of both sides, so that
/// the interval holds the chance of the test samples and no chance of the seeds.
///
/// # Errors
/// [`Error::Data`] if shapes do not fit, a value is not finite, the task has no metric of that name, there is no fold, or a
/// side has no seed; [`Error::Interrupted`].
pub fn paired_bootstrap(metric: &str, folds: &[Answers<'_>], bootstrap: &Bootstrap) -> Result<Paired> {
    let panels: Vec<Panel<'_>> = folds
        .iter()
        .map(|fold| Panel {
            targets: fold.targets,
            methods: vec![fold.first.clone(), fold.second.clone()],
            subjects: fold.subjects,
        })
        .collect();
    Ok(Resampled::new(metric, &panels, bootstrap)?.paired(0, 1))
}

/// Several methods on the same resamples: every pair of them can be compared.
#[derive(Debug, Clone)]
pub struct Resampled {
    /// Each method's metric, mean over seeds and test sets.
    values: Vec<f64>,
    /// The same of each resample.
    distribution: Vec<Vec<f64>>,
    /// The same with each cluster left out.
    left_out: Vec<Vec<f64>>,
    level: f64,
}

impl Resampled {
    /// Resamples the samples of all panels, each a test set whose metrics are averaged.
    ///
    /// # Errors
    /// As [`paired_bootstrap`].
    pub fn new(metric: &str, panels: &[Panel<'_>], bootstrap: &Bootstrap) -> Result<Self> {
        let measures = |targets: &Targets| {
            let measure = Measure::parse(metric, targets.task, &targets.names);
            Ok(vec![measure.ok_or_else(|| {
                Error::data(format!("this task has no metric `{metric}`"))
            })?])
        };
        let laid = Laid::new(panels, measures)?;
        let rows = laid.rows();
        let statistic = |sums: &[f64]| laid.values(sums);
        Ok(Self {
            values: statistic(&rows.total()),
            distribution: bootstrap.distribution(rows, statistic)?,
            left_out: left_out(rows, statistic),
            level: bootstrap.level,
        })
    }

    /// One of the methods, by position: its metric and the BCa interval of it, `None` with fewer than two clusters.
    pub fn alone(&self, method: usize) -> (f64, Option<Interval>) {
        let of = |values: &Vec<f64>| values[method];
        let mut distribution: Vec<f64> = self.distribution.iter().map(of).collect();
        let left_out: Vec<f64> = self.left_out.iter().map(of).collect();
        let value = of(&self.values);
        let interval = (left_out.len() > 1 && !distribution.is_empty())
            .then(|| bca(value, &mut distribution, &left_out, self.level));
        (value, interval)
    }

    /// Two of the methods, by position: second minus first.
    pub fn paired(&self, first: usize, second: usize) -> Paired {
        let of = |values: &Vec<f64>| values[second] - values[first];
        let mut distribution: Vec<f64> = self.distribution.iter().map(of).collect();
        let left_out: Vec<f64> = self.left_out.iter().map(of).collect();
        let tail = |count: usize| (count + 1) as f64 / (distribution.len() + 1) as f64;
        let p = 2.0
            * tail(distribution.iter().filter(|&&d| d <= 0.0).count())
                .min(tail(distribution.iter().filter(|&&d| d >= 0.0).count()));
        let difference = of(&self.values);
        Paired {
            difference,
            interval: (left_out.len() > 1 && !distribution.is_empty())
                .then(|| bca(difference, &mut distribution, &left_out, self.level)),
            p: p.min(1.0),
            clusters: self.left_out.len(),
        }
    }
}

/// Holm's step-down adjusted p-values, in the order given (Holm 1979).
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut running: f64 = 0.0;
    for (rank, &i) in order.iter().enumerate() {
        running = running.max((p_values.len() - rank) as f64 * p_values[i]).min(1.0);
        adjusted[i] = running;
    }
    adjusted
}
