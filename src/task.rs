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

    /// The targets of the outputs `columns` alone, in that order.
    #[must_use]
    pub fn columns(&self, columns: &[usize]) -> Self {
        let o = self.outputs();
        let of = |row: usize| columns.iter().map(move |column| row * o + column);
        let places: Vec<usize> = (0..self.len()).flat_map(of).collect();
        Self {
            task: self.task,
            names: columns.iter().map(|&column| self.names[column].clone()).collect(),
            values: places.iter().map(|&at| self.values[at]).collect(),
            known: places.iter().map(|&at| self.known[at]).collect(),
        }
    }

    /// The same targets among other outputs: output `i` is `places[i]` of `names`, or none of them. Outputs that nothing lies at are
    /// unknown; where several action units are one, it is active if any of them is, and known if all of them are, or an active one.
    ///
    /// With the targets come the samples that have one, ascending: a class, or a known value, that is none of `names` is no target.
    #[must_use]
    pub fn among(&self, names: &[String], places: &[Option<usize>]) -> (Vec<usize>, Self) {
        let (o, wanted) = (self.outputs(), names.len());
        let mut kept = Vec::new();
        let (mut values, mut known) = (Vec::new(), Vec::new());
        for row in 0..self.len() {
            // Of each output: whether something lies there, whether all of it is known, and the largest known value.
            let mut found: Vec<Option<(bool, f32)>> = vec![None; wanted];
            for (i, place) in places.iter().enumerate().take(o) {
                let Some(place) = *place else { continue };
                let at = row * o + i;
                let value = if self.known[at] {
                    self.values[at]
                } else {
                    f32::NEG_INFINITY
                };
                let slot = found[place].get_or_insert((true, f32::NEG_INFINITY));
                *slot = (slot.0 && self.known[at], slot.1.max(value));
            }
            let told = |slot: &Option<(bool, f32)>| {
                slot.filter(|&(whole, value)| whole || self.task == Task::ActionUnits && value > 0.5)
                    .map(|(_, value)| value)
            };
            let told: Vec<Option<f32>> = found.iter().map(told).collect();
            let one = match self.task {
                Task::Expression => told.iter().flatten().any(|&value| value > 0.5),
                Task::ValenceArousal | Task::ActionUnits => told.iter().any(Option::is_some),
            };
            if one {
                kept.push(row);
                values.extend(told.iter().map(|value| value.unwrap_or(0.0)));
                // A sample of one class is known to be of no other.
                known.extend(
                    told.iter()
                        .map(|value| value.is_some() || self.task == Task::Expression),
                );
            }
        }
        let targets = Self {
            task: self.task,
            names: names.to_vec(),
            values,
            known,
        };
        (kept, targets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(task: Task, names: &[&str], rows: &[&[Option<f32>]]) -> Targets {
        let cells: Vec<Option<f32>> = rows.iter().flat_map(|row| row.iter().copied()).collect();
        Targets {
            task,
            names: names.iter().map(|&name| name.to_owned()).collect(),
            values: cells.iter().map(|cell| cell.unwrap_or(0.0)).collect(),
            known: cells.iter().map(Option::is_some).collect(),
        }
    }

    #[test]
    fn classes_that_are_none_of_ours_are_no_targets() {
        let theirs = [
            &[Some(1.0), Some(0.0), Some(0.0)][..],
            &[Some(0.0), Some(1.0), Some(0.0)],
        ];
        let theirs = targets(Task::Expression, &["Happy", "Awe", "Sad"], &theirs);
        let ours: Vec<String> = ["sadness", "anger", "happiness"].map(str::to_owned).to_vec();
        let (kept, among) = theirs.among(&ours, &[Some(2), None, Some(0)]);
        assert_eq!(kept, [0]);
        assert_eq!(
            (among.values.as_slice(), among.class(0)),
            (&[0.0, 0.0, 1.0][..], Some(2))
        );
        let shared = among.columns(&[0, 2]);
        assert_eq!(shared.names, ["sadness", "happiness"]);
        assert_eq!((shared.class(0), shared.values.as_slice()), (Some(1), &[0.0, 1.0][..]));
    }

    #[test]
    fn units_that_are_one_are_active_if_any_is() {
        let rows = [
            &[Some(0.0), Some(1.0), None][..],
            &[Some(0.0), None, None],
            &[None, Some(1.0), Some(0.0)],
            &[None, None, None],
        ];
        let theirs = targets(Task::ActionUnits, &["au25", "au26", "au04"], &rows);
        let ours: Vec<String> = ["au04", "au25", "au99"].map(str::to_owned).to_vec();
        let (kept, among) = theirs.among(&ours, &[Some(1), Some(1), Some(0)]);
        assert_eq!(kept, [0, 2], "the second sample says nothing for certain");
        assert_eq!(among.values, [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]);
        assert_eq!(among.known, [false, true, false, true, true, false]);
    }
}
