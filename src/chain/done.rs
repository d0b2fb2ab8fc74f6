//! `done.json` of a seed: AURA is whole in it, and these are its files.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::disk::atomic;
use crate::disk::seal::{Damage, Seal};
use crate::error::{Context, Result};
use crate::interrupt::Interrupt;
use crate::run::folder::SeedFolder;

use super::rivals::RivalsDone;

/// What a seed's model leaves. Of these the rivals write two anew.
const FILES: [&str; 7] = [
    "metrics.parquet",
    "predictions.parquet",
    "assignments.parquet",
    "archetypes.parquet",
    "resets.parquet",
    "flows.parquet",
    "model.safetensors",
];

/// What was computed, and from what.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Done {
    schema: u32,
    digest: String,
    /// Names of the model's outputs.
    pub(crate) outputs: Vec<String>,
    /// What was left out, and why.
    pub(crate) warnings: Vec<String>,
    /// The files as AURA left them.
    #[serde(flatten)]
    files: Seal,
    /// Of all the others.
    sum: String,
}

impl Done {
    /// What is there, if it was computed from what has this digest.
    pub(crate) fn read(folder: &SeedFolder, digest: &str) -> Option<Self> {
        let text = std::fs::read(folder.done()).ok()?;
        let done: Self = serde_json::from_slice(&text).ok()?;
        (done.digest == digest && done.sum == done.sum()).then_some(done)
    }

    /// Says that the tables and the model that are there are whole.
    ///
    /// # Errors
    /// [`crate::Error::Io`] if one is missing, or nothing can be written.
    pub(crate) fn write(folder: &SeedFolder, digest: &str, outputs: &[String], warnings: Vec<String>) -> Result<()> {
        let mut done = Self {
            schema: 1,
            digest: digest.to_owned(),
            outputs: outputs.to_vec(),
            warnings,
            files: Seal::of_files(folder.path(), FILES, &Interrupt::default())?,
            sum: String::new(),
        };
        done.sum = done.sum();
        let path = folder.done();
        let mut text = serde_json::to_string_pretty(&done).at("encode", &path)?;
        text.push('\n');
        atomic::write(&path, text.as_bytes())
    }

    fn sum(&self) -> String {
        let of = Digest::new("seed").part("digest", &self.digest);
        let of = self.outputs.iter().fold(of, |of, name| of.part("output", name));
        let of = self.warnings.iter().fold(of, |of, text| of.part("warning", text));
        of.part("files", format!("{:?}", self.files)).finish()
    }

    /// The files of the seed that are neither as AURA left them nor as its rivals did.
    ///
    /// # Errors
    /// [`crate::Error::Io`] if one is there and cannot be read.
    pub(crate) fn damages(&self, folder: &SeedFolder, interrupt: &Interrupt) -> Result<Vec<Damage>> {
        let rivals = RivalsDone::read(folder);
        let mut damages = Vec::new();
        for damage in self.files.damages(folder.path(), interrupt)? {
            if !rivals.knows(damage.path())? {
                damages.push(damage);
            }
        }
        Ok(damages)
    }
}

/// Takes the word of a seed back before its files change, or because one of them is damaged.
///
/// # Errors
/// [`crate::Error::Io`] if the file is there and cannot be removed.
pub(crate) fn forget(folder: &SeedFolder) -> Result<()> {
    atomic::remove(&folder.done())?;
    atomic::remove(&folder.rivals())
}
