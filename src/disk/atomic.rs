//! Files that are whole or absent: written under a temporary name beside the target, synced, renamed.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use crate::error::{Context, Error, Result};

/// What the names of unfinished files begin with.
const TEMPORARY: &str = ".partial-";

/// Age from which an unfinished file that nobody has locked was left behind by a killed call.
const ABANDONED: Duration = Duration::from_mins(1);

/// Writes a file through `fill`; on any failure nothing appears under `path`.
///
/// # Errors
/// [`Error::Io`] if the folder or the file cannot be written, or whatever `fill` returns.
pub fn write_with(path: &Path, fill: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(parent).at("create the folder", parent)?;
    let mut temporary = temporary().tempfile_in(parent).at("write a file in", parent)?;
    // Tells `sweep` that somebody is writing. Where the file system has no locks, nothing is swept.
    let _ = temporary.as_file().try_lock();
    fill(temporary.as_file_mut())?;
    temporary.as_file().sync_all().at("write", path)?;
    temporary.persist(path).map_err(|error| error.error).at("write", path)?;
    Ok(())
}

/// Writes `bytes` to `path`, whole or not at all.
///
/// # Errors
/// As [`write_with`].
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_with(path, |file| {
        file.write_all(bytes).map_err(|error| Error::Io {
            action: "write",
            path: path.to_owned(),
            source: error.into(),
        })
    })
}

/// Removes a file, if it is there.
///
/// # Errors
/// [`Error::Io`] if it is there and cannot be removed.
pub fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).at("remove", path),
        _ => Ok(()),
    }
}

/// As [`sweep`], in a folder and every folder below it. Links are not followed.
///
/// # Errors
/// As [`sweep`].
pub fn sweep_below(folder: &Path) -> Result<()> {
    for entry in std::fs::read_dir(folder).at("read the folder", folder)? {
        let entry = entry.at("read the folder", folder)?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            sweep_below(&entry.path())?;
        }
    }
    sweep(folder)
}

/// Removes unfinished files that killed calls left in `folder`: those that nobody has locked for writing.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be read or a file not removed.
pub fn sweep(folder: &Path) -> Result<()> {
    for entry in std::fs::read_dir(folder).at("read the folder", folder)? {
        let path = entry.at("read the folder", folder)?.path();
        let unfinished = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(TEMPORARY));
        // Another call may finish or remove a file while this one looks at it: whatever cannot be opened is left alone.
        if !unfinished || !path.is_file() {
            continue;
        }
        let Ok(file) = File::open(&path) else { continue };
        let modified = file.metadata().and_then(|metadata| metadata.modified());
        // A file that was made just now may be about to be locked.
        let old = modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age >= ABANDONED));
        if old && file.try_lock().is_ok() {
            std::fs::remove_file(&path).at("remove", &path)?;
        }
    }
    Ok(())
}

/// Temporary files are made for their owner alone; results are for whom the user's umask lets in.
#[cfg(unix)]
fn temporary() -> tempfile::Builder<'static, 'static> {
    use std::os::unix::fs::PermissionsExt;
    let mut builder = tempfile::Builder::new();
    builder
        .prefix(TEMPORARY)
        .permissions(std::fs::Permissions::from_mode(0o666));
    builder
}

#[cfg(not(unix))]
fn temporary() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    builder
}

#[cfg(test)]
mod tests {
    use std::fs::FileTimes;
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn what_killed_calls_left_is_removed_and_nothing_else() -> Result<()> {
        let folder = tempfile::tempdir().at("create a folder in", &std::env::temp_dir())?;
        let make = |name: &str, age: u64| -> Result<File> {
            let path = folder.path().join(name);
            let file = File::create(&path).at("write", &path)?;
            let modified = SystemTime::now() - Duration::from_secs(age);
            file.set_times(FileTimes::new().set_modified(modified))
                .at("write", &path)?;
            Ok(file)
        };
        make(".partial-left", 3600)?;
        make(".partial-fresh", 0)?;
        make("part-00000.parquet", 3600)?;
        let written = make(".partial-written", 3600)?;
        written.lock().at("lock", folder.path())?;
        let below = folder.path().join("seed-0");
        std::fs::create_dir(&below).at("write", &below)?;
        make("seed-0/.partial-left", 3600)?;
        sweep_below(folder.path())?;
        assert!(!below.join(".partial-left").exists());
        let there = |name: &str| folder.path().join(name).is_file();
        assert!(!there(".partial-left"));
        assert!(there(".partial-fresh") && there("part-00000.parquet") && there(".partial-written"));
        Ok(())
    }
}
