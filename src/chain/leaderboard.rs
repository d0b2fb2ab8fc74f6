//! Runs ranked side by side, as an object and as a page.

use std::path::{Path, PathBuf};

use crate::check::board::{Board, Entry, Group, board};
use crate::check::show::number;
use crate::disk::atomic;
use crate::error::Result;
use crate::metric::Bootstrap;
use crate::naming::RANDOM_WARNING;
use crate::report::board::{BoardGroup, BoardRow, board_page};

/// Ranks the runs at `paths`, and writes the page where one is asked for.
///
/// # Errors
/// If a run cannot be read, or the page cannot be written.
pub fn leaderboard(paths: &[PathBuf], page: Option<&Path>, bootstrap: &Bootstrap) -> Result<Board> {
    let board = board(paths, bootstrap)?;
    if let Some(page) = page {
        let groups: Vec<BoardGroup> = board.groups.iter().map(shown).collect();
        atomic::write(page, board_page(&groups)?.as_bytes())?;
    }
    Ok(board)
}

fn shown(group: &Group) -> BoardGroup {
    BoardGroup {
        title: format!("{}, {}", group.dataset, group.task.replace('_', " ")),
        stand_in: group.stand_in,
        metric: group.metric.clone(),
        others: group.others.clone(),
        samples: group.samples.to_string(),
        digest: group.protocol_digest.get(..16).unwrap_or_default().to_owned(),
        protocol: group.protocol.clone().into_iter().collect(),
        apart: group.apart.clone(),
        rows: group.entries.iter().map(|entry| row(group, entry)).collect(),
    }
}

fn row(group: &Group, entry: &Entry) -> BoardRow {
    let value = |value: f64| number(&group.metric, Some(value));
    let interval = |low: Option<f64>, high: Option<f64>| match (low, high) {
        (Some(low), Some(high)) => format!("[{}, {}]", value(low), value(high)),
        _ => String::new(),
    };
    let mean = entry.value.mean;
    let mut remarks = Vec::new();
    if entry.missing_samples > 0 {
        remarks.push(format!("{} samples without a prediction", entry.missing_samples));
    }
    if entry.random_weights {
        remarks.push(RANDOM_WARNING.to_owned());
    }
    BoardRow {
        rank: entry.ranks(),
        title: entry.title.clone(),
        run: entry.run.clone(),
        value: match entry.value.sd {
            Some(sd) => format!("{} ± {}", value(mean), value(sd)),
            None => value(mean),
        },
        interval: interval(entry.low, entry.high),
        behind: entry.behind.map_or_else(String::new, |behind| {
            format!("{} {}", value(behind.difference), interval(behind.low, behind.high))
        }),
        others: group
            .others
            .iter()
            .zip(&entry.others)
            .map(|(name, over)| number(name, over.as_ref().map(|over| over.mean)))
            .collect(),
        remarks,
        level: entry.behind.is_some_and(|behind| !behind.significant),
        at: mean,
        low: entry.low.unwrap_or(mean),
        high: entry.high.unwrap_or(mean),
    }
}
