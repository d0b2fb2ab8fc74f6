//! `[protocol]`: everything that decides whether two numbers may stand side by side.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::task::Task;
use crate::train::Selection;

/// The `[protocol]` section as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProtocolConfig {
    /// What is predicted. Default: the card's first task.
    pub task: Option<Task>,
    /// Classes that take part, by their names on the card; samples of other classes are left out. Default: all.
    pub classes: Option<Vec<String>>,
    /// Which epoch's model is reported.
    pub selection: Selection,
    /// Share of the training samples held out as validation data, per class, by a seeded hash of the sample id.
    pub validation: f64,
    /// Seed of that hash: the held-out samples are the same for every training seed.
    pub validation_seed: u64,
    /// Training seeds; every result is reported over all of them. Not part of the protocol's digest: a further seed
    /// sharpens a mean and changes nothing about what is measured.
    pub seeds: Vec<u64>,
}

impl Default for ProtocolConfig {
    fn default() -> Self {
        Self {
            task: None,
            classes: None,
            selection: Selection::default(),
            validation: 0.0,
            validation_seed: 0,
            seeds: vec![0, 1, 2],
        }
    }
}

impl ProtocolConfig {
    /// Checks values that types cannot.
    ///
    /// # Errors
    /// Key below `[protocol]` and what was expected.
    pub fn validate(&self) -> Result<(), (String, String)> {
        let fail = |key: &str, message: &str| Err((key.to_owned(), message.to_owned()));
        if !(0.0..=0.5).contains(&self.validation) {
            return fail("validation", "the share held out is between 0 and 0.5");
        }
        if self.selection == Selection::BestOnVal && self.validation == 0.0 {
            return fail(
                "selection",
                "`best_on_val` needs validation data: set protocol.validation, for example to 0.1",
            );
        }
        if self.seeds.is_empty() {
            return fail("seeds", "at least one seed is needed");
        }
        let mut seen = self.seeds.clone();
        seen.sort_unstable();
        seen.dedup();
        if seen.len() != self.seeds.len() {
            return fail("seeds", "a seed is named twice");
        }
        Ok(())
    }
}

/// A protocol with nothing left open.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Protocol {
    /// What is predicted.
    pub task: Task,
    /// The classes in the card's order (expression), or empty.
    pub classes: Vec<String>,
    /// Which epoch's model is reported.
    pub selection: Selection,
    /// Share of the training samples held out.
    pub validation: f64,
    /// Seed of the held-out choice.
    pub validation_seed: u64,
    /// Training seeds, ascending.
    pub seeds: Vec<u64>,
}
