//! The recipe's `[dataset.table]` section: where features made elsewhere have their labels, and which column means what.
//!
//! The reading itself is in `feature::import`, as its result is a feature table.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::action_unit::ActionUnit;
use crate::spelling::same_class;
use crate::task::Split;

use super::card::{Card, Class};

/// What the columns of features made elsewhere mean. A name that is left empty is looked for under the usual ones.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TableConfig {
    /// Name of the database in results and folders: lower-case letters, digits, `-`, `_`. Default: made from the file's name.
    pub name: String,
    /// Name of the model that made the features, shown as the encoder. Default: `table`.
    pub encoder: String,
    /// CSV, TSV or Parquet file with the labels; `${NAME}` stands for an environment variable. An address
    /// (`s3://…`, `https://…`) is brought here first. Empty: the file with the features holds them too.
    pub labels: String,
    /// Column (Parquet) or array (`.npz`) beside the features that names the sample: labels are then found by `sample_id`, in
    /// any order. Empty: row i of the labels belongs to row i of the features.
    pub key: String,
    /// Column or array of the features (usual: `global`, `features`, `embeddings`, `embedding`, `x`, `arr_0`). `"feat_*"` takes
    /// all columns that begin so, in the file's order.
    pub features: String,
    /// Column or array of the patch tokens (usual: `tokens`); read only where `features.tokens` asks for tokens.
    pub tokens: String,
    /// Rows and columns of the token grid, as `"7x7"`. Default: that of the array, or a square.
    pub token_grid: String,
    /// Column with the sample's name (usual: `sample_id`, `id`, `name`, `file`, `image`, `image_path`). Without one, rows are
    /// numbered from `row_0000000`.
    pub sample_id: String,
    /// Column with the split (usual: `split`, `subset`, `set`). Without one, a seeded hash decides.
    pub split: String,
    /// What the values of the split column mean: `{ "0" = "train", "1" = "test" }`. Names such as `training` need no entry.
    pub splits: BTreeMap<String, Split>,
    /// Column with the person (usual: `subject`, `person`, `identity`).
    pub subject: String,
    /// Column with the frame (usual: `frame`).
    pub frame: String,
    /// Column with the fold (usual: `fold`).
    pub fold: String,
    /// Column with the image's path below `dataset.root` (usual: `image_path`), for the pictures of the report.
    pub image_path: String,
    /// Column with the expression, as a name or a number (usual: `expression_name`, `expression`, `label`, `labels`, `y`,
    /// `target`, `class`, `emotion`).
    pub label: String,
    /// Column with valence (usual: `valence`, `v`).
    pub valence: String,
    /// Column with arousal (usual: `arousal`, `a`).
    pub arousal: String,
    /// Columns of action units: `{ au12 = "AU12_c" }` (usual: all that are called like `AU12`, `au12`, `'AU 12'`).
    pub aus: BTreeMap<String, String>,
    /// Names of the classes in the order of their numbers from 0, compared with labels without regard to case and spaces. A class
    /// may be called `None` or `NA` if it is listed here; elsewhere these mean that the label is unknown. Empty: the labels that
    /// occur, sorted.
    pub classes: Vec<String>,
}

impl TableConfig {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// The key below `[dataset.table]` and what was expected.
    pub fn validate(&self) -> std::result::Result<(), (String, String)> {
        let fail = |key: &str, message: String| Err((key.to_owned(), message));
        if !self.name.is_empty() && (self.name.len() > 60 || plain(&self.name) != self.name) {
            return fail(
                "name",
                format!("expected lower-case letters, digits, `-` or `_`, found `{}`", self.name),
            );
        }
        if !self.token_grid.is_empty() && self.grid().is_none() {
            return fail(
                "token_grid",
                format!("expected rows and columns like \"7x7\", found `{}`", self.token_grid),
            );
        }
        if let Some(empty) = self.classes.iter().find(|name| name.trim().is_empty()) {
            return fail("classes", format!("expected names of classes, found `{empty}`"));
        }
        if let Some((one, other)) = same_class(&self.classes) {
            return fail(
                "classes",
                if one == other {
                    format!("`{one}` occurs twice")
                } else {
                    format!("`{one}` and `{other}` are one class: names are compared without regard to case and spaces")
                },
            );
        }
        if self.classes.len() == 1 || self.classes.len() > 127 {
            return fail(
                "classes",
                format!("expected 2 to 127 classes, found {}", self.classes.len()),
            );
        }
        if let Some(name) = self.aus.keys().find(|name| unit_of(name).is_none()) {
            return fail(
                &format!("aus.{name}"),
                "expected the name of an action unit from au01 to au99".into(),
            );
        }
        Ok(())
    }

    /// Rows and columns of the token grid, if they are given.
    pub fn grid(&self) -> Option<(usize, usize)> {
        let (rows, cols) = self.token_grid.split_once('x')?;
        let side = |text: &str| text.parse::<usize>().ok().filter(|side| (1..=1024).contains(side));
        Some((side(rows)?, side(cols)?))
    }

    /// The card of this table: its name, and the classes and action units that the recipe names.
    #[must_use]
    pub fn card(&self, mut card: Card, path: &str) -> Card {
        let stem = std::path::Path::new(path)
            .file_stem()
            .map(|stem| plain(&stem.to_string_lossy()));
        let name = Some(self.name.clone()).filter(|name| !name.is_empty()).or(stem);
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            card.title.clone_from(&name);
            card.id = name;
        }
        card.classes = classes(&self.classes);
        let mut aus: Vec<u8> = self
            .aus
            .keys()
            .filter_map(|name| Some(unit_of(name)?.number()))
            .collect();
        aus.sort_unstable();
        aus.dedup();
        card.aus = aus;
        card
    }
}

/// Classes of these names, numbered from 0.
pub fn classes(names: &[String]) -> Vec<Class> {
    names
        .iter()
        .enumerate()
        .map(|(label, name)| Class {
            name: name.clone(),
            title: name.clone(),
            label: label as i32,
            aliases: Vec::new(),
        })
        .collect()
}

/// The action unit that a column of someone's table is called after: `AU12`, `au_12`, `'AU 12'`.
pub fn unit_of(name: &str) -> Option<ActionUnit> {
    ActionUnit::named(&crate::intake::fields::clean_name(name))
}

/// A name in lower case with `-` for whatever has no place in the name of a folder.
pub(crate) fn plain(name: &str) -> String {
    name.to_lowercase()
        .chars()
        .map(|c| {
            if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' {
                c
            } else {
                '-'
            }
        })
        .take(60)
        .collect()
}
