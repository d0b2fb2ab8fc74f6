//! The attacks, one function each.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::chance::Chance;
use crate::tracing;
use crate::world::{Place, STARTS, Start, World, files, text};

/// How an attack ended that did no harm.
pub enum Outcome {
    Survived,
    /// It cannot be made on this machine.
    Skipped(String),
}

type Attacked = Result<Outcome, String>;

pub struct Attack {
    pub name: &'static str,
    pub run: fn(&World, &mut Chance) -> Attacked,
}

pub const ATTACKS: [Attack; 10] = [
    Attack {
        name: "flip",
        run: flip,
    },
    Attack {
        name: "cut-or-remove",
        run: cut,
    },
    Attack {
        name: "kill",
        run: kill,
    },
    Attack {
        name: "kill-and-flip",
        run: kill_and_flip,
    },
    Attack {
        name: "kill-at-call",
        run: kill_at_call,
    },
    Attack {
        name: "one-error",
        run: one_error,
    },
    Attack {
        name: "signal",
        run: signal,
    },
    Attack {
        name: "full-disk",
        run: full_disk,
    },
    Attack {
        name: "read-only",
        run: read_only,
    },
    Attack {
        name: "race",
        run: race,
    },
];

/// A call that was not disturbed beyond what it may meet: it succeeded, or failed for the data's or the disk's sake (3).
fn documented(output: &Output) -> Result<(), String> {
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("panicked at") {
        return Err(format!("a panic: {}", text(output)));
    }
    match output.status.code() {
        Some(0 | 3) => Ok(()),
        _ => Err(format!("expected exit code 0 or 3: {}", text(output))),
    }
}

/// One bit of one file that a run left: made again and said, or refused by name.
fn flip(world: &World, chance: &mut Chance) -> Attacked {
    let (_kept, place) = world.place(Start::Everything);
    flip_one(world, chance, &place, "")
}

fn flip_one(world: &World, chance: &mut Chance, place: &Place, before: &str) -> Attacked {
    let all = victims(place);
    if all.is_empty() {
        return Ok(Outcome::Survived);
    }
    let path = one_of_a_kind(chance, &all);
    let mut bytes = std::fs::read(path).unwrap();
    let bit = chance.below(bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
    std::fs::write(path, bytes).unwrap();
    after_damage(world, place, path, &format!("{before}bit {bit}"))
}

/// A file that is shorter, empty or gone.
fn cut(world: &World, chance: &mut Chance) -> Attacked {
    let (_kept, place) = world.place(Start::Everything);
    let all = victims(&place);
    let path = one_of_a_kind(chance, &all);
    let length = std::fs::metadata(path).unwrap().len() as usize;
    let left = match chance.below(3) {
        0 => None,
        1 => Some(0),
        _ => Some(chance.below(length)),
    };
    match left {
        None => std::fs::remove_file(path).unwrap(),
        Some(left) => std::fs::File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_len(left as u64)
            .unwrap(),
    }
    after_damage(world, &place, path, &format!("{left:?} bytes left"))
}

fn victims(place: &Place) -> Vec<PathBuf> {
    let mut all = files(&place.folder.join("runs"));
    all.extend(files(&place.folder.join("cache")));
    all.retain(|path| std::fs::metadata(path).is_ok_and(|meta| meta.len() > 0));
    all
}

/// A file of a kind: the few that say what is whole come as often as the many that hold a face each.
fn one_of_a_kind<'a>(chance: &mut Chance, all: &'a [PathBuf]) -> &'a Path {
    let mut kinds: BTreeMap<String, Vec<&Path>> = BTreeMap::new();
    for path in all {
        let mut kind = path.to_string_lossy().into_owned();
        kind.retain(|letter| !letter.is_ascii_hexdigit());
        kinds.entry(kind).or_default().push(path);
    }
    let kinds: Vec<_> = kinds.into_values().collect();
    let kind = chance.one_of(&kinds);
    chance.one_of::<&Path>(kind)
}

fn after_damage(world: &World, place: &Place, path: &Path, how: &str) -> Attacked {
    let shown = path.strip_prefix(&place.folder).unwrap_or(path).display().to_string();
    let output = place.command().output().unwrap();
    documented(&output).map_err(|why| format!("{shown}, {how}: {why}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if output.status.success() {
        return match world.compare(place) {
            Ok(()) => Ok(Outcome::Survived),
            Err(why) => Err(format!("{shown}, {how}: {why}")),
        };
    }
    if !said.contains(&*name) {
        return Err(format!("{shown}, {how}: refused without its name: {}", text(&output)));
    }
    world.continues(place).map_err(|why| format!("{shown}, {how}: {why}"))?;
    Ok(Outcome::Survived)
}

/// Killed at a random moment.
fn kill(world: &World, chance: &mut Chance) -> Attacked {
    let (_kept, place, shown) = killed(world, chance);
    world.continues(&place).map_err(|why| format!("{shown}: {why}"))?;
    Ok(Outcome::Survived)
}

/// A place in which a run was killed, and how.
fn killed(world: &World, chance: &mut Chance) -> (TempDir, Place, String) {
    let start = *chance.one_of(&STARTS[..3]);
    let (kept, place) = world.place(start);
    let after = world.rest(start).mul_f64(chance.share() * 1.1);
    let mut child = place
        .command()
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(after);
    let _ = child.kill();
    child.wait().unwrap();
    (kept, place, format!("from {start:?}, killed after {after:?}"))
}

/// Killed at a random moment, and one bit of what that left: checkpoints, and folders that are half made.
fn kill_and_flip(world: &World, chance: &mut Chance) -> Attacked {
    let (_kept, place, shown) = killed(world, chance);
    flip_one(world, chance, &place, &format!("{shown}, "))
}

/// Killed in a call that changes what lies on disk.
fn kill_at_call(world: &World, chance: &mut Chance) -> Attacked {
    const CALLS: [&str; 6] = ["rename", "fsync", "mkdir", "unlink", "write", "pwrite64"];
    if !tracing::is_there() {
        return Ok(Outcome::Skipped("strace is not there, or may not trace".to_owned()));
    }
    let start = *chance.one_of(&STARTS[..3]);
    let (_kept, place) = world.place(start);
    let call = *chance.one_of(&CALLS);
    let when = 1 + chance.below(if call == "write" { 400 } else { 40 });
    let (_, hit) = tracing::inject(&place, call, "signal=SIGKILL", when);
    let shown = format!("from {start:?}, killed at {call} {when} (met: {hit})");
    world.continues(&place).map_err(|why| format!("{shown}: {why}"))?;
    Ok(Outcome::Survived)
}

/// One error of the system, once: nothing that it touched is kept as a fact.
fn one_error(world: &World, chance: &mut Chance) -> Attacked {
    const FAULTS: [(&str, &str, usize); 13] = [
        ("openat", "EIO", 400),
        ("openat", "EMFILE", 400),
        ("openat", "EACCES", 400),
        ("read", "EIO", 600),
        ("pread64", "EIO", 60),
        ("write", "ENOSPC", 400),
        ("fsync", "EIO", 40),
        ("rename", "EACCES", 40),
        ("mkdir", "ENOSPC", 20),
        ("statx", "EIO", 400),
        ("getdents64", "EIO", 30),
        ("flock", "ENOLCK", 6),
        ("unlink", "EACCES", 10),
    ];
    if !tracing::is_there() {
        return Ok(Outcome::Skipped("strace is not there, or may not trace".to_owned()));
    }
    let start = *chance.one_of(&STARTS);
    let (_kept, place) = world.place(start);
    let &(call, error, most) = chance.one_of(&FAULTS);
    let when = 1 + chance.below(most);
    let (output, _) = tracing::inject(&place, call, &format!("error={error}"), when);
    let shown = format!("from {start:?}, {call} {when} is {error}");
    // The loader of libraries ends the program before it is one.
    if output.status.code() != Some(127) {
        documented(&output).map_err(|why| format!("{shown}: {why}"))?;
        if output.status.success() {
            world
                .compare(&place)
                .map_err(|why| format!("{shown}, and it ended well: {why}"))?;
        }
    }
    world.continues(&place).map_err(|why| format!("{shown}: {why}"))?;
    Ok(Outcome::Survived)
}

/// Milliseconds from a signal to the end of the program, the longest of all.
pub static SLOWEST: AtomicU64 = AtomicU64::new(0);

/// Asked to stop in any of the three ways: it ends within a second, or says what ends first.
fn signal(world: &World, chance: &mut Chance) -> Attacked {
    const PATIENCE: Duration = Duration::from_secs(20);
    const SILENT: Duration = Duration::from_millis(1_500);
    let start = *chance.one_of(&STARTS[..3]);
    let (_kept, place) = world.place(start);
    // Who starts all this with SIGHUP ignored (`nohup`) wants it to be.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let ways: &[&str] = if ignored.is_some_and(|mask| mask & 1 == 1) {
        &["INT", "TERM"]
    } else {
        &["INT", "TERM", "HUP"]
    };
    let which = *chance.one_of(ways);
    let after = world.rest(start).mul_f64(0.05 + chance.share());
    let mut child = place
        .command()
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(after);
    let sent = Command::new("kill")
        .args([&format!("-{which}"), &child.id().to_string()])
        .output();
    assert!(sent.is_ok());
    let shown = format!("from {start:?}, SIG{which} after {after:?}");
    let asked = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if asked.elapsed() > PATIENCE {
            let _ = child.kill();
            child.wait().unwrap();
            return Err(format!("{shown}: still there {PATIENCE:?} later"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let took = asked.elapsed();
    SLOWEST.fetch_max(took.as_millis() as u64, Ordering::Relaxed);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if took > SILENT && !said.contains("stopping: the step under way ends first") {
        return Err(format!("{shown}: {took:?} without a word: {}", text(&output)));
    }
    // Before the first line of the program's own, the signal does what it always does.
    let too_early = output.status.signal().is_some() && said.is_empty();
    if said.contains("panicked at") || !(too_early || matches!(output.status.code(), Some(0 | 130))) {
        return Err(format!("{shown}: {}", text(&output)));
    }
    world.continues(&place).map_err(|why| format!("{shown}: {why}"))?;
    Ok(Outcome::Survived)
}

/// A disk that is smaller than what a run leaves, and larger afterwards.
fn full_disk(world: &World, chance: &mut Chance) -> Attacked {
    let folder = tempfile::tempdir().unwrap();
    let size = 64 + chance.below(6_000);
    let Some(mounted) = Mounted::new(folder.path(), &["-t", "tmpfs", "-o", &format!("size={size}k"), "tmpfs"]) else {
        return Ok(Outcome::Skipped("mounting a disk of its own is not allowed".to_owned()));
    };
    let place = Place::new(folder.path().to_owned());
    let output = place.command().output().unwrap();
    let shown = format!("a disk of {size} KiB");
    documented(&output).map_err(|why| format!("{shown}: {why}"))?;
    let grown = Command::new("mount")
        .args(["-o", "remount,size=400m"])
        .arg(folder.path())
        .status();
    assert!(grown.is_ok_and(|status| status.success()));
    let result = world.continues(&place);
    drop(mounted);
    result.map_err(|why| format!("{shown}: {why}"))?;
    Ok(Outcome::Survived)
}

/// Everything is there, and nothing can be written.
fn read_only(world: &World, _: &mut Chance) -> Attacked {
    let (_kept, place) = world.place(Start::Everything);
    // The clone of the bytes is older than the digests know of; what the first call does is no part of this.
    world.continues(&place)?;
    let again = ["-o", "bind"];
    let Some(mounted) = Mounted::new(
        &place.folder,
        &[again[0], again[1], &place.folder.display().to_string()],
    ) else {
        return Ok(Outcome::Skipped(
            "mounting a folder read-only is not allowed".to_owned(),
        ));
    };
    let closed = Command::new("mount")
        .args(["-o", "remount,ro,bind"])
        .arg(&place.folder)
        .status();
    assert!(closed.is_ok_and(|status| status.success()));
    let mut failures = Vec::new();
    for arguments in [
        Place::arguments(),
        ["query", "SELECT count(*) AS n FROM metrics"]
            .map(str::to_owned)
            .to_vec(),
        ["check", "runs", "--allow", "inconclusive,missing"]
            .map(str::to_owned)
            .to_vec(),
    ] {
        let output = place.program().args(&arguments).output().unwrap();
        // What a check says of so small a run is not asked here.
        let judged = arguments[0] == "check" && output.status.code() == Some(1);
        if !output.status.success() && !judged {
            failures.push(format!("`{}`: {}", arguments[0], text(&output)));
        }
    }
    drop(mounted);
    if failures.is_empty() {
        world.compare(&place)?;
        Ok(Outcome::Survived)
    } else {
        Err(failures.join("; "))
    }
}

/// A file system that is there while this lives.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn new(at: &'a Path, arguments: &[&str]) -> Option<Self> {
        let mount = Command::new("mount")
            .args(arguments)
            .arg(at)
            .stderr(Stdio::null())
            .status();
        mount.is_ok_and(|status| status.success()).then_some(Self(at))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

/// Two of the same at once.
fn race(world: &World, chance: &mut Chance) -> Attacked {
    let start = *chance.one_of(&STARTS);
    let (_kept, place) = world.place(start);
    let spawn = || {
        place
            .command()
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let first = spawn();
    std::thread::sleep(world.takes.mul_f64(chance.share() * 0.3));
    let second = spawn();
    for child in [first, second] {
        let output = child.wait_with_output().unwrap();
        if !output.status.success() {
            return Err(format!("from {start:?}: {}", text(&output)));
        }
    }
    world.compare(&place).map_err(|why| format!("from {start:?}: {why}"))?;
    Ok(Outcome::Survived)
}
