//! What is done about test samples that a tool says nothing of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a test sample without a prediction counts as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// Nothing is scored until every test sample has a prediction.
    #[default]
    Error,
    /// As the answer that is farthest from the label: another class (the next of the protocol's list), the far end of the scale,
    /// the opposite state of every unit whose label is known. What comes out is the least that the tool could have reached.
    Wrong,
    /// The sample is not asked: numbers are those of the samples that have predictions, and compare with no others.
    LeftOut,
}

impl Missing {
    /// Whether it is the rule that holds where none is stated.
    pub fn is_error(&self) -> bool {
        *self == Self::Error
    }
}
