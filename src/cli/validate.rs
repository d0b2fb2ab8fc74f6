//! `aura-bench validate RECIPE`.

use std::path::PathBuf;

use clap::Args;

use crate::error::Result;
use crate::recipe::{LoadOptions, Recipe};

use super::{Shell, output};

#[derive(Debug, Args)]
pub struct ValidateArguments {
    /// The recipe
    recipe: PathBuf,
    /// Check it as `run --stand-in` would read it
    #[arg(long)]
    stand_in: bool,
    /// Overrides, as for `run`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print the resolved recipe, with every default spelled out
    #[arg(long)]
    resolved: bool,
}

pub fn run(arguments: &ValidateArguments, shell: &Shell) -> Result<()> {
    let options = LoadOptions {
        stand_in: arguments.stand_in,
        set: arguments.set.clone(),
    };
    let recipe = Recipe::load(&arguments.recipe, &options)?;
    if arguments.resolved {
        return output::print(&recipe.to_toml()?);
    }
    shell
        .progress
        .line(&format!("{} is a valid recipe", arguments.recipe.display()));
    output::print(&format!(
        "recipe digest {}\nprotocol digest {}",
        recipe.digest()?,
        recipe.protocol_digest()?
    ))
}
