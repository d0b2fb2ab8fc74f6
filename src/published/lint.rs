//! Checks the rules of published numbers and reports every one that does not hold, with its arithmetic.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::error::{Error, Result};

use super::cards::Cards;
use super::evaluate::{Evaluator, Here, Reference, Scope, Touched, truth};
use super::file::{Paper, PaperCell, PaperRule, Severity};

/// What the linter found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lint {
    /// Name of the paper.
    pub paper: String,
    /// Its title.
    pub title: String,
    /// Which text the numbers were taken from.
    pub source: String,
    /// The file.
    pub file: String,
    /// Numbers in it.
    pub numbers: usize,
    /// Rules in it.
    pub rules: usize,
    /// How often a rule was applied.
    pub checks: usize,
    /// What does not hold, contradictions first, each in the order of the rules.
    pub findings: Vec<LintFinding>,
    /// Numbers that no rule looks at.
    pub unchecked: Vec<String>,
}

/// A rule that does not hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LintFinding {
    /// The rule.
    pub rule: String,
    /// What it means.
    pub severity: Severity,
    /// Where in the paper.
    pub place: String,
    /// What should hold.
    pub says: String,
    /// Why it does not, in numbers.
    pub arithmetic: String,
    /// The numbers that took part, as rules name them.
    pub numbers: Vec<String>,
    /// The numbers of other sources that took part: value, what it is, where it is from.
    pub facts: Vec<String>,
}

impl Lint {
    /// Findings of one severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    }

    /// The report for people.
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "{}: {} numbers, {} rules, applied {} times\n{} ({})\n",
            self.file, self.numbers, self.rules, self.checks, self.title, self.source
        );
        for (severity, heading) in [
            (Severity::Contradiction, "contradictions"),
            (
                Severity::Doubt,
                "doubts (possible, but only under a reading that is not given)",
            ),
        ] {
            text.push_str(&format!("\n{} {heading}\n", self.count(severity)));
            for finding in self.findings.iter().filter(|finding| finding.severity == severity) {
                text.push_str(&format!(
                    "\n  {}\n    {}\n    should hold: {}\n",
                    finding.place, finding.arithmetic, finding.says
                ));
                for fact in &finding.facts {
                    text.push_str(&format!("    not of this paper: {fact}\n"));
                }
                text.push_str(&format!("    [{}]\n", finding.rule));
            }
        }
        if !self.unchecked.is_empty() {
            text.push_str(&format!(
                "\n{} numbers that no rule looks at: {}\n",
                self.unchecked.len(),
                self.unchecked.join(", ")
            ));
        }
        text
    }
}

/// Applies every rule.
///
/// # Errors
/// [`Error::Usage`] if a rule cannot be evaluated: it compares words with numbers, names a row that is not there, or asks
/// for a database without a card.
pub fn lint(paper: &Paper) -> Result<Lint> {
    lint_with(paper, &Cards::default())
}

pub(super) fn lint_with(paper: &Paper, cards: &Cards) -> Result<Lint> {
    let evaluator = Evaluator::new(paper, cards);
    let mut findings = Vec::new();
    let mut looked_at = BTreeSet::new();
    let mut checks = 0;
    for rule in &paper.rules {
        let mut apply = |here: Option<Here>| -> std::result::Result<(), String> {
            let scope = Scope { here, this: here };
            if let (Some(when), Some(_)) = (&rule.parsed_when, here) {
                let applies = truth(&evaluator.evaluate(when, scope)?)?;
                looked_at.extend(evaluator.take().seen);
                if applies != Some(true) {
                    return Ok(());
                }
            }
            checks += 1;
            findings.extend(check(paper, &evaluator, rule, scope, &mut looked_at)?);
            Ok(())
        };
        let wrong =
            |row: &str, what: String| Error::Usage(format!("{}: rule `{}`{row}: {what}", paper.origin, rule.id));
        if rule.over.is_empty() {
            apply(None).map_err(|what| wrong("", what))?;
        }
        for table in rule.over.iter().filter_map(|id| paper.table(id)) {
            for row in 0..table.rows.len() {
                apply(Some(Here { table, row }))
                    .map_err(|what| wrong(&format!(", row `{}` of `{}`", table.rows[row].name, table.id), what))?;
            }
        }
    }
    findings.sort_by_key(|finding: &LintFinding| finding.severity);
    Ok(Lint {
        paper: paper.id.clone(),
        title: paper.title.clone(),
        source: paper.source.clone(),
        file: paper.origin.clone(),
        numbers: paper.numbers(),
        rules: paper.rules.len(),
        checks,
        findings,
        unchecked: every_number(paper)
            .difference(&looked_at)
            .map(|reference| name(paper, reference))
            .collect(),
    })
}

fn check<'a>(
    paper: &'a Paper,
    evaluator: &Evaluator<'a>,
    rule: &PaperRule,
    scope: Scope<'a>,
    looked_at: &mut BTreeSet<Reference>,
) -> std::result::Result<Option<LintFinding>, String> {
    let Some(expr) = &rule.parsed_check else {
        return Ok(None);
    };
    let holds = truth(&evaluator.evaluate(expr, scope)?)?;
    let Touched { seen, missing, facts } = evaluator.take();
    let missing: Vec<String> = missing.into_iter().collect();
    looked_at.extend(seen.iter().cloned());
    let arithmetic = match holds {
        Some(true) => return Ok(None),
        Some(false) => {
            let arithmetic = evaluator.explain(expr, scope)?;
            evaluator.take();
            arithmetic
        }
        None => format!("cannot be checked, there is no number for: {}", missing.join("; ")),
    };
    Ok(Some(LintFinding {
        rule: rule.id.clone(),
        severity: rule.severity,
        place: place(paper, scope, &seen, &missing),
        says: rule.says.clone(),
        arithmetic,
        numbers: seen.iter().map(|reference| name(paper, reference)).collect(),
        facts: facts.into_iter().collect(),
    }))
}

/// Where the numbers stand: the rule's row first, then whatever else was looked at.
fn place(paper: &Paper, scope: Scope, seen: &BTreeSet<Reference>, missing: &[String]) -> String {
    let mut places: Vec<String> = Vec::new();
    if let Some(here) = scope.this {
        places.push(format!(
            "{}, {} {}",
            here.table.place, here.table.key, here.table.rows[here.row].name
        ));
    }
    let mut others: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for reference in seen {
        match reference {
            Reference::Cell { table, row, column } => {
                let table = &paper.tables[*table];
                if scope
                    .this
                    .is_some_and(|here| here.table.id == table.id && here.row == *row)
                {
                    continue;
                }
                others
                    .entry(table.place.as_str())
                    .or_default()
                    .insert(table.columns[*column].title.as_str());
            }
            Reference::Text(index) => {
                let said = &paper.texts[*index];
                others
                    .entry(said.place.as_str())
                    .or_default()
                    .insert(said.about.as_str());
            }
        }
    }
    places.extend(
        others
            .into_iter()
            .map(|(place, what)| format!("{place} ({})", what.into_iter().collect::<Vec<_>>().join("; "))),
    );
    if places.is_empty() {
        places.extend(missing.iter().cloned());
    }
    places.join("; ")
}

/// `table[row].column` or `text.id`.
fn name(paper: &Paper, reference: &Reference) -> String {
    match reference {
        Reference::Cell { table, row, column } => {
            let table = &paper.tables[*table];
            format!(
                "{}[{}].{}",
                table.id, table.rows[*row].name, table.columns[*column].name
            )
        }
        Reference::Text(index) => format!("text.{}", paper.texts[*index].id),
    }
}

fn every_number(paper: &Paper) -> BTreeSet<Reference> {
    let mut all = BTreeSet::new();
    for (table, content) in paper.tables.iter().enumerate() {
        for (row, cells) in content.rows.iter().enumerate() {
            for (column, cell) in cells.cells.iter().enumerate() {
                if matches!(cell, PaperCell::Number(_)) {
                    all.insert(Reference::Cell { table, row, column });
                }
            }
        }
    }
    all.extend(
        paper
            .texts
            .iter()
            .enumerate()
            .filter(|(_, said)| said.value.is_some())
            .map(|(index, _)| Reference::Text(index)),
    );
    all
}
