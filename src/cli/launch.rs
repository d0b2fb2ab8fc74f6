//! `aura-bench launch slurm RECIPE` and `aura-bench launch status RECIPE`.

use std::path::{Path, PathBuf, absolute};

use clap::{Args, Subcommand};

use crate::chain::plan;
use crate::chain::stages;
use crate::chain::state::RunOptions;
use crate::device::choice::DeviceChoice;
use crate::error::{Context, Error, Result};
use crate::launch::config::Configuration;
use crate::launch::limits::Limits;
use crate::launch::phase::Phase;
use crate::launch::record::Record;
use crate::launch::status::LaunchStatus;
use crate::launch::work::{self, Launch};
use crate::launch::{queue, submit};
use crate::recipe::Job;

use super::output;
use super::shell::Shell;
use super::what::What;

#[derive(Debug, Args)]
pub struct LaunchArguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Give a recipe or a study to Slurm: convert, then features in shards, then points or seeds, then the report; what is done is
    /// left out, and what is limited in time goes on from its checkpoint
    Slurm(Box<SlurmArguments>),
    /// Say how far a launch is: what is done, what runs, what waits, what failed and where its log lies
    Status(StatusArguments),
}

#[derive(Debug, Args)]
struct SlurmArguments {
    #[command(flatten)]
    what: What,
    /// cpu, cuda, cuda:N, gpu or gpu:N [default: cuda if the jobs ask for a GPU, else cpu]
    #[arg(long)]
    device: Option<String>,
    /// Tasks that extract features side by side
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    shards: u32,
    /// A task for each seed of each point, and each of its folds, not for each point
    #[arg(long)]
    by_seed: bool,
    /// A folder on the node for the file of feature rows, for example `$SLURM_TMPDIR`: variables are put in there
    #[arg(long, value_name = "DIR")]
    scratch: Option<String>,
    /// Print scripts and calls of sbatch, and submit nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    limits: LimitArguments,
}

/// What jobs may take; goes before the user's configuration.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of sbatch, before those of the configuration file")]
struct LimitArguments {
    /// Partition
    #[arg(long)]
    partition: Option<String>,
    /// Account that is charged
    #[arg(long)]
    account: Option<String>,
    /// Quality of service
    #[arg(long)]
    qos: Option<String>,
    /// Longest time of a job, for example 4:00:00
    #[arg(long)]
    time: Option<String>,
    /// Generic resources of all jobs but the first, which converts, for example gpu:1
    #[arg(long)]
    gres: Option<String>,
    /// Memory of a node, for example 32G
    #[arg(long)]
    mem: Option<String>,
    /// Features that a node must have
    #[arg(long)]
    constraint: Option<String>,
    /// Processors of a task
    #[arg(long, value_name = "N")]
    cpus_per_task: Option<u32>,
    /// Tasks of an array that run at a time
    #[arg(long, value_name = "N")]
    array_limit: Option<u32>,
    /// The program as the nodes know it [default: this one]; variables are put in there
    #[arg(long, value_name = "PATH")]
    program: Option<String>,
}

#[derive(Debug, Args)]
struct StatusArguments {
    #[command(flatten)]
    what: What,
    /// cpu, cuda, cuda:N, gpu or gpu:N [default: as it was launched]
    #[arg(long)]
    device: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &LaunchArguments, shell: &Shell) -> Result<()> {
    match &arguments.verb {
        Verb::Slurm(arguments) => slurm(arguments, shell),
        Verb::Status(arguments) => status(arguments, shell),
    }
}

fn slurm(arguments: &SlurmArguments, shell: &Shell) -> Result<()> {
    let what = &arguments.what;
    let given = arguments.limits.read()?;
    let scratch = arguments.scratch.clone();
    if scratch
        .as_ref()
        .is_some_and(|folder| folder.is_empty() || folder.contains(char::is_control))
    {
        return Err(Error::Usage(
            "--scratch names no folder: a variable of the node is written in single quotes, '$SLURM_TMPDIR'".to_owned(),
        ));
    }
    let config = Configuration::load()?.launch.slurm;
    let limits = Phase::ALL.map(|phase| config.of(phase, &given));
    let gpu = limits[Phase::Points as usize].asks_for_gpu();
    let device = arguments
        .device
        .clone()
        .unwrap_or_else(|| if gpu { "cuda" } else { "cpu" }.to_owned());
    check_device(&device)?;

    let job = Job::load(&what.recipe, &what.load())?;
    let here = std::env::current_dir().at("find", Path::new("this folder"))?;
    // The recipe as it was written: what it extends is looked for from there, and jobs begin in the same folder.
    let placed = What {
        recipe: what.recipe.clone(),
        data: what.data.as_deref().map(full).transpose()?,
        stand_in: what.stand_in,
        set: what.load().set,
        seeds: None,
        out: full(&what.out)?,
        cache: Some(full(&stages::cache_folder(what.cache.clone())?)?),
    };
    let options = placed.options(&device)?;
    let name = work::name(&job)?;
    let plan = plan::plan(&job, &options, shell.progress, &shell.interrupt)?;
    if plan.done {
        return output::print(&format!("{name} is done: there is nothing to submit"));
    }
    let launch = Launch {
        job: &job,
        plan: &plan,
        words: words(&placed, &device),
        program: std::env::current_exe().at("find", Path::new("the program itself"))?,
        here,
        folder: folder(what, &name)?,
        name,
        shards: arguments.shards,
        by_seed: arguments.by_seed,
        scratch,
        array_size: match queue::array_size() {
            Err(error) if arguments.dry_run => {
                output::complain(&format!(
                    "warning: arrays of {} tasks are taken to be allowed, as Slurm sets it: {error}",
                    queue::ARRAY_SIZE
                ));
                queue::ARRAY_SIZE
            }
            size => size?,
        },
        limits,
    };
    submit::check(&launch)?;
    if arguments.dry_run {
        return output::print(&submit::dry_run(&launch)?);
    }
    let record = Record::new(options.data, options.cache, options.device);
    let jobs = submit::submit(&launch, record, shell.progress, &shell.interrupt)?;
    output::print(&submit::to_text(&launch, &jobs))
}

fn status(arguments: &StatusArguments, shell: &Shell) -> Result<()> {
    let what = &arguments.what;
    let job = Job::load(&what.recipe, &what.load())?;
    let name = work::name(&job)?;
    let folder = folder(what, &name)?;
    let Some(record) = Record::read(&folder)? else {
        return Err(Error::Usage(format!(
            "{name} was not launched into {}: call with the recipe, --set, --stand-in and --out that it was launched with",
            what.out.display()
        )));
    };
    if let Some(device) = &arguments.device {
        check_device(device)?;
    }
    let options = RunOptions {
        data: what.data.clone().or_else(|| record.data.clone()),
        out: full(&what.out)?,
        cache: what.cache.clone().unwrap_or_else(|| record.cache.clone()),
        ..what.options(arguments.device.as_ref().unwrap_or(&record.device))?
    };
    // The queue first: what ends while the plan is made is then done, and not failed.
    let queued = queue::of(&name)?;
    let plan = plan::plan(&job, &options, shell.progress, &shell.interrupt)?;
    let status = LaunchStatus::of(&name, &folder, &plan, &record, &queued)?;
    if arguments.json {
        output::print_json(&status)
    } else {
        output::print(&status.to_text())
    }
}

/// What the device is called in every job: each would take its own for `auto`, and results of two kinds are two runs.
fn check_device(device: &str) -> Result<()> {
    match device.parse::<DeviceChoice>() {
        Ok(DeviceChoice::Cpu) => Ok(()),
        Ok(DeviceChoice::Cuda(devices) | DeviceChoice::Gpu(devices)) if devices.len() == 1 => Ok(()),
        Ok(_) => Err(Error::Usage(format!(
            "--device {device}: every job has one device, and all the same kind: name cpu, cuda or gpu"
        ))),
        Err(message) => Err(Error::Usage(format!("--device: {message}"))),
    }
}

fn full(path: &Path) -> Result<PathBuf> {
    absolute(path).at("find", path)
}

/// The folder of scripts and logs.
fn folder(what: &What, name: &str) -> Result<PathBuf> {
    Ok(full(&what.out)?.join(".launch").join(name))
}

/// The call that every job makes, after the program.
fn words(what: &What, device: &str) -> Vec<String> {
    let mut words = vec!["run".to_owned()];
    words.extend(what.again());
    words.extend(["--device".to_owned(), device.to_owned()]);
    words
}

impl LimitArguments {
    fn read(&self) -> Result<Limits> {
        let limits = Limits {
            partition: self.partition.clone(),
            account: self.account.clone(),
            qos: self.qos.clone(),
            time: self.time.clone(),
            gres: self.gres.clone(),
            mem: self.mem.clone(),
            constraint: self.constraint.clone(),
            cpus_per_task: self.cpus_per_task,
            array_limit: self.array_limit,
            program: self.program.clone(),
            ..Limits::default()
        };
        limits
            .validate()
            .map_err(|(key, expected)| Error::Usage(format!("--{}: {expected}", key.replace('_', "-"))))?;
        Ok(limits)
    }
}
