//! Whether this process may have the threads that it works with.

use crate::error::{Error, Result};

/// Threads beside those that compute: of queries, readers, downloads and signals.
const OTHERS: usize = 8;

/// Starts the threads that compute, and sees whether as many again may be had for queries and readers: libraries that start
/// theirs later do not return where they cannot.
///
/// # Errors
/// [`Error::Data`] where the system grants fewer.
pub(crate) fn ready() -> Result<()> {
    let refused = |error: &dyn std::fmt::Display| {
        Error::data(format!(
            "the system grants this process too few threads ({error}): raise the limit (ulimit -u, or pids.max of its group), or \
             compute with fewer, RAYON_NUM_THREADS=1 POLARS_MAX_THREADS=1"
        ))
    };
    // A second start happens only inside tests and changes nothing; where there are no threads, the pool is not there.
    if let Err(error) = rayon::ThreadPoolBuilder::new().build_global()
        && std::error::Error::source(&error).is_some()
    {
        return Err(refused(&error));
    }
    let more = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) + OTHERS;
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Arc::new(std::sync::Mutex::new(held));
    let mut started = Vec::with_capacity(more);
    let mut failed = None;
    for _ in 0..more {
        let held = std::sync::Arc::clone(&held);
        let thread = std::thread::Builder::new().spawn(move || {
            // Until all of them are there.
            let _ = held.lock().map(|held| held.recv());
        });
        match thread {
            Ok(thread) => started.push(thread),
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    drop(hold);
    for thread in started {
        let _ = thread.join();
    }
    failed.map_or(Ok(()), |error| Err(refused(&error)))
}
