//! Files that are read to their end: a pipe that nobody writes to, a device without end or a folder is none of them.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::error::{Context, Error, Result};

/// Longest text that people write by hand: a recipe, a card, a query, a list.
pub const LONGEST_TEXT: u64 = 16 << 20;

/// Opens a file.
///
/// # Errors
/// [`Error::Io`] if it cannot be opened, [`Error::Data`] if it is no file.
pub fn open(path: &Path) -> Result<File> {
    // Opening a pipe would wait for whoever writes to it.
    let kind = std::fs::metadata(path).at("read", path)?.file_type();
    if !kind.is_file() {
        let found = if kind.is_dir() {
            "a folder"
        } else {
            "a pipe or a device"
        };
        return Err(Error::data(format!(
            "{}: expected a file, found {found}",
            path.display()
        )));
    }
    File::open(path).at("read", path)
}

/// The text of a file that people write.
///
/// # Errors
/// As [`open`]; also if it is longer than [`LONGEST_TEXT`] or not UTF-8.
pub fn text(path: &Path) -> Result<String> {
    text_of(open(path)?, path)
}

/// The text of a stream that `path` stands for.
///
/// # Errors
/// As [`text`].
pub fn text_of(stream: impl std::io::Read, path: &Path) -> Result<String> {
    let mut text = String::new();
    stream
        .take(LONGEST_TEXT + 1)
        .read_to_string(&mut text)
        .at("read", path)?;
    if text.len() as u64 > LONGEST_TEXT {
        return Err(Error::data(format!(
            "{}: longer than {} MB, which no text of this kind is",
            path.display(),
            LONGEST_TEXT >> 20
        )));
    }
    Ok(text)
}
