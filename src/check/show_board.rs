//! A leaderboard as text.

use std::fmt::Write as _;

use crate::terminal::printable;

use super::board::{Board, Entry, Group};
use super::show::number;

impl Board {
    /// The board for a terminal.
    pub fn to_text(&self) -> String {
        let groups: Vec<String> = self.groups.iter().map(Group::to_text).collect();
        groups.join("\n")
    }
}

impl Entry {
    /// `1`, or `2–3` where chance alone could exchange them.
    pub fn ranks(&self) -> String {
        match self.rank {
            [first, last] if first == last => first.to_string(),
            [first, last] => format!("{first}–{last}"),
        }
    }
}

impl Group {
    fn to_text(&self) -> String {
        let mut out = String::new();
        if self.stand_in {
            let _ = writeln!(
                out,
                "STAND-IN FACES: these numbers say nothing about {}",
                printable(&self.dataset)
            );
        }
        let _ = writeln!(
            out,
            "{}, {}, {} test samples, protocol {}",
            printable(&self.dataset),
            self.task,
            self.samples,
            self.protocol_digest.get(..8).unwrap_or_default()
        );
        for why in &self.apart {
            let _ = writeln!(out, "not ranked with those above: {}", printable(why));
        }
        let _ = write!(
            out,
            "{:<7}{:<28}{:>10}{:>20}{:>26}",
            "rank", "", self.metric, "95 % interval", "behind the first"
        );
        for other in &self.others {
            let _ = write!(out, "{other:>15}");
        }
        out.push('\n');
        for entry in &self.entries {
            let value = |value: Option<f64>| number(&self.metric, value);
            let interval = match (entry.low, entry.high) {
                (Some(low), Some(high)) => format!("[{}, {}]", value(Some(low)), value(Some(high))),
                _ => "—".to_owned(),
            };
            let behind = entry.behind.map_or_else(String::new, |behind| {
                let interval = match (behind.low, behind.high) {
                    (Some(low), Some(high)) => format!(" [{}, {}]", value(Some(low)), value(Some(high))),
                    _ => String::new(),
                };
                format!("{}{interval}", value(Some(behind.difference)))
            });
            let title: String = printable(&entry.title).chars().take(27).collect();
            let _ = write!(
                out,
                "{:<7}{title:<28}{:>10}{interval:>20}{behind:>26}",
                entry.ranks(),
                value(Some(entry.value.mean)),
            );
            for (name, other) in self.others.iter().zip(&entry.others) {
                let _ = write!(out, "{:>15}", number(name, other.as_ref().map(|over| over.mean)));
            }
            if entry.missing_samples > 0 {
                let _ = write!(out, "  {} samples without a prediction", entry.missing_samples);
            }
            if entry.random_weights {
                out.push_str("  RANDOM WEIGHTS");
            }
            out.push('\n');
        }
        out
    }
}
