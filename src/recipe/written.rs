//! A recipe as it is written, all sections optional. It cannot be run: [`super::Recipe`] can.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::baseline::BaselineConfig;
use crate::check::ExpectConfig;
use crate::dataset::DatasetConfig;
use crate::encoder::EncoderConfig;
use crate::feature::FeaturesConfig;
use crate::finetune::FinetuneConfig;
use crate::model::{LossConfig, ModelConfig};
use crate::report::ReportConfig;
use crate::train::TrainConfig;

use super::protocol::ProtocolConfig;
use super::stand_in::StandInConfig;
use super::sweep::SweepConfig;

/// The sections of a recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "aura-bench recipe")]
pub struct Written {
    /// Version of the recipe format: 1.
    pub schema: u32,
    /// Short name, part of the run folder's name: letters, digits, `-`, `_`. Default: the file's name.
    pub name: Option<String>,
    /// Title for people.
    pub title: Option<String>,
    /// Path of a recipe, relative to this one, whose values this one takes over.
    pub extends: Option<String>,
    /// The database.
    pub dataset: DatasetConfig,
    /// The frozen image encoder.
    #[serde(default)]
    pub encoder: EncoderConfig,
    /// The feature table.
    #[serde(default)]
    pub features: FeaturesConfig,
    /// What makes numbers comparable.
    #[serde(default)]
    pub protocol: ProtocolConfig,
    /// AURA's parts.
    #[serde(default)]
    pub model: ModelConfig,
    /// AURA's losses.
    #[serde(default)]
    pub loss: LossConfig,
    /// Optimisation.
    #[serde(default)]
    pub train: TrainConfig,
    /// The rivals that run on the same features.
    #[serde(default)]
    pub baselines: BaselineConfig,
    /// The rival that trains the encoder itself.
    pub finetune: FinetuneConfig,
    /// The report.
    #[serde(default)]
    pub report: ReportConfig,
    /// What the numbers are expected to be, by metric.
    #[serde(default)]
    pub expect: ExpectConfig,
    /// A study: many points of this recipe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<SweepConfig>,
    /// How the recipe runs on generated faces.
    #[serde(default)]
    pub stand_in: StandInConfig,
}
