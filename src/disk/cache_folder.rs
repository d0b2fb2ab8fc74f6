//! Where the cache lies.

use std::path::PathBuf;

use crate::error::{Error, Result};

/// The folder for what runs share: the argument, else `AURA_BENCH_CACHE`, else `XDG_CACHE_HOME/aura-bench`, else
/// `.cache/aura-bench` below the home folder (`HOME`; on Windows `USERPROFILE`).
///
/// # Errors
/// [`Error::Usage`] if none of these is known.
pub fn cache_folder(argument: Option<PathBuf>) -> Result<PathBuf> {
    let home = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    argument
        .or_else(|| {
            std::env::var_os("AURA_BENCH_CACHE")
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        })
        .or_else(|| absolute("XDG_CACHE_HOME").map(|base| base.join("aura-bench")))
        .or_else(|| absolute(home).map(|home| home.join(".cache").join("aura-bench")))
        .ok_or_else(|| {
            Error::Usage(format!(
                "no cache folder: set {home} or AURA_BENCH_CACHE, or name a folder"
            ))
        })
}
