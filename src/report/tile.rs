//! The image of one sample with what is said of it, as figures and pages show it.

use std::path::Path;

use serde::{Serialize, Serializer};

use super::cells::fixed;
use super::thumbnail::Thumbnail;
use crate::query::{Table, Value};

/// One image and its words.
#[derive(Debug, Clone)]
pub(crate) struct Tile {
    pub(super) sample_id: String,
    pub(super) label: Option<String>,
    /// Whether the label is another class than the archetype's.
    pub(super) contradicts: bool,
    /// Stand-ins: whether the label was changed on purpose.
    pub(super) flipped: bool,
    pub(super) similarity: Option<f64>,
    pub(super) margin: Option<f64>,
    pub(super) picture: Thumbnail,
}

impl Tile {
    /// The tile of a row with `sample_id`, `label`, `contradicts`, `similarity`, maybe `margin` and `flipped`, and the columns
    /// of its picture, which is read from below `root`. Nothing if the row has no sample.
    pub(super) fn of_row(table: &Table, row: &[Value], root: Option<&Path>, side: u32) -> Option<Self> {
        let flag = |name: &str| *table.get(row, name) == Value::Bool(true);
        Some(Self {
            sample_id: table.get(row, "sample_id").as_str()?.to_owned(),
            label: table.get(row, "label").as_str().map(str::to_owned),
            contradicts: flag("contradicts"),
            flipped: flag("flipped"),
            similarity: table.get(row, "similarity").as_f64(),
            margin: table.get(row, "margin").as_f64(),
            picture: Thumbnail::of_row(table, row, root, side),
        })
    }

    /// Similarity and margin, short enough to stand below the image.
    pub(super) fn numbers(&self) -> String {
        let known = [self.similarity, self.margin].into_iter().flatten();
        known.map(|value| fixed(value, 2)).collect::<Vec<_>>().join(" · ")
    }

    /// What the image shows, for those who do not see it.
    fn alt(&self) -> String {
        let mut text = self.sample_id.clone();
        if let Some(label) = &self.label {
            text.push_str(", labelled ");
            text.push_str(label);
        }
        for (name, value) in [("similarity", self.similarity), ("margin", self.margin)] {
            if let Some(value) = value {
                text.push_str(", ");
                text.push_str(name);
                text.push(' ');
                text.push_str(&fixed(value, 2));
            }
        }
        text
    }
}

/// As the templates see it.
impl Serialize for Tile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            sample: &'a str,
            label: Option<&'a str>,
            contradicts: bool,
            flipped: bool,
            numbers: String,
            alt: String,
            missing: Option<&'static str>,
            source: String,
        }
        Shown {
            sample: &self.sample_id,
            label: self.label.as_deref(),
            contradicts: self.contradicts,
            flipped: self.flipped,
            numbers: self.numbers(),
            alt: self.alt(),
            missing: self.picture.missing,
            source: self.picture.source(),
        }
        .serialize(serializer)
    }
}
