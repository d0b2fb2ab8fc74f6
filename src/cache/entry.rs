//! One folder of the cache.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;

use crate::disk::lock::{Attempt, Lock};
use crate::disk::seal::{self, Damage};
use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;
use crate::remote::mirror;

/// What a folder of the cache is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Generated faces.
    StandIn,
    /// A samples table.
    Samples,
    /// A feature table.
    Features,
    /// Frames decoded from videos.
    Frames,
    /// Files that were fetched from an address.
    Remote,
    /// Work that was begun and not ended; the same command continues it.
    Unfinished,
    /// The state of a model whose training was not ended; the same command continues it.
    Checkpoint,
    /// What a call that was killed while it removed a folder left of it.
    Remains,
}

impl Kind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StandIn => "stand-in",
            Self::Samples => "samples",
            Self::Features => "features",
            Self::Frames => "frames",
            Self::Remote => "remote",
            Self::Unfinished => "unfinished",
            Self::Checkpoint => "checkpoint",
            Self::Remains => "remains",
        }
    }
}

/// One folder, and what is known of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Its path below the cache, with `/`; of a checkpoint, as the folder of runs was given.
    pub name: String,
    /// What it was made from.
    pub made_from: String,
    /// Names of the runs, of those that were looked at, that were computed from it.
    pub used_by: Vec<String>,
    /// Files in it.
    pub files: usize,
    /// Bytes of its files.
    pub bytes: u64,
    /// When a run last opened it, or it was last written; RFC 3339, UTC.
    pub last_used: String,
    /// Whether another process uses it now.
    pub in_use: bool,
    /// When it was last used.
    #[serde(skip)]
    pub last: SystemTime,
    /// Where it lies.
    #[serde(skip)]
    pub path: PathBuf,
    /// What whoever uses it holds.
    #[serde(skip)]
    pub guard: Guard,
}

/// What is held of a folder by whoever uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guard {
    /// A lock of the system on the digests of a folder that is whole; where the file system has none, nobody holds it.
    Digests(PathBuf),
    /// A lock of this program's in this folder, or in several.
    Locks(PathBuf),
}

impl Guard {
    /// Whether somebody else holds it.
    pub(super) fn is_held(&self) -> bool {
        match self {
            Self::Digests(file) => {
                File::open(file).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
            }
            // What cannot be looked at is left alone.
            Self::Locks(folder) => Lock::holders(folder).map_or(true, |held| !held.is_empty()),
        }
    }
}

impl Entry {
    /// Whether its files have digests.
    pub fn is_published(&self) -> bool {
        !matches!(self.kind, Kind::Unfinished | Kind::Checkpoint | Kind::Remains)
    }

    /// Its files that are not what was written.
    ///
    /// # Errors
    /// [`Error::Io`] if one is there and cannot be read.
    pub fn damages(&self, interrupt: &Interrupt) -> Result<Vec<Damage>> {
        if self.kind == Kind::Remote {
            mirror::damages(&self.path, interrupt)
        } else if self.is_published() {
            seal::damages(&self.path, interrupt)
        } else {
            Ok(Vec::new())
        }
    }

    /// Removes it, unless somebody uses it. A call that is killed meanwhile leaves nothing under its name.
    ///
    /// # Errors
    /// [`Error::Data`] if it is in use; [`Error::Io`] if it cannot be removed.
    pub fn remove(&self) -> Result<()> {
        // Held until the folder has another name: whoever comes now finds nothing, and makes it again.
        let held = match &self.guard {
            Guard::Digests(file) => {
                let file = File::open(file).ok();
                let free = file
                    .as_ref()
                    .is_none_or(|file| !matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
                free.then_some(Held::File(file))
            }
            guard @ Guard::Locks(folder) if !guard.is_held() => {
                match Lock::attempt(folder, "", &Interrupt::default())? {
                    Attempt::Held(lock) => Some(Held::Lock(lock)),
                    Attempt::Busy(_) => None,
                }
            }
            Guard::Locks(_) => None,
        };
        let Some(held) = held else {
            return Err(Error::data(format!(
                "{} is in use; nothing of it was removed",
                self.name
            )));
        };
        if self.kind == Kind::Checkpoint {
            // Half a checkpoint is none.
            return std::fs::remove_dir_all(&self.path).at("remove", &self.path);
        }
        let mut aside = std::ffi::OsString::from(REMAINS);
        aside.push(self.path.file_name().unwrap_or_default());
        aside.push(format!("-{}", std::process::id()));
        let aside = self.path.with_file_name(aside);
        std::fs::rename(&self.path, &aside).at("remove", &self.path)?;
        drop(held);
        std::fs::remove_dir_all(&aside).at("remove", &aside)
    }
}

/// Keeps others away while a folder gets another name.
#[expect(dead_code, reason = "held, not read")]
enum Held {
    File(Option<File>),
    Lock(Lock),
}

/// How the names of folders begin that are being removed.
pub(super) const REMAINS: &str = ".removed-";

/// Files below a folder, their bytes, and when the last of them was written. Links are not followed.
pub(super) fn extent(folder: &Path) -> Result<(usize, u64, SystemTime)> {
    let own = folder.metadata().and_then(|metadata| metadata.modified());
    let mut found = (0, 0, own.unwrap_or(SystemTime::UNIX_EPOCH));
    for entry in std::fs::read_dir(folder).at("list", folder)? {
        let entry = entry.at("list", folder)?;
        // Another call may finish or remove a file while this one looks at it.
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            let (files, bytes, last) = extent(&entry.path())?;
            found = (found.0 + files, found.1 + bytes, found.2.max(last));
        } else {
            let last = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            found = (found.0 + 1, found.1 + metadata.len(), found.2.max(last));
        }
    }
    Ok(found)
}
