//! Weights of frozen encoders: a folder as model hubs lay it out (`config.json`, `preprocessor_config.json`,
//! `model.safetensors` or its shards), or one file: safetensors, or a `PyTorch` state dict. Of a pickle only the data are
//! read; no code in it is ever run.
//!
//! Five naming schemes are understood: those of `transformers` for CLIP, `ViT` and `DINOv2`, that of `OpenAI` and `open_clip` for
//! CLIP, and that of the original DINO and `DINOv2` releases (also timm's).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use burn::store::pytorch_reader::{self, PytorchReader};
use half::{bf16, f16};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

use crate::encoder::EncoderKind;
use crate::encoder::vit::{Activation, Architecture};
use crate::error::{Context, Error, Result};
use crate::image::{Filter, Preprocess, Resize, resolve_inside};

/// CLIP's projection in the two schemes, which need not be there when the class token is wanted as it is.
const PROJECTIONS: [&str; 2] = ["visual_projection.weight", "visual.proj"];

/// Names listed in full in an error; of more only the number is told.
const LISTED: usize = 8;

/// Parameters of one encoder in host memory, f32, by the names of [`Architecture::parameters`].
#[derive(Debug)]
pub struct Weights {
    values: BTreeMap<String, Vec<f32>>,
    /// blake3 (hexadecimal) of the files, or `random:SEED`.
    pub digest: String,
}

impl Weights {
    /// Hands out the values of `name` once.
    ///
    /// # Errors
    /// [`Error::Data`] if there is no such parameter, which is a defect of this crate.
    pub fn take(&mut self, name: &str) -> Result<Vec<f32>> {
        self.values
            .remove(name)
            .ok_or_else(|| Error::data(format!("the encoder has no parameter {name}")))
    }

    /// Random weights: normal with deviation 0.02, normalisations at their neutral values. For trying things out; features
    /// of such an encoder mean nothing.
    pub fn random(architecture: &Architecture, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut values = BTreeMap::new();
        for (name, shape) in architecture.parameters() {
            let count = shape.iter().product();
            let drawn = if name.contains("norm") || name.ends_with("scale1") || name.ends_with("scale2") {
                vec![if name.ends_with("bias") { 0.0 } else { 1.0 }; count]
            } else {
                // The sum of twelve uniform numbers, less six, is normal enough and the same on every machine.
                (0..count)
                    .map(|_| 0.02 * ((0..12).map(|_| rng.random::<f32>()).sum::<f32>() - 6.0))
                    .collect()
            };
            values.insert(name, drawn);
        }
        Self {
            values,
            digest: format!("random:{seed}"),
        }
    }

    /// Reads the parameters of `architecture` from safetensors files, or from `PyTorch` state dicts (`.pth`, `.pt`, `.bin`).
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be read or is damaged; [`Error::Data`] if tensors are missing, left over, or misshapen,
    /// with their names.
    pub fn read(files: &[PathBuf], architecture: &Architecture) -> Result<Self> {
        let mut hasher = blake3::Hasher::new();
        let mut buffers = Vec::new();
        let mut stored: BTreeMap<String, Stored<'_>> = BTreeMap::new();
        for file in files {
            if is_pickle(file) {
                let opened = std::fs::File::open(file).at("read the weights", file)?;
                hasher.update_reader(opened).at("read the weights", file)?;
                for (name, tensor) in state_dict(file)? {
                    stored.insert(name, Stored::Torch(tensor));
                }
            } else {
                let bytes = std::fs::read(file).at("read the weights", file)?;
                hasher.update(&bytes);
                buffers.push((file, bytes));
            }
        }
        for (file, bytes) in &buffers {
            let tensors = SafeTensors::deserialize(bytes).at("read the weights", file)?;
            for (name, view) in tensors.tensors() {
                stored.insert(name, Stored::Safe(view));
            }
        }
        let names: BTreeSet<&str> = stored.keys().map(String::as_str).collect();
        let shown = files.first().map(|f| f.display().to_string()).unwrap_or_default();
        let Some((scheme, prefix)) = Scheme::detect(&names) else {
            return Err(Error::data(format!(
                "{shown} holds no vision transformer that is known here (CLIP, DINO or DINOv2 in the naming of transformers, \
                 open_clip, timm or the original releases); it has {} tensors, among them {}",
                names.len(),
                list(&names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>())
            )));
        };
        let mut used = BTreeSet::new();
        let (mut missing, mut misshapen) = (Vec::new(), Vec::new());
        let mut values = BTreeMap::new();
        for (name, shape) in architecture.parameters() {
            let source = scheme.source(&name, architecture);
            let full = format!("{prefix}{}", source.name);
            let Some(view) = stored.get(&full) else {
                missing.push(full);
                continue;
            };
            let wanted = source.stored_shape(&shape);
            // Leading axes of length 1, as in a class token of shape (1, 1, D), say nothing.
            let stripped = |shape: &[usize]| -> Vec<usize> {
                let keep = shape.iter().position(|&n| n != 1).unwrap_or(shape.len());
                shape[keep..].to_vec()
            };
            if stripped(view.shape()) != stripped(&wanted) {
                misshapen.push(format!("{full} is {:?}, expected {wanted:?}", view.shape()));
                used.insert(full);
                continue;
            }
            let all = view
                .floats()
                .map_err(|error| Error::data(format!("failed to read {full} of {shown}: {error}")))?;
            values.insert(name, source.select(all, &shape));
            used.insert(full);
        }
        let unused_projection = |name: &str| architecture.projection.is_none() && PROJECTIONS.contains(&name);
        let extra: Vec<String> = stored
            .keys()
            .filter(|name| {
                // What stands outside of the prefix is not of this model: a head, or a tower of another kind.
                name.strip_prefix(&prefix)
                    .is_some_and(|bare| !used.contains(*name) && !ignorable(bare) && !unused_projection(bare))
            })
            .cloned()
            .collect();
        if !missing.is_empty() || !misshapen.is_empty() || !extra.is_empty() {
            let parts: Vec<String> = [("missing", missing), ("misshapen", misshapen), ("left over", extra)]
                .into_iter()
                .filter(|(_, names)| !names.is_empty())
                .map(|(what, names)| format!("{} {what}: {}", names.len(), list(&names)))
                .collect();
            return Err(Error::data(format!(
                "the weights {shown} do not fit the architecture ({} blocks of width {}, patches of {}); tensors {}",
                architecture.layers,
                architecture.hidden,
                architecture.patch_size,
                parts.join("; ")
            )));
        }
        Ok(Self {
            values,
            digest: hasher.finalize().to_hex().to_string(),
        })
    }
}

/// A tensor in a file.
enum Stored<'a> {
    Safe(TensorView<'a>),
    Torch(pytorch_reader::Tensor),
}

impl Stored<'_> {
    fn shape(&self) -> &[usize] {
        match self {
            Self::Safe(view) => view.shape(),
            Self::Torch(tensor) => tensor.shape(),
        }
    }

    /// The values as f32, row-major.
    fn floats(&self) -> Result<Vec<f32>, String> {
        let wrong = |dtype: &dyn std::fmt::Debug| format!("it holds {dtype:?}; expected floats");
        match self {
            Self::Safe(view) => {
                let dtype = match view.dtype() {
                    Dtype::F64 => Float::F64,
                    Dtype::F32 => Float::F32,
                    Dtype::F16 => Float::F16,
                    Dtype::BF16 => Float::Bf16,
                    other => return Err(wrong(&other)),
                };
                Ok(dtype.decode(view.data(), Endian::Little))
            }
            Self::Torch(tensor) => {
                let dtype = match tensor.dtype() {
                    pytorch_reader::DType::F64 => Float::F64,
                    pytorch_reader::DType::F32 => Float::F32,
                    pytorch_reader::DType::F16 => Float::F16,
                    pytorch_reader::DType::BF16 => Float::Bf16,
                    other => return Err(wrong(&other)),
                };
                let bytes = tensor.read().map_err(|error| error.to_string())?;
                Ok(dtype.decode(&bytes, Endian::Native))
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Float {
    F64,
    F32,
    F16,
    Bf16,
}

#[derive(Clone, Copy, PartialEq)]
enum Endian {
    Little,
    Native,
}

impl Float {
    fn decode(self, data: &[u8], endian: Endian) -> Vec<f32> {
        fn each<const N: usize>(data: &[u8], endian: Endian, read: impl Fn([u8; N]) -> f32) -> Vec<f32> {
            let swap = endian == Endian::Native && cfg!(target_endian = "big");
            let chunks = data.as_chunks::<N>().0.iter();
            chunks
                .map(|&(mut bytes)| {
                    if swap {
                        bytes.reverse();
                    }
                    read(bytes)
                })
                .collect()
        }
        match self {
            Self::F64 => each(data, endian, |bytes| f64::from_le_bytes(bytes) as f32),
            Self::F32 => each(data, endian, f32::from_le_bytes),
            Self::F16 => each(data, endian, |bytes| f16::from_le_bytes(bytes).to_f32()),
            Self::Bf16 => each(data, endian, |bytes| bf16::from_le_bytes(bytes).to_f32()),
        }
    }
}

/// Whether a file is a `PyTorch` state dict by its name.
pub fn is_pickle(path: &Path) -> bool {
    path.extension()
        .is_some_and(|e| ["pth", "pt", "bin"].iter().any(|known| e.eq_ignore_ascii_case(known)))
}

/// The tensors of a `PyTorch` checkpoint by name.
fn state_dict(path: &Path) -> Result<BTreeMap<String, pytorch_reader::Tensor>> {
    // Training checkpoints keep the weights below a key. DINO's are evaluated by their teacher.
    for key in ["teacher", "state_dict", "model"] {
        if let Ok(reader) = PytorchReader::with_top_level_key(path, key)
            && !reader.is_empty()
        {
            return Ok(reader.into_tensors().into_iter().collect());
        }
    }
    let reader = PytorchReader::new(path).at("read the weights", path)?;
    Ok(reader.into_tensors().into_iter().collect())
}

/// Up to [`LISTED`] names, then how many more.
fn list(names: &[String]) -> String {
    let shown = names[..names.len().min(LISTED)].join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Tensors of a checkpoint that do not shape the image features: the text tower, heads of other tasks, buffers.
fn ignorable(name: &str) -> bool {
    const PREFIXES: [&str; 16] = [
        "text_model.",
        "text_projection",
        "logit_scale",
        "logit_bias",
        "pooler.",
        "classifier.",
        "head.",
        "embeddings.mask_token",
        "mask_token",
        "transformer.",
        "token_embedding",
        "positional_embedding",
        "ln_final",
        "attn_mask",
        "input_resolution",
        "context_length",
    ];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || name.ends_with("position_ids") || name == "vocab_size"
}

/// Who named the tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
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
struct Source {
    name: String,
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
    fn stored_shape(&self, shape: &[usize]) -> Vec<usize> {
        let mut stored = shape.to_vec();
        match self.form {
            Form::Plain => {}
            Form::Third(_) => stored[0] *= 3,
            Form::Transposed => stored.reverse(),
        }
        stored
    }

    fn select(&self, values: Vec<f32>, shape: &[usize]) -> Vec<f32> {
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
    /// The scheme by a tensor that only it has, and what stands before that tensor's name (`module.`, `backbone.`, …).
    fn detect(names: &BTreeSet<&str>) -> Option<(Self, String)> {
        let prefix_of = |suffix: &str| {
            names
                .iter()
                .find_map(|name| name.strip_suffix(suffix))
                .map(str::to_owned)
        };
        if let Some(prefix) = prefix_of("vision_model.embeddings.class_embedding") {
            return Some((Self::HubClip, prefix));
        }
        if let Some(prefix) = prefix_of("embeddings.cls_token") {
            let dinov2 = names.contains(format!("{prefix}encoder.layer.0.norm1.weight").as_str());
            return Some((if dinov2 { Self::HubDinov2 } else { Self::HubVit }, prefix));
        }
        if let Some(prefix) = prefix_of("visual.class_embedding") {
            return Some((Self::OpenClip, prefix));
        }
        prefix_of("cls_token").map(|prefix| (Self::Timm, prefix))
    }

    /// Where the parameter `name` of [`Architecture::parameters`] is found.
    fn source(self, name: &str, architecture: &Architecture) -> Source {
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

/// The weight files of a folder: `model.safetensors`, or the shards that its index names, or `pytorch_model.bin`.
///
/// # Errors
/// [`Error::Data`] if there are none or the index leads out of the folder; [`Error::Io`] if it cannot be read.
pub fn files_of(folder: &Path) -> Result<Vec<PathBuf>> {
    let single = folder.join("model.safetensors");
    if single.is_file() {
        return Ok(vec![single]);
    }
    let index = folder.join("model.safetensors.index.json");
    let pickle = folder.join("pytorch_model.bin");
    if !index.is_file() && pickle.is_file() {
        return Ok(vec![pickle]);
    }
    if !index.is_file() {
        return Err(Error::data(format!(
            "{} has neither model.safetensors nor model.safetensors.index.json; expected a model folder with config.json, \
             preprocessor_config.json and model.safetensors",
            folder.display()
        )));
    }
    // A name that leads out of the folder must not be followed; a cache of links to blobs beside it may be.
    shards_of(&index)?
        .into_iter()
        .map(|shard| {
            if Path::new(&shard).components().count() == 1 && !shard.starts_with('.') && !shard.contains(['/', '\\']) {
                Ok(folder.join(shard))
            } else {
                resolve_inside(folder, &shard)
            }
        })
        .collect()
}

/// The files that `model.safetensors.index.json` names, sorted. They are names that a stranger wrote: check them before use.
///
/// # Errors
/// [`Error::Io`] if the index cannot be read, [`Error::Data`] if it names no files.
pub fn shards_of(index: &Path) -> Result<BTreeSet<String>> {
    let json = read_json(index)?;
    let Some(map) = json.get("weight_map").and_then(Value::as_object) else {
        return Err(Error::data(format!("{} has no weight_map", index.display())));
    };
    let shards: BTreeSet<String> = map.values().filter_map(Value::as_str).map(str::to_owned).collect();
    if shards.is_empty() {
        return Err(Error::data(format!("{} names no files", index.display())));
    }
    Ok(shards)
}

fn read_json(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).at("read", path)?;
    serde_json::from_str(&text).at("read", path)
}

/// The family, sizes and switches that `config.json` of a model folder names.
///
/// # Errors
/// [`Error::Data`] if it is of another kind of model or a value cannot be.
pub fn read_architecture(folder: &Path, kind: EncoderKind) -> Result<Architecture> {
    let path = folder.join("config.json");
    let config = read_json(&path)?;
    architecture_of(&config, kind).map_err(|message| Error::data(format!("{}: {message}", path.display())))
}

/// The model type that a configuration names, if it is one of `kind`.
fn model_type(config: &Value, kind: EncoderKind) -> Result<&str, String> {
    let found = config.get("model_type").and_then(Value::as_str).unwrap_or("");
    let expected: &[&str] = match kind {
        EncoderKind::Clip => &["clip", "clip_vision_model"],
        EncoderKind::Dino => &["vit"],
        EncoderKind::Dinov2 => &["dinov2", "dinov2_with_registers"],
        EncoderKind::Hog => &[],
    };
    if !expected.contains(&found) {
        return Err(format!(
            "model_type is \"{found}\"; kind = \"{}\" expects {}",
            kind.as_str(),
            expected.join(" or ")
        ));
    }
    Ok(found)
}

pub(super) fn architecture_of(config: &Value, kind: EncoderKind) -> Result<Architecture, String> {
    let found = model_type(config, kind)?;
    // A whole CLIP model describes its two towers side by side.
    let tower = config.get("vision_config").filter(|v| v.is_object()).unwrap_or(config);
    let whole = |key: &str, value: &Value| -> Result<usize, String> {
        value
            .as_u64()
            .filter(|&n| n <= 1 << 20)
            .map(|n| n as usize)
            .ok_or(format!("{key} is {value}; expected a whole number up to 1048576"))
    };
    let size = |key: &str, default: usize| -> Result<usize, String> {
        match tower.get(key) {
            None | Some(Value::Null) => Ok(default),
            // Some models name both sides.
            Some(Value::Array(sides)) if sides.len() == 2 && sides[0] == sides[1] => sides[0]
                .as_u64()
                .map(|n| n as usize)
                .ok_or(format!("{key} is {}", sides[0])),
            Some(value) => whole(key, value),
        }
    };
    let float = |key: &str, default: f64| -> Result<f64, String> {
        match tower.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => value.as_f64().ok_or(format!("{key} is {value}; expected a number")),
        }
    };
    let flag = |key: &str, default: bool| tower.get(key).and_then(Value::as_bool).unwrap_or(default);
    let clip = kind == EncoderKind::Clip;
    let v2 = kind == EncoderKind::Dinov2;
    let activation = match tower.get("hidden_act").and_then(Value::as_str) {
        _ if v2 && flag("use_swiglu_ffn", false) => Activation::SwiGlu,
        Some("gelu") => Activation::Gelu,
        Some("quick_gelu") => Activation::QuickGelu,
        None => {
            if clip {
                Activation::QuickGelu
            } else {
                Activation::Gelu
            }
        }
        Some(other) => return Err(format!("hidden_act is \"{other}\"; expected gelu or quick_gelu")),
    };
    let channels = size("num_channels", 3)?;
    if channels != 3 {
        return Err(format!("num_channels is {channels}; expected 3"));
    }
    let hidden = size("hidden_size", 768)?;
    let mlp = if v2 {
        let wide = (hidden as f64 * float("mlp_ratio", 4.0)?.min(64.0)) as usize;
        // Two thirds, to the next multiple of 8: as many parameters as an ordinary layer of that width.
        if activation == Activation::SwiGlu {
            (wide * 2 / 3).div_ceil(8) * 8
        } else {
            wide
        }
    } else {
        size("intermediate_size", 3072)?
    };
    let projection = if clip {
        // The whole model's wins over its tower's.
        match config.get("projection_dim") {
            Some(value) if !value.is_null() => Some(whole("projection_dim", value)?),
            _ => Some(size("projection_dim", 512)?),
        }
    } else {
        None
    };
    let (image, patch, eps) = match kind {
        EncoderKind::Clip => (224, 32, 1e-5),
        EncoderKind::Dinov2 => (224, 14, 1e-6),
        EncoderKind::Dino | EncoderKind::Hog => (224, 16, 1e-12),
    };
    let architecture = Architecture {
        image_size: size("image_size", image)?,
        patch_size: size("patch_size", patch)?,
        hidden,
        layers: size("num_hidden_layers", 12)?,
        heads: size("num_attention_heads", 12)?,
        mlp,
        norm_eps: float("layer_norm_eps", eps)?,
        activation,
        pre_norm: clip,
        layer_scale: v2,
        patch_bias: !clip,
        qkv_bias: clip || flag("qkv_bias", true),
        registers: if found == "dinov2_with_registers" {
            size("num_register_tokens", 4)?
        } else {
            0
        },
        projection,
    };
    architecture.validate()?;
    Ok(architecture)
}

/// A published architecture by name, for weights without a `config.json`.
///
/// # Errors
/// [`Error::Usage`] with the names that there are.
pub fn named_architecture(kind: EncoderKind, name: &str) -> Result<Architecture> {
    // Name, patch, hidden, layers, heads, CLIP's projection, image size.
    type Row = (&'static str, usize, usize, usize, usize, usize, usize);
    const CLIP: [Row; 4] = [
        ("vit-b-32", 32, 768, 12, 12, 512, 224),
        ("vit-b-16", 16, 768, 12, 12, 512, 224),
        ("vit-l-14", 14, 1024, 24, 16, 768, 224),
        ("vit-l-14-336", 14, 1024, 24, 16, 768, 336),
    ];
    const DINO: [Row; 4] = [
        ("vit-s-16", 16, 384, 12, 6, 0, 224),
        ("vit-s-8", 8, 384, 12, 6, 0, 224),
        ("vit-b-16", 16, 768, 12, 12, 0, 224),
        ("vit-b-8", 8, 768, 12, 12, 0, 224),
    ];
    const DINOV2: [Row; 3] = [
        ("vit-s-14", 14, 384, 12, 6, 0, 518),
        ("vit-b-14", 14, 768, 12, 12, 0, 518),
        ("vit-l-14", 14, 1024, 24, 16, 0, 518),
    ];
    let rows: &[Row] = match kind {
        EncoderKind::Clip => &CLIP,
        EncoderKind::Dino => &DINO,
        EncoderKind::Dinov2 => &DINOV2,
        EncoderKind::Hog => &[],
    };
    let Some(&(_, patch_size, hidden, layers, heads, projection, image_size)) = rows.iter().find(|row| row.0 == name)
    else {
        let names: Vec<&str> = rows.iter().map(|row| row.0).collect();
        return Err(Error::Usage(format!(
            "encoder.architecture = \"{name}\" is not known for kind \"{}\"; expected {}",
            kind.as_str(),
            names.join(", ")
        )));
    };
    let clip = kind == EncoderKind::Clip;
    Ok(Architecture {
        image_size,
        patch_size,
        hidden,
        layers,
        heads,
        mlp: 4 * hidden,
        norm_eps: if clip { 1e-5 } else { 1e-6 },
        activation: if clip { Activation::QuickGelu } else { Activation::Gelu },
        pre_norm: clip,
        layer_scale: kind == EncoderKind::Dinov2,
        patch_bias: !clip,
        qkv_bias: true,
        registers: 0,
        projection: clip.then_some(projection),
    })
}

/// The pre-processing that a model folder's `preprocessor_config.json` names, or its family's where there is none.
///
/// # Errors
/// [`Error::Data`] if a value cannot be.
pub fn read_preprocess(folder: &Path, kind: EncoderKind, architecture: &Architecture) -> Result<Preprocess> {
    let default = default_preprocess(kind, architecture);
    let path = folder.join("preprocessor_config.json");
    if !path.is_file() {
        return Ok(default);
    }
    let config = read_json(&path)?;
    preprocess_of(&config, &default).map_err(|message| Error::data(format!("{}: {message}", path.display())))
}

/// The family's own pre-processing.
pub fn default_preprocess(kind: EncoderKind, architecture: &Architecture) -> Preprocess {
    match kind {
        EncoderKind::Clip => Preprocess::clip(architecture.image_size as u32),
        // Shrunk with the model: 256 before the crop to 224.
        EncoderKind::Dino => Preprocess::dino(architecture.image_size as u32),
        // Whatever the position embedding was trained on: the published features are those of 224 pixels.
        EncoderKind::Hog | EncoderKind::Dinov2 => Preprocess::dino(224),
    }
}

pub(super) fn preprocess_of(config: &Value, default: &Preprocess) -> Result<Preprocess, String> {
    let side = |value: &Value| -> Result<u32, String> {
        value
            .as_u64()
            .and_then(|n| u32::try_from(n).ok())
            .filter(|n| (1..=4096).contains(n))
            .ok_or(format!("{value} is no size; expected 1 to 4096"))
    };
    let sides = |value: &Value| -> Result<(u32, u32), String> {
        match (value.get("width"), value.get("height")) {
            (Some(width), Some(height)) => Ok((side(width)?, side(height)?)),
            _ => side(value).map(|n| (n, n)),
        }
    };
    let triple = |key: &str, default: [f32; 3]| -> Result<[f32; 3], String> {
        let Some(value) = config.get(key) else {
            return Ok(default);
        };
        let numbers: Vec<f32> = value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|n| n.as_f64().map(|n| n as f32))
            .filter(|n| n.is_finite())
            .collect();
        numbers
            .try_into()
            .map_err(|_| format!("{key} is {value}; expected three numbers"))
    };
    let flag = |key: &str| config.get(key).and_then(Value::as_bool).unwrap_or(true);
    let clip_like = config.get("crop_size").is_some() || config.get("do_center_crop").is_some();
    let resize = match config.get("size") {
        _ if !flag("do_resize") => Resize::None,
        None | Some(Value::Null) => default.resize,
        Some(size) => match size.get("shortest_edge") {
            Some(edge) => Resize::ShortSide(side(edge)?),
            // A bare number meant the short side to CLIP's processor, both sides to ViT's.
            None if size.is_number() && clip_like => Resize::ShortSide(side(size)?),
            None => sides(size).map(|(width, height)| Resize::Exact(width, height))?,
        },
    };
    let centre_crop = match config.get("crop_size") {
        Some(size) if flag("do_center_crop") => Some(sides(size)?),
        _ => None,
    };
    let filter = match config.get("resample").and_then(Value::as_u64) {
        None => default.filter,
        Some(1) => Filter::Lanczos,
        Some(2) => Filter::Bilinear,
        Some(3) => Filter::Bicubic,
        Some(other) => {
            return Err(format!(
                "resample is {other}; expected 1 (Lanczos), 2 (bilinear) or 3 (bicubic)"
            ));
        }
    };
    if let Some(factor) = config.get("rescale_factor").and_then(Value::as_f64)
        && (factor * 255.0 - 1.0).abs() > 1e-6
    {
        return Err(format!("rescale_factor is {factor}; expected 1/255"));
    }
    let (mean, std) = if flag("do_normalize") {
        (triple("image_mean", default.mean)?, triple("image_std", default.std)?)
    } else {
        ([0.0; 3], [1.0; 3])
    };
    if std.iter().any(|&s| s <= 0.0) {
        return Err(format!("image_std is {std:?}; expected more than 0"));
    }
    Ok(Preprocess {
        resize,
        filter,
        centre_crop,
        grayscale: default.grayscale,
        mean,
        std,
    })
}
