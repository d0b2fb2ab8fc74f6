//! What is run, and where: the arguments that verbs about a recipe's work share.

use std::path::PathBuf;

use clap::Args;

use crate::chain::stages;
use crate::chain::state::RunOptions;
use crate::error::Result;
use crate::recipe::RecipeOptions;

use super::shell::parse_seeds;

#[derive(Debug, Args)]
pub struct What {
    /// The recipe: a file, or the name of one that the program carries, for example rafdb
    pub recipe: PathBuf,
    /// The licensed database's folder; default: `dataset.root` of the recipe
    #[arg(long, value_name = "DIR", conflicts_with = "stand_in")]
    pub data: Option<PathBuf>,
    /// Run on generated faces whose truth is known, instead of the database
    #[arg(long)]
    pub stand_in: bool,
    /// Override a key of the recipe, for example train.epochs=20 (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Seeds, instead of the recipe's
    #[arg(long, value_name = "0,1,2", value_parser = SeedList::parse)]
    pub seeds: Option<SeedList>,
    /// Where run folders are written
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub out: PathBuf,
    /// Where samples, features and generated faces are kept [default: `AURA_BENCH_CACHE`, else ~/.cache/aura-bench]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
}

/// Seeds as one argument; a type of its own so that the list is one value to the parser.
#[derive(Debug, Clone)]
pub struct SeedList(Vec<u64>);

impl SeedList {
    fn parse(text: &str) -> Result<Self, String> {
        parse_seeds(text).map(Self)
    }
}

impl What {
    /// What is laid over the recipe.
    pub fn load(&self) -> RecipeOptions {
        let mut set = self.set.clone();
        if let Some(SeedList(seeds)) = &self.seeds {
            set.push(format!("protocol.seeds={seeds:?}"));
        }
        RecipeOptions {
            stand_in: self.stand_in,
            set,
        }
    }

    /// Where a run on `device` reads and writes.
    ///
    /// # Errors
    /// As [`stages::cache_folder`].
    pub fn options(&self, device: &str) -> Result<RunOptions> {
        Ok(RunOptions {
            data: self.data.clone(),
            out: self.out.clone(),
            cache: stages::cache_folder(self.cache.clone())?,
            device: device.to_owned(),
            sweep: None,
            scratch: None,
        })
    }

    /// The same arguments again, but for the seeds.
    pub fn again(&self) -> Vec<String> {
        let mut arguments = vec![self.recipe.display().to_string()];
        let mut path = |option: &str, path: &PathBuf| arguments.extend([option.to_owned(), path.display().to_string()]);
        if let Some(data) = &self.data {
            path("--data", data);
        }
        path("--out", &self.out);
        if let Some(cache) = &self.cache {
            path("--cache", cache);
        }
        if self.stand_in {
            arguments.push("--stand-in".to_owned());
        }
        for set in &self.set {
            arguments.extend(["--set".to_owned(), set.clone()]);
        }
        arguments
    }

    /// The seeds that are asked for in place of the recipe's, as an argument.
    pub fn seeds_again(&self) -> Option<String> {
        let SeedList(seeds) = self.seeds.as_ref()?;
        let seeds: Vec<String> = seeds.iter().map(ToString::to_string).collect();
        Some(seeds.join(","))
    }
}
