//! `[protocol]`: everything that decides whether two numbers may stand side by side.

pub mod config;
pub mod resolve;

pub use resolve::resolve;
