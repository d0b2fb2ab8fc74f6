//! A query's result as text: an aligned table, CSV (RFC 4180), or JSON.

use std::fmt::Write as _;

use crate::terminal::{self, printable};

use super::value::{Kind, Table, Value};

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// Aligned columns for a terminal.
    #[default]
    Table,
    /// Comma-separated values after RFC 4180.
    Csv,
    /// An array of objects; numbers stay numbers.
    Json,
    /// A Parquet file with the types of the columns; only with a file to write to.
    Parquet,
}

impl Table {
    /// The whole result as text, ending in a line break.
    pub fn to_text(&self, format: Format) -> String {
        match format {
            // Parquet is no text; what comes here is shown to a person.
            Format::Table | Format::Parquet => self.to_aligned(),
            Format::Csv => self.to_csv(),
            Format::Json => self.to_json(),
        }
    }

    fn to_aligned(&self) -> String {
        let head: Vec<String> = self.columns.iter().map(|column| printable(&column.name)).collect();
        let body: Vec<Vec<String>> = self
            .rows
            .iter()
            .map(|row| row.iter().map(|value| printable(&plain(value, "—"))).collect())
            .collect();
        let widths: Vec<usize> = (0..head.len())
            .map(|i| {
                let widest = body.iter().map(|row| row[i].chars().count()).max().unwrap_or(0);
                widest.max(head[i].chars().count())
            })
            .collect();
        let mut text = String::new();
        let mut line = |cells: &[String]| {
            let mut out = String::new();
            for (i, cell) in cells.iter().enumerate() {
                let pad = " ".repeat(widths[i] - cell.chars().count());
                let gap = if i == 0 { "" } else { "  " };
                match self.columns[i].kind {
                    Kind::Int | Kind::Float => {
                        let _ = write!(out, "{gap}{pad}{cell}");
                    }
                    _ => {
                        let _ = write!(out, "{gap}{cell}{pad}");
                    }
                }
            }
            text.push_str(out.trim_end());
            text.push('\n');
        };
        line(&head);
        line(&widths.iter().map(|&width| "─".repeat(width)).collect::<Vec<_>>());
        for row in &body {
            line(row);
        }
        let plural = if self.rows.len() == 1 { "" } else { "s" };
        let _ = writeln!(text, "({} row{plural})", self.rows.len());
        text
    }

    fn to_csv(&self) -> String {
        let mut text = String::new();
        csv_line(&mut text, self.columns.iter().map(|column| column.name.clone()));
        for row in &self.rows {
            csv_line(&mut text, row.iter().map(|value| plain(value, "")));
        }
        text
    }

    fn to_json(&self) -> String {
        let keys: Vec<String> = self.columns.iter().map(|column| json_string(&column.name)).collect();
        let rows: Vec<String> = self
            .rows
            .iter()
            .map(|row| {
                let pairs: Vec<String> = keys
                    .iter()
                    .zip(row)
                    .map(|(key, value)| format!("{key}: {}", json(value)))
                    .collect();
                format!("  {{{}}}", pairs.join(", "))
            })
            .collect();
        if rows.is_empty() {
            "[]\n".to_owned()
        } else {
            format!("[\n{}\n]\n", rows.join(",\n"))
        }
    }
}

/// Appends one record; fields with a comma, a quote or a line break are quoted, quotes doubled.
pub(crate) fn csv_line(text: &mut String, fields: impl Iterator<Item = String>) {
    for (i, field) in fields.enumerate() {
        if i > 0 {
            text.push(',');
        }
        if field.contains([',', '"', '\n', '\r']) || field.starts_with(' ') || field.ends_with(' ') {
            let _ = write!(text, "\"{}\"", field.replace('"', "\"\""));
        } else {
            text.push_str(&field);
        }
    }
    text.push('\n');
}

/// A value as bare text, `missing` standing for null; lists are JSON.
pub(crate) fn plain(value: &Value, missing: &str) -> String {
    match value {
        Value::Null => missing.to_owned(),
        Value::Text(text) => text.clone(),
        Value::Float(number) if !number.is_finite() => number.to_string(),
        other => json(other),
    }
}

fn json(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        // Whole numbers keep a point, so that a reader sees the type.
        Value::Float(value) if value.is_finite() => format!("{value:?}"),
        // JSON knows no infinity and no NaN.
        Value::Null | Value::Float(_) => "null".to_owned(),
        Value::Text(text) => json_string(text),
        Value::List(items) => format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(", ")),
    }
}

fn json_string(text: &str) -> String {
    terminal::json(&serde_json::Value::String(text.to_owned()).to_string())
}
