//! A folder of runs that is kept elsewhere: which runs are in it, and where their files lie on this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::disk::seal::{self, Sealed};
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::run::manifest;

use super::address::Address;
use super::fetch::{Promise, Wanted, fetch, list, read};
use super::index::{self, Index, MOST_BYTES, MOST_RUNS, is_below};
use super::mirror::Mirror;
use super::store::{Missed, Store};

/// Most bytes of a manifest, and of a run's digests.
const MOST_OF_A_RUN: u64 = 32 << 20;
/// Folders below an address that is listed are searched this deep.
const MAX_DEPTH: usize = 8;
/// For so long what lies at an address is not asked again: a page that is open asks every few seconds.
const FRESH: Duration = Duration::from_mins(1);

/// A run at an address.
#[derive(Debug, Clone)]
pub(crate) struct RemoteRun {
    mirror: Arc<Mirror>,
    /// Its folder below the address; empty if it is the address itself.
    path: String,
    interrupt: Interrupt,
}

impl RemoteRun {
    /// Its folder on this machine.
    pub(crate) fn folder(&self) -> PathBuf {
        self.mirror.here(&self.path)
    }

    /// Its address.
    pub(crate) fn address(&self) -> String {
        self.mirror.store.address(&self.path)
    }

    /// Ends fetching once it is raised.
    pub(crate) fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// One of its files.
    pub(crate) fn wanted(&self, name: &str, sealed: &Sealed) -> Wanted {
        self.file(name, Promise::Sealed(sealed.clone()))
    }

    fn file(&self, name: &str, promise: Promise) -> Wanted {
        let name = if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}/{name}", self.path)
        };
        Wanted {
            mirror: Arc::clone(&self.mirror),
            name,
            promise,
        }
    }

    /// Makes sure that none of the names that its digests and its manifest say leads elsewhere.
    ///
    /// # Errors
    /// [`Error::Data`] that names the first that does.
    pub(crate) fn check_names<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Result<()> {
        match names.into_iter().find(|name| !is_below(name)) {
            None => Ok(()),
            Some(name) => Err(Error::data(format!(
                "{} names the file {name:?}, which cannot lie below it; nothing of it is read",
                self.address()
            ))),
        }
    }
}

/// The runs at an address.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) runs: Vec<RemoteRun>,
    /// Whether the address is a run itself.
    pub(crate) is_run: bool,
    /// What was passed over.
    pub(crate) warnings: Vec<String>,
}

/// What was opened a moment ago, by address.
static LATELY: Mutex<BTreeMap<String, (Instant, Opened)>> = Mutex::new(BTreeMap::new());

/// Finds the runs at an address and brings their manifests and digests here.
///
/// # Errors
/// [`Error::Usage`] if it is no address; [`Error::Data`] if there is no run, or nothing answers; [`Error::Interrupted`].
pub(crate) fn open(path: &Path, interrupt: &Interrupt) -> Result<Opened> {
    let address = Address::parse(path)?;
    let shown = address.shown();
    let lately = LATELY
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get(&shown)
        .cloned();
    let mut opened = match lately {
        Some((at, opened)) if at.elapsed() < FRESH => opened,
        _ => {
            let mirror = Arc::new(Mirror::open(&address)?);
            let opened = find(&mirror, interrupt)?;
            LATELY
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(shown, (Instant::now(), opened.clone()));
            opened
        }
    };
    for run in &mut opened.runs {
        run.interrupt = interrupt.clone();
    }
    Ok(opened)
}

fn find(mirror: &Arc<Mirror>, interrupt: &Interrupt) -> Result<Opened> {
    let store = &mirror.store;
    let run = |path: String| RemoteRun {
        mirror: Arc::clone(mirror),
        path,
        interrupt: interrupt.clone(),
    };
    let at_most =
        |run: &RemoteRun| [manifest::FILE, seal::FILE].map(|name| run.file(name, Promise::AtMost(MOST_OF_A_RUN)));
    // Stores refuse what is not there to whom they do not let list it.
    let mut denied = None;
    match read(store, index::FILE, MOST_BYTES, interrupt) {
        Ok(bytes) => {
            let index = Index::parse(&bytes, &store.address(index::FILE))?;
            let mut wanted = Vec::with_capacity(2 * index.len());
            let mut runs = Vec::with_capacity(index.len());
            for entry in index.runs {
                let run = run(entry.path);
                wanted.push(run.wanted(manifest::FILE, &entry.manifest));
                wanted.push(run.wanted(seal::FILE, &entry.digests));
                runs.push(run);
            }
            fetch(wanted, interrupt)?;
            return Ok(Opened {
                runs,
                is_run: false,
                warnings: Vec::new(),
            });
        }
        Err(Missed::Absent) => {}
        Err(Missed::Denied(error)) => denied = Some(error),
        Err(Missed::Failed(error)) => return Err(error),
    }
    match read(store, manifest::FILE, MOST_OF_A_RUN as usize, interrupt) {
        Ok(_) => {
            let run = run(String::new());
            match read(store, seal::FILE, MOST_OF_A_RUN as usize, interrupt) {
                Ok(_) => fetch(at_most(&run).to_vec(), interrupt)?,
                Err(Missed::Absent) => return Err(unsealed(&store.shown)),
                Err(missed) => return Err(missed.of(&store.address(seal::FILE))),
            }
            return Ok(Opened {
                runs: vec![run],
                is_run: true,
                warnings: Vec::new(),
            });
        }
        Err(Missed::Failed(error)) => return Err(error),
        Err(Missed::Absent | Missed::Denied(_)) => {}
    }
    if let Some(error) = denied {
        return Err(error);
    }
    if !store.lists() {
        return Err(Error::data(format!(
            "{} has neither {} nor {}: it is no run, and a web server does not say which runs lie below it. `aura-bench export index` \
             writes {} into a folder of runs, before it is copied there",
            store.shown,
            index::FILE,
            manifest::FILE,
            index::FILE
        )));
    }
    tracing::warn!(
        "{} has no {}, so it is listed, which is slow: `aura-bench export index` writes one into a folder of runs",
        store.shown,
        index::FILE
    );
    let (paths, warnings) = listed(store, interrupt)?;
    let runs: Vec<RemoteRun> = paths.into_iter().map(run).collect();
    fetch(runs.iter().flat_map(at_most).collect(), interrupt)?;
    Ok(Opened {
        runs,
        is_run: false,
        warnings,
    })
}

/// The runs below a store that says what lies in it, none inside another, and those that are not whole.
fn listed(store: &Arc<Store>, interrupt: &Interrupt) -> Result<(Vec<String>, Vec<String>)> {
    let of_run = |name: &str| matches!(name.rsplit('/').next(), Some(manifest::FILE | seal::FILE));
    let names = list(
        store,
        4 * MOST_RUNS,
        move |name| of_run(name) && is_below(name),
        interrupt,
    )?;
    let names: BTreeSet<String> = names.into_iter().collect();
    let (mut runs, mut warnings): (BTreeSet<&str>, Vec<String>) = Default::default();
    // Whatever lies in a run is not searched: in the order of names its folder comes first.
    for name in &names {
        let Some(path) = name
            .strip_suffix(manifest::FILE)
            .and_then(|path| path.strip_suffix('/'))
        else {
            continue;
        };
        if path.split('/').count() > MAX_DEPTH {
            continue;
        }
        if names.contains(&format!("{path}/{}", seal::FILE)) {
            runs.insert(path);
        } else {
            warnings.push(unsealed(&store.address(path)).to_string());
        }
    }
    let inside = |path: &str| path.match_indices('/').any(|(at, _)| runs.contains(&path[..at]));
    let outer = runs.iter().filter(|path| !inside(path));
    Ok((outer.map(|path| (*path).to_owned()).collect(), warnings))
}

fn unsealed(address: &str) -> Error {
    Error::data(format!(
        "{address} has no {}: the run was interrupted, is being written, or was not copied whole; nothing of it can be checked, and \
         nothing is read",
        seal::FILE
    ))
}
