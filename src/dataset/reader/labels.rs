//! What the labels in a file mean: numbers from 0 or from 1, names, or an order that is not the card's.

use std::collections::BTreeMap;

use crate::dataset::card::Card;
use crate::spelling::integer;
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

/// "one of 1 (surprise), …, 7 (neutral)": what a message says a label should have been.
pub fn expected_text(card: &Card) -> String {
    let numbers: Vec<String> = card
        .classes
        .iter()
        .chain(&card.others)
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
            Some(label) => match numbering.get(&label) {
                Some(Some(class)) => Meaning::Class(*class as i8),
                Some(None) => Meaning::Ignored,
                None => Meaning::Bad,
            },
            None => match card.class_of_text(text) {
                Some(class) => Meaning::Class(class as i8),
                None if card.is_other_text(text) => Meaning::Ignored,
                None => Meaning::Bad,
            },
        };
        map.insert(text.clone(), meaning);
    }
    Labels { map, warnings }
}

/// Number on disk → class index; `None` for labels outside the card's classes.
type Numbering = BTreeMap<i32, Option<usize>>;

/// The numberings that copies of a database use, the database's own first, and how to speak of them.
fn candidates(card: &Card) -> Vec<(Numbering, String)> {
    let own: Numbering = card
        .classes
        .iter()
        .enumerate()
        .map(|(i, class)| (class.label, Some(i)))
        .chain(card.others.iter().map(|other| (other.label, None)))
        .collect();
    let moved = |by: i32| -> Numbering {
        own.iter()
            .map(|(label, class)| (label.saturating_add(by), *class))
            .collect()
    };
    let mut all = vec![(own.clone(), "the database's own numbers".to_owned())];
    if own.contains_key(&0) {
        all.push((moved(1), "numbers one above the database's own".into()));
    } else {
        all.push((moved(-1), "numbers one below the database's own".into()));
    }
    // A copy may hold the card's classes alone, or some of the others among them.
    for others in 0..=card.others.len() {
        let mut named: Vec<(&str, Option<usize>)> = card
            .classes
            .iter()
            .enumerate()
            .map(|(i, class)| (class.name.as_str(), Some(i)))
            .chain(card.others[..others].iter().map(|other| (other.name.as_str(), None)))
            .collect();
        named.sort_unstable();
        for first in [0, 1] {
            let numbering: Numbering = (first..).zip(named.iter().map(|(_, class)| *class)).collect();
            let title = format!("numbers from {first} in alphabetical order of {} classes", named.len());
            all.push((numbering, title));
        }
    }
    all
}

fn choose_numbering(
    card: &Card,
    found: &BTreeMap<(Split, i32), u64>,
    evidence: Evidence<'_>,
    warnings: &mut Vec<String>,
) -> Numbering {
    let candidates = candidates(card);
    let own = &candidates[0].0;
    let moved = &candidates[1].0;
    let (Some(&low), Some(&high)) = (own.keys().next(), own.keys().next_back()) else {
        return own.clone();
    };
    if evidence.compare {
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
                .filter_map(|(label, class)| Some(format!("{label} = {}", card.classes[(*class)?].name)))
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
    // One below (a database that counts from 1), or one above (a database that counts from 0), and the other end is absent.
    let (extra, absent, first) = if low > 0 {
        (low.saturating_sub(1), high, low.saturating_sub(1))
    } else {
        (high.saturating_add(1), low, low.saturating_add(1))
    };
    if occurs(extra) && !occurs(absent) {
        let closer = distance(card, found, moved, evidence.layout) < distance(card, found, own, evidence.layout);
        let plain = !evidence.documented && (total < 200 || closer || !evidence.compare);
        if plain || (evidence.documented && total >= 200 && closer) {
            warnings.push(format!(
                "labels are numbered from {first} here, not from {low}: read as {first} = {}, …",
                card.classes.first().map_or("", |class| class.name.as_str())
            ));
            return moved.clone();
        }
    }
    if evidence.compare && total >= 1000 && !evidence.documented {
        let far = distance(card, found, own, evidence.layout);
        if far > 0.4 {
            warnings.push(format!(
                "the class shares differ much from the database's (by {:.0} % in total): check that the labels are {}",
                100.0 * far,
                expected_text(card)
            ));
        }
    }
    own.clone()
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
            let Some(class) = class else {
                return true;
            };
            // A class of which the split has none is absent from the counts.
            let expected = expected.get(&card.classes[*class].name).copied().unwrap_or(0);
            found.get(&(split, *label)).copied().unwrap_or(0) == expected
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
            numbering.insert(label, Some(card.class_index(name)?));
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
        if let Some(Some(class)) = numbering.get(label) {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The card's counts, with the classes written as `write` says; `None` leaves a class out.
    fn counts(card: &Card, write: impl Fn(usize) -> Option<i32>) -> BTreeMap<(Split, String), u64> {
        let mut counts = BTreeMap::new();
        for split in [Split::Train, Split::Test] {
            let (_, expected) = card.expected(split, "image_folder").unwrap();
            for (name, n) in expected {
                if let Some(label) = write(card.class_index(&name).unwrap()) {
                    counts.insert((split, label.to_string()), n);
                }
            }
        }
        counts
    }

    fn evidence(documented: bool) -> Evidence<'static> {
        Evidence {
            layout: "image_folder",
            documented,
            compare: true,
        }
    }

    /// Position of every class in alphabetical order.
    fn alphabetical(card: &Card, extra: Option<&str>) -> Vec<i32> {
        let mut names = card.class_names();
        names.extend(extra.map(str::to_owned));
        names.sort();
        let position = |class: &String| names.iter().position(|name| name == class).unwrap() as i32;
        card.class_names().iter().map(position).collect()
    }

    #[test]
    fn real_histograms_decide_the_numbering() {
        for (id, extra) in [
            ("rafdb", None),
            ("affectnet7", None),
            ("affectnet8", None),
            ("affectnet7", Some("contempt")),
        ] {
            let card = Card::load(id).unwrap();
            let own = |class: usize| card.classes[class].label;
            let order = alphabetical(&card, extra);
            type Case<'a> = (&'a dyn Fn(usize) -> i32, usize);
            let cases: [Case<'_>; 5] = [
                (&own, 0),
                (&|class| class as i32, 0),
                (&|class| class as i32 + 1, 0),
                (&|class| order[class], 1),
                (&|class| order[class] + 1, 1),
            ];
            for (write, warnings) in cases {
                let labels = interpret(&card, &counts(&card, |class| Some(write(class))), evidence(false));
                for class in 0..card.classes.len() {
                    assert_eq!(
                        labels.meaning(&write(class).to_string()),
                        Meaning::Class(class as i8),
                        "{id}"
                    );
                }
                assert_eq!(labels.warnings.len(), warnings, "{id}: {:?}", labels.warnings);
            }
        }
    }

    #[test]
    fn small_documented_lists_keep_their_numbers() {
        let card = Card::load("rafdb").unwrap();
        let counts = [((Split::Train, "0".to_owned()), 1), ((Split::Train, "3".to_owned()), 2)].into();
        let labels = interpret(&card, &counts, evidence(true));
        assert_eq!(labels.meaning("0"), Meaning::Bad);
        assert_eq!(labels.meaning("3"), Meaning::Class(2));
        let labels = interpret(&card, &counts, evidence(false));
        assert_eq!(labels.meaning("0"), Meaning::Class(0));
        assert_eq!(labels.warnings.len(), 1);
    }

    #[test]
    fn a_part_of_a_database_is_recognised_too() {
        let card = Card::load("rafdb").unwrap();
        let mut part = counts(&card, |class| Some(class as i32));
        part.retain(|(split, _), _| *split == Split::Train);
        for n in part.values_mut() {
            *n /= 3;
        }
        let labels = interpret(&card, &part, evidence(true));
        assert_eq!(
            labels.meaning("0"),
            Meaning::Class(0),
            "2,500 rows in the right proportions outweigh the documentation"
        );
    }
}
