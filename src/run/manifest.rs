//! What a run was made of: `manifest.json`, schema 1.

use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::error::{Context, Error, Result};
use crate::run::atomic;

/// Name of the manifest in a run folder.
pub const FILE: &str = "manifest.json";

/// Version of the manifest.
pub const SCHEMA: u32 = 1;

/// Everything about a run that is not a number of its results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Folder name, `<name>-<digest8>`.
    pub run: String,
    /// Name of the recipe.
    pub name: String,
    /// Title for people, from the recipe.
    pub title: Option<String>,
    /// Card of the database.
    pub dataset: String,
    /// `expression`, `valence_arousal` or `action_units`.
    pub task: String,
    /// Whether the faces were generated and the results say nothing about the database.
    pub stand_in: bool,
    /// What the encoder says of itself.
    pub encoder: serde_json::Value,
    /// The protocol, resolved.
    pub protocol: serde_json::Value,
    /// Key under which results may be compared.
    pub protocol_digest: String,
    /// Digest of the resolved recipe.
    pub recipe_digest: String,
    /// Device as its driver reports it.
    pub device: String,
    /// Names of the model's outputs: classes, dimensions or action units.
    pub classes: Vec<String>,
    /// Folder in which the images lie.
    pub data_root: String,
    /// Seeds that are whole.
    pub seeds: Vec<u64>,
    /// Versions of what computed.
    pub versions: std::collections::BTreeMap<String, String>,
    /// State of the repository from which the command was called, if it is one.
    pub git: Option<GitState>,
    /// The stages with their time; of a cached stage, the time that it took when it ran.
    pub stages: Vec<StageRecord>,
    /// When the run was last written, UTC.
    pub created: String,
}

/// State of a git repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitState {
    /// Commit that is checked out.
    pub commit: String,
    /// Whether tracked files were changed.
    pub dirty: bool,
}

/// One stage of the chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageRecord {
    /// `stand-in`, `convert`, `extract`, `train`, `evaluate`, `statistics`, `report`.
    pub name: String,
    /// Seconds of this call.
    pub seconds: f64,
    /// Whether everything was there already.
    pub cached: bool,
    /// Digest of all that went in.
    pub digest: String,
}

impl Manifest {
    /// Reads the manifest of a run folder.
    ///
    /// # Errors
    /// [`Error::Io`] if it is missing, [`Error::Data`] if it is not a manifest of a version that this program reads.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let text = std::fs::read_to_string(&path).at("read", &path)?;
        let manifest: Self = serde_json::from_str(&text)
            .map_err(|error| Error::Data(format!("{} is not a manifest of a run: {error}", path.display())))?;
        if manifest.schema != SCHEMA {
            return Err(Error::Data(format!(
                "{} has schema {}, this program reads schema {SCHEMA}",
                path.display(),
                manifest.schema
            )));
        }
        Ok(manifest)
    }

    /// Writes the manifest, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(FILE);
        let mut text = serde_json::to_string_pretty(self).at("encode", &path)?;
        text.push('\n');
        atomic::write(&path, text.as_bytes())
    }
}

/// The git state of a folder; `None` where git or a repository is missing.
pub fn git_state(folder: &Path) -> Option<GitState> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .arg("-C")
            .arg(folder)
            .args(arguments)
            .output()
            .ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "HEAD"])?;
    let dirty = !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    Some(GitState { commit, dirty })
}
