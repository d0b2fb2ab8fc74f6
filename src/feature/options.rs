//! What is read of a table of labels, and where its rows went.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::task::{Split, Task};

use super::duplicates::DuplicateRule;
use super::holdout::Validation;
use super::relabel::NewLabels;
use super::threshold::AuThreshold;
use super::training::Training;

/// What a row filter is told of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowInfo<'a> {
    /// The sample.
    pub sample_id: &'a str,
    /// Split in the table.
    pub split: Split,
    /// Person.
    pub subject: Option<&'a str>,
    /// Frame of the person's video, as the database counts.
    pub frame: Option<i32>,
    /// Fold.
    pub fold: Option<i32>,
}

/// Decides which rows are used.
pub type RowFilter<'a> = &'a (dyn Fn(&RowInfo<'_>) -> bool + 'a);

/// What to read of a feature table.
#[derive(Clone)]
pub struct LoadOptions<'a> {
    /// The task.
    pub task: Task,
    /// Expression: names of the classes, in the order of the outputs; a subset leaves the rows of other classes out. Action
    /// units: names of the columns (`au01`, …). Valence and arousal: one of the two, or both. Empty: all that the table
    /// knows.
    pub outputs: Vec<String>,
    /// Valence and arousal: labelled expressions whose images take part; all if `None`.
    pub only_classes: Option<Vec<String>>,
    /// Binarisation (action units only).
    pub threshold: AuThreshold,
    /// Labels in place of the table's own.
    pub relabel: Arc<NewLabels>,
    /// Whether to read the tokens.
    pub tokens: bool,
    /// A validation set out of the training split, for tables that have none of their own.
    pub validation: Option<Validation>,
    /// What is done to the training samples, once all splits are made.
    pub training: Training,
    /// Test on this fold and train on all others; the table's splits are not used then.
    pub fold: Option<i32>,
    /// Whether pictures that two splits share are looked for, which reads all global vectors once, and what is done about them.
    pub duplicates: Option<DuplicateRule>,
    /// Rows to use; all if `None`.
    pub filter: Option<RowFilter<'a>>,
    /// Where the file of the features is kept; beside the table if left out.
    pub scratch: Option<PathBuf>,
    /// Shows how far that file is.
    pub progress: Progress,
    /// Asked while it is made.
    pub interrupt: Interrupt,
}

impl LoadOptions<'_> {
    /// Everything that the table has for `task`, without tokens.
    pub fn new(task: Task) -> Self {
        Self {
            task,
            outputs: Vec::new(),
            only_classes: None,
            threshold: AuThreshold::default(),
            relabel: Arc::default(),
            tokens: false,
            validation: None,
            training: Training::default(),
            fold: None,
            duplicates: None,
            filter: None,
            scratch: None,
            progress: Progress::hidden(),
            interrupt: Interrupt::default(),
        }
    }
}

/// Where the table's rows went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LoadCounts {
    /// Rows of the table.
    pub rows: usize,
    /// Training samples.
    pub train: usize,
    /// Validation samples.
    pub val: usize,
    /// Test samples.
    pub test: usize,
    /// Left out by the row filter.
    pub filtered: usize,
    /// Left out because the task's label is unknown.
    pub unlabelled: usize,
    /// Left out because the class is not among those asked for.
    pub other_class: usize,
    /// Left out because the row belongs to no fold.
    pub no_fold: usize,
    /// Rows of the test split, or of the fold that is tested on, that were left out for their label: unknown, or of another class.
    #[serde(skip)]
    pub test_left_out: usize,
}

/// Rows whose labels are read at a time.
pub(super) const BATCH: usize = 8192;
