//! A file or a folder of files that a recipe names by an address: brought here whole, and again once it changes there.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::atomic;
use crate::disk::seal::Sealed;
use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;

use super::address::Address;
use super::fetch::runtime;
use super::index::is_below;
use super::mirror::{Mirror, Tag};
use super::store::{Missed, State, Store};

/// Most files of a folder.
const MOST_FILES: usize = 100_000;

/// What a place elsewhere holds now, here: the path of the file or folder.
///
/// # Errors
/// [`Error::Usage`] if it is no address that can be read so; [`Error::Data`] if it is not there or does not come;
/// [`Error::Interrupted`].
pub(crate) fn local(path: &Path, interrupt: &Interrupt) -> Result<PathBuf> {
    let address = Address::parse(path)?;
    let is_file = Path::new(address.path())
        .extension()
        .and_then(|ending| ending.to_str())
        .is_some_and(|ending| ["parquet", "npy", "npz", "csv", "tsv", "txt"].contains(&ending.to_lowercase().as_str()));
    if is_file {
        let (folder, name) = address
            .parent()
            .filter(|(_, name)| is_below(name))
            .ok_or_else(|| Error::Usage(format!("{} has a name that no file here can have", address.shown())))?;
        let mirror = Arc::new(Mirror::open(&folder)?);
        let here = mirror.here(&name);
        let from = Arc::clone(&mirror);
        let raised = interrupt.clone();
        interrupt.leaving(|| None, move || bring(&from, &name, None, &raised))?;
        return Ok(here);
    }
    let mirror = Arc::new(Mirror::open(&address)?);
    if !mirror.store.lists() {
        return Err(Error::Usage(format!(
            "{} has the ending of no table, and a web server does not say what lies in a folder; name a .parquet, .npy, .npz, .csv or \
             .tsv file, or a folder in a store (s3://, gs://, az://)",
            mirror.store.shown
        )));
    }
    let (from, raised) = (Arc::clone(&mirror), interrupt.clone());
    interrupt.leaving(|| None, move || bring_folder(&from, &raised))?;
    Ok(mirror.here(""))
}

fn bring_folder(mirror: &Mirror, interrupt: &Interrupt) -> Result<()> {
    let store: &Store = &mirror.store;
    let found = runtime()?.block_on(store.list(MOST_FILES, |name| is_below(name) && !name.contains('/')))?;
    if found.is_empty() {
        return Err(Error::data(format!(
            "{} holds no file; expected a folder of Parquet parts",
            store.shown
        )));
    }
    let names: BTreeSet<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    // What is no longer there is not taken for a part.
    let folder = mirror.here("");
    for entry in std::fs::read_dir(&folder).at("list", &folder)? {
        let entry = entry.at("list", &folder)?;
        let name = entry.file_name();
        let old = name
            .to_str()
            .is_some_and(|name| !name.starts_with('.') && !names.contains(name));
        if old && entry.file_type().at("list", &folder)?.is_file() {
            atomic::remove(&entry.path())?;
        }
    }
    found
        .iter()
        .try_for_each(|(name, state)| bring(mirror, name, Some(state), interrupt))
}

/// Brings a file, unless it is here as the store has it; `state` is what the store says of it, where that is known.
fn bring(mirror: &Mirror, name: &str, state: Option<&State>, interrupt: &Interrupt) -> Result<()> {
    let (store, here) = (&mirror.store, mirror.here(name));
    let address = store.address(name);
    let runtime = runtime()?;
    let state = match state {
        Some(state) => state.clone(),
        None => runtime
            .block_on(store.state(name))
            .map_err(|missed| gone(missed, &address))?,
    };
    if let Some(tag) = Tag::read(&here)
        && state.tells()
        && tag.state == state
        && tag.file.damage(&here)?.is_none()
    {
        return Ok(());
    }
    Tag::remove(&here)?;
    let mut sealed = None;
    let mut now = None;
    atomic::write_with(&here, |file| {
        let take = |block: &[u8]| {
            interrupt.check()?;
            file.write_all(block).at("write", &here)
        };
        let read = runtime
            .block_on(store.read(name, take))
            .map_err(|missed| gone(missed, &address))?;
        let written = Sealed::of_open(file, &here)?;
        if written.bytes() != read.bytes {
            return Err(Error::data(format!(
                "{address} came with {} bytes of {}; the same command fetches it again",
                written.bytes(),
                read.bytes
            )));
        }
        sealed = Some(written);
        now = Some(read);
        Ok(())
    })?;
    let (Some(file), Some(state)) = (sealed, now) else {
        return Ok(());
    };
    Tag { file, state }.write(&here)
}

fn gone(missed: Missed, address: &str) -> Error {
    match missed {
        Missed::Absent => Error::data(format!("{address} is not there; check the address")),
        Missed::Denied(error) | Missed::Failed(error) => error,
    }
}
