//! Classes of a table that was made elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use crate::action_unit::ActionUnit;
use crate::dataset::Card;
use crate::dataset::table::classes;
use crate::dataset::unknown::UnknownLabels;
use crate::error::{Error, Result};
use crate::intake::reject::Reason;
use crate::spelling::{class_key, find_class, integer};
use crate::task::Task;

use super::columns::{Columns, Roles, listed, missing};
use super::rules::{Labels, Rules};

/// The card with the classes and action units of the labels.
pub(crate) fn card(labels: &Labels<'_>, rules: &Rules<'_>, warnings: &mut Vec<String>) -> Result<Card> {
    let roles = labels.roles;
    let mut card = rules.card.clone();
    if card.classes.is_empty() && roles.label.is_some() {
        match class_names(labels, rules, warnings) {
            // What is no class is said of a column that the task does not read, and costs it alone.
            Err(_) if rules.task != Task::Expression => {}
            names => card.classes = classes(&names?),
        }
    }
    warnings.extend(words_for_unknown(labels, &card));
    match counted_from_one(labels, rules, &card) {
        Err(error) if rules.task != Task::Expression => warnings.push(error.to_string()),
        doubtful => warnings.extend(doubtful?),
    }
    card.aus = roles.aus.keys().map(|unit| unit.number()).collect();
    let unread = unread_units(roles);
    if let Some(unread) = unread.as_ref().filter(|_| !card.aus.is_empty()) {
        warnings.push(unread.clone());
    }
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
        let unread = unread.filter(|_| rules.task == Task::ActionUnits);
        return Err(Error::unusable_table(
            format!(
                "{}: protocol.task asks for {}, which need {wanted}; {}; of these, the ones with a meaning are: {}{}",
                labels.path.display(),
                match rules.task {
                    Task::Expression => "expressions",
                    Task::ValenceArousal => "valence and arousal",
                    Task::ActionUnits => "action units",
                },
                roles.what_is_there(),
                listed(&found),
                unread.map_or_else(String::new, |unread| format!("; {unread}")),
            ) + &roles.what_is_aside(),
        ));
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

/// One class as the labels write it.
#[derive(Default)]
struct Written<'a> {
    /// Rows of every spelling.
    spellings: BTreeMap<&'a str, usize>,
    /// What the index beside the names says.
    index: BTreeSet<i32>,
}

impl<'a> Written<'a> {
    /// The spelling of most rows, the first in alphabetical order of equals.
    fn usual(&self) -> &'a str {
        let most = self.spellings.values().max();
        let mut spellings = self.spellings.iter();
        spellings
            .find(|(_, rows)| Some(*rows) == most)
            .map_or("", |(text, _)| text)
    }
}

/// The labels that occur: numbers in their order, names in that of the index beside them, else in alphabetical order. Spellings of
/// one class are called as the protocol calls it, else as most rows do.
fn class_names(labels: &Labels<'_>, rules: &Rules<'_>, warnings: &mut Vec<String>) -> Result<Vec<String>> {
    let (label, order) = (labels.roles.label.as_deref(), labels.roles.order.as_deref());
    let mut written: BTreeMap<String, Written<'_>> = BTreeMap::new();
    for row in 0..labels.columns.rows() {
        let Some(text) = labels.columns.text(label, row).map(str::trim) else {
            continue;
        };
        if missing(Some(text)) && find_class(rules.outputs, text).is_none()
            || UnknownLabels::has_text(rules.unknown, Task::Expression, text)
        {
            continue;
        }
        let class = written.entry(class_key(text)).or_default();
        *class.spellings.entry(text).or_default() += 1;
        class.index.extend(labels.columns.text(order, row).and_then(integer));
        if written.len() > 127 {
            return Err(Error::unusable_table(format!(
                "{}: column `{}` has more than 127 different values; is it really the label? Name another as \
                 dataset.table.label",
                labels.path.display(),
                label.unwrap_or_default()
            )));
        }
    }
    warnings.extend(truth_values(label.unwrap_or_default(), &mut written));
    let numbers: Option<BTreeSet<i32>> = written.keys().map(|key| integer(key)).collect();
    if let Some(numbers) = numbers {
        return Ok(numbers.iter().map(i32::to_string).collect());
    }
    let mut names: Vec<(String, Option<i32>)> = Vec::with_capacity(written.len());
    for class in written.values() {
        let usual = class.usual();
        let asked = find_class(rules.outputs, usual).map(|class| rules.outputs[class].clone());
        let name = asked.unwrap_or_else(|| usual.to_owned());
        if class.spellings.len() > 1 {
            let spellings: Vec<String> = class.spellings.keys().map(|text| format!("`{text}`")).collect();
            warnings.push(format!(
                "column `{}` writes one class in {} ways: {} are read as `{name}`",
                label.unwrap_or_default(),
                spellings.len(),
                listed(&spellings)
            ));
        }
        let index = class.index.first().copied().filter(|_| class.index.len() == 1);
        names.push((name, index));
    }
    let positions: Option<BTreeSet<i32>> = names.iter().map(|(_, index)| *index).collect();
    if positions.is_some_and(|positions| positions.len() == names.len()) {
        names.sort_by_key(|(_, index)| *index);
    } else {
        names.sort();
    }
    Ok(names.into_iter().map(|(name, _)| name).collect())
}

/// Where some labels are 0 and 1 and others truth values, as parts of different types have them, they are two classes and not four.
fn truth_values(label: &str, written: &mut BTreeMap<String, Written<'_>>) -> Option<String> {
    let pairs = [("false", "0"), ("true", "1")];
    let any = |of: &[&str]| of.iter().any(|name| written.contains_key(*name));
    let known = |key: &String| ["false", "true", "0", "1"].contains(&key.as_str());
    if !(any(&["false", "true"]) && any(&["0", "1"]) && written.keys().all(known)) {
        return None;
    }
    for (word, number) in pairs {
        if written.remove(word).is_some() {
            written.entry(number.to_owned()).or_default();
        }
    }
    Some(format!(
        "column `{label}` holds numbers and truth values: false is read as 0 and true as 1"
    ))
}

/// A word on labels such as `None` that are read as unknown, where they might be a class.
fn words_for_unknown(labels: &Labels<'_>, card: &Card) -> Option<String> {
    let label = labels.roles.label.as_deref()?;
    let names = card.class_names();
    let mut words: BTreeMap<&str, usize> = BTreeMap::new();
    for row in 0..labels.columns.rows() {
        if let Some(text) = labels.columns.text(Some(label), row)
            && missing(Some(text))
            && find_class(&names, text).is_none()
        {
            *words.entry(text).or_default() += 1;
        }
    }
    words.retain(|word, _| !word.eq_ignore_ascii_case("nan"));
    let written: Vec<String> = words
        .iter()
        .map(|(word, rows)| format!("{rows} are written `{word}`"))
        .collect();
    (!written.is_empty()).then(|| {
        format!(
            "column `{label}`: some labels count as unknown: {}; if that is a class, list it in dataset.table.classes",
            written.join(", ")
        )
    })
}

/// Columns that may be action units and are not read.
fn unread_units(roles: &Roles) -> Option<String> {
    let like = roles.unit_like.first()?;
    let unit = ActionUnit::mentioned(like)?;
    Some(format!(
        "columns that look like action units are not read: {}; to read them, list every column of a unit, as dataset.table.aus = {{ {} = \"{like}\" }}",
        listed(&roles.unit_like),
        unit.column()
    ))
}

/// Numbers stand for places in the list of names, from 0. Where they begin with 1, every sample would be called after the wrong
/// class.
fn counted_from_one(labels: &Labels<'_>, rules: &Rules<'_>, card: &Card) -> Result<Option<String>> {
    let names = card.class_names();
    let Some(label) = labels
        .roles
        .label
        .as_deref()
        .filter(|_| !rules.config.classes.is_empty())
    else {
        return Ok(None);
    };
    // A class that is called `3` is no third class.
    if names.iter().any(|name| integer(name).is_some()) {
        return Ok(None);
    }
    let numbers: BTreeSet<usize> = (0..labels.columns.rows())
        .filter_map(|row| labels.columns.text(Some(label), row))
        .filter(|text| !UnknownLabels::has_text(rules.unknown, Task::Expression, text))
        .filter_map(|text| usize::try_from(integer(text)?).ok())
        .collect();
    let (Some(first), Some(second)) = (names.first(), names.get(1)) else {
        return Ok(None);
    };
    let last = names.len();
    if (1..=last).all(|number| numbers.contains(&number)) && !numbers.contains(&0) {
        return Err(Error::unusable_table(format!(
            "{}: column `{label}` counts the classes from 1 to {last}, and numbers stand for the names in dataset.table.classes from 0: \
             1 would be `{second}` and not `{first}`; subtract 1 from the column, or write the names into it",
            labels.path.display()
        )));
    }
    let doubtful = !numbers.contains(&0) && (numbers.contains(&1) || numbers.contains(&last));
    Ok(doubtful.then(|| {
        format!(
            "column `{label}` never holds 0, the number of the first class in dataset.table.classes (`{first}`), and 1 is read as \
             `{second}`; if it counts from 1, subtract 1 from it, or write the names of the classes into it"
        )
    }))
}

/// From a written label to the index of its class.
pub(crate) struct Numbering<'a> {
    column: Option<&'a str>,
    by_key: BTreeMap<String, i8>,
    unknown: Option<&'a UnknownLabels>,
    expected: String,
}

impl<'a> Numbering<'a> {
    pub(crate) fn new(card: &Card, labels: &Labels<'a>, unknown: Option<&'a UnknownLabels>) -> Self {
        let names = card.class_names();
        let index = |i: usize| i8::try_from(i).unwrap_or(i8::MAX);
        let mut by_key: BTreeMap<String, i8> = BTreeMap::new();
        // Numbers stand for positions where classes have names that are none; a class that is called `3` is `3`.
        if !names.iter().any(|name| integer(name).is_some()) {
            by_key.extend((0..names.len()).map(|i| (i.to_string(), index(i))));
        }
        by_key.extend(names.iter().enumerate().map(|(i, name)| (class_key(name), index(i))));
        // Truth values are numbers, too, unless a class is called so.
        if names.len() == 2 && !by_key.contains_key("true") && !by_key.contains_key("false") {
            for (word, number) in [("false", "0"), ("true", "1")] {
                if let Some(class) = by_key.get(number).copied() {
                    by_key.insert(word.into(), class);
                }
            }
        }
        Self {
            column: labels.roles.label.as_deref(),
            by_key,
            unknown,
            expected: format!("one of {}", listed(&names)),
        }
    }

    pub(crate) fn class(&self, columns: &Columns, row: usize) -> std::result::Result<Option<i8>, Reason> {
        let text = columns.text(self.column, row).unwrap_or_default();
        if UnknownLabels::has_text(self.unknown, Task::Expression, text) {
            return Ok(None);
        }
        if let Some(class) = self.by_key.get(&class_key(text)) {
            return Ok(Some(*class));
        }
        if missing(Some(text)) {
            return Ok(None);
        }
        Err(Reason::BadLabel {
            found: text.to_owned(),
            expected: self.expected.clone(),
        })
    }
}
