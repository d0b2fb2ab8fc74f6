//! Names of facts that are no metric of a table, and of metrics on other databases.

use crate::run::manifest::test_of;

/// What a number is called that stands for another database that the models were tested on: `acc@rafdb`.
pub fn on(metric: &str, test: &str) -> String {
    format!("{metric}@{test}")
}

/// What the number of a row of the table `metrics` is called.
pub fn of_row(metric: &str, split: &str) -> String {
    test_of(split).map_or_else(|| metric.to_owned(), |test| on(metric, test))
}

/// The metric and, where it is one on another database, that database's name in the run.
pub fn place(metric: &str) -> (&str, Option<&str>) {
    metric
        .split_once('@')
        .map_or((metric, None), |(metric, test)| (metric, Some(test)))
}

/// Name of the fact that counts classes for which no kept archetype speaks (expression).
pub const CLASSES_WITHOUT_ARCHETYPE: &str = "classes_without_archetype";

/// Name of the fact that counts replacements of archetypes after the warm-up.
pub const RESETS_AFTER_WARMUP: &str = "resets_after_warmup";

/// Name of the fact that counts metrics and outputs that are no finite numbers.
pub const NOT_FINITE: &str = "not_finite";

/// Name of the fact that holds training speed in units of the machine's own: samples a second a calibration unit.
pub const TRAIN_SPEED: &str = "train_speed";

/// Name of the fact that holds the largest resident memory of the process, in MiB.
pub const PEAK_MEMORY: &str = "peak_memory_mib";

/// The structural facts, which must all be 0.
pub const STRUCTURE: [&str; 3] = [CLASSES_WITHOUT_ARCHETYPE, NOT_FINITE, RESETS_AFTER_WARMUP];

/// Name of the fact that counts what was found in the data and changes what is measured (`warnings` of the manifest).
pub const WARNINGS: &str = "warnings";

/// The facts that belong to a run, not to a seed: what it cost, and what it warns of.
pub const COST: [&str; 3] = [PEAK_MEMORY, TRAIN_SPEED, WARNINGS];

/// What the names of standings begin with: `standing.aura.ridge` is 1 where AURA's primal read-out is above ridge regression
/// on the test split, 0 where they are level, −1 where it is below.
pub const STANDING: &str = "standing.";
