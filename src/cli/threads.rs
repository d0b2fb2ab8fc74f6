//! Whether this process may have the threads that it works with.

use crate::error::{Error, Result};
use crate::threads::granted;

/// Threads beside those that compute: of queries, readers, downloads and signals.
const OTHERS: usize = 8;

/// Starts the threads that compute, and sees whether as many again may be had for queries and readers.
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
    granted(more, None).map_err(|error| refused(&error))
}
