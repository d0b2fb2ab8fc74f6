//! The recipe section `[features]`: what is kept of an encoder's output, and how it is stored.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::image::limits::{DecodeLimits, MAX_PIXELS};

/// Which patch tokens the table holds; written `"none"`, `"all"` or `"KxK"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TokenGrid {
    /// No token.
    #[default]
    None,
    /// Every token of the encoder.
    All,
    /// Averaged to this many rows and columns.
    Pooled(u32, u32),
}

impl TryFrom<String> for TokenGrid {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("expected \"none\", \"all\" or a grid like \"7x7\", not \"{text}\"");
        match text.as_str() {
            "none" => Ok(Self::None),
            "all" => Ok(Self::All),
            grid => {
                let (rows, cols) = grid.split_once('x').ok_or_else(wrong)?;
                let side = |digits: &str| {
                    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
                    plain
                        .then(|| digits.parse::<u32>().ok())
                        .flatten()
                        .filter(|side| (1..=1024).contains(side))
                        .ok_or_else(wrong)
                };
                Ok(Self::Pooled(side(rows)?, side(cols)?))
            }
        }
    }
}

impl std::str::FromStr for TokenGrid {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::try_from(text.to_owned())
    }
}

impl From<TokenGrid> for String {
    fn from(grid: TokenGrid) -> Self {
        grid.to_string()
    }
}

impl std::fmt::Display for TokenGrid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::All => f.write_str("all"),
            Self::Pooled(rows, cols) => write!(f, "{rows}x{cols}"),
        }
    }
}

impl JsonSchema for TokenGrid {
    fn schema_name() -> Cow<'static, str> {
        "TokenGrid".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^(none|all|[1-9][0-9]{0,3}x[1-9][0-9]{0,3})$",
            "description": "Which patch tokens the table holds: \"none\", \"all\", or averaged to a grid like \"7x7\"."
        })
    }
}

/// How features are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dtype {
    /// Half precision, 11 significant bits; up to 65,504.
    #[default]
    F16,
    /// Single precision.
    F32,
}

impl Dtype {
    /// Bytes a value.
    pub fn bytes(self) -> usize {
        match self {
            Self::F16 => 2,
            Self::F32 => 4,
        }
    }
}

/// The recipe section `[features]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FeaturesConfig {
    /// Patch tokens to keep: `"none"`, `"all"`, or averaged to a grid like `"7x7"`. Default: `"all"` where the model reads
    /// tokens (`model.level`), else `"none"`.
    pub tokens: TokenGrid,
    /// `"f16"` or `"f32"`.
    pub dtype: Dtype,
    /// Cut out the face where the database gives a box; otherwise the whole image is encoded.
    pub crop: bool,
    /// Margin around the face box, as a fraction of its sides (0, 0.15 and 0.3 are in use).
    pub margin: f32,
    /// Images a batch; left out, the encoder chooses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<u32>,
    /// Images a part file; left out, 4,096 or fewer, so that a part stays below 512 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part_rows: Option<u32>,
    /// Largest image file, in MiB.
    pub max_file_mib: u32,
    /// Largest image in pixels: `dataset.max_pixels` of a recipe, so that what one stage lets through no other refuses.
    #[serde(skip)]
    pub max_pixels: u64,
}

impl Default for FeaturesConfig {
    fn default() -> Self {
        Self {
            tokens: TokenGrid::None,
            dtype: Dtype::F16,
            crop: true,
            margin: 0.0,
            batch: None,
            part_rows: None,
            max_file_mib: 64,
            max_pixels: MAX_PIXELS,
        }
    }
}

impl FeaturesConfig {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The key below `[features]` and what was expected of it.
    pub fn validate(&self) -> Result<(), (String, String)> {
        let wrong = |key: &str, message: String| Err((key.to_owned(), message));
        if !(0.0..=4.0).contains(&self.margin) {
            return wrong(
                "margin",
                format!("expected a fraction from 0 to 4, not {}", self.margin),
            );
        }
        if let Some(batch) = self.batch.filter(|n| !(1..=4096).contains(n)) {
            return wrong("batch", format!("expected 1 to 4096 images, not {batch}"));
        }
        if let Some(rows) = self.part_rows.filter(|n| !(1..=1_000_000).contains(n)) {
            return wrong("part_rows", format!("expected 1 to 1000000 images, not {rows}"));
        }
        if !(1..=4096).contains(&self.max_file_mib) {
            return wrong("max_file_mib", format!("expected 1 to 4096, not {}", self.max_file_mib));
        }
        Ok(())
    }

    /// The limits that one image file has to keep.
    pub fn limits(&self) -> DecodeLimits {
        DecodeLimits::new(self.max_pixels, u64::from(self.max_file_mib) << 20)
    }
}
