//! Evaluates the expressions of rules, and writes down the arithmetic as it goes.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::task::Split;

use super::cards::Cards;
use super::file::{Paper, PaperCell, PaperTable};
use super::language::{Expr, Over, Relation};

/// Numbers are the same up to this share of their size: what binary fractions make of decimal ones, and far less than
/// the last printed digit of anything.
const SAME: f64 = 1e-9;

/// A number of the paper that a rule has looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reference {
    Cell { table: usize, row: usize, column: usize },
    Text(usize),
}

/// A row at hand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Here<'a> {
    pub(super) table: &'a PaperTable,
    pub(super) row: usize,
}

/// What names mean.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scope<'a> {
    pub(super) here: Option<Here<'a>>,
    pub(super) this: Option<Here<'a>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Number(f64),
    Text(String),
    Bool(bool),
    Missing,
}

/// A value and how it came about.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) value: Value,
    text: String,
    bond: Bond,
}

/// How loosely a text hangs together: a looser one needs parentheses inside a tighter one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Bond {
    /// A number or name.
    Single,
    /// Closed in itself, as a function with its parentheses.
    Closed,
    Product,
    Sum,
    Statement,
}

impl Shown {
    fn leaf(value: Value) -> Self {
        let text = match &value {
            Value::Number(number) => plain(*number),
            Value::Text(text) => format!("“{text}”"),
            Value::Bool(true) => "yes".to_owned(),
            Value::Bool(false) => "no".to_owned(),
            Value::Missing => "nothing printed".to_owned(),
        };
        Self {
            value,
            text,
            bond: Bond::Single,
        }
    }

    /// The text, in parentheses if it hangs together more loosely than `most`.
    fn within(&self, most: Bond) -> String {
        if self.bond <= most {
            self.text.clone()
        } else {
            format!("({})", self.text)
        }
    }

    /// The arithmetic and what it gives: `1 + 2 = 3`, or `3`.
    fn with_result(&self) -> String {
        if self.bond == Bond::Single {
            self.text.clone()
        } else {
            format!("{} = {}", self.text, Self::leaf(self.value.clone()).text)
        }
    }
}

/// A number without more digits than it needs.
pub(super) fn plain(number: f64) -> String {
    // Four digits after the point, and for small numbers three that are not zero.
    let digits = if number == 0.0 || number.abs() >= 0.1 {
        4
    } else {
        (2.0 - number.abs().log10().floor()).min(12.0) as usize
    };
    let text = format!("{number:.digits$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    match text.strip_prefix('-') {
        Some("0") => "0".to_owned(),
        Some(rest) => format!("−{rest}"),
        None => text.to_owned(),
    }
}

/// Evaluates the rules of one paper.
pub(super) struct Evaluator<'a> {
    paper: &'a Paper,
    cards: &'a Cards,
    touched: RefCell<Touched>,
}

/// What took part in the expressions evaluated since it was last taken.
#[derive(Default)]
pub(super) struct Touched {
    /// The numbers looked at.
    pub seen: BTreeSet<Reference>,
    /// What was needed and is not there.
    pub missing: BTreeSet<String>,
    /// The numbers of other sources, with what they are and where they are from.
    pub facts: BTreeSet<String>,
}

type Evaluated<T = Shown> = Result<T, String>;

impl<'a> Evaluator<'a> {
    pub(super) fn new(paper: &'a Paper, cards: &'a Cards) -> Self {
        Self {
            paper,
            cards,
            touched: RefCell::default(),
        }
    }

    /// What took part since the last call.
    pub(super) fn take(&self) -> Touched {
        self.touched.take()
    }

    pub(super) fn evaluate(&self, expr: &Expr, scope: Scope<'a>) -> Evaluated {
        match expr {
            Expr::Number(number) => Ok(Shown::leaf(Value::Number(*number))),
            Expr::Text(text) => Ok(Shown::leaf(Value::Text(text.clone()))),
            Expr::Column(name) => self.read(scope.here, name),
            Expr::Member(group, name) => match group.as_str() {
                "this" => self.read(scope.this, name),
                "next" => {
                    let below = scope.this.filter(|here| here.row + 1 < here.table.rows.len());
                    match below {
                        Some(here) => self.read(
                            Some(Here {
                                row: here.row + 1,
                                ..here
                            }),
                            name,
                        ),
                        None => Ok(Shown::leaf(Value::Missing)),
                    }
                }
                "text" => {
                    let found = self.paper.texts.iter().position(|said| said.id == *name);
                    let index = found.ok_or_else(|| format!("there is no text `{name}`"))?;
                    self.touched.borrow_mut().seen.insert(Reference::Text(index));
                    let said = &self.paper.texts[index];
                    Ok(Shown::leaf(if let Some(value) = said.value {
                        Value::Number(value)
                    } else {
                        self.touched
                            .borrow_mut()
                            .missing
                            .insert(format!("{} ({})", said.about, said.place));
                        Value::Missing
                    }))
                }
                "fact" => {
                    let found = self.paper.facts.iter().find(|fact| fact.id == *name);
                    let fact = found.ok_or_else(|| format!("there is no fact `{name}`"))?;
                    self.touched
                        .borrow_mut()
                        .facts
                        .insert(format!("{}: {}; {}", fact.value, fact.about, fact.source));
                    Ok(Shown::leaf(Value::Number(fact.value)))
                }
                _ => Err(format!("`{group}.{name}` has no meaning")),
            },
            Expr::Cell(id, row, name) => {
                let table = self
                    .paper
                    .table(id)
                    .ok_or_else(|| format!("there is no table `{id}`"))?;
                let row = match self.evaluate(row, scope)?.value {
                    Value::Text(row) => row,
                    Value::Missing => return Ok(Shown::leaf(Value::Missing)),
                    other => return Err(format!("a row is named by words, found {}", Shown::leaf(other).text)),
                };
                let index = table
                    .row(&row)
                    .ok_or_else(|| format!("table `{id}` has no row `{row}`"))?;
                self.read(Some(Here { table, row: index }), name)
            }
            Expr::Over(over, id, body, filter) => {
                let rows = self.rows(id, filter.as_deref(), scope)?;
                match rows {
                    Some(rows) => self.over(*over, body.as_deref(), &rows, scope),
                    None => Ok(Shown::leaf(Value::Missing)),
                }
            }
            Expr::Call(name, arguments) => self.call(name, arguments, scope),
            Expr::Negative(inner) => {
                let inner = self.evaluate(inner, scope)?;
                let value = number(&inner)?.map_or(Value::Missing, |value| Value::Number(-value));
                Ok(if inner.bond == Bond::Single {
                    Shown::leaf(value)
                } else {
                    Shown {
                        value,
                        text: format!("−{}", inner.within(Bond::Closed)),
                        bond: Bond::Product,
                    }
                })
            }
            Expr::Not(inner) => {
                let inner = self.evaluate(inner, scope)?;
                let value = truth(&inner)?.map_or(Value::Missing, |value| Value::Bool(!value));
                Ok(Shown {
                    value,
                    text: format!("not {}", inner.within(Bond::Closed)),
                    bond: Bond::Statement,
                })
            }
            Expr::Arithmetic(sign, left, right) => {
                let (left, right) = (self.evaluate(left, scope)?, self.evaluate(right, scope)?);
                let (bond, right_bond) = match sign {
                    '+' => (Bond::Sum, Bond::Sum),
                    '-' => (Bond::Sum, Bond::Product),
                    '*' => (Bond::Product, Bond::Product),
                    _ => (Bond::Product, Bond::Closed),
                };
                let text = format!("{} {} {}", left.within(bond), shown(*sign), right.within(right_bond));
                let value = match (number(&left)?, number(&right)?) {
                    (Some(left), Some(right)) => {
                        let value = match sign {
                            '+' => left + right,
                            '-' => left - right,
                            '*' => left * right,
                            _ => left / right,
                        };
                        if !value.is_finite() {
                            return Err(format!("{text} is not a number"));
                        }
                        Value::Number(value)
                    }
                    _ => Value::Missing,
                };
                Ok(Shown { value, text, bond })
            }
            Expr::Compare(first, links) => {
                let mut left = self.evaluate(first, scope)?;
                let mut text = left.within(Bond::Sum);
                let mut all = Some(true);
                for (relation, expr) in links {
                    let right = self.evaluate(expr, scope)?;
                    text.push_str(&format!(" {relation} {}", right.within(Bond::Sum)));
                    all = match (all, holds(&left.value, *relation, &right.value)?) {
                        (Some(all), Some(link)) => Some(all && link),
                        _ => None,
                    };
                    left = right;
                }
                Ok(Shown {
                    value: all.map_or(Value::Missing, Value::Bool),
                    text,
                    bond: Bond::Statement,
                })
            }
            // Every part is evaluated, so that every number that it looks at counts as looked at.
            Expr::And(parts) | Expr::Or(parts) => {
                let shown: Vec<Shown> = parts
                    .iter()
                    .map(|part| self.evaluate(part, scope))
                    .collect::<Evaluated<_>>()?;
                let truths: Vec<Option<bool>> = shown.iter().map(truth).collect::<Evaluated<_>>()?;
                let (decides, word) = if matches!(expr, Expr::And(_)) {
                    (false, " and ")
                } else {
                    (true, " or ")
                };
                let value = if truths.contains(&Some(decides)) {
                    Value::Bool(decides)
                } else if truths.contains(&None) {
                    Value::Missing
                } else {
                    Value::Bool(!decides)
                };
                Ok(Shown {
                    value,
                    text: shown
                        .iter()
                        .map(|part| part.text.as_str())
                        .collect::<Vec<_>>()
                        .join(word),
                    bond: Bond::Statement,
                })
            }
        }
    }

    /// The arithmetic that shows why an expression does not hold.
    pub(super) fn explain(&self, expr: &Expr, scope: Scope<'a>) -> Evaluated<String> {
        match expr {
            Expr::And(parts) => {
                let mut failed = Vec::new();
                for part in parts {
                    if truth(&self.evaluate(part, scope)?)? == Some(false) {
                        failed.push(self.explain(part, scope)?);
                    }
                }
                Ok(failed.join("; "))
            }
            Expr::Or(parts) => {
                let failed: Vec<String> = parts
                    .iter()
                    .map(|part| self.explain(part, scope))
                    .collect::<Evaluated<_>>()?;
                Ok(failed.join(", and "))
            }
            Expr::Compare(first, links) => {
                let mut left = self.evaluate(first, scope)?;
                for (relation, expr) in links {
                    let right = self.evaluate(expr, scope)?;
                    if holds(&left.value, *relation, &right.value)? == Some(false) {
                        return Ok(format!(
                            "{} {} {}",
                            left.with_result(),
                            relation.opposite(),
                            if right.bond == Bond::Single {
                                right.text
                            } else {
                                format!("{} = {}", Shown::leaf(right.value.clone()).text, right.text)
                            }
                        ));
                    }
                    left = right;
                }
                Ok(self.evaluate(expr, scope)?.text)
            }
            Expr::Over(Over::All, id, Some(body), filter) => {
                let mut failed = Vec::new();
                for here in self.rows(id, filter.as_deref(), scope)?.unwrap_or_default() {
                    let inner = Scope {
                        here: Some(here),
                        ..scope
                    };
                    if truth(&self.evaluate(body, inner)?)? == Some(false) {
                        let name = &here.table.rows[here.row].name;
                        failed.push(format!("{name}: {}", self.explain(body, inner)?));
                    }
                }
                Ok(failed.join("; "))
            }
            Expr::Over(Over::Any, id, Some(body), filter) => {
                let mut failed = Vec::new();
                for here in self.rows(id, filter.as_deref(), scope)?.unwrap_or_default() {
                    let inner = Scope {
                        here: Some(here),
                        ..scope
                    };
                    let name = &here.table.rows[here.row].name;
                    failed.push(format!("{name}: {}", self.explain(body, inner)?));
                }
                Ok(format!("no row does: {}", failed.join("; ")))
            }
            other => Ok(format!("not so: {}", self.evaluate(other, scope)?.text)),
        }
    }

    fn read(&self, here: Option<Here<'a>>, name: &str) -> Evaluated {
        let here = here.ok_or_else(|| format!("`{name}` is a column, but there is no row at hand"))?;
        let row = &here.table.rows[here.row];
        match name {
            "row" => return Ok(Shown::leaf(Value::Text(row.name.clone()))),
            "last" => return Ok(Shown::leaf(Value::Bool(here.row + 1 == here.table.rows.len()))),
            _ => {}
        }
        let column = here
            .table
            .column(name)
            .ok_or_else(|| format!("table `{}` has no column `{name}`", here.table.id))?;
        Ok(Shown::leaf(match &row.cells[column] {
            PaperCell::Number(number) => {
                if let Some(table) = self.paper.tables.iter().position(|table| table.id == here.table.id) {
                    self.touched.borrow_mut().seen.insert(Reference::Cell {
                        table,
                        row: here.row,
                        column,
                    });
                }
                Value::Number(*number)
            }
            PaperCell::Words(words) => Value::Text(words.clone()),
            PaperCell::Empty => {
                self.touched.borrow_mut().missing.insert(format!(
                    "{}, row {}, column “{}”",
                    here.table.place, row.name, here.table.columns[column].title
                ));
                Value::Missing
            }
        }))
    }

    /// The rows of a table that pass a filter; nothing if the filter needs a number that is not there.
    fn rows(&self, id: &str, filter: Option<&Expr>, scope: Scope<'a>) -> Evaluated<Option<Vec<Here<'a>>>> {
        let table = self
            .paper
            .table(id)
            .ok_or_else(|| format!("there is no table `{id}`"))?;
        let mut rows = Vec::new();
        for row in 0..table.rows.len() {
            let here = Here { table, row };
            let passes = match filter {
                Some(filter) => {
                    let inner = Scope {
                        here: Some(here),
                        ..scope
                    };
                    truth(&self.evaluate(filter, inner)?)?
                }
                None => Some(true),
            };
            match passes {
                Some(true) => rows.push(here),
                Some(false) => {}
                None => return Ok(None),
            }
        }
        Ok(Some(rows))
    }

    fn over(&self, over: Over, body: Option<&Expr>, rows: &[Here<'a>], scope: Scope<'a>) -> Evaluated {
        let Some(body) = body else {
            return Ok(Shown::leaf(Value::Number(rows.len() as f64)));
        };
        let mut items = Vec::new();
        for here in rows {
            let inner = Scope {
                here: Some(*here),
                ..scope
            };
            items.push(self.evaluate(body, inner)?);
        }
        if matches!(over, Over::All | Over::Any | Over::Count) {
            let truths: Vec<Option<bool>> = items.iter().map(truth).collect::<Evaluated<_>>()?;
            let value = if truths.contains(&None) {
                Value::Missing
            } else {
                let true_ones = truths.iter().filter(|truth| **truth == Some(true)).count();
                match over {
                    Over::All => Value::Bool(true_ones == truths.len()),
                    Over::Any => Value::Bool(true_ones > 0),
                    _ => Value::Number(true_ones as f64),
                }
            };
            return Ok(Shown::leaf(value));
        }
        if over == Over::Distinct {
            let mut texts: Vec<&str> = items.iter().map(|item| item.text.as_str()).collect();
            texts.sort_unstable();
            texts.dedup();
            return Ok(Shown::leaf(Value::Number(texts.len() as f64)));
        }
        let Some(numbers) = items.iter().map(number).collect::<Evaluated<Option<Vec<f64>>>>()? else {
            return Ok(Shown::leaf(Value::Missing));
        };
        let result = match over {
            Over::Sum => Some(numbers.iter().sum()),
            Over::Min => numbers.iter().copied().reduce(f64::min),
            Over::Max => numbers.iter().copied().reduce(f64::max),
            _ => (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / numbers.len() as f64),
        };
        let value = result.map_or(Value::Missing, Value::Number);
        if items.len() < 2 {
            return Ok(items
                .pop()
                .map_or(Shown::leaf(value.clone()), |item| Shown { value, ..item }));
        }
        let listed = |between: &str| {
            let parts: Vec<String> = items.iter().map(|item| item.within(Bond::Sum)).collect();
            parts.join(between)
        };
        let (text, bond) = match over {
            Over::Sum => (listed(" + "), Bond::Sum),
            Over::Min => (format!("min({})", listed(", ")), Bond::Closed),
            Over::Max => (format!("max({})", listed(", ")), Bond::Closed),
            _ => (format!("mean({})", listed(", ")), Bond::Closed),
        };
        Ok(Shown { value, text, bond })
    }

    fn call(&self, name: &str, arguments: &[Expr], scope: Scope<'a>) -> Evaluated {
        if name == "given" {
            // Asking whether a number is there does not make it a missing one.
            let before = self.touched.borrow().missing.clone();
            let shown = self.evaluate(&arguments[0], scope)?;
            self.touched.borrow_mut().missing = before;
            return Ok(Shown::leaf(Value::Bool(shown.value != Value::Missing)));
        }
        let shown: Vec<Shown> = arguments
            .iter()
            .map(|argument| self.evaluate(argument, scope))
            .collect::<Evaluated<_>>()?;
        if let Some(kind) = name.strip_prefix("card") {
            let words: Vec<&str> = shown
                .iter()
                .map(|argument| match &argument.value {
                    Value::Text(text) => Ok(text.as_str()),
                    _ => Err(format!("`{name}` takes words, found {}", argument.text)),
                })
                .collect::<Evaluated<_>>()?;
            return self.card(kind, &words);
        }
        let Some(value) = number(&shown[0])? else {
            return Ok(Shown::leaf(Value::Missing));
        };
        let (value, text) = match name {
            "abs" => (value.abs(), format!("|{}|", shown[0].text)),
            "floor" => (value.floor(), format!("⌊{}⌋", shown[0].text)),
            _ => {
                let digits = match shown.get(1) {
                    Some(digits) => number(digits)?.unwrap_or(0.0),
                    None => 0.0,
                };
                let scale = 10f64.powf(digits);
                ((value * scale).round() / scale, format!("round({})", shown[0].text))
            }
        };
        let value = Value::Number(value);
        Ok(if shown[0].bond == Bond::Single {
            Shown::leaf(value)
        } else {
            Shown {
                value,
                text,
                bond: Bond::Closed,
            }
        })
    }

    /// What a database's card says.
    fn card(&self, kind: &str, words: &[&str]) -> Evaluated {
        let name = words[0];
        let card = self.cards.get(name)?;
        let split = |word: &str| {
            let split =
                Split::parse(word).ok_or_else(|| format!("`{word}` is no split: expected train, val or test"))?;
            Ok::<_, String>(card.splits.iter().find(|expected| expected.name == split))
        };
        let found = match kind {
            "" => {
                let split = split(words[1])?;
                match words.get(2) {
                    Some(class) => {
                        let index = card
                            .class_of_text(class)
                            .ok_or_else(|| format!("the card `{name}` has no class `{class}`"))?;
                        split.and_then(|split| split.classes.get(&card.classes[index].name).copied())
                    }
                    None => split.and_then(|split| split.samples),
                }
            }
            "_rows" => split(words[1])?.and_then(|split| split.rows),
            "_aus" => Some(card.aus.len() as u64),
            _ => {
                let subjects: BTreeSet<&String> = card.folds.iter().flat_map(|fold| &fold.subjects).collect();
                (!subjects.is_empty()).then_some(subjects.len() as u64)
            }
        };
        let Some(found) = found else {
            self.touched.borrow_mut().missing.insert(format!(
                "what the card of {} says of {}",
                card.title,
                words[1..].join(", ")
            ));
            return Ok(Shown::leaf(Value::Missing));
        };
        Ok(Shown::leaf(Value::Number(found as f64)))
    }
}

fn number(shown: &Shown) -> Evaluated<Option<f64>> {
    match &shown.value {
        Value::Number(number) => Ok(Some(*number)),
        Value::Missing => Ok(None),
        _ => Err(format!("expected a number, found {}", shown.text)),
    }
}

pub(super) fn truth(shown: &Shown) -> Evaluated<Option<bool>> {
    match &shown.value {
        Value::Bool(truth) => Ok(Some(*truth)),
        Value::Missing => Ok(None),
        _ => Err(format!("expected a comparison, found {}", shown.text)),
    }
}

fn holds(left: &Value, relation: Relation, right: &Value) -> Evaluated<Option<bool>> {
    let order = match (left, right) {
        (Value::Missing, _) | (_, Value::Missing) => return Ok(None),
        (Value::Number(left), Value::Number(right)) => {
            if (left - right).abs() <= SAME * left.abs().max(right.abs()).max(1.0) {
                std::cmp::Ordering::Equal
            } else {
                left.total_cmp(right)
            }
        }
        (Value::Text(left), Value::Text(right)) => left.cmp(right),
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        _ => return Err("words and numbers cannot be compared".to_owned()),
    };
    Ok(Some(match relation {
        Relation::Equal => order.is_eq(),
        Relation::NotEqual => order.is_ne(),
        Relation::Less => order.is_lt(),
        Relation::LessEqual => order.is_le(),
        Relation::Greater => order.is_gt(),
        Relation::GreaterEqual => order.is_ge(),
    }))
}

fn shown(sign: char) -> char {
    match sign {
        '*' => '×',
        '-' => '−',
        other => other,
    }
}
