//! Runs and files in object storage and on web servers, read through a mirror on this machine.
//!
//! Of every file of a finished run its length and BLAKE3 are known (`digests.json`), so a file is fetched whole when it is first
//! needed, held against them, and lies in the cache from then on: whatever reads runs reads files, wherever a run is kept.

mod address;
mod fetch;
mod file;
pub(crate) mod index;
pub(crate) mod mirror;
pub(crate) mod root;
mod store;
mod transport;

pub(crate) use address::is_address;
pub(crate) use fetch::fetch;
pub(crate) use file::local;
pub(crate) use root::{RemoteRun, open};
