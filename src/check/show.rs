//! The outcome of a check for people (text, Markdown), for GitHub (annotations) and for CI servers (`JUnit`).

use std::fmt::Write as _;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::error::{Error, Result};
use crate::metric::named::{self, Format};
use crate::naming;

use super::judge::{CheckReport, Finding, RunReport};
use super::names::{PEAK_MEMORY, TRAIN_SPEED, place};
use super::verdict::Verdict;

/// A number as people read it: per cent where the metric is a share.
pub fn number(metric: &str, value: Option<f64>) -> String {
    let Some(value) = value else { return "—".to_owned() };
    let bare = place(metric.rsplit('.').next().unwrap_or(metric)).0;
    match (bare, named::info(bare).map(|info| info.format)) {
        (TRAIN_SPEED, _) => format!("{value:.4}"),
        (PEAK_MEMORY, _) => format!("{value:.0}"),
        (_, Some(Format::Percent)) => format!("{:.2}", 100.0 * value),
        (_, Some(Format::Decimal)) => format!("{value:.4}"),
        _ if value.fract() == 0.0 => format!("{value:.0}"),
        _ => format!("{value:.1}"),
    }
}

fn signed(metric: &str, value: Option<f64>) -> String {
    match value {
        Some(v) if v >= 0.0 => format!("+{}", number(metric, value)),
        _ => number(metric, value),
    }
}

pub(crate) fn interval(finding: &Finding) -> String {
    match (finding.low, finding.high) {
        (Some(low), Some(high)) => format!(
            "[{}, {}]",
            signed(&finding.metric, Some(low)),
            signed(&finding.metric, Some(high))
        ),
        _ => match (finding.min, finding.max) {
            (None, None) => "—".to_owned(),
            (min, max) => format!(
                "{} to {}",
                min.map_or_else(|| "−∞".to_owned(), |v| number(&finding.metric, Some(v))),
                max.map_or_else(|| "∞".to_owned(), |v| number(&finding.metric, Some(v)))
            ),
        },
    }
}

fn verdict(finding: &Finding) -> String {
    if !finding.fails && matches!(finding.verdict, Verdict::Inconclusive | Verdict::Missing) {
        format!("{} (allowed)", finding.verdict)
    } else {
        finding.verdict.to_string()
    }
}

const HEAD: [&str; 8] = [
    "metric",
    "against",
    "verdict",
    "value",
    "reference",
    "difference",
    "95 % interval or range",
    "rule",
];

fn cells(finding: &Finding) -> [String; 8] {
    let rule = match finding.tolerance {
        Some(tolerance) => format!("{} ± {}", finding.rule, number(&finding.metric, Some(tolerance))),
        None => finding.rule.clone(),
    };
    [
        finding.metric.clone(),
        finding.source.as_str().to_owned(),
        verdict(finding),
        number(&finding.metric, finding.value),
        number(&finding.metric, finding.reference),
        signed(&finding.metric, finding.difference),
        interval(finding),
        rule,
    ]
}

impl CheckReport {
    /// A table a run; the reasons of what failed below it.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for run in &self.runs {
            let baseline = run
                .baseline
                .as_ref()
                .map_or_else(String::new, |name| format!(" against {name}"));
            let _ = writeln!(out, "{}{baseline}", run.run);
            if run.stand_in {
                let _ = writeln!(out, "STAND-IN FACES: these numbers say nothing about {}", run.dataset);
            }
            if run.random_weights {
                let _ = writeln!(out, "{}", naming::RANDOM_WARNING);
            }
            let body: Vec<[String; 8]> = run.findings.iter().map(cells).collect();
            let widths: Vec<usize> = (0..HEAD.len())
                .map(|i| {
                    let cell = |row: &[String; 8]| row[i].chars().count();
                    body.iter().map(cell).max().unwrap_or(0).max(HEAD[i].chars().count())
                })
                .collect();
            let mut line = |row: &[&str]| {
                let mut text = String::new();
                for (i, cell) in row.iter().enumerate() {
                    let pad = " ".repeat(widths[i].saturating_sub(cell.chars().count()));
                    if (3..=5).contains(&i) {
                        let _ = write!(text, "{pad}{cell}  ");
                    } else {
                        let _ = write!(text, "{cell}{pad}  ");
                    }
                }
                let _ = writeln!(out, "{}", text.trim_end());
            };
            line(&HEAD);
            for row in &body {
                line(&row.each_ref().map(String::as_str));
            }
            for finding in run.findings.iter().filter(|finding| finding.fails) {
                let _ = writeln!(out, "✗ {} {}: {}", finding.metric, finding.verdict, finding.reason);
            }
            for note in &run.notes {
                let _ = writeln!(out, "note: {note}");
            }
            out.push('\n');
        }
        let _ = writeln!(out, "{}", self.sentence());
        out
    }

    /// How it went, in one sentence.
    fn sentence(&self) -> String {
        let all = self.runs.iter().flat_map(|run| &run.findings);
        let (mut judged, mut failing) = (0, 0);
        for finding in all {
            judged += 1;
            failing += usize::from(finding.fails);
        }
        if self.failed {
            format!("check failed: {failing} of {judged} numbers")
        } else {
            format!("check passed: {judged} numbers")
        }
    }

    /// The same as Markdown, for the summary of a pull request.
    pub fn to_markdown(&self) -> String {
        let mut out = format!("## {} {}\n", if self.failed { "❌" } else { "✅" }, self.sentence());
        for run in &self.runs {
            let baseline = run
                .baseline
                .as_ref()
                .map_or_else(String::new, |name| format!(" against `{}`", plain(name)));
            let _ = writeln!(out, "\n### {}{baseline}\n", plain(&run.run));
            if run.stand_in {
                let _ = writeln!(
                    out,
                    "**Stand-in faces: these numbers say nothing about {}.**\n",
                    plain(&run.dataset)
                );
            }
            if run.random_weights {
                let _ = writeln!(out, "**{}.**\n", naming::RANDOM_WARNING);
            }
            let _ = writeln!(out, "| | {} |", HEAD.join(" | "));
            let _ = writeln!(out, "|---|---|---|---|---:|---:|---:|---|---|");
            for finding in &run.findings {
                let mark = if finding.fails { "❌" } else { "✅" };
                let row = cells(finding).map(|cell| plain(&cell));
                let _ = writeln!(out, "| {mark} | {} |", row.join(" | "));
            }
            let failing: Vec<&Finding> = run.findings.iter().filter(|finding| finding.fails).collect();
            if !failing.is_empty() || !run.notes.is_empty() {
                out.push('\n');
            }
            for finding in failing {
                let _ = writeln!(
                    out,
                    "- **{}** {}: {}",
                    plain(&finding.metric),
                    finding.verdict,
                    plain(&finding.reason)
                );
            }
            for note in &run.notes {
                let _ = writeln!(out, "- {}", plain(note));
            }
        }
        let _ = writeln!(
            out,
            "\nMetrics that are shares are in per cent. An unchanged recipe with other seeds fails at most {:.0} % of checks \
             whose rules allow for chance.",
            100.0 * self.false_alarm_rate
        );
        out
    }

    /// One workflow command of GitHub Actions a failing number, `::error file=…,line=…`.
    pub fn to_annotations(&self) -> String {
        let mut out = String::new();
        for run in &self.runs {
            for finding in run.findings.iter().filter(|finding| finding.fails) {
                let place = finding
                    .place
                    .as_ref()
                    .map(|place| format!("file={},line={},", property(&place.file), place.line))
                    .unwrap_or_default();
                let title = property(&format!("{} {}", finding.metric, finding.verdict));
                let text = data(&format!("{}: {}", run.run, describe(finding)));
                let _ = writeln!(out, "::error {place}title={title}::{text}");
            }
        }
        out
    }

    /// One suite a run, one case a number.
    ///
    /// # Errors
    /// [`Error::Data`] if the XML cannot be written.
    pub fn to_junit(&self) -> Result<String> {
        let mut report = Report::new("aura-bench check");
        for run in &self.runs {
            report.add_test_suite(suite(run));
        }
        report
            .to_string()
            .map_err(|error| Error::data(format!("cannot write JUnit: {error}")))
    }
}

fn describe(finding: &Finding) -> String {
    format!(
        "{} {}: value {}, {} {}, difference {}; {}",
        finding.metric,
        finding.verdict,
        number(&finding.metric, finding.value),
        finding.source.as_str(),
        number(&finding.metric, finding.reference),
        signed(&finding.metric, finding.difference),
        finding.reason
    )
}

fn suite(run: &RunReport) -> TestSuite {
    let mut suite = TestSuite::new(run.run.as_str());
    for finding in &run.findings {
        let status = if finding.fails {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type(finding.verdict.as_str()).set_message(describe(finding));
            status
        } else if matches!(finding.verdict, Verdict::Inconclusive | Verdict::Missing) {
            let mut status = TestCaseStatus::skipped();
            status.set_message(describe(finding));
            status
        } else {
            TestCaseStatus::success()
        };
        let mut case = TestCase::new(format!("{} ({})", finding.metric, finding.source.as_str()), status);
        case.set_classname(run.run.as_str());
        case.set_system_out(describe(finding));
        suite.add_test_case(case);
    }
    suite
}

/// Text that means nothing to Markdown or HTML.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '#' | '~' => {
                out.push('\\');
                out.push(c);
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Escapes the text of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
