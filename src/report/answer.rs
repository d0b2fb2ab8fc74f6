//! What a report opens with: what was measured on what, how it stands against the best rival, and what there is to see.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::error::Result;
use crate::query::context::QueryContext;
use crate::query::{Table, Value};

use super::catalog::ReportFiles;
use super::cells::{MISSING, fixed, label, thousands};

/// The statement behind it.
pub(super) const SQL: &str = "sql/answer.sql";

/// The answer of one run, in words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Answer {
    run: String,
    stand_in: bool,
    /// The number, large: `61.2 %`.
    value: String,
    /// What it is: `accuracy of AURA, primal archetype`.
    what: String,
    /// On what, and how sure.
    on: String,
    /// How it stands against the best rival, where there is one.
    lead: Option<String>,
    /// `above`, `below` or `level`.
    verdict: Option<String>,
    /// Archetypes kept; nothing where there are none.
    kept: Option<String>,
    /// Labels that most seeds doubt.
    labels: Option<String>,
}

/// The answers of all runs, by name.
pub(super) fn answers(
    query: &QueryContext,
    assets: &ReportFiles,
    labels: &BTreeMap<String, String>,
) -> Result<Vec<Answer>> {
    let table = query
        .query_with(&assets.text(SQL)?, &[])
        .map_err(|error| error.within(SQL))?;
    Ok(table.rows.iter().map(|row| Answer::of(&table, row, labels)).collect())
}

/// A number of a primary metric as people read it: accuracy and F1 in per cent, concordance as it is.
pub(crate) fn number_of(metric: &str, value: f64) -> String {
    if metric.starts_with("ccc") {
        fixed(value, 3)
    } else {
        format!("{} %", fixed(value * 100.0, 1))
    }
}

impl Answer {
    fn of(table: &Table, row: &[Value], labels: &BTreeMap<String, String>) -> Self {
        let text = |name: &str| table.get(row, name).as_str().unwrap_or_default();
        let number = |name: &str| table.get(row, name).as_f64().filter(|value| value.is_finite());
        let percent = !text("metric").starts_with("ccc");
        let (scale, digits, unit) = if percent { (100.0, 1, " %") } else { (1.0, 3, "") };
        let shown = |value: f64| fixed(value * scale, digits);
        // Between the ends of an interval, a sign is not taken for a dash.
        let interval = |low: f64, high: f64| format!("{} to {}", shown(low), shown(high));
        let seeds = number("seeds").unwrap_or(1.0);
        let folds = number("folds").unwrap_or(1.0);
        let mut on = String::new();
        if let Some((low, high)) = number("low").zip(number("high")) {
            on = format!("95 % interval {}, ", interval(low, high));
        }
        if let Some(n) = number("n") {
            on += &format!("{} test samples of ", thousands(n));
        }
        on += &label(text("dataset"), labels);
        if folds > 1.0 {
            on += &format!(", {folds} folds");
        }
        on += &match seeds {
            1.0 => ", one seed".to_owned(),
            seeds => format!(", mean over {seeds} seeds"),
        };
        let own = label(text("method"), labels);
        let lead = number("lead").map(|lead| {
            let sign = if lead > 0.0 { "+" } else { "" };
            let rivals = number("rivals").unwrap_or(1.0);
            let best = if rivals > 1.0 {
                format!(
                    "the best of {rivals} rivals on the test split, {},",
                    label(text("rival"), labels)
                )
            } else {
                format!("its one rival, {},", label(text("rival"), labels))
            };
            let interval = match number("lead_low").zip(number("lead_high")) {
                Some((low, high)) => {
                    let points = |value: f64| fixed(value * 100.0, 1);
                    format!(" (95 % interval {} to {})", points(low), points(high))
                }
                None => String::new(),
            };
            let stands = match text("verdict") {
                "above" => "is above",
                "below" => "is below",
                _ => "is level with",
            };
            format!(
                "{own} {stands} {best} at {}{unit}: {sign}{} points{interval}.",
                number("rival_mean").map_or_else(String::new, shown),
                fixed(lead * 100.0, 1),
            )
        });
        let kept = number("kept").map(|kept| {
            let digits = usize::from(seeds * folds > 1.0);
            match number("k_max") {
                Some(most) => format!("{} of {} archetypes kept", fixed(kept, digits), thousands(most)),
                None => format!("{} archetypes kept", fixed(kept, digits)),
            }
        });
        let count = number("labels").unwrap_or(0.0);
        Self {
            run: text("run").to_owned(),
            stand_in: *table.get(row, "stand_in") == Value::Bool(true),
            value: number("mean").map_or_else(|| MISSING.to_owned(), |mean| number_of(text("metric"), mean)),
            what: format!("{}, {own}", label(text("metric"), labels)),
            on,
            verdict: lead.is_some().then(|| text("verdict").to_owned()),
            lead,
            kept,
            labels: (count > 0.0).then(|| match count {
                1.0 => "1 sample whose label is worth a look".to_owned(),
                count => format!("{} samples whose labels are worth a look", thousands(count)),
            }),
        }
    }
}
