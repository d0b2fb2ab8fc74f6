//! The report of one run or of several side by side: a self-contained page, Markdown, LaTeX, CSV, and figures.
//!
//! What stands in it is data: `reports/catalog.toml` lists tables and figures, `reports/sql/` holds the statistics,
//! `reports/templates/` the layout. Everything that comes from a database or a run is escaped for where it stands.

pub mod answer;
pub mod board;
pub mod build;
#[cfg(test)]
mod calibration_tests;
pub mod catalog;
pub mod cells;
pub mod config;
pub mod escape;
pub mod explain;
pub mod explorer;
pub mod faces;
pub mod figure;
#[cfg(test)]
mod label_tests;
pub mod latex;
#[cfg(test)]
mod latex_tests;
pub mod page;
#[cfg(test)]
mod page_tests;
pub mod provenance;
pub mod statistics;
pub mod table;
#[cfg(test)]
mod tests;
pub mod thumbnail;
pub mod tile;
pub mod wide;

pub use config::{ReportConfig, ReportOptions};
pub use explain::sample::explain;
