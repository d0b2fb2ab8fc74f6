//! The folder beside the output in which a call works: what it has done is there for the next one.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::disk::lock::Lock;
use crate::disk::publish::PARTIAL;
use crate::disk::{atomic, parquet};
use crate::error::{Context, Result};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::record;

use super::faces::Reject;
use super::row::PredictedRow;

/// The folder of a call.
#[derive(Debug)]
pub struct Work {
    folder: PathBuf,
    lock: Lock,
}

/// What a piece left out.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Left {
    rejects: Vec<(String, String, String)>,
}

impl Work {
    /// The folder of the call that writes `out`, for this call alone.
    ///
    /// # Errors
    /// [`crate::Error::Io`] if it cannot be made; [`crate::Error::Interrupted`].
    pub fn beside(out: &Path, progress: Progress, interrupt: &Interrupt) -> Result<Self> {
        let mut name = out.file_name().unwrap_or_default().to_os_string();
        name.push(PARTIAL);
        let folder = out.with_file_name(name);
        let lock = Lock::hold(&folder, progress, interrupt)?;
        Ok(Self { folder, lock })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Keeps the pieces that are there if they are of the same call, and takes them away if not.
    ///
    /// # Errors
    /// [`crate::Error::Io`].
    pub fn belongs_to(&self, digest: &str) -> Result<()> {
        let stamp = self.folder.join("call.digest");
        if std::fs::read_to_string(&stamp).is_ok_and(|there| there == digest) {
            return Ok(());
        }
        atomic::remove(&stamp)?;
        for entry in std::fs::read_dir(&self.folder).at("read the folder", &self.folder)? {
            let path = entry.at("read the folder", &self.folder)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with("rows-") || name.starts_with("left-") {
                atomic::remove(&path)?;
            }
        }
        atomic::write(&stamp, digest.as_bytes())
    }

    /// The rows of a piece.
    pub fn rows(&self, piece: usize) -> PathBuf {
        self.folder.join(format!("rows-{piece:05}.parquet"))
    }

    /// Whether a piece is done.
    pub fn has(&self, piece: usize) -> bool {
        parquet::rows(&self.rows(piece)).is_ok()
    }

    /// Keeps the rows of a piece and what it left out.
    ///
    /// # Errors
    /// [`crate::Error::Io`].
    pub fn keep(
        &self,
        piece: usize,
        rows: &[PredictedRow],
        rejects: Vec<(String, String, String)>,
        origin: &record::Origin,
    ) -> Result<()> {
        let left = self.left(piece);
        let json = serde_json::to_vec(&Left { rejects }).at("write", &left)?;
        atomic::write(&left, &json)?;
        // Written last: a piece with rows is whole.
        parquet::write(&self.rows(piece), rows, origin)
    }

    /// What a piece left out: image, reason and identifier.
    ///
    /// # Errors
    /// [`crate::Error::Io`] if it cannot be read.
    pub fn rejects(&self, piece: usize, input: &str) -> Result<Vec<Reject>> {
        let left = self.left(piece);
        let bytes = std::fs::read(&left).at("read", &left)?;
        let left: Left = serde_json::from_slice(&bytes).at("read", &left)?;
        Ok(left
            .rejects
            .into_iter()
            .map(|(image, reason, sample)| Reject {
                file: input.to_owned(),
                line: None,
                reason,
                sample,
                image,
            })
            .collect())
    }

    fn left(&self, piece: usize) -> PathBuf {
        self.folder.join(format!("left-{piece:05}.json"))
    }

    /// Takes the folder away: its output is written.
    ///
    /// # Errors
    /// [`crate::Error::Io`].
    pub fn done(self) -> Result<()> {
        let Self { folder, lock } = self;
        // Let go before it vanishes: nobody took it over.
        drop(lock);
        std::fs::remove_dir_all(&folder).at("remove", &folder)
    }
}
