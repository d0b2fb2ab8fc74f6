//! `aura-bench schema`.

use clap::{Args, ValueEnum};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value as Json;

use crate::chain::Summary;
use crate::chain::plan::Plan;
use crate::chain::scored::ScoreSummary;
use crate::check::baseline::{self, Baseline};
use crate::check::board::{self, Board};
use crate::check::compare::{self, Comparison};
use crate::check::judge::{self, CheckReport};
use crate::dataset::card_file;
use crate::dataset::conversion::Conversion;
use crate::error::Result;
use crate::export::model::folder::Exported;
use crate::launch::config;
use crate::launch::status::{self, LaunchStatus};
use crate::predict::run::Predicted;
use crate::recipe;
use crate::report::explain::sample::Explanation;
use crate::run::manifest::{self, Manifest};

use super::output;

#[derive(Debug, Args)]
pub struct SchemaArguments {
    /// Of what
    #[arg(value_enum, default_value_t = Kind::Recipe)]
    kind: Kind,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// Recipes (recipes/*.toml)
    Recipe,
    /// Dataset cards (datasets/*.toml)
    Card,
    /// Baseline files
    Baseline,
    /// A user's configuration file
    Config,
    /// manifest.json of a run folder
    Manifest,
    /// conversion.json beside a samples table
    Conversion,
    /// run --json
    Run,
    /// check --json
    Check,
    /// compare --json
    Compare,
    /// explain --json
    Explain,
    /// score --json
    Score,
    /// leaderboard --json
    Leaderboard,
    /// predict --json
    Predict,
    /// export model --json
    Model,
    /// plan --json
    Plan,
    /// launch status --json
    Launch,
}

pub fn run(arguments: &SchemaArguments) -> Result<()> {
    output::print_json(&of(arguments.kind))
}

/// Every schema under the name that `schema` takes.
pub(super) fn all() -> Vec<(String, Json)> {
    let kinds = Kind::value_variants().iter();
    kinds
        .filter_map(|kind| Some((kind.to_possible_value()?.get_name().to_owned(), of(*kind))))
        .collect()
}

fn of(kind: Kind) -> Json {
    match kind {
        Kind::Recipe => recipe::json_schema(),
        Kind::Card => card_file::json_schema(),
        Kind::Baseline => schema::<Baseline>("baseline", baseline::SCHEMA),
        Kind::Config => config::json_schema(),
        Kind::Manifest => schema::<Manifest>("manifest", manifest::SCHEMA),
        Kind::Conversion => schema::<Conversion>("conversion", 1),
        Kind::Run => schema::<Summary>("run", 1),
        Kind::Check => schema::<CheckReport>("check", judge::SCHEMA),
        Kind::Compare => schema::<Comparison>("compare", compare::SCHEMA),
        Kind::Explain => schema::<Explanation>("explain", 1),
        Kind::Score => schema::<ScoreSummary>("score", 1),
        Kind::Leaderboard => schema::<Board>("leaderboard", board::SCHEMA),
        Kind::Predict => schema::<Predicted>("predict", 1),
        Kind::Model => schema::<Exported>("model", 1),
        Kind::Plan => schema::<Plan>("plan", 1),
        Kind::Launch => schema::<LaunchStatus>("launch", status::SCHEMA),
    }
}

/// The schema of what the program writes, under a name that carries its version.
fn schema<T: JsonSchema>(name: &str, version: u32) -> Json {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    schema["$id"] = Json::String(format!("urn:aura-bench:schema:{name}:{version}"));
    schema
}
