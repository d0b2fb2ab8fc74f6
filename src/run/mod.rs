//! The run folder: layout, manifest, tables, atomic writes, lock.

pub mod atomic;
pub mod tables;
