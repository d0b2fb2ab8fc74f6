//! Published numbers as they lie in `reports/published/*.toml`: tables, numbers of the running text, facts from other
//! sources, and the rules that must hold among them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use include_dir::include_dir;
use serde::Deserialize;

use crate::document::assets::Embedded;
use crate::document::invalid::{Invalid, require};
use crate::document::suggest::nearest;
use crate::document::tree::Node;
use crate::error::{Context, Error, Result};

use super::language::{self, Expr};

static EMBEDDED: Embedded = Embedded::new(
    include_dir!("$CARGO_MANIFEST_DIR/reports/published"),
    "reports/published",
);

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
    /// Names of the built-in papers.
    pub fn names() -> Vec<String> {
        EMBEDDED.documents()
    }

    /// A built-in paper.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is none of this name.
    pub fn built_in(name: &str) -> Result<Self> {
        let file = format!("{name}.toml");
        let text = EMBEDDED.text(&file).ok_or_else(|| {
            Error::Usage(format!(
                "no published numbers named `{name}`; expected one of: {}",
                Self::names().join(", ")
            ))
        })?;
        Self::parse(text, &EMBEDDED.shown(&file))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Document`] if it is not a file of published numbers.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).at("read", path)?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Parses the text of a file; `origin` stands in messages.
    ///
    /// # Errors
    /// [`Error::Document`] with the file and line of the table's cell, or the rule, that is wrong.
    pub fn parse(text: &str, origin: &str) -> Result<Self> {
        let tree = Node::parse("published numbers", origin, text)?;
        let mut paper: Self = tree.read()?;
        origin.clone_into(&mut paper.origin);
        paper.complete().map_err(|invalid| tree.invalid(&invalid))?;
        Ok(paper)
    }

    /// Sets the rows of the tables and the expressions of the rules, and checks what the types cannot say.
    fn complete(&mut self) -> std::result::Result<(), Invalid> {
        require(
            self.schema == SCHEMA,
            "schema",
            &format!("expected {SCHEMA}, found {}", self.schema),
        )?;
        once("table", "id", self.tables.iter().map(|table| table.id.as_str()))?;
        for (i, table) in self.tables.iter_mut().enumerate() {
            let named = format!("table `{}`", table.id);
            table
                .fill()
                .map_err(|(key, what)| (format!("table[{i}].{key}"), format!("{named}: {what}")))?;
        }
        once("text", "id", self.texts.iter().map(|said| said.id.as_str()))?;
        for (i, said) in self.texts.iter().enumerate() {
            require(
                said.value.is_none_or(f64::is_finite),
                &format!("text[{i}].value"),
                &format!("text `{}`: expected a finite number", said.id),
            )?;
        }
        once("fact", "id", self.facts.iter().map(|fact| fact.id.as_str()))?;
        for (i, fact) in self.facts.iter().enumerate() {
            require(
                fact.value.is_finite(),
                &format!("fact[{i}].value"),
                &format!("fact `{}`: expected a finite number", fact.id),
            )?;
        }
        for (i, result) in self.results.iter().enumerate() {
            let key = |key: &str| format!("result[{i}].{key}");
            require(
                crate::metric::named::info(&result.metric).is_some(),
                &key("metric"),
                &format!("runs have no metric `{}`; docs/metrics.md lists them", result.metric),
            )?;
            require(
                result.tolerance.is_finite() && result.tolerance >= 0.0,
                &key("tolerance"),
                "expected a tolerance of 0 or more",
            )?;
            require(
                self.number(result).is_some(),
                &key("table"),
                &format!(
                    "table `{}` prints no number in row `{}`, column `{}`",
                    result.table, result.row, result.column
                ),
            )?;
        }
        let mut rules = std::mem::take(&mut self.rules);
        once("rule", "id", rules.iter().map(|rule| rule.id.as_str()))?;
        for (i, rule) in rules.iter_mut().enumerate() {
            let id = &rule.id;
            let of = |key: &str, what: String| (format!("rule[{i}].{key}"), format!("rule `{id}`, `{key}`: {what}"));
            if let Some(unknown) = rule.over.iter().find(|id| self.table(id).is_none()) {
                return Err(of(
                    "over",
                    format!("there is no table `{unknown}`{}", self.near_table(unknown)),
                ));
            }
            if let Some(when) = &rule.when {
                if rule.over.is_empty() {
                    return Err(of("when", "it chooses rows of `over`, which is not there".to_owned()));
                }
                rule.parsed_when = Some(language::parse(when).map_err(|what| of("when", what))?);
            }
            rule.parsed_check = Some(language::parse(&rule.check).map_err(|what| of("check", what))?);
        }
        self.rules = rules;
        super::names::check(self)?;
        for (i, comparison) in self.comparisons.iter().enumerate() {
            comparison
                .validate(self)
                .map_err(|(key, what)| (format!("compare[{i}].{key}"), what))?;
        }
        Ok(())
    }

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
    fn fill(&mut self) -> std::result::Result<(), Invalid> {
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
fn once<'a>(list: &str, key: &str, names: impl Iterator<Item = &'a str>) -> std::result::Result<(), Invalid> {
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
