//! What the query layer reads of a run's `manifest.json`, and how it finds the run folders below a directory.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::error::{Context, Error, Result};

/// Name of the file that makes a folder a run folder.
pub const MANIFEST: &str = "manifest.json";

/// Folders below a given directory are searched this deep; results of runs lie far above that.
const MAX_DEPTH: usize = 8;

/// One finished stage of a run.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Stage {
    /// `convert`, `extract`, `train`, …
    pub name: String,
    /// Wall-clock seconds that it took when it was computed.
    pub seconds: f64,
    /// Whether its output was taken from the cache.
    pub cached: bool,
    /// Digest of all that went into it.
    pub digest: Option<String>,
}

/// The facts of a run that tables and reports show. Unknown keys are ignored, so that newer runs stay readable.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// Version of the manifest; 1 is read.
    pub schema: u32,
    /// Identity of the run: name and recipe digest.
    pub run: String,
    /// Name of the recipe.
    pub name: String,
    /// Name of the database.
    pub dataset: String,
    /// `expression`, `valence_arousal` or `action_units`.
    pub task: String,
    /// Whether the images were drawn and not photographed.
    pub stand_in: bool,
    /// What made the features; `kind` is always there.
    pub encoder: Json,
    /// What makes the numbers comparable.
    pub protocol: Json,
    /// Digest of the protocol.
    pub protocol_digest: String,
    /// Digest of the resolved recipe.
    pub recipe_digest: String,
    /// The device as the driver names it.
    pub device: String,
    /// Names of the outputs: classes, dimensions or action units.
    pub classes: Vec<String>,
    /// The folder below which the images lie.
    pub data_root: Option<String>,
    /// The seeds that were trained.
    pub seeds: Vec<i64>,
    /// Versions of the program and of what it rests on.
    pub versions: std::collections::BTreeMap<String, Json>,
    /// State of the working tree: `commit`, `dirty`.
    pub git: Json,
    /// The stages in the order in which they ran.
    pub stages: Vec<Stage>,
    /// When the run was made, RFC 3339.
    pub created: String,
}

/// A run folder and what its manifest says.
#[derive(Debug, Clone)]
pub struct RunFolder {
    /// The folder.
    pub path: PathBuf,
    /// The name under which the views show it: the manifest's `run`, made unique where two folders share it.
    pub run: String,
    /// The manifest.
    pub manifest: Manifest,
}

impl RunFolder {
    /// Folder of one seed.
    pub fn seed_dir(&self, seed: i64) -> PathBuf {
        self.path.join(format!("seed-{seed}"))
    }
}

/// Reads the manifest of one run folder.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read, [`Error::Data`] if it is not a manifest of schema 1.
pub fn read_manifest(folder: &Path) -> Result<Manifest> {
    let path = folder.join(MANIFEST);
    let text = std::fs::read_to_string(&path).at("read", &path)?;
    let manifest: Manifest = serde_json::from_str(&text)
        .map_err(|error| Error::Data(format!("{}: not a run manifest: {error}", path.display())))?;
    if manifest.schema != 1 {
        return Err(Error::Data(format!(
            "{}: manifest schema {} found, 1 expected; use the version of aura-bench that made the run",
            path.display(),
            manifest.schema
        )));
    }
    if manifest.run.is_empty() {
        return Err(Error::Data(format!(
            "{}: key `run` is missing or empty",
            path.display()
        )));
    }
    Ok(manifest)
}

/// Finds every run folder at or below `paths`, sorted by name and then by path.
///
/// A folder with a manifest is a run and is not searched further; hidden folders and links are passed over. Broken
/// manifests are returned as warnings, unless the run was named itself.
///
/// # Errors
/// [`Error::Data`] if a path does not exist or a run that was named cannot be read.
pub fn discover(paths: &[PathBuf]) -> Result<(Vec<RunFolder>, Vec<String>)> {
    let mut folders = Vec::new();
    let mut named = std::collections::BTreeSet::new();
    for path in paths {
        if !path.is_dir() {
            return Err(Error::Data(format!(
                "no folder {}: expected a run folder or a folder of runs",
                path.display()
            )));
        }
        if path.join(MANIFEST).is_file() {
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
            let manifest = read_manifest(&folder);
            (folder, manifest)
        })
        .collect();
    let mut runs = Vec::with_capacity(read.len());
    let mut warnings = Vec::new();
    for (path, manifest) in read {
        match manifest {
            Ok(manifest) => runs.push(RunFolder {
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
    if folder.join(MANIFEST).is_file() {
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
