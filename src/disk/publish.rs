//! Folders of the cache that are whole or absent.

use std::path::{Path, PathBuf};

use crate::error::{Context, Result};
use crate::interrupt::Interrupt;
use crate::progress::Progress;

use super::lock::Lock;

/// Fills `target` through `fill` unless it is there. The work happens in `<target>.partial`, which a later call continues,
/// and is renamed when whole. Returns whether it was there already.
///
/// # Errors
/// Whatever `fill` returns, or an output that cannot be written.
pub fn folder(
    target: &Path,
    progress: Progress,
    interrupt: &Interrupt,
    fill: impl FnOnce(&Path) -> Result<()>,
) -> Result<bool> {
    if target.is_dir() {
        return Ok(true);
    }
    let partial = beside(target, ".partial");
    let _lock = Lock::hold(&partial, progress, interrupt)?;
    // Whoever held the lock before may have finished the work.
    if target.is_dir() {
        return Ok(true);
    }
    fill(&partial)?;
    std::fs::rename(&partial, target).at("rename to", target)?;
    Ok(false)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().map(std::ffi::OsStr::to_os_string).unwrap_or_default();
    name.push(suffix);
    path.with_file_name(name)
}
