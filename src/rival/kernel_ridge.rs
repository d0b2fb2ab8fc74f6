//! Kernel ridge regression with an RBF kernel (`kernel_ridge`), for valence and arousal and for action units.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::fitting::choose::Candidates;
use crate::interrupt::Interrupt;
use crate::sets::Matrix;
use crate::solver::expansion::Expansion;
use crate::solver::kernel::Width;
use crate::solver::kernel_ridge::KernelRidge;
use crate::solver::linalg::Dense;
use crate::solver::samples::{Answers, Rows};
use crate::task::{Targets, Task};

use super::fit::{Fitted, Rival, Training};
use super::grid::{Grid, KEPT};
use super::host::{Host, landmarks, table};
use super::input::Features;

/// Penalties tried for each width of the kernel.
const LAMBDAS: [f64; 5] = [0.03, 0.1, 0.3, 1.0, 3.0];

/// Kernel ridge regression (`kernel_ridge`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KernelRidgeConfig {
    /// Width γ of the kernel exp(−γ‖a − b‖²) in units of 1 / D; 0 chooses it from 0.3 and 1.
    pub gamma: f64,
    /// Penalty λ, scikit-learn's `alpha`; 0 chooses it from 0.03, 0.1, 0.3, 1 and 3.
    pub lambda: f64,
    /// Training samples up to which the kernel is exact; beyond, Nyström features stand for it.
    pub exact: usize,
    /// Training samples from which those features are made.
    pub landmarks: usize,
}

impl Default for KernelRidgeConfig {
    fn default() -> Self {
        Self {
            gamma: 0.0,
            lambda: 0.0,
            exact: 5_000,
            landmarks: 2_000,
        }
    }
}

impl KernelRidgeConfig {
    pub(crate) fn validate(&self) -> std::result::Result<(), (String, String)> {
        self.grid().validate("kernel_ridge", "lambda")
    }

    fn grid(&self) -> Grid<'_> {
        Grid {
            gamma: self.gamma,
            strength: self.lambda,
            strengths: &LAMBDAS,
            exact: self.exact,
            landmarks: self.landmarks,
        }
    }

    /// The kernel of one width, for all penalties.
    fn prepare(&self, training: &Training<'_>, x: &Host, gamma: f64) -> Result<KernelRidge> {
        let targets = training.targets;
        let y: Vec<f64> = targets.values.iter().map(|&v| f64::from(v)).collect();
        let answers = Answers {
            y: &y,
            known: &targets.known,
            outputs: targets.outputs(),
        };
        let width = Width {
            gamma,
            linear: 0.0,
            limit: self.exact,
            landmarks: &landmarks(targets.len(), self.landmarks),
        };
        KernelRidge::new(x.table(), &answers, &width, training.interrupt)
    }
}

/// Outputs within what the task's outputs can be.
fn within(targets: &Targets, scores: &Dense) -> Matrix {
    let least = if targets.task == Task::ActionUnits { 0.0 } else { -1.0 };
    let mut outputs = table(scores);
    for value in &mut outputs.data {
        *value = value.clamp(least, 1.0);
    }
    outputs
}

struct Path<'a> {
    config: &'a KernelRidgeConfig,
    training: Training<'a>,
    x: Host,
    held: Host,
    width: Option<AtWidth>,
}

/// The width at hand.
struct AtWidth {
    gamma: f64,
    solver: KernelRidge,
    /// The held-out samples as it describes them, where they are few enough.
    described: Option<Dense>,
}

impl Candidates for Path<'_> {
    fn outputs(&mut self, at: usize) -> Result<Option<Matrix>> {
        let Some((gamma, lambda)) = self.config.grid().setting(at) else {
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
        let found = there.solver.solve(lambda, interrupt)?;
        let scores = match &there.described {
            Some(described) => found.linear.apply(described),
            None => found.predict(self.held.table(), interrupt)?,
        };
        self.width = Some(there);
        Ok(Some(within(self.training.targets, &scores)))
    }
}

impl Rival for KernelRidgeConfig {
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
        let (gamma, lambda) = self.grid().setting(at).unwrap_or((1.0, 1.0));
        let solver = self.prepare(training, &Host::read(training.x)?, gamma)?;
        Ok(Box::new(Fit {
            found: solver.solve(lambda, training.interrupt)?,
            targets: training.targets.select(&[]),
            note: format!("γ = {gamma} / D, λ = {lambda}"),
            interrupt: training.interrupt.clone(),
        }))
    }
}

struct Fit {
    found: Expansion,
    /// None, but their task.
    targets: Targets,
    note: String,
    interrupt: Interrupt,
}

impl Fitted for Fit {
    fn predict(&self, x: &Features) -> Result<Matrix> {
        let scores = self.found.predict(Host::read(x)?.table(), &self.interrupt)?;
        Ok(within(&self.targets, &scores))
    }

    fn note(&self) -> String {
        self.note.clone()
    }
}
