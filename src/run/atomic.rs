//! Files that are whole or absent: written under a temporary name beside the target, synced, renamed.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use crate::error::{Context, Error, Result};

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
    let mut temporary = tempfile::Builder::new()
        .prefix(".partial-")
        .tempfile_in(parent)
        .at("write a file in", parent)?;
    fill(temporary.as_file_mut())?;
    temporary.as_file().sync_all().at("write", path)?;
    set_readable(temporary.as_file(), path)?;
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

/// Temporary files are created readable by their owner alone; results are for the group too.
#[cfg(unix)]
fn set_readable(file: &File, path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
        .at("write", path)
}

#[cfg(not(unix))]
fn set_readable(_file: &File, _path: &Path) -> Result<()> {
    Ok(())
}
