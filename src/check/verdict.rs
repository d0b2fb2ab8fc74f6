//! The verdict on one metric, as a pure function of what is known about it. Rules and false-alarm rate: `docs/check.md`.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metric::Interval;

/// What a check says of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As good as before, within the tolerance.
    Pass,
    /// Better by more than the tolerance, and not by chance.
    Improved,
    /// Worse by more than the tolerance, but perhaps by chance; or the rule asks for an interval that cannot be made.
    Inconclusive,
    /// Worse by more than the tolerance, and not by chance.
    Regressed,
    /// The run has no such number.
    Missing,
    /// Run and reference differ in protocol or samples: the difference would mean nothing.
    NotComparable,
}

impl Verdict {
    /// The name used in tables and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Improved => "improved",
            Self::Inconclusive => "inconclusive",
            Self::Regressed => "regressed",
            Self::Missing => "missing",
            Self::NotComparable => "not comparable",
        }
    }

    /// Whether a check with this verdict fails; *inconclusive* and *missing* may be `allowed`.
    pub fn fails(self, allowed: &[Self]) -> bool {
        match self {
            Self::Pass | Self::Improved => false,
            Self::Inconclusive | Self::Missing => !allowed.contains(&self),
            Self::Regressed | Self::NotComparable => true,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a value is judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// By the difference from the reference alone.
    Absolute {
        /// Largest harmless loss, in units of the metric.
        tolerance: f64,
    },
    /// By the difference from the reference alone, as a share of the reference.
    Relative {
        /// Largest harmless loss, as a share of the reference's absolute value.
        tolerance: f64,
    },
    /// By the difference and its interval: paired bootstrap on the same samples, or the spread over seeds.
    Significant {
        /// Largest harmless loss, in units of the metric.
        tolerance: f64,
    },
    /// By bounds, ends included; no reference is needed.
    Range {
        /// Smallest allowed value.
        min: f64,
        /// Largest allowed value.
        max: f64,
    },
}

/// What is known about one metric of a run.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Evidence<'a> {
    /// The run's value; `None` if it has none.
    pub value: Option<f64>,
    /// The value to compare with: of a baseline, another run, or a publication.
    pub reference: Option<f64>,
    /// Interval of value − reference.
    pub difference: Option<Interval>,
    /// Whether larger is better; `None`: any move counts as a loss.
    pub higher_is_better: Option<bool>,
    /// Why run and reference must not be compared (names of differing protocol keys), if so.
    pub incomparable: Option<&'a str>,
}

/// A verdict with the numbers that made it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The verdict.
    pub verdict: Verdict,
    /// value − reference, where both are there.
    pub difference: Option<f64>,
    /// Interval of the difference, where it was used.
    pub interval: Option<Interval>,
    /// The rule that decided, in words.
    pub reason: String,
}

impl Decision {
    fn new(verdict: Verdict, reason: impl Into<String>) -> Self {
        Self {
            verdict,
            difference: None,
            interval: None,
            reason: reason.into(),
        }
    }
}

/// Judges one metric.
///
/// Order of questions: is there a value; is it a number; may it be compared; is there something to compare with; how far did
/// it move; can chance explain it.
pub fn decide(rule: Rule, evidence: &Evidence<'_>) -> Decision {
    let Some(value) = evidence.value else {
        return Decision::new(Verdict::Missing, "the run has no such number");
    };
    if !value.is_finite() {
        return Decision::new(Verdict::Regressed, format!("the value is {value}, not a finite number"));
    }
    if let Rule::Range { min, max } = rule {
        // A bound that is not a number holds nothing.
        return if min <= value && value <= max {
            Decision::new(Verdict::Pass, format!("{value} lies within {min} to {max}"))
        } else {
            Decision::new(Verdict::Regressed, format!("{value} lies outside {min} to {max}"))
        };
    }
    if let Some(why) = evidence.incomparable {
        return Decision::new(Verdict::NotComparable, why);
    }
    let Some(reference) = evidence.reference.filter(|r| r.is_finite()) else {
        return Decision::new(Verdict::Missing, "the reference has no such number");
    };
    let tolerance = match rule {
        Rule::Relative { tolerance } => tolerance * reference.abs(),
        Rule::Absolute { tolerance } | Rule::Significant { tolerance } => tolerance,
        Rule::Range { .. } => 0.0,
    };
    let difference = value - reference;
    let (verdict, interval, reason) = if matches!(rule, Rule::Significant { .. }) {
        significant(difference, tolerance, evidence)
    } else {
        let (gain, _) = signed(difference, None, evidence.higher_is_better);
        let verdict = if gain < -slack(tolerance) {
            Verdict::Regressed
        } else if gain > slack(tolerance) {
            Verdict::Improved
        } else {
            Verdict::Pass
        };
        let reason = format!("moved by {difference:+.6}; the tolerance is {tolerance:.6}");
        (verdict, None, reason)
    };
    Decision {
        verdict,
        difference: Some(difference),
        interval,
        reason,
    }
}

/// A difference of decimal fractions is off by rounding: 0.81 − 0.80 must not exceed 0.01.
fn slack(tolerance: f64) -> f64 {
    tolerance + 1e-12
}

/// Difference and interval turned so that above 0 is better; where any move is a loss, below 0.
fn signed(difference: f64, interval: Option<Interval>, higher_is_better: Option<bool>) -> (f64, Option<Interval>) {
    let flip = match higher_is_better {
        Some(higher) => !higher,
        None => difference > 0.0,
    };
    if flip {
        (
            -difference,
            interval.map(|i| Interval {
                low: -i.high,
                high: -i.low,
            }),
        )
    } else {
        (difference, interval)
    }
}

fn significant(difference: f64, tolerance: f64, evidence: &Evidence<'_>) -> (Verdict, Option<Interval>, String) {
    let Some(interval) = evidence.difference.filter(|i| i.low <= i.high) else {
        let (gain, _) = signed(difference, None, evidence.higher_is_better);
        let moved = format!("moved by {difference:+.6}; the tolerance is {tolerance:.6}");
        // Without an interval nothing can be called news, but a loss within the tolerance needs none.
        return if gain < -slack(tolerance) {
            (
                Verdict::Inconclusive,
                None,
                format!("{moved}; no interval of the difference can be made"),
            )
        } else {
            (Verdict::Pass, None, moved)
        };
    };
    let (gain, turned) = signed(difference, Some(interval), evidence.higher_is_better);
    let (low, high) = turned.map_or((gain, gain), |i| (i.low, i.high));
    let verdict = if gain < -slack(tolerance) {
        if high < 0.0 {
            Verdict::Regressed
        } else {
            Verdict::Inconclusive
        }
    } else if gain > slack(tolerance) && low > 0.0 {
        Verdict::Improved
    } else {
        Verdict::Pass
    };
    let zero = if interval.contains(0.0) {
        "holds 0"
    } else {
        "excludes 0"
    };
    let reason = format!(
        "moved by {difference:+.6}; its interval [{:.6}, {:.6}] {zero}; the tolerance is {tolerance:.6}",
        interval.low, interval.high
    );
    (verdict, Some(interval), reason)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::metric::compare::{Answers, paired_bootstrap};
    use crate::metric::{Bootstrap, seeds};
    use crate::sets::Matrix;
    use crate::task::{Targets, Task};

    fn evidence(value: f64, low: f64, high: f64) -> Evidence<'static> {
        Evidence {
            value: Some(value),
            reference: Some(0.8),
            difference: Some(Interval { low, high }),
            higher_is_better: Some(true),
            incomparable: None,
        }
    }

    #[test]
    fn cases_a_reviewer_would_decide_alike() {
        use Verdict::{Improved, Inconclusive, Missing, NotComparable, Pass, Regressed};
        let rule = Rule::Significant { tolerance: 0.01 };
        let verdict = |e: &Evidence<'_>| decide(rule, e).verdict;
        assert_eq!(verdict(&evidence(0.80, 0.0, 0.0)), Pass, "nothing moved");
        assert_eq!(verdict(&evidence(0.77, -0.04, -0.02)), Regressed, "a real loss");
        assert_eq!(verdict(&evidence(0.77, -0.07, 0.01)), Inconclusive, "perhaps a loss");
        assert_eq!(
            verdict(&evidence(0.795, -0.008, -0.002)),
            Pass,
            "a real loss within the tolerance"
        );
        assert_eq!(verdict(&evidence(0.79, -0.02, -0.002)), Pass, "exactly the tolerance");
        assert_eq!(verdict(&evidence(0.83, 0.02, 0.04)), Improved);
        assert_eq!(verdict(&evidence(0.83, -0.01, 0.07)), Pass, "perhaps a gain");
        let lower = Evidence {
            higher_is_better: Some(false),
            ..evidence(0.83, 0.02, 0.04)
        };
        assert_eq!(verdict(&lower), Regressed, "an error that grew");
        let neutral = Evidence {
            higher_is_better: None,
            ..evidence(0.83, 0.02, 0.04)
        };
        assert_eq!(verdict(&neutral), Regressed, "a number that must not move");
        let alone = Evidence {
            difference: None,
            ..evidence(0.8, 0.0, 0.0)
        };
        assert_eq!(
            verdict(&alone),
            Pass,
            "no interval is needed to see that nothing was lost"
        );
        let lost = Evidence {
            difference: None,
            ..evidence(0.7, 0.0, 0.0)
        };
        assert_eq!(verdict(&lost), Inconclusive, "a loss of which nothing more is known");
        assert_eq!(decide(Rule::Absolute { tolerance: 0.01 }, &alone).verdict, Pass);
        assert_eq!(
            decide(Rule::Relative { tolerance: 0.01 }, &evidence(0.78, 0.0, 0.0)).verdict,
            Regressed
        );
        assert_eq!(
            decide(Rule::Relative { tolerance: 0.05 }, &evidence(0.78, 0.0, 0.0)).verdict,
            Pass
        );
        assert_eq!(verdict(&Evidence::default()), Missing);
        assert_eq!(verdict(&evidence(f64::NAN, 0.0, 0.0)), Regressed);
        let other = Evidence {
            incomparable: Some("protocol.classes differs: 7 against 8"),
            ..evidence(0.8, 0.0, 0.0)
        };
        assert_eq!(verdict(&other), NotComparable);
        let range = Rule::Range { min: 90.0, max: 110.0 };
        let k_stable = |value| Evidence {
            value: Some(value),
            ..Evidence::default()
        };
        assert_eq!(decide(range, &k_stable(98.0)).verdict, Pass);
        assert_eq!(decide(range, &k_stable(44.0)).verdict, Regressed);
        assert!(
            Inconclusive.fails(&[])
                && !Inconclusive.fails(&[Inconclusive])
                && Missing.fails(&[Inconclusive])
                && Regressed.fails(&[Regressed])
                && !Improved.fails(&[])
        );
    }

    proptest! {
        #[test]
        fn only_an_interval_off_zero_beyond_the_tolerance_alarms(
            value in 0.0..1.0_f64, low in -0.3..0.3_f64, width in 0.0..0.3_f64, tolerance in 0.0..0.1_f64,
        ) {
            let e = evidence(value, low, low + width);
            let decision = decide(Rule::Significant { tolerance }, &e);
            let harmed = value - 0.8 < -tolerance - 1e-12;
            prop_assert_eq!(decision.verdict == Verdict::Regressed, harmed && low + width < 0.0);
            // Turning the metric around turns the verdict around.
            let mirrored = Evidence {
                value: Some(1.6 - value),
                difference: Some(Interval { low: -(low + width), high: -low }),
                higher_is_better: Some(false),
                ..e
            };
            prop_assert_eq!(decide(Rule::Significant { tolerance }, &mirrored).verdict, decision.verdict);
        }
    }

    /// Share of `trials` with the verdict *regressed*.
    fn alarms(trials: usize, mut trial: impl FnMut(&mut ChaCha8Rng) -> Verdict) -> f64 {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        (0..trials).filter(|_| trial(&mut rng) == Verdict::Regressed).count() as f64 / trials as f64
    }

    #[test]
    fn equal_models_alarm_in_at_most_the_stated_share_over_seeds() {
        // Five seeds on each side, the same distribution: standard deviation 1 point, tolerance 0.
        let run = |rng: &mut ChaCha8Rng| -> Vec<f64> {
            (0..5)
                .map(|_| 0.8 + 0.01 * (0..12).map(|_| rng.random_range(-0.5..0.5)).sum::<f64>())
                .collect()
        };
        let compare = |tolerance: f64, rng: &mut ChaCha8Rng| {
            let (first, second) = (run(rng), run(rng));
            let mean = |v: &[f64]| v.iter().sum::<f64>() / 5.0;
            let e = Evidence {
                value: Some(mean(&second)),
                reference: Some(mean(&first)),
                difference: seeds::welch(&first, &second, 0.95),
                higher_is_better: Some(true),
                incomparable: None,
            };
            decide(Rule::Significant { tolerance }, &e).verdict
        };
        // 2.5 % are stated; of 4,000 trials 2.5 % ± 0.25 % (one standard error) alarm.
        let none = alarms(4_000, |rng| compare(0.0, rng));
        assert!(none < 0.032, "{none}");
        let tolerant = alarms(4_000, |rng| compare(0.01, rng));
        assert!(tolerant < none, "{tolerant} {none}");
    }

    #[test]
    fn equal_models_alarm_in_at_most_the_stated_share_over_samples_and_a_loss_is_seen() {
        let n = 300;
        let targets = Targets {
            task: Task::Expression,
            names: vec!["a".to_owned(), "b".to_owned()],
            values: [1.0, 0.0].repeat(n),
            known: vec![true; 2 * n],
        };
        let bootstrap = Bootstrap {
            resamples: 399,
            ..Bootstrap::default()
        };
        let verdict = |accuracy: f64, rng: &mut ChaCha8Rng| {
            let mut answers = |share: f64| Matrix {
                rows: n,
                cols: 2,
                data: (0..n)
                    .flat_map(|_| {
                        if rng.random_range(0.0..1.0) < share {
                            [1.0, 0.0]
                        } else {
                            [0.0, 1.0]
                        }
                    })
                    .collect(),
            };
            let (first, second) = (answers(0.8), answers(accuracy));
            let paired = paired_bootstrap(
                "acc",
                &[Answers {
                    targets: &targets,
                    first: vec![&first],
                    second: vec![&second],
                    subjects: &[],
                }],
                &bootstrap,
            )
            .expect("shapes fit");
            let e = Evidence {
                value: Some(paired.difference),
                reference: Some(0.0),
                difference: paired.interval,
                higher_is_better: Some(true),
                incomparable: None,
            };
            decide(Rule::Significant { tolerance: 0.0 }, &e).verdict
        };
        let none = alarms(400, |rng| verdict(0.8, rng));
        // Stated 2.5 %; three standard errors of 400 trials are 2.3 %.
        assert!(none < 0.049, "{none}");
        let degraded = alarms(50, |rng| verdict(0.6, rng));
        assert!(degraded > 0.9, "{degraded}");
    }
}
