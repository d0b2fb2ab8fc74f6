//! From a query's result to the cells that are printed.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::action_unit::ActionUnit;
use crate::query::{Table, Value, plain};

use super::catalog::{CellFormat, ColumnSpec, Show};
use super::latex;
use super::table::{Cell, Head, Row};

/// What stands for a number that is not there.
pub(crate) const MISSING: &str = "—";

/// A table as the templates see it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Shown {
    pub(super) columns: Vec<Head>,
    /// The same columns as LaTeX lays them out.
    pub(super) latex: Vec<latex::Column>,
    pub(super) rows: Vec<Row>,
    /// Rows of the result, those not shown included.
    pub(super) total: usize,
}

/// Chooses and formats the columns of `table`. A column that the result lacks is shown as missing.
pub(super) fn show(table: &Table, specs: &[ColumnSpec], labels: &BTreeMap<String, String>, limit: usize) -> Shown {
    let distinct = |name: &str| {
        let mut values: Vec<String> = table.rows.iter().map(|row| plain(table.get(row, name), "")).collect();
        values.sort();
        values.dedup();
        values.len()
    };
    let shown: Vec<&ColumnSpec> = specs
        .iter()
        .filter(|spec| match spec.show {
            Show::Always => true,
            Show::SeveralRuns => distinct("run") > 1,
            Show::SeveralSeeds => distinct("seed") > 1,
            Show::NotEmpty => table.rows.iter().any(|row| !table.get(row, &spec.name).is_null()),
        })
        .collect();
    let mut previous = (&Value::Null, &Value::Null);
    let rows: Vec<Row> = table
        .rows
        .iter()
        .take(limit)
        .enumerate()
        .map(|(i, row)| {
            let group = (table.get(row, "run"), table.get(row, "seed"));
            let first =
                i > 0 && group != previous && table.column("row_kind").is_some() || i > 0 && group.0 != previous.0;
            previous = group;
            Row {
                total: table.get(row, "row_kind").as_str() == Some("total"),
                first,
                cells: shown.iter().map(|spec| cell(table, row, spec, labels)).collect(),
            }
        })
        .collect();
    let columns: Vec<Head> = shown
        .iter()
        .map(|spec| Head {
            text: spec.header.clone(),
            number: !matches!(spec.format, CellFormat::Text | CellFormat::Label),
        })
        .collect();
    Shown {
        latex: latex::columns(&columns, &rows),
        columns,
        rows,
        total: table.rows.len(),
    }
}

/// What stands in a column, with what stands beside it in the same cell.
fn cell(table: &Table, row: &[Value], spec: &ColumnSpec, labels: &BTreeMap<String, String>) -> Cell {
    let first = one(table, row, spec, labels);
    if spec.beside.is_empty() {
        return first;
    }
    let others = spec.beside.iter().map(|other| one(table, row, other, labels));
    let all: Vec<Cell> = std::iter::once(first).chain(others).collect();
    Cell {
        missing: all.iter().all(|cell| cell.missing),
        sort: all[0].sort,
        text: if all.iter().all(|cell| cell.missing) {
            MISSING.to_owned()
        } else {
            all.iter()
                .map(|cell| cell.text.as_str())
                .collect::<Vec<_>>()
                .join(" / ")
        },
    }
}

fn one(table: &Table, row: &[Value], spec: &ColumnSpec, labels: &BTreeMap<String, String>) -> Cell {
    let value = table.get(row, &spec.name);
    let number = value.as_f64().filter(|number| number.is_finite());
    let other = |name: &Option<String>| {
        name.as_ref()
            .and_then(|name| table.get(row, name).as_f64())
            .filter(|number| number.is_finite())
    };
    let text = match (spec.format, number) {
        (CellFormat::Text, _) => match value {
            Value::Bool(true) => Some("yes".to_owned()),
            Value::Bool(false) => Some("no".to_owned()),
            Value::Null => None,
            value => Some(plain(value, MISSING)),
        },
        (CellFormat::Label, _) => value.as_str().map(|text| label(text, labels)),
        (_, None) => None,
        (CellFormat::Integer, Some(number)) => Some(thousands(number)),
        (CellFormat::Decimal, Some(number)) => Some(spread(number, other(&spec.sd), spec.digits, false)),
        (CellFormat::SignedDecimal, Some(number)) => Some(spread(number, other(&spec.sd), spec.digits, true)),
        (CellFormat::Percent, Some(number)) => Some(spread(
            number * 100.0,
            other(&spec.sd).map(|sd| sd * 100.0),
            spec.digits,
            false,
        )),
        (CellFormat::SignedPercent, Some(number)) => Some(spread(
            number * 100.0,
            other(&spec.sd).map(|sd| sd * 100.0),
            spec.digits,
            true,
        )),
        (CellFormat::Bounds, Some(number)) => {
            other(&spec.to).map(|to| between(fixed(number, spec.digits), &fixed(to, spec.digits), " – "))
        }
        (CellFormat::Range, Some(number)) => {
            other(&spec.to).map(|to| format!("{}–{}", thousands(number), thousands(to)))
        }
        (CellFormat::Interval, Some(number)) => other(&spec.to).map(|to| {
            let [low, high] = [number, to].map(|end| fixed(end * 100.0, spec.digits));
            between(low, &high, "–")
        }),
    };
    let factor = if matches!(spec.format, CellFormat::Percent | CellFormat::SignedPercent) {
        100.0
    } else {
        1.0
    };
    let text = text.map(|text| match other(&spec.gain) {
        Some(gain) => format!("{text} ({})", spread(gain * factor, None, spec.digits, true)),
        None => text,
    });
    Cell {
        missing: text.is_none(),
        text: text.unwrap_or_else(|| MISSING.to_owned()),
        sort: number,
    }
}

/// What is shown for a value: what the catalogue says of it, `AU12` for `au12`, or the value itself.
pub(crate) fn label(text: &str, labels: &BTreeMap<String, String>) -> String {
    let unit = || ActionUnit::of_column(text).map(|unit| unit.to_string());
    labels
        .get(text)
        .cloned()
        .or_else(unit)
        .unwrap_or_else(|| text.to_owned())
}

/// Both ends of an interval; a dash between them is not taken for a sign.
fn between(low: String, high: &str, dash: &str) -> String {
    let signed = |end: &str| end.starts_with(['-', '−']);
    let between = if signed(&low) || signed(high) { " to " } else { dash };
    low + between + high
}

fn spread(mean: f64, sd: Option<f64>, digits: usize, signed: bool) -> String {
    let sign = if signed && mean > 0.0 && fixed(mean, digits) != fixed(0.0, digits) {
        "+"
    } else {
        ""
    };
    match sd {
        Some(sd) => format!("{sign}{} ± {}", fixed(mean, digits), fixed(sd, digits)),
        None => format!("{sign}{}", fixed(mean, digits)),
    }
}

/// A number with so many digits after the point, with a true minus sign and no "−0".
pub(super) fn fixed(number: f64, digits: usize) -> String {
    let text = format!("{number:.digits$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().all(|c| c == '0' || c == '.') => rest.to_owned(),
        Some(rest) => format!("−{rest}"),
        None => text,
    }
}

/// A whole number; from five digits on grouped by commas.
pub(super) fn thousands(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let minus = if number < 0.0 && digits != "0" { "−" } else { "" };
    if digits.len() < 5 {
        return format!("{minus}{digits}");
    }
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    format!("{minus}{out}")
}
