//! The metrics that training needs of its own predictions, by the conventions of appendix A.3.

use crate::task::{Targets, Task};

/// One metric of one split.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Name as in the run folder's tables.
    pub metric: String,
    /// Value, a fraction.
    pub value: f64,
    /// Samples that it rests on.
    pub n: usize,
    /// False for errors.
    pub higher_is_better: bool,
}

/// All metrics of the outputs (n × O) against the targets.
pub fn scores(outputs: &[f32], targets: &Targets) -> Vec<Score> {
    match targets.task {
        Task::Expression => expression(outputs, targets),
        Task::ValenceArousal => valence_arousal(outputs, targets),
        Task::ActionUnits => action_units(outputs, targets),
    }
}

/// The task's primary metric; 0 without samples.
pub fn primary(outputs: &[f32], targets: &Targets) -> f64 {
    let name = targets.task.primary_metric();
    scores(outputs, targets)
        .into_iter()
        .find(|score| score.metric == name)
        .map_or(0.0, |score| score.value)
}

/// Position of the largest value, the first of equals.
pub fn argmax(values: &[f32]) -> usize {
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = index;
        }
    }
    best
}

fn score(metric: impl Into<String>, value: f64, n: usize) -> Score {
    Score {
        metric: metric.into(),
        value,
        n,
        higher_is_better: true,
    }
}

fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 0.0 }
}

fn expression(outputs: &[f32], targets: &Targets) -> Vec<Score> {
    let c = targets.outputs();
    let n = targets.len();
    let mut hit = vec![0.0_f64; c];
    let mut support = vec![0.0_f64; c];
    let mut predicted = vec![0.0_f64; c];
    for (row, output) in outputs.chunks_exact(c).enumerate() {
        let label = targets.class(row).unwrap_or(0);
        let prediction = argmax(output);
        support[label] += 1.0;
        predicted[prediction] += 1.0;
        if label == prediction {
            hit[label] += 1.0;
        }
    }
    let mut recalls = Vec::new();
    let mut f1 = Vec::new();
    for class in 0..c {
        if support[class] > 0.0 {
            recalls.push(hit[class] / support[class]);
        }
        if support[class] + predicted[class] > 0.0 {
            f1.push(2.0 * hit[class] / (support[class] + predicted[class]));
        }
    }
    let mean = |v: &[f64]| ratio(v.iter().sum(), v.len() as f64);
    vec![
        score("acc", ratio(hit.iter().sum(), n as f64), n),
        score("balanced_acc", mean(&recalls), n),
        score("f1_macro", mean(&f1), n),
    ]
}

fn valence_arousal(outputs: &[f32], targets: &Targets) -> Vec<Score> {
    let n = targets.len();
    let o = targets.outputs();
    let mut result = Vec::new();
    let mut total = 0.0;
    for (dimension, name) in targets.names.iter().enumerate() {
        let letter = name.chars().next().unwrap_or('x');
        let column = |values: &[f32]| -> Vec<f64> {
            values
                .iter()
                .skip(dimension)
                .step_by(o)
                .map(|&v| f64::from(v))
                .collect()
        };
        let (x, y) = (column(outputs), column(&targets.values));
        let mean = |v: &[f64]| ratio(v.iter().sum(), n as f64);
        let (mx, my) = (mean(&x), mean(&y));
        let moment = |f: &dyn Fn(f64, f64) -> f64| ratio(x.iter().zip(&y).map(|(&a, &b)| f(a, b)).sum(), n as f64);
        let vx = moment(&|a, _| (a - mx) * (a - mx));
        let vy = moment(&|_, b| (b - my) * (b - my));
        let covariance = moment(&|a, b| (a - mx) * (b - my));
        let ccc = ratio(2.0 * covariance, vx + vy + (mx - my) * (mx - my));
        total += ccc;
        result.push(score(format!("ccc_{letter}"), ccc, n));
        result.push(score(format!("pcc_{letter}"), ratio(covariance, (vx * vy).sqrt()), n));
        result.push(Score {
            metric: format!("rmse_{letter}"),
            value: moment(&|a, b| (a - b) * (a - b)).sqrt(),
            n,
            higher_is_better: false,
        });
        let agree = moment(&|a, b| f64::from(u8::from((a > 0.0) == (b > 0.0) && (a < 0.0) == (b < 0.0))));
        result.push(score(format!("sagr_{letter}"), agree, n));
    }
    result.insert(0, score("ccc_va", ratio(total, o as f64), n));
    result
}

fn action_units(outputs: &[f32], targets: &Targets) -> Vec<Score> {
    let a = targets.outputs();
    let mut f1s = Vec::new();
    let mut accuracies = Vec::new();
    let mut result = Vec::new();
    for (unit, name) in targets.names.iter().enumerate() {
        let (mut hit, mut wrong, mut right, mut known) = (0.0_f64, 0.0_f64, 0.0_f64, 0_usize);
        for i in (unit..outputs.len()).step_by(a) {
            if !targets.known[i] {
                continue;
            }
            known += 1;
            let (says, is) = (outputs[i] >= 0.5, targets.values[i] > 0.5);
            hit += f64::from(u8::from(says && is));
            wrong += f64::from(u8::from(says != is));
            right += f64::from(u8::from(says == is));
        }
        let f1 = ratio(2.0 * hit, 2.0 * hit + wrong);
        let accuracy = ratio(right, known as f64);
        f1s.push(f1);
        accuracies.push(accuracy);
        result.push(score(format!("f1_{name}"), f1, known));
        result.push(score(format!("acc_{name}"), accuracy, known));
    }
    let mean = |v: &[f64]| ratio(v.iter().sum(), v.len() as f64);
    result.insert(0, score("f1_avg", mean(&f1s), targets.len()));
    result.insert(1, score("acc_avg", mean(&accuracies), targets.len()));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(scores: &[Score], name: &str) -> f64 {
        scores.iter().find(|s| s.metric == name).map_or(f64::NAN, |s| s.value)
    }

    #[test]
    fn expression_by_hand() {
        let targets = Targets {
            task: Task::Expression,
            names: vec!["a".into(), "b".into()],
            values: vec![1.0, 0.0, 1.0, 0.0, 0.0, 1.0],
            known: vec![true; 6],
        };
        let s = scores(&[0.9, 0.1, 0.2, 0.8, 0.3, 0.7], &targets);
        assert!((value(&s, "acc") - 2.0 / 3.0).abs() < 1e-12);
        assert!((value(&s, "balanced_acc") - 0.75).abs() < 1e-12);
        assert!((value(&s, "f1_macro") - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn concordance_has_ddof_0_and_action_units_mask() {
        let targets = Targets {
            task: Task::ValenceArousal,
            names: vec!["valence".into(), "arousal".into()],
            values: vec![3.0, 0.0, -0.5, 0.0, 2.0, 0.0, 7.0, 0.0],
            known: vec![true; 8],
        };
        let s = scores(&[2.5, 0.1, 0.0, 0.1, 2.0, 0.1, 8.0, 0.1], &targets);
        assert!((value(&s, "ccc_v") - 0.976_79).abs() < 1e-5, "{s:?}");
        assert_eq!(value(&s, "ccc_a"), 0.0);
        let targets = Targets {
            task: Task::ActionUnits,
            names: vec!["au01".into()],
            values: vec![1.0, 1.0, 0.0, 1.0],
            known: vec![true, true, true, false],
        };
        let s = scores(&[0.5, 0.4, 0.6, 0.0], &targets);
        assert!((value(&s, "f1_au01") - 0.5).abs() < 1e-12);
        assert!((value(&s, "acc_avg") - 1.0 / 3.0).abs() < 1e-12);
    }
}
