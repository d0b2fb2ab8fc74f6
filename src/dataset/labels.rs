//! What the labels in a file mean: numbers from 0 or from 1, names, or an order that is not the card's.

use std::collections::BTreeMap;

use super::card::Card;
use crate::task::Split;

/// What one written label stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Index into the card's classes.
    Class(i8),
    /// Legal, but not of the classes of this card.
    Ignored,
    /// No label of this database.
    Bad,
}

/// The meaning of every label that occurs.
#[derive(Debug, Clone, PartialEq)]
pub struct Labels {
    map: BTreeMap<String, Meaning>,
    /// What the reader should know about how labels were read.
    pub warnings: Vec<String>,
}

impl Labels {
    /// The meaning of a label as it was written.
    pub fn meaning(&self, written: &str) -> Meaning {
        self.map.get(written).copied().unwrap_or(Meaning::Bad)
    }
}

/// What is known before the labels are looked at.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The layout, for its expected counts.
    pub layout: &'a str,
    /// The file is the database's own, whose numbering is documented: only the exact counts can speak against it.
    pub documented: bool,
    /// Whether the counts may be compared with those of the database (not for stand-ins).
    pub compare: bool,
}

/// An integer, also when written as `3.0`.
pub fn integer(text: &str) -> Option<i32> {
    let text = text.trim();
    if let Ok(value) = text.parse::<i32>() {
        return Some(value);
    }
    let value: f64 = text.parse().ok()?;
    // The range check makes the cast exact.
    (value.fract() == 0.0 && value.abs() < 1e6).then_some(value as i32)
}

/// "1 (surprise) … 7 (neutral), or the names": what a message says a label should have been.
pub fn expected_text(card: &Card) -> String {
    let numbers: Vec<String> = card
        .classes
        .iter()
        .map(|class| format!("{} ({})", class.label, class.name))
        .collect();
    format!("one of {}", numbers.join(", "))
}

/// Decides what the labels mean from all that occur, with their counts by split.
///
/// Names speak for themselves. Numbers are the card's unless (a) the counts of all splits are exactly those of another
/// numbering, or (b) the label below the card's lowest occurs, its highest does not, and nothing documents the numbering.
pub fn interpret(card: &Card, counts: &BTreeMap<(Split, String), u64>, evidence: Evidence<'_>) -> Labels {
    let mut warnings = Vec::new();
    let mut numeric: BTreeMap<(Split, i32), u64> = BTreeMap::new();
    for ((split, text), count) in counts {
        if let Some(label) = integer(text) {
            *numeric.entry((*split, label)).or_insert(0) += count;
        }
    }
    let numbering = choose_numbering(card, &numeric, evidence, &mut warnings);
    let mut map = BTreeMap::new();
    for (_, text) in counts.keys() {
        let meaning = match integer(text) {
            Some(label) => numbering
                .get(&label)
                .map(|&class| Meaning::Class(class as i8))
                .or_else(|| card.ignored_labels.contains(&label).then_some(Meaning::Ignored))
                .unwrap_or(Meaning::Bad),
            None => card
                .class_of_text(text)
                .map_or(Meaning::Bad, |class| Meaning::Class(class as i8)),
        };
        map.insert(text.clone(), meaning);
    }
    Labels { map, warnings }
}

type Numbering = BTreeMap<i32, usize>;

fn choose_numbering(
    card: &Card,
    found: &BTreeMap<(Split, i32), u64>,
    evidence: Evidence<'_>,
    warnings: &mut Vec<String>,
) -> Numbering {
    let documented: Numbering = card
        .classes
        .iter()
        .enumerate()
        .map(|(i, class)| (class.label, i))
        .collect();
    let (Some(&low), Some(&high)) = (documented.keys().next(), documented.keys().next_back()) else {
        return documented;
    };
    let shifted: Numbering = documented.iter().map(|(label, class)| (label - 1, *class)).collect();
    if evidence.compare {
        let mut by_name: Vec<usize> = (0..card.classes.len()).collect();
        by_name.sort_by(|&a, &b| card.classes[a].name.cmp(&card.classes[b].name));
        let alphabetical = |first: i32| -> Numbering { (first..).zip(by_name.iter().copied()).collect() };
        let candidates = [
            (documented.clone(), "the database's own numbers"),
            (shifted.clone(), "numbers one below the database's own"),
            (alphabetical(0), "numbers from 0 in alphabetical order of the classes"),
            (alphabetical(1), "numbers from 1 in alphabetical order of the classes"),
        ];
        for (i, (numbering, name)) in candidates.iter().enumerate() {
            if fits_exactly(card, found, numbering, evidence.layout) {
                if i > 1 || (i == 1 && evidence.documented) {
                    warnings.push(format!(
                        "label order: the class counts are exactly those of {name}; labels are read so, not as {}",
                        expected_text(card)
                    ));
                }
                return numbering.clone();
            }
        }
        if let Some(numbering) = permutation(card, found, evidence.layout) {
            let order: Vec<String> = numbering
                .iter()
                .map(|(label, class)| format!("{label} = {}", card.classes[*class].name))
                .collect();
            warnings.push(format!(
                "label order is shuffled: the class counts are exactly the database's, but in another order; labels are read as {}",
                order.join(", ")
            ));
            return numbering;
        }
    }
    let total: u64 = found.values().sum();
    let occurs = |label: i32| found.keys().any(|(_, l)| *l == label);
    if occurs(low - 1) && !occurs(high) && !card.ignored_labels.contains(&(low - 1)) {
        let closer =
            distance(card, found, &shifted, evidence.layout) < distance(card, found, &documented, evidence.layout);
        if (!evidence.documented && (total < 200 || closer || !evidence.compare))
            || (evidence.documented && total >= 200 && closer)
        {
            warnings.push(format!(
                "labels are numbered from {} here, not from {low}: read as {} = {}, …",
                low - 1,
                low - 1,
                card.classes[documented[&low]].name
            ));
            return shifted;
        }
    }
    if evidence.compare && total >= 1000 && !evidence.documented {
        let far = distance(card, found, &documented, evidence.layout);
        if far > 0.4 {
            warnings.push(format!(
                "the class shares differ much from the database's (by {:.0} % in total): check that the labels are {}",
                100.0 * far,
                expected_text(card)
            ));
        }
    }
    documented
}

/// Whether every split with known, distinct counts has exactly these under `numbering`, and there is at least one such split.
fn fits_exactly(card: &Card, found: &BTreeMap<(Split, i32), u64>, numbering: &Numbering, layout: &str) -> bool {
    let mut informative = false;
    for split in Split::ALL {
        let present: u64 = found.range((split, i32::MIN)..=(split, i32::MAX)).map(|(_, n)| n).sum();
        let Some((_, expected)) = card.expected(split, layout) else {
            continue;
        };
        if present == 0 || expected.is_empty() {
            continue;
        }
        let exact = numbering.iter().all(|(label, class)| {
            let expected = expected.get(&card.classes[*class].name);
            found.get(&(split, *label)) == expected
        });
        if !exact {
            return false;
        }
        informative |= distinct(expected.values().copied().collect());
    }
    informative
}

fn distinct(mut counts: Vec<u64>) -> bool {
    counts.sort_unstable();
    counts.windows(2).all(|pair| pair[0] != pair[1])
}

/// The numbering under which the counts of all splits are exactly the expected ones, if the counts decide it.
fn permutation(card: &Card, found: &BTreeMap<(Split, i32), u64>, layout: &str) -> Option<Numbering> {
    let mut agreed: Option<Numbering> = None;
    for split in Split::ALL {
        let present: Vec<(i32, u64)> = found
            .range((split, i32::MIN)..=(split, i32::MAX))
            .map(|((_, label), n)| (*label, *n))
            .collect();
        let Some((_, expected)) = card.expected(split, layout) else {
            continue;
        };
        if present.is_empty() || !distinct(expected.values().copied().collect()) || expected.len() != card.classes.len()
        {
            continue;
        }
        if present.len() != expected.len() {
            return None;
        }
        let mut numbering = Numbering::new();
        for (label, n) in present {
            let (name, _) = expected.iter().find(|(_, count)| **count == n)?;
            numbering.insert(label, card.class_index(name)?);
        }
        if agreed.as_ref().is_some_and(|other| *other != numbering) {
            return None;
        }
        agreed = Some(numbering);
    }
    agreed
}

/// Sum over classes of |share found - share expected|, pooled over splits; 0 is equal, 2 disjoint.
fn distance(card: &Card, found: &BTreeMap<(Split, i32), u64>, numbering: &Numbering, layout: &str) -> f64 {
    let mut wanted = vec![0.0; card.classes.len()];
    let mut seen = vec![0.0; card.classes.len()];
    let mut all = 0.0;
    for split in Split::ALL {
        let Some((_, expected)) = card.expected(split, layout) else {
            continue;
        };
        for (i, class) in card.classes.iter().enumerate() {
            wanted[i] += expected.get(&class.name).copied().unwrap_or(0) as f64;
        }
    }
    for ((_, label), n) in found {
        all += *n as f64;
        if let Some(class) = numbering.get(label) {
            seen[*class] += *n as f64;
        }
    }
    let total: f64 = wanted.iter().sum();
    if total == 0.0 || all == 0.0 {
        return 0.0;
    }
    let known: f64 = seen.iter().sum();
    wanted
        .iter()
        .zip(&seen)
        .map(|(w, s)| (w / total - s / all).abs())
        .sum::<f64>()
        + (all - known) / all
}
