//! One writer a folder: a second call waits for the first and then finds its work done.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;
use crate::progress::Progress;

/// Held while a folder is written; released when dropped or when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    /// None where this process may not write: then it writes nothing there either.
    file: Option<File>,
}

/// Name of the file that is locked.
const FILE: &str = ".lock";

/// How often a folder may be moved away between being made and its lock being opened.
const MOVES: usize = 10;

impl Lock {
    /// Locks `folder` through the file `.lock` beside its contents, waiting for whoever holds it. A folder that is there and that
    /// this process may not write to needs no lock: what is whole in it can be read, and what is missing is an error where it is
    /// written.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be written; [`Error::Interrupted`] if the user stops the wait.
    pub fn hold(folder: &Path, progress: Progress, interrupt: &Interrupt) -> Result<Self> {
        let path = folder.join(FILE);
        let file = match Self::create(folder, &path)? {
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
                ) =>
            {
                return Ok(Self { file: None });
            }
            other => other.at("lock", &path)?,
        };
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { file: Some(file) }),
                Err(TryLockError::WouldBlock) => {
                    if !told {
                        progress.line(&format!(
                            "waiting for another aura-bench that writes {}",
                            folder.display()
                        ));
                        told = true;
                    }
                    interrupt.check()?;
                    std::thread::sleep(Duration::from_millis(200));
                }
                Err(TryLockError::Error(error)) => {
                    return Err(Error::Io {
                        action: "lock",
                        path,
                        source: error.into(),
                    });
                }
            }
        }
    }

    /// Whether the lock is that of `folder`: whoever held it before may have given the folder its final name, and the lock with it.
    ///
    /// # Errors
    /// [`Error::Io`] if the system cannot say.
    pub fn is_of(&self, folder: &Path) -> Result<bool> {
        self.file
            .as_ref()
            .map_or(Ok(true), |file| is_same(file, &folder.join(FILE)))
    }

    /// Removes `folder` if it holds nothing but this lock: the wait for it made a folder that nobody fills.
    ///
    /// # Errors
    /// As [`Self::is_of`].
    pub fn clear_away(&self, folder: &Path) -> Result<()> {
        let alone = std::fs::read_dir(folder).is_ok_and(|entries| entries.count() == 1);
        if alone && self.is_of(folder)? {
            // Whoever waits for this lock finds that it is of no folder any more; what cannot be removed harms nobody.
            let _ = std::fs::remove_file(folder.join(FILE)).and_then(|()| std::fs::remove_dir(folder));
        }
        Ok(())
    }

    fn create(folder: &Path, path: &Path) -> Result<std::io::Result<File>> {
        for _ in 0..MOVES {
            std::fs::create_dir_all(folder).at("create the folder", folder)?;
            match File::create(path) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                other => return Ok(other),
            }
        }
        Ok(File::create(path))
    }
}

/// Whether the open file is the one at `path`.
#[cfg(unix)]
fn is_same(file: &File, path: &Path) -> Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let held = file.metadata().at("look at", path)?;
    match path.metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        there => there
            .at("look at", path)
            .map(|there| (there.dev(), there.ino()) == (held.dev(), held.ino())),
    }
}

#[cfg(not(unix))]
fn is_same(_: &File, path: &Path) -> Result<bool> {
    crate::there::is_file(path)
}
