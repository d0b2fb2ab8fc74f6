//! What is said of a table that was made elsewhere.

use std::path::Path;

use crate::dataset::Card;
use crate::dataset::table::TableConfig;
use crate::dataset::unknown::UnknownLabels;
use crate::task::{Split, Task};

use super::columns::{Columns, Roles};

/// What decides beside the files.
pub(crate) struct Rules<'a> {
    pub(crate) config: &'a TableConfig,
    pub(crate) card: &'a Card,
    pub(crate) task: Task,
    /// Classes or action units that the protocol names.
    pub(crate) outputs: &'a [String],
    /// Whether labels of action units must be 0 or 1.
    pub(crate) binary: bool,
    /// Folds that the protocol names.
    pub(crate) folds: &'a [i32],
    pub(crate) split_seed: u64,
    pub(crate) test_share: f64,
    /// Numbers that mean unknown beside what always does.
    pub(crate) unknown: Option<&'a UnknownLabels>,
}

/// Labels beside the features, or in a file of their own.
pub(crate) struct Labels<'a> {
    pub(crate) roles: &'a Roles,
    pub(crate) columns: &'a Columns,
    /// The file that holds them.
    pub(crate) path: &'a Path,
    pub(crate) own_file: bool,
}

/// A sample that passed every check.
pub(crate) struct Sample {
    pub(crate) features: usize,
    pub(crate) labels: usize,
    pub(crate) id: String,
    pub(crate) split: Split,
    pub(crate) image: String,
    pub(crate) class: Option<i8>,
    pub(crate) emotion: Option<(f32, f32)>,
}
