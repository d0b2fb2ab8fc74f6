//! Files that are read to their end: a pipe that nobody writes to, a device without end or a folder is none of them.

use std::fs::File;
use std::io::{Error, Read, Result};
use std::path::Path;

/// Longest text that is read as a whole: a recipe, a card, a query, a baseline, a manifest.
pub const LONGEST_TEXT: u64 = 64 << 20;

/// Opens a file.
///
/// # Errors
/// If it cannot be opened or is no file.
pub fn open(path: &Path) -> Result<File> {
    // Opening a pipe would wait for whoever writes to it.
    let kind = std::fs::metadata(path)?.file_type();
    if kind.is_file() {
        File::open(path)
    } else if kind.is_dir() {
        Err(Error::other("expected a file, found a folder"))
    } else {
        Err(Error::other("expected a file, found a pipe or a device"))
    }
}

/// The text of a file.
///
/// # Errors
/// As [`open`]; also if it is longer than [`LONGEST_TEXT`] or not UTF-8.
pub fn text(path: &Path) -> Result<String> {
    text_of(open(path)?)
}

/// The text of a stream.
///
/// # Errors
/// As [`text`].
pub fn text_of(stream: impl Read) -> Result<String> {
    let mut text = String::new();
    stream.take(LONGEST_TEXT + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST_TEXT {
        return Err(Error::other(format!(
            "longer than {} MiB, which no text of this kind is",
            LONGEST_TEXT >> 20
        )));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_a_bounded_length_are_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        std::fs::write(&path, "a = 1").unwrap();
        assert_eq!(text(&path).unwrap(), "a = 1");
        assert!(text(folder.path()).unwrap_err().to_string().contains("found a folder"));
        assert!(text(&folder.path().join("b.toml")).is_err());
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(LONGEST_TEXT + 1)
            .unwrap();
        assert!(text(&path).unwrap_err().to_string().contains("64 MiB"));
        #[cfg(unix)]
        {
            let pipe = folder.path().join("pipe");
            let made = std::process::Command::new("mkfifo").arg(&pipe).status();
            assert!(made.is_ok_and(|status| status.success()), "mkfifo");
            for path in [pipe.as_path(), Path::new("/dev/zero")] {
                assert!(text(path).unwrap_err().to_string().contains("a pipe or a device"));
            }
        }
    }
}
