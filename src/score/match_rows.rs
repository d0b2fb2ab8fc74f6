//! From the rows of the files to the samples that they speak of.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Error, Result};
use crate::task::Split;

use super::config::{Match, ScoreConfig};
use super::frame::{Frame, brief};
use super::known::{Known, Lost};
use super::roles::Key;

/// What finds samples by the rows of one file.
#[derive(Debug)]
pub struct Matcher<'a> {
    pub known: &'a Known,
    pub config: &'a ScoreConfig,
    /// The test samples in the order of the table, for rows that are matched by theirs.
    pub tested: &'a [usize],
    /// Rows of the files before.
    pub before: usize,
}

/// A row that finds no sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// What it calls the sample.
    pub said: String,
    pub why: Lost,
}

impl Matcher<'_> {
    /// The first of `keys` by which a row of the file finds a sample; the first of all where none does.
    ///
    /// # Errors
    /// As [`Self::row`].
    pub fn key<'k>(&self, keys: &'k [Key], frame: &Frame) -> Result<&'k Key> {
        for key in keys {
            for row in 0..frame.rows() {
                if !matches!(self.row(key, frame, row)?, Err(Stray { why: Lost::Unknown, .. })) {
                    return Ok(key);
                }
            }
        }
        keys.first()
            .ok_or_else(|| Error::unusable_table(format!("{}: nothing names its samples", frame.path().display())))
    }

    /// The sample of a row.
    ///
    /// # Errors
    /// [`Error::Data`] if the value that names it is missing, or is no number where one is expected.
    pub fn row(&self, key: &Key, frame: &Frame, row: usize) -> Result<Result<usize, Stray>> {
        let text = |column: &str| {
            frame.text(column, row).ok_or_else(|| {
                Error::unusable_table(format!(
                    "{}: `{column}` is empty, which names the sample",
                    frame.place(row)
                ))
            })
        };
        let found = |said: String, found: Result<usize, Lost>| {
            found.map_err(|why| Stray {
                said: brief(&said),
                why,
            })
        };
        Ok(match key {
            Key::SampleId(column) => {
                let id = text(column)?;
                let sample = self.known.by_id(&id);
                found(id, sample)
            }
            Key::Image(column) => {
                let image = text(column)?;
                let sample = self.known.by_image(&image);
                found(image, sample)
            }
            Key::File => {
                let image = file_stem(frame.path());
                let sample = self.known.by_image(&image);
                found(image, sample)
            }
            Key::Frame(column, frame_column) => {
                let subject = match column {
                    Some(column) => text(column)?,
                    None => file_stem(frame.path()),
                };
                let Some(number) = frame.whole(frame_column, row)? else {
                    return Err(Error::unusable_table(format!(
                        "{}: `{frame_column}` is empty, which names the frame",
                        frame.place(row)
                    )));
                };
                let number = number.saturating_add(1 - self.config.frame_base.unwrap_or(1));
                let sample = self.known.by_frame(&subject, number);
                found(format!("{subject}, frame {number}"), sample)
            }
            Key::Order => {
                let at = self.before + row;
                let sample = self.tested.get(at).copied().ok_or(Lost::Unknown);
                found(format!("row {}", at + 1), sample)
            }
        })
    }
}

/// The name of a file without its ending, as tools that write one file a picture or video call it.
fn file_stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// How `key` matches.
pub fn by(key: &Key) -> Match {
    match key {
        Key::SampleId(_) => Match::SampleId,
        Key::Image(_) | Key::File => Match::Image,
        Key::Frame(..) => Match::Frame,
        Key::Order => Match::Order,
    }
}

/// What was matched with what.
#[derive(Debug, Default)]
pub struct Tally {
    /// Rows of all files.
    pub rows: usize,
    /// Rows that find no sample: how many, and the first with its place.
    pub strays: usize,
    pub first_stray: Option<(String, Stray)>,
    /// Rows of samples that are not tested on, by split.
    pub aside: BTreeMap<Option<Split>, usize>,
    /// Rows of samples that are tested on.
    pub tested: usize,
}

impl Tally {
    /// Refuses predictions of something else than the test samples of this database.
    ///
    /// # Errors
    /// [`Error::Data`] that says what was expected and what was found.
    pub fn check(&self, dataset: &str, known: &Known, key: &Key, wanted: usize) -> Result<()> {
        if self.rows == 0 {
            return Err(Error::unusable_table(
                "the files hold no predictions: not a row below the header",
            ));
        }
        if let Some((place, stray)) = &self.first_stray {
            if let Lost::Several(one, other) = &stray.why {
                return Err(Error::unusable_table(format!(
                    "{place}: `{}` may be several samples of {dataset}, `{one}` and `{other}` among them; give more of the path, or the \
                     sample's identifier",
                    stray.said
                )));
            }
            let there = match key {
                Key::SampleId(_) => known.first_ids(2),
                Key::Image(_) | Key::File => known.first_images(2),
                Key::Frame(..) => known.first_subjects(2),
                Key::Order => Vec::new(),
            };
            if matches!(key, Key::Order) {
                return Err(Error::unusable_table(format!(
                    "{} rows, where {dataset} is tested on {wanted} samples: rows that are matched by their order must be as many",
                    self.rows
                )));
            }
            let which = if self.strays == self.rows {
                format!("none of the {} rows names a sample of {dataset}", self.rows)
            } else {
                format!("{} of {} rows name no sample of {dataset}", self.strays, self.rows)
            };
            return Err(Error::unusable_table(format!(
                "{place}: {which}, the first says `{}`, where the database has names such as `{}`: are these predictions of another \
                 database, or of other files? Take out what does not belong to it",
                stray.said,
                there.join("`, `")
            )));
        }
        if self.tested == 0 {
            let aside: Vec<String> = self
                .aside
                .iter()
                .map(|(split, rows)| match split {
                    Some(split) => format!("{rows} are of the split {split}"),
                    None => format!("{rows} have no label of this task, or one that takes no part"),
                })
                .collect();
            return Err(Error::unusable_table(format!(
                "no row is of a sample that {dataset} is tested on under this protocol: {}; expected predictions of its {wanted} test \
                 samples",
                aside.join(", ")
            )));
        }
        Ok(())
    }
}
