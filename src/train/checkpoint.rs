//! Checkpoints: everything that a run needs to go on as if it had never stopped, in one file that is whole or absent.
//!
//! Parameters, moments and counts lie in a safetensors file as exact f32; the rest (epoch, step, history) is JSON in its
//! metadata, with floating-point numbers as their bits. Random streams are opened anew for every step and need no state.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use burn::tensor::Tensor;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::disk::atomic;
use crate::error::{Context, Error, Result};
use crate::model::aura::Aura;
use crate::model::math::{host, matrix};
use crate::model::moments::{Age, Moments};
use crate::model::params::Store;
use crate::progress::Progress;
use crate::there;

use super::flow::{Look, Move};

/// The metadata key under which the JSON part lies; a single key, so that the same state gives the same bytes.
pub const METADATA: &str = "aura-bench";

/// One number of the training curves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// 1-based epoch.
    pub epoch: usize,
    /// `train`, `val`, `test` or `all`.
    pub split: String,
    /// Name of the metric.
    pub metric: String,
    /// The value's bits: JSON numbers do not promise to come back unchanged.
    bits: u64,
}

impl Point {
    /// A point with this value.
    pub fn new(epoch: usize, split: &str, metric: &str, value: f64) -> Self {
        Self {
            epoch,
            split: split.to_owned(),
            metric: metric.to_owned(),
            bits: value.to_bits(),
        }
    }

    /// The value.
    pub fn value(&self) -> f64 {
        f64::from_bits(self.bits)
    }
}

/// One reset as it is recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResetRecord {
    /// 1-based epoch.
    pub epoch: usize,
    /// The archetype.
    pub archetype: usize,
    /// Bits of its share before.
    pub alpha_bits: u64,
    /// Row of the training split that took its place.
    pub row: usize,
}

/// The best epoch so far, by the selection rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// 1-based epoch.
    pub epoch: usize,
    /// Bits of its selection metric.
    pub bits: u64,
}

/// Where a run stands, apart from its tensors.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Position {
    /// Epochs done.
    pub epoch: usize,
    /// Steps done of the next epoch.
    pub step: usize,
    /// Training curves so far.
    pub history: Vec<Point>,
    /// Resets so far.
    pub resets: Vec<ResetRecord>,
    /// Moves between archetypes so far.
    #[serde(default)]
    pub moves: Vec<Move>,
    /// The selected epoch so far.
    pub best: Option<Best>,
    /// Whether training ended before the last epoch.
    pub stopped: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    schema: u32,
    digest: String,
    position: Position,
    /// Epochs of the looks that lie among the matrices.
    #[serde(default)]
    look: Option<usize>,
    #[serde(default)]
    best_look: Option<usize>,
}

/// The form of the file. Those of form 1 did not know what was nearest to what.
const SCHEMA: u32 = 2;

/// Named matrices.
pub type Tensors = Vec<(String, Tensor<2>)>;

/// The tensors of a model: parameters with moments, and counts.
///
/// # Errors
/// [`Error::Data`] if a parameter has no moments.
pub fn tensors_of(model: &Aura, prefix: &str, moments: bool) -> Result<Tensors> {
    let mut all = Vec::new();
    for name in model.store.names() {
        all.push((format!("{prefix}{name}"), model.store.value(&name)?));
        if moments {
            all.extend(moments_of(&model.store, prefix, &name)?);
        }
    }
    let b = &model.buffers;
    for (name, tensor) in [
        ("usage", &b.usage),
        ("size", &b.size),
        ("mean", &b.mean),
        ("labels", &b.labels),
        ("known", &b.known),
        ("alive", &b.alive),
    ] {
        all.push((format!("{prefix}buffer.{name}"), tensor.clone()));
    }
    Ok(all)
}

/// The moments of a parameter: `<prefix><name>#first`, `#second`, `#age`.
///
/// # Errors
/// [`Error::Data`] if there is no such parameter.
pub fn moments_of(store: &Store, prefix: &str, name: &str) -> Result<Tensors> {
    let Moments { first, second, age } = store.moments(name)?;
    let age = age.tensor(&first.device());
    let named = [("first", first), ("second", second), ("age", age)];
    Ok(named
        .map(|(what, tensor)| (format!("{prefix}{name}#{what}"), tensor))
        .into())
}

/// Puts moments back that [`moments_of`] named.
///
/// # Errors
/// [`Error::Data`] if a tensor is missing or has another shape than the parameter's.
pub fn put_moments_back(store: &mut Store, prefix: &str, name: &str, tensors: &Loaded) -> Result<()> {
    let there = store.moments(name)?;
    let device = there.first.device();
    let take = |what: &str, shape| tensors.tensor(&format!("{prefix}{name}#{what}"), shape, &device);
    let (first, second) = (take("first", there.first.dims())?, take("second", there.second.dims())?);
    let age = take("age", there.age.tensor(&device).dims())?;
    let age = match there.age {
        Age::Rows(_) => Age::Rows(age),
        Age::Whole(_) => Age::Whole(host(age)?.first().map_or(0, |steps| *steps as u64)),
    };
    store.set_moments(name, Moments { first, second, age })
}

/// Puts tensors back that [`tensors_of`] named. Every shape must be the model's own.
fn put_back(model: &mut Aura, prefix: &str, moments: bool, tensors: &Loaded) -> Result<()> {
    let device = model.device().clone();
    let take = |name: String, like: &Tensor<2>| tensors.tensor(&name, like.dims(), &device);
    for name in model.store.names() {
        let value = take(format!("{prefix}{name}"), &model.store.value(&name)?)?;
        model.store.set(&name, value)?;
        if moments {
            put_moments_back(&mut model.store, prefix, &name, tensors)?;
        }
    }
    let b = &mut model.buffers;
    for (name, tensor) in [
        ("usage", &mut b.usage),
        ("size", &mut b.size),
        ("mean", &mut b.mean),
        ("labels", &mut b.labels),
        ("known", &mut b.known),
        ("alive", &mut b.alive),
    ] {
        *tensor = take(format!("{prefix}buffer.{name}"), tensor)?;
    }
    Ok(())
}

/// The checkpoint file of a seed's folder.
pub fn path(seed_folder: &Path) -> PathBuf {
    seed_folder.join("checkpoint").join("state.safetensors")
}

/// Whether an earlier call left part of a seed's training in its folder.
pub fn begun(seed_folder: &Path) -> bool {
    seed_folder.join("checkpoint").is_dir()
}

/// The file beside it that tells those who watch how far training is (`live.rs`).
pub const CURVES: &str = ".curves.json";

/// Removes the checkpoint of a seed's folder, once its results are written.
///
/// # Errors
/// [`Error::Io`] if it is there and cannot be removed.
pub fn discard(seed_folder: &Path) -> Result<()> {
    let folder = seed_folder.join("checkpoint");
    let curves = seed_folder.join(CURVES);
    // A file system that only reads refuses to remove even what is not there.
    if there::is_file(&curves)? {
        std::fs::remove_file(&curves).at("remove", &curves)?;
    }
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).at("remove", &folder),
        _ => Ok(()),
    }
}

/// A running seed.
#[derive(Debug, Clone)]
pub struct State {
    /// The model being trained.
    pub model: Aura,
    /// The model of the selected epoch.
    pub best: Option<Aura>,
    /// Sums of the losses over the steps of the epoch, 1 × 7.
    pub sums: Tensor<2>,
    /// Usage counts when the epoch began, 1 × K.
    pub usage_before: Tensor<2>,
    /// The last look at what is nearest to what.
    pub look: Option<Look>,
    /// The last one up to the selected epoch.
    pub best_look: Option<Look>,
    /// Everything else.
    pub position: Position,
}

/// Writes the state of a run.
///
/// # Errors
/// [`Error::Io`] if the file cannot be written; [`Error::Device`] if the device fails.
pub fn save(file: &Path, digest: &str, state: &State) -> Result<()> {
    let mut tensors = tensors_of(&state.model, "model/", true)?;
    tensors.push(("sums".into(), state.sums.clone()));
    tensors.push(("usage_before".into(), state.usage_before.clone()));
    if let Some(best) = &state.best {
        tensors.extend(tensors_of(best, "best/", false)?);
    }
    let looks = [("look", &state.look), ("best_look", &state.best_look)];
    tensors.extend(looks.into_iter().filter_map(|(name, look)| {
        let nearest = &look.as_ref()?.nearest;
        // Whole numbers up to 2²⁴ are exact, and no dictionary has as many entries.
        let values = nearest.iter().map(|&archetype| archetype as f32).collect();
        Some((name.to_owned(), matrix(values, 1, nearest.len(), state.model.device())))
    }));
    let epoch = |look: &Option<Look>| look.as_ref().map(|look| look.epoch);
    let header = Header {
        schema: SCHEMA,
        digest: digest.to_owned(),
        position: state.position.clone(),
        look: epoch(&state.look),
        best_look: epoch(&state.best_look),
    };
    let json = serde_json::to_string(&header).at("write", file)?;
    atomic::write(file, &encode(&tensors, json, file)?)
}

/// Reads the state of an interrupted run into `state`. Returns false, and changes nothing, if there is no checkpoint, if it is
/// damaged, or if it belongs to other settings or data.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read, [`Error::Data`] if its matrices are not the model's.
pub fn resume(file: &Path, digest: &str, state: &mut State, progress: Progress) -> Result<bool> {
    let Some(loaded) = Loaded::left(file, progress)? else {
        return Ok(false);
    };
    let header: Header = serde_json::from_str(&loaded.json).map_err(|e| damaged(file, &e.to_string()))?;
    if header.schema != SCHEMA || header.digest != digest {
        tracing::info!(
            "the checkpoint {} belongs to other settings; training starts anew",
            file.display()
        );
        return Ok(false);
    }
    let mut fresh = state.clone();
    let device = fresh.model.device().clone();
    put_back(&mut fresh.model, "model/", true, &loaded)?;
    fresh.sums = loaded.tensor("sums", fresh.sums.dims(), &device)?;
    fresh.usage_before = loaded.tensor("usage_before", fresh.usage_before.dims(), &device)?;
    fresh.best = if header.position.best.is_some() {
        let mut best = fresh.model.clone();
        put_back(&mut best, "best/", false, &loaded)?;
        Some(best)
    } else {
        None
    };
    fresh.look = loaded.look("look", header.look)?;
    fresh.best_look = loaded.look("best_look", header.best_look)?;
    fresh.position = header.position;
    *state = fresh;
    Ok(true)
}

fn damaged(file: &Path, what: &str) -> Error {
    Error::data(format!("{} is damaged ({what}); remove it", file.display()))
}

/// Matrices and a JSON text as one safetensors file, with a digest of both.
///
/// # Errors
/// [`Error::Io`] if they cannot be encoded; [`Error::Device`] if the device fails.
pub fn encode(tensors: &[(String, Tensor<2>)], json: String, file: &Path) -> Result<Vec<u8>> {
    let mut buffers = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let bytes: Vec<u8> = host(tensor.clone())?.into_iter().flat_map(f32::to_le_bytes).collect();
        buffers.push((name, tensor.dims(), bytes));
    }
    let parts = buffers
        .iter()
        .map(|(name, dims, bytes)| (name.as_str(), &dims[..], &bytes[..]));
    let content = Content {
        sum: sum_of(&json, parts),
        json,
    };
    let json = serde_json::to_string(&content).at("encode", file)?;
    let views = buffers
        .iter()
        .map(|(name, dims, bytes)| TensorView::new(Dtype::F32, dims.to_vec(), bytes).map(|view| (name.as_str(), view)))
        .collect::<std::result::Result<Vec<_>, _>>()
        .at("encode", file)?;
    safetensors::serialize(views, Some(HashMap::from([(METADATA.to_owned(), json)]))).at("encode", file)
}

/// What lies in the metadata of a file.
#[derive(Debug, Serialize, Deserialize)]
struct Content {
    /// BLAKE3 of the text and of all matrices.
    sum: String,
    /// The text.
    json: String,
}

/// The digest of a text and of matrices (name, dimensions, bytes), whatever their order.
fn sum_of<'a>(json: &str, matrices: impl Iterator<Item = (&'a str, &'a [usize], &'a [u8])>) -> String {
    let mut matrices: Vec<_> = matrices.collect();
    matrices.sort_unstable_by_key(|(name, ..)| *name);
    let mut digest = Digest::new("matrices").part("json", json);
    for (name, dims, bytes) in matrices {
        digest = digest.part(&format!("{name} {dims:?}"), bytes);
    }
    digest.finish()
}

/// A safetensors file of f32 matrices in memory.
#[derive(Debug)]
pub struct Loaded {
    /// The JSON text of its metadata.
    pub json: String,
    matrices: std::collections::BTreeMap<String, ([usize; 2], Vec<f32>)>,
    file: PathBuf,
}

impl Loaded {
    /// Reads what an interrupted call left; `None` if that is nothing, or damaged, which is said.
    ///
    /// # Errors
    /// [`Error::Io`] if the file is there and cannot be read.
    pub fn left(file: &Path, progress: Progress) -> Result<Option<Self>> {
        if !there::is_file(file)? {
            return Ok(None);
        }
        match Self::read(file) {
            Ok(loaded) => Ok(Some(loaded)),
            Err(Error::Data { .. }) => {
                progress.line(&format!(
                    "            begun again, because {} is damaged",
                    file.display()
                ));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads a file that [`encode`] made.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Data`] if it is damaged or of another kind.
    pub fn read(file: &Path) -> Result<Self> {
        let bytes = std::fs::read(file).at("read", file)?;
        let broken = |e: safetensors::SafeTensorError| damaged(file, &e.to_string());
        let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(broken)?;
        let Content { sum, json } = metadata
            .metadata()
            .as_ref()
            .and_then(|map| serde_json::from_str(map.get(METADATA)?).ok())
            .ok_or_else(|| damaged(file, "it was not written by this version of aura-bench"))?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(broken)?;
        let views = tensors.tensors();
        let parts = views
            .iter()
            .map(|(name, view)| (name.as_str(), view.shape(), view.data()));
        if sum_of(&json, parts) != sum {
            return Err(damaged(file, "it is not what was written"));
        }
        let mut matrices = std::collections::BTreeMap::new();
        for (name, view) in views {
            let &[rows, cols] = view.shape() else {
                return Err(damaged(file, &format!("{name} is not a matrix")));
            };
            if view.dtype() != Dtype::F32 {
                return Err(damaged(file, &format!("{name} is not of type f32")));
            }
            let values = view
                .data()
                .as_chunks::<4>()
                .0
                .iter()
                .map(|&bytes| f32::from_le_bytes(bytes))
                .collect();
            matrices.insert(name, ([rows, cols], values));
        }
        Ok(Self {
            json,
            matrices,
            file: file.to_owned(),
        })
    }

    /// The matrix of this name and shape, on the device.
    ///
    /// # Errors
    /// [`Error::Data`] if it is missing or has another shape.
    pub fn tensor(&self, name: &str, dims: [usize; 2], device: &burn::tensor::Device) -> Result<Tensor<2>> {
        match self.matrices.get(name) {
            Some((shape, values)) if *shape == dims => Ok(matrix(values.clone(), dims[0], dims[1], device)),
            Some((shape, _)) => Err(damaged(&self.file, &format!("{name} is {shape:?}, expected {dims:?}"))),
            None => Err(damaged(&self.file, &format!("{name} is missing"))),
        }
    }

    /// The look of this name, if there was one.
    fn look(&self, name: &str, epoch: Option<usize>) -> Result<Option<Look>> {
        let Some(epoch) = epoch else {
            return Ok(None);
        };
        let (_, values) = self
            .matrices
            .get(name)
            .ok_or_else(|| damaged(&self.file, &format!("{name} is missing")))?;
        let nearest = values.iter().map(|&archetype| archetype as usize).collect();
        Ok(Some(Look { epoch, nearest }))
    }

    /// Names and shapes of all matrices.
    pub fn shapes(&self) -> impl Iterator<Item = (&str, [usize; 2])> {
        self.matrices.iter().map(|(name, (dims, _))| (name.as_str(), *dims))
    }
}
