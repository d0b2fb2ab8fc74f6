//! `aura-bench doctor`.

use std::path::PathBuf;

use clap::Args;

use crate::chain;
use crate::doctor::Examination;
use crate::error::Result;

use super::output;

#[derive(Debug, Args)]
pub struct DoctorArguments {
    /// Where samples, features and generated faces are kept [default: ~/.cache/aura-bench]
    #[arg(long, value_name = "DIR", env = "AURA_BENCH_CACHE", hide_env_values = true)]
    cache: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &DoctorArguments) -> Result<()> {
    let found = Examination::new(chain::cache_folder(arguments.cache.clone())?);
    if arguments.json {
        output::print_json(&found)
    } else {
        output::print(&found.to_text())
    }
}
