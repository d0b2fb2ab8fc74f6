//! `[expect]`: what a recipe's numbers are expected to be, as data beside the recipe.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metric::named;
use crate::task::Task;

use super::names::{COST, STANDING, STRUCTURE, place};

/// The `[expect]` section: metric → expectation, for example
///
/// ```toml
/// [expect.acc]
/// published = 0.940
/// source = "Table 3"
/// encoder = "clip"
/// tolerance = 0.01
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ExpectConfig(pub BTreeMap<String, Expectation>);

/// How far a mean may lie below (or, where neither direction is better, away from) the published number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Distance {
    /// `tolerance` is in units of the metric: 0.01 is one point of per cent.
    #[default]
    Absolute,
    /// `tolerance` is a share of the published number.
    Relative,
}

/// What decides whether a number moved away from a baseline. See `docs/check.md`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleName {
    /// A loss counts if it exceeds the tolerance and its interval, which holds the chance of seeds and of test samples,
    /// excludes 0.
    #[default]
    Significant,
    /// As `significant`, with the chance of the test samples alone (paired bootstrap, by subject where known). Needs the
    /// baseline's predictions.
    Paired,
    /// As `significant`, with the chance of the seeds alone.
    Seeds,
    /// A loss counts if it exceeds the tolerance, in units of the metric.
    Absolute,
    /// A loss counts if it exceeds the tolerance, a share of the baseline's value.
    Relative,
    /// The number is shown and not judged.
    None,
}

impl RuleName {
    /// As it is written in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Significant => "significant",
            Self::Paired => "paired",
            Self::Seeds => "seeds",
            Self::Absolute => "absolute",
            Self::Relative => "relative",
            Self::None => "none",
        }
    }
}

/// How a number is judged against a baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BaselineRule {
    /// What decides.
    pub rule: RuleName,
    /// Largest harmless loss: in units of the metric (0.005 is half a point of per cent), for `relative` a share of the
    /// baseline's value.
    pub tolerance: f64,
    /// Whether what seeds alone move the mean is harmless too, so that an unchanged recipe with other seeds passes. The
    /// size is worked out from the baseline's spread over seeds and written into its file.
    pub chance: bool,
}

/// Half a point of per cent.
const TOLERANCE: f64 = 0.005;

impl Default for BaselineRule {
    fn default() -> Self {
        Self {
            rule: RuleName::default(),
            tolerance: TOLERANCE,
            chance: true,
        }
    }
}

/// What one metric of AURA on the test split (or of its dictionary), averaged over the seeds, is expected to be.
///
/// Fractions, never per cent. A published number speaks of the database: on generated faces it is not checked, bounds are.
/// `METHOD.METRIC` (`"knn.acc"`) names a number of another method, `METRIC@NAME` (`"acc@rafdb"`) one on the other database that
/// `[[test]]` calls so, `standing.READ_OUT.METHOD` (`"standing.aura.ridge"`, `"standing.aura.ridge@rafdb"`) how AURA stands against
/// it: 1 above, 0 level, -1 below. Facts of the run have names too: `classes_without_archetype`, `not_finite`,
/// `resets_after_warmup` (at most 0 unless stated), `train_speed`, `peak_memory_mib`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Expectation {
    /// The published number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<f64>,
    /// Where it is printed, for example "Table 3".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The encoder that the published number was measured with, as `[encoder]` names its kind: `clip`, `dino`, `dinov2`,
    /// `hog`. A run with another one is not held against it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoder: Option<String>,
    /// The size of that encoder, as `[encoder] architecture` names it (`vit-b-16`); left out, any. A run whose encoder has
    /// another or an unknown size is not held against the number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// Largest harmless distance from the published number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
    /// What `tolerance` is measured in.
    pub distance: Distance,
    /// Smallest value allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Largest value allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// How the number is judged against a baseline; `aura-bench baseline save` writes it into the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<BaselineRule>,
}

impl ExpectConfig {
    /// Whether nothing is expected.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks every expectation.
    ///
    /// # Errors
    /// The key below `[expect]` and what was expected of it.
    pub fn validate(&self) -> Result<(), (String, String)> {
        for (metric, expectation) in &self.0 {
            expectation.validate(metric)?;
        }
        Ok(())
    }

    /// Checks that every metric is one that runs of `task` have.
    ///
    /// # Errors
    /// The metric that is not, and why.
    pub fn fits(&self, task: Task, tests: &[&str]) -> Result<(), (String, String)> {
        for name in self.0.keys() {
            let (name_here, test) = place(name);
            if let Some(unknown) = test.filter(|test| !tests.contains(test)) {
                return Err((
                    name.clone(),
                    format!("no [[test]] of this recipe is called `{unknown}`"),
                ));
            }
            if name.starts_with(STANDING) {
                continue;
            }
            let bare = name_here.split_once('.').map_or(name_here, |(_, metric)| metric);
            let of_run = STRUCTURE.contains(&bare)
                || COST.contains(&bare)
                || named::info(bare).is_some_and(|info| info.task.is_none());
            if test.is_some() && of_run {
                return Err((name.clone(), "this number is of the run, not of a test set".to_owned()));
            }
            if STRUCTURE.contains(&bare) || COST.contains(&bare) {
                continue;
            }
            let why = match named::info(bare) {
                None => "this program computes no such metric; docs/metrics.md lists them",
                Some(info) if info.task.is_some_and(|other| other != task) => "this metric belongs to another task",
                Some(_) => continue,
            };
            return Err((name.clone(), why.to_owned()));
        }
        Ok(())
    }
}

impl Expectation {
    fn validate(&self, metric: &str) -> Result<(), (String, String)> {
        let fail = |key: &str, message: &str| Err((format!("{metric}.{key}"), message.to_owned()));
        let numbers = [
            ("published", self.published),
            ("tolerance", self.tolerance),
            ("min", self.min),
            ("max", self.max),
        ];
        for (key, number) in numbers {
            if number.is_some_and(|number| !number.is_finite()) {
                return fail(key, "expected a finite number");
            }
        }
        if self.published.is_none() && self.min.is_none() && self.max.is_none() && self.baseline.is_none() {
            return Err((
                metric.to_owned(),
                "nothing is expected: give `published` with `tolerance`, or `min`, or `max`, or `baseline`".to_owned(),
            ));
        }
        if self
            .baseline
            .as_ref()
            .is_some_and(|rule| !rule.tolerance.is_finite() || rule.tolerance < 0.0)
        {
            return fail("baseline.tolerance", "expected a finite number, 0 or more");
        }
        match (self.published, self.tolerance) {
            (Some(_), None) => return fail("published", "a published number needs a `tolerance`"),
            (None, Some(_)) => {
                return fail(
                    "tolerance",
                    "a tolerance needs a number that it is measured from: `published`",
                );
            }
            _ => {}
        }
        if self.published.is_some() && self.source.as_deref().is_none_or(|source| source.trim().is_empty()) {
            return fail(
                "published",
                "a published number needs its `source`, for example \"Table 3\"",
            );
        }
        if self.published.is_some() && self.encoder.as_deref().is_none_or(str::is_empty) {
            return fail(
                "published",
                "a published number needs the kind of its `encoder`, for example \"clip\"",
            );
        }
        if self.tolerance.is_some_and(|tolerance| tolerance < 0.0) {
            return fail("tolerance", "expected 0 or more");
        }
        if let (Some(min), Some(max)) = (self.min, self.max)
            && min > max
        {
            return fail("min", "expected at most `max`");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> Option<String> {
        let config: ExpectConfig = toml::from_str(text).unwrap();
        config.validate().err().map(|(key, _)| key)
    }

    #[test]
    fn a_number_needs_its_source_and_a_tolerance() {
        assert_eq!(
            problem("[acc]\npublished = 0.94\nsource = \"Table 3\"\nencoder = \"clip\"\ntolerance = 0.01\n"),
            None
        );
        assert_eq!(problem("[acc]\nmin = 0.8\n[k_stable]\nmin = 95\nmax = 105\n"), None);
        let of = |text| problem(text).unwrap_or_default();
        assert_eq!(of("[acc]\npublished = 0.94\ntolerance = 0.01\n"), "acc.published");
        assert_eq!(of("[acc]\npublished = 0.94\nsource = \"Table 3\"\n"), "acc.published");
        assert_eq!(
            of("[acc]\npublished = 0.94\nsource = \"Table 3\"\ntolerance = 0.01\n"),
            "acc.published",
            "of which encoder?"
        );
        assert_eq!(of("[acc]\ntolerance = 0.01\nmin = 0.5\n"), "acc.tolerance");
        assert_eq!(of("[acc]\nmin = 0.9\nmax = 0.8\n"), "acc.min");
        assert_eq!(of("[acc]\nmin = nan\n"), "acc.min");
        assert_eq!(of("[acc]\n"), "acc");
    }

    #[test]
    fn metrics_of_another_task_are_refused() {
        let config: ExpectConfig = toml::from_str("[acc]\nmin = 0.5\n[k_stable]\nmin = 5\n").unwrap();
        assert_eq!(config.fits(Task::Expression, &[]), Ok(()));
        assert!(config.fits(Task::ActionUnits, &[]).is_err());
        let unknown: ExpectConfig = toml::from_str("[accuracy]\nmin = 0.5\n").unwrap();
        assert!(unknown.fits(Task::Expression, &[]).is_err());
        let there: ExpectConfig = toml::from_str("\"knn.acc@rafdb\".min = 0.5").unwrap();
        assert_eq!(there.fits(Task::Expression, &["rafdb"]), Ok(()));
        let (key, why) = there.fits(Task::Expression, &["fer"]).unwrap_err();
        assert_eq!(
            (key.as_str(), why.as_str()),
            ("knn.acc@rafdb", "no [[test]] of this recipe is called `rafdb`")
        );
        for of_run in ["k_stable", "not_finite", "train_speed"] {
            let wrong: ExpectConfig = toml::from_str(&format!("\"{of_run}@rafdb\".min = 0.5")).unwrap();
            let (_, why) = wrong.fits(Task::Expression, &["rafdb"]).unwrap_err();
            assert_eq!(why, "this number is of the run, not of a test set", "{of_run}");
        }
    }
}
