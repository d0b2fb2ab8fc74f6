//! Folders of the cache that are whole or absent.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;
use crate::progress::Progress;

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
    let found = look(target)?;
    if found == Found::Whole {
        return Ok(Published::of(target, true));
    }
    let partial = partial(target);
    let _lock = Lock::hold(&partial, progress, interrupt).map_err(|error| found.hopeless(target, error))?;
    atomic::sweep_below(&partial)?;
    // Whoever held the lock before may have finished the work.
    match look(target)? {
        Found::Whole => return Ok(Published::of(target, true)),
        Found::Absent => {}
        Found::Damaged(damages) => {
            for damage in &damages {
                progress.line(&format!("            made again, because {damage}"));
            }
            std::fs::remove_dir_all(target)
                .at("remove", target)
                .map_err(|error| Found::Damaged(damages).hopeless(target, error))?;
        }
    }
    fill(&partial)?;
    seal::close(&partial)?;
    std::fs::rename(&partial, target).at("rename to", target)?;
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

fn look(target: &Path) -> Result<Found> {
    if !target.is_dir() {
        return Ok(Found::Absent);
    }
    let damages = seal::damages(target)?;
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
