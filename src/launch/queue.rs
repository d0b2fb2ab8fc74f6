//! What Slurm says: its queue, and how large an array may be.

use std::io::ErrorKind;
use std::process::{Command, Output};

use crate::error::{Error, Result};

use super::phase::Phase;

/// The largest index of an array, and one more, where a cluster sets nothing else.
pub const ARRAY_SIZE: u32 = 1001;

/// A job or a task of an array that is in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Number of the job, of the array as a whole where it is one.
    pub id: u64,
    /// Index in the array.
    pub task: Option<u32>,
    /// Whether it is on a node; else it waits.
    pub running: bool,
    /// Its phase.
    pub phase: Phase,
}

/// The jobs of the launch `name` that are in the queue. They are found by their names, so that one whose number was never recorded
/// is found too.
///
/// # Errors
/// [`Error::Data`] if Slurm cannot be asked.
pub fn of(name: &str) -> Result<Vec<Queued>> {
    let names: Vec<String> = Phase::ALL.iter().map(|phase| format!("{name}-{phase}")).collect();
    let mut command = Command::new("squeue");
    // One line a task: in lists of tasks Slurm leaves out what is long.
    command.args(["--me", "--noheader", "--array", "--format", "%F|%K|%T|%j", "--name"]);
    command.arg(names.join(","));
    read(&said(&mut command)?, &names)
}

/// Reads what the queue answered: array, index, state, name.
fn read(text: &str, names: &[String]) -> Result<Vec<Queued>> {
    let mut queued = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let wrong = || {
            Error::data(format!(
                "squeue answered {line:?}; expected number, index, state and name of a job between bars"
            ))
        };
        let fields: Vec<&str> = line.trim().split('|').collect();
        let [id, task, state, name] = fields[..] else {
            return Err(wrong());
        };
        let Some(phase) = names.iter().position(|known| known == name).map(|at| Phase::ALL[at]) else {
            continue;
        };
        queued.push(Queued {
            id: id.parse().map_err(|_| wrong())?,
            task: match task {
                "N/A" => None,
                task => Some(task.parse().map_err(|_| wrong())?),
            },
            // Whatever else a job may be in the queue, it waits.
            running: [
                "RUNNING",
                "COMPLETING",
                "CONFIGURING",
                "SUSPENDED",
                "STOPPED",
                "SIGNALING",
                "STAGE_OUT",
            ]
            .contains(&state),
            phase,
        });
    }
    Ok(queued)
}

/// How many indices an array may have, from 0.
///
/// # Errors
/// [`Error::Data`] if Slurm cannot be asked, or does not say.
pub fn array_size() -> Result<u32> {
    let text = said(Command::new("scontrol").args(["show", "config"]))?;
    let size = text.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "MaxArraySize").then(|| value.trim().parse::<u32>())
    });
    match size {
        Some(Ok(0)) => Err(Error::data(
            "this cluster allows no arrays (MaxArraySize is 0): submit points one by one, as docs/cluster.md shows",
        )),
        Some(Ok(size)) => Ok(size),
        _ => Err(Error::data(
            "`scontrol show config` does not say how large an array may be (MaxArraySize)",
        )),
    }
}

/// Takes jobs out of the queue.
///
/// # Errors
/// [`Error::Data`] if Slurm does not.
pub fn cancel(ids: &[u64]) -> Result<()> {
    said(Command::new("scancel").args(ids.iter().map(ToString::to_string))).map(drop)
}

/// What one of Slurm's programs prints.
///
/// # Errors
/// [`Error::Data`] if it is not there, or fails.
pub fn said(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.output() {
        Ok(Output { status, stdout, .. }) if status.success() => Ok(String::from_utf8_lossy(&stdout).into_owned()),
        Ok(Output { status, stderr, .. }) => Err(Error::data(format!(
            "{program} failed ({status}): {}",
            String::from_utf8_lossy(&stderr).trim()
        ))),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Error::data(format!(
            "`{program}` is not on this machine: call from a node of the cluster on which jobs are submitted"
        ))),
        Err(error) => Err(Error::data(format!("{program} cannot be called: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_is_read_line_by_line() {
        let names = Phase::ALL.map(|phase| format!("sizes-0123abcd-{phase}"));
        let text = "12|N/A|RUNNING|sizes-0123abcd-convert\n13|4|PENDING|sizes-0123abcd-extract\n\
                    13|5|REQUEUE_HOLD|sizes-0123abcd-extract\n99|N/A|RUNNING|other\n14|0|COMPLETING|sizes-0123abcd-points\n\n";
        let queued = read(text, &names).unwrap();
        let found: Vec<_> = queued
            .iter()
            .map(|job| (job.id, job.task, job.running, job.phase))
            .collect();
        assert_eq!(
            found,
            [
                (12, None, true, Phase::Convert),
                (13, Some(4), false, Phase::Extract),
                (13, Some(5), false, Phase::Extract),
                (14, Some(0), true, Phase::Points),
            ]
        );
        for wrong in [
            "13|[0-5%2]|PENDING|sizes-0123abcd-extract",
            "slurm is not well",
            "x|N/A|RUNNING|sizes-0123abcd-points",
        ] {
            assert!(read(wrong, &names).is_err(), "{wrong}");
        }
    }
}
