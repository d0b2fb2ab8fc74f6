//! Which database lies in a folder: every card is tried, nothing is written.

use std::path::Path;

use rayon::prelude::*;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::intake::reject::Reject;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::there;

use super::card::Card;
use super::conversion::Conversion;
use super::convert::examine_located;
use super::layout::contents;
use super::located::LocatedData;
use super::options::ConvertOptions;

/// A card of which a layout was found in a folder, and what reading it as such gives.
#[derive(Debug, Clone, Serialize)]
pub struct Candidate {
    /// Card id, or the path of a card file.
    pub card: String,
    /// The layout's name.
    pub layout: String,
    /// What speaks for it.
    pub why: String,
    /// What a conversion would find.
    pub conversion: Option<Conversion>,
    /// The first rows that it would leave out.
    pub rejects: Vec<String>,
    /// Why it would fail.
    pub error: Option<String>,
}

/// Rejected rows that a candidate shows.
const SHOWN: usize = 5;

impl Candidate {
    /// How much speaks for it, for sorting: usable samples, then how few rows are rejected and counts differ.
    fn weight(&self) -> (bool, bool, u64, u64, u64) {
        let Some(found) = &self.conversion else {
            return (false, false, 0, 0, 0);
        };
        let differences = found
            .expected
            .as_ref()
            .map_or(0, |expected| expected.differences.len() as u64);
        let rows = (found.samples + found.rejected).max(1);
        let usable = 1000 * found.samples / rows;
        let known = found
            .expected
            .as_ref()
            .is_some_and(|expected| !expected.by_split.is_empty());
        (
            found.samples > 0,
            known && differences == 0,
            usable,
            found.samples,
            u64::MAX - differences,
        )
    }
}

/// Reads a folder as each of `cards` of which a layout is found in it; the most convincing comes first.
///
/// # Errors
/// [`Error::Data`] if there is no such folder or no card fits, with what was tried; [`Error::Interrupted`].
pub fn fitting(
    cards: &[String],
    root: &Path,
    options: &ConvertOptions,
    progress: &Progress,
    interrupt: &Interrupt,
) -> Result<Vec<Candidate>> {
    if !there::is_dir(root)? {
        return Err(Error::missing_database(format!(
            "{}: there is no such folder",
            root.display()
        )));
    }
    let root = root
        .canonicalize()
        .map_err(|error| Error::missing_database(format!("{}: {error}", root.display())))?;
    let loaded: Vec<(&String, Card)> = cards
        .iter()
        .map(|name| Ok((name, Card::load(name)?)))
        .collect::<Result<_>>()?;
    // Several bars at once say nothing.
    let hidden = Progress::hidden();
    let progress = if loaded.len() == 1 { progress } else { &hidden };
    let found: Vec<Option<Candidate>> = loaded
        .par_iter()
        .filter(|(_, card)| !card.is_table())
        .map(|(name, card)| {
            interrupt.check()?;
            let Ok(data) = LocatedData::find(card, &root, options) else {
                return Ok(None);
            };
            let mut candidate = Candidate {
                card: (*name).clone(),
                layout: data.detected.layout.name.clone(),
                why: data.detected.why.clone(),
                conversion: None,
                rejects: Vec::new(),
                error: None,
            };
            match examine_located(&data, progress, interrupt) {
                Ok(examined) => {
                    candidate.rejects = examined.rejects.iter().take(SHOWN).map(Reject::to_string).collect();
                    candidate.conversion = Some(examined.conversion);
                }
                Err(Error::Interrupted) => return Err(Error::Interrupted),
                Err(error) => candidate.error = Some(error.to_string()),
            }
            Ok(Some(candidate))
        })
        .collect::<Result<_>>()?;
    let mut found: Vec<Candidate> = found.into_iter().flatten().collect();
    if found.is_empty() {
        let tried: Vec<&str> = loaded
            .iter()
            .filter(|(_, card)| !card.is_table())
            .map(|(name, _)| name.as_str())
            .collect();
        return Err(Error::missing_database(format!(
            "{}: no layout of {} is found there; it holds {}. Asked for one card alone, the error says what \
             that card looks for; docs/datasets.md says how to describe another form",
            root.display(),
            tried.join(", "),
            contents(&root)
        )));
    }
    found.sort_by(|a, b| b.weight().cmp(&a.weight()).then_with(|| a.card.cmp(&b.card)));
    Ok(found)
}
