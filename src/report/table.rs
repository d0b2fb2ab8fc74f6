//! A table as pages, Markdown and LaTeX print it.

use serde::Serialize;

#[derive(Debug, Clone, Serialize)]
pub(super) struct Head {
    pub(super) text: String,
    pub(super) number: bool,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    /// Whether it sums up the rows above.
    pub(super) total: bool,
    /// Whether a new run or seed begins here.
    pub(super) first: bool,
    pub(super) cells: Vec<Cell>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) missing: bool,
    /// What the column is sorted by.
    pub(super) sort: Option<f64>,
}
