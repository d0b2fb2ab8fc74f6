//! SQL over run folders: a `DataFusion` session with one view for each kind of table, read-only.
//!
//! The views and their columns are documented in `docs/tables.md`. Queries see the run folders that were opened and
//! nothing else: no other file, no setting, no writing.

pub mod bins;
pub mod context;
pub mod derived;
pub mod discover;
pub(crate) mod engine;
#[cfg(test)]
mod failure_tests;
mod files;
#[cfg(test)]
pub(crate) mod fixture;
pub mod format;
mod functions;
#[cfg(test)]
mod golden;
mod order;
mod statement;
#[cfg(test)]
mod study_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod thread_tests;
pub mod value;
pub mod views;

pub(crate) use discover::fetch;
pub use discover::{FoundRun, discover};
pub use format::Format;
pub(crate) use format::{csv_line, plain};
pub use value::{Column, Table, Value};
