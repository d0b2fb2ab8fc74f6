//! `index.json` of a folder of runs, by which they are found where the folder is copied to.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::query::discover;
use crate::remote;
use crate::remote::index::{FILE, Index};
use crate::run::manifest;
use crate::there;

/// What was written.
#[derive(Debug)]
pub struct Written {
    /// The file.
    pub path: PathBuf,
    /// Runs in it.
    pub runs: usize,
    /// What is not in it, and why.
    pub notes: Vec<String>,
}

/// Writes the index of a folder of runs into it. Runs that are not whole are left out.
///
/// # Errors
/// [`Error::Usage`] if it is one run, or lies elsewhere; [`Error::Data`] if it is no folder, or no run in it is whole;
/// [`Error::Io`] if it cannot be written.
pub fn write(root: &Path, interrupt: &Interrupt) -> Result<Written> {
    if remote::is_address(root) {
        return Err(Error::Usage(format!(
            "{} is not a folder here: an index is made where the runs lie, and copied with them",
            root.display()
        )));
    }
    if there::is_file(&root.join(manifest::FILE))? {
        return Err(Error::Usage(format!(
            "{} is one run, which is found without an index; name the folder of runs",
            root.display()
        )));
    }
    let (found, mut notes) = discover(&[root.to_owned()], interrupt)?;
    notes = notes
        .into_iter()
        .map(|warning| format!("left out: {warning}"))
        .collect();
    let (whole, open): (Vec<_>, Vec<_>) = found.iter().partition(|run| run.is_sealed());
    notes.extend(open.iter().map(|run| {
        format!(
            "left out: {} was interrupted or is being written, and has no digests of its files",
            run.path.display()
        )
    }));
    if whole.is_empty() {
        return Err(Error::data(format!(
            "no finished run below {}{}",
            root.display(),
            notes.first().map_or_else(String::new, |note| format!(" ({note})"))
        )));
    }
    // Runs are known by where they really lie.
    let real = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let index = Index::of(&real, whole.iter().map(|run| run.path.as_path()))?;
    index.write(root)?;
    Ok(Written {
        path: root.join(FILE),
        runs: index.len(),
        notes,
    })
}
