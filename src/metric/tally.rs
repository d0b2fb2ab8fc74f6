//! All measures of a task as functions of sums over samples: one definition for the estimate and for its resamples.

use std::collections::BTreeSet;

use crate::action_unit::ActionUnit;
use crate::error::{Error, Result};
use crate::sets::Matrix;
use crate::spelling::class_key;
use crate::task::{Targets, Task};

use super::action_units::{self, Counts};
use super::expression::{Confusion, argmax, mean};
use super::valence_arousal::{self, Agreement};

/// Targets and outputs that were seen to fit together, and what is fixed before sums are taken.
pub(crate) struct Tally<'a> {
    targets: &'a Targets,
    outputs: &'a Matrix,
    shape: Shape,
}

/// What the sums mean.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    task: Task,
    names: Vec<String>,
    /// Means of targets and outputs per dimension (valence–arousal), about which moments are taken.
    centres: Vec<(f64, f64)>,
}

/// A measure with its value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Estimate {
    pub value: f64,
    /// Samples it rests on.
    pub n: f64,
    /// Set by convention rather than by data (0/0, constant series, absent class).
    pub degenerate: bool,
}

/// One measure; `Some(i)` is one class, dimension or unit, `None` the mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Share of right classes.
    Accuracy,
    /// Mean recall.
    BalancedAccuracy,
    /// Mean class F1.
    F1Macro,
    /// F1 of a class.
    ClassF1(usize),
    /// Recall of a class.
    ClassRecall(usize),
    /// Concordance correlation.
    Ccc(Option<usize>),
    /// Pearson's correlation.
    Pcc(Option<usize>),
    /// Root mean squared error.
    Rmse(Option<usize>),
    /// Sign agreement.
    Sagr(Option<usize>),
    /// F1 of a unit.
    UnitF1(Option<usize>),
    /// Accuracy of a unit.
    UnitAccuracy(Option<usize>),
}

/// A measure of one output, or of their mean.
type ByOutput = fn(Option<usize>) -> Measure;

/// The ends of the metric names of these classes, no two alike: the class in lower case, everything but letters and digits as `_`.
///
/// Where two classes would share one, that which is written like it keeps it and others are counted on (`very_happy_2`). What ends
/// another metric (`f1_macro`, `f1_au12`) or has no letter or digit stands after `class_`.
pub(crate) fn class_keys(names: &[String]) -> Vec<String> {
    let plain = |i: usize, name: &String| {
        let key: String = class_key(name)
            .chars()
            .map(|c| if c.is_alphanumeric() { c } else { '_' })
            .collect();
        if !key.chars().any(char::is_alphanumeric) {
            format!("class_{i}")
        } else if ["macro", "avg"].contains(&key.as_str()) || ActionUnit::of_column(&key).is_some() {
            format!("class_{key}")
        } else {
            key
        }
    };
    let wanted: Vec<String> = names.iter().enumerate().map(|(i, name)| plain(i, name)).collect();
    let mut keys: Vec<Option<String>> = vec![None; names.len()];
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for (i, key) in wanted.iter().enumerate() {
        if *key == names[i] && taken.insert(key.clone()) {
            keys[i] = Some(key.clone());
        }
    }
    keys.into_iter()
        .zip(wanted)
        .map(|(key, wanted)| {
            key.unwrap_or_else(|| {
                let mut key = wanted.clone();
                let mut n = 1;
                while !taken.insert(key.clone()) {
                    n += 1;
                    key = format!("{wanted}_{n}");
                }
                key
            })
        })
        .collect()
}

/// The name of a dimension or an action unit as it ends the names of its metrics: `v`, `a`, `au12`.
pub(crate) fn output_key(name: &str) -> &str {
    match name {
        "valence" => "v",
        "arousal" => "a",
        other => other,
    }
}

impl Measure {
    /// All measures of a task with outputs of these names, the primary one first, with the names they have in tables.
    pub fn all(task: Task, names: &[String]) -> Vec<(String, Self)> {
        let mut all: Vec<(String, Self)> = Vec::new();
        match task {
            Task::Expression => {
                all.push(("acc".to_owned(), Self::Accuracy));
                all.push(("balanced_acc".to_owned(), Self::BalancedAccuracy));
                all.push(("f1_macro".to_owned(), Self::F1Macro));
                let keys = class_keys(names);
                for (i, key) in keys.iter().enumerate() {
                    all.push((format!("f1_{key}"), Self::ClassF1(i)));
                }
                for (i, key) in keys.iter().enumerate() {
                    all.push((format!("recall_{key}"), Self::ClassRecall(i)));
                }
            }
            Task::ValenceArousal => {
                let kinds: [(&str, ByOutput); 4] = [
                    ("ccc", Self::Ccc),
                    ("pcc", Self::Pcc),
                    ("rmse", Self::Rmse),
                    ("sagr", Self::Sagr),
                ];
                for (prefix, kind) in kinds {
                    all.push((format!("{prefix}_va"), kind(None)));
                    for (i, name) in names.iter().enumerate() {
                        all.push((format!("{prefix}_{}", output_key(name)), kind(Some(i))));
                    }
                }
            }
            Task::ActionUnits => {
                let kinds: [(&str, ByOutput); 2] = [("f1", Self::UnitF1), ("acc", Self::UnitAccuracy)];
                for (prefix, kind) in kinds {
                    all.push((format!("{prefix}_avg"), kind(None)));
                    for (i, name) in names.iter().enumerate() {
                        all.push((format!("{prefix}_{}", output_key(name)), kind(Some(i))));
                    }
                }
            }
        }
        all
    }

    /// The measure by which models of a task are selected and compared: the first of [`Self::all`].
    pub fn primary(task: Task) -> Self {
        match task {
            Task::Expression => Self::Accuracy,
            Task::ValenceArousal => Self::Ccc(None),
            Task::ActionUnits => Self::UnitF1(None),
        }
    }

    /// The measure with this table name.
    pub fn parse(metric: &str, task: Task, names: &[String]) -> Option<Self> {
        Self::all(task, names)
            .into_iter()
            .find(|(name, _)| name == metric)
            .map(|(_, measure)| measure)
    }

    /// Its value from sums.
    pub(crate) fn value(self, shape: &Shape, sums: &[f64]) -> Estimate {
        match self {
            Self::Accuracy | Self::BalancedAccuracy | Self::F1Macro | Self::ClassF1(_) | Self::ClassRecall(_) => {
                let confusion = Confusion::from_counts(shape.names.len(), sums);
                let n = confusion.total();
                let (value, n) = match self {
                    Self::BalancedAccuracy => (Some(confusion.balanced_accuracy()), n),
                    Self::F1Macro => (Some(confusion.f1_macro()), n),
                    Self::ClassF1(c) => (confusion.f1(c), confusion.support(c)),
                    Self::ClassRecall(c) => (confusion.recall(c), confusion.support(c)),
                    _ => (Some(confusion.accuracy()), n),
                };
                Estimate {
                    value: value.unwrap_or(0.0),
                    n,
                    degenerate: value.is_none(),
                }
            }
            Self::Ccc(i) => shape.dimensions(i, sums, |a| (a.ccc, a.degenerate)),
            Self::Pcc(i) => shape.dimensions(i, sums, |a| (a.pcc, a.degenerate)),
            Self::Rmse(i) => shape.dimensions(i, sums, |a| (a.rmse, a.n <= 0.0)),
            Self::Sagr(i) => shape.dimensions(i, sums, |a| (a.sagr, a.n <= 0.0)),
            Self::UnitF1(i) => shape.units(i, sums, |c| (c.f1().unwrap_or(0.0), c.f1().is_none())),
            Self::UnitAccuracy(i) => shape.units(i, sums, |c| (c.accuracy(), c.n() <= 0.0)),
        }
    }
}

impl Shape {
    /// Number of sums.
    pub fn width(&self) -> usize {
        let o = self.names.len();
        match self.task {
            Task::Expression => o * o,
            Task::ValenceArousal => o * valence_arousal::SUMS,
            Task::ActionUnits => o * action_units::SUMS,
        }
    }

    /// Every measure of the task.
    pub fn measures(&self) -> Vec<(String, Measure)> {
        Measure::all(self.task, &self.names)
    }

    fn dimensions(&self, which: Option<usize>, sums: &[f64], read: impl Fn(&Agreement) -> (f64, bool)) -> Estimate {
        combine(which, self.names.len(), |i| {
            let part = &sums[i * valence_arousal::SUMS..(i + 1) * valence_arousal::SUMS];
            let agreement = valence_arousal::from_sums(part, self.centres[i]);
            let (value, degenerate) = read(&agreement);
            Estimate {
                value,
                n: agreement.n,
                degenerate,
            }
        })
    }

    fn units(&self, which: Option<usize>, sums: &[f64], read: impl Fn(&Counts) -> (f64, bool)) -> Estimate {
        combine(which, self.names.len(), |i| {
            let counts = Counts::from_sums(&sums[i * action_units::SUMS..(i + 1) * action_units::SUMS]);
            let (value, degenerate) = read(&counts);
            Estimate {
                value,
                n: counts.n(),
                degenerate,
            }
        })
    }
}

/// One output's value, or the mean over all that any sample has a label of: of the others nothing is known, good or bad.
fn combine(which: Option<usize>, outputs: usize, value: impl Fn(usize) -> Estimate) -> Estimate {
    if let Some(i) = which {
        return value(i);
    }
    let all: Vec<Estimate> = (0..outputs).map(value).collect();
    Estimate {
        value: mean(all.iter().filter(|v| v.n > 0.0).map(|v| v.value)),
        n: all.iter().map(|v| v.n).fold(0.0, f64::max),
        degenerate: all.iter().any(|v| v.degenerate),
    }
}

impl<'a> Tally<'a> {
    /// Checks shapes and values.
    ///
    /// # Errors
    /// [`Error::Data`] if the shapes do not fit together or a value is not finite.
    pub fn new(targets: &'a Targets, outputs: &'a Matrix) -> Result<Self> {
        let o = targets.outputs();
        if targets.len() != outputs.rows || o != outputs.cols || targets.known.len() != targets.values.len() {
            return Err(Error::data(format!(
                "{} targets of {o} values stand against {} outputs of {}; both need one row a sample and one column a class, \
                 dimension or action unit",
                targets.len(),
                outputs.rows,
                outputs.cols
            )));
        }
        if outputs.data.len() != outputs.rows * outputs.cols {
            return Err(Error::data("an output matrix does not hold rows × columns values"));
        }
        if let Some(at) = outputs.data.iter().position(|v| !v.is_finite()) {
            return Err(Error::diverged(format!(
                "output {} of sample {} is {}, not a finite number; the model diverged or its input holds such a value",
                at % o.max(1),
                at / o.max(1),
                outputs.data[at]
            )));
        }
        if let Some(at) = (0..targets.values.len()).find(|&i| targets.known[i] && !targets.values[i].is_finite()) {
            return Err(Error::unusable_table(format!(
                "target {} of sample {} is {}, not a finite number, although its label is said to be known",
                at % o.max(1),
                at / o.max(1),
                targets.values[at]
            )));
        }
        let mut this = Self {
            targets,
            outputs,
            shape: Shape {
                task: targets.task,
                names: targets.names.clone(),
                centres: Vec::new(),
            },
        };
        if targets.task == Task::ValenceArousal {
            this.shape.centres = (0..o)
                .map(|d| {
                    let known: Vec<usize> = (0..targets.len()).filter(|&i| targets.known[i * o + d]).collect();
                    valence_arousal::centre(
                        known.iter().map(|&i| f64::from(targets.row(i)[d])),
                        known.iter().map(|&i| f64::from(outputs.row(i)[d])),
                    )
                })
                .collect();
        }
        Ok(this)
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// What the sums mean.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Calls `sink(position, amount)` for all that sample `i` adds to the sums.
    pub fn emit(&self, i: usize, sink: &mut dyn FnMut(usize, f64)) {
        let o = self.targets.outputs();
        let known = &self.targets.known[i * o..(i + 1) * o];
        let (target, output) = (self.targets.row(i), self.outputs.row(i));
        match self.shape.task {
            Task::Expression => {
                if let Some(label) = self.targets.class(i).filter(|&label| known[label]) {
                    sink(label * o + argmax(output), 1.0);
                }
            }
            Task::ValenceArousal => {
                for d in (0..o).filter(|&d| known[d]) {
                    let terms =
                        valence_arousal::terms(f64::from(target[d]), f64::from(output[d]), self.shape.centres[d]);
                    for (k, term) in terms.into_iter().enumerate() {
                        sink(d * valence_arousal::SUMS + k, term);
                    }
                }
            }
            Task::ActionUnits => {
                for a in (0..o).filter(|&a| known[a]) {
                    sink(
                        a * action_units::SUMS + action_units::outcome(target[a] > 0.5, output[a]),
                        1.0,
                    );
                }
            }
        }
    }

    /// Sums over all samples.
    pub fn total(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.shape.width()];
        for i in 0..self.len() {
            self.emit(i, &mut |position, amount| sums[position] += amount);
        }
        sums
    }
}
