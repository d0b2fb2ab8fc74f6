//! A leaderboard as a page: a group a protocol, a row a run, and its interval drawn beside the others.

use minijinja::context;
use serde::Serialize;

use crate::error::Result;

use super::catalog::ReportFiles;
use super::page::{environment, fill, frame, serial};

/// One group of a page; texts as they are shown.
#[derive(Debug, Clone, Serialize)]
pub struct BoardGroup {
    /// Database and task.
    pub title: String,
    /// Whether the faces were generated.
    pub stand_in: bool,
    /// Name of the metric by which runs are ranked, and of further ones.
    pub metric: String,
    pub others: Vec<String>,
    /// Test samples, as text.
    pub samples: String,
    /// Digest of the protocol, and its keys with their values.
    pub digest: String,
    pub protocol: Vec<(String, String)>,
    /// Why its runs are not ranked with those of the first group of the database.
    pub apart: Vec<String>,
    pub rows: Vec<BoardRow>,
}

/// One run.
#[derive(Debug, Clone, Serialize)]
pub struct BoardRow {
    pub rank: String,
    pub title: String,
    pub run: String,
    pub value: String,
    pub interval: String,
    pub behind: String,
    pub others: Vec<String>,
    pub remarks: Vec<String>,
    /// Whether chance alone may explain that it is not the first.
    pub level: bool,
    /// Value and interval on the metric's own scale.
    pub at: f64,
    pub low: f64,
    pub high: f64,
}

/// A row with its places on the group's axis, in per cent.
#[derive(Serialize)]
struct Placed<'a> {
    #[serde(flatten)]
    row: &'a BoardRow,
    from: String,
    width: String,
    dot: String,
}

#[derive(Serialize)]
struct PlacedGroup<'a> {
    #[serde(flatten)]
    group: &'a BoardGroup,
    placed: Vec<Placed<'a>>,
}

/// The page, self-contained.
///
/// # Errors
/// If a template is not there or does not fit, which is a defect of this program.
pub fn board_page(groups: &[BoardGroup]) -> Result<String> {
    let assets = ReportFiles::new(None)?;
    let env = environment(&assets, &["board.html", "head.html"])?;
    let placed: Vec<PlacedGroup<'_>> = groups.iter().map(place).collect();
    let page = context! {
        title => "Leaderboard",
        stand_in => groups.iter().any(|group| group.stand_in),
        groups => serial(&placed),
        ..frame(&assets)?
    };
    fill(&env, "board.html", &page)
}

fn place(group: &BoardGroup) -> PlacedGroup<'_> {
    let low = group.rows.iter().map(|row| row.low).fold(f64::INFINITY, f64::min);
    let high = group.rows.iter().map(|row| row.high).fold(f64::NEG_INFINITY, f64::max);
    let width = (high - low).max(1e-9);
    let at = |value: f64| 2.0 + 96.0 * (value - low) / width;
    PlacedGroup {
        placed: group
            .rows
            .iter()
            .map(|row| Placed {
                from: format!("{:.2}", at(row.low)),
                width: format!("{:.2}", (at(row.high) - at(row.low)).max(0.4)),
                dot: format!("{:.2}", at(row.at)),
                row,
            })
            .collect(),
        group,
    }
}
