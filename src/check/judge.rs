//! The check itself: every number of a run against its baseline, its recipe's expectations, publications, and its structure.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::metric::seeds::OverSeeds;
use crate::metric::{Bootstrap, Interval, Measure};
use crate::naming;
use crate::record::StandingRow;

use super::baseline::Baseline;
use super::comparable::{incomparable, incomparable_there};
use super::evidence;
use super::expect::{Distance, ExpectConfig, Expectation, RuleName};
use super::facts::Facts;
use super::kept::{BaselineMetric, BaselineStanding, FALSE_ALARM};
use super::names::{CLASSES_WITHOUT_ARCHETYPE, COST, RESETS_AFTER_WARMUP, STANDING, STRUCTURE, WARNINGS, place};
use super::standing;
use super::verdict::{Decision, Evidence, Rule, Verdict, decide};

/// Version of [`CheckReport`] as JSON.
pub const SCHEMA: u32 = 1;

/// What runs are checked against.
#[derive(Debug, Clone)]
pub struct CheckOptions {
    /// The baseline, if there is one.
    pub baseline: Option<Baseline>,
    /// Expectations that replace those in the run's own recipe.
    pub expect: Option<ExpectConfig>,
    /// *inconclusive* and *missing* fail unless they are named here.
    pub allow: Vec<Verdict>,
    /// Whether a run fails that warns of what changes what it measures.
    pub deny_warnings: bool,
    /// How intervals are made.
    pub bootstrap: Bootstrap,
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self {
            baseline: None,
            expect: None,
            allow: Vec::new(),
            deny_warnings: false,
            bootstrap: Bootstrap {
                resamples: 1_999,
                ..Bootstrap::default()
            },
        }
    }
}

/// What a number was held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The baseline.
    Baseline,
    /// Bounds in the recipe's `[expect]`.
    Expect,
    /// A published number.
    Published,
    /// What every sound run has.
    Structure,
}

impl Source {
    /// As it is written in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Expect => "expect",
            Self::Published => "published",
            Self::Structure => "structure",
        }
    }
}

/// A place in a file that decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// Path as given.
    pub file: String,
    /// 1-based line.
    pub line: u64,
}

/// One judged number. Fractions, never per cent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Name of the number: `acc`, `k_stable`; of other methods `knn.acc`; facts of the run such as `not_finite`.
    pub metric: String,
    /// What it was held against.
    pub source: Source,
    /// The verdict.
    pub verdict: Verdict,
    /// Whether this verdict fails the check.
    pub fails: bool,
    /// Mean over the run's seeds.
    pub value: Option<f64>,
    /// Standard deviation over the run's seeds.
    pub sd: Option<f64>,
    /// Number of seeds of the run.
    pub seeds: u64,
    /// What it was compared with: the baseline's mean, the published number.
    pub reference: Option<f64>,
    /// Standard deviation of the reference over its seeds.
    pub reference_sd: Option<f64>,
    /// value − reference.
    pub difference: Option<f64>,
    /// Lower end of the 95 % interval of the difference.
    pub low: Option<f64>,
    /// Upper end of the 95 % interval of the difference.
    pub high: Option<f64>,
    /// Largest harmless loss, in units of the metric, the chance of the seeds included.
    pub tolerance: Option<f64>,
    /// Smallest allowed value, for a range.
    pub min: Option<f64>,
    /// Largest allowed value, for a range.
    pub max: Option<f64>,
    /// The rule that decided: `significant`, `paired`, `seeds`, `absolute`, `relative`, `range`, `none`.
    pub rule: String,
    /// Why, in words.
    pub reason: String,
    /// Where the rule stands.
    pub place: Option<Place>,
}

/// All findings on one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunReport {
    /// Folder name of the run.
    pub run: String,
    /// The folder.
    pub run_dir: String,
    /// Card of the database.
    pub dataset: String,
    /// The task.
    pub task: String,
    /// Whether the faces were generated.
    pub stand_in: bool,
    /// True if the encoder's weights were drawn instead of trained: its features mean nothing.
    pub random_weights: bool,
    /// The run's seeds.
    pub seeds: Vec<i64>,
    /// The baseline file or run, if any.
    pub baseline: Option<String>,
    /// Key under which numbers may be compared.
    pub protocol_digest: String,
    /// Whether a finding fails.
    pub failed: bool,
    /// The findings.
    pub findings: Vec<Finding>,
    /// What else a reader should know.
    pub notes: Vec<String>,
}

/// The outcome of `aura-bench check`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "aura-bench check, as JSON")]
pub struct CheckReport {
    /// Version of this object: 1.
    pub schema: u32,
    /// Whether the check failed (exit code 1).
    pub failed: bool,
    /// An unchanged recipe with other seeds fails against its baseline at most in this share of cases, if its rules allow for
    /// chance (docs/check.md).
    pub false_alarm_rate: f64,
    /// One entry a run.
    pub runs: Vec<RunReport>,
}

/// A published number to hold a run against.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishedValue {
    /// The metric.
    pub metric: String,
    /// The number, a fraction.
    pub value: f64,
    /// Where it is printed.
    pub source: String,
    /// Largest harmless distance below it, in units of the metric.
    pub tolerance: f64,
}

/// Checks every run; `published` gives the printed numbers to hold a run against, `None` if nobody asked for them.
///
/// # Errors
/// If intervals cannot be made because outputs do not fit their targets.
pub fn check(
    runs: &[Facts],
    options: &CheckOptions,
    published: impl Fn(&Facts) -> Result<Option<Vec<PublishedValue>>>,
) -> Result<CheckReport> {
    let mut reports = Vec::with_capacity(runs.len());
    for run in runs {
        reports.push(one(run, options, published(run)?.as_deref())?);
    }
    Ok(CheckReport {
        schema: SCHEMA,
        failed: reports.iter().any(|report| report.failed),
        false_alarm_rate: FALSE_ALARM,
        runs: reports,
    })
}

fn one(run: &Facts, options: &CheckOptions, published: Option<&[PublishedValue]>) -> Result<RunReport> {
    let expect = options.expect.as_ref().unwrap_or(&run.expect);
    let mut notes = Vec::new();
    let mut findings = Vec::new();
    if let Some(baseline) = &options.baseline {
        against_baseline(run, baseline, options, &mut findings, &mut notes)?;
    }
    // What was measured on drawn faces or with a drawn encoder has nothing to do with what is printed.
    let drawn = run.manifest.stand_in || naming::is_random(&run.manifest.encoder);
    if naming::is_random(&run.manifest.encoder) {
        notes.push(naming::RANDOM_WARNING.to_owned());
    }
    let mut skipped = 0;
    for (metric, expectation) in &expect.0 {
        if expectation.min.is_some() || expectation.max.is_some() {
            findings.push(in_range(run, metric, Source::Expect, expectation.min, expectation.max));
        }
        match expectation.published {
            Some(_)
                if drawn
                    || place(metric)
                        .1
                        .and_then(|test| run.test(test))
                        .is_some_and(|test| test.stand_in) =>
            {
                skipped += 1;
            }
            Some(_) if !with(run, expectation) => notes.push(format!(
                "the published {metric} is of the encoder {}, this run has {}: it was not looked at",
                called(expectation.encoder.as_deref(), expectation.architecture.as_deref()),
                called(kind(run), naming::architecture(&run.manifest.encoder).as_deref())
            )),
            Some(value) => findings.push(against_published(run, metric, value, expectation)),
            None => {}
        }
    }
    if published.is_some_and(<[_]>::is_empty) {
        notes.push(format!(
            "nothing is published for this database, encoder ({}) and size of the dictionary",
            called(kind(run), naming::architecture(&run.manifest.encoder).as_deref())
        ));
    }
    for number in published.unwrap_or_default() {
        if drawn {
            skipped += 1;
            continue;
        }
        let expectation = Expectation {
            tolerance: Some(number.tolerance),
            source: Some(number.source.clone()),
            ..Expectation::default()
        };
        findings.push(against_published(run, &number.metric, number.value, &expectation));
    }
    if skipped > 0 {
        notes.push(format!(
            "{skipped} published numbers were not looked at: {}",
            match drawn {
                true if run.manifest.stand_in => "the faces of this run are generated",
                true => "the weights of this run's encoder are random",
                false => "the faces that they are of are generated",
            }
        ));
    }
    for name in STRUCTURE {
        // A bound that somebody stated takes the place of the general one.
        let stated = findings.iter().any(|finding| finding.metric == name);
        // Predictions made elsewhere have no archetypes.
        let asked = match name {
            CLASSES_WITHOUT_ARCHETYPE => false,
            RESETS_AFTER_WARMUP => run.manifest.scored.is_none(),
            _ => true,
        };
        let applies = asked || run.structure.contains_key(name);
        if !stated && applies {
            findings.push(in_range(run, name, Source::Structure, None, Some(0.0)));
        }
    }
    if options.deny_warnings && !findings.iter().any(|finding| finding.metric == WARNINGS) {
        findings.push(in_range(run, WARNINGS, Source::Structure, None, Some(0.0)));
    }
    notes.extend(
        run.manifest
            .warnings
            .iter()
            .map(|warning| format!("the run warns: {warning}")),
    );
    for finding in &mut findings {
        finding.fails = finding.verdict.fails(&options.allow);
    }
    let manifest = &run.manifest;
    Ok(RunReport {
        run: manifest.run.clone(),
        run_dir: run.place.clone(),
        dataset: manifest.dataset.clone(),
        task: manifest.task.clone(),
        stand_in: manifest.stand_in,
        random_weights: naming::is_random(&manifest.encoder),
        seeds: manifest.seeds.clone(),
        baseline: options.baseline.as_ref().map(|baseline| baseline.shown.clone()),
        protocol_digest: manifest.protocol_digest.clone(),
        failed: findings.iter().any(|finding| finding.fails),
        findings,
        notes,
    })
}

/// Whether the run's encoder is the one that a published number is of; any, where none is named.
fn with(run: &Facts, published: &Expectation) -> bool {
    let wanted = published.architecture.as_deref();
    let encoder = published.encoder.as_deref();
    encoder.is_none_or(|kind| naming::is_of(&run.manifest.encoder, kind, wanted))
}

fn kind(run: &Facts) -> Option<&str> {
    run.manifest.encoder.get("kind").and_then(serde_json::Value::as_str)
}

/// An encoder and its size, in words.
fn called(kind: Option<&str>, architecture: Option<&str>) -> String {
    [kind, architecture].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// What is known of one number of a run.
struct Known {
    /// The mean; `None` unless every seed has the number.
    mean: Option<f64>,
    sd: Option<f64>,
    values: Vec<f64>,
}

fn known(run: &Facts, metric: &str) -> Known {
    let by_seed = run.of(metric);
    let of_run = COST.contains(&metric) || metric.starts_with(STANDING);
    let whole = of_run || run.manifest.seeds.iter().all(|seed| by_seed.contains_key(seed));
    let values: Vec<f64> = by_seed.into_values().collect();
    let summary = OverSeeds::of(&values).filter(|_| whole);
    Known {
        mean: summary.as_ref().map(|s| s.mean),
        sd: summary.as_ref().and_then(|s| s.sd),
        values,
    }
}

fn finding(metric: &str, source: Source, rule: &str, known: &Known, decision: Decision) -> Finding {
    Finding {
        metric: metric.to_owned(),
        source,
        verdict: decision.verdict,
        fails: false,
        // JSON knows no NaN; the reason names it.
        value: known.mean.filter(|v| v.is_finite()),
        sd: known.sd.filter(|v| v.is_finite()),
        seeds: known.values.len() as u64,
        reference: None,
        reference_sd: None,
        difference: decision.difference.filter(|v| v.is_finite()),
        low: decision.interval.map(|i| i.low),
        high: decision.interval.map(|i| i.high),
        tolerance: None,
        min: None,
        max: None,
        rule: rule.to_owned(),
        reason: decision.reason,
        place: None,
    }
}

fn in_range(run: &Facts, metric: &str, source: Source, min: Option<f64>, max: Option<f64>) -> Finding {
    let known = known(run, metric);
    let rule = Rule::Range {
        min: min.unwrap_or(f64::NEG_INFINITY),
        max: max.unwrap_or(f64::INFINITY),
    };
    // A structural fact holds if it holds for every seed: a mean would hide one bad seed behind four good ones.
    let value = if STRUCTURE.contains(&metric) && known.mean.is_some() {
        known.values.iter().copied().reduce(f64::max)
    } else {
        known.mean
    };
    let mut decision = decide(
        rule,
        &Evidence {
            value,
            ..Evidence::default()
        },
    );
    decision.reason = match (decision.verdict, value) {
        (Verdict::Missing, _) | (_, None) => decision.reason,
        (verdict, Some(value)) => {
            let word = if verdict == Verdict::Pass { "within" } else { "outside" };
            let bounds = match (min, max) {
                (Some(min), Some(max)) => format!("{min} to {max}"),
                (Some(min), None) => format!("at least {min}"),
                (None, Some(max)) => format!("at most {max}"),
                (None, None) => "any value".to_owned(),
            };
            format!("{value} is {word} the range: {bounds}")
        }
    };
    Finding {
        min,
        max,
        ..finding(metric, source, "range", &known, decision)
    }
}

fn against_published(run: &Facts, metric: &str, value: f64, expectation: &Expectation) -> Finding {
    let known = known(run, metric);
    let tolerance = expectation.tolerance.unwrap_or(0.0);
    let (rule, name, in_units) = match expectation.distance {
        Distance::Absolute => (Rule::Absolute { tolerance }, "absolute", tolerance),
        Distance::Relative => (Rule::Relative { tolerance }, "relative", tolerance * value.abs()),
    };
    let mut decision = decide(
        rule,
        &Evidence {
            value: known.mean,
            reference: Some(value),
            higher_is_better: Facts::higher_is_better(metric),
            ..Evidence::default()
        },
    );
    if let Some(source) = &expectation.source {
        decision.reason = format!("{} ({source})", decision.reason);
    }
    Finding {
        reference: Some(value),
        tolerance: Some(in_units),
        ..finding(metric, Source::Published, name, &known, decision)
    }
}

fn against_baseline(
    run: &Facts,
    baseline: &Baseline,
    options: &CheckOptions,
    findings: &mut Vec<Finding>,
    notes: &mut Vec<String>,
) -> Result<()> {
    let incomparable = incomparable(run, baseline);
    let digests = run.prediction_digests();
    let before: BTreeMap<i64, &String> = baseline
        .seeds
        .iter()
        .copied()
        .zip(&baseline.prediction_digests)
        .collect();
    let same_seeds = digests.keys().eq(before.keys());
    let unchanged = same_seeds && digests.iter().all(|(seed, digest)| before.get(seed) == Some(&digest));
    if incomparable.is_none() {
        if unchanged {
            notes.push("every prediction is the baseline's, bit by bit".to_owned());
        } else if !same_seeds {
            notes.push(format!(
                "seeds {:?} stand against the baseline's {:?}",
                run.manifest.seeds, baseline.seeds
            ));
        }
        if run.manifest.recipe_digest != baseline.recipe_digest {
            notes.push("the recipe is not the baseline's; the protocol is".to_owned());
        }
        if run.manifest.device != baseline.device {
            notes.push(format!(
                "computed on {}, the baseline on {}: last digits differ between devices",
                run.manifest.device, baseline.device
            ));
        }
    }
    for (metric, stated) in &baseline.metrics {
        let there = incomparable_there(run, baseline, metric);
        let incomparable = incomparable.as_ref().or(there.as_ref());
        let unchanged = match place(metric).1 {
            None => unchanged,
            Some(test) => same_seeds && baseline.unchanged_there(run, test),
        };
        if stated.rule != RuleName::None || (stated.min.is_none() && stated.max.is_none()) {
            findings.push(moved(
                run,
                baseline,
                metric,
                stated,
                incomparable.map(String::as_str),
                unchanged,
                options,
            )?);
        }
        if stated.min.is_some() || stated.max.is_some() {
            let mut found = in_range(run, metric, Source::Baseline, stated.min, stated.max);
            found.reference = Some(stated.mean);
            found.reference_sd = stated.sd;
            found.difference = found.value.map(|value| value - stated.mean);
            if let (Some(why), false) = (incomparable, STRUCTURE.contains(&metric.as_str())) {
                found.verdict = Verdict::NotComparable;
                found.reason.clone_from(why);
            }
            findings.push(found);
        }
    }
    for (name, before) in &baseline.standings {
        let there = incomparable_there(run, baseline, name);
        findings.push(stood(run, name, before, incomparable.as_deref().or(there.as_deref())));
    }
    Ok(())
}

/// Judges how AURA stands against a rival: worse is a rival that is above now, by more than the baseline's interval allowed.
fn stood(run: &Facts, name: &str, before: &BaselineStanding, incomparable: Option<&str>) -> Finding {
    let metric = format!("{STANDING}{name}");
    let now = run.standing(name);
    let lost = |row: &StandingRow| {
        row.verdict == "below" && before.verdict != "below" && row.lead < before.low.unwrap_or(before.lead)
    };
    let (verdict, reason) = match (incomparable, now) {
        (Some(why), _) => (Verdict::NotComparable, why.to_owned()),
        (_, None) => (Verdict::Missing, "the run has no such rival".to_owned()),
        (_, Some(row)) => (
            if lost(row) { Verdict::Regressed } else { Verdict::Pass },
            format!(
                "{}; was {} by {:+.1}",
                standing::phrase(row.lead, row.low, row.high, &row.verdict),
                before.verdict,
                before.lead * 100.0
            ),
        ),
    };
    let decision = Decision {
        verdict,
        reason,
        difference: now.map(|row| row.lead - before.lead),
        interval: None,
    };
    Finding {
        reference: Some(standing::rank(&before.verdict)),
        ..finding(&metric, Source::Baseline, "standing", &known(run, &metric), decision)
    }
}

/// Judges one number against the baseline's.
fn moved(
    run: &Facts,
    baseline: &Baseline,
    metric: &str,
    stated: &BaselineMetric,
    incomparable: Option<&str>,
    unchanged: bool,
    options: &CheckOptions,
) -> Result<Finding> {
    let known = known(run, metric);
    let difference = known.mean.map(|mean| mean - stated.mean);
    let level = options.bootstrap.level;
    let of_predictions =
        !metric.contains('.') && Measure::parse(place(metric).0, run.task, &run.manifest.classes).is_some();
    let (mut by_samples, mut by_seeds) = (None, None);
    if incomparable.is_none() && known.mean.is_some() && !COST.contains(&metric) {
        if let Some(difference) = difference.filter(|_| unchanged && of_predictions) {
            // The same predictions: whatever moved is no chance.
            let exact = Some(Interval {
                low: difference,
                high: difference,
            });
            (by_samples, by_seeds) = (exact, exact);
        } else {
            by_seeds = evidence::over_seeds(&stated.seeds, &known.values, level);
            if matches!(stated.rule, RuleName::Significant | RuleName::Paired)
                && let (Some(before), Some(now)) = (baseline.said(metric), run.said(metric))
                && of_predictions
                && now.not_finite() == 0
            {
                by_samples = evidence::over_samples(metric, before, now, &options.bootstrap)?;
            }
        }
    }
    let interval = match stated.rule {
        RuleName::Significant => match (by_samples, by_seeds, difference) {
            (Some(samples), Some(seeds), Some(difference)) => Some(evidence::both(difference, samples, seeds)),
            // One seed on each side: how far training alone moves the number is not known.
            (_, seeds, _) => seeds,
        },
        RuleName::Paired => by_samples,
        _ => by_seeds,
    };
    let exact = unchanged && of_predictions;
    let chance = stated.chance.filter(|_| !exact).map_or(0.0, |chance| {
        // Written for as many seeds as the baseline has; fewer seeds of the run move further.
        let (n, m) = (stated.seeds.len().max(1) as f64, known.values.len().max(1) as f64);
        chance * ((1.0 / n + 1.0 / m) / (2.0 / n)).sqrt()
    });
    let tolerance = match stated.rule {
        RuleName::Relative => stated.tolerance * stated.mean.abs(),
        RuleName::Significant | RuleName::Seeds => stated.tolerance.max(chance),
        _ => stated.tolerance,
    };
    let rule = match stated.rule {
        RuleName::Absolute => Rule::Absolute { tolerance },
        RuleName::Relative => Rule::Relative {
            tolerance: stated.tolerance,
        },
        RuleName::Significant | RuleName::Paired | RuleName::Seeds => Rule::Significant { tolerance },
        RuleName::None => Rule::Range {
            min: f64::NEG_INFINITY,
            max: f64::INFINITY,
        },
    };
    let mut decision = decide(
        rule,
        &Evidence {
            value: known.mean,
            reference: Some(stated.mean),
            difference: interval,
            higher_is_better: Facts::higher_is_better(metric),
            incomparable,
        },
    );
    decision.interval = decision.interval.or(interval.filter(|_| incomparable.is_none()));
    if stated.rule == RuleName::None {
        decision.difference = difference;
        "shown, not judged".clone_into(&mut decision.reason);
    }
    if decision.verdict == Verdict::Inconclusive && interval.is_none() {
        decision.reason.push_str(match stated.rule {
            RuleName::Paired => ": compare with the baseline's run, or save the baseline with its predictions",
            _ => ": run two seeds or more, on either side",
        });
    }
    if exact {
        decision.reason.push_str("; the predictions are the same");
    } else if incomparable.is_none() && tolerance > stated.tolerance && stated.rule != RuleName::Relative {
        decision.reason.push_str(" (what the seeds alone move)");
    }
    Ok(Finding {
        reference: Some(stated.mean),
        reference_sd: stated.sd,
        tolerance: (stated.rule != RuleName::None).then_some(tolerance),
        ..finding(metric, Source::Baseline, stated.rule.as_str(), &known, decision)
    })
}
