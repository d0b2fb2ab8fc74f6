//! `aura-bench validate RECIPE`.

use std::path::PathBuf;

use clap::Args;

use crate::error::Result;
use crate::recipe::{Job, LoadOptions, Study};

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
    let recipe = match Job::load(&arguments.recipe, &options)? {
        Job::Run(recipe) => recipe,
        Job::Study(study) => return print_study(arguments, shell, &study),
    };
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

fn print_study(arguments: &ValidateArguments, shell: &Shell, study: &Study) -> Result<()> {
    if arguments.resolved {
        let mut text = String::new();
        for point in &study.points {
            text.push_str(&format!("# {}\n{}\n", point.label(), point.recipe.to_toml()?));
        }
        return output::print(&text);
    }
    shell.progress.line(&format!(
        "{} is a valid study of {} points",
        arguments.recipe.display(),
        study.points.len()
    ));
    let mut lines = Vec::new();
    for point in &study.points {
        lines.push(format!("{}  {}", &point.recipe.digest()?[..16], point.label()));
    }
    output::print(&lines.join("\n"))
}
