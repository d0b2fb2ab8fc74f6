//! How AURA stands against its rivals on the test split: every lead with its interval and its test.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::metric::compare::{Resampled, holm};
use crate::metric::panel::Panel;
use crate::metric::seeds::{self, OverSeeds};
use crate::metric::{Bootstrap, evaluate};
use crate::query::Table;
use crate::query::value::Value;
use crate::record::StandingRow;
use crate::sets::Matrix;
use crate::task::Task;

use super::answers::Predictions;
use super::evidence::{self, LEVEL};
use super::names;

/// AURA's read-outs.
pub const READ_OUTS: [&str; 3] = ["aura", "aura_mixture", "aura_tuned"];

/// One row a read-out and rival, in the task's primary metric; none where there is no rival. `answers` are those on the run's own test
/// split, or on the other database `test`, whose name its metric then has.
///
/// The interval is that of the paired bootstrap over the test samples (whole subjects, where every sample names one), widened by
/// the spread over seeds where there are several; the p-value is the larger of both chances, Holm's correction runs over
/// the rivals of a read-out. Rivals that were not tested on AURA's samples with as many folds are left out.
///
/// # Errors
/// If an output is not finite.
pub fn of(
    answers: &BTreeMap<String, Predictions>,
    task: Task,
    test: Option<&str>,
    bootstrap: &Bootstrap,
) -> Result<Vec<StandingRow>> {
    let metric = task.primary_metric();
    let called = test.map_or_else(|| metric.to_owned(), |test| names::on(metric, test));
    let Some(aura) = answers.get(READ_OUTS[0]) else {
        return Ok(Vec::new());
    };
    let compared: Vec<&String> = answers
        .iter()
        .filter(|(name, other)| READ_OUTS.contains(&name.as_str()) || alike(aura, other))
        .map(|(name, _)| name)
        .collect();
    if compared.iter().all(|name| READ_OUTS.contains(&name.as_str())) {
        return Ok(Vec::new());
    }
    let mut panels = Vec::new();
    for folds in aura.panels() {
        let samples = &aura.folds[&folds[0]];
        let matrices = |name: &&String| {
            let of = |fold| answers[*name].folds[fold].outputs.values();
            folds.iter().flat_map(of).collect::<Vec<&Matrix>>()
        };
        panels.push(Panel {
            targets: &samples.targets,
            methods: compared.iter().map(matrices).collect(),
            subjects: &samples.subjects,
        });
    }
    let resampled = Resampled::new(metric, &panels, bootstrap)?;
    let by_seed: Vec<Vec<f64>> = compared
        .iter()
        .map(|name| by_seed(&answers[*name]))
        .collect::<Result<_>>()?;
    let mut rows = Vec::new();
    for read_out in READ_OUTS {
        let Some(own) = compared.iter().position(|name| *name == read_out) else {
            continue;
        };
        let first = rows.len();
        for (rival, name) in compared.iter().enumerate() {
            if READ_OUTS.contains(&name.as_str()) {
                continue;
            }
            let paired = resampled.paired(rival, own);
            let (a, b) = (&by_seed[rival], &by_seed[own]);
            let of_seeds = seeds::welch(a, b, bootstrap.level);
            let interval = match (paired.interval, of_seeds) {
                (Some(samples), Some(seeds)) => Some(evidence::both(paired.difference, samples, seeds)),
                (one, other) => one.or(other),
            };
            rows.push(StandingRow {
                read_out: read_out.to_owned(),
                method: (*name).clone(),
                metric: called.clone(),
                lead: paired.difference,
                low: interval.map(|i| i.low),
                high: interval.map(|i| i.high),
                p: Some(seeds::welch_p(a, b).map_or(paired.p, |p| p.max(paired.p))),
                p_holm: None,
                verdict: "level".to_owned(),
                clusters: paired.clusters as i64,
            });
        }
        judge(&mut rows[first..]);
    }
    Ok(rows)
}

/// The rows of the view `standings` of one run.
pub fn read(table: &Table) -> Vec<StandingRow> {
    let text = |row: &[Value], column: &str| table.get(row, column).as_str().unwrap_or_default().to_owned();
    table
        .rows
        .iter()
        .map(|row| StandingRow {
            read_out: text(row, "read_out"),
            method: text(row, "method"),
            metric: text(row, "metric"),
            lead: table.get(row, "lead").as_f64().unwrap_or(f64::NAN),
            low: table.get(row, "low").as_f64(),
            high: table.get(row, "high").as_f64(),
            p: table.get(row, "p").as_f64(),
            p_holm: table.get(row, "p_holm").as_f64(),
            verdict: text(row, "verdict"),
            clusters: table.get(row, "clusters").as_i64().unwrap_or(0),
        })
        .collect()
}

/// 1 above, 0 level, −1 below.
pub fn rank(verdict: &str) -> f64 {
    match verdict {
        "above" => 1.0,
        "below" => -1.0,
        _ => 0.0,
    }
}

/// "+1.2 [-0.3, 2.7] above": a lead in points, its interval and its verdict, in capitals where AURA is below.
pub fn phrase(lead: f64, low: Option<f64>, high: Option<f64>, verdict: &str) -> String {
    let interval = match (low, high) {
        (Some(low), Some(high)) => format!(" [{:.1}, {:.1}]", low * 100.0, high * 100.0),
        _ => String::new(),
    };
    let verdict = if verdict == "below" { "BELOW" } else { verdict };
    format!("{:+.1}{interval} {verdict}", lead * 100.0)
}

/// Adjusts the p-values of one read-out, and says what they and the intervals say together.
fn judge(rows: &mut [StandingRow]) {
    let p: Vec<f64> = rows.iter().map(|row| row.p.unwrap_or(1.0)).collect();
    for (row, p) in rows.iter_mut().zip(holm(&p)) {
        row.p_holm = Some(p);
        if p < LEVEL && row.low.is_some_and(|low| low > 0.0) {
            "above".clone_into(&mut row.verdict);
        } else if p < LEVEL && row.high.is_some_and(|high| high < 0.0) {
            "below".clone_into(&mut row.verdict);
        }
    }
}

/// Whether a method was tested on the same samples, and in every fold.
pub(super) fn alike(aura: &Predictions, other: &Predictions) -> bool {
    aura.folds.len() == other.folds.len()
        && aura.folds.iter().zip(&other.folds).all(|((fold, a), (theirs, b))| {
            fold == theirs && a.sample_ids == b.sample_ids && a.targets == b.targets && !b.outputs.is_empty()
        })
}

/// The primary metric of each seed that every fold has, mean over the folds.
fn by_seed(predictions: &Predictions) -> Result<Vec<f64>> {
    let mut of: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    for fold in predictions.folds.values() {
        for (&seed, outputs) in &fold.outputs {
            let value = evaluate::primary(&fold.targets, outputs)?;
            of.entry(seed).or_default().push(value);
        }
    }
    let whole = of
        .into_values()
        .filter(|values| values.len() == predictions.folds.len());
    Ok(whole
        .filter_map(|values| OverSeeds::of(&values).map(|over| over.mean))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::answers::FoldPredictions;
    use crate::task::Targets;

    /// 200 samples of two classes; `wrong(seed, i)` says which ones a method gets wrong.
    fn method(seeds: i64, wrong: impl Fn(i64, usize) -> bool) -> Predictions {
        let n = 200;
        let label = |i: usize| i % 2;
        let outputs = |seed: i64| Matrix {
            rows: n,
            cols: 2,
            data: (0..n)
                .flat_map(|i| {
                    let said = if wrong(seed, i) { 1 - label(i) } else { label(i) };
                    [f32::from(said == 0), f32::from(said == 1)]
                })
                .collect(),
        };
        let fold = FoldPredictions {
            sample_ids: (0..n).map(|i| format!("{i:03}")).collect(),
            subjects: Vec::new(),
            targets: Targets {
                task: Task::Expression,
                names: vec!["a".to_owned(), "b".to_owned()],
                values: (0..n)
                    .flat_map(|i| [f32::from(label(i) == 0), f32::from(label(i) == 1)])
                    .collect(),
                known: vec![true; 2 * n],
            },
            outputs: (0..seeds).map(|seed| (seed, outputs(seed))).collect(),
        };
        Predictions {
            folds: BTreeMap::from([(None, fold)]),
        }
    }

    #[test]
    fn verdicts_say_what_intervals_say() {
        let answers = BTreeMap::from([
            ("aura".to_owned(), method(3, |seed, i| i % 10 == 0 || i as i64 == seed)),
            ("knn".to_owned(), method(3, |_, i| i % 3 == 0)),
            ("level".to_owned(), method(3, |_, i| i % 10 == 1)),
            ("oracle".to_owned(), method(1, |_, _| false)),
        ]);
        let rows = of(&answers, Task::Expression, None, &Bootstrap::default()).unwrap();
        let found: Vec<(&str, &str, &str)> = rows
            .iter()
            .map(|row| (row.read_out.as_str(), row.method.as_str(), row.verdict.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("aura", "knn", "above"),
                ("aura", "level", "level"),
                ("aura", "oracle", "below")
            ]
        );
        for row in &rows {
            let (low, high) = (row.low.unwrap(), row.high.unwrap());
            assert!(low <= row.lead && row.lead <= high, "{row:?}");
            assert!(row.p_holm >= row.p && row.clusters == 200);
        }
    }

    #[test]
    fn a_rival_on_other_samples_is_not_compared() {
        let mut other = method(1, |_, i| i % 3 == 0);
        other.folds.get_mut(&None).unwrap().sample_ids[0] = "else".to_owned();
        let answers = BTreeMap::from([("aura".to_owned(), method(1, |_, _| false)), ("knn".to_owned(), other)]);
        assert_eq!(of(&answers, Task::Expression, None, &Bootstrap::default()).unwrap(), []);
    }
}
