//! Recipe section `[encoder]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::naming::RANDOM;

use super::architecture::Global;
use super::hog::HogConfig;
use super::vit::Precision;

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

    /// The published weights that are meant where none are named, at the commit that is `main` since 2022 or 2023; `None` for
    /// `hog`, which has none.
    pub fn published(self) -> Option<&'static str> {
        match self {
            Self::Hog => None,
            Self::Clip => Some("hf://openai/clip-vit-base-patch16@57c216476eefef5ab752ec549e440a49ae4ae5f3"),
            Self::Dino => Some("hf://facebook/dino-vitb16@f205d5d8e640a89a2b8ef0369670dfc37cc07fc2"),
            Self::Dinov2 => Some("hf://facebook/dinov2-base@f9e44c814b77203eaa57a6bdbbd535f21ede1415"),
        }
    }
}

/// The recipe section `[encoder]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EncoderConfig {
    /// The family: `hog`, `clip`, `dino` or `dinov2`. A recipe or override that names another kind than the one it lies over
    /// takes over none of its `weights`, `architecture` and `input_size`.
    pub kind: EncoderKind,
    /// Where the weights are: a folder as model hubs lay it out, one file of tensors (with `architecture`),
    /// `"hf://ORG/NAME[@REVISION]"` for a model that is fetched from the hub once, or `"random:SEED"` for weights that mean
    /// nothing. Left out, the published model of the kind, fetched from the hub at a fixed commit: `openai/clip-vit-base-patch16`
    /// (ViT-B/16), `facebook/dino-vitb16`, `facebook/dinov2-base`. `hog` has none.
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
    /// The same configuration with the published weights of its kind where none are named. A named architecture is of other
    /// weights.
    #[must_use]
    pub fn completed(self) -> Self {
        if self.weights.is_some() || self.architecture.is_some() {
            return self;
        }
        Self {
            weights: self.kind.published().map(str::to_owned),
            ..self
        }
    }

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
                return Err((
                    key.to_owned(),
                    "kind \"hog\" has no such key; remove it, or set encoder.kind to \"clip\", \"dino\" or \"dinov2\""
                        .to_owned(),
                ));
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
}
