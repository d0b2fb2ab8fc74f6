//! Files that are whole or absent: written under a temporary name beside the target, synced, renamed.

use std::fs::{DirEntry, File, Metadata};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use crate::error::{Context, Error, Result};

use super::owner::{Life, Owner};

/// What the names of unfinished files begin with; then follows who writes them.
pub const TEMPORARY: &str = ".partial-";

/// Age from which an unfinished file whose writer cannot be seen was left behind by a killed call: whoever writes one adds to it.
const ABANDONED: Duration = Duration::from_hours(24);

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
    let mut temporary = temporary(&prefix()).tempfile_in(parent).at("write a file in", parent)?;
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
    for entry in entries(folder)? {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            sweep_below(&entry.path())?;
        }
    }
    sweep(folder)
}

/// Removes unfinished files that killed calls left in `folder`: those whose writer is surely dead.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be read or a file not removed.
pub fn sweep(folder: &Path) -> Result<()> {
    for entry in entries(folder)? {
        let path = entry.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Another call may finish or remove a file while this one looks at it: whatever cannot be looked at is left alone.
        if let Some(by) = name.strip_prefix(TEMPORARY)
            && let Ok(metadata) = path.symlink_metadata()
            && metadata.is_file()
            && is_left(by, &metadata)
        {
            remove(&path)?;
        }
    }
    Ok(())
}

/// What is in a folder; nothing where another call removed it meanwhile.
fn entries(folder: &Path) -> Result<Vec<DirEntry>> {
    let gone = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
    let found = match std::fs::read_dir(folder) {
        Err(error) if gone(&error) => return Ok(Vec::new()),
        found => found.at("read the folder", folder)?,
    };
    found
        .filter(|entry| !entry.as_ref().is_err_and(gone))
        .map(|entry| entry.at("read the folder", folder))
        .collect()
}

/// Whether nobody writes an unfinished file any more; `by` is the rest of its name.
fn is_left(by: &str, file: &Metadata) -> bool {
    let owner = by.rsplit_once('-').and_then(|(owner, _)| Owner::parse(owner));
    match owner.map_or(Life::Unknown, |owner| owner.life(file)) {
        Life::Alive => false,
        Life::Dead => true,
        Life::Unknown => file
            .modified()
            .is_ok_and(|at| at.elapsed().is_ok_and(|age| age >= ABANDONED)),
    }
}

/// How the names of unfinished files of this process begin.
pub fn prefix() -> String {
    format!("{TEMPORARY}{}-", Owner::this().text())
}

/// Temporary files are made for their owner alone; results are for whom the user's umask lets in.
#[cfg(unix)]
fn temporary(prefix: &str) -> tempfile::Builder<'_, 'static> {
    use std::os::unix::fs::PermissionsExt;
    let mut builder = tempfile::Builder::new();
    builder
        .prefix(prefix)
        .permissions(std::fs::Permissions::from_mode(0o666));
    builder
}

#[cfg(not(unix))]
fn temporary(prefix: &str) -> tempfile::Builder<'_, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix);
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
        let make = |name: &str, hours: u64| -> Result<()> {
            let path = folder.path().join(name);
            let file = File::create(&path).at("write", &path)?;
            let modified = SystemTime::now() - Duration::from_hours(hours);
            file.set_times(FileTimes::new().set_modified(modified))
                .at("write", &path)
        };
        let below = folder.path().join("seed-0");
        std::fs::create_dir(&below).at("write", &below)?;
        let (own, elsewhere) = (Owner::this().text(), "node17.0badcafe.1.4711.99.33");
        let mut words: Vec<&str> = own.split('.').collect();
        // Higher than any number of a process.
        words[3] = "4294967295";
        let dead = words.join(".");
        let mut gone = vec![
            ".partial-abcdef".to_owned(),
            format!(".partial-{elsewhere}-abcdef"),
            format!("seed-0/.partial-{elsewhere}-abcdef"),
        ];
        for name in &gone {
            make(name, 25)?;
        }
        if cfg!(target_os = "linux") {
            gone.push(format!(".partial-{dead}-abcdef"));
            make(&gone[3], 0)?;
        }
        let mut kept = vec![
            ".partial-ghijkl".to_owned(),
            format!(".partial-{elsewhere}-ghijkl"),
            "part-00000.parquet".to_owned(),
        ];
        for name in &kept {
            make(name, 23)?;
        }
        if cfg!(target_os = "linux") {
            kept.push(format!("{}ghijkl", prefix()));
            make(&kept[3], 48)?;
        }
        sweep_below(folder.path())?;
        let there = |name: &String| folder.path().join(name).exists();
        assert_eq!(gone.iter().find(|name| there(name)), None);
        assert_eq!(kept.iter().find(|name| !there(name)), None);
        Ok(())
    }
}
