//! Rows and images that cannot be used: why, and where they stand.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use crate::disk::fence::Refusal;
use crate::disk::rejects;
use crate::error::{Error, Result, is_passing};

/// What stands in a name that is not UTF-8 in place of what cannot be shown.
pub(crate) const NO_TEXT: char = '\u{fffd}';

/// Why a row was left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The line does not have the form of its file.
    MalformedLine(String),
    /// The line is not UTF-8.
    NotUtf8,
    /// The label is no label of the database.
    BadLabel {
        /// What was written.
        found: String,
        /// What would have been right.
        expected: String,
    },
    /// A number is missing, not a number, or outside its range.
    BadValue {
        /// The column.
        column: String,
        /// What was written.
        found: String,
        /// What would have been right.
        expected: String,
    },
    /// The label file and the folder in which the image lies disagree.
    LabelConflict {
        /// Label according to the label file.
        listed: String,
        /// Label according to the folder.
        folder: String,
    },
    /// There is no such image.
    MissingImage(String),
    /// The file is there, but its header is not that of an image.
    UnreadableHeader(String),
    /// The header announces more pixels than are accepted.
    ImageTooLarge {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
        /// Most pixels accepted.
        limit: u64,
    },
    /// The path is absolute, climbs out with `..`, or follows a link out of the data folder.
    LeavesRoot(String),
    /// The same sample was listed before.
    DuplicateId {
        /// The sample.
        id: String,
        /// Where it was listed first, as `file:line`.
        first: String,
    },
    /// The same image was listed before, as another sample.
    DuplicateImage {
        /// The image.
        path: String,
        /// Where it was listed first, as `file:line`.
        first: String,
    },
    /// The operating system could not say: no fact about the data, and never listed (see [`check_available`]).
    Unavailable {
        /// The file.
        path: String,
        /// What the system said.
        error: String,
    },
    /// The label file of this sample is missing.
    MissingLabel(String),
    /// There are labels, but no features of this sample.
    MissingFeatures(String),
}

impl Reason {
    /// Why the file of a path that was written is not read.
    pub fn of_path(refusal: &Refusal, written: &str) -> Self {
        match refusal {
            Refusal::Nul | Refusal::Absolute | Refusal::Climbs | Refusal::Leaves(_) => {
                Self::LeavesRoot(written.to_owned())
            }
            Refusal::Missing(error) if is_passing(error) => Self::unavailable(written, error),
            Refusal::Empty | Refusal::Special | Refusal::Missing(_) => Self::MissingImage(written.to_owned()),
        }
    }

    /// What could not be read for a reason that may be gone a minute later.
    pub fn unavailable(path: impl Into<String>, error: &std::io::Error) -> Self {
        Self::Unavailable {
            path: path.into(),
            error: error.to_string(),
        }
    }

    /// The kind of reason, as counted in `conversion.json`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::MalformedLine(_) => "malformed_line",
            Self::NotUtf8 => "not_utf8",
            Self::BadLabel { .. } => "bad_label",
            Self::BadValue { .. } => "bad_value",
            Self::LabelConflict { .. } => "label_conflict",
            Self::MissingImage(_) => "missing_image",
            Self::UnreadableHeader(_) => "unreadable_header",
            Self::ImageTooLarge { .. } => "image_too_large",
            Self::LeavesRoot(_) => "leaves_root",
            Self::DuplicateId { .. } => "duplicate_id",
            Self::DuplicateImage { .. } => "duplicate_image",
            Self::Unavailable { .. } => "unavailable",
            Self::MissingLabel(_) => "missing_label",
            Self::MissingFeatures(_) => "missing_features",
        }
    }
}

/// Text from outside, short and on one line.
fn quoted(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// Text on one line: what decoders and systems say may hold line breaks, and a reject is a line.
fn one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let words: Vec<&str> = text
        .split(char::is_control)
        .map(str::trim)
        .filter(|words| !words.is_empty())
        .collect();
    Cow::Owned(words.join(" "))
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MalformedLine(expected) => write!(f, "malformed line: expected {}", one_line(expected)),
            Self::NotUtf8 => f.write_str("line is not UTF-8"),
            Self::BadLabel { found, expected } => write!(f, "bad label {}: expected {expected}", quoted(found)),
            Self::BadValue {
                column,
                found,
                expected,
            } => {
                write!(f, "bad value {} for {column}: expected {expected}", quoted(found))
            }
            Self::LabelConflict { listed, folder } => {
                write!(
                    f,
                    "label conflict: listed as {}, found in folder {}",
                    quoted(listed),
                    quoted(folder)
                )
            }
            Self::MissingImage(path) if path.contains(NO_TEXT) => {
                write!(f, "the name {} is not UTF-8: rename it", quoted(path))
            }
            Self::MissingImage(path) => write!(f, "missing image {}", quoted(path)),
            Self::UnreadableHeader(why) => write!(f, "unreadable image header: {}", one_line(why)),
            Self::ImageTooLarge { width, height, limit } => {
                write!(
                    f,
                    "image too large: the header says {width} x {height} pixels, the limit is {limit} pixels"
                )
            }
            Self::LeavesRoot(path) => write!(f, "path leaves the data folder: {}", quoted(path)),
            Self::DuplicateId { id, first } => {
                write!(f, "duplicated id {}: first listed at {}", quoted(id), one_line(first))
            }
            Self::DuplicateImage { path, first } => {
                write!(
                    f,
                    "image {} is another sample already, listed at {}",
                    quoted(path),
                    one_line(first)
                )
            }
            Self::Unavailable { path, error } => write!(f, "cannot read {}: {}", quoted(path), one_line(error)),
            Self::MissingLabel(what) => write!(f, "missing label: {}", one_line(what)),
            Self::MissingFeatures(id) => write!(f, "no features of sample {}", quoted(id)),
        }
    }
}

/// One row that was left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reject {
    /// Label file, or image where there is no label file; relative to the data folder, with `/`.
    pub file: String,
    /// 1-based line in it.
    pub line: Option<u32>,
    /// Why.
    pub reason: Reason,
    /// Name of the sample; empty where it is not known.
    pub sample: String,
    /// Path of its image; empty where it is not known.
    pub image: String,
}

impl Reject {
    /// A row that was left out, with what the reason says of sample and image.
    pub fn new(file: String, line: Option<u32>, reason: Reason) -> Self {
        let (mut sample, mut image) = (String::new(), String::new());
        match &reason {
            Reason::MissingImage(path) | Reason::LeavesRoot(path) | Reason::DuplicateImage { path, .. } => {
                image.clone_from(path);
            }
            Reason::DuplicateId { id, .. } | Reason::MissingFeatures(id) => sample.clone_from(id),
            _ => {}
        }
        Self {
            file,
            line,
            reason,
            sample,
            image,
        }
    }

    /// The same of a sample and an image, where these are known.
    #[must_use]
    pub fn of(mut self, sample: Option<&str>, image: Option<&str>) -> Self {
        for (own, other) in [(&mut self.sample, sample), (&mut self.image, image)] {
            if let Some(other) = other.filter(|other| !other.is_empty()) {
                other.clone_into(own);
            }
        }
        self
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", one_line(&self.file), self.reason),
            None => write!(f, "{}: {}", one_line(&self.file), self.reason),
        }
    }
}

/// Stops where a file could not be read for a reason that may be gone a minute later: its row is not known to be wrong.
///
/// # Errors
/// [`Error::Io`] of the first such file.
pub fn check_available(rejects: &[Reject], root: &Path) -> Result<()> {
    let first = rejects.iter().find_map(|reject| match &reject.reason {
        Reason::Unavailable { path, error } => Some((path, error)),
        _ => None,
    });
    match first {
        Some((path, error)) => Err(Error::Io {
            action: "read",
            path: root.join(path),
            source: error.clone().into(),
        }),
        None => Ok(()),
    }
}

/// How many rows were left out for each kind of reason.
pub fn histogram(rejects: &[Reject]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for reject in rejects {
        *counts.entry(reject.reason.kind().to_owned()).or_insert(0) += 1;
    }
    counts
}

/// Sorts by file, line and reason, and writes [`rejects::HEADER`] and a line each.
///
/// # Errors
/// [`crate::Error::Io`] if the file cannot be written.
pub fn write_csv(path: &Path, rejects: &mut [Reject]) -> Result<()> {
    rejects.sort();
    let reasons: Vec<String> = rejects.iter().map(|reject| reject.reason.to_string()).collect();
    let lines = rejects.iter().zip(&reasons).map(|(reject, reason)| rejects::Line {
        file: &reject.file,
        line: reject.line.map(|line| line as usize),
        reason,
        sample: &reject.sample,
        image: &reject.image,
    });
    rejects::write(path, lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reject_is_one_line() {
        for reason in [
            Reason::UnreadableHeader("expected 1 but found 0\n".into()),
            Reason::MissingLabel("a\r\nb".into()),
            Reason::BadLabel {
                found: "a\nb".into(),
                expected: "c".into(),
            },
            Reason::MissingImage("a\n\u{fffd}".into()),
        ] {
            let shown = Reject::new("fo\nlder/a.jpg".into(), Some(1), reason).to_string();
            assert!(!shown.contains(char::is_control) && !shown.ends_with(' '), "{shown:?}");
        }
    }
}
