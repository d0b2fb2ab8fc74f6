//! Losses of linear and shallow models: value and derivative with respect to the raw outputs, by task.

use crate::task::{Targets, Task};

/// Which loss is taken over raw outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Softmax cross-entropy over classes.
    CrossEntropy,
    /// Logistic loss per action unit; unknown labels do not count.
    Logistic,
    /// Half the squared error per dimension.
    Squared,
    /// Squared error plus 1 − CCC per dimension, over the samples at hand.
    Concordance,
}

impl Loss {
    /// The loss that a linear probe of this task minimises.
    pub fn linear(task: Task) -> Self {
        match task {
            Task::Expression => Self::CrossEntropy,
            Task::ValenceArousal => Self::Squared,
            Task::ActionUnits => Self::Logistic,
        }
    }

    /// The loss that a neural probe of this task minimises: CCC is what valence and arousal are judged by.
    pub fn neural(task: Task) -> Self {
        match task {
            Task::ValenceArousal => Self::Concordance,
            task => Self::linear(task),
        }
    }

    /// What the raw outputs of one sample say: probabilities, or scores kept within [−1, 1].
    pub fn respond(self, raw: &mut [f32]) {
        match self {
            Self::CrossEntropy => {
                let top = raw.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let mut sum = 0.0;
                for v in raw.iter_mut() {
                    *v = (*v - top).exp();
                    sum += *v;
                }
                for v in raw {
                    *v /= sum;
                }
            }
            Self::Logistic => {
                for v in raw {
                    *v = 1.0 / (1.0 + (-*v).exp());
                }
            }
            Self::Squared | Self::Concordance => {
                for v in raw {
                    *v = v.clamp(-1.0, 1.0);
                }
            }
        }
    }
}

/// Mean second derivative of the loss of each output (O) at these raw outputs, n × O.
pub fn second_derivatives(loss: Loss, targets: &Targets, raw: &[f64]) -> Vec<f64> {
    let o = targets.outputs();
    let mut sums = vec![0.0; o];
    for row in raw.chunks_exact(o.max(1)) {
        let mut p: Vec<f32> = row.iter().map(|&v| v as f32).collect();
        loss.respond(&mut p);
        for (sum, p) in sums.iter_mut().zip(p) {
            *sum += match loss {
                Loss::CrossEntropy | Loss::Logistic => f64::from(p * (1.0 - p)),
                Loss::Squared => 1.0,
                // Of its squared error; 1 − CCC is not convex, and a bounded part.
                Loss::Concordance => 2.0,
            };
        }
    }
    sums.iter().map(|sum| sum / targets.len().max(1) as f64).collect()
}

/// For each output, the number of samples among `rows` whose label is known.
pub fn known_counts(targets: &Targets, rows: impl Iterator<Item = usize>) -> Vec<f64> {
    let o = targets.outputs();
    let mut counts = vec![0.0; o];
    for i in rows {
        for (count, &known) in counts.iter_mut().zip(&targets.known[i * o..(i + 1) * o]) {
            *count += f64::from(u8::from(known));
        }
    }
    counts
}

/// Mean loss over the samples `rows` (sum over outputs) and its derivative.
///
/// `raw` and `slope` hold O values for each entry of `rows`, in that order; `counts` is [`known_counts`] of the whole training
/// set or of the batch, by which each output's sum is divided.
pub fn evaluate(loss: Loss, targets: &Targets, rows: &[usize], raw: &[f64], counts: &[f64], slope: &mut [f32]) -> f64 {
    let o = targets.outputs();
    let mut total = 0.0;
    match loss {
        Loss::CrossEntropy => {
            for (at, &i) in rows.iter().enumerate() {
                let (raw, slope) = (&raw[at * o..(at + 1) * o], &mut slope[at * o..(at + 1) * o]);
                let Some(label) = targets.class(i) else {
                    slope.fill(0.0);
                    continue;
                };
                let weight = 1.0 / counts[label].max(1.0);
                let top = raw.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = raw.iter().map(|v| (v - top).exp()).sum();
                total += weight * (sum.ln() + top - raw[label]);
                for (c, (slope, v)) in slope.iter_mut().zip(raw).enumerate() {
                    let p = (v - top).exp() / sum;
                    *slope = (weight * (p - f64::from(u8::from(c == label)))) as f32;
                }
            }
        }
        Loss::Logistic | Loss::Squared => {
            for (at, &i) in rows.iter().enumerate() {
                for k in 0..o {
                    let (cell, v) = (at * o + k, raw[at * o + k]);
                    if !targets.known[i * o + k] {
                        slope[cell] = 0.0;
                        continue;
                    }
                    let (y, weight) = (f64::from(targets.values[i * o + k]), 1.0 / counts[k].max(1.0));
                    if loss == Loss::Logistic {
                        // ln(1 + eᵛ) − y v, in the form that neither overflows nor cancels.
                        total += weight * (v.max(0.0) + libm::log1p((-v.abs()).exp()) - y * v);
                        slope[cell] = (weight * (1.0 / (1.0 + (-v).exp()) - y)) as f32;
                    } else {
                        total += weight * 0.5 * (v - y) * (v - y);
                        slope[cell] = (weight * (v - y)) as f32;
                    }
                }
            }
        }
        Loss::Concordance => {
            for k in 0..o {
                total += concordance(targets, rows, raw, k, slope);
            }
        }
    }
    total
}

/// Squared error + 1 − CCC of dimension `k`.
fn concordance(targets: &Targets, rows: &[usize], raw: &[f64], k: usize, slope: &mut [f32]) -> f64 {
    let o = targets.outputs();
    let known: Vec<(usize, f64, f64)> = rows
        .iter()
        .enumerate()
        .filter(|&(_, &i)| targets.known[i * o + k])
        .map(|(at, &i)| (at * o + k, f64::from(targets.values[i * o + k]), raw[at * o + k]))
        .collect();
    for at in 0..rows.len() {
        slope[at * o + k] = 0.0;
    }
    if known.is_empty() {
        return 0.0;
    }
    let n = known.len() as f64;
    let (mean_y, mean_v) = (
        known.iter().map(|c| c.1).sum::<f64>() / n,
        known.iter().map(|c| c.2).sum::<f64>() / n,
    );
    let (mut var_y, mut var_v, mut cov, mut squares) = (0.0, 0.0, 0.0, 0.0);
    for &(_, y, v) in &known {
        var_y += (y - mean_y) * (y - mean_y) / n;
        var_v += (v - mean_v) * (v - mean_v) / n;
        cov += (y - mean_y) * (v - mean_v) / n;
        squares += (y - v) * (y - v) / n;
    }
    let bottom = var_y + var_v + (mean_y - mean_v) * (mean_y - mean_v) + 1e-12;
    let ccc = 2.0 * cov / bottom;
    for (cell, y, v) in known {
        let d_bottom = 2.0 * (v - mean_v) / n + 2.0 * (mean_v - mean_y) / n;
        let d_ccc = (2.0 * (y - mean_y) / n - ccc * d_bottom) / bottom;
        slope[cell] = (2.0 * (v - y) / n - d_ccc) as f32;
    }
    squares + 1.0 - ccc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_agree_with_differences() {
        let expression = Targets {
            task: Task::Expression,
            names: ["a", "b", "c"].map(str::to_owned).to_vec(),
            values: vec![1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0],
            known: vec![true; 9],
        };
        let units = Targets {
            task: Task::ActionUnits,
            known: vec![true, true, false, true, true, true, true, false, true],
            ..expression.clone()
        };
        let scores = Targets {
            task: Task::ValenceArousal,
            values: vec![0.3, -0.2, 0.9, 0.1, 0.5, -0.4, -0.7, 0.2, 0.0],
            ..expression.clone()
        };
        let raw = [0.3, -1.2, 0.8, 0.1, 0.4, -0.6, 1.5, -0.3, 0.2];
        for (loss, targets) in [
            (Loss::CrossEntropy, &expression),
            (Loss::Logistic, &units),
            (Loss::Squared, &scores),
            (Loss::Concordance, &scores),
        ] {
            let counts = if loss == Loss::CrossEntropy {
                vec![3.0; 3]
            } else {
                known_counts(targets, 0..3)
            };
            let mut slope = vec![0.0; 9];
            let rows = [0, 1, 2];
            evaluate(loss, targets, &rows, &raw, &counts, &mut slope);
            for k in 0..9 {
                let at = |h: f64| {
                    let mut moved = raw;
                    moved[k] += h;
                    evaluate(loss, targets, &rows, &moved, &counts, &mut [0.0; 9])
                };
                let numeric = (at(1e-5) - at(-1e-5)) / 2e-5;
                assert!(
                    (numeric - f64::from(slope[k])).abs() < 1e-6,
                    "{loss:?} {k}: {numeric} {}",
                    slope[k]
                );
            }
        }
    }

    #[test]
    fn second_derivatives_agree_with_differences() {
        let expression = Targets {
            task: Task::Expression,
            names: ["a", "b", "c"].map(str::to_owned).to_vec(),
            values: vec![1.0, 0.0, 0.0, 0.0, 0.0, 1.0],
            known: vec![true; 6],
        };
        let units = Targets {
            task: Task::ActionUnits,
            ..expression.clone()
        };
        let raw = [0.3, -1.2, 0.8, 0.1, 0.4, -0.6];
        for (loss, targets) in [
            (Loss::CrossEntropy, &expression),
            (Loss::Logistic, &units),
            (Loss::Squared, &units),
        ] {
            let found = second_derivatives(loss, targets, &raw);
            for k in 0..3 {
                let slope = |i: usize, h: f64| {
                    let (mut moved, mut slope) = (raw, [0.0; 6]);
                    moved[i * 3 + k] += h;
                    evaluate(loss, targets, &[0, 1], &moved, &[2.0; 3], &mut slope);
                    f64::from(slope[i * 3 + k])
                };
                let numeric: f64 = (0..2).map(|i| (slope(i, 1e-2) - slope(i, -1e-2)) / 2e-2).sum();
                assert!(
                    (numeric - found[k]).abs() < 1e-4,
                    "{loss:?} {k}: {numeric} {}",
                    found[k]
                );
            }
        }
    }
}
