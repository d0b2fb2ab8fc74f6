//! Whether a file or a folder is there. What the system could not say at this moment is an error: taken for absence it would be
//! computed with, and kept.

use std::fs::Metadata;
use std::path::Path;

use crate::error::{Context, Result, is_passing};

/// Whether a file lies at `path`, or is linked from there.
///
/// # Errors
/// [`crate::Error::Io`] if the system cannot say.
pub(crate) fn is_file(path: &Path) -> Result<bool> {
    Ok(metadata(path)?.is_some_and(|metadata| metadata.is_file()))
}

/// Whether a folder lies at `path`, or is linked from there.
///
/// # Errors
/// As [`is_file`].
pub(crate) fn is_dir(path: &Path) -> Result<bool> {
    Ok(metadata(path)?.is_some_and(|metadata| metadata.is_dir()))
}

/// Whether anything lies at `path`.
///
/// # Errors
/// As [`is_file`].
pub(crate) fn exists(path: &Path) -> Result<bool> {
    Ok(metadata(path)?.is_some())
}

/// What lies at `path`, if anything does.
///
/// # Errors
/// As [`is_file`].
pub(crate) fn metadata(path: &Path) -> Result<Option<Metadata>> {
    match std::fs::metadata(path) {
        Err(error) if !is_passing(&error) => Ok(None),
        found => found.at("look at", path).map(Some),
    }
}

/// Which file or folder lies at `path`, whatever it is called: the file system and the number in it; `None` where there is nothing, or
/// the system has no such numbers.
pub(crate) fn identity(path: &Path) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(path)
            .ok()
            .map(|metadata| (metadata.dev(), metadata.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_is_told_from_what_cannot_be_seen() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(is_file(&file).unwrap() && !is_dir(&file).unwrap() && exists(&file).unwrap());
        assert!(is_dir(folder.path()).unwrap() && !is_file(folder.path()).unwrap());
        for absent in [
            folder.path().join("other"),
            file.join("below"),
            folder.path().join("n".repeat(5_000)),
        ] {
            assert!(!exists(&absent).unwrap(), "{}", absent.display());
        }
    }
}
