//! Classes of a table that was made elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use crate::dataset::Card;
use crate::dataset::reader::labels::integer;
use crate::dataset::table::classes;
use crate::error::{Error, Result};
use crate::intake::reject::Reason;
use crate::task::Task;

use super::columns::{Columns, listed, missing};
use super::rules::{Labels, Rules};

/// The card with the classes and action units of the labels.
pub(crate) fn card(labels: &Labels<'_>, rules: &Rules<'_>) -> Result<Card> {
    let roles = labels.roles;
    let mut card = rules.card.clone();
    if card.classes.is_empty() && roles.label.is_some() {
        card.classes = classes(&class_names(labels)?);
    }
    card.aus = roles.aus.keys().map(|unit| unit.number()).collect();
    let (has, wanted, names) = match rules.task {
        Task::Expression => (
            roles.label.is_some() && card.classes.len() > 1,
            "a column of expressions with at least two classes (dataset.table.label)",
            card.class_names(),
        ),
        Task::ValenceArousal => (
            roles.valence.is_some() && roles.arousal.is_some(),
            "the columns valence and arousal (dataset.table.valence, dataset.table.arousal)",
            Vec::new(),
        ),
        Task::ActionUnits => (
            !card.aus.is_empty(),
            "columns of action units such as au12 (dataset.table.aus)",
            card.au_columns(),
        ),
    };
    if !has {
        let found: Vec<String> = roles.names().into_iter().collect();
        return Err(Error::unusable_table(format!(
            "{}: protocol.task asks for {}, which need {wanted}; of the columns there, these have a meaning: {}",
            labels.path.display(),
            match rules.task {
                Task::Expression => "expressions",
                Task::ValenceArousal => "valence and arousal",
                Task::ActionUnits => "action units",
            },
            listed(&found)
        )));
    }
    if !names.is_empty()
        && let Some(unknown) = rules.outputs.iter().find(|name| !names.contains(name))
    {
        return Err(Error::unusable_table(format!(
            "{}: the protocol names `{unknown}`, the labels are {}",
            labels.path.display(),
            listed(&names)
        )));
    }
    Ok(card)
}

/// The labels that occur: numbers in their order, names in that of the index beside them, else in alphabetical order.
pub(crate) fn class_names(labels: &Labels<'_>) -> Result<Vec<String>> {
    let (label, order) = (labels.roles.label.as_deref(), labels.roles.order.as_deref());
    let mut distinct: BTreeSet<&str> = BTreeSet::new();
    let mut index: BTreeMap<&str, BTreeSet<i32>> = BTreeMap::new();
    for row in 0..labels.columns.rows() {
        let text = labels.columns.text(label, row);
        if missing(text) {
            continue;
        }
        let text = text.unwrap_or_default();
        distinct.insert(text);
        if distinct.len() > 127 {
            return Err(Error::unusable_table(format!(
                "{}: column `{}` has more than 127 different values; is it really the label? Name another as \
                 dataset.table.label",
                labels.path.display(),
                label.unwrap_or_default()
            )));
        }
        if let Some(number) = labels.columns.text(order, row).and_then(integer) {
            index.entry(text).or_default().insert(number);
        }
    }
    let numbers: Option<BTreeSet<i32>> = distinct.iter().map(|text| integer(text)).collect();
    if let Some(numbers) = numbers {
        return Ok(numbers.iter().map(i32::to_string).collect());
    }
    let mut names: Vec<&str> = distinct.into_iter().collect();
    let of = |name: &str| index.get(name).filter(|numbers| numbers.len() == 1)?.first().copied();
    let positions: Option<BTreeSet<i32>> = names.iter().map(|name| of(name)).collect();
    if positions.is_some_and(|positions| positions.len() == names.len()) {
        names.sort_by_key(|name| of(name));
    }
    Ok(names.into_iter().map(str::to_owned).collect())
}

/// From a written label to the index of its class.
pub(crate) struct Numbering<'a> {
    column: Option<&'a str>,
    by_text: BTreeMap<String, i8>,
    expected: String,
}

impl<'a> Numbering<'a> {
    pub(crate) fn new(card: &Card, labels: &Labels<'a>) -> Self {
        let names = card.class_names();
        let index = |i: usize| i8::try_from(i).unwrap_or(i8::MAX);
        let mut by_text: BTreeMap<String, i8> = BTreeMap::new();
        // Numbers stand for positions where classes have names that are none; a class that is called `3` is `3`.
        if !names.iter().any(|name| integer(name).is_some()) {
            by_text.extend((0..names.len()).map(|i| (i.to_string(), index(i))));
        }
        by_text.extend(
            names
                .iter()
                .enumerate()
                .map(|(i, name)| (name.to_lowercase(), index(i))),
        );
        Self {
            column: labels.roles.label.as_deref(),
            by_text,
            expected: format!("one of {}", listed(&names)),
        }
    }

    pub(crate) fn class(&self, columns: &Columns, row: usize) -> std::result::Result<Option<i8>, Reason> {
        let text = columns.text(self.column, row);
        if missing(text) {
            return Ok(None);
        }
        let text = text.unwrap_or_default().trim();
        let number = || self.by_text.get(&integer(text)?.to_string());
        self.by_text
            .get(&text.to_lowercase())
            .or_else(number)
            .map(|class| Some(*class))
            .ok_or_else(|| Reason::BadLabel {
                found: text.to_owned(),
                expected: self.expected.clone(),
            })
    }
}
