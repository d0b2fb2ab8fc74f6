//! The run folder: the names of what lies in it, its manifest, what the run cost.

pub mod cost;
pub mod folder;
pub mod looks;
pub mod manifest;
