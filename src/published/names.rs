//! Whether every name in every rule means something, checked when the file is read, so that a rule that applies to no row
//! today cannot hide a slip of the pen.

use crate::document::invalid::Invalid;

use super::file::{Paper, PaperTable};
use super::language::Expr;

/// Functions, with the number of arguments.
const FUNCTIONS: [(&str, &[usize]); 8] = [
    ("abs", &[1]),
    ("floor", &[1]),
    ("round", &[1, 2]),
    ("given", &[1]),
    ("card", &[2, 3]),
    ("card_rows", &[2]),
    ("card_aus", &[1]),
    ("card_subjects", &[1]),
];

#[derive(Clone, Copy)]
struct Scope<'a> {
    paper: &'a Paper,
    /// The table of the row at hand.
    here: Option<&'a PaperTable>,
    /// The table of the rule's row.
    this: Option<&'a PaperTable>,
}

/// Checks all rules of a paper.
///
/// # Errors
/// The rule's key and the name in it that means nothing.
pub(super) fn check(paper: &Paper) -> Result<(), Invalid> {
    for (i, rule) in paper.rules.iter().enumerate() {
        let tables: Vec<Option<&PaperTable>> = if rule.over.is_empty() {
            vec![None]
        } else {
            rule.over.iter().map(|id| paper.table(id)).collect()
        };
        for table in tables {
            let scope = Scope {
                paper,
                here: table,
                this: table,
            };
            for (key, expr) in [("when", &rule.parsed_when), ("check", &rule.parsed_check)] {
                if let Some(expr) = expr {
                    visit(expr, scope).map_err(|what| {
                        (
                            format!("rule[{i}].{key}"),
                            format!("rule `{}`, `{key}`: {what}", rule.id),
                        )
                    })?;
                }
            }
        }
    }
    Ok(())
}

fn column(table: Option<&PaperTable>, name: &str) -> Result<(), String> {
    let Some(table) = table else {
        return Err(format!(
            "`{name}` is a column, but there is no row at hand: name the table"
        ));
    };
    if matches!(name, "row" | "last") || table.column(name).is_some() {
        return Ok(());
    }
    Err(format!(
        "table `{}` has no column `{name}`; columns: {}",
        table.id,
        table
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    ))
}

fn visit(expr: &Expr, scope: Scope) -> Result<(), String> {
    match expr {
        Expr::Number(_) | Expr::Text(_) => Ok(()),
        Expr::Column(name) => column(scope.here, name),
        Expr::Member(group, name) => match group.as_str() {
            "this" | "next" => column(scope.this, name),
            "text" if scope.paper.texts.iter().any(|said| said.id == *name) => Ok(()),
            "fact" if scope.paper.facts.iter().any(|fact| fact.id == *name) => Ok(()),
            "text" | "fact" => Err(format!("there is no {group} `{name}`")),
            _ => Err(format!(
                "`{group}.{name}`: expected this, next, text or fact before the point; a cell is written table[row].column"
            )),
        },
        Expr::Cell(id, row, name) => {
            let table = scope
                .paper
                .table(id)
                .ok_or_else(|| format!("there is no table `{id}`{}", scope.paper.near_table(id)))?;
            column(Some(table), name)?;
            match row.as_ref() {
                Expr::Text(row) if table.row(row).is_none() => Err(format!("table `{id}` has no row `{row}`")),
                row => visit(row, scope),
            }
        }
        Expr::Over(_, id, body, filter) => {
            let table = scope
                .paper
                .table(id)
                .ok_or_else(|| format!("there is no table `{id}`{}", scope.paper.near_table(id)))?;
            let inner = Scope {
                here: Some(table),
                ..scope
            };
            [body, filter]
                .into_iter()
                .flatten()
                .try_for_each(|part| visit(part, inner))
        }
        Expr::Call(name, arguments) => {
            let (_, counts) = FUNCTIONS.iter().find(|(known, _)| known == name).ok_or_else(|| {
                format!(
                    "there is no function `{name}`; functions: {}",
                    FUNCTIONS.map(|(name, _)| name).join(", ")
                )
            })?;
            if !counts.contains(&arguments.len()) {
                return Err(format!(
                    "`{name}` takes {counts:?} arguments, found {}",
                    arguments.len()
                ));
            }
            arguments.iter().try_for_each(|argument| visit(argument, scope))
        }
        Expr::Negative(inner) | Expr::Not(inner) => visit(inner, scope),
        Expr::Arithmetic(_, left, right) => visit(left, scope).and_then(|()| visit(right, scope)),
        Expr::Compare(first, links) => {
            visit(first, scope)?;
            links.iter().try_for_each(|(_, expr)| visit(expr, scope))
        }
        Expr::And(parts) | Expr::Or(parts) => parts.iter().try_for_each(|part| visit(part, scope)),
    }
}
