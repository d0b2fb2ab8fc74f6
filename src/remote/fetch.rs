//! Many files at once, each whole and as promised, or not there.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::disk::atomic;
use crate::disk::seal::Sealed;
use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;
use crate::threads::side_by_side;

use super::mirror::Mirror;
use super::store::{Missed, Store};
use super::transport::AT_ONCE;

/// What is known of a file before it comes.
#[derive(Debug, Clone)]
pub(crate) enum Promise {
    /// Its length and digest.
    Sealed(Sealed),
    /// That it may have so many bytes.
    AtMost(u64),
}

/// A file that is needed here.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(super) mirror: Arc<Mirror>,
    /// Its name below the place.
    pub(super) name: String,
    pub(super) promise: Promise,
}

impl Wanted {
    /// Where it lies on this machine.
    fn here(&self) -> PathBuf {
        self.mirror.here(&self.name)
    }

    /// Whether it lies here as promised. What no digest is known of is fetched every time.
    fn is_here(&self) -> Result<bool> {
        let Promise::Sealed(sealed) = &self.promise else {
            return Ok(false);
        };
        if self.mirror.is_known(&self.name, sealed) {
            return Ok(true);
        }
        let whole = sealed.damage(&self.here())?.is_none();
        if whole {
            self.mirror.know(&self.name, sealed);
        }
        Ok(whole)
    }

    fn fetch(&self, runtime: &tokio::runtime::Runtime, stopped: &dyn Fn() -> Result<()>) -> Result<()> {
        if self.is_here()? {
            return Ok(());
        }
        let (store, here) = (&self.mirror.store, self.here());
        let address = store.address(&self.name);
        let limit = match &self.promise {
            Promise::Sealed(sealed) => sealed.bytes(),
            Promise::AtMost(limit) => *limit,
        };
        atomic::write_with(&here, |file| {
            let (mut length, mut hasher) = (0, blake3::Hasher::new());
            let take = |block: &[u8]| {
                stopped()?;
                length += block.len() as u64;
                if length > limit {
                    return Err(match &self.promise {
                        Promise::Sealed(_) => broken(&address),
                        Promise::AtMost(_) => Error::data(format!(
                            "{address} has more than {}, which nothing of its name has",
                            indicatif::HumanBytes(limit)
                        )),
                    });
                }
                hasher.update(block);
                file.write_all(block).at("write", &here)
            };
            let _ = runtime
                .block_on(store.read(&self.name, take))
                .map_err(|missed| missed.of(&address))?;
            match &self.promise {
                Promise::Sealed(sealed) if !sealed.is(length, &hasher.finalize()) => Err(broken(&address)),
                _ => Ok(()),
            }
        })?;
        if let Promise::Sealed(sealed) = &self.promise {
            self.mirror.know(&self.name, sealed);
        }
        Ok(())
    }
}

fn broken(address: &str) -> Error {
    Error::damaged(format!(
        "{address} is damaged: it is not what was written, by the digests beside it. If it is being copied just now, the same command \
         works once that has ended; else copy it again, or make its index again with `aura-bench export index`"
    ))
}

/// Brings all of them here. What lies here as promised is not asked for.
///
/// # Errors
/// [`Error::Data`] if one does not come or is not what was promised: it is not here then, the others may be. [`Error::Io`] if one
/// cannot be written; [`Error::Interrupted`].
pub(crate) fn fetch(wanted: Vec<Wanted>, interrupt: &Interrupt) -> Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    let raised = interrupt.clone();
    interrupt.leaving(|| None, move || fetch_now(&wanted, &raised))
}

fn fetch_now(wanted: &[Wanted], interrupt: &Interrupt) -> Result<()> {
    let (next, failed, stop) = (AtomicUsize::new(0), Mutex::new(None), AtomicBool::new(false));
    let fail = |error: Error| {
        failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(error);
        stop.store(true, Ordering::SeqCst);
    };
    let stopped = || {
        interrupt.check()?;
        // Another one failed, and said why.
        if stop.load(Ordering::SeqCst) {
            Err(Error::Interrupted)
        } else {
            Ok(())
        }
    };
    let work = || {
        let done = runtime().and_then(|runtime| {
            while let Some(wanted) = wanted.get(next.fetch_add(1, Ordering::SeqCst)) {
                stopped()?;
                wanted.fetch(&runtime, &stopped)?;
            }
            Ok(())
        });
        if let Err(error) = done {
            fail(error);
        }
    };
    side_by_side(wanted.len().min(AT_ONCE), work);
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// The bytes of a small file; `None` where it is not there.
///
/// # Errors
/// Why it does not come, [`Missed::Denied`] where it may not be read.
pub(super) fn read(store: &Arc<Store>, name: &str, limit: usize, interrupt: &Interrupt) -> Result<Vec<u8>, Missed> {
    let (store, name) = (Arc::clone(store), name.to_owned());
    // How it was missed is decided outside of what can be left alone.
    interrupt.leaving(
        || None,
        move || {
            let mut bytes = Vec::new();
            let take = |block: &[u8]| {
                bytes.extend_from_slice(block);
                if bytes.len() <= limit {
                    return Ok(());
                }
                Err(Error::data(format!(
                    "{} has more than {}, which nothing of its name has",
                    store.address(&name),
                    indicatif::HumanBytes(limit as u64)
                )))
            };
            let read = runtime()?.block_on(store.read(&name, take));
            Ok(read.map(|_| bytes))
        },
    )?
}

/// What `wanted` takes of the files below a store.
///
/// # Errors
/// [`Error::Data`] if it cannot be listed; [`Error::Interrupted`].
pub(super) fn list(
    store: &Arc<Store>,
    limit: usize,
    wanted: impl Fn(&str) -> bool + Send + 'static,
    interrupt: &Interrupt,
) -> Result<Vec<String>> {
    let store = Arc::clone(store);
    let found = interrupt.leaving(|| None, move || runtime()?.block_on(store.list(limit, wanted)))?;
    Ok(found.into_iter().map(|(name, _)| name).collect())
}

/// A runtime for the thread that blocks in it.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| Error::data(format!("failed to prepare fetching: {error}")))
}
