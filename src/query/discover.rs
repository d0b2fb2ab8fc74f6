//! How the query layer finds the run folders below a directory.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::error::{Context, Error, Result};
use crate::run::manifest::{self, Manifest};

/// Folders below a given directory are searched this deep; results of runs lie far above that.
const MAX_DEPTH: usize = 8;

/// A run folder and what its manifest says.
#[derive(Debug, Clone)]
pub struct FoundRun {
    /// The folder.
    pub path: PathBuf,
    /// The name under which the views show it: the manifest's `run`, made unique where two folders share it.
    pub run: String,
    /// The manifest.
    pub manifest: Manifest,
}

impl FoundRun {
    /// The run's folds; one without number in a run without folds.
    pub fn folds(&self) -> Vec<Option<i32>> {
        if self.manifest.folds.is_empty() {
            vec![None]
        } else {
            self.manifest.folds.iter().copied().map(Some).collect()
        }
    }

    /// Folder of one seed.
    pub fn seed_dir(&self, fold: Option<i32>, seed: i64) -> PathBuf {
        crate::run::folder::seed_dir(&self.path, fold, seed)
    }

    /// Every folder that holds one trained model: (fold, seed, folder), in that order.
    pub fn units(&self) -> Vec<(Option<i32>, i64, PathBuf)> {
        let seeds = &self.manifest.seeds;
        let unit = |fold, seed| (fold, seed, self.seed_dir(fold, seed));
        self.folds()
            .into_iter()
            .flat_map(|fold| seeds.iter().map(move |&seed| unit(fold, seed)))
            .collect()
    }
}

/// Finds every run folder at or below `paths`, sorted by name and then by path.
///
/// A folder with a manifest is a run and is not searched further; hidden folders and links are passed over. Broken
/// manifests are returned as warnings, unless the run was named itself.
///
/// # Errors
/// [`Error::Data`] if a path does not exist or a run that was named cannot be read.
pub fn discover(paths: &[PathBuf]) -> Result<(Vec<FoundRun>, Vec<String>)> {
    let mut folders = Vec::new();
    let mut named = std::collections::BTreeSet::new();
    for path in paths {
        if !path.is_dir() {
            return Err(Error::data(format!(
                "no folder {}: expected a run folder or a folder of runs",
                path.display()
            )));
        }
        if path.join(manifest::FILE).is_file() {
            named.insert(canonical(path));
        }
        search(path, 0, &mut folders)?;
    }
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| canonical(folder)).collect();
    folders.sort();
    folders.dedup();
    let read: Vec<(PathBuf, Result<Manifest>)> = folders
        .into_par_iter()
        .map(|folder| {
            let manifest = Manifest::read(&folder);
            (folder, manifest)
        })
        .collect();
    let mut runs = Vec::with_capacity(read.len());
    let mut warnings = Vec::new();
    for (path, manifest) in read {
        match manifest {
            Ok(manifest) => runs.push(FoundRun {
                run: manifest.run.clone(),
                path,
                manifest,
            }),
            Err(error) if named.contains(&path) => return Err(error),
            Err(error) => warnings.push(error.to_string()),
        }
    }
    runs.sort_by(|a, b| a.run.cmp(&b.run).then_with(|| a.path.cmp(&b.path)));
    let mut copies = 1;
    for i in 1..runs.len() {
        copies = if runs[i].manifest.run == runs[i - 1].manifest.run {
            copies + 1
        } else {
            1
        };
        if copies > 1 {
            runs[i].run = format!("{} [{copies}]", runs[i].manifest.run);
        }
    }
    Ok((runs, warnings))
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn search(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    if folder.join(manifest::FILE).is_file() {
        found.push(folder.to_owned());
        return Ok(());
    }
    if depth == MAX_DEPTH {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder).at("list", folder)? {
        let entry = entry.at("list", folder)?;
        // A link is not followed: it could lead in a circle.
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_dir && !entry.file_name().to_string_lossy().starts_with('.') {
            search(&entry.path(), depth + 1, found)?;
        }
    }
    Ok(())
}
