//! A generated database as text.

use super::generate::StandinReport;

impl StandinReport {
    /// A few lines: where, how many, of what.
    pub fn to_text(&self) -> String {
        let list = |counts: &[(String, usize)]| {
            counts
                .iter()
                .map(|(name, n)| format!("{name} {n}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        format!(
            "{} stand-in faces in the layout `{}` of {}: {}\nsplits: {}\n{}labels wrong on purpose: {}\n{}",
            self.samples,
            self.layout,
            self.card,
            self.root.display(),
            list(&self.by_split),
            if self.by_class.is_empty() {
                String::new()
            } else {
                format!("true classes: {}\n", list(&self.by_class))
            },
            self.flipped,
            if self.cached {
                "cached".to_owned()
            } else {
                format!("{} drawn now", self.drawn)
            },
        )
    }
}
