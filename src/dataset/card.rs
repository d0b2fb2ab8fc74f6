//! Dataset cards: what a database is, how it is obtained, how it lies on disk, and what must be found in it.
//!
//! `card_file.rs` reads them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::action_unit;
use crate::document::invalid::Invalid;
use crate::error::{Error, Result};
use crate::spelling::class_key;
use crate::task::{Split, Task};

/// Version of the card format.
pub const CARD_SCHEMA: u32 = 1;

/// A database, as described by `datasets/<id>.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Version of the card format: 1.
    pub schema: u32,
    /// Short name, as used in recipes, tables and file names: `rafdb`.
    pub id: String,
    /// Name for people.
    pub title: String,
    /// One or two sentences on what it holds.
    #[serde(default)]
    pub about: String,
    /// The tasks that its labels serve; the first is the default of a recipe.
    pub tasks: Vec<Task>,
    /// Where the licence is, and how the database is obtained.
    pub licence: Licence,
    /// How it is cited.
    pub citation: Citation,
    /// Expression classes; the position in this list is the class index of every table.
    #[serde(default, rename = "class")]
    pub classes: Vec<Class>,
    /// Labels on disk that are legal but belong to no class of this card: their samples are left out and counted as masked.
    #[serde(default, rename = "other")]
    pub others: Vec<Class>,
    /// Action units with a column in the samples table, ascending.
    #[serde(default)]
    pub aus: Vec<u8>,
    /// Action units in lists that name no columns, in the order of the columns.
    #[serde(default)]
    pub listed_aus: Vec<u8>,
    /// Official splits and what must be found in them.
    #[serde(default, rename = "split")]
    pub splits: Vec<ExpectedSplit>,
    /// Subject-exclusive parts for cross-validation.
    #[serde(default, rename = "fold")]
    pub folds: Vec<Fold>,
    /// Labelled frames of every person, for a database of films.
    #[serde(default)]
    pub labelled_frames: BTreeMap<String, u64>,
    /// First and last frame (from 1) of every stretch that the database's error log names, by subject.
    #[serde(default)]
    pub bad_frames: BTreeMap<String, Vec<[u32; 2]>>,
    /// The forms in which the database is found on disk, in the order in which they are tried.
    #[serde(rename = "layout")]
    pub layouts: Vec<Layout>,
    /// What the protocol of a recipe may choose for this database.
    #[serde(default)]
    pub choices: Choices,
    /// Where the literature differs in its use of the database.
    #[serde(default, rename = "note")]
    pub notes: Vec<Note>,
}

/// What the labels of action units say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuScale {
    /// An intensity from 0 to 5: the protocol says from which on a unit counts as active.
    #[default]
    Intensity,
    /// 0 or 1.
    Presence,
}

/// What the protocol of a recipe may choose for a database; keys that a database does not offer are refused.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Choices {
    /// `protocol.images`: the database has aligned faces and original images.
    pub images: bool,
    /// `protocol.camera`: the database was filmed from two sides.
    pub camera: bool,
    /// `protocol.split_list`, `split_seed`, `test_share`: the database has no public official split.
    pub split_list: bool,
    /// Name of the card's folds in `protocol.fold_list`; empty without folds.
    pub fold_set: String,
    /// Action units that take part unless `protocol.action_units` says otherwise; empty for all.
    pub action_units: Vec<u8>,
    /// What the labels of action units say.
    pub au_scale: AuScale,
}

/// Where the licence is, and how the database is obtained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Licence {
    /// The page with the licence and the download form.
    pub page: String,
    /// The terms in one sentence.
    #[serde(default)]
    pub terms: String,
    /// How to get and unpack it.
    pub obtain: String,
}

/// How a database is cited.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Citation {
    /// One or more BibTeX entries.
    pub bibtex: String,
}

/// One expression class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// Name in tables: `happiness`.
    pub name: String,
    /// Name for people: `Happiness`.
    pub title: String,
    /// The number that the database writes for it.
    pub label: i32,
    /// Other spellings found in label files and folder names, compared without case.
    #[serde(default)]
    pub aliases: Vec<String>,
}

/// What a split must hold when it is complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedSplit {
    /// `train`, `val` or `test`.
    pub name: Split,
    /// Number of samples; left out where it is not known.
    #[serde(default)]
    pub samples: Option<u64>,
    /// Number of rows of the database's own label file, those of other labels among them.
    #[serde(default)]
    pub rows: Option<u64>,
    /// Number of samples of each class.
    #[serde(default)]
    pub classes: BTreeMap<String, u64>,
    /// Another complete form of this split (a later release) and its total, by layout name.
    #[serde(default)]
    pub layouts: BTreeMap<String, ExpectedVariant>,
}

/// The counts of a split in one layout, where they differ from the card's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedVariant {
    /// Number of samples in this layout.
    #[serde(default)]
    pub samples: Option<u64>,
    /// The classes whose count differs.
    #[serde(default)]
    pub classes: BTreeMap<String, u64>,
}

/// One part for cross-validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fold {
    /// Its number, from 1.
    pub fold: u8,
    /// Who belongs to it.
    pub subjects: Vec<String>,
}

/// One form in which a database is found on disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// Short name, shown on screen and usable as `dataset.layout`.
    pub name: String,
    /// Release of the database that lies like this, as in `protocol.release`; empty if the layout does not tell.
    #[serde(default)]
    pub release: String,
    /// What it looks like.
    pub description: String,
    /// The reader that understands it; see `docs/datasets.md` for the list.
    pub reader: String,
    /// Folders below the root in which it may begin, in order; `*` stands for any part of one name.
    #[serde(default = "here")]
    pub bases: Vec<String>,
    /// Paths below the base. Each entry is a list of alternatives of which one must exist.
    pub markers: Vec<Vec<String>>,
    /// Whether this is the collection that the card counts. Another one by the same makers (labels given by a network, another
    /// database of the same people) is not compared with the card's counts.
    #[serde(default = "yes")]
    pub counted: bool,
    /// What the whole label list of this layout holds, all its files together, where that is known.
    #[serde(default)]
    pub list: Option<ExpectedList>,
}

/// What a label list holds when it is whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedList {
    /// Rows, those that occur twice among them.
    pub rows: u64,
    /// Names that differ.
    pub names: u64,
    /// Rows in which an action unit is active, by column name (`au12`).
    #[serde(default)]
    pub positives: BTreeMap<String, u64>,
}

fn yes() -> bool {
    true
}

fn here() -> Vec<String> {
    vec![".".into()]
}

/// Where the literature differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// What it is about.
    pub topic: String,
    /// What differs, and what is done here.
    pub text: String,
}

impl Card {
    /// What the types cannot say: unique names, known classes, sums.
    ///
    /// # Errors
    /// The key and what was expected.
    pub fn validate(&self) -> std::result::Result<(), Invalid> {
        let fail = |key: &str, message: String| Err((key.to_owned(), message));
        if self.schema != CARD_SCHEMA {
            return fail("schema", format!("expected {CARD_SCHEMA}, found {}", self.schema));
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        if self.id.is_empty() || !self.id.chars().all(plain) {
            return fail("id", "expected lower-case letters, digits, `_` or `-`".into());
        }
        if self.tasks.is_empty() {
            return fail("tasks", "expected at least one task".into());
        }
        if self.layouts.is_empty() {
            return fail("layout", "expected at least one layout".into());
        }
        let all: Vec<&Class> = self.classes.iter().chain(&self.others).collect();
        for (i, class) in all.iter().enumerate() {
            let name = class_key(&class.name);
            if all[..i]
                .iter()
                .any(|other| class_key(&other.name) == name || other.label == class.label)
            {
                let key = match i.checked_sub(self.classes.len()) {
                    None => format!("class[{i}]"),
                    Some(other) => format!("other[{other}]"),
                };
                return fail(
                    &key,
                    format!("name `{}` or label {} occurs twice", class.name, class.label),
                );
            }
        }
        if self.classes.len() > 127 {
            return fail("class", "expected at most 127 classes".into());
        }
        if self.aus.windows(2).any(|pair| pair[0] >= pair[1]) || self.aus.iter().any(|&au| au == 0 || au > 99) {
            return fail("aus", "expected action units from 1 to 99, ascending, each once".into());
        }
        for (i, split) in self.splits.iter().enumerate() {
            for name in split.classes.keys() {
                if self.class_index(name).is_none() {
                    return fail(
                        &format!("split[{i}].classes.{name}"),
                        "there is no class of this name".into(),
                    );
                }
            }
            let sum: u64 = split.classes.values().sum();
            if let Some(samples) = split.samples
                && split.classes.len() == self.classes.len()
                && !self.classes.is_empty()
                && sum != samples
            {
                return fail(
                    &format!("split[{i}].samples"),
                    format!("expected {sum}, the sum of the classes, found {samples}"),
                );
            }
        }
        let mut people = std::collections::BTreeSet::new();
        for (i, fold) in self.folds.iter().enumerate() {
            if let Some(twice) = fold.subjects.iter().find(|subject| !people.insert(subject.as_str())) {
                return fail(
                    &format!("fold[{i}].subjects"),
                    format!("`{twice}` belongs to two folds"),
                );
            }
        }
        if self.folds.is_empty() != self.choices.fold_set.is_empty() {
            return fail(
                "choices.fold_set",
                "expected a name for the card's folds if it has any, and none if it has not".into(),
            );
        }
        if let Some(au) = self.choices.action_units.iter().find(|au| !self.aus.contains(au)) {
            return fail("choices.action_units", format!("{au} is not among `aus`"));
        }
        for (subject, ranges) in &self.bad_frames {
            if ranges.iter().any(|[a, b]| *a == 0 || a > b) {
                return fail(
                    &format!("bad_frames.{subject}"),
                    "expected [first, last] pairs, from frame 1".into(),
                );
            }
        }
        for (i, layout) in self.layouts.iter().enumerate() {
            if self.layouts[..i].iter().any(|other| other.name == layout.name) {
                return fail(&format!("layout[{i}].name"), format!("`{}` occurs twice", layout.name));
            }
            if layout.bases.is_empty() {
                return fail(
                    &format!("layout[{i}].bases"),
                    "expected at least one folder, such as \".\"".into(),
                );
            }
            let mut listed = layout.list.iter().flat_map(|list| list.positives.keys());
            if let Some(unknown) = listed.find(|name| !self.au_columns().contains(name)) {
                return fail(
                    &format!("layout[{i}].list.positives.{unknown}"),
                    format!("expected one of {}", self.au_columns().join(", ")),
                );
            }
            if !READERS.contains(&layout.reader.as_str()) {
                return fail(
                    &format!("layout[{i}].reader"),
                    format!(
                        "there is no reader `{}`: expected one of {}",
                        layout.reader,
                        READERS.join(", ")
                    ),
                );
            }
        }
        Ok(())
    }

    /// Whether this is the card of features made elsewhere, whose classes and action units may be known from the data only.
    pub fn is_table(&self) -> bool {
        self.layouts.iter().any(|layout| layout.reader == TABLE)
    }

    /// Class names in the order of the class index.
    pub fn class_names(&self) -> Vec<String> {
        self.classes.iter().map(|class| class.name.clone()).collect()
    }

    /// The index of the class with this table name.
    pub fn class_index(&self, name: &str) -> Option<usize> {
        self.classes.iter().position(|class| class.name == name)
    }

    /// The index of the class that the database writes as this number.
    pub fn class_of_label(&self, label: i32) -> Option<usize> {
        self.classes.iter().position(|class| class.label == label)
    }

    /// The index of the class with this name, title or alias, without regard to case; `3_disgust` and `disgust ` are found too.
    pub fn class_of_text(&self, text: &str) -> Option<usize> {
        Self::find_text(&self.classes, text)
    }

    /// Whether this is the name, title or alias of a label that is legal but outside the card's classes.
    pub fn is_other_text(&self, text: &str) -> bool {
        Self::find_text(&self.others, text).is_some()
    }

    fn find_text(classes: &[Class], text: &str) -> Option<usize> {
        let wanted = class_key(text);
        let bare = wanted.trim_start_matches(|c: char| c.is_ascii_digit() || "_-. ".contains(c));
        classes.iter().position(|class| {
            [&class.name, &class.title]
                .into_iter()
                .chain(&class.aliases)
                .any(|name| {
                    let name = class_key(name);
                    name == wanted || (!bare.is_empty() && name == bare)
                })
        })
    }

    /// What is expected of a split in a layout, per class; `None` where the card does not know.
    pub fn expected(&self, split: Split, layout: &str) -> Option<(Option<u64>, BTreeMap<String, u64>)> {
        let expected = self.splits.iter().find(|expected| expected.name == split)?;
        let mut samples = expected.samples;
        let mut classes = expected.classes.clone();
        if let Some(variant) = expected.layouts.get(layout) {
            samples = variant.samples.or(samples);
            classes.extend(variant.classes.iter().map(|(name, count)| (name.clone(), *count)));
        }
        Some((samples, classes))
    }

    /// The card's fold of every subject.
    pub fn fold_of_subjects(&self) -> BTreeMap<String, i32> {
        self.folds
            .iter()
            .flat_map(|fold| {
                fold.subjects
                    .iter()
                    .map(|subject| (subject.clone(), i32::from(fold.fold)))
            })
            .collect()
    }

    /// The release that a layout belongs to: its `release`, or the layout's own name where that does not tell.
    pub fn release_of<'a>(&'a self, layout: &'a str) -> &'a str {
        self.layouts
            .iter()
            .find(|known| known.name == layout && !known.release.is_empty())
            .map_or(layout, |known| &known.release)
    }

    /// Refuses a layout that belongs to another release (or is another layout) than the one wanted.
    ///
    /// # Errors
    /// [`Error::Data`] with both.
    pub fn require_release(&self, layout: &str, wanted: Option<&str>) -> Result<()> {
        let found = self.release_of(layout);
        match wanted {
            Some(wanted) if wanted != found && wanted != layout => Err(Error::incompatible(format!(
                "the folder holds the release `{found}` of {} (layout `{layout}`), but protocol.release is \"{wanted}\": numbers \
                 of the two are not comparable. Name a folder with that release, or set protocol.release = \"{found}\"",
                self.title
            ))),
            _ => Ok(()),
        }
    }

    /// Releases that layouts are known to belong to, each once.
    pub fn releases(&self) -> Vec<String> {
        let mut releases: Vec<String> = self.layouts.iter().map(|layout| layout.release.clone()).collect();
        releases.retain(|release| !release.is_empty());
        releases.sort();
        releases.dedup();
        releases
    }

    /// Column names of the action units: `au01`, `au12`, ….
    pub fn au_columns(&self) -> Vec<String> {
        action_unit::columns(&self.aus)
    }
}

/// Name of the card, and of the reader that marks it.
pub const TABLE: &str = "table";

/// Names of the readers that a layout may ask for; `reader/registry.rs` has a function for each.
pub const READERS: [&str; 16] = [
    "affectnet_annotations",
    "affectnet_automatic",
    "affectnet_lists",
    "affectnet_npy",
    "affectnet_text_lists",
    "class_folders",
    "csv_tables",
    "disfa_labels",
    "disfa_plus",
    "emotionet_csv",
    "emotionet_list",
    "emotionet_tab",
    "emotionet_xlsx",
    "rafdb_kaggle",
    "rafdb_list",
    TABLE,
];
