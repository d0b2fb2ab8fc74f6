//! What a run needs in memory and on disk, from the sizes of its tables.
//!
//! Upper bounds from what is kept for each row and for each value; their constants were measured with `benches/rehearsal.rs`,
//! which fails where a stage needs more (docs/sizes.md).

use crate::task::Task;

/// The program itself, its libraries and what they keep.
const BASE: u64 = 400 << 20;
/// Bytes a row of names, labels, assignments and predictions until they are written.
const ROW: u64 = 1_500;
/// Bytes of features in single precision that a rival holds; larger ones are read in blocks.
const HELD: u64 = 768 << 20;
/// What a rival takes besides.
const BESIDES: u64 = 512 << 20;
/// Nyström features that `svm` holds, at most, and 4 KB a sample.
const SVM: u64 = 1 << 30;

/// The sizes of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// What is predicted.
    pub task: Task,
    /// Rows of the feature table.
    pub rows: usize,
    /// Values of a global vector, D.
    pub global: usize,
    /// Tokens of an image that are read, M; 0: none.
    pub tokens: usize,
    /// Values of a token, D'.
    pub token_width: usize,
    /// Bytes of a stored value.
    pub value_bytes: usize,
    /// `model.width`, d.
    pub width: usize,
    /// `model.hidden`.
    pub hidden: usize,
    /// Samples a step.
    pub batch: usize,
    /// Whether rivals run.
    pub rivals: bool,
    /// `fitting.folds`.
    pub folds: usize,
    /// `baselines.kernel_ridge.exact`, where that runs.
    pub kernel_ridge: Option<usize>,
    /// `baselines.svm.exact`, where that runs.
    pub svm: Option<usize>,
    /// Training samples up to which the kernel of `aura_tuned` is exact, where that is read.
    pub tuned: Option<usize>,
}

/// Samples of an exact kernel where `rows` rows, some of them to test on, have one; 0 where even half of them are too many.
fn exact_of(exact: usize, rows: u64) -> u64 {
    let exact = exact as u64;
    if rows > 2 * exact { 0 } else { rows.min(exact) }
}

impl Size {
    /// Bytes of resident memory at most, on the processor.
    pub fn memory(&self) -> u64 {
        let n = self.rows as u64;
        let vectors = (self.batch * self.tokens.max(1)) as u64;
        let input = if self.tokens > 0 { self.token_width } else { self.global };
        // Values of the forward pass that stay for the backward one, their derivatives, and what an operation makes anew.
        let step = vectors * (4 * input + 8 * self.hidden + 12 * self.width) as u64 * 4;
        let mut rivals = 0;
        if self.rivals {
            // One input after the other.
            let held = self.held(self.global).max(self.held(self.tokens * self.token_width));
            rivals = BESIDES + held + self.of_kernel_ridge().max(self.of_svm());
        }
        // Kernel and factor, and what held-out samples are described by.
        let tuned = self.tuned.map_or(0, |exact| 24 * n.min(exact as u64).pow(2));
        BASE + n * (ROW + 4 * self.width as u64) + step.max(rivals).max(tuned)
    }

    fn folds(&self) -> u64 {
        self.folds.max(2) as u64
    }

    /// Rows of the other parts where one is held out.
    fn kept(&self) -> u64 {
        self.rows as u64 * (self.folds() - 1) / self.folds()
    }

    /// Bytes of an input that rivals hold: what is fitted on may be little enough where all rows are not.
    fn held(&self, width: usize) -> u64 {
        let bytes = |rows: u64| rows * width as u64 * 4;
        if bytes(self.kept()) > HELD {
            0
        } else {
            2 * HELD.min(bytes(self.rows as u64))
        }
    }

    /// Bytes of exact kernels, a held-out part at a time: inner products, kernel, factor, of action units that not every sample
    /// knows the part of the kernel too, and what its held-out samples are described by.
    fn of_kernel_ridge(&self) -> u64 {
        let Some(exact) = self.kernel_ridge else {
            return 0;
        };
        let matrices = if self.task == Task::ActionUnits { 4 } else { 3 };
        let kept = exact_of(exact, self.kept());
        let walked = kept * kept * matrices + 2 * kept * kept / (self.folds() - 1);
        let fitted = matrices * exact_of(exact, self.rows as u64).pow(2);
        8 * walked.max(fitted)
    }

    /// Bytes of exact kernels in single precision of all held-out parts, and of what their held-out samples are described by; or of
    /// Nyström features.
    fn of_svm(&self) -> u64 {
        let Some(exact) = self.svm else {
            return 0;
        };
        let kept = exact_of(exact, self.kept());
        let walked = (self.folds() + 1) * 4 * kept * kept + 8 * self.folds() * kept * kept / (self.folds() - 1);
        let fitted = 8 * exact_of(exact, self.rows as u64).pow(2);
        walked.max(fitted).max(SVM.min(4_000 * self.rows as u64))
    }

    /// Bytes that an exact kernel takes without which no rival of these can be fitted.
    pub fn kernels(&self) -> u64 {
        let exact = |most: Option<usize>| exact_of(most.unwrap_or(0), self.rows as u64);
        8 * exact(self.kernel_ridge).max(exact(self.svm)).pow(2)
    }

    /// Bytes of one row's features as they are stored.
    pub fn row_bytes(&self) -> u64 {
        ((self.global + self.tokens * self.token_width) * self.value_bytes) as u64
    }

    /// Bytes of memory that the rows of another database take beside the run's own, where models are asked about them: what is said
    /// of them, their projections, and the mean of their tokens.
    pub fn asked(&self) -> u64 {
        let means = if self.rivals && self.tokens > 0 {
            self.token_width
        } else {
            0
        };
        self.rows as u64 * (ROW + 4 * (self.width + means) as u64)
    }

    /// Bytes on disk: the feature table and the file of its rows.
    pub fn disk(&self) -> u64 {
        2 * self.rows as u64 * self.row_bytes()
    }
}

/// The sizes of a model, and of a batch that goes through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weights {
    /// Values of an input of the projector.
    pub input: usize,
    /// `model.hidden`.
    pub hidden: usize,
    /// `model.width`.
    pub width: usize,
    /// `model.k_max`.
    pub archetypes: usize,
    /// Vectors that contextualization looks at for each sample; 0: none.
    pub attended: usize,
    /// Samples a step.
    pub batch: usize,
    /// Inputs of a sample.
    pub tokens: usize,
}

impl Weights {
    /// Bytes without which it cannot be trained: parameters with gradient and two moments, and what a step makes of a batch.
    pub fn least(&self) -> u64 {
        let product = |factors: &[usize]| factors.iter().fold(4_u64, |all, &n| all.saturating_mul(n as u64));
        let parameters = [
            product(&[4, self.input, self.hidden]),
            product(&[4, self.hidden, self.width]),
            product(&[4, self.archetypes, self.width]),
        ];
        let step = [
            product(&[self.batch, self.tokens, self.hidden]),
            product(&[self.batch, self.archetypes]),
            product(&[self.batch, self.attended, self.width]),
        ];
        parameters.into_iter().chain(step).fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn clip(task: Task, rows: usize, tokens: usize, batch: usize) -> Size {
        Size {
            task,
            rows,
            global: 512,
            tokens,
            token_width: 768,
            value_bytes: 2,
            width: 256,
            hidden: 512,
            batch,
            rivals: true,
            folds: 5,
            kernel_ridge: (task != Task::Expression).then_some(5_000),
            svm: (task == Task::Expression).then_some(5_000),
            tuned: None,
        }
    }

    #[test]
    fn what_a_model_needs_at_least_is_less_than_what_is_announced() {
        for (task, tokens, batch) in [(Task::ValenceArousal, 0, 1_024), (Task::ActionUnits, 196, 512)] {
            let size = clip(task, 130_814, tokens, batch);
            let weights = Weights {
                input: 768,
                hidden: 512,
                width: 256,
                archetypes: 300,
                attended: 32,
                batch,
                tokens: tokens.max(1),
            };
            assert!(weights.least() < size.memory());
            assert!(size.kernels() < size.memory());
        }
        let absurd = Weights {
            input: 768,
            hidden: 65_536,
            width: 8_192,
            archetypes: 65_536,
            attended: usize::MAX,
            batch: usize::MAX,
            tokens: 1,
        };
        assert_eq!(absurd.least(), u64::MAX);
    }

    #[test]
    fn exact_kernels_count_as_far_as_the_recipe_says() {
        let mut size = clip(Task::ValenceArousal, 30_000, 0, 1_024);
        let before = size.memory();
        size.kernel_ridge = Some(40_000);
        assert!(size.memory() > before + 3 * 8 * 30_000_u64.pow(2) - (1 << 30));
        let mut size = clip(Task::Expression, 6_900, 0, 256);
        size.svm = None;
        size.rivals = false;
        let without = size.memory();
        size.tuned = Some(4_096);
        assert!(size.memory() > without + (200 << 20));
    }

    #[test]
    fn databases_fit_machines_that_people_have() {
        assert!(clip(Task::ValenceArousal, 325_239, 0, 1_024).memory() < 3 * GIB);
        assert!(clip(Task::ValenceArousal, 1_000_000, 0, 1_024).memory() < 4 * GIB);
        let disfa = clip(Task::ActionUnits, 130_814, 196, 512);
        assert!(disfa.memory() < 6 * GIB);
        assert_eq!(disfa.row_bytes(), 302_080);
        assert_eq!(disfa.disk(), 2 * 130_814 * 302_080);
    }

    /// Of 6,400 rows, 4,992 in each of five parts, the kernels took the process to 705 MiB (`benches/rehearsal.rs`).
    #[test]
    fn exact_kernels_of_one_part_count() {
        let of = |rows| clip(Task::ValenceArousal, rows, 0, 256).memory();
        assert!((1_300 << 20..1_900 << 20).contains(&of(6_400)));
        assert!(of(20_000) < of(6_400), "Nystroem features take less");
    }

    /// Global vectors are held where tokens are too many; tokens too where they are few; and what is fitted on where all rows are
    /// not.
    #[test]
    fn held_features_count() {
        let rivals = |rows, tokens| {
            let mut size = clip(Task::ActionUnits, rows, tokens, 1);
            size.kernel_ridge = None;
            let with = size.memory();
            size.rivals = false;
            with - size.memory()
        };
        assert_eq!(
            rivals(130_814, 196) - rivals(500_000, 196),
            2 * 130_814 * 512 * 4,
            "half a million rows are read anew"
        );
        assert_eq!(rivals(1_000, 196) - rivals(500_000, 196), 2 * 1_000 * 196 * 768 * 4);
        assert_eq!(rivals(450_000, 0) - rivals(500_000, 0), 2 * HELD);
    }

    #[test]
    fn memory_does_not_grow_with_the_features() {
        let of = |tokens| clip(Task::ActionUnits, 130_814, tokens, 64).memory();
        assert!(of(196) - of(49) < GIB, "a batch grows, the table does not count");
        let rows = |rows| clip(Task::ValenceArousal, rows, 0, 1_024).memory();
        assert!(rows(2_000_000) - rows(1_000_000) < 3_000 * 1_000_000);
    }
}
