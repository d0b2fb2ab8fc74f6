//! The sizes of a vision transformer, as a model folder states them.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

use super::positions::resample_positions;

/// The nonlinearity of the feed-forward layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// x Φ(x).
    Gelu,
    /// x σ(1.702 x), which `OpenAI`'s CLIP was trained with.
    QuickGelu,
    /// silu(a) b, where (a, b) is the first layer's output in two halves (the largest `DINOv2`).
    SwiGlu,
}

/// What the global vector is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Global {
    /// The class token, projected where the model has a projection (CLIP).
    #[default]
    Projected,
    /// The class token after the last normalisation, not projected.
    Class,
    /// The mean of the patch tokens.
    Mean,
}

/// Sizes and switches of a vision transformer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch in which published models differ"
)]
pub struct Architecture {
    /// Pixels a side of the images that the position embedding was trained on.
    pub image_size: usize,
    /// Pixels a side of a patch.
    pub patch_size: usize,
    /// Width of the tokens (D').
    pub hidden: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Attention heads; divide `hidden`.
    pub heads: usize,
    /// Width of the feed-forward layers' inside.
    pub mlp: usize,
    /// ε of the layer normalisations.
    pub norm_eps: f64,
    /// Nonlinearity.
    pub activation: Activation,
    /// Normalise the embeddings before the first block (CLIP).
    pub pre_norm: bool,
    /// Scale each residual branch per channel (`DINOv2`).
    pub layer_scale: bool,
    /// Whether the patch projection has a bias (not in CLIP).
    pub patch_bias: bool,
    /// Whether queries, keys and values have a bias.
    pub qkv_bias: bool,
    /// Tokens without a place beside the class token (`DINOv2` with registers).
    pub registers: usize,
    /// Width of the projected class token (CLIP).
    pub projection: Option<usize>,
}

/// Largest architecture that is believed: `DINOv2`'s largest has 1536 × 40.
pub(crate) const LIMITS: [(&str, usize); 8] = [
    ("image size", 4096),
    ("patch size", 256),
    ("hidden size", 8192),
    ("layers", 128),
    ("heads", 128),
    ("intermediate size", 65_536),
    ("registers", 64),
    ("projection size", 16_384),
];

impl Architecture {
    /// Patches a side of an image of `size` pixels.
    pub fn grid(&self, size: usize) -> usize {
        size / self.patch_size
    }

    /// Patches of the images that the position embedding was trained on.
    pub fn positions(&self) -> usize {
        self.grid(self.image_size).pow(2)
    }

    /// Outputs of a feed-forward layer's first half.
    fn inside(&self) -> usize {
        if self.activation == Activation::SwiGlu {
            2 * self.mlp
        } else {
            self.mlp
        }
    }

    /// Checks that the sizes can be.
    ///
    /// # Errors
    /// What is wrong, as a fragment.
    pub fn validate(&self) -> Result<(), String> {
        let sizes = [
            self.image_size,
            self.patch_size,
            self.hidden,
            self.layers,
            self.heads,
            self.mlp,
            self.registers.max(1),
            self.projection.unwrap_or(1),
        ];
        for ((name, limit), size) in LIMITS.iter().zip(sizes) {
            if size == 0 || size > *limit {
                return Err(format!("{name} is {size}; expected 1 to {limit}"));
            }
        }
        if !self.hidden.is_multiple_of(self.heads) {
            return Err(format!(
                "{} heads do not divide hidden size {}",
                self.heads, self.hidden
            ));
        }
        if self.image_size < self.patch_size {
            return Err(format!(
                "image size {} is below patch size {}",
                self.image_size, self.patch_size
            ));
        }
        if !(self.norm_eps > 0.0 && self.norm_eps < 0.1) {
            return Err(format!("layer norm epsilon is {}; expected 0 to 0.1", self.norm_eps));
        }
        Ok(())
    }

    /// The same model for images of `size` pixels a side, whose positions are interpolated.
    ///
    /// # Errors
    /// [`Error::Data`] if the architecture cannot be, [`Error::Usage`] if `size` does not fit it.
    pub fn fitted(&self, size: usize) -> Result<Self> {
        self.validate()
            .map_err(|message| Error::data(format!("the encoder's architecture cannot be: {message}")))?;
        if size == 0 || !size.is_multiple_of(self.patch_size) {
            return Err(Error::Usage(format!(
                "the encoder's input of {size} pixels is not a multiple of its patch size {}",
                self.patch_size
            )));
        }
        if self.grid(size) > MAX_GRID {
            return Err(Error::Usage(format!(
                "the encoder's input of {size} pixels gives {} patches a side; the limit is {MAX_GRID}",
                self.grid(size)
            )));
        }
        Ok(Self {
            image_size: size,
            ..self.clone()
        })
    }

    /// Values of parameter `name` as [`Self::fitted`] has them: positions are interpolated, all others are as they were.
    pub fn resampled(&self, name: &str, values: Vec<f32>, size: usize) -> Vec<f32> {
        if name == "position" {
            let (from, to) = (self.grid(self.image_size), self.grid(size));
            resample_positions(&values, from, to, self.hidden, self.registers > 0)
        } else {
            values
        }
    }

    /// All parameters with their shapes, matrices as (outputs, inputs), in a fixed order.
    pub fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        let d = self.hidden;
        let mut all: Vec<(String, Vec<usize>)> = vec![
            ("class".into(), vec![d]),
            ("position".into(), vec![1 + self.positions(), d]),
            ("patch.weight".into(), vec![d, 3, self.patch_size, self.patch_size]),
        ];
        let mut add = |name: String, shape: &[usize]| all.push((name, shape.to_vec()));
        if self.patch_bias {
            add("patch.bias".into(), &[d]);
        }
        if self.registers > 0 {
            add("registers".into(), &[self.registers, d]);
        }
        if self.pre_norm {
            add("pre_norm.weight".into(), &[d]);
            add("pre_norm.bias".into(), &[d]);
        }
        let inside = self.inside();
        for layer in 0..self.layers {
            let mut add = |name: &str, shape: &[usize]| add(format!("layers.{layer}.{name}"), shape);
            for norm in ["norm1", "norm2"] {
                add(&format!("{norm}.weight"), &[d]);
                add(&format!("{norm}.bias"), &[d]);
            }
            for part in ["q", "k", "v"] {
                add(&format!("{part}.weight"), &[d, d]);
                if self.qkv_bias {
                    add(&format!("{part}.bias"), &[d]);
                }
            }
            add("out.weight", &[d, d]);
            add("out.bias", &[d]);
            add("fc1.weight", &[inside, d]);
            add("fc1.bias", &[inside]);
            add("fc2.weight", &[d, self.mlp]);
            add("fc2.bias", &[d]);
            if self.layer_scale {
                add("scale1", &[d]);
                add("scale2", &[d]);
            }
        }
        add("post_norm.weight".into(), &[d]);
        add("post_norm.bias".into(), &[d]);
        if let Some(projection) = self.projection {
            add("projection".into(), &[projection, d]);
        }
        all
    }
}

/// Most patches a side: attention over more would not fit any memory.
pub(crate) const MAX_GRID: usize = 64;
