//! Support vector machines with an RBF kernel (`svm`), for expressions and action units.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::sets::Matrix;
use crate::solver::kernel::{Basis, Products, Shape, Width};
use crate::solver::linalg::Dense;
use crate::solver::svm::{States, Svm, SvmPath};
use crate::task::Task;

use super::fit::Training;
use super::grid::Grid;
use super::host::table;
use super::input::Features;
use super::kernel_machine::KernelMachine;
use super::objective::Loss;

/// Kernels tried.
const SHAPES: [Shape; 2] = [Shape::rbf(0.3), Shape::rbf(1.0)];
/// Values of C tried for each kernel.
const STRENGTHS: [f64; 5] = [0.3, 1.0, 3.0, 10.0, 30.0];

/// Samples that a setting is chosen on: more than there may be for an exact kernel, and few enough for the passes of the largest
/// C.
const CHOOSE_ON: usize = 8_000;
/// Values of the samples' Nyström features that are held, 1 GiB.
const HELD: usize = 1 << 28;

/// Support vector machines (`svm`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SvmConfig {
    /// Width γ of the kernel exp(−γ‖a − b‖²) in units of 1 / D; 0 chooses it from 0.3 and 1.
    pub gamma: f64,
    /// Cost C of samples on the wrong side, as scikit-learn's; 0 chooses it from 0.3, 1, 3, 10 and 30, of which those behind two
    /// in a row that brought nothing are not tried.
    pub c: f64,
    /// Training samples up to which the kernel is exact; beyond, Nyström features stand for it.
    pub exact: usize,
    /// Training samples from which those features are made; fewer beyond 268,000 samples, so that the features of all stay
    /// within 1 GiB.
    pub landmarks: usize,
    /// Samples that a setting is chosen on in each held-out part, and about which it is asked in all parts together, at most; what is
    /// chosen is fitted to all. More than `exact`.
    pub choose_on: usize,
}

impl Default for SvmConfig {
    fn default() -> Self {
        Self {
            gamma: 0.0,
            c: 0.0,
            exact: 5_000,
            landmarks: 1_000,
            choose_on: CHOOSE_ON,
        }
    }
}

impl SvmConfig {
    pub(crate) fn validate(&self) -> std::result::Result<(), (String, String)> {
        self.grid().validate("svm", "c")
    }
}

impl KernelMachine for SvmConfig {
    type Solver = SvmPath;
    type Found = Svm;
    const STRENGTH: &'static str = "c";
    /// The larger C, the longer its machines take: 30 takes as long as all the others together.
    const PATIENCE: Option<usize> = Some(2);
    const ROUGH: bool = true;

    fn grid(&self) -> Grid<'_> {
        Grid {
            gamma: self.gamma,
            linear: 0.0,
            shapes: &SHAPES,
            strength: self.c,
            strengths: &STRENGTHS,
            exact: self.exact,
            landmarks: self.landmarks,
            held: HELD,
            choose_on: self.choose_on,
        }
    }

    fn prepare(training: &Training<'_>, width: &Width<'_>, _: &mut Option<Products>) -> Result<SvmPath> {
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
        SvmPath::new(training.x, &states, width, training.interrupt)
    }

    fn basis(solver: &SvmPath) -> &Basis {
        solver.basis()
    }

    fn solve(solver: &SvmPath, strength: f64, interrupt: &Interrupt) -> Result<Svm> {
        solver.solve(strength, interrupt)
    }

    fn next(solver: &mut SvmPath, strength: f64, interrupt: &Interrupt) -> Result<Svm> {
        solver.next(strength, interrupt)
    }

    fn judge(found: &Svm, described: &Dense) -> Dense {
        found.judge(described)
    }

    fn scores(found: &Svm, x: &Features, interrupt: &Interrupt) -> Result<Dense> {
        found.predict(x, interrupt)
    }

    /// Those of classes by softmax, decisions about units by the logistic function. Both keep the order; they are no
    /// probabilities.
    fn respond(task: Task, scores: &Dense) -> Matrix {
        let mut outputs = table(scores);
        let loss = Loss::linear(task);
        for row in outputs.data.chunks_exact_mut(outputs.cols.max(1)) {
            loss.respond(row);
        }
        outputs
    }
}
