//! `rejects.csv`: what was left out, for persons.
//!
//! Spreadsheets take a cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return for a formula, and names of files and
//! labels are whatever a stranger wrote: such a cell begins with `'` here. Tables for programs are written as they are.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::error::{Context, Result};

use super::atomic;

/// The first line.
pub const HEADER: &str = "file,line,reason,sample,image";

/// One row that was left out.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// The file that lists it, or the image.
    pub file: &'a str,
    /// 1-based line or row.
    pub line: Option<usize>,
    /// Why.
    pub reason: &'a str,
    /// Name of the sample; empty where it is not known.
    pub sample: &'a str,
    /// Path of its image; empty where it is not known.
    pub image: &'a str,
}

/// Writes the rows in their order.
///
/// # Errors
/// [`crate::Error::Io`] if the file cannot be written.
pub fn write<'a>(path: &Path, rows: impl Iterator<Item = Line<'a>>) -> Result<()> {
    let mut text = format!("{HEADER}\n");
    for row in rows {
        let line = row.line.map_or_else(String::new, |line| line.to_string());
        let [file, reason, sample, image] = [row.file, row.reason, row.sample, row.image].map(cell);
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{file},{line},{reason},{sample},{image}");
    }
    atomic::write(path, text.as_bytes())
}

/// The path under which a list that was written to a folder that will not be finished stays: beside the folder, under the name that
/// the folder would have had. A list elsewhere stays where it is.
///
/// # Errors
/// [`crate::Error::Io`] if it cannot be copied.
pub fn keep(list: &Path) -> Result<PathBuf> {
    let folder = list
        .parent()
        .and_then(Path::file_name)
        .map(|name| name.to_string_lossy().into_owned());
    let Some(name) = folder.as_deref().and_then(|name| name.strip_suffix(".partial")) else {
        return Ok(list.to_owned());
    };
    let file = list.file_name().unwrap_or_default().to_string_lossy();
    let kept = list.with_file_name("").with_file_name(format!("{name}-{file}"));
    let bytes = std::fs::read(list).at("read", list)?;
    atomic::write(&kept, &bytes)?;
    Ok(kept)
}

/// A cell that no spreadsheet takes for a formula, quoted where it must be (RFC 4180).
fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        "'"
    } else {
        ""
    };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        format!("{guard}{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_outlives_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("x-1.partial/rejects.csv");
        std::fs::create_dir_all(list.parent().unwrap()).unwrap();
        std::fs::write(&list, HEADER).unwrap();
        let kept = keep(&list).unwrap();
        assert_eq!(kept, folder.path().join("x-1-rejects.csv"));
        assert_eq!(std::fs::read_to_string(&kept).unwrap(), HEADER);
        let other = folder.path().join("rejects.csv");
        assert_eq!(keep(&other).unwrap(), other);
    }

    #[test]
    fn no_cell_is_a_formula() {
        for (text, written) in [
            ("=1+1", "'=1+1"),
            ("-a.jpg", "'-a.jpg"),
            ("@x,y", "\"'@x,y\""),
            ("\tx", "'\tx"),
            ("\r\n\"", "\"'\r\n\"\"\""),
            ("a-b=c", "a-b=c"),
            ("", ""),
        ] {
            assert_eq!(cell(text), written);
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rejects.csv");
        let line = Line {
            file: "+x.csv",
            line: Some(3),
            reason: "bad, very",
            sample: "",
            image: "a.jpg",
        };
        write(&path, std::iter::once(line)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, format!("{HEADER}\n'+x.csv,3,\"bad, very\",,a.jpg\n"));
    }
}
