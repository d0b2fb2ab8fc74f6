//! What of a chain one call does: all of it, one stage, or a share of one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::feature::shard::Shard;
use crate::run::manifest::StageRecord;

use super::summary::stages_by_name;

/// A stage that a call may end with; what it needs of those before is done too, where it is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Samples tables, and generated faces where they are asked for.
    Convert,
    /// Feature tables.
    Extract,
    /// Models of seeds and folds, with their rivals.
    Train,
    /// What is computed over all seeds, and the report; models that are missing are not trained.
    Report,
}

impl Stage {
    /// Its name, as it is given on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Convert => "convert",
            Self::Extract => "extract",
            Self::Train => "train",
            Self::Report => "report",
        }
    }
}

/// A part of the work of a recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portion {
    /// The last stage; all of them, if none is named.
    pub only: Option<Stage>,
    /// The share of images that are extracted.
    pub shard: Shard,
    /// The only fold that is trained.
    pub fold: Option<i32>,
}

impl Portion {
    /// Everything.
    pub const ALL: Self = Self {
        only: None,
        shard: Shard::WHOLE,
        fold: None,
    };
}

impl Default for Portion {
    fn default() -> Self {
        Self::ALL
    }
}

/// What a call that did a part of a recipe's work says at its end.
#[derive(Debug, Clone, Serialize)]
pub struct PortionSummary {
    /// Version of this object.
    pub schema: u32,
    /// Name of the recipe.
    pub name: String,
    /// The stage it ended with.
    pub only: Stage,
    /// The run folder, once it is known.
    pub run_dir: Option<String>,
    /// Whether that stage is done, the shares of others included.
    pub done: bool,
    /// What of it others have to do yet: parts of a feature table, seeds.
    pub left: usize,
    /// Stages in their order: seconds, and whether they were cached.
    #[serde(serialize_with = "stages_by_name")]
    pub stages: Vec<StageRecord>,
}

impl PortionSummary {
    /// One line for a person.
    pub fn to_text(&self) -> String {
        let what = self.only.as_str();
        let place = self.run_dir.as_ref().map_or_else(String::new, |run| format!(", {run}"));
        if self.done {
            format!("{}: {what} is done{place}", self.name)
        } else {
            format!(
                "{}: this share of {what} is done{place}; {} of other shares are missing",
                self.name, self.left
            )
        }
    }
}
