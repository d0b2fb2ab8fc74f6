//! The linear probe: multinomial logistic regression, ridge regression, or one logistic regression an action unit.
//!
//! Minimised over all training samples: Σ loss + ‖W‖² / (2C), the intercept free, as scikit-learn states it (ridge: α = 1/C).
//! `linear_ccc` minimises squared error + 1 − CCC instead (valence–arousal): ridge regression shrinks its outputs towards the
//! mean, which costs CCC. Ridge regression of action units is that of labels 0 and 1.
//! Each output's loss is divided by the number of its known labels first, which changes nothing but the scale.

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::fitting::choose::Candidates;
use crate::sets::Matrix;
use crate::task::Task;

use super::curvature::Curvature;
use super::fit::{CHOOSE_ON, Fitted, LEAST, Rival, Settings, Training, enough};
use super::input::{Features, tensor, values};
use super::lbfgs::{Minimum, Stop, minimise};
use super::objective::{self, Loss, known_counts, second_derivatives};

/// Strengths tried, strongest regularisation first.
const PATH: [f64; 12] = [1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 0.3, 1.0, 10.0, 100.0];
/// Strengths without a better result after which the path ends.
const PATIENCE: usize = 2;
/// Values of the samples that a strength is chosen on: a path reads them some hundred times.
const CHOOSE_VALUES: usize = 1 << 29;

/// The linear probes (`logistic`, `ridge`, `linear_ccc`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LinearConfig {
    /// Inverse regularisation strength C as in scikit-learn (ridge: alpha = 1/C); 0 chooses it from twelve values, 1e-5 to 100.
    pub c: f64,
    /// Largest component of the gradient of the mean loss at which the fit counts as converged.
    pub tolerance: f64,
    /// Steps of L-BFGS at most.
    pub steps: usize,
    /// Samples that C is chosen on in each held-out part, and about which it is asked in all parts together, at most; fewer where
    /// they would have more than 2^29 values together. What is chosen is fitted to all.
    pub choose_on: usize,
}

impl Default for LinearConfig {
    fn default() -> Self {
        Self {
            c: 0.0,
            tolerance: 1e-5,
            steps: 500,
            choose_on: CHOOSE_ON,
        }
    }
}

impl LinearConfig {
    fn stop(&self) -> Stop {
        Stop {
            tolerance: self.tolerance,
            steps: self.steps,
        }
    }

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
        enough("linear", self.choose_on)
    }
}

/// A fitted probe: D × O weights, then O intercepts.
#[derive(Debug, Clone)]
struct Probe {
    loss: Loss,
    parameters: Vec<f64>,
    outputs: usize,
    /// What no output is below: shares have no sign.
    least: f32,
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
            for value in row {
                *value = value.max(self.least);
            }
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

    fn settings(&self) -> Settings {
        vec![("c", self.c), ("steps", self.end.steps as f64)]
    }
}

/// x·W + b, n × O.
fn raw(x: &Features, parameters: &[f64], outputs: usize) -> Result<Vec<f64>> {
    let (weights, intercepts) = split(parameters, x, outputs);
    Ok(shifted(&x.times(&weights)?, intercepts))
}

/// W and b.
fn split<'a>(parameters: &'a [f64], x: &Features, outputs: usize) -> (Tensor<2>, &'a [f64]) {
    let (weights, intercepts) = parameters.split_at(x.cols * outputs);
    let narrow = weights.iter().map(|&v| v as f32).collect();
    (tensor(narrow, x.cols, outputs, &x.device()), intercepts)
}

fn shifted(product: &[f32], intercepts: &[f64]) -> Vec<f64> {
    let outputs = intercepts.iter().cycle();
    product.iter().zip(outputs).map(|(&v, b)| f64::from(v) + b).collect()
}

/// Which linear probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aim {
    /// Likelihood of the labels (`logistic`).
    Likelihood,
    /// Squared error (`ridge`).
    Squares,
    /// Squared error and concordance (`linear_ccc`).
    Concordance,
}

/// One of the linear probes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Linear<'a> {
    pub config: &'a LinearConfig,
    pub aim: Aim,
}

impl Linear<'_> {
    fn loss(&self, task: Task) -> Loss {
        match self.aim {
            Aim::Likelihood => Loss::linear(task),
            Aim::Squares => Loss::Squared,
            Aim::Concordance => Loss::Concordance,
        }
    }

    /// The strength with number `at`.
    fn strength(&self, at: usize) -> Option<f64> {
        if self.config.c > 0.0 {
            (at == 0).then_some(self.config.c)
        } else {
            PATH.get(at).copied()
        }
    }

    fn minimum(&self, training: &Training<'_>, curvature: &Curvature, c: f64, start: &[f64]) -> Result<Probe> {
        let (x, targets, o) = (training.x, training.targets, training.targets.outputs());
        let loss = self.loss(targets.task);
        let rows: Vec<usize> = (0..targets.len()).collect();
        let counts = known_counts(targets, rows.iter().copied());
        let penalty: Vec<f64> = counts.iter().map(|n| 1.0 / (c * n.max(1.0))).collect();
        let seconds = second_derivatives(loss, targets, &raw(x, start, o)?);
        let inverse = curvature.inverse(&seconds, &penalty, training.interrupt)?;
        // Concordance looks at all samples at once; other losses are summed in the pass that reads the features.
        let at_once = loss == Loss::Concordance;
        let weights = x.cols * o;
        let mut parameters = start.to_vec();
        let end = minimise(
            &mut parameters,
            self.config.stop(),
            |g| inverse.apply(g),
            |p, gradient| {
                training.interrupt.check()?;
                gradient.fill(0.0);
                let (mut value, mut slopes) = (0.0, Vec::new());
                if at_once {
                    slopes = vec![0.0; rows.len() * o];
                    value = objective::evaluate(loss, targets, &rows, &raw(x, p, o)?, &counts, &mut slopes);
                }
                let (matrix, intercepts) = split(p, x, o);
                for range in x.passes() {
                    training.interrupt.check()?;
                    let block = x.slice(range.clone())?;
                    let slope = if at_once {
                        slopes[range.start * o..range.end * o].to_vec()
                    } else {
                        let raw = shifted(&values(block.clone().matmul(matrix.clone()))?, intercepts);
                        let mut slope = vec![0.0; raw.len()];
                        value += objective::evaluate(loss, targets, &rows[range.clone()], &raw, &counts, &mut slope);
                        slope
                    };
                    for (at, &s) in slope.iter().enumerate() {
                        gradient[weights + at % o] += f64::from(s);
                    }
                    let slope = tensor(slope, range.len(), o, &x.device());
                    for (sum, g) in gradient.iter_mut().zip(values(block.transpose().matmul(slope))?) {
                        *sum += f64::from(g);
                    }
                }
                for (at, (sum, w)) in gradient[..weights].iter_mut().zip(p).enumerate() {
                    let l = penalty[at % o];
                    *sum += l * w;
                    value += 0.5 * l * w * w;
                }
                Ok(value)
            },
        )?;
        Ok(Probe {
            loss,
            parameters,
            outputs: o,
            least: if targets.task == Task::ActionUnits { 0.0 } else { -1.0 },
            c,
            end,
        })
    }
}

/// The strengths on one part, each starting where the one before ended.
struct Path<'a> {
    linear: Linear<'a>,
    training: Training<'a>,
    held: &'a Features,
    curvature: Curvature,
    from: Vec<f64>,
}

impl Candidates for Path<'_> {
    fn outputs(&mut self, at: usize) -> Result<Option<Matrix>> {
        let Some(c) = self.linear.strength(at) else {
            return Ok(None);
        };
        let probe = self.linear.minimum(&self.training, &self.curvature, c, &self.from)?;
        self.from.clone_from(&probe.parameters);
        probe.predict(self.held).map(Some)
    }
}

impl Rival for Linear<'_> {
    fn settings(&self) -> usize {
        if self.config.c > 0.0 { 1 } else { PATH.len() }
    }

    fn patience(&self) -> usize {
        PATIENCE
    }

    fn choose_on(&self, width: usize) -> usize {
        self.config.choose_on.min((CHOOSE_VALUES / width.max(1)).max(LEAST))
    }

    fn candidates<'a>(&'a self, training: Training<'a>, held: &'a Features) -> Result<Box<dyn Candidates + 'a>> {
        Ok(Box::new(Path {
            linear: *self,
            from: vec![0.0; (training.x.cols + 1) * training.targets.outputs()],
            curvature: Curvature::of(training.x, training.interrupt)?,
            training,
            held,
        }))
    }

    fn fit(&self, training: &Training<'_>, at: usize) -> Result<Box<dyn Fitted>> {
        let start = vec![0.0; (training.x.cols + 1) * training.targets.outputs()];
        // Nothing behind the last strength is ever chosen.
        let c = self.strength(at).unwrap_or(1.0);
        Ok(Box::new(self.minimum(
            training,
            &Curvature::of(training.x, training.interrupt)?,
            c,
            &start,
        )?))
    }
}
