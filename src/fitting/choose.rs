//! Chooses a setting by what held-out samples say of it, and the map of the outputs with it.

use crate::error::{Error, Result};
use crate::metric::evaluate;
use crate::record::MetricRow;
use crate::sets::Matrix;
use crate::task::Targets;

use super::config::Outputs;
use super::map::Fit;

/// The candidate settings of a method on one part, from the first to the last.
pub trait Candidates {
    /// Outputs (held × O) of the held-out samples under candidate `at`, asked for in ascending order from 0 on, without gaps within a
    /// run; `None` behind the last.
    ///
    /// # Errors
    /// Whatever fitting fails with.
    fn outputs(&mut self, at: usize) -> Result<Option<Matrix>>;
}

/// What was chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Number of the candidate.
    pub at: usize,
    /// The map that was fitted on its held-out outputs.
    pub fit: Fit,
    /// The task's primary metric of its fitted held-out outputs; `None` where nothing had to be held out.
    pub score: Option<f64>,
}

impl Choice {
    /// Where there is one setting and outputs stay as they are.
    pub fn none() -> Self {
        Self {
            at: 0,
            fit: Fit::None,
            score: None,
        }
    }

    /// The map and `held_out_<metric>` as rows of the metrics table, split `all`.
    pub fn rows(&self, method: &str, targets: &Targets) -> Vec<MetricRow> {
        let name = format!("held_out_{}", targets.task.primary_metric());
        let score = self
            .score
            .map(|score| MetricRow::of_no_split(method, &name, score, Some(true)));
        self.fit.rows(method, &targets.names).into_iter().chain(score).collect()
    }
}

/// How far candidates are walked.
#[derive(Debug, Clone, Copy)]
pub struct Walk {
    /// Candidates without a better one in their run after which the rest of the run is left out.
    pub patience: usize,
    /// Candidates of one run.
    pub run: usize,
}

impl Walk {
    /// To the last.
    pub const ALL: Self = Self {
        patience: usize::MAX,
        run: usize::MAX,
    };
}

/// Walks the candidates on all parts side by side and chooses by the primary metric of the fitted outputs of all held-out
/// samples together; the first of equally good ones.
///
/// `targets` are those of the held-out samples, part behind part.
///
/// # Errors
/// As [`Candidates::outputs`]; [`Error::Data`] if there is no candidate at all, or an output is not finite.
pub fn choose(how: Outputs, targets: &Targets, parts: &mut [Box<dyn Candidates + '_>], walk: Walk) -> Result<Choice> {
    let mut best: Option<Choice> = None;
    let (mut at, mut best_of_run) = (0, None);
    loop {
        if at % walk.run == 0 {
            best_of_run = None;
        }
        let mut pooled: Option<Matrix> = None;
        let mut ended = parts.is_empty();
        for part in parts.iter_mut() {
            let Some(outputs) = part.outputs(at)? else {
                ended = true;
                break;
            };
            match &mut pooled {
                Some(all) => {
                    all.rows += outputs.rows;
                    all.data.extend(outputs.data);
                }
                None => pooled = Some(outputs),
            }
        }
        let Some(mut outputs) = pooled.filter(|_| !ended) else {
            break;
        };
        let fit = Fit::new(how, targets, &outputs.data);
        fit.apply(&mut outputs.data);
        let score = evaluate::primary(targets, &outputs)?;
        if best.as_ref().and_then(|best| best.score).is_none_or(|top| score > top) {
            best = Some(Choice {
                at,
                fit,
                score: Some(score),
            });
        }
        let leading = best_of_run.filter(|&(_, top)| score <= top).unwrap_or((at, score));
        best_of_run = Some(leading);
        at = if at - leading.0 >= walk.patience {
            (at / walk.run + 1) * walk.run
        } else {
            at + 1
        };
    }
    best.ok_or_else(|| {
        Error::data(
            "no sample could be held out, so that no setting can be chosen: give the training split two samples or more \
             (of two people, where it names people)",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Task;

    /// Outputs of each candidate for the one part.
    struct Listed(Vec<Vec<f32>>);

    impl Candidates for Listed {
        fn outputs(&mut self, at: usize) -> Result<Option<Matrix>> {
            Ok(self.0.get(at).map(|data| Matrix {
                rows: data.len(),
                cols: 1,
                data: data.clone(),
            }))
        }
    }

    fn unit(labels: &[f32]) -> Targets {
        Targets {
            task: Task::ActionUnits,
            names: vec!["AU1".to_owned()],
            values: labels.to_vec(),
            known: vec![true; labels.len()],
        }
    }

    /// The first candidate is right at one half, the second orders better: fitted, it is the better one.
    #[test]
    fn the_metric_of_fitted_outputs_decides() {
        let targets = unit(&[1.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
        let at_half = vec![0.9, 0.8, 0.4, 0.45, 0.1, 0.6];
        let ordered = vec![0.30, 0.29, 0.28, 0.2, 0.1, 0.1];
        let mut parts: Vec<Box<dyn Candidates>> = vec![Box::new(Listed(vec![at_half.clone(), ordered.clone()]))];
        let choice = choose(Outputs::Task, &targets, &mut parts, Walk::ALL).unwrap();
        assert_eq!((choice.at, choice.score), (1, Some(1.0)));
        let Fit::Thresholds { threshold } = choice.fit else {
            panic!("units have thresholds")
        };
        assert!((0.2..0.28).contains(&threshold[0]), "{threshold:?}");
        let mut parts: Vec<Box<dyn Candidates>> = vec![Box::new(Listed(vec![at_half, ordered]))];
        assert_eq!(choose(Outputs::None, &targets, &mut parts, Walk::ALL).unwrap().at, 0);
    }

    #[test]
    fn parts_are_judged_together_and_patience_ends_the_path() {
        let targets = unit(&[1.0, 0.0]);
        let mut parts: Vec<Box<dyn Candidates>> = vec![
            Box::new(Listed(vec![vec![0.9], vec![0.1], vec![0.1], vec![0.9]])),
            Box::new(Listed(vec![vec![0.9], vec![0.9], vec![0.9], vec![0.1]])),
        ];
        let all = choose(Outputs::Task, &targets, &mut parts, Walk::ALL).unwrap();
        assert_eq!(all.at, 3);
        let walk = Walk { patience: 2, run: 4 };
        assert_eq!(choose(Outputs::Task, &targets, &mut parts, walk).unwrap().at, 0);
        assert!(choose(Outputs::Task, &targets, &mut [], walk).is_err());
    }

    /// Of two runs of three the first ends where it got worse, and the second is walked all the same.
    #[test]
    fn patience_leaves_out_the_rest_of_a_run_only() {
        let targets = unit(&[1.0, 0.0, 1.0, 0.0]);
        let (right, half, wrong) = (
            vec![0.9, 0.1, 0.9, 0.1],
            vec![0.9, 0.1, 0.1, 0.9],
            vec![0.1, 0.9, 0.1, 0.9],
        );
        let listed = vec![half.clone(), wrong.clone(), right.clone(), wrong, half, right];
        let mut parts: Vec<Box<dyn Candidates>> = vec![Box::new(Listed(listed))];
        let at = |parts: &mut [Box<dyn Candidates>], patience| {
            choose(Outputs::None, &targets, parts, Walk { patience, run: 3 })
                .unwrap()
                .at
        };
        assert_eq!(at(&mut parts, 1), 5);
        assert_eq!(at(&mut parts, 2), 2);
    }
}
