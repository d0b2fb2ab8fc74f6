//! What every encoder offers.

use ::image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::error::Result;

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

    /// How images are brought to its size and scale, and where that is from, in one line; `None` if nothing of it is read from a
    /// file.
    fn preprocessing(&self) -> Option<String> {
        None
    }

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
