//! CLIP, DINO and `DINOv2` as frozen encoders: weights, pre-processing and the transformer put together.

use std::path::Path;

use ::image::RgbImage;
use burn::tensor::Device;
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::image::{Preprocess, Resize};
use crate::naming::RANDOM;

use super::architecture::{Architecture, Global};
use super::config::{EncoderConfig, EncoderKind};
use super::hub::HubModel;
use super::interface::{Encoded, Encoder, TokenShape};
use super::model_folder::{files_of, named_architecture, read_architecture};
use super::processor::{default_preprocess, in_words, read_preprocess};
use super::stored::is_pickle;
use super::vit::{Precision, Vit};
use super::weights::Weights;

/// A vision transformer with frozen weights.
#[derive(Debug)]
pub struct Frozen {
    kind: EncoderKind,
    vit: Vit,
    preprocess: Preprocess,
    preprocess_from: &'static str,
    global: Global,
    precision: Precision,
    weights: String,
}

impl Frozen {
    /// Loads the encoder that `config` names onto `device`.
    ///
    /// # Errors
    /// [`Error::Data`] if there are no weights, or they are not of the architecture; [`Error::Io`] if a file cannot be read;
    /// [`Error::Usage`] for an unknown architecture or an input size that does not fit.
    pub fn load(config: &EncoderConfig, device: &Device) -> Result<Self> {
        let mut opened = Opened::open(config)?;
        let vit = Vit::new(
            &opened.architecture,
            opened.size,
            config.global,
            config.precision,
            device,
            |name| opened.weights.take(name),
        )?;
        let digest = opened.weights.digest;
        Ok(Self {
            kind: config.kind,
            vit,
            preprocess: opened.preprocess,
            preprocess_from: opened.preprocess_from,
            global: config.global,
            precision: config.precision,
            weights: digest,
        })
    }
}

impl Encoder for Frozen {
    fn name(&self) -> &str {
        self.kind.as_str()
    }

    fn describe(&self) -> Value {
        json!({
            "kind": self.kind.as_str(),
            "version": 2,
            "architecture": self.vit.architecture(),
            "preprocess": self.preprocess,
            "preprocess_from": self.preprocess_from,
            "global": self.global,
            "precision": self.precision,
            "weights": self.weights,
        })
    }

    fn preprocessing(&self) -> Option<String> {
        Some(in_words(&self.preprocess, self.preprocess_from))
    }

    fn global_dim(&self) -> usize {
        self.vit.global_dim()
    }

    fn tokens(&self) -> Option<TokenShape> {
        Some(self.vit.tokens())
    }

    fn batch_size(&self) -> usize {
        self.vit.batch_size()
    }

    fn prepare(&self, image: &RgbImage) -> Result<RgbImage> {
        self.preprocess.pixels(image)
    }

    fn forward(&self, prepared: &[RgbImage]) -> Result<Vec<Encoded>> {
        self.vit.encode(prepared, &self.preprocess)
    }
}

/// Values of the global vector and the grid of tokens of the model that `config` names; of one that is not on this machine, those
/// of its family's usual size. `None` if nothing of it can be known yet.
pub(super) fn shape(config: &EncoderConfig) -> Option<(usize, TokenShape)> {
    let there = config
        .weights
        .as_deref()
        .is_some_and(|weights| HubModel::parse(weights).is_none());
    let (architecture, mut preprocess) = if there {
        let Parts {
            architecture,
            preprocess: (preprocess, _),
            ..
        } = Parts::find(config).ok()?;
        (architecture, preprocess)
    } else {
        let name = config
            .architecture
            .as_deref()
            .unwrap_or(default_architecture(config.kind));
        let architecture = named_architecture(config.kind, name).ok()?;
        let (preprocess, _) = default_preprocess(config.kind, &architecture);
        (architecture, preprocess)
    };
    if let Some(size) = config.input_size {
        resize_input(&mut preprocess, size);
    }
    let side = architecture.grid(input_side(&preprocess).ok()? as usize);
    let projected = architecture.projection.filter(|_| config.global == Global::Projected);
    let tokens = TokenShape {
        rows: side,
        cols: side,
        width: architecture.hidden,
    };
    Some((projected.unwrap_or(architecture.hidden), tokens))
}

/// A model with its weights in host memory.
pub(crate) struct Opened {
    pub(crate) architecture: Architecture,
    pub(crate) preprocess: Preprocess,
    /// The file that it is from.
    pub(crate) preprocess_from: &'static str,
    /// Pixels a side of its input.
    pub(crate) size: usize,
    pub(crate) weights: Weights,
}

impl Opened {
    /// Finds and reads what `config` names, which lies on this machine.
    pub(crate) fn open(config: &EncoderConfig) -> Result<Self> {
        let Parts {
            mut architecture,
            preprocess: (mut preprocess, preprocess_from),
            source,
        } = Parts::find(config)?;
        if config.global != Global::Projected {
            architecture.projection = None;
        }
        if let Some(size) = config.input_size {
            resize_input(&mut preprocess, size);
        }
        let size = input_side(&preprocess)? as usize;
        let weights = match source {
            WeightSource::Random(seed) => Weights::random(&architecture, seed),
            WeightSource::Files(files) => Weights::read(&files, &mut architecture, config.architecture.is_some())?,
        };
        Ok(Self {
            architecture,
            preprocess,
            preprocess_from,
            size,
            weights,
        })
    }
}

enum WeightSource {
    Random(u64),
    Files(Vec<std::path::PathBuf>),
}

/// What an encoder is made of, before its weights are read.
struct Parts {
    architecture: Architecture,
    /// With the file that it is from.
    preprocess: (Preprocess, &'static str),
    source: WeightSource,
}

impl Parts {
    fn find(config: &EncoderConfig) -> Result<Self> {
        let kind = config.kind;
        let Some(weights) = config.weights.as_deref() else {
            return Err(Error::data(format!(
                "encoder.kind = \"{}\" needs weights, and encoder.weights is not set: set it to the file that goes with \
                 encoder.architecture, or to a folder with the model's config.json, preprocessor_config.json and \
                 model.safetensors (or \"random:0\" to try the program out with weights that mean nothing); without \
                 encoder.architecture, {} is fetched",
                kind.as_str(),
                kind.published().unwrap_or_default()
            )));
        };
        if let Some(seed) = weights.strip_prefix(RANDOM) {
            let seed = seed.parse().map_err(|_| {
                Error::Usage(format!(
                    "encoder.weights = \"{weights}\"; expected \"random:SEED\" with a whole number"
                ))
            })?;
            let name = config.architecture.as_deref().unwrap_or(default_architecture(kind));
            let architecture = named_architecture(kind, name)?;
            return Ok(Self {
                preprocess: default_preprocess(kind, &architecture),
                architecture,
                source: WeightSource::Random(seed),
            });
        }
        let path = Path::new(weights);
        if path.is_dir() {
            let architecture = match &config.architecture {
                Some(name) => named_architecture(kind, name)?,
                None => read_architecture(path, kind)?,
            };
            return Ok(Self {
                preprocess: read_preprocess(path, kind, &architecture)?,
                architecture,
                source: WeightSource::Files(files_of(path)?),
            });
        }
        exists(kind, weights)?;
        if path.extension().is_none_or(|extension| extension != "safetensors") && !is_pickle(path) {
            return Err(Error::data(format!(
                "encoder.weights = \"{weights}\": expected a folder, or a file ending in .safetensors, .pth, .pt or .bin"
            )));
        }
        let Some(name) = &config.architecture else {
            return Err(Error::Usage(format!(
                "encoder.weights = \"{weights}\" is a single file, which does not say how its model is built; set \
                 encoder.architecture, for example \"{}\"",
                default_architecture(kind)
            )));
        };
        let architecture = named_architecture(kind, name)?;
        Ok(Self {
            preprocess: default_preprocess(kind, &architecture),
            architecture,
            source: WeightSource::Files(vec![path.to_owned()]),
        })
    }
}

fn default_architecture(kind: EncoderKind) -> &'static str {
    if kind == EncoderKind::Dinov2 {
        "vit-b-14"
    } else {
        "vit-b-16"
    }
}

/// Checks that there is something at the path `weights`.
pub(super) fn exists(kind: EncoderKind, weights: &str) -> Result<()> {
    if Path::new(weights).exists() {
        return Ok(());
    }
    Err(Error::missing_weights(format!(
        "encoder.weights = \"{weights}\": there is no such file or folder; expected a model folder or a safetensors file, for \
         example of {}",
        kind.published().unwrap_or_default()
    )))
}

/// Another input size: the resize before the crop grows or shrinks with it.
fn resize_input(preprocess: &mut Preprocess, size: u32) {
    let crop = preprocess.centre_crop.map(|(width, _)| width);
    preprocess.resize = match preprocess.resize {
        Resize::ShortSide(short) => {
            let scaled = u64::from(short) * u64::from(size) / u64::from(crop.unwrap_or(short).max(1));
            Resize::ShortSide(u32::try_from(scaled).unwrap_or(size).max(size))
        }
        Resize::Exact(..) | Resize::None => Resize::Exact(size, size),
    };
    if crop.is_some() || matches!(preprocess.resize, Resize::ShortSide(_)) {
        preprocess.centre_crop = Some((size, size));
    }
}

/// The side of the square that pre-processing always gives.
fn input_side(preprocess: &Preprocess) -> Result<u32> {
    match (preprocess.centre_crop, preprocess.resize) {
        (Some((width, height)), _) | (None, Resize::Exact(width, height)) if width == height => Ok(width),
        _ => Err(Error::data(
            "the encoder's pre-processing does not give square images of one size; set encoder.input_size",
        )),
    }
}
