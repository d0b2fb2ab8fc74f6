//! Numbers and words that stand for an unknown label.

use serde::{Deserialize, Serialize};

use crate::task::Task;

/// Numbers that mean "unknown" where the labels of a task are written, as the protocol lists them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnknownLabels {
    /// The task whose labels are meant: -1 is unknown as an action unit and known as a valence.
    pub task: Task,
    /// The numbers.
    pub values: Vec<f32>,
}

impl UnknownLabels {
    /// Whether `value` is unknown as a label of `task`.
    pub fn has(unknown: Option<&Self>, task: Task, value: f32) -> bool {
        unknown.is_some_and(|unknown| unknown.task == task && unknown.values.contains(&value))
    }

    /// As [`Self::has`], of a label as it is written.
    pub fn has_text(unknown: Option<&Self>, task: Task, text: &str) -> bool {
        text.trim().parse().is_ok_and(|value| Self::has(unknown, task, value))
    }
}

/// Whether a text says in any database that nothing is known: nothing, `NULL`, `NaN`, `NA`, `<NA>`, `None`.
pub(crate) fn says_unknown(text: &str) -> bool {
    let text = text.trim();
    let words = ["null", "nan", "na", "<na>", "none"];
    text.is_empty() || words.iter().any(|word| text.eq_ignore_ascii_case(word))
}
