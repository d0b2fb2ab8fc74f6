//! The files of predictions: which there are, their columns, and what is read of them.

use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;
use crate::system_files::is_system;
use crate::there;

use super::frame::{Frame, Offer};
use super::{arrays, columnar, delimited, json};

/// Endings of files that are read.
const ENDINGS: [&str; 9] = ["csv", "tsv", "txt", "parquet", "npz", "npy", "jsonl", "ndjson", "json"];

/// Every file at `paths`: those that are named, and all of a kind that is read at or below folders that are named, sorted by path.
///
/// # Errors
/// [`Error::Data`] if there is none; [`Error::Io`] if a folder cannot be listed.
pub fn all(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if there::is_dir(path)? {
            let before = files.len();
            below(path, &mut files)?;
            if files.len() == before {
                return Err(Error::unusable_table(format!(
                    "{}: no file of predictions in this folder; expected {}",
                    path.display(),
                    ENDINGS.map(|ending| format!(".{ending}")).join(", ")
                )));
            }
        } else if there::is_file(path)? {
            files.push(path.clone());
        } else {
            return Err(Error::unusable_table(format!(
                "{}: no such file or folder of predictions",
                path.display()
            )));
        }
    }
    Ok(files)
}

fn below(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).at("list", folder)? {
        let entry = entry.at("list", folder)?;
        if !is_system(&entry.file_name().to_string_lossy()) {
            entries.push(entry.path());
        }
    }
    entries.sort();
    for path in entries {
        // A link to a folder could lead in a circle.
        let kind = std::fs::symlink_metadata(&path).at("look at", &path)?.file_type();
        if kind.is_dir() {
            below(&path, files)?;
        } else if ending(&path).is_some() && there::is_file(&path)? {
            files.push(path);
        }
    }
    Ok(())
}

/// The ending of a file that is read.
fn ending(path: &Path) -> Option<&'static str> {
    let own = path.extension()?.to_str()?;
    ENDINGS.into_iter().find(|ending| own.eq_ignore_ascii_case(ending))
}

/// The columns of a file.
///
/// # Errors
/// [`Error::Io`] if it cannot be read; [`Error::Data`] if it is not what its name says.
pub fn offer(path: &Path) -> Result<Offer> {
    match ending(path) {
        Some("parquet") => columnar::offer(path),
        Some("npz") => arrays::offer_npz(path),
        Some("npy") => arrays::offer_npy(path),
        Some("jsonl" | "ndjson" | "json") => json::offer(path),
        Some(_) => delimited::offer(path),
        None => Err(Error::unusable_table(format!(
            "{}: not a kind of file that predictions are read from; expected {}",
            path.display(),
            ENDINGS.map(|ending| format!(".{ending}")).join(", ")
        ))),
    }
}

/// Some columns of a file.
///
/// # Errors
/// As [`offer`]; what is wrong with a row.
pub fn read(path: &Path, wanted: &[String], offer: &Offer, interrupt: &Interrupt) -> Result<Frame> {
    match ending(path) {
        Some("parquet") => columnar::read(path, wanted, interrupt),
        Some("npz") => arrays::read_npz(path, wanted, interrupt),
        Some("npy") => arrays::read_npy(path),
        Some("jsonl" | "ndjson" | "json") => json::read(path, wanted, offer, interrupt),
        _ => delimited::read(path, wanted, offer, interrupt),
    }
}

/// The classes that an archive lists beside its scores, as `classes`.
///
/// # Errors
/// As [`offer`].
pub fn class_order(path: &Path, offer: &Offer, interrupt: &Interrupt) -> Result<Vec<String>> {
    let named = offer.iter().find(|(name, _)| {
        ["classes", "class_names"]
            .iter()
            .any(|usual| name.eq_ignore_ascii_case(usual))
    });
    let Some((name, _)) = named.filter(|_| ending(path) == Some("npz")) else {
        return Ok(Vec::new());
    };
    let frame = arrays::read_npz(path, std::slice::from_ref(name), interrupt)?;
    Ok((0..frame.rows()).filter_map(|row| frame.text(name, row)).collect())
}
