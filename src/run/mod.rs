//! The run folder: layout, manifest, tables, atomic writes, lock.

pub mod atomic;
pub mod cost;
pub mod folder;
pub mod lock;
pub mod manifest;
pub mod tables;
