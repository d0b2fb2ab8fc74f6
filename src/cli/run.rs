//! `aura-bench run RECIPE`.

use std::path::PathBuf;

use clap::Args;

use crate::chain::{self, RunOptions};
use crate::error::Result;
use crate::recipe::{LoadOptions, Recipe};

use super::{Shell, output, parse_seeds};

#[derive(Debug, Args)]
pub struct RunArguments {
    /// The recipe, for example recipes/rafdb.toml
    recipe: PathBuf,
    /// The licensed database's folder; default: `dataset.root` of the recipe
    #[arg(long, value_name = "DIR", conflicts_with = "stand_in")]
    data: Option<PathBuf>,
    /// Run on generated faces whose truth is known, instead of the database
    #[arg(long)]
    stand_in: bool,
    /// Override a key of the recipe, for example train.epochs=20 (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Seeds, instead of the recipe's
    #[arg(long, value_name = "0,1,2", value_parser = SeedList::parse)]
    seeds: Option<SeedList>,
    /// Where run folders are written
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
    /// Where samples, features and generated faces are kept [default: ~/.cache/aura-bench]
    #[arg(long, value_name = "DIR", env = "AURA_BENCH_CACHE", hide_env_values = true)]
    cache: Option<PathBuf>,
    /// auto, cpu, cuda or cuda:N
    #[arg(long, default_value = "auto")]
    device: String,
    /// Print one JSON object with `run_dir`, metrics and stages
    #[arg(long)]
    json: bool,
}

/// Seeds as one argument; a type of its own so that the list is one value to the parser.
#[derive(Debug, Clone)]
struct SeedList(Vec<u64>);

impl SeedList {
    fn parse(text: &str) -> Result<Self, String> {
        parse_seeds(text).map(Self)
    }
}

pub fn run(arguments: &RunArguments, shell: &Shell) -> Result<()> {
    let mut set = arguments.set.clone();
    if let Some(SeedList(seeds)) = &arguments.seeds {
        set.push(format!("protocol.seeds={seeds:?}"));
    }
    let recipe = Recipe::load(
        &arguments.recipe,
        &LoadOptions {
            stand_in: arguments.stand_in,
            set,
        },
    )?;
    let options = RunOptions {
        data: arguments.data.clone(),
        out: arguments.out.clone(),
        cache: chain::cache_folder(arguments.cache.clone())?,
        device: arguments.device.clone(),
        sweep: None,
    };
    let summary = chain::run(&recipe, &options, shell.progress, &shell.interrupt)?;
    if arguments.json {
        output::print_json(&summary)
    } else {
        output::print(&summary.to_text())
    }
}
