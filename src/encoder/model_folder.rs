//! A model folder as hubs lay it out (`config.json`, `model.safetensors` or its shards), and the published architectures by name
//! for weights that come without one. Its pre-processing: `processor.rs`.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::disk::fence::{is_name, resolve_inside};
use crate::error::{Context, Error, Result};
use crate::regular;
use crate::there;

use super::architecture::{Activation, Architecture};
use super::config::EncoderKind;

/// The description of a model, which every supported one has.
pub(super) const CONFIG: &str = "config.json";
/// Its weights in one file.
pub(super) const WEIGHTS: &str = "model.safetensors";
/// Which files its weights are spread over.
pub(super) const INDEX: &str = "model.safetensors.index.json";
/// Its weights as `PyTorch` writes them.
pub(super) const PICKLE: &str = "pytorch_model.bin";

/// Bytes of the largest description that is read: those of published models have a few thousand, an index of shards up to a
/// hundred thousand.
const MAX_JSON: u64 = 16 << 20;

/// The weight files of a folder: `model.safetensors`, or the shards that its index names, or `pytorch_model.bin`.
///
/// # Errors
/// [`Error::Data`] if there are none or the index leads out of the folder; [`Error::Io`] if it cannot be read.
pub fn files_of(folder: &Path) -> Result<Vec<PathBuf>> {
    let single = folder.join(WEIGHTS);
    if there::is_file(&single)? {
        return Ok(vec![single]);
    }
    let index = folder.join(INDEX);
    let pickle = folder.join(PICKLE);
    let indexed = there::is_file(&index)?;
    if !indexed && there::is_file(&pickle)? {
        return Ok(vec![pickle]);
    }
    if !indexed {
        return Err(Error::data(format!(
            "{} has neither {WEIGHTS} nor {INDEX}; expected a model folder with {CONFIG}, preprocessor_config.json and {WEIGHTS}",
            folder.display()
        )));
    }
    // A name that leads out of the folder must not be followed; a cache of links to blobs beside it may be.
    shards_of(&index)?
        .into_iter()
        .map(|shard| {
            if is_name(&shard) {
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

pub(super) fn read_json(path: &Path) -> Result<Value> {
    let file = regular::open(path).at("read", path)?;
    let mut bytes = Vec::new();
    file.take(MAX_JSON + 1).read_to_end(&mut bytes).at("read", path)?;
    if bytes.len() as u64 > MAX_JSON {
        return Err(Error::data(format!(
            "{} has more than {MAX_JSON} bytes; expected the description of a model",
            path.display()
        )));
    }
    serde_json::from_slice(&bytes).at("read", path)
}

/// The family, sizes and switches that `config.json` of a model folder names.
///
/// # Errors
/// [`Error::Data`] if it is of another kind of model or a value cannot be.
pub fn read_architecture(folder: &Path, kind: EncoderKind) -> Result<Architecture> {
    let path = folder.join(CONFIG);
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

pub(crate) fn architecture_of(config: &Value, kind: EncoderKind) -> Result<Architecture, String> {
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
