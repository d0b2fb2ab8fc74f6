//! Runs that are being trained, by the curves that training leaves after every epoch.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::train::checkpoint::CURVES;
use crate::train::live::Curves;

/// Folders below those that were named are searched this deep.
const DEPTH: usize = 4;
/// Folders of a run, and others beside runs, below which nothing is trained.
const PASSED: [&str; 6] = ["report", "checkpoint", "tests", "data", "cache", "target"];

/// A seed that is being trained.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Training {
    /// The run's folder and the seed's in it.
    pub(super) name: String,
    /// Seconds since the last epoch ended.
    pub(super) age: u64,
    #[serde(flatten)]
    pub(super) curves: Curves,
}

/// Every seed below `roots` that is being trained, by name. What cannot be read at this moment is not shown at this moment.
pub(super) fn trainings(roots: &[PathBuf]) -> Vec<Training> {
    let mut found = Vec::new();
    for root in roots {
        search(root, root, DEPTH, &mut found);
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found.dedup_by(|a, b| a.name == b.name);
    found
}

fn search(root: &Path, folder: &Path, depth: usize, found: &mut Vec<Training>) {
    let file = folder.join(CURVES);
    if let Some(curves) = Curves::read(&file) {
        let age = file
            .metadata()
            .and_then(|data| data.modified())
            .ok()
            .and_then(|time| time.elapsed().ok());
        // A run that was named itself is told by its own name.
        let above = root.parent().unwrap_or(root);
        let within = folder.strip_prefix(above).unwrap_or(folder);
        found.push(Training {
            name: within.to_string_lossy().replace('\\', "/"),
            age: age.map_or(0, |age| age.as_secs()),
            curves,
        });
        return;
    }
    if depth == 0 {
        return;
    }
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        // Links are not followed: they may lead in a circle.
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with('.') && !PASSED.contains(&&*name) && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            search(root, &entry.path(), depth - 1, found);
        }
    }
}
