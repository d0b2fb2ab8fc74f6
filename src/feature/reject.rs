//! Samples whose image gave no features.

use serde::{Deserialize, Serialize};

/// An image that gave no features.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// Its path as the samples table has it.
    pub file: String,
    /// 1-based row of the samples table.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
    /// Name of the sample.
    #[serde(default)]
    pub sample: String,
}

/// Begins the reasons that decoding the same file again cannot remove.
pub(super) const AFTER_DECODING: &str = "was decoded, but ";
