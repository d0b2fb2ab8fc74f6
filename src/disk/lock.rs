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
    _file: Option<File>,
}

impl Lock {
    /// Locks `folder` through the file `.lock` beside its contents, waiting for whoever holds it. A folder that is there and that
    /// this process may not write to needs no lock: what is whole in it can be read, and what is missing is an error where it is
    /// written.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be written; [`Error::Interrupted`] if the user stops the wait.
    pub fn hold(folder: &Path, progress: Progress, interrupt: &Interrupt) -> Result<Self> {
        std::fs::create_dir_all(folder).at("create the folder", folder)?;
        let path = folder.join(".lock");
        let file = match File::create(&path) {
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
                ) =>
            {
                return Ok(Self { _file: None });
            }
            other => other.at("lock", &path)?,
        };
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: Some(file) }),
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
}
