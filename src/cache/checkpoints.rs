//! Checkpoints in folders of runs: what is left of training that nobody continues.

use std::path::Path;

use crate::disk::lock::Lock;
use crate::error::{Context, Result};
use crate::train::checkpoint;

use super::entry::{Entry, Guard, Kind, extent};
use super::listing::rfc3339;

/// The checkpoints of all runs right below `runs`, by name.
///
/// # Errors
/// [`crate::Error::Io`] if a folder cannot be listed.
pub fn entries(runs: &Path) -> Result<Vec<Entry>> {
    let mut found = Vec::new();
    for run in folders(runs, |_| true)? {
        // Every run that this program began has one.
        if !Lock::is_known(&run) {
            continue;
        }
        let folds = folders(&run, |name| name.starts_with("fold-"))?;
        for fold in std::iter::once(run.clone()).chain(folds) {
            for seed in folders(&fold, |name| name.starts_with("seed-"))? {
                let Some(path) = checkpoint::path(&seed)
                    .parent()
                    .map(Path::to_owned)
                    .filter(|path| path.is_dir())
                else {
                    continue;
                };
                let (files, bytes, last) = extent(&path)?;
                let guard = Guard::Locks(seed);
                found.push(Entry {
                    kind: Kind::Checkpoint,
                    name: path.display().to_string(),
                    made_from: String::new(),
                    used_by: vec![run.file_name().unwrap_or_default().to_string_lossy().into_owned()],
                    files,
                    bytes,
                    last_used: rfc3339(last),
                    in_use: guard.is_held(),
                    last,
                    path,
                    guard,
                });
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn folders(below: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(below).at("list", below)? {
        let entry = entry.at("list", below)?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) && wanted(&entry.file_name().to_string_lossy()) {
            found.push(entry.path());
        }
    }
    Ok(found)
}
