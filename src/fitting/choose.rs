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
    /// Outputs (held × O) of the held-out samples under candidate `at`, asked for in ascending order from 0 on; `None` behind
    /// the last.
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

/// Walks the candidates on all parts side by side and chooses by the primary metric of the fitted outputs of all held-out
/// samples together; the first of equally good ones. Ends early after `patience` candidates without a better one.
///
/// `targets` are those of the held-out samples, part behind part.
///
/// # Errors
/// As [`Candidates::outputs`]; [`Error::Data`] if there is no candidate at all, or an output is not finite.
pub fn choose(
    how: Outputs,
    targets: &Targets,
    parts: &mut [Box<dyn Candidates + '_>],
    patience: usize,
) -> Result<Choice> {
    let mut best: Option<Choice> = None;
    for at in 0.. {
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
        let known = best.as_ref().and_then(|best| Some((best.at, best.score?)));
        match known {
            Some((chosen, top)) if score <= top => {
                if at - chosen >= patience {
                    break;
                }
            }
            _ => {
                best = Some(Choice {
                    at,
                    fit,
                    score: Some(score),
                });
            }
        }
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
        let choice = choose(Outputs::Task, &targets, &mut parts, usize::MAX).unwrap();
        assert_eq!((choice.at, choice.score), (1, Some(1.0)));
        let Fit::Thresholds { threshold } = choice.fit else {
            panic!("units have thresholds")
        };
        assert!((0.2..0.28).contains(&threshold[0]), "{threshold:?}");
        let mut parts: Vec<Box<dyn Candidates>> = vec![Box::new(Listed(vec![at_half, ordered]))];
        assert_eq!(choose(Outputs::None, &targets, &mut parts, usize::MAX).unwrap().at, 0);
    }

    #[test]
    fn parts_are_judged_together_and_patience_ends_the_path() {
        let targets = unit(&[1.0, 0.0]);
        let mut parts: Vec<Box<dyn Candidates>> = vec![
            Box::new(Listed(vec![vec![0.9], vec![0.1], vec![0.1], vec![0.9]])),
            Box::new(Listed(vec![vec![0.9], vec![0.9], vec![0.9], vec![0.1]])),
        ];
        let all = choose(Outputs::Task, &targets, &mut parts, usize::MAX).unwrap();
        assert_eq!(all.at, 3);
        assert_eq!(choose(Outputs::Task, &targets, &mut parts, 2).unwrap().at, 0);
        assert!(choose(Outputs::Task, &targets, &mut [], 2).is_err());
    }
}
