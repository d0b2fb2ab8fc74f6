//! `aura-bench run RECIPE`.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::chain::portion::PortionSummary;
use crate::chain::state::RunOptions;
use crate::chain::study::StudyPortion;
use crate::chain::{self, Outcome, Portion, Stage, StudyOptions, StudyOutcome, StudySummary, Summary, stages};
use crate::error::{Context, Error, Result};
use crate::feature::shard::Shard;
use crate::quoting::quoted;
use crate::recipe::{Job, RecipeOptions};

use super::output;
use super::shell::{Shell, named};
use super::what::What;

#[derive(Debug, Args)]
pub struct RunArguments {
    #[command(flatten)]
    what: What,
    /// auto, cpu, cuda, cuda:N, gpu or gpu:N; for a study also several, as cuda:0,1: one process on each
    #[arg(long, default_value = "auto")]
    device: String,
    /// Points of a study that run side by side on one device
    #[arg(long, value_name = "N", default_value_t = 1)]
    jobs: usize,
    /// Only this point of a study, from 0, without the study's report
    #[arg(long, value_name = "N")]
    point: Option<usize>,
    /// Only up to this stage: convert, extract, train; or report, which trains nothing that is missing
    #[arg(long, value_name = "STAGE", value_parser = named::<Stage>)]
    only: Option<Stage>,
    /// This process's share of the images, for example 1/16; with --only extract, into the cache that every run reads
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Only this fold of the protocol; with --only train
    #[arg(long, value_name = "K")]
    fold: Option<i32>,
    /// Where the file of feature rows that training reads is kept, for example a disk of this machine [default: with the features]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// Stop when stdin is closed: the process that started this one, and holds the other end, is gone
    #[arg(long, hide = true)]
    with_parent: bool,
    /// Print one JSON object with `run_dir`, metrics and stages
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &RunArguments, shell: &Shell) -> Result<()> {
    if arguments.with_parent {
        shell.interrupt.raise_at_end_of(std::io::stdin());
    }
    let portion = portion(arguments)?;
    let what = &arguments.what;
    let load = what.load();
    let options = RunOptions {
        scratch: arguments.scratch.clone(),
        ..what.options(&arguments.device)?
    };
    match (Job::load(&what.recipe, &load)?, arguments.point) {
        (Job::Run(recipe), None) => {
            let outcome = stages::part(&recipe, &options, portion, shell.progress, &shell.interrupt)?;
            show_outcome(arguments, &outcome, next)
        }
        (Job::Run(_), Some(_)) => Err(Error::Usage(format!(
            "--point is for studies; {} has no [sweep]",
            what.recipe.display()
        ))),
        (Job::Study(study), Some(point)) => {
            let outcome = chain::point(&study, point, &options, portion, shell.progress, &shell.interrupt)?;
            show_outcome(arguments, &outcome, |_| String::new())
        }
        (Job::Study(study), None) => {
            let program = std::env::current_exe().at("find", Path::new("the program itself"))?;
            let command = |point: usize, device: &str| Ok(child(&program, arguments, &options, &load, point, device));
            let options = StudyOptions {
                run: options.clone(),
                portion,
                jobs: arguments.jobs,
                command: &command,
            };
            match chain::study(&study, &options, shell.progress, &shell.interrupt)? {
                StudyOutcome::Study(summary) => show(arguments, &summary, StudySummary::to_text),
                StudyOutcome::Portion(portion) => show(arguments, &portion, StudyPortion::to_text),
            }
        }
    }
}

/// What of the work is asked for.
fn portion(arguments: &RunArguments) -> Result<Portion> {
    let refused = |option: &str, stage: Stage| {
        Err(Error::Usage(format!(
            "{option} is for --only {}: what follows needs all of it",
            stage.as_str()
        )))
    };
    if arguments.shard.is_some() && arguments.only != Some(Stage::Extract) {
        return refused("--shard", Stage::Extract);
    }
    if arguments.fold.is_some() && arguments.only != Some(Stage::Train) {
        return refused("--fold", Stage::Train);
    }
    Ok(Portion {
        only: arguments.only,
        shard: arguments.shard.unwrap_or(Shard::WHOLE),
        fold: arguments.fold,
    })
}

/// This program again, for one point of the same study.
fn child(
    program: &Path,
    arguments: &RunArguments,
    options: &RunOptions,
    load: &RecipeOptions,
    point: usize,
    device: &str,
) -> Command {
    let mut command = Command::new(program);
    command.arg("run").arg(&arguments.what.recipe);
    if let Some(data) = &options.data {
        command.arg("--data").arg(data);
    }
    if load.stand_in {
        command.arg("--stand-in");
    }
    for set in &load.set {
        command.arg("--set").arg(set);
    }
    command
        .arg("--out")
        .arg(&options.out)
        .arg("--cache")
        .arg(&options.cache);
    command
        .arg("--device")
        .arg(device)
        .arg("--point")
        .arg(point.to_string())
        .arg("--with-parent");
    if let Some(only) = arguments.only {
        command.arg("--only").arg(only.as_str());
    }
    if let Some(shard) = arguments.shard {
        command.arg("--shard").arg(shard.to_string());
    }
    if let Some(fold) = arguments.fold {
        command.arg("--fold").arg(fold.to_string());
    }
    if let Some(scratch) = &options.scratch {
        command.arg("--scratch").arg(scratch);
    }
    command
}

/// What to do now, beside opening the page.
fn next(summary: &Summary) -> String {
    let run = quoted(&summary.run_dir);
    let explain = summary.sample.as_deref().map_or_else(String::new, |sample| {
        format!("why     aura-bench explain {run} {}\n", quoted(sample))
    });
    format!(
        "{explain}ask     aura-bench query --runs {run} \"SELECT method, metric, value FROM metrics WHERE epoch IS NULL AND split = \
         'test'\""
    )
}

fn show_outcome(arguments: &RunArguments, outcome: &Outcome, next: impl Fn(&Summary) -> String) -> Result<()> {
    match outcome {
        Outcome::Run(summary) => show(arguments, summary.as_ref(), |summary| {
            format!("{}\n{}", summary.to_text(), next(summary))
                .trim_end()
                .to_owned()
        }),
        Outcome::Portion(portion) => show(arguments, portion, PortionSummary::to_text),
    }
}

fn show<T: serde::Serialize>(arguments: &RunArguments, summary: &T, text: impl Fn(&T) -> String) -> Result<()> {
    if arguments.json {
        output::print_json(summary)
    } else {
        output::print(&text(summary))
    }
}
