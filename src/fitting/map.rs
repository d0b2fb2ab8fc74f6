//! Outputs fitted to how the task is judged (inferred: `fitting.outputs`).
//!
//! Means, penalties and averages over neighbours shrink: the spread of their outputs is smaller than that of the labels, and a
//! unit that is active in a third of an archetype's samples is never called active. Both cost the metric and say nothing about
//! the method. So the outputs of held-out samples decide, once:
//!
//! - valence and arousal: outputs are moved and stretched until mean and spread are those of the labels. At a given correlation
//!   that is where the concordance correlation coefficient (eq. 2) is largest, since it is `2 σ_y σ_ŷ r / (σ_y² + σ_ŷ² + (ȳ − ŷ̄)²)`.
//! - action units: the odds of each unit are divided by those of the threshold at which its F1 over those samples is
//!   largest, so that one half is the threshold afterwards.
//! - expressions: nothing; the class with the largest value is the prediction.

use serde::{Deserialize, Serialize};

use crate::metric::{self};
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
                threshold: (0..o).map(|output| best_threshold(known(output).collect())).collect(),
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

/// The threshold with the largest F1 of (label, probability) pairs: in the middle between two probabilities that occur, and
/// among equally good ones that nearest to one half. One half where no label is active.
fn best_threshold(mut pairs: Vec<(f64, f64)>) -> f64 {
    pairs.sort_by(|a, b| b.1.total_cmp(&a.1));
    let active: f64 = pairs.iter().map(|pair| pair.0).sum();
    let mut best = (0.0, 0.5);
    let mut found = 0.0;
    for (at, &(label, probability)) in pairs.iter().enumerate() {
        found += label;
        let next = pairs.get(at + 1).map_or(0.0, |pair| pair.1);
        if next >= probability {
            continue;
        }
        let f1 = 2.0 * found / ((at + 1) as f64 + active);
        // One half itself, where it divides the samples in the same way.
        let threshold = if next < 0.5 && probability >= 0.5 {
            0.5
        } else {
            f64::midpoint(next, probability)
        };
        let nearer = (threshold - 0.5_f64).abs() < (best.1 - 0.5_f64).abs();
        if threshold > 0.0 && threshold < 1.0 && (f1 > best.0 || (f1 >= best.0 && nearer)) {
            best = (f1, threshold);
        }
    }
    if best.0 > 0.0 { best.1 } else { 0.5 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sets::Matrix;

    fn targets(task: Task, values: Vec<f32>, known: Vec<bool>, outputs: usize) -> Targets {
        let names = match task {
            Task::ValenceArousal => vec!["valence".to_owned(), "arousal".to_owned()],
            _ => (0..outputs).map(|unit| format!("AU{}", unit + 1)).collect(),
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
        // Seven samples of one unit; the last label is unknown and would move the threshold.
        let labels = targets(
            Task::ActionUnits,
            vec![1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0],
            vec![true, true, true, true, true, true, false],
            1,
        );
        let mut outputs = vec![0.4, 0.3, 0.3, 0.1, 0.1, 0.1, 0.0];
        let fit = Fit::new(Outputs::Task, &labels, &outputs);
        // At 0.2: tp 2, fp 1, F1 0.8; at 0.35: 2/3.
        let Fit::Thresholds { threshold } = &fit else {
            panic!("{fit:?}")
        };
        assert!((threshold[0] - 0.2).abs() < 1e-6, "{fit:?}");
        assert_eq!(
            fit.values(&labels.names),
            [("fit_threshold_au1".to_owned(), threshold[0])]
        );
        // Nothing below the threshold is called by rounding, and nothing at it is missed.
        let at = threshold[0] as f32;
        let mut near = vec![at.next_down(), at.next_up()];
        fit.apply(&mut near);
        assert!(near[0] < 0.5 && near[1] >= 0.5, "{near:?}");
        fit.apply(&mut outputs);
        let called: Vec<bool> = outputs.iter().map(|&p| p >= metric::action_units::THRESHOLD).collect();
        assert_eq!(called, [true, true, true, false, false, false, false]);
        assert!(outputs.iter().all(|p| (0.0..=1.0).contains(p)));
    }

    #[test]
    fn what_divides_as_one_half_does_is_one_half() {
        let labels = targets(Task::ActionUnits, vec![1.0, 0.0], vec![true; 2], 1);
        let fit = Fit::new(Outputs::Task, &labels, &[0.9, 0.2]);
        assert_eq!(fit, Fit::Thresholds { threshold: vec![0.5] });
        let none = targets(Task::ActionUnits, vec![0.0, 0.0], vec![true; 2], 1);
        assert_eq!(
            Fit::new(Outputs::Task, &none, &[0.9, 0.2]),
            Fit::Thresholds { threshold: vec![0.5] }
        );
        assert_eq!(Fit::new(Outputs::None, &labels, &[0.9, 0.2]), Fit::None);
    }

    proptest! {
        #[test]
        fn on_the_samples_themselves_nothing_gets_worse(
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
            prop_assert!(evaluate(&units, after) >= evaluate(&units, before.clone()) - 1e-9);

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
