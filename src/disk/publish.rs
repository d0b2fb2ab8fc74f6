//! Folders of the cache that are whole or absent.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Once;

use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::there;

use super::atomic;
use super::lock::{self, Lock};
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
    match look(target, progress, interrupt)? {
        Found::Whole => Ok(Published::of(target, true)),
        found => fill_beside(target, &found, progress, interrupt, fill),
    }
}

/// Which folder something is, whatever it is called (see [`there::identity`]).
pub type Identity = Option<(u64, u64)>;

/// As [`folder`], for work that calls do side by side: `share` does what it can of it in `<target>.partial`, each thing under a
/// lock of its own, and says whether all of it is there by then; one of the calls ends it through `fill`. `None` where the shares
/// of others are missing. `share` fails once `<target>.partial` is another folder than it was told: the work has ended meanwhile.
///
/// # Errors
/// As [`folder`], or whatever `share` returns.
pub fn together(
    target: &Path,
    progress: Progress,
    interrupt: &Interrupt,
    mut share: impl FnMut(&Path, Identity) -> Result<bool>,
    fill: impl FnOnce(&Path) -> Result<()>,
) -> Result<Option<Published>> {
    let partial = partial(target);
    let mut begun = false;
    loop {
        let before = there::identity(target);
        let found = look(target, progress, interrupt)?;
        if found == Found::Whole {
            if begun {
                forget(target, &partial);
            }
            return Ok(Some(Published::of(target, true)));
        }
        std::fs::create_dir_all(&partial).at("create the folder", &partial)?;
        // Before the look: were it given its name after that, another one of this name would be known not to be it.
        let identity = there::identity(&partial);
        let absent = found == Found::Absent;
        if there::identity(target) != before || (absent && is_there(target)?) {
            // It was given its name in between; what was made here is empty, or somebody else's.
            let _ = std::fs::remove_dir(&partial);
            continue;
        }
        begun = true;
        match share(&partial, identity) {
            Ok(true) => return fill_beside(target, &found, progress, interrupt, fill).map(Some),
            Ok(false) => return Ok(None),
            // Whoever had the last of it gave the folder its name in the middle of this call's work.
            Err(_)
                if there::identity(&partial) != identity
                    || !there::is_dir(&partial)?
                    || (absent && is_there(target)?) =>
            {
                interrupt.check()?;
            }
            Err(error) => return Err(found.hopeless(target, error)),
        }
    }
}

/// Removes the locks that calls took while the folder was given its name, in it or in one that another call made beside it. What
/// cannot be removed harms nobody.
fn forget(target: &Path, partial: &Path) {
    for folder in [target, partial] {
        let _ = lock::forget_things(folder);
    }
    let _ = std::fs::remove_dir(partial);
}

/// Whether somebody is making `target`, or has begun to.
///
/// # Errors
/// [`Error::Io`] if the system cannot say.
pub fn is_begun(target: &Path) -> Result<bool> {
    there::is_dir(&partial(target))
}

/// Whether `target` is there; its files are not looked at.
///
/// # Errors
/// [`Error::Io`] if the system cannot say.
pub fn is_there(target: &Path) -> Result<bool> {
    there::is_file(&target.join(seal::FILE))
}

fn fill_beside(
    target: &Path,
    found: &Found,
    progress: Progress,
    interrupt: &Interrupt,
    fill: impl FnOnce(&Path) -> Result<()>,
) -> Result<Published> {
    let partial = partial(target);
    let hold = || Lock::hold(&partial, progress, interrupt).map_err(|error| found.hopeless(target, error));
    let mut lock = hold()?;
    // Whoever held the lock before may have finished the work.
    let mut now = Found::Absent;
    if there::is_dir(target)? {
        // Its files are looked at without the folder that waiting for the lock made: others would take that for work to do.
        let _ = lock::forget_things(&partial);
        lock.clear_away(&partial);
        drop(lock);
        now = look(target, Progress::hidden(), interrupt)?;
        if now == Found::Whole {
            let _ = lock::forget_things(target);
            return Ok(Published::of(target, true));
        }
        lock = hold()?;
        if !there::is_dir(target)? {
            now = Found::Absent;
        }
    }
    atomic::sweep_below(&partial)?;
    if now != Found::Absent {
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

/// Looks at every file of `target`, and says what is damaged.
fn look(target: &Path, progress: Progress, interrupt: &Interrupt) -> Result<Found> {
    progress.detail(&format!("in {}", target.display()));
    if !there::is_dir(target)? {
        return Ok(Found::Absent);
    }
    let damages = seal::damages(target, interrupt)?;
    for damage in &damages {
        progress.line(&format!("            made again, because {damage}"));
    }
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
        let file = File::open(&seal).ok().filter(in_use);
        // When it was last used, for whoever tidies; a cache that is read only keeps the time that it has.
        if let Ok(file) = File::options().append(true).open(&seal) {
            let _ = file.set_modified(std::time::SystemTime::now());
        }
        Self { cached, _in_use: file }
    }
}

/// Marks a file as in use, until it is closed; says once where the file system cannot.
fn in_use(seal: &File) -> bool {
    static SAID: Once = Once::new();
    match seal.try_lock_shared() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(error)) => {
            SAID.call_once(|| {
                tracing::warn!(
                    "the file system of the cache has no locks of the system ({error}): `aura-bench cache` cannot see there what is in \
                     use, so remove nothing while runs read it; runs themselves need none"
                );
            });
            false
        }
    }
}

/// Where the work on `target` happens.
pub fn partial(target: &Path) -> PathBuf {
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

    #[test]
    fn work_that_is_shared_is_ended_by_one_and_the_others_find_it() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("table");
        let progress = Progress::hidden();
        let never = Interrupt::default();
        // A share of it is no end.
        let share = |partial: &Path, _: Identity| {
            std::fs::write(partial.join("one"), "1")
                .at("write", partial)
                .map(|()| false)
        };
        let nothing = together(&target, progress, &never, share, |_| unreachable!("others are missing")).unwrap();
        assert!(nothing.is_none() && !is_there(&target).unwrap() && is_begun(&target).unwrap());
        let ended: usize = std::thread::scope(|scope| {
            let calls: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let share = |partial: &Path, _: Identity| {
                            let there = partial.join("one").is_file();
                            std::fs::write(partial.join("two"), "2")
                                .at("write", partial)
                                .map(|()| there)
                        };
                        together(&target, progress, &never, share, write).unwrap().unwrap()
                    })
                })
                .collect();
            calls
                .into_iter()
                .map(|call| usize::from(!call.join().unwrap().cached))
                .sum()
        });
        assert_eq!(ended, 1);
        assert_eq!(seal::damages(&target, &never).unwrap(), []);
        assert_eq!(std::fs::read(target.join("one")).unwrap(), b"1");
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    /// What a call does that takes the lock of a part while another one gives the folder its name, before and after that moment.
    #[cfg(unix)]
    #[test]
    fn locks_that_came_too_late_are_not_left_behind() {
        for (latest, damaged) in [(false, false), (true, false), (false, true), (true, true)] {
            let folder = tempfile::tempdir().unwrap();
            let target = folder.path().join("table");
            let (progress, never) = (Progress::hidden(), Interrupt::default());
            if damaged {
                fill(&target, write).unwrap();
                std::fs::write(target.join("file"), "y").unwrap();
            }
            let mut shares = 0;
            let share = |partial: &Path, identity: Identity| {
                shares += 1;
                assert_eq!(there::identity(partial), identity);
                let take = || Lock::attempt(partial, "part-00000", &never);
                write(partial)?;
                let early = (!latest).then(take).transpose()?;
                seal::close(partial, &never)?;
                if damaged {
                    std::fs::remove_dir_all(&target).at("remove", &target)?;
                }
                std::fs::rename(partial, &target).at("rename to", &target)?;
                // A third call, which looked before that.
                std::fs::create_dir_all(partial).at("create the folder", partial)?;
                let late = latest.then(take).transpose()?;
                assert_ne!(there::identity(partial), identity);
                drop((early, late));
                Err(Error::Interrupted)
            };
            let found = together(&target, progress, &never, share, |_| unreachable!("the work is done")).unwrap();
            assert!(found.unwrap().cached);
            assert_eq!(shares, 1);
            let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
            assert_eq!(left.len(), 1, "{left:?}");
            assert!(!Lock::is_known(&target));
            assert_eq!(seal::damages(&target, &never).unwrap(), []);
        }
    }
}
