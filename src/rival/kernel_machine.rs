//! What kernel ridge regression and support vectors have in common: one kernel is prepared for all strengths of the penalty.

use crate::error::Result;
use crate::fitting::choose::Candidates;
use crate::fitting::walked::Walked;
use crate::interrupt::Interrupt;
use crate::sets::Matrix;
use crate::solver::kernel::{Basis, Products, Shape, Width};
use crate::solver::linalg::Dense;
use crate::task::Task;

use super::fit::{Fitted, Rival, Settings, Training};
use super::grid::Grid;
use super::host::lot;
use super::input::Features;

/// Values of held-out samples as a kernel describes them that are kept from one strength to the next.
const KEPT: usize = 1 << 26;

/// A rival whose settings are kernels by strengths.
pub trait KernelMachine {
    /// One kernel, ready for every strength.
    type Solver;
    /// What was found with one strength.
    type Found: 'static;
    /// What the strength is called, its key in the recipe.
    const STRENGTH: &'static str;

    fn grid(&self) -> Grid<'_>;

    /// Strengths of one kernel without a better result after which no larger ones are tried; `None`: all settings are tried, one
    /// held-out part after the other.
    const PATIENCE: Option<usize>;

    /// Whether [`Self::next`] finds less exactly on Nyström features.
    const ROUGH: bool = false;

    /// May leave the inner products of the training samples for the next kernel.
    fn prepare(training: &Training<'_>, width: &Width<'_>, products: &mut Option<Products>) -> Result<Self::Solver>;

    fn basis(solver: &Self::Solver) -> &Basis;

    fn solve(solver: &Self::Solver, strength: f64, interrupt: &Interrupt) -> Result<Self::Found>;

    /// As [`Self::solve`], for the next of ascending strengths, where what is found is only compared.
    fn next(solver: &mut Self::Solver, strength: f64, interrupt: &Interrupt) -> Result<Self::Found> {
        Self::solve(solver, strength, interrupt)
    }

    /// Scores of samples as the basis describes them.
    fn judge(found: &Self::Found, described: &Dense) -> Dense;

    fn scores(found: &Self::Found, x: &Features, interrupt: &Interrupt) -> Result<Dense>;

    /// Scores as outputs of the task.
    fn respond(task: Task, scores: &Dense) -> Matrix;
}

fn prepared<M: KernelMachine>(
    machine: &M,
    training: &Training<'_>,
    shape: Shape,
    products: &mut Option<Products>,
) -> Result<M::Solver> {
    let (grid, n) = (machine.grid(), training.targets.len());
    let width = Width {
        shape,
        limit: grid.exact,
        landmarks: &lot(n, grid.landmarks(n)),
    };
    M::prepare(training, &width, products)
}

/// The settings of one part, strength after strength, kernel after kernel.
struct Path<'a, M: KernelMachine> {
    machine: &'a M,
    training: Training<'a>,
    held: &'a Features,
    at_hand: Option<AtHand<M>>,
    /// Inner products of the training samples and of the held-out ones with them.
    products: Option<Products>,
    held_products: Option<Products>,
}

/// The kernel at hand.
struct AtHand<M: KernelMachine> {
    shape: Shape,
    solver: M::Solver,
    /// The held-out samples as it describes them, where they are few enough.
    described: Option<Dense>,
}

impl<M: KernelMachine> Path<'_, M> {
    fn turn_to(&mut self, shape: Shape) -> Result<AtHand<M>> {
        let interrupt = self.training.interrupt;
        let solver = prepared(self.machine, &self.training, shape, &mut self.products)?;
        let basis = M::basis(&solver);
        let described = if self.held.rows * basis.width() > KEPT {
            None
        } else if let (Some(kernel), Some(_)) = (basis.exact(), &self.products) {
            let held = match self.held_products.take() {
                Some(held) => held,
                None => kernel.products(self.held, interrupt)?,
            };
            Some(kernel.of_products(self.held_products.insert(held)))
        } else {
            Some(basis.describe(self.held, interrupt)?)
        };
        Ok(AtHand {
            shape,
            solver,
            described,
        })
    }
}

impl<M: KernelMachine> Candidates for Path<'_, M> {
    fn outputs(&mut self, at: usize) -> Result<Option<Matrix>> {
        let Some((shape, strength)) = self.machine.grid().setting(at) else {
            return Ok(None);
        };
        let interrupt = self.training.interrupt;
        let mut there = match self.at_hand.take().filter(|there| there.shape == shape) {
            Some(there) => there,
            None => self.turn_to(shape)?,
        };
        let found = M::next(&mut there.solver, strength, interrupt)?;
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

    fn choose_on(&self, _: usize) -> usize {
        self.grid().choose_on
    }

    fn patience(&self) -> usize {
        M::PATIENCE.unwrap_or(usize::MAX)
    }

    fn run(&self) -> usize {
        self.grid().strengths().len()
    }

    fn rough(&self, samples: usize) -> bool {
        M::ROUGH && self.grid().landmarks(samples) > 0
    }

    fn candidates<'a>(&'a self, training: Training<'a>, held: &'a Features) -> Result<Box<dyn Candidates + 'a>> {
        let path = Path {
            machine: self,
            held,
            at_hand: None,
            training,
            products: None,
            held_products: None,
        };
        Ok(if M::PATIENCE.is_some() {
            Box::new(path)
        } else {
            Box::new(Walked::new(path))
        })
    }

    fn fit(&self, training: &Training<'_>, at: usize) -> Result<Box<dyn Fitted>> {
        let (shape, strength) = self.grid().setting(at).unwrap_or((Shape::rbf(1.0), 1.0));
        let solver = prepared(self, training, shape, &mut None)?;
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
