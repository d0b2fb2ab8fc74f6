//! `aura-bench compare RUN RUN…`.

use std::path::PathBuf;

use clap::Args;

use crate::check::compare::{self, CompareOptions};
use crate::disk::atomic;
use crate::error::Result;
use crate::metric::Bootstrap;

use super::output;

#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 compared; 2 the protocols or the test samples differ and --force was not given.")]
pub struct CompareArguments {
    /// Run folders, or folders of runs; s3://…, gs://…, az://… or https://… (docs/remote.md); one run alone is held against its own rivals
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Put runs of unequal protocols side by side all the same; every output then says that they are not comparable
    #[arg(long)]
    force: bool,
    #[arg(
        long = "metric",
        value_name = "NAME",
        help = "A further metric, for example f1_happiness or knn.acc (repeatable)"
    )]
    metrics: Vec<String>,
    /// Resamples of the bootstrap
    #[arg(long, default_value_t = 1999, value_name = "N", value_parser = clap::value_parser!(u32).range(99..=1_000_000))]
    resamples: u32,
    /// Also write the comparison as Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Print one JSON object (docs/schema/compare.json)
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &CompareArguments) -> Result<()> {
    let runs = compare::open(&arguments.runs)?;
    let options = CompareOptions {
        metrics: arguments.metrics.clone(),
        force: arguments.force,
        bootstrap: Bootstrap {
            resamples: arguments.resamples as usize,
            ..Bootstrap::default()
        },
    };
    let comparison = compare::compare(&runs, &options)?;
    if let Some(path) = &arguments.markdown {
        atomic::write(path, comparison.to_markdown().as_bytes())?;
    }
    if arguments.json {
        output::print_json(&comparison)
    } else {
        output::print(&comparison.to_text())
    }
}
