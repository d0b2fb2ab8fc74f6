//! Runs side by side: numbers over seeds, what differs in their protocols, and which differences are more than chance.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::metric::compare::{Answers, holm, mcnemar, paired_bootstrap};
use crate::metric::seeds::{self, OverSeeds};
use crate::metric::{Bootstrap, Measure, expression};
use crate::naming;
use crate::record::StandingRow;
use crate::task::Task;

use super::baseline::headline;
use super::evidence::{self, LEVEL};
use super::facts::{Facts, protocol_keys};
use super::names::{on, place};

/// Version of [`Comparison`] as JSON.
pub const SCHEMA: u32 = 1;

/// What is compared and how.
#[derive(Debug, Clone)]
pub struct CompareOptions {
    /// Metrics beside the task's headline ones.
    pub metrics: Vec<String>,
    /// Whether unequal protocols are shown side by side all the same.
    pub force: bool,
    /// How intervals and p-values are made.
    pub bootstrap: Bootstrap,
}

/// One run of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComparedRun {
    /// Folder name.
    pub run: String,
    /// The folder.
    pub run_dir: String,
    /// Whether the faces were generated.
    pub stand_in: bool,
    /// Whether the encoder's weights were drawn instead of trained: its features mean nothing.
    pub random_weights: bool,
    /// Its seeds.
    pub seeds: Vec<i64>,
    /// How AURA stands against the rivals of the same run.
    pub standings: Vec<RivalStanding>,
    /// Key under which numbers may be ranked side by side.
    pub protocol_digest: String,
    /// Digest of the test samples and their labels.
    pub samples_digest: String,
}

/// How a read-out of AURA stands against a rival on a test set, in the task's primary metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RivalStanding {
    /// `aura`, `aura_mixture` or `aura_tuned`.
    pub read_out: String,
    /// The rival.
    pub method: String,
    /// The metric: the task's primary one, `acc`; on another database `acc@rafdb`.
    pub metric: String,
    /// AURA minus the rival.
    pub lead: f64,
    /// Lower end of its 95 % interval.
    pub low: Option<f64>,
    /// Upper end of its 95 % interval.
    pub high: Option<f64>,
    /// p-value after Holm's correction over the rivals.
    pub p_holm: Option<f64>,
    /// `above`, `level` or `below`.
    pub verdict: String,
}

impl From<&StandingRow> for RivalStanding {
    fn from(row: &StandingRow) -> Self {
        Self {
            read_out: row.read_out.clone(),
            method: row.method.clone(),
            metric: row.metric.clone(),
            lead: row.lead,
            low: row.low,
            high: row.high,
            p_holm: row.p_holm,
            verdict: row.verdict.clone(),
        }
    }
}

/// A key in which runs differ, with the value of each run in their order; null where a run has no such key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KeyDifference {
    /// Dotted key of the recipe.
    pub key: String,
    /// Values, one a run.
    pub values: Vec<Option<String>>,
}

/// One metric of every run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComparedMetric {
    /// Its name.
    pub metric: String,
    /// Whether larger is better; null where neither is.
    pub higher_is_better: Option<bool>,
    /// One entry a run; null where a run lacks the number for one of its seeds or folds.
    pub values: Vec<Option<OverSeeds>>,
    /// Position of the best run; null if the metric has no direction, or a value is missing.
    pub best: Option<usize>,
    /// Positions of the runs that cannot be told from the best one, the best among them.
    pub not_told_from_best: Vec<usize>,
}

/// Two runs in one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pair {
    /// Position of the first run.
    pub first: usize,
    /// Position of the second run.
    pub second: usize,
    /// The metric.
    pub metric: String,
    /// Second minus first.
    pub difference: f64,
    /// Lower end of the 95 % interval of the difference.
    pub low: Option<f64>,
    /// Upper end of the 95 % interval of the difference.
    pub high: Option<f64>,
    /// Two-sided p-value of the paired bootstrap over the test samples (subjects where known).
    pub p_samples: Option<f64>,
    /// Two-sided p-value of Welch's test over the seeds; null unless both runs have two seeds or more.
    pub p_seeds: Option<f64>,
    /// The larger of the two: neither chance explains the difference. Null if neither can be computed.
    pub p: Option<f64>,
    /// `p` after Holm's correction over all pairs of runs in this metric.
    pub p_holm: Option<f64>,
    /// Whether the difference is more than chance: `p_holm` below 0.05.
    pub significant: bool,
    /// Of expressions, in `acc`: `McNemar`'s test.
    pub mcnemar: Option<McnemarTest>,
}

/// `McNemar`'s test; with several seeds a sample is right if more than half of the seeds are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct McnemarTest {
    /// Samples that only the first run got right.
    pub only_first: u64,
    /// Samples that only the second run got right.
    pub only_second: u64,
    /// Exact two-sided p-value.
    pub p: f64,
    /// After Holm's correction over all pairs of runs.
    pub p_holm: f64,
}

/// The outcome of `aura-bench compare`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "aura-bench compare, as JSON")]
pub struct Comparison {
    /// Version of this object: 1.
    pub schema: u32,
    /// The database of the first run.
    pub dataset: String,
    /// The task of all runs.
    pub task: String,
    /// Whether the protocols and the test samples are equal: only then do ranks mean anything.
    pub comparable: bool,
    /// Whether unequal protocols were put side by side by force.
    pub forced: bool,
    /// Keys of the protocol in which the runs differ.
    pub protocol_differences: Vec<KeyDifference>,
    /// Other keys of the recipes in which the runs differ: what is compared.
    pub recipe_differences: Vec<KeyDifference>,
    /// What else a reader should know.
    pub notes: Vec<String>,
    /// The runs, in the order given.
    pub runs: Vec<ComparedRun>,
    /// The numbers.
    pub metrics: Vec<ComparedMetric>,
    /// Every pair of runs in every metric with a direction.
    pub pairs: Vec<Pair>,
}

/// Reads the runs at `paths`, in that order, each once.
///
/// # Errors
/// [`Error::Usage`] if the paths name a single run without rivals, else as [`Facts::open`].
pub fn open(paths: &[PathBuf]) -> Result<Vec<Facts>> {
    let mut runs: Vec<Facts> = Vec::new();
    for path in paths {
        for run in Facts::open(std::slice::from_ref(path))? {
            if runs.iter().all(|there| there.path != run.path) {
                runs.push(run);
            }
        }
    }
    if let [run] = runs.as_slice()
        && run.standings.is_empty()
    {
        return Err(Error::Usage(
            "a comparison needs two runs or more, or one with rivals; the paths name one without".to_owned(),
        ));
    }
    Ok(runs)
}

/// Compares runs of one task.
///
/// # Errors
/// [`Error::Usage`] if tasks differ, if protocols or test samples differ and `force` is not set, or for a metric that no run
/// has.
pub fn compare(runs: &[Facts], options: &CompareOptions) -> Result<Comparison> {
    let Some(first) = runs.first() else {
        return Err(Error::Usage("a comparison needs two runs or more".to_owned()));
    };
    if let Some(other) = runs.iter().find(|run| run.task != first.task) {
        return Err(Error::Usage(format!(
            "{} predicts {}, {} {}: there is nothing to compare",
            first.manifest.run, first.manifest.task, other.manifest.run, other.manifest.task
        )));
    }
    let protocols: Vec<_> = runs.iter().map(Facts::protocol).collect();
    let equal = |get: fn(&Facts) -> String| runs.iter().all(|run| get(run) == get(first));
    let one_protocol = equal(|run| run.manifest.protocol_digest.clone());
    let protocol_differences = if one_protocol {
        Vec::new()
    } else {
        differences(&protocols)
    };
    let mut obstacles: Vec<String> = protocol_differences.iter().map(|d| describe(d, runs)).collect();
    if !one_protocol && obstacles.is_empty() {
        obstacles.push("the protocol digests differ although no key does: made by different versions".to_owned());
    }
    if obstacles.is_empty() && !equal(|run| run.predictions.samples_digest()) {
        obstacles.push("the test samples or their labels differ".to_owned());
    }
    let comparable = obstacles.is_empty();
    if !comparable && !options.force {
        return Err(Error::NotComparable(format!(
            "the runs do not follow one protocol, so their numbers must not be ranked:\n  {}",
            obstacles.join("\n  ")
        )));
    }
    let recipes: Vec<BTreeMap<String, String>> = runs
        .iter()
        .map(|run| {
            let protocol = protocol_keys(&run.settings);
            let own = run.settings.iter().filter(|(key, _)| !protocol.contains_key(*key));
            let of_method = |key: &str| {
                let section = key.split('.').next().unwrap_or_default();
                !matches!(section, "name" | "title" | "schema" | "report" | "expect")
                    && !key.starts_with("dataset.attributes.")
                    && !key.ends_with("dataset.root")
                    && key != "protocol.seeds"
            };
            own.filter(|(key, _)| of_method(key))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        })
        .collect();
    let mut names: Vec<String> = headline(first.task).iter().map(|&name| name.to_owned()).collect();
    let (tests, other_tests) = elsewhere(runs);
    for test in &tests {
        names.extend(headline(first.task).iter().map(|name| on(name, test)));
    }
    let dictionaries = runs.iter().any(|run| run.manifest.scored.is_none());
    let of_dictionary = dictionaries.then(|| "k_stable".to_owned());
    for metric in options.metrics.iter().cloned().chain(of_dictionary) {
        if !names.contains(&metric) {
            names.push(metric);
        }
    }
    for name in &options.metrics {
        let there = |test: &str| tests.iter().any(|shared| shared == test);
        if let Some(test) = place(name).1.filter(|test| !there(test))
            && runs.iter().any(|run| run.test(test).is_some())
        {
            return Err(Error::NotComparable(format!(
                "{name}: not all runs were tested on {test} by one protocol, on the same samples, so that their numbers must not be ranked"
            )));
        }
        if runs.iter().all(|run| run.of(name).is_empty()) {
            return Err(Error::Usage(format!("no run has a number `{name}`")));
        }
    }
    let mut metrics = Vec::new();
    let mut pairs = Vec::new();
    for name in names {
        let values: Vec<Option<OverSeeds>> = runs.iter().map(|run| over_seeds(run, &name)).collect();
        let direction = Facts::higher_is_better(&name);
        let found = if direction.is_some() {
            pairs_of(&name, runs, &values, options)?
        } else {
            Vec::new()
        };
        let best = best(&values, direction);
        let not_told_from_best = best.map_or_else(Vec::new, |best| {
            (0..runs.len())
                .filter(|&i| {
                    i == best
                        || found
                            .iter()
                            .find(|pair| (pair.first, pair.second) == (i.min(best), i.max(best)))
                            .is_none_or(|pair| !pair.significant)
                })
                .collect()
        });
        metrics.push(ComparedMetric {
            metric: name,
            higher_is_better: direction,
            values,
            best,
            not_told_from_best,
        });
        pairs.extend(found);
    }
    let mut notes = other_tests;
    if !comparable {
        notes.extend(obstacles);
    }
    if runs.iter().any(|run| run.manifest.seeds.len() < 2) {
        notes.push("a run with one seed: how far training alone moves its numbers is not part of the tests".to_owned());
    }
    for run in runs.iter().filter(|run| naming::is_random(&run.manifest.encoder)) {
        notes.push(format!("{}: {}", run.manifest.run, naming::RANDOM_WARNING));
    }
    Ok(Comparison {
        schema: SCHEMA,
        dataset: first.manifest.dataset.clone(),
        task: first.manifest.task.clone(),
        comparable,
        forced: !comparable,
        protocol_differences,
        recipe_differences: differences(&recipes),
        notes,
        runs: runs
            .iter()
            .map(|run| ComparedRun {
                run: run.manifest.run.clone(),
                run_dir: run.place.clone(),
                stand_in: run.manifest.stand_in,
                random_weights: naming::is_random(&run.manifest.encoder),
                seeds: run.manifest.seeds.clone(),
                standings: run.standings.iter().map(RivalStanding::from).collect(),
                protocol_digest: run.manifest.protocol_digest.clone(),
                samples_digest: run.predictions.samples_digest(),
            })
            .collect(),
        metrics,
        pairs,
    })
}

pub(crate) fn differences(sides: &[BTreeMap<String, String>]) -> Vec<KeyDifference> {
    let keys: BTreeSet<&String> = sides.iter().flat_map(BTreeMap::keys).collect();
    keys.into_iter()
        .map(|key| KeyDifference {
            key: key.clone(),
            values: sides.iter().map(|side| side.get(key).cloned()).collect(),
        })
        .filter(|difference| difference.values.iter().any(|value| *value != difference.values[0]))
        .collect()
}

fn describe(difference: &KeyDifference, runs: &[Facts]) -> String {
    let values: Vec<String> = difference
        .values
        .iter()
        .zip(runs)
        .map(|(value, run)| format!("{} in {}", value.as_deref().unwrap_or("—"), run.manifest.run))
        .collect();
    format!("{}: {}", difference.key, values.join(", "))
}

fn over_seeds(run: &Facts, metric: &str) -> Option<OverSeeds> {
    let by_seed = run.of(metric);
    let values: Option<Vec<f64>> = run
        .manifest
        .seeds
        .iter()
        .map(|seed| by_seed.get(seed).copied().filter(|v| v.is_finite()))
        .collect();
    OverSeeds::of(&values?)
}

pub(crate) fn best(values: &[Option<OverSeeds>], direction: Option<bool>) -> Option<usize> {
    let sign = if direction? { 1.0 } else { -1.0 };
    let means: Option<Vec<f64>> = values.iter().map(|v| v.as_ref().map(|v| sign * v.mean)).collect();
    let means = means?;
    let mut best = 0;
    for (i, mean) in means.iter().enumerate() {
        if *mean > means[best] {
            best = i;
        }
    }
    Some(best)
}

fn pairs_of(metric: &str, runs: &[Facts], values: &[Option<OverSeeds>], options: &CompareOptions) -> Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    for i in 0..runs.len() {
        for j in i + 1..runs.len() {
            let (Some(a), Some(b)) = (&values[i], &values[j]) else {
                continue;
            };
            let folds = answers(metric, &runs[i], &runs[j]);
            let of = |folds: &Vec<Answers<'_>>| paired_bootstrap(place(metric).0, folds, &options.bootstrap);
            let paired = folds.as_ref().map(of).transpose()?;
            let by_seeds = if a.seeds.len() > 1 && b.seeds.len() > 1 {
                evidence::over_seeds(&a.seeds, &b.seeds, options.bootstrap.level)
            } else {
                None
            };
            let p_samples = paired.as_ref().map(|paired| paired.p);
            let p_seeds = seeds::welch_p(&a.seeds, &b.seeds);
            let difference = b.mean - a.mean;
            let interval = match (paired.and_then(|paired| paired.interval), by_seeds) {
                (Some(samples), Some(seeds)) => Some(evidence::both(difference, samples, seeds)),
                (one, other) => one.or(other),
            };
            pairs.push(Pair {
                first: i,
                second: j,
                metric: metric.to_owned(),
                difference,
                low: interval.map(|i| i.low),
                high: interval.map(|i| i.high),
                p_samples,
                p_seeds,
                p: match (p_samples, p_seeds) {
                    (Some(a), Some(b)) => Some(a.max(b)),
                    (one, other) => one.or(other),
                },
                p_holm: None,
                significant: false,
                mcnemar: votes(metric, &runs[i], &runs[j])?,
            });
        }
    }
    let known: Vec<f64> = pairs.iter().filter_map(|pair| pair.p).collect();
    let mut adjusted = holm(&known).into_iter();
    for pair in &mut pairs {
        if pair.p.is_some() {
            pair.p_holm = adjusted.next();
        }
        pair.significant = pair.p_holm.is_some_and(|p| p < LEVEL);
    }
    let exact: Vec<f64> = pairs
        .iter()
        .filter_map(|pair| pair.mcnemar.as_ref().map(|m| m.p))
        .collect();
    let mut adjusted = holm(&exact).into_iter();
    for test in pairs.iter_mut().filter_map(|pair| pair.mcnemar.as_mut()) {
        if let Some(p) = adjusted.next() {
            test.p_holm = p;
        }
    }
    Ok(pairs)
}

/// What two runs say where a metric is measured, if that can be paired.
fn answers<'a>(metric: &str, first: &'a Facts, second: &'a Facts) -> Option<Vec<Answers<'a>>> {
    evidence::pairs(metric, first.said(metric)?, second.said(metric)?)
}

/// The names of other databases that all runs were tested on in one way, and a note of each that they were not.
fn elsewhere(runs: &[Facts]) -> (Vec<String>, Vec<String>) {
    let (mut shared, mut notes) = (Vec::new(), Vec::new());
    let names: BTreeSet<&String> = runs
        .iter()
        .flat_map(|run| run.manifest.tests.iter().map(|test| &test.name))
        .collect();
    for name in names {
        let of = |run: &Facts| {
            let test = run.test(name)?;
            Some((
                test.digest.clone(),
                test.outputs.clone(),
                run.elsewhere.get(name)?.samples_digest(),
            ))
        };
        let first = of(&runs[0]);
        if first.is_some() && runs.iter().all(|run| of(run) == first) {
            shared.push(name.clone());
        } else {
            notes.push(format!(
                "test@{name} is left out: not all runs were tested on it by one protocol, on the same samples"
            ));
        }
    }
    (shared, notes)
}

/// `McNemar`'s test of the majorities over seeds; `None` but for the accuracy of expressions on the same samples.
fn votes(metric: &str, first: &Facts, second: &Facts) -> Result<Option<McnemarTest>> {
    let applies = first.task == Task::Expression
        && Measure::parse(place(metric).0, first.task, &first.manifest.classes) == Some(Measure::Accuracy);
    let Some(folds) = answers(metric, first, second).filter(|_| applies) else {
        return Ok(None);
    };
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for fold in &folds {
        for i in 0..fold.targets.len() {
            let Some(label) = fold.targets.class(i) else { continue };
            let majority = |matrices: &[&crate::sets::Matrix]| {
                let right = matrices
                    .iter()
                    .filter(|m| expression::argmax(m.row(i)) == label)
                    .count();
                2 * right > matrices.len()
            };
            a.push(majority(&fold.first));
            b.push(majority(&fold.second));
        }
    }
    let test = mcnemar(&a, &b)?;
    Ok(Some(McnemarTest {
        only_first: test.only_first,
        only_second: test.only_second,
        p: test.p_exact,
        p_holm: test.p_exact,
    }))
}

pub(crate) fn values(difference: &KeyDifference) -> String {
    let shown: Vec<&str> = difference
        .values
        .iter()
        .map(|value| value.as_deref().unwrap_or("—"))
        .collect();
    shown.join(" | ")
}
