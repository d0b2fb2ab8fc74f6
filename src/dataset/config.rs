//! The recipe's `[dataset]` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::invalid::Invalid;
use crate::error::{Error, Result};
use crate::image::limits::MAX_PIXELS;

use super::attributes::AttributesConfig;
use super::card::TABLE;
use super::table::TableConfig;

/// Which of a database's forms of the same images is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Images {
    /// Faces that the database has aligned and cropped.
    #[default]
    Aligned,
    /// Images as collected.
    Original,
}

impl Images {
    /// The name in recipes and on disk.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aligned => "aligned",
            Self::Original => "original",
        }
    }
}

/// Which camera's frames are read (DISFA).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Camera {
    /// The left one, which the literature uses.
    #[default]
    Left,
    /// The right one.
    Right,
}

impl Camera {
    /// The name in recipes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
        }
    }

    /// The other camera.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

/// Which frames of a video database take part (DISFA).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Frames {
    /// All frames that have labels (DISFA: 130,814).
    #[default]
    All,
    /// Without the frames of the database's error log (DISFA: 126,144).
    WithoutBad,
}

/// The number of the first frame in the names of extracted frames (DISFA).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FrameBase {
    /// Seen in the names, and said on screen.
    #[default]
    Auto,
    /// Frames are named from 0.
    Zero,
    /// Frames are named from 1, as labels are.
    One,
}

/// Which database is read, where it lies, and how much of it may be unusable. What of it takes part is said in
/// `[protocol]`, as it decides what numbers may be compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DatasetConfig {
    /// Name of a built-in dataset card (`rafdb`, …) or path of a card file.
    pub card: String,
    /// Folder of the database; `${NAME}` stands for an environment variable. A folder given for the run takes precedence.
    pub root: String,
    /// Card `table` only: the file with features made elsewhere (`.parquet`, `.npy`, `.npz`) or a folder of Parquet parts;
    /// `${NAME}` stands for an environment variable. An address (`s3://…`, `https://…`) is brought here first.
    pub path: String,
    /// Card `table` only: where the labels are, and what the columns mean.
    #[serde(skip_serializing_if = "is_default")]
    pub table: TableConfig,
    /// What is known of the people in the pictures.
    #[serde(skip_serializing_if = "is_default")]
    pub attributes: AttributesConfig,
    /// Layout to read, by its name in the card; `auto` finds out.
    pub layout: String,
    /// Number of the first extracted frame (DISFA).
    pub frame_base: FrameBase,
    /// Folder for frames that are decoded from videos (DISFA); `${NAME}` stands for an environment variable. Default: `frames` in the
    /// cache. The database's own folder is never written to.
    #[serde(skip_serializing_if = "is_default")]
    pub decoded_frames: String,
    /// Largest share of rows, from 0 to 1, that may be rejected before the conversion fails.
    pub max_rejected: f64,
    /// Images with more pixels than this (by their header) are rejected unread, by the conversion and by whatever decodes
    /// images after it.
    pub max_pixels: u64,
}

impl Default for DatasetConfig {
    fn default() -> Self {
        Self {
            card: "rafdb".into(),
            root: String::new(),
            path: String::new(),
            table: TableConfig::default(),
            attributes: AttributesConfig::default(),
            layout: "auto".into(),
            frame_base: FrameBase::Auto,
            decoded_frames: String::new(),
            max_rejected: 0.05,
            max_pixels: MAX_PIXELS,
        }
    }
}

impl DatasetConfig {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// The key below `[dataset]` and what was expected.
    pub fn validate(&self) -> std::result::Result<(), Invalid> {
        if self.card.trim().is_empty() {
            return Err((
                "card".into(),
                "expected the name of a dataset card, such as \"rafdb\"".into(),
            ));
        }
        if !(0.0..=1.0).contains(&self.max_rejected) {
            return Err((
                "max_rejected".into(),
                format!("expected a share from 0 to 1, found {}", self.max_rejected),
            ));
        }
        if self.max_pixels == 0 {
            return Err(("max_pixels".into(), "expected at least 1".into()));
        }
        self.attributes
            .validate()
            .map_err(|(key, message)| (format!("attributes.{key}"), message))?;
        if self.card == TABLE {
            if self.path.is_empty() {
                return Err((
                    "path".into(),
                    "the card `table` needs the file with the features: .parquet, .npy or .npz".into(),
                ));
            }
            self.table
                .validate()
                .map_err(|(key, message)| (format!("table.{key}"), message))?;
        } else if !self.path.is_empty() || self.table != TableConfig::default() {
            let key = if self.path.is_empty() { "table" } else { "path" };
            return Err((
                key.into(),
                format!("only the card `table` reads it, and dataset.card is `{}`", self.card),
            ));
        }
        let card = match super::Card::load(&self.card) {
            Ok(card) => card,
            // Told with the card's own file and line when it is loaded.
            Err(Error::Document(_)) => return Ok(()),
            Err(error) => return Err(("card".to_owned(), error.to_string())),
        };
        if self.layout != "auto" && !card.layouts.iter().any(|layout| layout.name == self.layout) {
            let names: Vec<&str> = card.layouts.iter().map(|layout| layout.name.as_str()).collect();
            return Err((
                "layout".into(),
                format!(
                    "expected `auto` or one of {}, found `{}`",
                    names.join(", "),
                    self.layout
                ),
            ));
        }
        Ok(())
    }

    /// The card that the recipe names; that of features made elsewhere holds what the recipe says of them.
    ///
    /// # Errors
    /// As [`super::Card::load`].
    pub fn load_card(&self) -> Result<super::Card> {
        let card = super::Card::load(&self.card)?;
        Ok(if card.is_table() {
            self.table.card(card, &self.path)
        } else {
            card
        })
    }

    /// The section without what says only where files lie, as what they hold is part of other digests, and without attributes,
    /// which change nothing that is measured.
    #[must_use]
    pub fn without_places(&self) -> Self {
        let mut config = self.clone();
        config.root.clear();
        config.decoded_frames.clear();
        config.attributes = AttributesConfig::default();
        if config.card == TABLE {
            // Two tables of one name are one database.
            config.table.name = self.load_card().map_or_else(|_| String::new(), |card| card.id);
            config.path.clear();
            config.table.labels.clear();
        }
        config
    }
}

/// Whether a section says nothing: then it is no part of what makes numbers comparable.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
