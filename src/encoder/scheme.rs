//! Names of tensors in weight files: those of `transformers` for CLIP, `ViT` and `DINOv2`, that of `OpenAI` and `open_clip`
//! for CLIP, and that of the original DINO and `DINOv2` releases (also timm's).

use std::collections::BTreeSet;

use super::architecture::{Activation, Architecture};

/// Who named the tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// transformers' `CLIPVisionModel…`.
    HubClip,
    /// transformers' `ViTModel`.
    HubVit,
    /// transformers' `Dinov2Model`.
    HubDinov2,
    /// `OpenAI`'s CLIP and `open_clip`.
    OpenClip,
    /// The original DINO and `DINOv2` releases, and timm.
    Timm,
}

/// Where a parameter is found.
pub(crate) struct Source {
    pub(crate) name: String,
    form: Form,
}

enum Form {
    /// As it is.
    Plain,
    /// The n-th of three parts along the first axis.
    Third(usize),
    /// Stored as (inputs, outputs).
    Transposed,
}

impl Source {
    /// The shape that a parameter of `shape` has there.
    pub(crate) fn stored_shape(&self, shape: &[usize]) -> Vec<usize> {
        let mut stored = shape.to_vec();
        match self.form {
            Form::Plain => {}
            Form::Third(_) => stored[0] *= 3,
            Form::Transposed => stored.reverse(),
        }
        stored
    }

    /// The parameter of `shape` out of the values that are stored.
    pub(crate) fn select(&self, values: Vec<f32>, shape: &[usize]) -> Vec<f32> {
        match self.form {
            Form::Plain => values,
            Form::Third(part) => {
                let count = values.len() / 3;
                values[part * count..(part + 1) * count].to_vec()
            }
            Form::Transposed => {
                let (rows, cols) = (shape[0], shape[1]);
                (0..rows * cols).map(|i| values[i % cols * rows + i / cols]).collect()
            }
        }
    }
}

impl Scheme {
    /// The scheme by a tensor that only it has, and what stands before that tensor's name (`module.`, `backbone.`, …); nothing
    /// if no scheme fits.
    ///
    /// # Errors
    /// The prefixes, if there are several models and none is the teacher.
    pub(crate) fn detect(names: &BTreeSet<&str>) -> Result<Option<(Self, String)>, Vec<String>> {
        const SIGNS: [(&str, Scheme); 4] = [
            ("vision_model.embeddings.class_embedding", Scheme::HubClip),
            ("embeddings.cls_token", Scheme::HubVit),
            ("visual.class_embedding", Scheme::OpenClip),
            ("cls_token", Scheme::Timm),
        ];
        for (sign, scheme) in SIGNS {
            let prefixes: Vec<&str> = names
                .iter()
                .filter_map(|name| name.strip_suffix(sign))
                .filter(|prefix| prefix.is_empty() || prefix.ends_with('.'))
                .collect();
            // Checkpoints of a training hold a student and its teacher, by which DINO's are evaluated.
            let teachers: Vec<&str> = prefixes.iter().copied().filter(|p| p.contains("teacher")).collect();
            let prefix = match (&prefixes[..], &teachers[..]) {
                ([], _) => continue,
                ([only], _) | (_, [only]) => *only,
                (several, _) => return Err(several.iter().map(|prefix| format!("\"{prefix}\"")).collect()),
            };
            let dinov2 = names.contains(format!("{prefix}encoder.layer.0.norm1.weight").as_str());
            let scheme = if scheme == Self::HubVit && dinov2 {
                Self::HubDinov2
            } else {
                scheme
            };
            return Ok(Some((scheme, prefix.to_owned())));
        }
        Ok(None)
    }

    /// Where the parameter `name` of [`Architecture::parameters`] is found.
    pub(crate) fn source(self, name: &str, architecture: &Architecture) -> Source {
        let plain = |name: String| Source {
            name,
            form: Form::Plain,
        };
        if let Some((layer, part)) = name.strip_prefix("layers.").and_then(|rest| rest.split_once('.')) {
            return self.layer_source(layer, part, architecture);
        }
        let (part, leaf) = name.split_once('.').unwrap_or((name, ""));
        let table: [(&str, [&str; 5]); 8] = [
            // Part, then its names by HubClip, HubVit, HubDinov2, OpenClip, Timm.
            (
                "class",
                [
                    "vision_model.embeddings.class_embedding",
                    "embeddings.cls_token",
                    "embeddings.cls_token",
                    "visual.class_embedding",
                    "cls_token",
                ],
            ),
            (
                "position",
                [
                    "vision_model.embeddings.position_embedding.weight",
                    "embeddings.position_embeddings",
                    "embeddings.position_embeddings",
                    "visual.positional_embedding",
                    "pos_embed",
                ],
            ),
            (
                "patch",
                [
                    "vision_model.embeddings.patch_embedding",
                    "embeddings.patch_embeddings.projection",
                    "embeddings.patch_embeddings.projection",
                    "visual.conv1",
                    "patch_embed.proj",
                ],
            ),
            (
                "registers",
                [
                    "vision_model.embeddings.register_tokens",
                    "embeddings.register_tokens",
                    "embeddings.register_tokens",
                    "visual.register_tokens",
                    "register_tokens",
                ],
            ),
            // The misspelling is the library's own.
            (
                "pre_norm",
                [
                    "vision_model.pre_layrnorm",
                    "pre_norm",
                    "pre_norm",
                    "visual.ln_pre",
                    "norm_pre",
                ],
            ),
            (
                "post_norm",
                [
                    "vision_model.post_layernorm",
                    "layernorm",
                    "layernorm",
                    "visual.ln_post",
                    "norm",
                ],
            ),
            (
                "projection",
                [
                    "visual_projection.weight",
                    "visual_projection.weight",
                    "visual_projection.weight",
                    "visual.proj",
                    "visual_projection.weight",
                ],
            ),
            ("", [""; 5]),
        ];
        let found = table
            .iter()
            .find(|(key, _)| *key == part)
            .map_or("", |(_, names)| names[self as usize]);
        if part == "projection" && self == Self::OpenClip {
            return Source {
                name: found.to_owned(),
                form: Form::Transposed,
            };
        }
        plain(if leaf.is_empty() {
            found.to_owned()
        } else {
            format!("{found}.{leaf}")
        })
    }

    fn layer_source(self, layer: &str, part: &str, architecture: &Architecture) -> Source {
        let (module, leaf) = part.split_once('.').unwrap_or((part, ""));
        let third = ["q", "k", "v"].iter().position(|name| *name == module);
        let swiglu = architecture.activation == Activation::SwiGlu;
        let (stem, inner) = match self {
            Self::HubClip => (
                "vision_model.encoder.layers",
                match module {
                    "norm1" => "layer_norm1",
                    "norm2" => "layer_norm2",
                    "q" => "self_attn.q_proj",
                    "k" => "self_attn.k_proj",
                    "v" => "self_attn.v_proj",
                    "out" => "self_attn.out_proj",
                    "fc1" => "mlp.fc1",
                    "fc2" => "mlp.fc2",
                    other => other,
                },
            ),
            Self::HubVit | Self::HubDinov2 => (
                "encoder.layer",
                match (module, self) {
                    ("norm1", Self::HubVit) => "layernorm_before",
                    ("norm2", Self::HubVit) => "layernorm_after",
                    ("fc1", Self::HubVit) => "intermediate.dense",
                    ("fc2", Self::HubVit) => "output.dense",
                    ("fc1", _) if swiglu => "mlp.weights_in",
                    ("fc2", _) if swiglu => "mlp.weights_out",
                    ("fc1", _) => "mlp.fc1",
                    ("fc2", _) => "mlp.fc2",
                    ("q", _) => "attention.attention.query",
                    ("k", _) => "attention.attention.key",
                    ("v", _) => "attention.attention.value",
                    ("out", _) => "attention.output.dense",
                    ("scale1", _) => "layer_scale1.lambda1",
                    ("scale2", _) => "layer_scale2.lambda1",
                    (other, _) => other,
                },
            ),
            Self::OpenClip => (
                "visual.transformer.resblocks",
                match (module, leaf) {
                    ("norm1", _) => "ln_1",
                    ("norm2", _) => "ln_2",
                    ("q" | "k" | "v", "weight") => "attn.in_proj_weight",
                    ("q" | "k" | "v", _) => "attn.in_proj_bias",
                    ("out", _) => "attn.out_proj",
                    ("fc1", _) => "mlp.c_fc",
                    ("fc2", _) => "mlp.c_proj",
                    ("scale1", _) => "ls_1.gamma",
                    ("scale2", _) => "ls_2.gamma",
                    (other, _) => other,
                },
            ),
            Self::Timm => (
                "blocks",
                match module {
                    "q" | "k" | "v" => "attn.qkv",
                    "out" => "attn.proj",
                    "fc1" if swiglu => "mlp.w12",
                    "fc2" if swiglu => "mlp.w3",
                    "fc1" => "mlp.fc1",
                    "fc2" => "mlp.fc2",
                    "scale1" => "ls1.gamma",
                    "scale2" => "ls2.gamma",
                    other => other,
                },
            ),
        };
        let fused = matches!(self, Self::OpenClip | Self::Timm);
        let bare = leaf.is_empty() || inner.ends_with("in_proj_weight") || inner.ends_with("in_proj_bias");
        Source {
            name: if bare {
                format!("{stem}.{layer}.{inner}")
            } else {
                format!("{stem}.{layer}.{inner}.{leaf}")
            },
            form: third.filter(|_| fused).map_or(Form::Plain, Form::Third),
        }
    }
}
