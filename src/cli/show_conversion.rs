//! Conversions and generated trees in words, for the screen.

use std::fmt::Write as _;

use crate::dataset::conversion::Conversion;

/// Differences from the card's counts that are listed one by one.
const DIFFERENCES_SHOWN: usize = 8;

impl Conversion {
    /// A few lines: layout, counts, what was left out, warnings.
    pub fn to_text(&self) -> String {
        let mut text = format!("{}: layout {} ({})\n", self.dataset, self.layout, self.layout_why);
        let splits: Vec<String> = self.by_split.iter().map(|(split, n)| format!("{split} {n}")).collect();
        let _ = writeln!(
            text,
            "{} samples ({}), {} rejected, {} masked",
            self.samples,
            splits.join(", "),
            self.rejected,
            self.masked
        );
        if !self.by_class.is_empty() {
            let classes: Vec<String> = self.by_class.iter().map(|(class, n)| format!("{class} {n}")).collect();
            let _ = writeln!(text, "classes: {}", classes.join(", "));
        }
        for (reason, n) in &self.reject_reasons {
            let _ = writeln!(text, "rejected: {n} × {reason}");
        }
        if self.stand_in {
            let _ = writeln!(text, "stand-in faces: counts are not compared with the database's");
        }
        let differences = self.expected.as_ref().map_or(&[][..], |expected| &expected.differences);
        for difference in differences.iter().take(DIFFERENCES_SHOWN) {
            let class = difference
                .class
                .as_deref()
                .map_or_else(String::new, |class| format!(" {class}"));
            let _ = writeln!(
                text,
                "count: {}{class} has {}, the card says {}",
                difference.split, difference.found, difference.expected
            );
        }
        if differences.len() > DIFFERENCES_SHOWN {
            let _ = writeln!(
                text,
                "count: {} further differences, see conversion.json",
                differences.len() - DIFFERENCES_SHOWN
            );
        }
        for warning in &self.warnings {
            let _ = writeln!(text, "warning: {warning}");
        }
        text
    }
}
