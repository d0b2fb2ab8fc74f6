//! The four kinds of jobs of a launch.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A kind of jobs; each waits for the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// One job that converts the databases.
    Convert,
    /// An array of shards of the features.
    Extract,
    /// An array of points, of seeds, or of both.
    Points,
    /// One job that does what is missing, and the report.
    Collect,
}

impl Phase {
    /// In the order in which they run.
    pub const ALL: [Self; 4] = [Self::Convert, Self::Extract, Self::Points, Self::Collect];

    /// As in names of files, tables and jobs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Convert => "convert",
            Self::Extract => "extract",
            Self::Points => "points",
            Self::Collect => "collect",
        }
    }

    /// Whether its jobs compute on the device.
    pub fn computes(self) -> bool {
        self != Self::Convert
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
