//! `aura-bench baseline save RUN`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::check::baseline::{Baseline, SaveOptions};
use crate::check::facts::Facts;
use crate::error::Result;

use super::output;
use super::shell::Shell;

#[derive(Debug, Args)]
pub struct BaselineArguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write the numbers of a run, and the rules by which later runs are judged, into a small file for review
    Save(SaveArguments),
}

#[derive(Debug, Args)]
struct SaveArguments {
    /// The run folder
    run: PathBuf,
    /// The file; if it is there, its rules are kept and the changes are printed
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Also save the predictions of the test samples beside it (Parquet): the paired bootstrap needs them
    #[arg(long)]
    predictions: bool,
    /// Also judge training speed (as a ratio to the machine's own) and memory
    #[arg(long)]
    cost: bool,
    #[arg(
        long = "metric",
        value_name = "NAME",
        help = "A further metric, for example f1_happiness or knn.acc (repeatable)"
    )]
    metrics: Vec<String>,
}

pub fn run(arguments: &BaselineArguments, shell: &Shell) -> Result<()> {
    let Verb::Save(arguments) = &arguments.verb;
    let run = Facts::one(&arguments.run)?;
    let options = SaveOptions {
        metrics: arguments.metrics.clone(),
        cost: arguments.cost,
    };
    let baseline = Baseline::of(&run, &run.expect, &options)?;
    if baseline.seeds.len() == 1 {
        shell.progress.line(
            "one seed: how far seeds alone move these numbers is not known, so a loss beyond the tolerance will be \
             inconclusive; save from a run of three seeds or more",
        );
    }
    let seeds: Vec<String> = baseline.seeds.iter().map(ToString::to_string).collect();
    let written = format!(
        "new: {} numbers and {} leads over rivals, seeds {}",
        baseline.metrics.len(),
        baseline.standings.len(),
        seeds.join(", ")
    );
    let saved = baseline.save(&arguments.out, arguments.predictions)?;
    for note in &saved.notes {
        shell.progress.line(note);
    }
    shell.progress.line(&format!("{}", arguments.out.display()));
    output::print(match saved.changes.as_deref() {
        None => &written,
        Some("") => "unchanged",
        Some(changes) => changes,
    })
}
