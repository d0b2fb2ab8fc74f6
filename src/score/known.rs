//! The samples of the database, found by what a tool calls them.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use arrow::array::{Array, AsArray, StringArray};
use arrow::datatypes::Int32Type;

use crate::disk::guard::{self, guarded};
use crate::error::{Context, Error, Result};
use crate::feature::labelling::value;
use crate::feature::table::canonical_samples;
use crate::spelling::composed;
use crate::task::Split;

/// What is known of every sample of a database.
#[derive(Debug, Default)]
pub struct Known {
    ids: Vec<String>,
    images: Vec<String>,
    splits: Vec<Option<Split>>,
    folds: Vec<Option<i32>>,
    by_id: HashMap<String, usize>,
    /// By the image's file name.
    by_name: HashMap<String, Vec<usize>>,
    /// By the same without its ending.
    by_stem: HashMap<String, Vec<usize>>,
    by_frame: HashMap<(String, i32), usize>,
    /// People, and whether any of them has frames.
    subjects: BTreeMap<String, bool>,
}

/// Why a name finds no sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// There is none.
    Unknown,
    /// There are several, of which two are named.
    Several(String, String),
}

impl Known {
    /// Reads the samples table at `path`.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Data`] if it is no samples table.
    pub fn read(path: &Path) -> Result<Self> {
        guarded(path, || Self::read_unguarded(path))
    }

    fn read_unguarded(path: &Path) -> Result<Self> {
        let mut known = Self::default();
        for batch in guard::open(path)?.build().at("read", path)? {
            let batch = canonical_samples(&batch.at("read", path)?, path)?;
            let text = |name: &str| batch.column_by_name(name)?.as_string_opt::<i32>();
            let number = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<Int32Type>();
            let ids = text("sample_id")
                .ok_or_else(|| Error::unusable_table(format!("{}: no column `sample_id`", path.display())))?;
            let (images, splits, subjects) = (text("image_path"), text("split"), text("subject"));
            let (frames, folds) = (number("frame"), number("fold"));
            for row in 0..batch.num_rows() {
                let of = |column: Option<&StringArray>| {
                    let there = column.filter(|column| column.is_valid(row));
                    there.map(|column| column.value(row).to_owned())
                };
                known.insert(
                    ids.value(row),
                    of(images).unwrap_or_default(),
                    of(splits).as_deref().and_then(Split::parse),
                    of(subjects),
                    value(frames, row),
                    value(folds, row),
                );
            }
        }
        Ok(known)
    }

    fn insert(
        &mut self,
        id: &str,
        image: String,
        split: Option<Split>,
        subject: Option<String>,
        frame: Option<i32>,
        fold: Option<i32>,
    ) {
        let at = self.ids.len();
        self.by_id.insert(id.to_owned(), at);
        if !image.is_empty() {
            let name = file_name(&image);
            self.by_stem.entry(stem(&name).to_owned()).or_default().push(at);
            self.by_name.entry(name).or_default().push(at);
        }
        if let Some(subject) = subject {
            let frames = self.subjects.entry(subject.clone()).or_default();
            *frames |= frame.is_some();
            if let Some(frame) = frame {
                self.by_frame.insert((subject, frame), at);
            }
        }
        self.ids.push(id.to_owned());
        self.images.push(image);
        self.splits.push(split);
        self.folds.push(fold);
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// The identifier of a sample.
    pub fn id(&self, at: usize) -> &str {
        &self.ids[at]
    }

    /// The first samples, for messages.
    pub fn first_ids(&self, n: usize) -> Vec<&str> {
        self.ids.iter().take(n).map(String::as_str).collect()
    }

    /// The first images, for messages.
    pub fn first_images(&self, n: usize) -> Vec<&str> {
        let some = self.images.iter().filter(|image| !image.is_empty());
        some.take(n).map(String::as_str).collect()
    }

    /// The people of the database, for messages.
    pub fn first_subjects(&self, n: usize) -> Vec<&str> {
        self.subjects.keys().take(n).map(String::as_str).collect()
    }

    /// Its split on the database's own word.
    pub fn split(&self, at: usize) -> Option<Split> {
        self.splits[at]
    }

    /// The fold that it is tested on in.
    pub fn fold(&self, at: usize) -> Option<i32> {
        self.folds[at]
    }

    /// The sample of this identifier.
    ///
    /// # Errors
    /// [`Lost::Unknown`].
    pub fn by_id(&self, id: &str) -> Result<usize, Lost> {
        self.by_id.get(id).copied().ok_or(Lost::Unknown)
    }

    /// The sample of this image: a path of which the end is that of one image alone, or a name without ending.
    ///
    /// # Errors
    /// [`Lost`].
    pub fn by_image(&self, path: &str) -> Result<usize, Lost> {
        let name = file_name(path);
        let candidates = match self.by_name.get(&name) {
            Some(candidates) => candidates,
            None => self.by_stem.get(&name).ok_or(Lost::Unknown)?,
        };
        let [first, second, ..] = candidates.as_slice() else {
            return candidates.first().copied().ok_or(Lost::Unknown);
        };
        let folders = folders(path);
        let shared = |at: usize| {
            let own = self::folders(&self.images[at]);
            own.iter()
                .rev()
                .zip(folders.iter().rev())
                .take_while(|(a, b)| a == b)
                .count()
        };
        let best = candidates.iter().map(|&at| shared(at)).max().unwrap_or(0);
        let closest: Vec<usize> = candidates.iter().copied().filter(|&at| shared(at) == best).collect();
        match closest.as_slice() {
            // What is named must be all of what tells them apart: another folder is another image.
            [one] if best > 0 => Ok(*one),
            [one, other, ..] => Err(Lost::Several(self.images[*one].clone(), self.images[*other].clone())),
            _ => Err(Lost::Several(self.images[*first].clone(), self.images[*second].clone())),
        }
    }

    /// The sample of this person's (or video's) frame. The person may be named within a longer text, such as the name of a video.
    ///
    /// # Errors
    /// [`Lost`].
    pub fn by_frame(&self, subject: &str, frame: i32) -> Result<usize, Lost> {
        let subject = self.subject(subject)?;
        self.by_frame
            .get(&(subject.to_owned(), frame))
            .copied()
            .ok_or(Lost::Unknown)
    }

    /// The person that a text speaks of.
    fn subject(&self, text: &str) -> Result<&str, Lost> {
        if let Some((subject, _)) = self.subjects.get_key_value(text) {
            return Ok(subject);
        }
        let name = file_name(text);
        let name = stem(&name);
        let mut within: Vec<&str> = self
            .subjects
            .keys()
            .map(String::as_str)
            .filter(|subject| !subject.is_empty() && speaks_of(name, subject))
            .collect();
        // `SN010` is no part of what `SN01` would be found in.
        within.sort_by_key(|subject| std::cmp::Reverse(subject.len()));
        match within.as_slice() {
            [] => Err(Lost::Unknown),
            [one] => Ok(one),
            [one, other, ..] if one.len() > other.len() => Ok(one),
            [one, other, ..] => Err(Lost::Several((*one).to_owned(), (*other).to_owned())),
        }
    }
}

/// Whether `subject` stands in `name`, with no digit of another number right before or behind it.
fn speaks_of(name: &str, subject: &str) -> bool {
    name.match_indices(subject).any(|(at, found)| {
        let before = name[..at].chars().next_back();
        let behind = name[at + found.len()..].chars().next();
        let joins = |c: Option<char>, own: Option<char>| {
            c.is_some_and(|c| c.is_ascii_digit()) && own.is_some_and(|own| own.is_ascii_digit())
        };
        !joins(before, subject.chars().next()) && !joins(behind, subject.chars().next_back())
    })
}

/// The last part of a path, whichever system wrote it.
fn file_name(path: &str) -> String {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    composed(name.trim()).into_owned()
}

/// The folders of a path, outermost first.
fn folders(path: &str) -> Vec<String> {
    let parts: Vec<&str> = path.trim().split(['/', '\\']).collect();
    let folders = &parts[..parts.len().saturating_sub(1)];
    folders
        .iter()
        .filter(|part| !part.is_empty() && **part != ".")
        .map(|part| composed(part).into_owned())
        .collect()
}

/// A file name without its ending.
fn stem(name: &str) -> &str {
    name.rsplit_once('.')
        .map_or(name, |(stem, _)| if stem.is_empty() { name } else { stem })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let mut known = Known::default();
        let mut insert = |id: &str, image: &str, subject: Option<&str>, frame| {
            known.insert(
                id,
                image.to_owned(),
                Some(Split::Test),
                subject.map(str::to_owned),
                frame,
                None,
            );
        };
        insert("a", "aligned/test_0001.jpg", None, None);
        insert("b", "1/x.jpg", None, None);
        insert("c", "2/x.jpg", None, None);
        insert("d", "", Some("SN001"), Some(1));
        insert("e", "", Some("SN001"), Some(2));
        insert("f", "", Some("SN01"), Some(1));
        known
    }

    #[test]
    fn images_are_found_by_as_much_of_their_path_as_tells_them_apart() {
        let known = known();
        let found = |path: &str| known.by_image(path).map(|at| known.id(at).to_owned());
        for path in [
            "aligned/test_0001.jpg",
            "/data/RAF/Image/aligned/test_0001.jpg",
            r"C:\RAF\aligned\test_0001.jpg",
            "test_0001.jpg",
            "test_0001",
        ] {
            assert_eq!(found(path).as_deref(), Ok("a"), "{path}");
        }
        assert_eq!(found("/somewhere/2/x.jpg").as_deref(), Ok("c"));
        for path in ["x.jpg", "3/x.jpg", "x"] {
            assert!(matches!(found(path), Err(Lost::Several(..))), "{path}");
        }
        assert_eq!(found("test_0002.jpg"), Err(Lost::Unknown));
    }

    #[test]
    fn frames_are_found_by_the_name_of_a_video() {
        let known = known();
        let found = |subject: &str, frame| known.by_frame(subject, frame).map(|at| known.id(at).to_owned());
        assert_eq!(found("SN001", 2).as_deref(), Ok("e"));
        assert_eq!(found("videos/LeftVideoSN001_comp.avi", 1).as_deref(), Ok("d"));
        assert_eq!(found("LeftVideoSN01_comp", 1).as_deref(), Ok("f"));
        assert_eq!(found("SN001", 3), Err(Lost::Unknown));
        assert_eq!(found("SN0012", 1), Err(Lost::Unknown));
    }
}
