//! The three tasks and the targets that a model is trained on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is predicted from a face.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// One of C expression classes (paper: FER).
    Expression,
    /// Valence and arousal in [-1, 1] (paper: VA).
    ValenceArousal,
    /// Which of A action units are active (paper: AUD).
    ActionUnits,
}

impl Task {
    /// Its name as recipes and tables write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Expression => "expression",
            Self::ValenceArousal => "valence_arousal",
            Self::ActionUnits => "action_units",
        }
    }

    /// The metric by which the task is ranked: `acc`, `ccc_va` or `f1_avg` (appendix A.3).
    pub fn primary_metric(self) -> &'static str {
        match self {
            Self::Expression => "acc",
            Self::ValenceArousal => "ccc_va",
            Self::ActionUnits => "f1_avg",
        }
    }
}

/// The part of a database that a sample belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Used to fit the model.
    Train,
    /// Used to select the epoch, where the protocol selects on validation data.
    Val,
    /// Used to report.
    Test,
}

impl Split {
    /// All splits, in the order in which they are reported.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    /// The name used in every table: `train`, `val`, `test`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }

    /// The split with this name, if there is one.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|split| split.as_str() == name)
    }
}

impl std::fmt::Display for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Targets of n samples, row-major, with O outputs a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Targets {
    /// The task.
    pub task: Task,
    /// Names of the O outputs: the classes, `["valence", "arousal"]`, or the action units (`au01`, …).
    pub names: Vec<String>,
    /// n × O values: one-hot rows, (valence, arousal), or 0/1 per action unit.
    pub values: Vec<f32>,
    /// n × O flags: false where the label is unknown and must not count. All true except for action units.
    pub known: Vec<bool>,
}

impl Targets {
    /// Outputs a sample (O).
    pub fn outputs(&self) -> usize {
        self.names.len()
    }

    /// Number of samples (n).
    pub fn len(&self) -> usize {
        self.values.len() / self.outputs().max(1)
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The O target values of sample `i`.
    pub fn row(&self, i: usize) -> &[f32] {
        let o = self.outputs();
        &self.values[i * o..(i + 1) * o]
    }

    /// The class index of sample `i` (expression only: the position of the one).
    pub fn class(&self, i: usize) -> Option<usize> {
        (self.task == Task::Expression)
            .then(|| self.row(i).iter().position(|&v| v > 0.5))
            .flatten()
    }

    /// The targets of the samples at `rows`, in that order.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let o = self.outputs();
        let mut values = Vec::with_capacity(rows.len() * o);
        let mut known = Vec::with_capacity(rows.len() * o);
        for &row in rows {
            values.extend_from_slice(&self.values[row * o..(row + 1) * o]);
            known.extend_from_slice(&self.known[row * o..(row + 1) * o]);
        }
        Self {
            task: self.task,
            names: self.names.clone(),
            values,
            known,
        }
    }
}
