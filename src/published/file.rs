//! Published numbers as they lie in `reports/published/*.toml`: tables, numbers of the running text, facts from other
//! sources, and the rules that must hold among them.

use std::collections::{BTreeMap, BTreeSet};

use include_dir::include_dir;
use serde::Deserialize;

use crate::document::assets::Embedded;
use crate::document::invalid::{Invalid, require};
use crate::document::suggest::nearest;

use super::language::Expr;

/// Version of the format.
pub const SCHEMA: u32 = 1;

/// The published numbers of one paper.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paper {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Short name.
    pub id: String,
    /// Title of the paper.
    pub title: String,
    /// Which text the numbers were taken from.
    pub source: String,
    /// The tables, each block one.
    #[serde(default, rename = "table")]
    pub tables: Vec<PaperTable>,
    /// Numbers of the running text.
    #[serde(default, rename = "text")]
    pub texts: Vec<PaperText>,
    /// Numbers of other sources that rules compare with.
    #[serde(default, rename = "fact")]
    pub facts: Vec<PaperFact>,
    /// The numbers that a run can be held against.
    #[serde(default, rename = "result")]
    pub results: Vec<PaperResult>,
    /// What must hold.
    #[serde(default, rename = "rule")]
    pub rules: Vec<PaperRule>,
    /// How the numbers of a run are set beside a table.
    #[serde(default, rename = "compare")]
    pub comparisons: Vec<PaperComparison>,
    /// The file, for messages.
    #[serde(skip)]
    pub origin: String,
}

/// One printed table, or a block of one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperTable {
    /// Name in rules.
    pub id: String,
    /// Where it stands in the paper.
    pub place: String,
    /// What names a row.
    pub key: String,
    /// The columns.
    pub columns: Vec<PaperColumn>,
    /// The rows as written; `row` is the row's name.
    #[serde(rename = "rows")]
    pub written: Vec<toml::Table>,
    /// The rows, cells in the order of the columns.
    #[serde(skip)]
    pub rows: Vec<PaperRow>,
}

/// One column of a printed table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperColumn {
    /// Name in rules.
    pub name: String,
    /// Heading in the paper.
    pub title: String,
    /// Digits after the point as printed.
    #[serde(default)]
    pub digits: usize,
    /// The column holds words.
    #[serde(default)]
    pub words: bool,
}

/// One row.
#[derive(Debug, Clone, Default)]
pub struct PaperRow {
    /// Its name, unique in the table.
    pub name: String,
    /// One cell for each column.
    pub cells: Vec<PaperCell>,
}

/// A cell: a number, words, or nothing printed.
#[derive(Debug, Clone, PartialEq)]
pub enum PaperCell {
    /// A number.
    Number(f64),
    /// Words.
    Words(String),
    /// Nothing printed.
    Empty,
}

/// A printed number that the check against published numbers holds a run against.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperResult {
    /// Card of the database.
    pub dataset: String,
    /// Kind of the frozen encoder.
    pub encoder: String,
    /// Its architecture, as `[encoder] architecture` names it; any if left out.
    pub architecture: Option<String>,
    /// Size of the dictionary before pruning, where the number is printed for one.
    pub k_max: Option<u64>,
    /// The metric of a run.
    pub metric: String,
    /// The table that prints it.
    pub table: String,
    /// Its row.
    pub row: String,
    /// Its column.
    pub column: String,
    /// Printed in per cent; a run's metric is a fraction.
    #[serde(default)]
    pub percent: bool,
    /// Largest harmless distance below the number, in units of the metric.
    pub tolerance: f64,
}

/// A number of the running text.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperText {
    /// Name in rules.
    pub id: String,
    /// Section.
    pub place: String,
    /// What it is the number of.
    pub about: String,
    /// The number; left out where the paper has a gap in its place.
    pub value: Option<f64>,
}

/// A number from another source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperFact {
    /// Name in rules.
    pub id: String,
    /// What it is the number of.
    pub about: String,
    /// Where it is from.
    pub source: String,
    /// The number.
    pub value: f64,
}

/// Something that must hold.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperRule {
    /// Name, unique in the file.
    pub id: String,
    /// What must hold, in words.
    pub says: String,
    /// Tables whose every row is checked; none: checked once.
    #[serde(default)]
    pub over: Vec<String>,
    /// Rows to which it applies; all if left out.
    pub when: Option<String>,
    /// The expression.
    pub check: String,
    /// What it means when it does not hold.
    #[serde(default)]
    pub severity: Severity,
    #[serde(skip)]
    pub(super) parsed_when: Option<Expr>,
    #[serde(skip)]
    pub(super) parsed_check: Option<Expr>,
}

/// What a broken rule means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Two statements of the paper, or the paper and the database, cannot both be true.
    #[default]
    Contradiction,
    /// Possible under a reading that the paper does not give; worth a question.
    Doubt,
}

impl Paper {
    /// "; did you mean `rafdb`?" where a table has a name like it.
    pub(super) fn near_table(&self, name: &str) -> String {
        let ids: Vec<String> = self.tables.iter().map(|table| table.id.clone()).collect();
        nearest(name, &ids).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
    }

    /// The table of this name.
    pub fn table(&self, id: &str) -> Option<&PaperTable> {
        self.tables.iter().find(|table| table.id == id)
    }

    /// The printed number that `result` names, as it is printed.
    pub fn number(&self, result: &PaperResult) -> Option<f64> {
        let table = self.table(&result.table)?;
        let column = table.columns.iter().position(|column| column.name == result.column)?;
        let row = table.rows.iter().find(|row| row.name == result.row)?;
        match row.cells.get(column)? {
            PaperCell::Number(number) => Some(*number),
            PaperCell::Words(_) | PaperCell::Empty => None,
        }
    }

    /// How many numbers it holds, without facts from other sources.
    pub fn numbers(&self) -> usize {
        let cells = self
            .tables
            .iter()
            .flat_map(|table| &table.rows)
            .flat_map(|row| &row.cells);
        cells.filter(|cell| matches!(cell, PaperCell::Number(_))).count()
            + self.texts.iter().filter(|said| said.value.is_some()).count()
    }
}

impl PaperTable {
    /// From rows as written to rows in the order of the columns.
    pub(super) fn fill(&mut self) -> std::result::Result<(), Invalid> {
        let mut names = BTreeSet::new();
        for (i, column) in self.columns.iter().enumerate() {
            require(
                column.name != "row" && column.name != "last" && names.insert(column.name.as_str()),
                &format!("columns[{i}].name"),
                &format!("column `{}` is there twice or has a reserved name", column.name),
            )?;
        }
        let mut seen = BTreeSet::new();
        for (i, written) in self.written.iter().enumerate() {
            let name = written.get("row").and_then(toml::Value::as_str).ok_or_else(|| {
                let what = format!("row {}: expected its name, `row = \"…\"`", i + 1);
                (format!("rows[{i}].row"), what)
            })?;
            require(
                seen.insert(name.to_owned()),
                &format!("rows[{i}].row"),
                &format!("row `{name}` is there twice"),
            )?;
            if let Some(unknown) = written
                .keys()
                .find(|key| *key != "row" && !names.contains(key.as_str()))
            {
                let columns: Vec<String> = self.columns.iter().map(|column| column.name.clone()).collect();
                let near =
                    nearest(unknown, &columns).map_or_else(String::new, |near| format!("did you mean `{near}`? "));
                let what = format!(
                    "row `{name}`: there is no column `{unknown}`; {near}columns: {}",
                    columns.join(", ")
                );
                return Err((format!("rows[{i}].{unknown}"), what));
            }
            let mut cells = Vec::new();
            for column in &self.columns {
                let cell = match (written.get(&column.name), column.words) {
                    (None, _) => PaperCell::Empty,
                    (Some(toml::Value::String(text)), true) => PaperCell::Words(text.clone()),
                    (Some(toml::Value::Integer(number)), false) => PaperCell::Number(*number as f64),
                    (Some(toml::Value::Float(number)), false) if number.is_finite() => PaperCell::Number(*number),
                    (Some(_), words) => {
                        let what = format!(
                            "row `{name}`, column `{}`: expected {}",
                            column.name,
                            if words { "a string" } else { "a number" }
                        );
                        return Err((format!("rows[{i}].{}", column.name), what));
                    }
                };
                cells.push(cell);
            }
            self.rows.push(PaperRow {
                name: name.to_owned(),
                cells,
            });
        }
        require(!self.rows.is_empty(), "rows", "expected at least one row")
    }

    /// Position of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Position of a row.
    pub fn row(&self, name: &str) -> Option<usize> {
        self.rows.iter().position(|row| row.name == name)
    }
}

/// Names that must differ, in a list of tables.
pub(crate) fn once<'a>(
    list: &str,
    key: &str,
    names: impl Iterator<Item = &'a str>,
) -> std::result::Result<(), Invalid> {
    let mut seen = BTreeSet::new();
    for (i, name) in names.enumerate() {
        require(
            seen.insert(name),
            &format!("{list}[{i}].{key}"),
            &format!("{list} `{name}` is there twice"),
        )?;
    }
    Ok(())
}

pub(crate) static SQL: Embedded = Embedded::new(include_dir!("$CARGO_MANIFEST_DIR/reports/sql"), "reports/sql");

/// How the numbers of a run are set beside a printed table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperComparison {
    /// The printed table.
    pub table: String,
    /// The database's card.
    pub dataset: String,
    /// The task.
    pub task: String,
    /// The statistic, a file under `reports/sql/`.
    pub sql: String,
    /// What the statistic names as `$name`.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// Columns in which a row of the statistic and a printed row agree; `row` is the printed row's name.
    #[serde(rename = "match")]
    pub matches: Vec<String>,
    /// Printed column → column of the statistic.
    pub columns: BTreeMap<String, String>,
    /// Settings that the paper gives, by the recipe's key.
    #[serde(default)]
    pub stated: BTreeMap<String, String>,
    /// What the paper does not say and numbers hang on.
    #[serde(default)]
    pub unstated: BTreeMap<String, String>,
}

impl PaperComparison {
    pub(super) fn validate(&self, paper: &Paper) -> std::result::Result<(), Invalid> {
        let of = |what: String| format!("comparison with `{}`: {what}", self.table);
        let Some(table) = paper.table(&self.table) else {
            let near = paper.near_table(&self.table);
            return Err(("table".to_owned(), of(format!("there is no such table{near}"))));
        };
        let columns = self.columns.keys().map(|name| (format!("columns.{name}"), name));
        let matches = self.matches.iter().enumerate();
        let matches = matches.map(|(i, name)| (format!("match[{i}]"), name));
        for (key, name) in columns.chain(matches.filter(|(_, name)| *name != "row")) {
            require(
                table.column(name).is_some(),
                &key,
                &of(format!("the table has no column `{name}`")),
            )?;
        }
        require(
            !self.matches.is_empty(),
            "match",
            &of("`match` names no column".to_owned()),
        )?;
        require(
            SQL.bytes(&self.sql).is_some(),
            "sql",
            &of(format!("there is no statistic reports/sql/{}", self.sql)),
        )
    }
}
