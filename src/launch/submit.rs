//! Gives the jobs of a launch to the queue.

use std::fmt::Write as _;
use std::process::Command;

use crate::disk::atomic;
use crate::disk::lock::Lock;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::quoting::posix;

use super::phase::Phase;
use super::queue;
use super::record::{Record, Submitted};
use super::script;
use super::walltime;
use super::work::{Batch, Launch, array, recipes};

/// Variables of the environment that would go before lines that every script has, or change what a submission is.
const VARIABLES: [&str; 9] = [
    "SBATCH_ARRAY_INX",
    "SBATCH_ERROR",
    "SBATCH_JOB_NAME",
    "SBATCH_NO_REQUEUE",
    "SBATCH_OPEN_MODE",
    "SBATCH_OUTPUT",
    "SBATCH_REQUEUE",
    "SBATCH_SIGNAL",
    "SBATCH_WAIT",
];

/// What cannot be, before anything is written.
///
/// # Errors
/// [`Error::Usage`] if the time of a job is not longer than the warning before its end.
pub fn check(launch: &Launch<'_>) -> Result<()> {
    for phase in Phase::ALL {
        let limits = launch.limits(phase);
        let time = limits
            .time
            .as_deref()
            .and_then(|time| walltime::seconds(time).ok().flatten());
        if let Some(seconds) = time.filter(|seconds| *seconds <= u64::from(limits.lead())) {
            return Err(Error::Usage(format!(
                "the jobs of {phase} have {seconds} s, and are told {} s before the end to leave a checkpoint: give them more time, or \
                 set launch.slurm.lead_seconds",
                limits.lead()
            )));
        }
    }
    Ok(())
}

/// What would be submitted, as a script that a shell can run, and every job's script.
///
/// # Errors
/// As [`script::render`].
pub fn dry_run(launch: &Launch<'_>) -> Result<String> {
    let batches = launch.batches();
    let mut out = format!("cd {}\n", posix(&launch.folder.display().to_string()));
    let mut before: Vec<String> = Vec::new();
    for phase in Phase::ALL {
        let these: Vec<&Batch> = batches.iter().filter(|batch| batch.phase == phase).collect();
        let mut ids = Vec::new();
        for (i, batch) in these.iter().enumerate() {
            let id = if these.len() == 1 {
                phase.to_string()
            } else {
                format!("{phase}_{i}")
            };
            let waits = before.iter().map(|id| format!(":${id}")).collect::<String>();
            let words: Vec<String> = arguments(launch, batch, &waits)
                .iter()
                .map(|word| {
                    if word.contains('$') {
                        format!("\"{word}\"")
                    } else {
                        posix(word)
                    }
                })
                .collect();
            let _ = writeln!(out, "{id}=$(sbatch {})", words.join(" "));
            ids.push(id);
        }
        if !ids.is_empty() {
            before = ids;
        }
    }
    for phase in Phase::ALL {
        if batches.iter().any(|batch| batch.phase == phase) {
            let _ = write!(out, "\n── {}\n{}", script::name(phase), script::render(launch, phase)?);
        }
    }
    Ok(out)
}

/// Writes the scripts and submits what is not done. Nothing is submitted while jobs of the same launch are in the queue. Weights are
/// fetched first: nodes that compute often reach no other machine.
///
/// # Errors
/// [`Error::Usage`] if jobs of it are in the queue; [`Error::Data`] if Slurm refuses a job (those before it are taken back), or
/// weights cannot be had; [`Error::Io`]; [`Error::Interrupted`].
pub fn submit(
    launch: &Launch<'_>,
    mut record: Record,
    progress: Progress,
    interrupt: &Interrupt,
) -> Result<Vec<Submitted>> {
    let folder = &launch.folder;
    let _lock = Lock::hold(folder, progress, interrupt)?;
    refuse_twice(launch)?;
    for recipe in recipes(launch.job).into_iter().filter(|recipe| !recipe.card.is_table()) {
        recipe.encoder.fetched(None, progress, interrupt)?;
    }
    for phase in Phase::ALL {
        let path = folder.join(script::name(phase));
        let text = script::render(launch, phase)?;
        if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
            continue;
        }
        atomic::write(&path, text.as_bytes())?;
    }
    record.write(folder)?;
    let mut before: Vec<u64> = Vec::new();
    for phase in Phase::ALL {
        let mut ids = Vec::new();
        for batch in launch.batches().into_iter().filter(|batch| batch.phase == phase) {
            interrupt.check()?;
            let waits = before.iter().map(|id| format!(":{id}")).collect::<String>();
            let id = sbatch(launch, &batch, &waits).map_err(|error| take_back(&record, &error))?;
            record.jobs.push(Submitted {
                phase,
                id,
                tasks: batch.tasks,
            });
            record.write(folder)?;
            ids.push(id);
        }
        if !ids.is_empty() {
            before = ids;
        }
    }
    Ok(record.jobs)
}

fn refuse_twice(launch: &Launch<'_>) -> Result<()> {
    let mut ids: Vec<String> = queue::of(&launch.name)?.iter().map(|job| job.id.to_string()).collect();
    ids.dedup();
    if ids.is_empty() {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "{} is in the queue already, and nothing was submitted: `aura-bench launch status` says how far it is, and `scancel {}` takes \
         it out",
        launch.name,
        ids.join(" ")
    )))
}

/// Jobs that wait for one that cannot be submitted would do half of the work, and stand in the way of the next launch.
fn take_back(record: &Record, error: &Error) -> Error {
    let ids: Vec<u64> = record.jobs.iter().map(|job| job.id).collect();
    if ids.is_empty() {
        return Error::data(error.to_string());
    }
    match queue::cancel(&ids) {
        Ok(()) => Error::data(format!("{error}; the jobs before it were taken back")),
        Err(kept) => Error::data(format!(
            "{error}; the jobs before it, {ids:?}, are still in the queue: {kept}"
        )),
    }
}

/// Submits one job and returns its number.
fn sbatch(launch: &Launch<'_>, batch: &Batch, waits: &str) -> Result<u64> {
    let limits = launch.limits(batch.phase);
    let mut command = Command::new("sbatch");
    command
        .args(arguments(launch, batch, waits))
        .current_dir(&launch.folder);
    let given = limits.directives().into_iter().filter_map(|line| line.variable);
    for variable in VARIABLES.into_iter().chain(given) {
        command.env_remove(variable);
    }
    let answer = queue::said(&mut command).map_err(|error| error.within(batch.phase.name()))?;
    // The name of a cluster may follow.
    let id = answer.trim().split(';').next().unwrap_or_default();
    id.parse().map_err(|_| {
        Error::data(format!(
            "{}: sbatch answered {answer:?}; expected the number of the job",
            batch.phase
        ))
    })
}

/// What `sbatch` is given. `waits` names jobs that must end well before, each behind a colon.
fn arguments(launch: &Launch<'_>, batch: &Batch, waits: &str) -> Vec<String> {
    let mut words = vec!["--parsable".to_owned()];
    if let Some(tasks) = &batch.tasks {
        words.push("--array".to_owned());
        words.push(array(tasks, launch.limits(batch.phase).array_limit));
    }
    if !waits.is_empty() {
        // What waits for a job that failed goes, so that a next launch finds nothing in the queue.
        for word in [
            "--dependency",
            &format!("afterok{waits}"),
            "--kill-on-invalid-dep",
            "yes",
        ] {
            words.push(word.to_owned());
        }
    }
    words.push(script::name(batch.phase));
    if batch.first > 0 {
        words.push(batch.first.to_string());
    }
    words
}

/// One line a job: its number and tasks, what it waits for, and its script.
pub fn to_text(launch: &Launch<'_>, jobs: &[Submitted]) -> String {
    let mut out = String::new();
    let mut before: Vec<String> = Vec::new();
    for phase in Phase::ALL {
        let mut ids = Vec::new();
        for job in jobs.iter().filter(|job| job.phase == phase) {
            let tasks = job.tasks.as_ref().map_or_else(String::new, |tasks| {
                format!("_[{}]", array(tasks, launch.limits(phase).array_limit))
            });
            let after = if before.is_empty() {
                "at once".to_owned()
            } else {
                format!("after {}", before.join(", "))
            };
            let script = launch.folder.join(script::name(phase));
            let _ = writeln!(
                out,
                "{phase:<8} {:<20} {after:<16} {}",
                format!("{}{tasks}", job.id),
                script.display()
            );
            ids.push(job.id.to_string());
        }
        if !ids.is_empty() {
            before = ids;
        }
    }
    out
}
