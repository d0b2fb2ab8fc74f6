//! Metrics by name: what each is called, how it is printed, which end is better.

use crate::action_unit::ActionUnit;
use crate::task::Task;

use super::interval::Interval;

/// A metric's value.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedValue {
    /// Name as in every table, for example `acc`, `ccc_v`, `f1_au12`.
    pub name: String,
    /// The value; fractions, never per cent.
    pub value: f64,
    /// 95 % interval, where one was asked for.
    pub interval: Option<Interval>,
    /// Samples that the value rests on.
    pub n: u64,
    /// The value is set by convention, not by data: 0/0, a constant series, a class that does not occur.
    pub degenerate: bool,
}

impl NamedValue {
    /// A value without interval.
    pub fn new(name: String, value: f64, n: u64) -> Self {
        Self {
            name,
            value,
            interval: None,
            n,
            degenerate: false,
        }
    }
}

/// How a metric is written for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A fraction, printed times 100.
    Percent,
    /// Printed as it is, with decimals.
    Decimal,
    /// A whole number.
    Count,
}

/// What is known of a metric by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricInfo {
    /// Whether a larger value is better; `None` where neither is.
    pub higher_is_better: Option<bool>,
    /// The task it belongs to; `None` for all.
    pub task: Option<Task>,
    /// How it is written.
    pub format: Format,
}

/// Looks a metric up by its table name; `None` for a name that is not in use.
///
/// Class names are the database's own: any `f1_…` or `recall_…` that is no action unit is a class of an expression task, whose names
/// keep clear of the others ([`super::tally::class_keys`]).
pub fn info(name: &str) -> Option<MetricInfo> {
    use Format::{Count, Decimal, Percent};
    use Task::{ActionUnits, Expression, ValenceArousal};
    let (higher_is_better, task, format) = match name {
        "acc" | "balanced_acc" | "f1_macro" => (Some(true), Some(Expression), Percent),
        "f1_avg" | "acc_avg" => (Some(true), Some(ActionUnits), Percent),
        "matched_share" => (Some(true), None, Percent),
        "nmi_mode" | "ami_mode" | "homogeneity_mode" | "completeness_mode" | "flip_precision" | "flip_recall"
        | "flip_ap" => (Some(true), None, Decimal),
        "nmi_subject" | "ami_subject" | "loss" => (Some(false), None, Decimal),
        "codebook_active" | "codebook_dead" | "resets" | "k_stable" | "k_before_merge" => (None, None, Count),
        "codebook_perplexity" => (None, None, Decimal),
        "codebook_largest_share" => (None, None, Percent),
        "convergence_epoch" => (Some(false), None, Count),
        _ => {
            let (prefix, rest) = name.split_once('_')?;
            let is_unit = ActionUnit::of_column(rest).is_some();
            match prefix {
                "loss" => (Some(false), None, Decimal),
                "f1" | "acc" if is_unit => (Some(true), Some(ActionUnits), Percent),
                "f1" | "recall" => (Some(true), Some(Expression), Percent),
                "ccc" | "pcc" | "sagr" => (Some(true), Some(ValenceArousal), Decimal),
                "rmse" => (Some(false), Some(ValenceArousal), Decimal),
                "fit" => (None, None, Decimal),
                "k" if rest.starts_with("stable_at_") => (None, None, Count),
                _ => return None,
            }
        }
    };
    Some(MetricInfo {
        higher_is_better,
        task,
        format,
    })
}
