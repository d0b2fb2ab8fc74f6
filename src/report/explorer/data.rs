//! What the explorer's script is given: columns, one value a sample, an archetype or a point, as short as they can be.
//!
//! Archetypes and samples are named by their position in these columns. `reports/templates/explorer.js` reads it.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::query::Value;

/// A number, written with at most four decimals: more is not seen, and takes half of the page. Null where there is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Short(pub(crate) Option<f64>);

impl Short {
    pub(super) fn of(value: &Value) -> Self {
        Self(value.as_f64())
    }
}

impl Serialize for Short {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.filter(|value| value.is_finite()) {
            None => serializer.serialize_none(),
            Some(value) => {
                let value = (value * 1e4).round() / 1e4;
                // A whole number needs no point, and there is no negative zero.
                if value.fract() == 0.0 && value.abs() < 1e9 {
                    serializer.serialize_i64(value as i64)
                } else {
                    serializer.serialize_f64(value)
                }
            }
        }
    }
}

/// What the task says of each sample: one class, or one number an output.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum Said {
    /// Expressions: classes.
    Classes(Vec<Option<usize>>),
    /// Else: a column an output.
    Numbers(Vec<Vec<Short>>),
}

/// Names of images. Most databases call a sample as they call its image, which need not be said for each.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Files {
    /// The identifier with something before and after it.
    Around { before: String, after: String },
    /// One a sample.
    Each(Vec<Option<String>>),
}

impl Files {
    pub(super) fn of(ids: &[String], files: Vec<Option<String>>) -> Self {
        let around = || {
            let (id, file) = (ids.first()?, files.first()?.as_ref()?);
            let at = file.find(id.as_str()).filter(|_| !id.is_empty())?;
            let (before, after) = (&file[..at], &file[at + id.len()..]);
            let all = ids.iter().zip(&files).all(|(id, file)| {
                let middle = file
                    .as_ref()
                    .and_then(|file| file.strip_prefix(before)?.strip_suffix(after));
                middle == Some(id.as_str())
            });
            all.then(|| Self::Around {
                before: before.to_owned(),
                after: after.to_owned(),
            })
        };
        around().unwrap_or(Self::Each(files))
    }
}

/// Samples, a column a fact.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Samples {
    pub(crate) id: Vec<String>,
    /// The image below the data root.
    pub(crate) file: Files,
    pub(crate) split: Vec<usize>,
    pub(crate) subject: Vec<Option<usize>>,
    pub(crate) label: Said,
    pub(crate) prediction: Said,
    /// A column an output; nothing where every sample has that of its primal archetype.
    pub(crate) output: Option<Vec<Vec<Short>>>,
    /// The primal archetype.
    pub(crate) archetype: Vec<Option<usize>>,
    pub(crate) similarity: Vec<Short>,
    pub(crate) second: Vec<Option<usize>>,
    pub(crate) margin: Vec<Short>,
    /// Expressions: 0 or 1; valence and arousal: the distance in the plane; action units: units called wrongly.
    pub(crate) error: Vec<Short>,
    /// Share of seeds that doubt a label of it.
    pub(crate) doubt: Vec<Short>,
    /// Stand-ins: whether its label was changed on purpose.
    pub(crate) flipped: Vec<Option<bool>>,
    /// Number of its picture.
    pub(crate) face: Vec<Option<usize>>,
}

/// Kept archetypes.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Archetypes {
    /// Its number in the run's tables.
    pub(crate) id: Vec<i64>,
    pub(crate) name: Vec<String>,
    pub(crate) label: Vec<Option<usize>>,
    pub(crate) uses: Vec<i64>,
    pub(crate) value: Vec<Vec<Short>>,
    pub(crate) output: Vec<Vec<Short>>,
    pub(crate) support: Vec<Vec<usize>>,
    pub(crate) support_similarity: Vec<Vec<Short>>,
    /// The nearest others with their cosine similarity.
    pub(crate) neighbours: Vec<Vec<(usize, Short)>>,
}

/// One map.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Map {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) measures: BTreeMap<&'static str, Short>,
    pub(crate) sample: Vec<usize>,
    pub(crate) x: Vec<Short>,
    pub(crate) y: Vec<Short>,
    pub(crate) archetype: Vec<usize>,
    pub(crate) ax: Vec<Short>,
    pub(crate) ay: Vec<Short>,
}

/// What moved between archetypes over the training.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Flows {
    pub(crate) epoch: Vec<i64>,
    pub(crate) from: Vec<Option<usize>>,
    pub(crate) to: Vec<Option<usize>>,
    pub(crate) n: Vec<i64>,
    pub(crate) cause: Vec<String>,
}

/// Labels to look at, the most doubtful first.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Issues {
    pub(crate) sample: Vec<usize>,
    pub(crate) output: Vec<Option<usize>>,
    pub(crate) label: Vec<Short>,
    pub(crate) suggested: Vec<Short>,
    pub(crate) votes: Vec<i64>,
    pub(crate) seeds: Vec<i64>,
    pub(crate) score: Vec<Short>,
}

/// What another run says of the same samples.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Compared {
    pub(crate) run: String,
    pub(crate) prediction: Said,
    pub(crate) error: Vec<Short>,
    pub(crate) archetype_name: Vec<Option<String>>,
    pub(crate) margin: Vec<Short>,
}

/// Where the pictures are.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Faces {
    /// In the page: squares of `side` pixels, `columns` a row, `per_sheet` a sheet.
    Sprites {
        side: u32,
        columns: u32,
        per_sheet: usize,
        /// Data URLs.
        sheets: Vec<String>,
        /// Why a sample has none, by its position.
        why: BTreeMap<usize, &'static str>,
    },
    /// At an address each.
    Url {
        prefix: String,
        why: BTreeMap<usize, &'static str>,
    },
    /// Nowhere; why stands under the empty key.
    None { why: BTreeMap<String, &'static str> },
}

/// All of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Data {
    pub(crate) schema: u32,
    pub(crate) run: String,
    pub(crate) task: String,
    pub(crate) dataset: String,
    pub(crate) stand_in: bool,
    pub(crate) notes: Vec<String>,
    pub(crate) classes: Vec<String>,
    pub(crate) splits: Vec<String>,
    pub(crate) subjects: Vec<String>,
    pub(crate) samples: Samples,
    pub(crate) archetypes: Archetypes,
    pub(crate) maps: Vec<Map>,
    pub(crate) flows: Flows,
    pub(crate) issues: Issues,
    /// Lines of the list of reviewed labels that is in force: sample, output, the database's label, decision, new label.
    pub(crate) reviewed: Vec<[String; 5]>,
    pub(crate) compare: Option<Compared>,
    pub(crate) faces: Faces,
}

impl Data {
    /// As JSON that may stand within a `script` element: nothing in it ends the element or begins a comment.
    pub(crate) fn to_json(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        text.replace('<', "\\u003c")
            .replace('>', "\\u003e")
            .replace('&', "\\u0026")
    }
}
