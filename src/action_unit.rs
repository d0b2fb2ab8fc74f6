//! Action units of the Facial Action Coding System: numbers that are written in several ways.
//!
//! A column is called `au12`, a page shows `AU12`, a card says `12`, and databases write `'AU 12'` or `au_12`. What is one
//! and how it is written stands here alone.

use std::fmt;

/// An action unit, by its number from 1 to 99. Sorted by number; shown as `AU12`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionUnit(u8);

impl ActionUnit {
    /// The value that stands for "unknown" in `EmotioNet` and in tables made after it; no intensity reaches it.
    pub const UNKNOWN: f32 = 999.0;

    /// The units that the paper's databases label, ascending.
    pub const PAPER: [Self; 12] = [
        Self(1),
        Self(2),
        Self(4),
        Self(5),
        Self(6),
        Self(9),
        Self(12),
        Self(15),
        Self(17),
        Self(20),
        Self(25),
        Self(26),
    ];

    /// The unit of this number; `None` if there is none.
    pub fn new(number: u8) -> Option<Self> {
        (1..=99).contains(&number).then_some(Self(number))
    }

    /// The unit that a column of this program's tables is called after: `au` and two digits, nothing else.
    pub fn of_column(name: &str) -> Option<Self> {
        let digits = name.strip_prefix("au").filter(|digits| digits.len() == 2)?;
        Self::of_digits(digits)
    }

    /// The unit that something of another program is called after: `AU12`, `au12`, `AU 1`, `au_01`, `Au-12`. The name must be
    /// rid of quotes; `AU12_r` is a measure of a unit, of which a table may have several, and so not the unit.
    pub fn named(name: &str) -> Option<Self> {
        let (prefix, rest) = name.split_at_checked(2)?;
        if !prefix.eq_ignore_ascii_case("au") {
            return None;
        }
        Self::of_digits(rest.trim_start_matches([' ', '_', '-']))
    }

    /// The unit that a longer name speaks of, as those of measures do: `AU12_r`, `AU12 (Lip Corner Puller)`, `intensity_au12`.
    pub fn mentioned(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        lower.match_indices("au").find_map(|(at, word)| {
            // `restau12` speaks of something else.
            if lower[..at].ends_with(char::is_alphanumeric) {
                return None;
            }
            let rest = lower[at + word.len()..].trim_start_matches([' ', '_', '-']);
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            Self::of_digits(&rest[..end])
        })
    }

    /// The unit of one to three digits.
    pub fn of_digits(digits: &str) -> Option<Self> {
        let plain = (1..=3).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        Self::new(plain.then(|| digits.parse().ok()).flatten()?)
    }

    /// The number, 1 to 99.
    pub fn number(self) -> u8 {
        self.0
    }

    /// The name of the unit's column: `au01`. Columns sort as their numbers do.
    pub fn column(self) -> String {
        format!("au{:02}", self.0)
    }
}

impl fmt::Display for ActionUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AU{}", self.0)
    }
}

/// The column of each of these numbers, in their order; a number that is no unit's has none.
pub fn columns(numbers: &[u8]) -> Vec<String> {
    numbers
        .iter()
        .filter_map(|&number| Some(ActionUnit::new(number)?.column()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_read_in_every_way_it_is_written_and_shown_in_one() {
        for name in ["AU12", "au12", "AU 12", "au_12", "Au-012"] {
            assert_eq!(ActionUnit::named(name), ActionUnit::new(12), "{name}");
        }
        for name in [
            "12", "AU", "AU12_r", "AU+1", "AU0", "AU100", "AU0012", "author", "é12", "",
        ] {
            assert_eq!(ActionUnit::named(name), None, "{name}");
        }
        let unit = ActionUnit::named("AU 4").unwrap();
        assert_eq!((unit.column().as_str(), unit.to_string().as_str()), ("au04", "AU4"));
    }

    #[test]
    fn names_that_speak_of_a_unit() {
        for name in [
            "AU12_r",
            "au12_c",
            "AU12 (Lip Corner Puller)",
            "AU12.1",
            "AU12_intensity",
            "gt_AU_12",
            "éAU au12",
        ] {
            assert_eq!(ActionUnit::mentioned(name), ActionUnit::new(12), "{name}");
        }
        for name in ["restau12", "AU", "audio_12", "au2024", "AU0_r", "é12", ""] {
            assert_eq!(ActionUnit::mentioned(name), None, "{name}");
        }
    }

    #[test]
    fn every_column_leads_back_to_its_unit_and_nothing_else_does() {
        for number in 1..=99 {
            let unit = ActionUnit::new(number).unwrap();
            assert_eq!(ActionUnit::of_column(&unit.column()), Some(unit));
        }
        for name in ["AU12", "au1", "au00", "au012", "au1x", "audio", "au"] {
            assert_eq!(ActionUnit::of_column(name), None, "{name}");
        }
        assert_eq!([ActionUnit::new(0), ActionUnit::new(100)], [None, None]);
        assert!(ActionUnit::PAPER.is_sorted());
    }
}
