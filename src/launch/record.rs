//! `jobs.json`: what a launch has given to the queue.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::disk::atomic;
use crate::error::{Context, Error, Result};
use crate::regular;
use crate::there;

use super::phase::Phase;

/// Version of the file.
const SCHEMA: u32 = 1;

/// Name of the file in the launch's folder.
const FILE: &str = "jobs.json";

/// What a launch has given to the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    schema: u32,
    /// The licensed folder, if one was given.
    pub data: Option<PathBuf>,
    /// The folder that runs share.
    pub cache: PathBuf,
    /// The device that the jobs ask for.
    pub device: String,
    /// The jobs, in order; written after each is submitted.
    pub jobs: Vec<Submitted>,
}

/// A job that was submitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    /// Its phase.
    pub phase: Phase,
    /// Its number in the queue.
    pub id: u64,
    /// The indices of its tasks, if it is an array.
    pub tasks: Option<Vec<u32>>,
}

impl Submitted {
    /// What Slurm calls its tasks: `4711`, or `4711_0`, `4711_3`, …, each with its index.
    pub fn names(&self) -> Vec<(Option<u32>, String)> {
        match &self.tasks {
            None => vec![(None, self.id.to_string())],
            Some(tasks) => tasks
                .iter()
                .map(|task| (Some(*task), format!("{}_{task}", self.id)))
                .collect(),
        }
    }
}

impl Record {
    /// Of nothing yet.
    pub fn new(data: Option<PathBuf>, cache: PathBuf, device: String) -> Self {
        Self {
            schema: SCHEMA,
            data,
            cache,
            device,
            jobs: Vec::new(),
        }
    }

    /// The record of a launch, if there was one.
    ///
    /// # Errors
    /// If it cannot be read, or is none.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(FILE);
        if !there::is_file(&path)? {
            return Ok(None);
        }
        let text = regular::text(&path).at("read", &path)?;
        let record: Self = serde_json::from_str(&text).map_err(|error| {
            Error::damaged(format!(
                "{} is no record of a launch ({error}): remove it once none of its jobs is in the queue",
                path.display()
            ))
        })?;
        if record.schema != SCHEMA {
            return Err(Error::incompatible(format!(
                "{} has schema {}, and this program reads {SCHEMA}: remove it once none of its jobs is in the queue",
                path.display(),
                record.schema
            )));
        }
        Ok(Some(record))
    }

    /// Writes the record.
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
