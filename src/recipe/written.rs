//! A recipe as it is written, all sections optional. It cannot be run: [`super::Recipe`] can.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::check::ExpectConfig;
use crate::dataset::DatasetConfig;
use crate::encoder::config::EncoderConfig;
use crate::feature::FeaturesConfig;
use crate::fitting::config::FittingConfig;
use crate::model::ModelConfig;
use crate::model::loss::config::LossConfig;
use crate::report::ReportConfig;
use crate::rival::config::RivalConfig;
use crate::rival::finetune::config::FinetuneConfig;
use crate::score::config::ScoreConfig;
use crate::train::TrainConfig;
use crate::train::setup::Method;

use super::protocol::config::ProtocolConfig;
use super::stand_in::StandInConfig;
use super::test_set::TestConfig;

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
    /// Which AURA is run.
    #[serde(default)]
    pub method: Method,
    /// The database.
    pub dataset: DatasetConfig,
    /// Further databases to test on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<TestConfig>,
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
    /// How settings are chosen and outputs fitted, for AURA and its rivals alike.
    #[serde(default)]
    pub fitting: FittingConfig,
    /// The rivals that run on the same features.
    #[serde(default)]
    pub baselines: RivalConfig,
    /// The rival that trains the encoder itself.
    #[serde(default)]
    pub finetune: FinetuneConfig,
    /// How predictions made elsewhere are read (`aura-bench score`); a run of the recipe takes no notice.
    #[serde(default)]
    pub score: ScoreConfig,
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

/// The `[sweep]` section as written: axes (`"model.k_max" = [150, 200]`), `points` and `recipes`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SweepConfig(BTreeMap<String, toml::Value>);

impl JsonSchema for SweepConfig {
    fn schema_name() -> Cow<'static, str> {
        "SweepConfig".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "A study: every key but `points` and `recipes` is an axis, a dotted key of the recipe with the list \
                            of its values; the points are all combinations of the axes with each of `points`, for each of \
                            `recipes`. Every point is an ordinary run; data, samples and features are shared.",
            "properties": {
                "points": {
                    "type": "array",
                    "items": { "type": "object" },
                    "description": "Points written out, each a table of dotted keys: [{ \"loss.lambda_arc\" = 0.5 }]. An \
                                    empty table is the recipe as it is."
                },
                "recipes": {
                    "type": "array",
                    "items": { "type": "string" },
                    "description": "Recipes that the study is run on, relative to this one, which is laid over each of them."
                }
            },
            "additionalProperties": true
        })
    }
}
