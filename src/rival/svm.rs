//! Support vector machines with an RBF kernel (`svm`), for expressions and action units.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::fitting::choose::Candidates;
use crate::interrupt::Interrupt;
use crate::sets::Matrix;
use crate::solver::kernel::Width;
use crate::solver::linalg::Dense;
use crate::solver::samples::Rows;
use crate::solver::svm::{States, Svm, SvmPath};
use crate::task::Task;

use super::fit::{Fitted, Rival, Training};
use super::grid::{Grid, KEPT};
use super::host::{Host, landmarks, table};
use super::input::Features;
use super::objective::Loss;

/// Values of C tried for each width of the kernel.
const STRENGTHS: [f64; 5] = [0.3, 1.0, 3.0, 10.0, 30.0];

/// Support vector machines (`svm`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SvmConfig {
    /// Width γ of the kernel exp(−γ‖a − b‖²) in units of 1 / D; 0 chooses it from 0.3 and 1.
    pub gamma: f64,
    /// Cost C of samples on the wrong side, as scikit-learn's; 0 chooses it from 0.3, 1, 3, 10 and 30.
    pub c: f64,
    /// Training samples up to which the kernel is exact; beyond, Nyström features stand for it.
    pub exact: usize,
    /// Training samples from which those features are made.
    pub landmarks: usize,
}

impl Default for SvmConfig {
    fn default() -> Self {
        Self {
            gamma: 0.0,
            c: 0.0,
            exact: 5_000,
            landmarks: 1_000,
        }
    }
}

impl SvmConfig {
    pub(crate) fn validate(&self) -> std::result::Result<(), (String, String)> {
        self.grid().validate("svm", "c")
    }

    fn grid(&self) -> Grid<'_> {
        Grid {
            gamma: self.gamma,
            strength: self.c,
            strengths: &STRENGTHS,
            exact: self.exact,
            landmarks: self.landmarks,
        }
    }

    /// The kernel of one width, for all values of C.
    fn prepare(&self, training: &Training<'_>, x: &Host, gamma: f64) -> Result<SvmPath> {
        let targets = training.targets;
        let labels: Vec<Option<usize>> = (0..targets.len()).map(|i| targets.class(i)).collect();
        let active: Vec<bool> = targets.values.iter().map(|&v| v > 0.5).collect();
        let count = targets.outputs();
        let states = if targets.task == Task::Expression {
            States::Classes { labels: &labels, count }
        } else {
            let known = &targets.known;
            States::Outputs {
                active: &active,
                known,
                count,
            }
        };
        let width = Width {
            gamma,
            linear: 0.0,
            limit: self.exact,
            landmarks: &landmarks(targets.len(), self.landmarks),
        };
        SvmPath::new(x.table(), &states, &width, training.interrupt)
    }
}

/// Scores as outputs: those of classes by softmax, decisions about units by the logistic function. Both keep the order; they
/// are no probabilities.
fn respond(task: Task, scores: &Dense) -> Matrix {
    let mut outputs = table(scores);
    let loss = Loss::linear(task);
    for row in outputs.data.chunks_exact_mut(outputs.cols.max(1)) {
        loss.respond(row);
    }
    outputs
}

struct Path<'a> {
    config: &'a SvmConfig,
    training: Training<'a>,
    x: Host,
    held: Host,
    width: Option<AtWidth>,
}

/// The width at hand.
struct AtWidth {
    gamma: f64,
    solver: SvmPath,
    /// The held-out samples as it describes them, where they are few enough.
    described: Option<Dense>,
}

impl Candidates for Path<'_> {
    fn outputs(&mut self, at: usize) -> Result<Option<Matrix>> {
        let Some((gamma, c)) = self.config.grid().setting(at) else {
            return Ok(None);
        };
        let interrupt = self.training.interrupt;
        let same = |there: &AtWidth| there.gamma.to_bits() == gamma.to_bits();
        let there = if let Some(there) = self.width.take().filter(same) {
            there
        } else {
            let solver = self.config.prepare(&self.training, &self.x, gamma)?;
            let basis = solver.basis();
            let few = self.held.table().count() * basis.width() <= KEPT;
            let described = few.then(|| basis.describe(self.held.table(), interrupt)).transpose()?;
            AtWidth {
                gamma,
                solver,
                described,
            }
        };
        let found = there.solver.solve(c, interrupt)?;
        let scores = match &there.described {
            Some(described) => found.judge(described),
            None => found.predict(self.held.table(), interrupt)?,
        };
        self.width = Some(there);
        Ok(Some(respond(self.training.targets.task, &scores)))
    }
}

impl Rival for SvmConfig {
    fn settings(&self) -> usize {
        self.grid().settings()
    }

    fn candidates<'a>(&'a self, training: Training<'a>, held: &'a Features) -> Result<Box<dyn Candidates + 'a>> {
        Ok(Box::new(Path {
            config: self,
            x: Host::read(training.x)?,
            held: Host::read(held)?,
            width: None,
            training,
        }))
    }

    fn fit(&self, training: &Training<'_>, at: usize) -> Result<Box<dyn Fitted>> {
        let (gamma, c) = self.grid().setting(at).unwrap_or((1.0, 1.0));
        let solver = self.prepare(training, &Host::read(training.x)?, gamma)?;
        Ok(Box::new(Fit {
            found: solver.solve(c, training.interrupt)?,
            task: training.targets.task,
            note: format!("γ = {gamma} / D, C = {c}"),
            interrupt: training.interrupt.clone(),
        }))
    }
}

struct Fit {
    found: Svm,
    task: Task,
    note: String,
    interrupt: Interrupt,
}

impl Fitted for Fit {
    fn predict(&self, x: &Features) -> Result<Matrix> {
        let scores = self.found.predict(Host::read(x)?.table(), &self.interrupt)?;
        Ok(respond(self.task, &scores))
    }

    fn note(&self) -> String {
        self.note.clone()
    }
}
