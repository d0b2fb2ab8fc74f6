//! Labels in place of a table's own: what somebody who looked at them again has changed.

use std::collections::BTreeMap;

/// What a label is now.
#[derive(Debug, Clone, PartialEq)]
pub enum NewLabel {
    /// The name of a class (expression).
    Class(String),
    /// A number in the table's own unit (valence, arousal, the intensity of an action unit).
    Number(f32),
}

/// New labels by sample and column.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewLabels(BTreeMap<String, BTreeMap<String, NewLabel>>);

impl NewLabels {
    /// Puts a label in place of that of a sample in a column.
    pub fn put(&mut self, sample_id: &str, column: &str, label: NewLabel) {
        let of_sample = self.0.entry(sample_id.to_owned()).or_default();
        of_sample.insert(column.to_owned(), label);
    }

    /// Samples with a new label.
    pub fn samples(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The new class of a sample, if it has one.
    pub fn class(&self, sample_id: &str) -> Option<&str> {
        match self.0.get(sample_id)?.get("expression")? {
            NewLabel::Class(name) => Some(name),
            NewLabel::Number(_) => None,
        }
    }

    /// The new number of a sample in a column, if it has one.
    pub fn number(&self, sample_id: &str, column: &str) -> Option<f32> {
        match self.0.get(sample_id)?.get(column)? {
            NewLabel::Number(value) => Some(*value),
            NewLabel::Class(_) => None,
        }
    }
}
