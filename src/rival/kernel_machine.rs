//! What kernel ridge regression and support vectors have in common: one kernel is prepared for all strengths of the penalty.

use crate::error::Result;
use crate::fitting::choose::Candidates;
use crate::interrupt::Interrupt;
use crate::sets::Matrix;
use crate::solver::kernel::{Basis, Shape, Width};
use crate::solver::linalg::Dense;
use crate::task::Task;

use super::fit::{Fitted, Rival, Settings, Training};
use super::grid::Grid;
use super::host::lot;
use super::input::Features;

/// Values of held-out samples as a kernel describes them that are kept from one strength to the next.
const KEPT: usize = 1 << 25;

/// A rival whose settings are kernels by strengths.
pub trait KernelMachine {
    /// One kernel, ready for every strength.
    type Solver;
    /// What was found with one strength.
    type Found: 'static;
    /// What the strength is called, its key in the recipe.
    const STRENGTH: &'static str;

    fn grid(&self) -> Grid<'_>;

    fn prepare(training: &Training<'_>, width: &Width<'_>) -> Result<Self::Solver>;

    fn basis(solver: &Self::Solver) -> &Basis;

    fn solve(solver: &Self::Solver, strength: f64, interrupt: &Interrupt) -> Result<Self::Found>;

    /// Scores of samples as the basis describes them.
    fn judge(found: &Self::Found, described: &Dense) -> Dense;

    fn scores(found: &Self::Found, x: &Features, interrupt: &Interrupt) -> Result<Dense>;

    /// Scores as outputs of the task.
    fn respond(task: Task, scores: &Dense) -> Matrix;
}

fn prepared<M: KernelMachine>(machine: &M, training: &Training<'_>, shape: Shape) -> Result<M::Solver> {
    let (grid, n) = (machine.grid(), training.targets.len());
    let width = Width {
        shape,
        limit: grid.exact,
        landmarks: &lot(n, grid.landmarks(n)),
    };
    M::prepare(training, &width)
}

struct Path<'a, M: KernelMachine> {
    machine: &'a M,
    training: Training<'a>,
    held: &'a Features,
    at_hand: Option<AtHand<M>>,
}

/// The kernel at hand.
struct AtHand<M: KernelMachine> {
    shape: Shape,
    solver: M::Solver,
    /// The held-out samples as it describes them, where they are few enough.
    described: Option<Dense>,
}

impl<M: KernelMachine> Candidates for Path<'_, M> {
    fn outputs(&mut self, at: usize) -> Result<Option<Matrix>> {
        let Some((shape, strength)) = self.machine.grid().setting(at) else {
            return Ok(None);
        };
        let interrupt = self.training.interrupt;
        let there = if let Some(there) = self.at_hand.take().filter(|there| there.shape == shape) {
            there
        } else {
            let solver = prepared(self.machine, &self.training, shape)?;
            let basis = M::basis(&solver);
            let few = self.held.rows * basis.width() <= KEPT;
            let described = few.then(|| basis.describe(self.held, interrupt)).transpose()?;
            AtHand {
                shape,
                solver,
                described,
            }
        };
        let found = M::solve(&there.solver, strength, interrupt)?;
        let scores = match &there.described {
            Some(described) => M::judge(&found, described),
            None => M::scores(&found, self.held, interrupt)?,
        };
        self.at_hand = Some(there);
        Ok(Some(M::respond(self.training.targets.task, &scores)))
    }
}

impl<M: KernelMachine + 'static> Rival for M {
    fn settings(&self) -> usize {
        self.grid().settings()
    }

    fn choose_on(&self) -> usize {
        self.grid().choose_on
    }

    fn candidates<'a>(&'a self, training: Training<'a>, held: &'a Features) -> Result<Box<dyn Candidates + 'a>> {
        Ok(Box::new(Path {
            machine: self,
            held,
            at_hand: None,
            training,
        }))
    }

    fn fit(&self, training: &Training<'_>, at: usize) -> Result<Box<dyn Fitted>> {
        let (shape, strength) = self.grid().setting(at).unwrap_or((Shape::rbf(1.0), 1.0));
        let solver = prepared(self, training, shape)?;
        Ok(Box::new(Fit::<M> {
            found: M::solve(&solver, strength, training.interrupt)?,
            task: training.targets.task,
            settings: vec![
                ("gamma", shape.gamma),
                ("linear", shape.linear),
                (M::STRENGTH, strength),
                ("landmarks", self.grid().landmarks(training.targets.len()) as f64),
            ],
            interrupt: training.interrupt.clone(),
        }))
    }
}

struct Fit<M: KernelMachine> {
    found: M::Found,
    task: Task,
    settings: Settings,
    interrupt: Interrupt,
}

impl<M: KernelMachine> Fitted for Fit<M> {
    fn predict(&self, x: &Features) -> Result<Matrix> {
        let scores = M::scores(&self.found, x, &self.interrupt)?;
        Ok(M::respond(self.task, &scores))
    }

    fn settings(&self) -> Settings {
        self.settings.clone()
    }
}
