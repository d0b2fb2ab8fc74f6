//! `aura-bench explain RUN SAMPLE_ID`.

use std::path::PathBuf;

use clap::Args;

use crate::disk::atomic;
use crate::error::Result;
use crate::report;
use crate::report::explain::sample::ExplainOptions;

use super::output;

#[derive(Debug, Args)]
#[command(after_help = "Identifiers: aura-bench query \"SELECT sample_id, split, expression_name FROM samples\".")]
pub struct ExplainArguments {
    /// The run folder
    run: PathBuf,
    /// The sample
    sample_id: String,
    /// The seed whose archetypes are shown; the first if not given
    #[arg(long)]
    seed: Option<i64>,
    /// Archetypes listed
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=8))]
    top: u64,
    /// Training images listed for each archetype
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=12))]
    images: u64,
    /// Where the images lie, if not where the run found them
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Also write the explanation as one self-contained page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &ExplainArguments) -> Result<()> {
    let options = ExplainOptions {
        seed: arguments.seed,
        archetypes: arguments.top as usize,
        images: arguments.images as usize,
        data_root: arguments.data.clone(),
        ..ExplainOptions::default()
    };
    let explanation = report::explain(&arguments.run, &arguments.sample_id, &options)?;
    if let Some(path) = &arguments.html {
        atomic::write(path, explanation.to_html()?.as_bytes())?;
    }
    if arguments.json {
        output::print_json(&explanation)
    } else {
        output::print(&explanation.to_text())
    }
}
