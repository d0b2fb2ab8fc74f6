//! How far a launch is: what is done by the plan, what the queue holds, and what failed.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use crate::chain::plan::{Parts, Plan};
use crate::error::{Context, Result};
use crate::there;

use super::phase::Phase;
use super::queue::Queued;
use super::record::Record;
use super::script;
use super::work::steps;

/// Version of [`LaunchStatus`].
pub const SCHEMA: u32 = 1;

/// How far a launch is.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct LaunchStatus {
    /// Version of this object: 1.
    pub schema: u32,
    /// Name of the launch.
    pub name: String,
    /// Its folder, with scripts and logs.
    pub folder: String,
    /// Whether everything is done.
    pub done: bool,
    /// The phases, in order.
    pub phases: Vec<PhaseStatus>,
}

/// How far one phase is.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PhaseStatus {
    /// Which.
    pub phase: Phase,
    /// Steps that are done: databases, feature tables, seeds, reports.
    pub done: usize,
    /// Steps that there are.
    pub all: usize,
    /// Parts of the first feature table that is not whole, where that is known.
    pub parts: Option<Parts>,
    /// Tasks that are on a node.
    pub running: usize,
    /// Tasks that wait.
    pub pending: usize,
    /// Tasks that are gone from the queue and left something undone.
    pub failed: Vec<FailedTask>,
}

/// A task that is gone from the queue and left something undone.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FailedTask {
    /// What Slurm calls it: `4711`, `4711_3`.
    pub task: String,
    /// The exit code of its script; null if it was killed, or never began.
    pub exit_code: Option<i32>,
    /// Its log; null if it never began.
    pub log: Option<String>,
}

impl LaunchStatus {
    /// Of the launch `name` in `folder`.
    ///
    /// # Errors
    /// [`crate::Error::Io`] if the folder cannot be read.
    pub fn of(name: &str, folder: &Path, plan: &Plan, record: &Record, queued: &[Queued]) -> Result<Self> {
        let here: BTreeSet<(u64, Option<u32>)> = queued.iter().map(|job| (job.id, job.task)).collect();
        let mut phases = Vec::new();
        for phase in Phase::ALL {
            let (all, done) =
                steps(plan, phase).fold((0, 0), |(all, done), step| (all + 1, done + usize::from(step.done)));
            let count = |running| {
                let those = queued.iter().filter(|job| job.phase == phase && job.running == running);
                those.count()
            };
            let mut failed = Vec::new();
            let whole = if phase == Phase::Collect {
                plan.done
            } else {
                done == all
            };
            for job in record.jobs.iter().filter(|job| job.phase == phase && !whole) {
                for (task, called) in job.names() {
                    if here.contains(&(job.id, task)) {
                        continue;
                    }
                    let exit_code = exit_code(&folder.join(script::exit(phase, &called)))?;
                    if exit_code == Some(0) {
                        continue;
                    }
                    let log = folder.join(script::log(phase, &called));
                    failed.push(FailedTask {
                        task: called,
                        exit_code,
                        log: there::is_file(&log)?.then(|| log.display().to_string()),
                    });
                }
            }
            phases.push(PhaseStatus {
                phase,
                done,
                all,
                parts: steps(plan, phase).filter(|step| !step.done).find_map(|step| step.parts),
                running: count(true),
                pending: count(false),
                failed,
            });
        }
        Ok(Self {
            schema: SCHEMA,
            name: name.to_owned(),
            folder: folder.display().to_string(),
            done: plan.done,
            phases,
        })
    }

    /// The table for a person.
    pub fn to_text(&self) -> String {
        let mut out = format!(
            "{}: {}\n{:<8} {:>9}  {:>7}  {:>7}  {:>6}\n",
            self.name,
            if self.done { "done" } else { "not done" },
            "step",
            "done",
            "running",
            "pending",
            "failed"
        );
        for phase in &self.phases {
            let parts = phase
                .parts
                .map_or_else(String::new, |parts| format!("  {} of {} parts", parts.done, parts.all));
            let _ = writeln!(
                out,
                "{:<8} {:>9}  {:>7}  {:>7}  {:>6}{parts}",
                phase.phase,
                format!("{}/{}", phase.done, phase.all),
                phase.running,
                phase.pending,
                phase.failed.len()
            );
        }
        for phase in &self.phases {
            for failed in &phase.failed {
                let how = match (failed.exit_code, &failed.log) {
                    (Some(code), _) => format!("exit code {code}"),
                    (None, Some(_)) => "killed".to_owned(),
                    (None, None) => "never began".to_owned(),
                };
                let log = failed.log.as_deref().unwrap_or("no log");
                let _ = writeln!(out, "{} {}: {how}, {log}", phase.phase, failed.task);
            }
        }
        out
    }
}

/// The exit code that a job left, if it ended by itself.
fn exit_code(path: &Path) -> Result<Option<i32>> {
    if !there::is_file(path)? {
        return Ok(None);
    }
    Ok(std::fs::read_to_string(path).at("read", path)?.trim().parse().ok())
}
