//! What a reader is given, and what it returns.

use std::path::Path;

use polars::prelude::DataFrame;

use crate::disk::fence::{Fence, Refusal};
use crate::error::{Error, Result};
use crate::intake::reject::Reject;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::there;

use super::card::{Card, Layout};
use super::decoded::DecodedFrames;
use super::options::ConvertOptions;

/// What a reader is given.
#[derive(Debug)]
pub struct Source<'a> {
    /// The database.
    pub card: &'a Card,
    /// The layout that was found.
    pub layout: &'a Layout,
    /// The data folder, links resolved.
    pub root: &'a Path,
    /// The fence around it.
    pub fence: &'a Fence,
    /// Where the layout begins, relative to the root; empty for the root itself.
    pub base: &'a str,
    /// Options of the conversion.
    pub options: &'a ConvertOptions,
    /// Whether the tree was generated: its counts say nothing of the database's.
    pub stand_in: bool,
    /// Where frames decoded from videos are kept; `None` if none may be decoded.
    pub frames: Option<&'a Path>,
    /// Where slow readers say what they do.
    pub progress: &'a Progress,
    /// Asked between files.
    pub interrupt: &'a Interrupt,
}

impl Source<'_> {
    /// Whether the card's counts speak of this folder.
    pub fn is_counted(&self) -> bool {
        self.layout.counted && !self.stand_in
    }

    /// The first of several paths (relative to the root) that exists.
    ///
    /// # Errors
    /// [`Error::Io`] if the system cannot say of one.
    pub(crate) fn first_existing(&self, paths: &[String]) -> Result<Option<String>> {
        for path in paths {
            if there::exists(&self.root.join(path))? {
                return Ok(Some(path.clone()));
            }
        }
        Ok(None)
    }

    /// The path of a label file or folder, if it lies below the root once links are resolved.
    ///
    /// # Errors
    /// [`Error::Data`] if it does not.
    pub fn inside(&self, relative: &str) -> Result<std::path::PathBuf> {
        if relative.is_empty() || relative == "." {
            return Ok(self.fence.root().to_owned());
        }
        let path = self.root.join(relative);
        self.fence.look(relative).map_err(|refusal| match refusal {
            Refusal::Missing(error) => Error::Io {
                action: "open",
                path,
                source: error.into(),
            },
            Refusal::Leaves(real) => Error::data(format!(
                "{}: leads out of the data folder, to {}; only what lies inside is read: give the folder that \
                 holds both, or replace the link by what it points to",
                path.display(),
                real.display()
            )),
            refusal => Error::data(format!("{}: {refusal}", path.display())),
        })
    }
}

/// What a reader returns.
#[derive(Debug, Default)]
pub struct Found {
    /// Working rows: `file` (str), `line` (u32, may be null), and any columns of the samples table but `dataset`.
    pub frame: DataFrame,
    /// Rows that cannot be used.
    pub rejects: Vec<Reject>,
    /// Rows (or, for action units, single labels) that are legal, but unknown or outside the card's classes.
    pub masked: u64,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// Frames that were decoded from videos: paths of images are then relative to their folder.
    pub decoded: Option<DecodedFrames>,
}
