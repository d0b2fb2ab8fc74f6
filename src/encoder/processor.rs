//! The pre-processing that a model folder describes, as transformers' image processors understand it.
//!
//! A processor's settings lie in `preprocessor_config.json`, or, as newer releases write them, in `processor_config.json` under
//! `image_processor`. A key that is not there, or is `null`, has the default of the processor's class: `CLIPImageProcessor`,
//! `ViTImageProcessor`, `DeiTImageProcessor`, `BitImageProcessor` (which `DINOv2` uses).

use std::path::Path;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::image::{Filter, Preprocess, Resize};
use crate::there;

use super::architecture::Architecture;
use super::config::EncoderKind;
use super::model_folder::read_json;

/// Where settings lie under `image_processor`; they go before those of [`ALONE`], as in transformers.
pub(super) const NESTED: &str = "processor_config.json";
/// Where settings lie alone.
pub(super) const ALONE: &str = "preprocessor_config.json";
/// What is said to be the source where no file is.
const FAMILY: &str = "the family's default";

/// The pre-processing of a model folder, and the file that it is from, or that it is its family's where there is none.
///
/// # Errors
/// [`Error::Data`] if a value cannot be.
pub fn read_preprocess(
    folder: &Path,
    kind: EncoderKind,
    architecture: &Architecture,
) -> Result<(Preprocess, &'static str)> {
    let mut elsewhere = None;
    for name in [NESTED, ALONE] {
        let path = folder.join(name);
        if !there::is_file(&path)? {
            // A folder, or a link whose file was not copied with it.
            if path.symlink_metadata().is_ok() {
                return Err(Error::data(format!(
                    "{} is no file, or links to none; expected the settings of the image processor, or nothing of that name",
                    path.display()
                )));
            }
            continue;
        }
        let config = read_json(&path)?;
        if !config.is_object() {
            return Err(Error::data(format!(
                "{}: expected an object with settings, found {}",
                path.display(),
                if config.is_array() { "a list" } else { "a value" }
            )));
        }
        let settings = match config.get("image_processor") {
            Some(nested) if nested.is_object() => nested,
            _ if name == NESTED => {
                // A processor of text alone, unless it says something of images where nobody looks for it.
                elsewhere = misplaced(&config);
                continue;
            }
            _ => &config,
        };
        let preprocess =
            preprocess_of(settings, kind).map_err(|message| Error::data(format!("{}: {message}", path.display())))?;
        return Ok((preprocess, name));
    }
    match elsewhere {
        None => Ok(default_preprocess(kind, architecture)),
        Some(key) => Err(Error::data(format!(
            "{}: {key} stands where it is not looked for; expected the settings of the image processor below image_processor, or in \
             {ALONE}",
            folder.join(NESTED).display()
        ))),
    }
}

/// Settings of images that no reader of `processor_config.json` looks for there.
fn misplaced(config: &Value) -> Option<String> {
    const OF_IMAGES: [&str; 4] = ["image_mean", "image_std", "do_resize", "crop_size"];
    let at = |config: &Value| OF_IMAGES.into_iter().find(|key| config.get(key).is_some());
    let below = || {
        let key = config.get("feature_extractor").and_then(at)?;
        Some(format!("feature_extractor.{key}"))
    };
    at(config).map(str::to_owned).or_else(below)
}

/// The family's own pre-processing, and how to speak of it.
pub fn default_preprocess(kind: EncoderKind, architecture: &Architecture) -> (Preprocess, &'static str) {
    let preprocess = match kind {
        EncoderKind::Clip => Preprocess::clip(architecture.image_size as u32),
        // Shrunk with the model: 256 before the crop to 224.
        EncoderKind::Dino => Preprocess::dino(architecture.image_size as u32),
        // Whatever the position embedding was trained on: the published features are those of 224 pixels.
        EncoderKind::Hog | EncoderKind::Dinov2 => Preprocess::dino(224),
    };
    (preprocess, FAMILY)
}

/// The defaults of a class of image processors.
struct Class {
    /// What is done without any setting.
    defaults: Preprocess,
    /// Whether a bare number as `size` means both sides, and not the short one.
    square: bool,
}

/// The class that the settings name, else that which transformers takes for models of `kind`.
fn class_of(config: &Value, kind: EncoderKind) -> Class {
    let named = name_of(config);
    let is = |family: &str| named.starts_with(family);
    let clip = Preprocess {
        resize: Resize::ShortSide(224),
        ..Preprocess::clip(224)
    };
    let vit = Preprocess {
        resize: Resize::Exact(224, 224),
        filter: Filter::Bilinear,
        centre_crop: None,
        grayscale: false,
        mean: [0.5; 3],
        std: [0.5; 3],
    };
    if is("DeiT") {
        Class {
            defaults: Preprocess {
                resize: Resize::Exact(256, 256),
                filter: Filter::Bicubic,
                centre_crop: Some((224, 224)),
                ..vit
            },
            square: true,
        }
    } else if is("ViT") || (kind == EncoderKind::Dino && !is("CLIP") && !is("Bit")) {
        Class {
            defaults: vit,
            square: true,
        }
    } else {
        Class {
            defaults: clip,
            square: false,
        }
    }
}

/// The class that the settings name.
fn name_of(config: &Value) -> &str {
    ["image_processor_type", "feature_extractor_type"]
        .iter()
        .find_map(|key| config.get(key).and_then(Value::as_str))
        .unwrap_or_default()
}

/// Classes whose defaults are known, by how their names begin.
const KNOWN: [&str; 4] = ["CLIP", "ViT", "DeiT", "Bit"];

/// What a class that is not known has to say itself.
const SAID: [&str; 8] = [
    "do_resize",
    "size",
    "resample",
    "do_center_crop",
    "do_rescale",
    "do_normalize",
    "image_mean",
    "image_std",
];

/// Steps that other processors have and that are not done here.
const FOREIGN: [&str; 7] = [
    "do_pad",
    "do_flip_channel_order",
    "do_thumbnail",
    "do_grayscale",
    "rescale_offset",
    "crop_pct",
    "interpolation",
];

/// The pre-processing of a processor's settings.
///
/// # Errors
/// The key, what was found and what was expected.
pub(crate) fn preprocess_of(config: &Value, kind: EncoderKind) -> Result<Preprocess, String> {
    let Class { defaults, square } = class_of(config, kind);
    let get = |key: &str| config.get(key).filter(|value| !value.is_null());
    let flag = |key: &str, default: bool| match get(key) {
        None => Ok(default),
        Some(value) => value
            .as_bool()
            .ok_or(format!("{key} is {value}; expected true or false")),
    };
    if let Some(key) = FOREIGN
        .into_iter()
        .find(|key| get(key).is_some_and(|value| *value != Value::Bool(false)))
    {
        return Err(format!("{key} is {}; this step is not done here", config[key]));
    }
    let named = name_of(config);
    let crop_size = (get("do_center_crop") == Some(&Value::Bool(true))).then_some("crop_size");
    if !(named.is_empty() || KNOWN.iter().any(|known| named.starts_with(known)))
        && let Some(key) = SAID.into_iter().chain(crop_size).find(|key| get(key).is_none())
    {
        return Err(format!(
            "the image processor is a {named:?}, whose defaults are not known here, and {key} is not given; write it, or name a class \
             that begins with {}",
            KNOWN.join(", ")
        ));
    }
    let square = flag("default_to_square", square)?;
    let resize = match get("size") {
        _ if !flag("do_resize", true)? => Resize::None,
        None => defaults.resize,
        Some(size) => match (part(size, "shortest_edge"), part(size, "longest_edge")) {
            (_, Some(_)) => {
                return Err(format!("size is {size}; a limit of the long side is not read"));
            }
            (Some(edge), None) => Resize::ShortSide(side("size", edge)?),
            (None, None) if size.is_number() && !square => Resize::ShortSide(side("size", size)?),
            (None, None) => sides("size", size).map(|(width, height)| Resize::Exact(width, height))?,
        },
    };
    let centre_crop = match get("crop_size") {
        _ if !flag("do_center_crop", defaults.centre_crop.is_some())? => None,
        Some(size) => Some(sides("crop_size", size)?),
        // The class's own, whatever `size` is.
        None => Some(defaults.centre_crop.ok_or(
            "do_center_crop is true and crop_size is not given; expected a size such as 224, as this class has no default",
        )?),
    };
    let filter = match get("resample") {
        None => defaults.filter,
        Some(value) => match value.as_u64() {
            Some(1) => Filter::Lanczos,
            Some(2) => Filter::Bilinear,
            Some(3) => Filter::Bicubic,
            _ => {
                return Err(format!(
                    "resample is {value}; expected 1 (Lanczos), 2 (bilinear) or 3 (bicubic)"
                ));
            }
        },
    };
    let (mean, std) = if flag("do_normalize", true)? {
        (
            triple("image_mean", get("image_mean"), defaults.mean)?,
            triple("image_std", get("image_std"), defaults.std)?,
        )
    } else {
        ([0.0; 3], [1.0; 3])
    };
    if std.iter().any(|&s| s <= 0.0) {
        return Err(format!("image_std is {std:?}; expected more than 0"));
    }
    let factor = match get("rescale_factor") {
        _ if !flag("do_rescale", true)? => 1.0,
        None => 1.0 / 255.0,
        Some(value) => value
            .as_f64()
            .filter(|factor| (1e-6..=1e3).contains(factor))
            .ok_or(format!(
                "rescale_factor is {value}; expected a number above 0 such as 1/255"
            ))?,
    };
    // Pixels are divided by 255 here: another factor goes into mean and deviation.
    let scale = factor * 255.0;
    let scaled = |values: [f32; 3]| values.map(|value| (f64::from(value) / scale) as f32);
    let plain = (scale - 1.0).abs() < 1e-6;
    Ok(Preprocess {
        resize,
        filter,
        centre_crop,
        grayscale: false,
        mean: if plain { mean } else { scaled(mean) },
        std: if plain { std } else { scaled(std) },
    })
}

/// A part of a size that is given.
fn part<'a>(size: &'a Value, key: &str) -> Option<&'a Value> {
    size.get(key).filter(|value| !value.is_null())
}

fn side(key: &str, value: &Value) -> Result<u32, String> {
    value
        .as_u64()
        .and_then(|n| u32::try_from(n).ok())
        .filter(|n| (1..=4096).contains(n))
        .ok_or(format!("{key}: {value} is no size; expected 1 to 4096"))
}

/// Width and height: both named, in a list (height first), or one number for both.
fn sides(key: &str, value: &Value) -> Result<(u32, u32), String> {
    let named = part(value, "height").zip(part(value, "width"));
    let listed = match value.as_array().map(Vec::as_slice) {
        Some([height, width]) => Some((height, width)),
        _ => None,
    };
    match named.or(listed) {
        Some((height, width)) => Ok((side(key, width)?, side(key, height)?)),
        None => side(key, value).map(|n| (n, n)),
    }
}

/// Three numbers, or one for all channels.
fn triple(key: &str, value: Option<&Value>, default: [f32; 3]) -> Result<[f32; 3], String> {
    let Some(value) = value else {
        return Ok(default);
    };
    let number = |value: &Value| value.as_f64().map(|n| n as f32).filter(|n| n.is_finite());
    let numbers = match (number(value), value.as_array()) {
        (Some(number), _) => Some([number; 3]),
        (None, Some(list)) => {
            let numbers: Option<Vec<f32>> = list.iter().map(number).collect();
            numbers.and_then(|numbers| numbers.try_into().ok())
        }
        _ => None,
    };
    numbers.ok_or(format!(
        "{key} is {value}; expected three numbers, or one for all channels"
    ))
}

/// Pre-processing in words, for the screen: `short side 224 bicubic, crop 224 x 224, mean …, std … (preprocessor_config.json)`.
pub(super) fn in_words(preprocess: &Preprocess, from: &str) -> String {
    let filter = match preprocess.filter {
        Filter::Bilinear => "bilinear",
        Filter::Bicubic => "bicubic",
        Filter::Lanczos => "Lanczos",
    };
    let resize = match preprocess.resize {
        Resize::ShortSide(side) => format!("short side to {side} ({filter})"),
        Resize::Exact(width, height) => format!("to {width} x {height} ({filter})"),
        Resize::None => "not resized".to_owned(),
    };
    let crop = preprocess.centre_crop.map_or_else(
        || "not cropped".to_owned(),
        |(width, height)| format!("crop {width} x {height}"),
    );
    let values = |values: [f32; 3]| values.map(|value| value.to_string()).join(" ");
    format!(
        "{resize}, {crop}, mean {}, std {} (from {from})",
        values(preprocess.mean),
        values(preprocess.std)
    )
}
