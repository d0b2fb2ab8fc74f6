//! The digests of the images that were drawn so far: who goes on with a tree knows which of them are what was drawn.

use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::disk::atomic;
use crate::disk::seal::{Seal, Sealed};
use crate::error::{Context, Result};

/// Beside the images while there are some to be drawn; a line of JSON each, in the order in which they were drawn.
const FILE: &str = ".drawn.jsonl";

/// Images of a tree that is not finished.
pub(crate) struct Drawn {
    known: HashMap<String, Sealed>,
    path: PathBuf,
    log: Mutex<File>,
}

impl Drawn {
    /// What is known of the images below `out`. Lines that a kill cut short or that were damaged are of no image, which then is
    /// drawn again.
    ///
    /// # Errors
    /// [`crate::Error::Io`].
    pub(crate) fn open(out: &Path) -> Result<Self> {
        let path = out.join(FILE);
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            read => read.at("read", &path)?,
        };
        let lines = text.split(|byte| *byte == b'\n');
        let known = lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
        let mut log = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .at("write", &path)?;
        if text.last().is_some_and(|byte| *byte != b'\n') {
            log.write_all(b"\n").at("write", &path)?;
        }
        Ok(Self {
            known,
            path,
            log: Mutex::new(log),
        })
    }

    /// Whether something is known of images below `out`.
    pub(crate) fn is_there(out: &Path) -> bool {
        out.join(FILE).is_file()
    }

    /// Takes away what a call left that was killed when it had done all else; where nothing can be written it may stay.
    pub(crate) fn sweep(out: &Path) {
        let _ = std::fs::remove_file(out.join(FILE));
    }

    /// Begins with what the digests of a whole tree say.
    ///
    /// # Errors
    /// [`crate::Error::Io`].
    pub(crate) fn begin(out: &Path, seal: &Seal) -> Result<()> {
        let mut text = Vec::new();
        for name in seal.names() {
            line(&mut text, name, seal.get(name)).at("encode", &out.join(FILE))?;
        }
        atomic::write(&out.join(FILE), &text)
    }

    /// Whether these bytes are what was drawn as `name`.
    pub(crate) fn is(&self, name: &str, bytes: &[u8]) -> bool {
        self.known.get(name) == Some(&Sealed::of_bytes(bytes))
    }

    /// Notes what was drawn as `name`.
    ///
    /// # Errors
    /// [`crate::Error::Io`].
    pub(crate) fn add(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let mut text = Vec::new();
        line(&mut text, name, Some(&Sealed::of_bytes(bytes))).at("encode", &self.path)?;
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.write_all(&text).at("write", &self.path)
    }

    /// The tree is whole: nothing is to be gone on with.
    ///
    /// # Errors
    /// [`crate::Error::Io`].
    pub(crate) fn remove(self) -> Result<()> {
        drop(self.log);
        atomic::remove(&self.path)
    }
}

fn line(text: &mut Vec<u8>, name: &str, sealed: Option<&Sealed>) -> serde_json::Result<()> {
    serde_json::to_writer(&mut *text, &(name, sealed))?;
    text.push(b'\n');
    Ok(())
}
