//! The run folder: layout, manifest, tables, atomic writes, lock.

pub mod cost;
pub mod folder;
pub mod manifest;
pub mod tables;
