//! Folders of the cache that are whole or absent.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::there;

use super::atomic;
use super::lock::Lock;
use super::seal::{self, Damage};

/// A folder that is whole.
#[derive(Debug)]
pub struct Published {
    /// Whether it was there already.
    pub cached: bool,
    /// Tells whoever tidies the cache that the folder is in use; `None` where the file system knows no locks.
    _in_use: Option<File>,
}

/// Fills `target` through `fill` unless it is there, whole. The work happens in `<target>.partial`, which a later call
/// continues, and is renamed when whole, with the digests of its files. What is there and damaged is made again, and said.
///
/// # Errors
/// Whatever `fill` returns, or an output that cannot be written; [`Error::Io`] if something is there and cannot be read.
pub fn folder(
    target: &Path,
    progress: Progress,
    interrupt: &Interrupt,
    fill: impl FnOnce(&Path) -> Result<()>,
) -> Result<Published> {
    progress.detail(&format!("in {}", target.display()));
    let found = look(target, interrupt)?;
    if found == Found::Whole {
        return Ok(Published::of(target, true));
    }
    let partial = partial(target);
    // Whoever held the lock before may have finished the work, or made way for somebody else's.
    let (lock, now) = loop {
        let lock = Lock::hold(&partial, progress, interrupt).map_err(|error| found.hopeless(target, error))?;
        let now = look(target, interrupt)?;
        if now == Found::Whole || lock.is_of(&partial)? {
            break (lock, now);
        }
    };
    if now == Found::Whole {
        lock.clear_away(&partial)?;
        return Ok(Published::of(target, true));
    }
    atomic::sweep_below(&partial)?;
    if let Found::Damaged(damages) = &now {
        for damage in damages {
            progress.line(&format!("            made again, because {damage}"));
        }
        std::fs::remove_dir_all(target)
            .at("remove", target)
            .map_err(|error| now.hopeless(target, error))?;
    }
    fill(&partial)?;
    seal::close(&partial, interrupt)?;
    std::fs::rename(&partial, target).at("rename to", target)?;
    drop(lock);
    Ok(Published::of(target, false))
}

/// What is there in place of a folder.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Absent,
    Whole,
    Damaged(Vec<Damage>),
}

impl Found {
    /// The error where nothing can be made in place of what was found.
    fn hopeless(&self, target: &Path, error: Error) -> Error {
        match (self, error) {
            (Self::Damaged(damages), error @ Error::Io { .. }) => Error::data(format!(
                "{}; it cannot be made again here ({error}): remove {}, or make the folder that it lies in writable",
                damages.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
                target.display()
            )),
            (_, error) => error,
        }
    }
}

fn look(target: &Path, interrupt: &Interrupt) -> Result<Found> {
    if !there::is_dir(target)? {
        return Ok(Found::Absent);
    }
    let damages = seal::damages(target, interrupt)?;
    Ok(if damages.is_empty() {
        Found::Whole
    } else {
        Found::Damaged(damages)
    })
}

impl Published {
    /// Of a folder that is whole: keeps whoever tidies the cache away from it.
    pub fn in_use(target: &Path) -> Self {
        Self::of(target, true)
    }

    fn of(target: &Path, cached: bool) -> Self {
        let seal = target.join(seal::FILE);
        let file = File::open(&seal).ok().filter(|file| file.try_lock_shared().is_ok());
        // When it was last used, for whoever tidies; a cache that is read only keeps the time that it has.
        if let Ok(file) = File::options().append(true).open(&seal) {
            let _ = file.set_modified(std::time::SystemTime::now());
        }
        Self { cached, _in_use: file }
    }
}

/// Where the work on `target` happens.
fn partial(target: &Path) -> PathBuf {
    let mut name = target
        .file_name()
        .map(std::ffi::OsStr::to_os_string)
        .unwrap_or_default();
    name.push(PARTIAL);
    target.with_file_name(name)
}

/// How the names of folders end that are not whole yet.
pub const PARTIAL: &str = ".partial";

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    fn fill(target: &Path, work: impl FnOnce(&Path) -> Result<()>) -> Result<Published> {
        folder(target, Progress::hidden(), &Interrupt::default(), work)
    }

    fn write(folder: &Path) -> Result<()> {
        std::fs::write(folder.join("file"), "x").at("write", folder)
    }

    #[test]
    fn who_waited_finds_the_work_done_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("table");
        std::thread::scope(|scope| {
            let (begun, begin) = channel();
            let target = &target;
            let first = scope.spawn(move || {
                fill(target, |partial| {
                    begun.send(()).unwrap();
                    // Long enough for the other to wait for the lock; were it shorter, the other would find the folder whole.
                    std::thread::sleep(std::time::Duration::from_millis(400));
                    write(partial)
                })
            });
            begin.recv().unwrap();
            let second = scope.spawn(move || fill(target, |_| unreachable!("the work is done")));
            assert!(!first.join().unwrap().unwrap().cached);
            assert!(second.join().unwrap().unwrap().cached);
        });
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn many_at_once_do_the_work_once() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("table");
        let done: usize = std::thread::scope(|scope| {
            let calls: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| fill(&target, write).unwrap().cached))
                .collect();
            calls.into_iter().map(|call| usize::from(!call.join().unwrap())).sum()
        });
        assert_eq!(done, 1);
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}
