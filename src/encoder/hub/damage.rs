//! Files in the hub's cache that are no longer what the hub named them after.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::disk::atomic;
use crate::disk::fence::is_name;
use crate::encoder::model_folder::{CONFIG, INDEX, PICKLE, WEIGHTS, shards_of};
use crate::encoder::processor::{ALONE, NESTED};
use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;

use super::blob::Tag;

/// A file of the cache that is not what it is called after.
pub(super) struct Damaged {
    /// Where the model has it: a link to the content.
    pointer: PathBuf,
    /// The content.
    blob: PathBuf,
    /// What is wrong with it.
    how: String,
}

impl std::fmt::Display for Damaged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is damaged: {}", self.pointer.display(), self.how)
    }
}

impl Damaged {
    /// Where it may not be fetched again.
    pub(super) fn error(&self) -> Error {
        Error::missing_weights(format!(
            "{self}, and HF_HUB_OFFLINE forbids fetching it again: remove {} and fetch the model where there is a network",
            self.pointer.display()
        ))
    }

    /// Takes it away, so that it is fetched.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be removed.
    pub(super) fn remove(&self) -> Result<()> {
        for path in [&self.pointer, &self.blob] {
            atomic::remove(path)?;
        }
        Ok(())
    }
}

/// The files of a model that are not what the hub named them after, of those that are read.
///
/// # Errors
/// [`Error::Io`] if one cannot be read; [`Error::Interrupted`].
pub(super) fn damaged(folder: &Path, interrupt: &Interrupt) -> Result<Vec<Damaged>> {
    let mut names = [CONFIG, NESTED, ALONE, INDEX, WEIGHTS].map(str::to_owned).to_vec();
    if !folder.join(WEIGHTS).is_file() {
        let shards = shards_of(&folder.join(INDEX)).unwrap_or_default();
        names.extend(shards.into_iter().filter(|shard| is_name(shard)));
        names.push(PICKLE.to_owned());
    }
    let mut found = Vec::new();
    for name in names {
        let pointer = folder.join(name);
        let blob = match std::fs::canonicalize(&pointer) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if let Ok(blob) = std::fs::read_link(&pointer) {
                    found.push(Damaged {
                        blob: folder.join(blob),
                        pointer,
                        how: "what it links to is missing".to_owned(),
                    });
                }
                continue;
            }
            there => there.at("read", &pointer)?,
        };
        let tag = blob.file_name().and_then(|name| name.to_str()).and_then(Tag::of);
        let Some(promised) = tag else {
            continue;
        };
        if let Some(digest) = promised.mismatch(&blob, || interrupt.check())? {
            found.push(Damaged {
                pointer,
                blob,
                how: format!("its digest is {digest}, the hub promised {promised}"),
            });
        }
    }
    Ok(found)
}
