//! A data folder whose layout is known: looked at once, for all that a run asks of it.

use std::path::Path;
use std::sync::OnceLock;

use crate::disk::fence::Fence;
use crate::error::Result;

use super::card::Card;
use super::digest;
use super::layout::{self, Detected, data_folder};
use super::options::ConvertOptions;

/// A database, found in a folder.
#[derive(Debug)]
pub struct LocatedData<'a> {
    /// The database.
    pub card: &'a Card,
    /// How it is to be converted.
    pub options: &'a ConvertOptions,
    /// The layout that was found.
    pub detected: Detected<'a>,
    /// The data folder; nothing outside it is read.
    pub fence: Fence,
    /// What all its files amount to, once they were walked.
    digest: OnceLock<String>,
}

impl<'a> LocatedData<'a> {
    /// Finds the database below `root`.
    ///
    /// # Errors
    /// [`crate::Error::Data`] if the folder is missing or its layout is unknown.
    pub fn find(card: &'a Card, root: &Path, options: &'a ConvertOptions) -> Result<Self> {
        let root = data_folder(card, root)?;
        let detected = layout::detect(card, &root, options.layout.as_deref())?;
        Ok(Self {
            card,
            options,
            detected,
            fence: Fence::around(&root)?,
            digest: OnceLock::new(),
        })
    }

    /// Digest (64 hex digits) of the label files' bytes, the list of all other files with their sizes, the card and the
    /// options. The files are walked by the first call.
    ///
    /// Images are not opened, so it is fast; an image that changes without changing its size is not noticed. `.npy` labels, of
    /// which there may be a million, count with their time of change.
    ///
    /// # Errors
    /// [`crate::Error::Io`] if something in the folder cannot be read.
    pub fn source_digest(&self) -> Result<String> {
        if let Some(known) = self.digest.get() {
            return Ok(known.clone());
        }
        let (base, layout) = (&self.detected.base, &self.detected.layout.name);
        let digest = digest::of(self.fence.root(), base, self.card, self.options, layout)?;
        Ok(self.digest.get_or_init(|| digest).clone())
    }
}
