//! Every metric by group: with its interval, and the largest gap between groups.
//!
//! Each group is resampled by itself, with as many samples (or subjects) as it has: a small group is in every resample, and groups
//! are independent of each other unless a person is in several.

use crate::error::Result;
use crate::task::{Targets, Task};

use super::interval::{Bootstrap, Interval, bca, left_out};
use super::panel::{Laid, Panel};
use super::tally::Measure;

/// A measure of one method on one group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OfGroup {
    /// Mean over seeds and over the test sets that have the group.
    pub value: f64,
    /// BCa interval; `None` with fewer than two clusters.
    pub interval: Option<Interval>,
    /// Samples that it rests on.
    pub n: u64,
}

/// The greatest value of any group less the least.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gap {
    /// At least 0.
    pub value: f64,
    /// BCa interval; `None` where a group has none.
    pub interval: Option<Interval>,
    /// Position of the group with the greatest value among those given.
    pub highest: usize,
    /// Position of that with the least.
    pub lowest: usize,
}

/// All measures of all methods on the samples of one group, resampled.
#[derive(Debug, Clone)]
pub struct Resamples {
    measures: usize,
    values: Vec<f64>,
    supports: Vec<(f64, bool)>,
    /// Of each resample; empty where there is one subject alone.
    distribution: Vec<Vec<f64>>,
    /// With each cluster left out.
    left_out: Vec<Vec<f64>>,
    clusters: usize,
    level: f64,
}

/// Measures of a task with their names, as [`Measure::all`] has them.
type Named = Vec<(String, Measure)>;

impl Resamples {
    /// Resamples the group whose samples the panels hold, one a test set that has any; `position` is that of the group, and gives it
    /// a stream of random numbers of its own.
    ///
    /// # Errors
    /// [`crate::Error::Data`] if shapes do not fit, a value is not finite or there is no panel; [`crate::Error::Interrupted`].
    pub fn new(panels: &[Panel<'_>], measures: &Named, position: u64, bootstrap: &Bootstrap) -> Result<Self> {
        let laid = Laid::new(panels, |_: &Targets| {
            Ok(measures.iter().map(|(_, measure)| *measure).collect())
        })?;
        let rows = laid.rows();
        let statistic = |sums: &[f64]| laid.values(sums);
        let own = Bootstrap {
            seed: bootstrap.seed.wrapping_add(1 + position),
            ..bootstrap.clone()
        };
        let mut resamples = Self {
            measures: measures.len(),
            values: statistic(&rows.total()),
            supports: laid.supports(),
            distribution: Vec::new(),
            left_out: Vec::new(),
            clusters: rows.clusters(),
            level: bootstrap.level,
        };
        if one_subject(panels) {
            // Frames of one person say nothing about others.
            resamples.clusters = 1;
        } else if rows.clusters() > 1 {
            resamples.distribution = own.distribution(rows, statistic)?;
            resamples.left_out = left_out(rows, statistic);
        }
        Ok(resamples)
    }

    /// Subjects, where every sample names one, or else samples.
    pub fn clusters(&self) -> usize {
        self.clusters
    }

    /// A measure of a method, by position; `None` where no sample of the group has what it asks for: none of the class, or no known
    /// label. A mean over classes or units is that over those which there are.
    pub fn value(&self, method: usize, measure: usize, is_mean: bool) -> Option<OfGroup> {
        let at = method * self.measures + measure;
        let (n, degenerate) = self.supports[at];
        if n <= 0.0 || (degenerate && !is_mean) {
            return None;
        }
        let value = self.values[at];
        let mut distribution: Vec<f64> = self.distribution.iter().map(|values| values[at]).collect();
        let left_out: Vec<f64> = self.left_out.iter().map(|values| values[at]).collect();
        Some(OfGroup {
            value,
            interval: (!distribution.is_empty()).then(|| bca(value, &mut distribution, &left_out, self.level)),
            n: n as u64,
        })
    }
}

/// The gap between groups in one measure of one method; `None` with fewer than two groups.
///
/// The interval is that of the greatest less the least of the same resample, whichever groups these are. It has no sign, so that
/// groups that are alike have a gap above 0 by chance: its lower end says whether it is more.
pub fn gap(groups: &[&Resamples], method: usize, measure: usize) -> Option<Gap> {
    let first = groups.first().filter(|_| groups.len() > 1)?;
    let at = method * first.measures + measure;
    let values: Vec<f64> = groups.iter().map(|group| group.values[at]).collect();
    // The first of equals.
    let (mut highest, mut lowest) = (0, 0);
    for (position, value) in values.iter().enumerate() {
        if *value > values[highest] {
            highest = position;
        }
        if *value < values[lowest] {
            lowest = position;
        }
    }
    let value = values[highest] - values[lowest];
    let resampled = groups.iter().map(|group| group.distribution.len()).min().unwrap_or(0);
    let spread = |values: &mut dyn Iterator<Item = f64>| {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
            (low.min(v), high.max(v))
        });
        high - low
    };
    let interval = (resampled > 0).then(|| {
        let mut distribution: Vec<f64> = (0..resampled)
            .map(|r| spread(&mut groups.iter().map(|group| group.distribution[r][at])))
            .collect();
        // A cluster is in one group: the others stay as they are. As scipy's bootstrap of several samples, each group's own mean is
        // what its left-out values are held against.
        let mut without = Vec::new();
        for (own, group) in groups.iter().enumerate() {
            let left: Vec<f64> = group
                .left_out
                .iter()
                .map(|left| {
                    let rest = values.iter().enumerate();
                    spread(&mut rest.map(|(i, &value)| if i == own { left[at] } else { value }))
                })
                .collect();
            let n = left.len() as f64;
            let mean = left.iter().sum::<f64>() / n;
            without.extend(left.iter().map(|value| (n - 1.0) / n * (value - mean)));
        }
        bca(value, &mut distribution, &without, first.level)
    });
    Some(Gap {
        value,
        interval,
        highest,
        lowest,
    })
}

/// The measures of a task that groups are compared by, and whether each is a mean over classes, dimensions or units.
pub fn measures(task: Task, names: &[String]) -> (Named, Vec<bool>) {
    let all = Measure::all(task, names);
    let means = all.iter().map(|(_, measure)| is_of_all(*measure)).collect();
    (all, means)
}

/// Whether a measure speaks of all classes, dimensions or units, and not of one.
fn is_of_all(measure: Measure) -> bool {
    match measure {
        Measure::Accuracy | Measure::BalancedAccuracy | Measure::F1Macro => true,
        Measure::ClassF1(_) | Measure::ClassRecall(_) => false,
        Measure::Ccc(which)
        | Measure::Pcc(which)
        | Measure::Rmse(which)
        | Measure::Sagr(which)
        | Measure::UnitF1(which)
        | Measure::UnitAccuracy(which) => which.is_none(),
    }
}

/// Whether every sample names a person, and it is always the same.
fn one_subject(panels: &[Panel<'_>]) -> bool {
    let mut people = panels.iter().flat_map(|panel| panel.subjects);
    let first = people.next().cloned().flatten();
    let samples: usize = panels.iter().map(|panel| panel.targets.len()).sum();
    let named: usize = panels.iter().map(|panel| panel.subjects.len()).sum();
    first.is_some() && named == samples && people.all(|person| *person == first)
}
