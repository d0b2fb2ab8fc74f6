//! `aura-bench schema`.

use clap::{Args, ValueEnum};

use crate::dataset::Card;
use crate::error::Result;
use crate::recipe;

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
}

pub fn run(arguments: &SchemaArguments) -> Result<()> {
    output::print_json(&match arguments.kind {
        Kind::Recipe => recipe::json_schema(),
        Kind::Card => Card::json_schema().to_value(),
    })
}
