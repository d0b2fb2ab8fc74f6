//! A share of an extraction, for several machines.

use crate::error::Result;

/// The share of a table that one machine computes: the parts whose index is `index` modulo `count`. Shards written into one
/// folder, or copied into one, are a whole table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    count: usize,
}

impl Shard {
    /// All parts.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    pub(crate) fn has(self, part: usize) -> bool {
        part % self.count == self.index
    }

    /// Shards of the whole.
    pub(crate) fn count(self) -> usize {
        self.count
    }

    /// The file that lists the shard's rejects.
    pub(crate) fn rejects_file(self) -> String {
        if self == Self::WHOLE {
            "rejects.csv".to_owned()
        } else {
            self.name("rejects", "csv")
        }
    }

    /// The name of a file of this shard alone.
    pub(crate) fn name(self, what: &str, extension: &str) -> String {
        format!("{what}-{}-of-{}.{extension}", self.index + 1, self.count)
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index + 1, self.count)
    }
}

impl std::str::FromStr for Shard {
    type Err = String;

    /// `"1/4"` is the first of four.
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |digits: &str| -> Option<usize> {
            digits
                .bytes()
                .all(|b| b.is_ascii_digit())
                .then(|| digits.parse().ok())
                .flatten()
        };
        text.split_once('/')
            .and_then(|(index, count)| Some((number(index)?, number(count)?)))
            .filter(|(index, count)| (1..=*count).contains(index))
            .map(|(index, count)| Self {
                index: index - 1,
                count,
            })
            .ok_or_else(|| format!("expected a shard like \"1/4\", the first of four, not \"{text}\""))
    }
}
