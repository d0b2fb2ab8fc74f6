//! Frozen encoders: from a face to one global vector and, where wanted, a grid of tokens.

pub mod frozen;
pub mod hog;
pub mod hub;
pub mod model_folder;
mod scheme;
mod stored;
pub mod trainable;
pub mod vit;
pub mod weights;

use std::path::Path;

use ::image::RgbImage;
use burn::tensor::Device;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::progress::Progress;

pub use frozen::Frozen;
pub use hog::{Hog, HogColour, HogConfig};
pub use trainable::Trainable;
pub use vit::{Global, Precision};

/// The grid of tokens of one image: `rows` × `cols` tokens of `width` values, row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenShape {
    /// Tokens from top to bottom.
    pub rows: usize,
    /// Tokens from left to right.
    pub cols: usize,
    /// Values a token (D').
    pub width: usize,
}

impl TokenShape {
    /// Number of tokens (M).
    pub fn count(&self) -> usize {
        self.rows * self.cols
    }

    /// Values of all tokens together (M·D').
    pub fn values(&self) -> usize {
        self.count() * self.width
    }
}

/// What an encoder says of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    /// D values.
    pub global: Vec<f32>,
    /// M·D' values, token-major, if the encoder has tokens.
    pub tokens: Option<Vec<f32>>,
}

/// A frozen encoder. [`Encoder::prepare`] runs on many CPU threads while [`Encoder::forward`] keeps the device busy.
pub trait Encoder: Send + Sync {
    /// Short name: `hog`, `clip`, ….
    fn name(&self) -> &str;

    /// Everything that shapes the output, for people and for the table's metadata.
    fn describe(&self) -> serde_json::Value;

    /// blake3 (hexadecimal) over everything that shapes the output, weights included.
    fn digest(&self) -> String {
        digest_of(self.name(), &self.describe())
    }

    /// Values of the global vector (D).
    fn global_dim(&self) -> usize;

    /// The grid of tokens, if the encoder has one.
    fn tokens(&self) -> Option<TokenShape>;

    /// How many images [`Encoder::forward`] likes at a time.
    fn batch_size(&self) -> usize {
        64
    }

    /// Brings one image to the encoder's own size, still 8-bit RGB.
    ///
    /// # Errors
    /// [`Error::Data`] if the image cannot be brought to size; the image is then a reject.
    fn prepare(&self, image: &RgbImage) -> Result<RgbImage>;

    /// Encodes images that went through [`Encoder::prepare`], in order.
    ///
    /// # Errors
    /// [`Error::Device`] if the device fails, [`Error::Data`] if an image has the wrong size.
    fn forward(&self, prepared: &[RgbImage]) -> Result<Vec<Encoded>>;

    /// Prepares and encodes `images`, in order.
    ///
    /// # Errors
    /// As [`Encoder::prepare`] and [`Encoder::forward`].
    fn encode(&self, images: &[RgbImage]) -> Result<Vec<Encoded>> {
        let prepared = images
            .iter()
            .map(|image| self.prepare(image))
            .collect::<Result<Vec<_>>>()?;
        self.forward(&prepared)
    }
}

/// blake3 over an encoder's name and description. JSON objects of `serde_json` are sorted by key.
pub fn digest_of(name: &str, description: &serde_json::Value) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"aura-bench encoder 1\0");
    hasher.update(name.as_bytes());
    hasher.update(b"\0");
    hasher.update(description.to_string().as_bytes());
    hasher.finalize().to_hex().to_string()
}

/// What `weights` begins with, in recipes and descriptions, where weights are drawn instead of trained.
pub const RANDOM: &str = "random:";

/// What has to be said beside every result of such weights.
pub const RANDOM_WARNING: &str = "RANDOM WEIGHTS: the encoder was drawn, not trained; its features mean nothing";

/// Whether `description` (of [`Encoder::describe`]) is of weights that were drawn instead of trained.
pub fn is_random(description: &serde_json::Value) -> bool {
    let weights = description.get("weights").and_then(serde_json::Value::as_str);
    weights.is_some_and(|weights| weights.starts_with(RANDOM))
}

/// What people are told an encoder is called: the kind in its `description`, and that its weights are random where they are.
pub fn title(description: &serde_json::Value) -> Option<String> {
    let kind = description.get("kind")?.as_str()?;
    let remark = if is_random(description) {
        " (random weights)"
    } else {
        ""
    };
    Some(format!("{kind}{remark}"))
}

/// Families of encoders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EncoderKind {
    /// Histograms of oriented gradients; needs no weights.
    #[default]
    Hog,
    /// `OpenAI` CLIP's image tower.
    Clip,
    /// DINO.
    Dino,
    /// `DINOv2`.
    Dinov2,
}

impl EncoderKind {
    /// The name used in recipes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hog => "hog",
            Self::Clip => "clip",
            Self::Dino => "dino",
            Self::Dinov2 => "dinov2",
        }
    }
}

/// The recipe section `[encoder]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EncoderConfig {
    /// The family: `hog`, `clip`, `dino` or `dinov2`.
    pub kind: EncoderKind,
    /// Where the weights are: a folder as model hubs lay it out, one file of tensors (with `architecture`),
    /// `"hf://ORG/NAME[@REVISION]"` for a model that is fetched from the hub once, or `"random:SEED"` for weights that mean
    /// nothing. `hog` has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// A published architecture (`"vit-b-16"`, …), for weights that do not come with a `config.json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// The global vector: `projected` (the class token, projected where the model has a projection), `class` (never
    /// projected), or `mean` (of the patch tokens). `hog` does not read it.
    pub global: Global,
    /// Pixels a side that images are brought to, instead of the model's own; the position embedding is interpolated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_size: Option<u32>,
    /// Numbers that the matrix products are computed in: `f32`, `f16` or `bf16`. Half precision pays on a GPU only.
    pub precision: Precision,
    /// Keys of `hog`; other kinds do not read them.
    pub hog: HogConfig,
}

impl EncoderConfig {
    /// Whether the weights are drawn instead of trained.
    pub fn is_random(&self) -> bool {
        self.weights
            .as_deref()
            .is_some_and(|weights| weights.starts_with(RANDOM))
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The dotted key below `[encoder]` and what was expected of it.
    pub fn validate(&self) -> Result<(), (String, String)> {
        self.hog
            .validate()
            .map_err(|(key, message)| (format!("hog.{key}"), message))?;
        if self.kind == EncoderKind::Hog {
            let set = [
                ("weights", self.weights.is_some()),
                ("architecture", self.architecture.is_some()),
                ("input_size", self.input_size.is_some()),
                ("precision", self.precision != Precision::F32),
            ];
            if let Some((key, _)) = set.into_iter().find(|(_, set)| *set) {
                return Err((key.to_owned(), "kind \"hog\" has no such key; remove it".to_owned()));
            }
        }
        if let Some(size) = self.input_size.filter(|n| !(8..=2048).contains(n)) {
            return Err((
                "input_size".to_owned(),
                format!("expected 8 to 2048 pixels, not {size}"),
            ));
        }
        Ok(())
    }

    /// The same configuration with weights that lie on this machine: what `hf://…` names is fetched unless the hub's cache
    /// has it. `cache` replaces the hub's own cache folder.
    ///
    /// # Errors
    /// As [`hub::HubModel::fetch`]; [`Error::Usage`] if the name of the model cannot be.
    pub fn fetched(&self, cache: Option<&Path>, progress: Progress) -> Result<Self> {
        let Some(model) = self.weights.as_deref().and_then(hub::HubModel::parse) else {
            return Ok(self.clone());
        };
        let model = model.map_err(|message| Error::Usage(format!("encoder.weights: {message}")))?;
        let folder = model.fetch(cache, progress)?;
        let Some(folder) = folder.to_str() else {
            return Err(Error::data(format!(
                "{} is not Unicode; move the cache",
                folder.display()
            )));
        };
        Ok(Self {
            weights: Some(folder.to_owned()),
            ..self.clone()
        })
    }

    /// Builds the encoder on the processor.
    ///
    /// # Errors
    /// As [`EncoderConfig::build_on`].
    pub fn build(&self) -> Result<Box<dyn Encoder>> {
        self.build_on(&Device::flex())
    }

    /// Builds the encoder on `device` (`hog` always runs on the processor).
    ///
    /// # Errors
    /// [`Error::Usage`] for options that cannot be; [`Error::Data`] if weights are missing or do not fit; [`Error::Io`] if
    /// they cannot be read.
    pub fn build_on(&self, device: &Device) -> Result<Box<dyn Encoder>> {
        self.validate()
            .map_err(|(key, message)| Error::Usage(format!("encoder.{key}: {message}")))?;
        match self.kind {
            EncoderKind::Hog => Ok(Box::new(Hog::new(self.hog.clone())?)),
            EncoderKind::Clip | EncoderKind::Dino | EncoderKind::Dinov2 => {
                let here = self.fetched(None, Progress::hidden())?;
                Ok(Box::new(Frozen::load(&here, device)?))
            }
        }
    }
}

#[cfg(test)]
mod tests;
