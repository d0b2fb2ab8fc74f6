//! The linear probe: multinomial logistic regression, ridge regression, or one logistic regression an action unit.
//!
//! Minimised over all training samples: Σ loss + ‖W‖² / (2C), the intercept free, as scikit-learn states it (ridge: α = 1/C).
//! `linear_ccc` minimises squared error + 1 − CCC instead (valence–arousal).
//! Each output's loss is divided by the number of its known labels first, which changes nothing but the scale.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::metric::evaluate;
use crate::sets::Matrix;
use crate::task::Targets;

use super::fit::{Context, Fitted, Rival, Training};
use super::holdout;
use super::input::{Features, tensor, values};
use super::lbfgs::{Minimum, Stop, minimise};
use super::objective::{self, Loss, known_counts};

/// Strengths tried, strongest regularisation first.
const PATH: [f64; 8] = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0];
/// Strengths without a better result after which the path ends.
const PATIENCE: usize = 2;

/// The linear probe (`logistic`, `ridge`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LinearConfig {
    /// Inverse regularisation strength C as in scikit-learn (ridge: alpha = 1/C); 0 chooses it from 1e-5, 1e-4, … 100 by the
    /// task's metric on the validation split, or on a held-out part of the training split.
    pub c: f64,
    /// Largest component of the gradient of the mean loss at which the fit counts as converged.
    pub tolerance: f64,
    /// Steps of L-BFGS at most.
    pub steps: usize,
}

impl Default for LinearConfig {
    fn default() -> Self {
        Self {
            c: 0.0,
            tolerance: 1e-5,
            steps: 500,
        }
    }
}

impl LinearConfig {
    pub(crate) fn validate(&self) -> std::result::Result<(), (String, String)> {
        if !(self.c.is_finite() && self.c >= 0.0) {
            return Err((
                "linear.c".to_owned(),
                "expected a number above 0, or 0 to choose it".to_owned(),
            ));
        }
        if !(self.tolerance.is_finite() && self.tolerance > 0.0) {
            return Err(("linear.tolerance".to_owned(), "expected a number above 0".to_owned()));
        }
        if self.steps == 0 {
            return Err(("linear.steps".to_owned(), "expected at least 1 step".to_owned()));
        }
        Ok(())
    }
}

/// A fitted probe: D × O weights, then O intercepts.
#[derive(Debug, Clone)]
struct Probe {
    loss: Loss,
    parameters: Vec<f64>,
    outputs: usize,
    c: f64,
    end: Minimum,
}

impl Probe {
    fn raw(&self, x: &Features) -> Result<Vec<f64>> {
        raw(x, &self.parameters, self.outputs)
    }

    fn respond(&self, raw: &[f64]) -> Matrix {
        let mut data: Vec<f32> = raw.iter().map(|&v| v as f32).collect();
        for row in data.chunks_exact_mut(self.outputs.max(1)) {
            self.loss.respond(row);
        }
        Matrix {
            rows: raw.len() / self.outputs.max(1),
            cols: self.outputs,
            data,
        }
    }
}

impl Fitted for Probe {
    fn predict(&self, x: &Features) -> Result<Matrix> {
        Ok(self.respond(&self.raw(x)?))
    }

    fn note(&self) -> String {
        format!(
            "C = {}, {} L-BFGS steps, gradient {:.1e}",
            self.c, self.end.steps, self.end.gradient
        )
    }
}

/// x·W + b, n × O.
fn raw(x: &Features, parameters: &[f64], outputs: usize) -> Result<Vec<f64>> {
    let (weights, intercepts) = parameters.split_at(x.cols * outputs);
    let w = tensor(
        weights.iter().map(|&v| v as f32).collect(),
        x.cols,
        outputs,
        &x.device(),
    );
    let product = values(x.x.clone().matmul(w))?;
    Ok(product
        .iter()
        .enumerate()
        .map(|(at, &v)| f64::from(v) + intercepts[at % outputs])
        .collect())
}

/// What is minimised, whatever the strength of its regularisation.
#[derive(Clone, Copy)]
struct Problem<'a> {
    loss: Loss,
    x: &'a Features,
    targets: &'a Targets,
    context: &'a Context<'a>,
}

impl Problem<'_> {
    /// Minimises over `rows` from `start`.
    fn fit(&self, c: f64, rows: &[usize], start: &[f64], stop: Stop) -> Result<Probe> {
        let (x, targets, o) = (self.x, self.targets, self.targets.outputs());
        let counts = known_counts(targets, rows.iter().copied());
        let penalty: Vec<f64> = counts.iter().map(|n| 1.0 / (c * n.max(1.0))).collect();
        let transposed = x.x.clone().transpose();
        let weights = x.cols * o;
        let mut parameters = start.to_vec();
        let end = minimise(&mut parameters, stop, |p, gradient| {
            self.context.interrupt.check()?;
            let all = raw(x, p, o)?;
            let mut chosen = Vec::with_capacity(rows.len() * o);
            for &i in rows {
                chosen.extend_from_slice(&all[i * o..(i + 1) * o]);
            }
            let mut slope = vec![0.0_f32; rows.len() * o];
            let mut value = objective::evaluate(self.loss, targets, rows, &chosen, &counts, &mut slope);
            // Rows that are held out get no slope: no copy of the features is needed to leave them out.
            let mut scattered = vec![0.0_f32; targets.len() * o];
            for (at, &i) in rows.iter().enumerate() {
                scattered[i * o..(i + 1) * o].copy_from_slice(&slope[at * o..(at + 1) * o]);
            }
            gradient[weights..].fill(0.0);
            for (at, &s) in slope.iter().enumerate() {
                gradient[weights + at % o] += f64::from(s);
            }
            let product = values(
                transposed
                    .clone()
                    .matmul(tensor(scattered, targets.len(), o, &x.device())),
            )?;
            for (at, &g) in product.iter().enumerate() {
                let (w, l) = (p[at], penalty[at % o]);
                gradient[at] = f64::from(g) + l * w;
                value += 0.5 * l * w * w;
            }
            Ok(value)
        })?;
        Ok(Probe {
            loss: self.loss,
            parameters,
            outputs: o,
            c,
            end,
        })
    }
}

/// The linear probe that is trained for concordance instead of squared error (`linear_ccc`).
///
/// Ridge regression shrinks its outputs towards the mean, which costs CCC; this rival does not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Concordance<'a>(pub &'a LinearConfig);

impl Rival for Concordance<'_> {
    fn fit(&self, training: &Training<'_>, context: &Context<'_>) -> Result<Box<dyn Fitted>> {
        self.0.fit_with(Loss::Concordance, training, context)
    }
}

impl Rival for LinearConfig {
    fn fit(&self, training: &Training<'_>, context: &Context<'_>) -> Result<Box<dyn Fitted>> {
        self.fit_with(Loss::linear(training.targets.task), training, context)
    }
}

impl LinearConfig {
    fn fit_with(&self, loss: Loss, training: &Training<'_>, context: &Context<'_>) -> Result<Box<dyn Fitted>> {
        let (x, targets) = (training.x, training.targets);
        let problem = Problem {
            loss,
            x,
            targets,
            context,
        };
        let everything: Vec<usize> = (0..targets.len()).collect();
        let start = vec![0.0; (x.cols + 1) * targets.outputs()];
        let stop = Stop {
            tolerance: self.tolerance,
            steps: self.steps,
        };
        if self.c > 0.0 {
            return Ok(Box::new(problem.fit(self.c, &everything, &start, stop)?));
        }
        let (kept, held) = match training.validation {
            Some(_) => (everything.clone(), Vec::new()),
            None => holdout::split(targets, training.groups, context.holdout, context.seed),
        };
        let held_targets = targets.select(&held);
        // A choice among strengths needs no last digit of each fit.
        let rough = Stop {
            tolerance: 10.0 * self.tolerance,
            steps: self.steps.min(200),
        };
        let mut best: Option<(f64, Probe)> = None;
        let (mut from, mut worse) = (start, 0);
        for c in PATH {
            let probe = problem.fit(c, &kept, &from, rough)?;
            let score = match training.validation {
                Some((val_x, val_targets)) => evaluate::primary(val_targets, &probe.predict(val_x)?)?,
                None => evaluate::primary(&held_targets, &probe.respond(&probe.raw(x)?).select(&held))?,
            };
            from.clone_from(&probe.parameters);
            if best.as_ref().is_none_or(|(top, _)| score > *top) {
                best = Some((score, probe));
                worse = 0;
            } else {
                worse += 1;
                if worse >= PATIENCE {
                    break;
                }
            }
        }
        // The path is never empty, so there is a best; its fit is where the last one starts.
        let (c, from) = best.map_or((1.0, vec![0.0; (x.cols + 1) * targets.outputs()]), |(_, p)| {
            (p.c, p.parameters)
        });
        Ok(Box::new(problem.fit(c, &everything, &from, stop)?))
    }
}
