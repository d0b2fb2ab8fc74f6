//! Tables that a run keeps as they were.

use std::path::Path;

use crate::digest::of_file;
use crate::disk::atomic;
use crate::error::{Context, Result};
use crate::run::folder::RunFolder;

/// Copies a table into the run folder, whole or not at all, unless the same bytes are there.
///
/// # Errors
/// [`crate::Error::Io`].
pub(super) fn copy(from: &Path, to: &Path, folder: &RunFolder) -> Result<()> {
    if to.is_file() && of_file(to)? == of_file(from)? {
        return Ok(());
    }
    folder.unseal()?;
    atomic::write(to, &std::fs::read(from).at("read", from)?)
}
