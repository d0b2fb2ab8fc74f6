//! Recipe section `[fitting]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::invalid::{Invalid, require};

/// Whether outputs are fitted to how the task is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outputs {
    /// Spread of the labels for valence and arousal, a threshold a unit for action units.
    Task,
    /// As the method gives them.
    None,
}

/// `[fitting]`: how settings are chosen and outputs fitted, the same for AURA and all rivals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FittingConfig {
    /// Whether outputs are fitted to how the task is judged.
    pub outputs: Outputs,
    /// Parts of the training split, by subject where subjects are known, each of which is predicted by a model of the others.
    /// Where the protocol has a validation split, that is predicted instead, by a model of the whole training split.
    pub folds: usize,
    /// With more training samples than this, only the first of the parts is predicted: one further model instead of `folds`.
    pub once_above: usize,
}

impl Default for FittingConfig {
    fn default() -> Self {
        Self {
            outputs: Outputs::Task,
            folds: 5,
            once_above: 20_000,
        }
    }
}

impl FittingConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// The key below `[fitting]`, and what was expected.
    pub fn validate(&self) -> Result<(), Invalid> {
        require((2..=100).contains(&self.folds), "folds", "expected 2 to 100 parts")
    }
}
