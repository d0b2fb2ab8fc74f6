//! Published numbers from their files, checked as a whole.

use std::path::Path;

use include_dir::include_dir;

use crate::document::assets::Embedded;
use crate::document::invalid::{Invalid, require};
use crate::document::tree::Node;
use crate::error::{Context, Error, Result};
use crate::regular;

use super::file::{Paper, SCHEMA, once};
use super::language;

pub(crate) static EMBEDDED: Embedded = Embedded::new(
    include_dir!("$CARGO_MANIFEST_DIR/reports/published"),
    "reports/published",
);

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
        let text = regular::text(path).at("read", path)?;
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
}
