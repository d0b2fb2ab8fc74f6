//! Kernel ridge regression with an RBF kernel (`kernel_ridge`), for valence and arousal and for action units.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::sets::Matrix;
use crate::solver::expansion::Expansion;
use crate::solver::kernel::{Basis, Products, Shape, Width};
use crate::solver::kernel_ridge::KernelRidge;
use crate::solver::linalg::Dense;
use crate::solver::samples::Answers;
use crate::task::Task;

use super::fit::{CHOOSE_ON, Training};
use super::grid::Grid;
use super::host::table;
use super::input::Features;
use super::kernel_machine::KernelMachine;

/// Kernels tried: among them the one that AURA's departures are read with, so that a lead over this rival is the archetypes'.
const SHAPES: [Shape; 3] = [Shape::rbf(0.3), Shape::rbf(1.0), Shape::MIXED];
/// Penalties tried for each kernel.
const LAMBDAS: [f64; 5] = [0.03, 0.1, 0.3, 1.0, 3.0];

/// Kernel ridge regression (`kernel_ridge`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KernelRidgeConfig {
    /// Width γ of the kernel exp(−γ‖a − b‖²) in units of 1 / D; 0 chooses it from 0.3, 1, and 0.5 with a linear part of
    /// 0.18 / D beside it, the kernel of `aura_tuned`.
    pub gamma: f64,
    /// Weight of a linear kernel beside that of a given width, in units of 1 / D.
    pub linear: f64,
    /// Penalty λ, scikit-learn's `alpha`; 0 chooses it from 0.03, 0.1, 0.3, 1 and 3.
    pub lambda: f64,
    /// Training samples up to which the kernel is exact; beyond, Nyström features stand for it.
    pub exact: usize,
    /// Training samples from which those features are made.
    pub landmarks: usize,
    /// Samples that a setting is chosen on in each held-out part, and about which it is asked in all parts together, at most; what is
    /// chosen is fitted to all. More than `exact`.
    pub choose_on: usize,
}

impl Default for KernelRidgeConfig {
    fn default() -> Self {
        Self {
            gamma: 0.0,
            linear: 0.0,
            lambda: 0.0,
            exact: 5_000,
            landmarks: 2_000,
            choose_on: CHOOSE_ON,
        }
    }
}

impl KernelRidgeConfig {
    pub(crate) fn validate(&self) -> std::result::Result<(), (String, String)> {
        self.grid().validate("kernel_ridge", "lambda")
    }
}

impl KernelMachine for KernelRidgeConfig {
    type Solver = KernelRidge;
    type Found = Expansion;
    const STRENGTH: &'static str = "lambda";
    const PATIENCE: Option<usize> = None;

    fn grid(&self) -> Grid<'_> {
        Grid {
            gamma: self.gamma,
            linear: self.linear,
            shapes: &SHAPES,
            strength: self.lambda,
            strengths: &LAMBDAS,
            exact: self.exact,
            landmarks: self.landmarks,
            held: usize::MAX,
            choose_on: self.choose_on,
        }
    }

    fn prepare(training: &Training<'_>, width: &Width<'_>, products: &mut Option<Products>) -> Result<KernelRidge> {
        let targets = training.targets;
        let y: Vec<f64> = targets.values.iter().map(|&v| f64::from(v)).collect();
        let answers = Answers {
            y: &y,
            known: &targets.known,
            outputs: targets.outputs(),
        };
        KernelRidge::sharing(products, training.x, &answers, width, training.interrupt)
    }

    fn basis(solver: &KernelRidge) -> &Basis {
        solver.basis()
    }

    fn solve(solver: &KernelRidge, strength: f64, interrupt: &Interrupt) -> Result<Expansion> {
        solver.solve(strength, interrupt)
    }

    fn judge(found: &Expansion, described: &Dense) -> Dense {
        found.linear.apply(described)
    }

    fn scores(found: &Expansion, x: &Features, interrupt: &Interrupt) -> Result<Dense> {
        found.predict(x, interrupt)
    }

    /// Within what the task's outputs can be.
    fn respond(task: Task, scores: &Dense) -> Matrix {
        let least = if task == Task::ActionUnits { 0.0 } else { -1.0 };
        let mut outputs = table(scores);
        for value in &mut outputs.data {
            *value = value.clamp(least, 1.0);
        }
        outputs
    }
}
