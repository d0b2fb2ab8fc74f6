//! What a run needs in memory and on disk, from the sizes of its tables.
//!
//! Upper bounds from what is kept for each row and for each value; their constants were measured with `benches/rehearsal.rs`,
//! which fails where a stage needs more (docs/sizes.md).

use crate::task::Task;

/// The program itself, its libraries and what they keep.
const BASE: u64 = 400 << 20;
/// Bytes a row of names, labels, assignments and predictions until they are written.
const ROW: u64 = 1_500;
/// Bytes of features that a rival holds, and what it makes of them at a time.
const RIVAL: u64 = 3 * (768 << 20);

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
}

impl Size {
    /// Bytes of resident memory at most, on the processor.
    pub fn memory(&self) -> u64 {
        let n = self.rows as u64;
        let features = n * self.global as u64 * 4;
        let vectors = (self.batch * self.tokens.max(1)) as u64;
        let input = if self.tokens > 0 { self.token_width } else { self.global };
        // Values of the forward pass that stay for the backward one, their derivatives, and what an operation makes anew.
        let step = vectors * (4 * input + 8 * self.hidden + 12 * self.width) as u64 * 4;
        let rivals = if self.rivals { RIVAL.min(3 * features) } else { 0 };
        BASE + n * (ROW + 4 * self.width as u64) + step.max(rivals)
    }

    /// Bytes of one row's features as they are stored.
    pub fn row_bytes(&self) -> u64 {
        ((self.global + self.tokens * self.token_width) * self.value_bytes) as u64
    }

    /// Bytes on disk: the feature table and the file of its rows.
    pub fn disk(&self) -> u64 {
        2 * self.rows as u64 * self.row_bytes()
    }
}
