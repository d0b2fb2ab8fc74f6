//! What a baseline keeps of each number, standing and test set, and the rule that a number gets.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::metric::seeds::OverSeeds;

use super::evidence::allowance;
use super::expect::{BaselineRule, RuleName};
use super::facts::Facts;
use super::names::{COST, STRUCTURE};

/// An unchanged recipe with other seeds fails a whole check at most in this share of cases, if every rule allows for chance.
pub const FALSE_ALARM: f64 = 0.05;

/// Costs differ from call to call; only a change of this share of the baseline's is worth a word.
const COST_TOLERANCE: f64 = 0.5;

/// A dictionary's size may move by this share, or by what seeds move it if that is more.
const K_STABLE_SHARE: f64 = 0.1;

/// One number of a baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BaselineMetric {
    /// Mean over the seeds. Fractions, never per cent.
    pub mean: f64,
    /// Standard deviation over the seeds (n − 1); absent for a single seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sd: Option<f64>,
    /// The value of each seed, in the order of the file's `seeds`; empty for a cost, which belongs to a whole run.
    pub seeds: Vec<f64>,
    /// What decides whether a later number moved.
    pub rule: RuleName,
    /// Largest harmless loss: in units of the metric, for `relative` a share of `mean`.
    pub tolerance: f64,
    /// By how much the seeds alone may move the mean of as many seeds as the baseline has: harmless too. Worked out from
    /// `sd`; with fewer seeds it is widened. Absent: nothing is allowed for, and *inconclusive* is the likely verdict on noise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chance: Option<f64>,
    /// Smallest allowed value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Largest allowed value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

/// What was tested on another database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BaselineTest {
    /// Key under which numbers on it may be compared, beside the protocol's own.
    pub digest: String,
    /// The models' outputs that were asked.
    pub outputs: Vec<String>,
    /// Number of its samples, each as often as there are folds.
    pub samples: u64,
    /// Digest of its samples and their labels.
    pub samples_digest: String,
    /// Digest of every seed's predictions of them, in the order of the file's `seeds`.
    pub prediction_digests: Vec<String>,
}

/// How a read-out of AURA stood against a rival, in the task's primary metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BaselineStanding {
    /// `above`, `level` or `below`.
    pub verdict: String,
    /// AURA minus the rival, a fraction.
    pub lead: f64,
    /// Lower end of its 95 % interval; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
}

/// Whether a number that an unchanged recipe makes can fail a check by chance of the seeds.
pub(super) fn can_alarm(name: &str) -> bool {
    !STRUCTURE.contains(&name) && !COST.contains(&name)
}

/// The number `name` of a run with the rule that is stated for it, else the usual one; `judged` numbers can fail a check by chance.
///
/// # Errors
/// [`Error::Usage`] if the run has no such number, [`Error::Data`] if a seed lacks it.
pub(super) fn one(run: &Facts, name: &str, stated: Option<BaselineRule>, judged: usize) -> Result<BaselineMetric> {
    if COST.contains(&name) {
        let rule = stated.unwrap_or(BaselineRule {
            rule: RuleName::Relative,
            tolerance: COST_TOLERANCE,
            chance: false,
        });
        let mean = run
            .cost
            .get(name)
            .copied()
            .ok_or_else(|| Error::data(format!("{}: the run did not record `{name}`", run.place)))?;
        return Ok(BaselineMetric {
            mean,
            sd: None,
            seeds: Vec::new(),
            rule: rule.rule,
            tolerance: rule.tolerance,
            chance: None,
            min: None,
            max: None,
        });
    }
    let by_seed = run.of(name);
    if by_seed.is_empty() {
        let known: Vec<String> = run.values.keys().cloned().collect();
        let near = crate::document::suggest::nearest(name, &known)
            .map(|near| format!("; did you mean `{near}`?"))
            .unwrap_or_default();
        return Err(Error::Usage(format!(
            "{} has no number `{name}` on its test split{near}",
            run.manifest.run
        )));
    }
    let values: Vec<f64> = run
        .manifest
        .seeds
        .iter()
        .filter_map(|seed| by_seed.get(seed).copied())
        .collect();
    if values.len() != run.manifest.seeds.len() || values.iter().any(|v| !v.is_finite()) {
        return Err(Error::data(format!(
            "{} has a finite `{name}` for {} of its {} seeds; a baseline needs all",
            run.manifest.run,
            values.iter().filter(|v| v.is_finite()).count(),
            run.manifest.seeds.len()
        )));
    }
    let n = values.len();
    let summary = OverSeeds::of(&values).ok_or_else(|| Error::data("a run without seeds has no baseline"))?;
    let mut metric = BaselineMetric {
        mean: summary.mean,
        sd: summary.sd,
        seeds: values,
        rule: RuleName::None,
        tolerance: 0.0,
        chance: None,
        min: None,
        max: None,
    };
    if STRUCTURE.contains(&name) {
        // What the baseline itself has is no news; where a seed has something, another seed may have one more.
        let worst = metric.seeds.iter().copied().fold(0.0, f64::max);
        metric.max = Some(if worst > 0.0 { worst + 1.0 } else { 0.0 });
        return Ok(metric);
    }
    let neutral = Facts::higher_is_better(name).is_none();
    // A number that must not move can raise an alarm on either side.
    let alpha = FALSE_ALARM / judged.max(1) as f64 / if neutral { 2.0 } else { 1.0 };
    if name == "k_stable" && stated.is_none() {
        let by_seeds = metric.sd.map_or(0.0, |sd| allowance(sd, n, n, 1, alpha));
        let half = by_seeds.max(K_STABLE_SHARE * metric.mean);
        metric.min = Some((metric.mean - half).floor().max(1.0));
        metric.max = Some((metric.mean + half).ceil());
        return Ok(metric);
    }
    let stated = stated.unwrap_or_default();
    metric.rule = stated.rule;
    metric.tolerance = stated.tolerance;
    if stated.chance && matches!(stated.rule, RuleName::Significant | RuleName::Seeds) {
        metric.chance = metric.sd.map(|sd| allowance(sd, n, n, n, alpha));
    }
    Ok(metric)
}
