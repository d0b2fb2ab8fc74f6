//! Who writes: host, process and job, as they stand in locks and in the names of unfinished files, so that others can tell whose
//! work something is, and whether that process still lives.

use std::fs::Metadata;
use std::sync::LazyLock;

/// Longest part of a name that a host or a job takes.
const LONGEST: usize = 40;

/// What batch systems call the number of a job: Slurm, PBS, LSF, Grid Engine, Flux; the index of an array or of an indexed job
/// where it stands in a variable of its own.
const JOBS: [&str; 5] = ["SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID", "FLUX_JOB_ID"];

/// A process of this program, on one of the machines that share a file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    host: String,
    /// One start of the machine's kernel; empty where the system does not say.
    boot: String,
    /// The space in which the number of the process counts: containers have their own.
    space: String,
    process: u32,
    /// When the process started, in ticks since the kernel did; a number that is given again belongs to another start.
    started: u64,
    /// The job of a batch system, if it is one.
    job: String,
}

/// What is known of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It runs.
    Alive,
    /// It is gone, surely.
    Dead,
    /// It belongs to another machine, or to a space that cannot be seen from here.
    Unknown,
}

static SELF: LazyLock<Owner> = LazyLock::new(|| Owner {
    host: plain(&host()),
    boot: read("/proc/sys/kernel/random/boot_id").chars().take(8).collect(),
    space: space(),
    process: std::process::id(),
    started: started(std::process::id()).unwrap_or_default(),
    job: JOBS
        .iter()
        .find_map(|name| std::env::var(name).ok())
        .map(|job| plain(&job))
        .unwrap_or_default(),
});

impl Owner {
    /// This process.
    pub fn this() -> &'static Self {
        &SELF
    }

    /// Six words without a blank that may stand in the name of a file, joined by dots.
    pub fn text(&self) -> String {
        let Self {
            host,
            boot,
            space,
            process,
            started,
            job,
        } = self;
        format!("{host}.{boot}.{space}.{process}.{started}.{job}")
    }

    /// Reads what [`Self::text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split('.');
        let mut word = || words.next().filter(|word| word.chars().all(is_plain));
        let owner = Self {
            host: word()?.to_owned(),
            boot: word()?.to_owned(),
            space: word()?.to_owned(),
            process: word()?.parse().ok()?,
            started: word()?.parse().ok()?,
            job: word()?.to_owned(),
        };
        words.next().is_none().then_some(owner)
    }

    /// Whether it still runs; `file` is one that it wrote.
    ///
    /// A process that cannot be seen is gone only where it would be seen: on this start of this machine, in this space of numbers,
    /// and of this user, for systems may hide the processes of others.
    pub fn life(&self, file: &Metadata) -> Life {
        let this = Self::this();
        if self.boot.is_empty() || (&self.boot, &self.space) != (&this.boot, &this.space) {
            return Life::Unknown;
        }
        if started(self.process) == Some(self.started) {
            Life::Alive
        } else if is_of_this_user(file) {
            Life::Dead
        } else {
            Life::Unknown
        }
    }

    /// Whether it is on this machine, as far as names tell.
    pub fn is_here(&self) -> bool {
        self.host == Self::this().host
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} on {}", self.process, self.host)?;
        if self.job.is_empty() {
            Ok(())
        } else {
            write!(f, ", job {}", self.job)
        }
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// A text as a word of a name.
fn plain(text: &str) -> String {
    let kept = text.trim().chars().map(|c| if is_plain(c) { c } else { '-' });
    kept.take(LONGEST).collect()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn host() -> String {
    let said = read("/proc/sys/kernel/hostname");
    let from = |name: &str| std::env::var(name).ok();
    Some(said)
        .filter(|name| !name.is_empty())
        .or_else(|| from("COMPUTERNAME"))
        .or_else(|| from("HOSTNAME"))
        .unwrap_or_else(|| "unnamed".to_owned())
}

/// The number of the space of processes, from `pid:[4026531836]`.
fn space() -> String {
    let link = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let text = link.to_string_lossy();
    text.chars().filter(char::is_ascii_digit).collect()
}

/// When a process started; `None` of one that is gone, or only waits for its parent to hear of its end.
fn started(process: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program stands in brackets, and may hold any of them.
    let mut words = text.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = words.next()?;
    // It is the 22nd word, and the state the third.
    words.nth(18)?.parse().ok().filter(|_| !matches!(state, "Z" | "X"))
}

#[cfg(unix)]
fn is_of_this_user(file: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|this| this.uid() == file.uid())
}

#[cfg(not(unix))]
fn is_of_this_user(_: &Metadata) -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_alive_until_it_is_gone_and_one_elsewhere_is_unknown() {
        let file = tempfile::tempfile().unwrap().metadata().unwrap();
        let this = Owner::this().clone();
        assert_eq!(this.life(&file), Life::Alive);
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let theirs = Owner {
            process: child.id(),
            started: started(child.id()).unwrap(),
            ..this.clone()
        };
        assert_eq!(theirs.life(&file), Life::Alive);
        let again = Owner {
            started: theirs.started + 1,
            ..theirs.clone()
        };
        assert_eq!(again.life(&file), Life::Dead, "the number is another process's by now");
        child.kill().unwrap();
        while theirs.life(&file) == Life::Alive {
            std::thread::yield_now();
        }
        assert_eq!(theirs.life(&file), Life::Dead, "it waits for its parent");
        child.wait().unwrap();
        assert_eq!(theirs.life(&file), Life::Dead);
        for elsewhere in [
            Owner {
                boot: "00000000".to_owned(),
                ..theirs.clone()
            },
            Owner {
                space: "1".to_owned(),
                ..theirs.clone()
            },
            Owner {
                boot: String::new(),
                ..theirs
            },
        ] {
            assert_eq!(elsewhere.life(&file), Life::Unknown);
        }
    }

    #[test]
    fn what_stands_in_a_name_is_read_again() {
        let owner = Owner {
            host: plain("node17.cluster a\nb"),
            job: plain("4711[3].server"),
            ..Owner::this().clone()
        };
        assert_eq!(owner.host, "node17-cluster-a-b");
        assert_eq!(Owner::parse(&owner.text()), Some(owner));
        for other in ["", "a.b.c", "a.b.c.1.2.d.e", "a.b.c.x.2.d", "a/b.b.c.1.2.d"] {
            assert_eq!(Owner::parse(other), None, "{other}");
        }
    }
}
