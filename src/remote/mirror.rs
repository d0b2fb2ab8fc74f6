//! The folders of the cache in which files lie that were fetched, one for each address.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::disk::atomic;
use crate::disk::cache_folder::cache_folder;
use crate::disk::seal::{self, Damage, Seal, Sealed};
use crate::error::{Context, Result};
use crate::interrupt::Interrupt;

use super::address::Address;
use super::store::{State, Store};

/// Their folder in the cache.
pub(crate) const FOLDER: &str = "remote";
/// Says whose files they are; whoever uses them has it locked.
pub(crate) const FILE: &str = ".remote.json";

/// How the names of tags end.
const TAG: &str = ".tag.json";

/// What stands in [`FILE`].
#[derive(Debug, Serialize, Deserialize)]
struct Origin {
    address: String,
}

/// A place elsewhere, and the folder in which its files lie on this machine.
#[derive(Debug)]
pub(crate) struct Mirror {
    pub(super) store: Arc<Store>,
    /// Where its files lie on this machine.
    folder: PathBuf,
    /// Digests that files were found to have, by name: they are looked at once in a process.
    known: Mutex<BTreeMap<String, Sealed>>,
    /// Held as long as the mirror is used.
    _lock: Option<File>,
}

impl Mirror {
    pub(super) fn open(address: &Address) -> Result<Self> {
        let store = Arc::new(Store::open(address)?);
        let digest = blake3::hash(store.shown.as_bytes()).to_hex();
        let host: String = address
            .host()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
            .take(60)
            .collect();
        let folder = cache_folder(None)?
            .join(FOLDER)
            .join(format!("{host}-{}", &digest[..16]));
        let marker = folder.join(FILE);
        let origin = Origin {
            address: store.shown.clone(),
        };
        if address_of(&folder).as_ref() != Some(&origin.address) {
            let text = serde_json::to_vec_pretty(&origin).at("encode", &marker)?;
            atomic::write(&marker, &text)?;
        }
        // Where the file system has no locks, or may not be written any more, the mirror is used all the same.
        let lock = File::open(&marker).ok();
        if let Some(file) = &lock {
            let _ = file.try_lock_shared();
            let _ = file.set_modified(SystemTime::now());
        }
        Ok(Self {
            store,
            folder: folder.canonicalize().unwrap_or(folder),
            known: Mutex::default(),
            _lock: lock,
        })
    }

    /// Where a file lies on this machine.
    pub(super) fn here(&self, name: &str) -> PathBuf {
        name.split('/')
            .filter(|part| !part.is_empty())
            .fold(self.folder.clone(), |path, part| path.join(part))
    }

    pub(super) fn is_known(&self, name: &str, sealed: &Sealed) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // Who tidies the cache meanwhile is told apart from who did not.
        known.get(name) == Some(sealed) && self.here(name).is_file()
    }

    pub(super) fn know(&self, name: &str, sealed: &Sealed) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(name.to_owned(), sealed.clone());
    }
}

/// The address of a mirror's files.
pub(crate) fn address_of(folder: &Path) -> Option<String> {
    let text = std::fs::read(folder.join(FILE)).ok()?;
    serde_json::from_slice::<Origin>(&text)
        .ok()
        .map(|origin| origin.address)
}

/// What a file was when it came that no digest was known of before: its own, and what the store said of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Tag {
    pub(super) file: Sealed,
    pub(super) state: State,
}

impl Tag {
    /// Where it lies: hidden, beside the file.
    fn path(file: &Path) -> PathBuf {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        file.with_file_name(format!(".{name}{TAG}"))
    }

    pub(super) fn read(file: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(Self::path(file)).ok()?).ok()
    }

    pub(super) fn write(&self, file: &Path) -> Result<()> {
        let path = Self::path(file);
        atomic::write(&path, &serde_json::to_vec(self).at("encode", &path)?)
    }

    pub(super) fn remove(file: &Path) -> Result<()> {
        atomic::remove(&Self::path(file))
    }
}

/// Files of a mirror that are not what was fetched. What was not fetched yet is not missing.
///
/// # Errors
/// [`crate::Error::Io`] if something is there and cannot be read; [`crate::Error::Interrupted`].
pub(crate) fn damages(folder: &Path, interrupt: &Interrupt) -> Result<Vec<Damage>> {
    let mut found = Vec::new();
    search(folder, interrupt, &mut found)?;
    Ok(found)
}

fn search(folder: &Path, interrupt: &Interrupt, found: &mut Vec<Damage>) -> Result<()> {
    if let Some(seal) = Seal::read(&folder.join(seal::FILE))? {
        let damages = seal.damages(folder, interrupt)?;
        found.extend(
            damages
                .into_iter()
                .filter(|damage| !matches!(damage, Damage::Missing(_))),
        );
        return Ok(());
    }
    for entry in std::fs::read_dir(folder).at("list", folder)? {
        let entry = entry.at("list", folder)?;
        if entry.file_type().at("list", folder)?.is_dir() {
            search(&entry.path(), interrupt, found)?;
        } else if let Some(tag) = Tag::read(&entry.path()) {
            interrupt.check()?;
            found.extend(tag.file.damage(&entry.path())?);
        }
    }
    Ok(())
}
