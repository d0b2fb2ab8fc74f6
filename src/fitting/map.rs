//! Outputs fitted to how the task is judged (inferred: `fitting.outputs`).
//!
//! Means, penalties and averages over neighbours shrink: the spread of their outputs is smaller than that of the labels, and a
//! unit that is active in a third of an archetype's samples is never called active. Both cost the metric and say nothing about
//! the method. So the outputs of held-out samples decide, once:
//!
//! - valence and arousal: outputs are moved and stretched until mean and spread are those of the labels. At a given correlation
//!   that is where the concordance correlation coefficient (eq. 2) is largest, since it is `2 σ_y σ_ŷ r / (σ_y² + σ_ŷ² + (ȳ − ŷ̄)²)`.
//! - action units: the odds of each unit are divided by those of the threshold at which its F1 over those samples, smoothed, is
//!   largest, so that one half is the threshold afterwards.
//! - expressions: nothing; the class with the largest value is the prediction.

use serde::{Deserialize, Serialize};

use crate::metric;
use crate::metric::interval::percentile;
use crate::record::MetricRow;
use crate::task::{Targets, Task};

use super::config::Outputs;

/// A monotone map of each output.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// Outputs stay as they are.
    #[default]
    None,
    /// Score o becomes `shift[o] + factor[o]` · score, within −1 to 1.
    Spread {
        /// One value an output.
        shift: Vec<f64>,
        /// One value an output.
        factor: Vec<f64>,
    },
    /// Of probability p of unit o the odds are divided by those of `threshold[o]`.
    Thresholds {
        /// One value an output, above 0 and below 1.
        threshold: Vec<f64>,
    },
}

impl Fit {
    /// Chooses the map for `outputs` (n × O) of samples with these targets, known labels only.
    pub fn new(how: Outputs, targets: &Targets, outputs: &[f32]) -> Self {
        let o = targets.outputs();
        let known = |output: usize| {
            (0..targets.len())
                .map(move |row| row * o + output)
                .filter(|&at| targets.known[at])
                .map(|at| (f64::from(targets.values[at]), f64::from(outputs[at])))
        };
        match (how, targets.task) {
            (Outputs::None, _) | (_, Task::Expression) => Self::None,
            (Outputs::Task, Task::ValenceArousal) => {
                let (shift, factor) = (0..o).map(|output| spread(&known(output).collect::<Vec<_>>())).unzip();
                Self::Spread { shift, factor }
            }
            (Outputs::Task, Task::ActionUnits) => Self::Thresholds {
                threshold: (0..o)
                    .map(|output| best_threshold(&known(output).collect::<Vec<_>>()))
                    .collect(),
            },
        }
    }

    /// Whether it is made for `outputs` outputs and maps numbers to numbers.
    pub fn fits(&self, outputs: usize) -> bool {
        match self {
            Self::None => true,
            Self::Spread { shift, factor } => {
                shift.len() == outputs
                    && factor.len() == outputs
                    && shift.iter().chain(factor).all(|value| value.is_finite())
            }
            Self::Thresholds { threshold } => {
                threshold.len() == outputs && threshold.iter().all(|&value| value > 0.0 && value < 1.0)
            }
        }
    }

    /// The numbers of the map under the names of the metrics table, for outputs of these names: `fit_shift_v`,
    /// `fit_factor_v`, `fit_threshold_au01` and so on. Nothing where outputs stay as they are.
    pub fn values(&self, names: &[String]) -> Vec<(String, f64)> {
        let named = |what: &str, values: &[f64]| -> Vec<(String, f64)> {
            names
                .iter()
                .zip(values)
                .map(|(name, &value)| (format!("fit_{what}_{}", metric::output_key(name)), value))
                .collect()
        };
        match self {
            Self::None => Vec::new(),
            Self::Spread { shift, factor } => [named("shift", shift), named("factor", factor)].concat(),
            Self::Thresholds { threshold } => named("threshold", threshold),
        }
    }

    /// The same as rows of the metrics table, split `all`.
    pub fn rows(&self, method: &str, names: &[String]) -> Vec<MetricRow> {
        self.values(names)
            .into_iter()
            .map(|(metric, value)| MetricRow::of_no_split(method, &metric, value, None))
            .collect()
    }

    /// Maps outputs, n × O, in place.
    pub fn apply(&self, outputs: &mut [f32]) {
        match self {
            Self::None => {}
            Self::Spread { shift, factor } => {
                for row in outputs.chunks_exact_mut(shift.len().max(1)) {
                    for ((value, shift), factor) in row.iter_mut().zip(shift).zip(factor) {
                        *value = (shift + factor * f64::from(*value)).clamp(-1.0, 1.0) as f32;
                    }
                }
            }
            Self::Thresholds { threshold } => {
                for row in outputs.chunks_exact_mut(threshold.len().max(1)) {
                    for (value, threshold) in row.iter_mut().zip(threshold) {
                        let p = f64::from(*value);
                        let active = p * (1.0 - threshold);
                        let fitted = (active / (active + (1.0 - p) * threshold)) as f32;
                        // Rounding must not call a unit active whose probability is below the threshold.
                        *value = if p < *threshold {
                            fitted.min(0.5_f32.next_down())
                        } else {
                            fitted.max(0.5)
                        };
                    }
                }
            }
        }
    }
}

/// Shift and factor that give outputs the mean and spread of the labels; no change where outputs or labels do not vary.
fn spread(pairs: &[(f64, f64)]) -> (f64, f64) {
    if pairs.is_empty() {
        return (0.0, 1.0);
    }
    let n = pairs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / n;
    let (label, output) = (mean(|p| p.0), mean(|p| p.1));
    let (mut of_labels, mut of_outputs) = (0.0, 0.0);
    for (y, x) in pairs {
        of_labels += (y - label).powi(2);
        of_outputs += (x - output).powi(2);
    }
    // Outputs that differ by rounding alone have no spread to stretch.
    if of_outputs <= 1e-12 * n || of_labels == 0.0 {
        return (0.0, 1.0);
    }
    let factor = (of_labels / of_outputs).sqrt();
    (label - factor * output, factor)
}

/// Thresholds among which the best is looked for.
const GRID: usize = 120;
/// Of a normal kernel's width, the width of the logistic kernel that is as wide.
const LOGISTIC: f64 = 1.0 / 1.81;

/// The threshold with the largest F1 of (label, probability) pairs if each probability is smeared out by a kernel of the usual
/// width (Silverman 1986, for active and inactive samples apart): of a rare unit the F1 of the samples themselves has its
/// maximum wherever a few of them happen to lie. One half where no label, or every label, is active.
fn best_threshold(pairs: &[(f64, f64)]) -> f64 {
    let of = |active: bool| -> Vec<f64> {
        let mut values: Vec<f64> = pairs.iter().filter(|p| (p.0 > 0.5) == active).map(|p| p.1).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let (active, inactive) = (of(true), of(false));
    if active.is_empty() || inactive.is_empty() {
        return 0.5;
    }
    let (h_active, h_inactive) = (width(&active), width(&inactive));
    let mut all: Vec<f64> = pairs.iter().map(|p| p.1).collect();
    all.sort_by(f64::total_cmp);
    let (from, to) = (percentile(&all, 0.5), percentile(&all, 1.0));
    let called =
        |values: &[f64], h: f64, t: f64| -> f64 { values.iter().map(|p| 1.0 / (1.0 + ((t - p) / h).exp())).sum() };
    let mut best = (f64::NEG_INFINITY, 0.5);
    for step in 0..=GRID {
        let threshold = from + (to - from) * step as f64 / GRID as f64;
        let found = called(&active, h_active, threshold);
        let wrong = called(&inactive, h_inactive, threshold);
        let f1 = 2.0 * found / (found + wrong + active.len() as f64);
        if f1 > best.0 {
            best = (f1, threshold);
        }
    }
    best.1.clamp(1e-6, 1.0 - 1e-6)
}

/// Width of the logistic kernel for sorted values.
fn width(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let sd = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    let quartiles = (percentile(values, 0.75) - percentile(values, 0.25)) / 1.34;
    // Of values of which more than half are equal, the quartiles say nothing.
    let spread = if quartiles > 0.0 { sd.min(quartiles) } else { sd };
    1.06 * spread * n.powf(-0.2) * LOGISTIC + 1e-6
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sets::Matrix;

    fn targets(task: Task, values: Vec<f32>, known: Vec<bool>, outputs: usize) -> Targets {
        let names = match task {
            Task::ValenceArousal => vec!["valence".to_owned(), "arousal".to_owned()],
            _ => (0..outputs).map(|unit| format!("au{:02}", unit + 1)).collect(),
        };
        Targets {
            task,
            names,
            values,
            known,
        }
    }

    #[test]
    fn scores_get_the_spread_of_the_labels() {
        let labels = targets(
            Task::ValenceArousal,
            vec![-0.8, 0.1, 0.0, 0.1, 0.8, 0.1],
            vec![true; 6],
            2,
        );
        let mut outputs = vec![0.1, 0.3, 0.2, 0.3, 0.3, 0.3];
        let fit = Fit::new(Outputs::Task, &labels, &outputs);
        fit.apply(&mut outputs);
        let expected = [-0.8, 0.3, 0.0, 0.3, 0.8, 0.3];
        for (value, expected) in outputs.iter().zip(expected) {
            assert!(
                (value - expected).abs() < 1e-6,
                "{outputs:?}; arousal does not vary and stays"
            );
        }
        let mut far = vec![0.9, 0.3];
        fit.apply(&mut far);
        assert!((far[0] - 1.0).abs() < 1e-6, "scores stay within their range: {far:?}");
    }

    #[test]
    fn a_rare_unit_is_called_at_its_best_threshold() {
        // Twenty of two hundred are active, at about 0.3; the others lie about 0.1. The last label is unknown.
        let n = 201;
        let active = |i: usize| i.is_multiple_of(10);
        let labels = targets(
            Task::ActionUnits,
            (0..n).map(|i| f32::from(u8::from(active(i)))).collect(),
            (0..n).map(|i| i < 200).collect(),
            1,
        );
        let spread = |i: usize| (i / 10 % 5) as f32 / 50.0;
        let mut outputs: Vec<f32> = (0..n)
            .map(|i| if active(i) { 0.28 } else { 0.08 } + spread(i))
            .collect();
        outputs[200] = 0.0;
        let fit = Fit::new(Outputs::Task, &labels, &outputs);
        let Fit::Thresholds { threshold } = &fit else {
            panic!("{fit:?}")
        };
        assert!((0.17..0.28).contains(&threshold[0]), "{fit:?}");
        assert_eq!(
            fit.values(&labels.names),
            [("fit_threshold_au01".to_owned(), threshold[0])]
        );
        // Nothing below the threshold is called by rounding, and nothing at it is missed.
        let at = threshold[0] as f32;
        let mut near = vec![at.next_down(), at.next_up()];
        fit.apply(&mut near);
        assert!(near[0] < 0.5 && near[1] >= 0.5, "{near:?}");
        fit.apply(&mut outputs);
        for (i, &p) in outputs.iter().enumerate().take(200) {
            assert_eq!(p >= metric::action_units::THRESHOLD, active(i), "{i}: {p}");
        }
        assert!(outputs.iter().all(|p| (0.0..=1.0).contains(p)));
    }

    #[test]
    fn one_outlier_does_not_move_a_threshold() {
        // Half of the samples are active; the F1 of the samples themselves would follow the single active one at 0.02.
        let n = 100;
        let labels = targets(
            Task::ActionUnits,
            (0..n).map(|i| f32::from(u8::from(i % 2 == 0))).collect(),
            vec![true; n],
            1,
        );
        let outputs = |outlier: f32| -> Vec<f32> {
            (0..n)
                .map(|i| match i {
                    0 => outlier,
                    _ if i % 2 == 0 => 0.7 + (i % 7) as f32 / 50.0,
                    _ => 0.2 + (i % 7) as f32 / 50.0,
                })
                .collect()
        };
        let of = |outlier| match Fit::new(Outputs::Task, &labels, &outputs(outlier)) {
            Fit::Thresholds { threshold } => threshold[0],
            other => panic!("{other:?}"),
        };
        assert!((of(0.7) - of(0.02)).abs() < 0.06, "{} {}", of(0.7), of(0.02));
    }

    #[test]
    fn one_half_is_the_threshold_where_nothing_can_be_told() {
        for value in [0.0, 1.0] {
            let all = targets(Task::ActionUnits, vec![value; 2], vec![true; 2], 1);
            assert_eq!(
                Fit::new(Outputs::Task, &all, &[0.9, 0.2]),
                Fit::Thresholds { threshold: vec![0.5] }
            );
            assert_eq!(Fit::new(Outputs::None, &all, &[0.9, 0.2]), Fit::None);
        }
    }

    proptest! {
        #[test]
        fn order_stays_and_scores_get_no_worse(
            rows in prop::collection::vec((0.0_f32..1.0, any::<bool>(), 0.0_f32..1.0, prop::bool::weighted(0.8)), 8..60),
        ) {
            let n = rows.len();
            let mut known: Vec<bool> = rows.iter().map(|row| row.3).collect();
            known[0] = true;
            known[1] = true;
            let evaluate = |targets: &Targets, data: Vec<f32>| {
                let outputs = Matrix { rows: n, cols: targets.outputs(), data };
                crate::metric::evaluate::primary(targets, &outputs).unwrap()
            };
            let units = targets(Task::ActionUnits, rows.iter().map(|row| f32::from(u8::from(row.1))).collect(), known.clone(), 1);
            let before: Vec<f32> = rows.iter().map(|row| row.2).collect();
            let mut after = before.clone();
            let fit = Fit::new(Outputs::Task, &units, &before);
            prop_assert!(fit.fits(1));
            fit.apply(&mut after);
            let mut order: Vec<usize> = (0..n).collect();
            order.sort_by(|&a, &b| before[a].total_cmp(&before[b]));
            prop_assert!(order.windows(2).all(|pair| after[pair[0]] <= after[pair[1]]));

            // Scores that correlate with the labels, as those of a trained model do.
            let labels: Vec<f32> = rows.iter().flat_map(|row| [row.0, row.2 - 0.5]).collect();
            let scores: Vec<f32> = rows.iter().flat_map(|row| [0.3 * row.0 + 0.05 * row.2, 0.2 * row.2 + 0.1]).collect();
            let scored = targets(Task::ValenceArousal, labels, vec![true; 2 * n], 2);
            let mut fitted = scores.clone();
            Fit::new(Outputs::Task, &scored, &scores).apply(&mut fitted);
            prop_assert!(evaluate(&scored, fitted) >= evaluate(&scored, scores) - 1e-6);
        }
    }
}
