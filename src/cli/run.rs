//! `aura-bench run RECIPE`.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::chain::state::RunOptions;
use crate::chain::{self, StudyOptions, StudySummary, Summary, stages};
use crate::error::{Context, Error, Result};
use crate::quoting::quoted;
use crate::recipe::{Job, RecipeOptions};

use super::output;
use super::shell::{Shell, parse_seeds};

#[derive(Debug, Args)]
pub struct RunArguments {
    /// The recipe: a file, or the name of one that the program carries, for example rafdb
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
    /// Where samples, features and generated faces are kept [default: `AURA_BENCH_CACHE`, else ~/.cache/aura-bench]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// auto, cpu, cuda or cuda:N; for a study also several, as cuda:0,1: one process on each
    #[arg(long, default_value = "auto")]
    device: String,
    /// Points of a study that run side by side on one device
    #[arg(long, value_name = "N", default_value_t = 1)]
    jobs: usize,
    /// Only this point of a study, from 0, without the study's report
    #[arg(long, value_name = "N")]
    point: Option<usize>,
    /// Stop when stdin is closed: the process that started this one, and holds the other end, is gone
    #[arg(long, hide = true)]
    with_parent: bool,
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
    if arguments.with_parent {
        shell.interrupt.raise_at_end_of(std::io::stdin());
    }
    let mut set = arguments.set.clone();
    if let Some(SeedList(seeds)) = &arguments.seeds {
        set.push(format!("protocol.seeds={seeds:?}"));
    }
    let load = RecipeOptions {
        stand_in: arguments.stand_in,
        set,
    };
    let options = RunOptions {
        data: arguments.data.clone(),
        out: arguments.out.clone(),
        cache: stages::cache_folder(arguments.cache.clone())?,
        device: arguments.device.clone(),
        sweep: None,
    };
    match (Job::load(&arguments.recipe, &load)?, arguments.point) {
        (Job::Run(recipe), None) => {
            let summary = stages::run(&recipe, &options, shell.progress, &shell.interrupt)?;
            show(arguments, &summary, |summary| {
                format!("{}\n{}", summary.to_text(), next(summary))
            })
        }
        (Job::Run(_), Some(_)) => Err(Error::Usage(format!(
            "--point is for studies; {} has no [sweep]",
            arguments.recipe.display()
        ))),
        (Job::Study(study), Some(point)) => {
            let summary = chain::point(&study, point, &options, shell.progress, &shell.interrupt)?;
            show(arguments, &summary, Summary::to_text)
        }
        (Job::Study(study), None) => {
            let program = std::env::current_exe().at("find", Path::new("the program itself"))?;
            let command = |point: usize, device: &str| Ok(child(&program, arguments, &options, &load, point, device));
            let options = StudyOptions {
                run: options.clone(),
                jobs: arguments.jobs,
                command: &command,
            };
            let summary = chain::study(&study, &options, shell.progress, &shell.interrupt)?;
            show(arguments, &summary, StudySummary::to_text)
        }
    }
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
    command.arg("run").arg(&arguments.recipe);
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

fn show<T: serde::Serialize>(arguments: &RunArguments, summary: &T, text: impl Fn(&T) -> String) -> Result<()> {
    if arguments.json {
        output::print_json(summary)
    } else {
        output::print(&text(summary))
    }
}
