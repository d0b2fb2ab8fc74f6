//! Weights of vision transformers, from files of tensors in any of the naming schemes of [`super::scheme`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::error::{Error, Result};
use crate::naming::RANDOM;

use super::architecture::Architecture;
use super::scheme::Scheme;
use super::stored::Stored;

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
            digest: format!("{RANDOM}{seed}"),
        }
    }

    /// Reads the parameters of `architecture` from safetensors files, or from `PyTorch` state dicts (`.pth`, `.pt`, `.bin`). Of an
    /// architecture that was only `named`, registers and the size that positions were trained on are as the file has them.
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be read or is damaged; [`Error::Data`] if tensors are missing, left over, or misshapen,
    /// with their names.
    pub fn read(files: &[PathBuf], architecture: &mut Architecture, named: bool) -> Result<Self> {
        let mut hasher = blake3::Hasher::new();
        let mut stored: BTreeMap<String, Stored> = BTreeMap::new();
        for file in files {
            for (name, tensor) in Stored::open(file, &mut hasher)? {
                if stored.contains_key(&name) {
                    return Err(Error::data(format!(
                        "{} holds the tensor {name}, which another file of the model holds too",
                        file.display()
                    )));
                }
                stored.insert(name, tensor);
            }
        }
        let names: BTreeSet<&str> = stored.keys().map(String::as_str).collect();
        let shown = files.first().map(|f| f.display().to_string()).unwrap_or_default();
        let detected = Scheme::detect(&names).map_err(|prefixes| {
            Error::data(format!(
                "{shown} holds several vision transformers, whose tensors begin with {}; expected one, or one with \"teacher\" \
                 in its name",
                prefixes.join(", ")
            ))
        })?;
        let Some((scheme, prefix)) = detected else {
            return Err(Error::data(format!(
                "{shown} holds no vision transformer that is known here (CLIP, DINO or DINOv2 in the naming of transformers, \
                 open_clip, timm or the original releases); {}",
                match names.len() {
                    0 => "it has no tensors".to_owned(),
                    count => format!(
                        "it has {count} tensors, among them {}",
                        list(&names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>())
                    ),
                }
            )));
        };
        drop(names);
        let stored = unchunked(stored, scheme, &prefix);
        if named {
            adapt(architecture, &stored, scheme, &prefix);
        }
        let architecture = &*architecture;
        let mut used = BTreeSet::new();
        let (mut missing, mut misshapen, mut broken) = (Vec::new(), Vec::new(), Vec::new());
        let mut values = BTreeMap::new();
        for (name, shape) in architecture.parameters() {
            let source = scheme.source(&name, architecture);
            let full = format!("{prefix}{}", source.name);
            let Some(view) = stored.get(&full) else {
                note(&mut missing, full);
                continue;
            };
            let wanted = source.stored_shape(&shape);
            // Leading axes of length 1, as in a class token of shape (1, 1, D), say nothing.
            let stripped = |shape: &[usize]| -> Vec<usize> {
                let keep = shape.iter().position(|&n| n != 1).unwrap_or(shape.len());
                shape[keep..].to_vec()
            };
            if stripped(view.shape()) != stripped(&wanted) {
                note(
                    &mut misshapen,
                    format!("{full} is {:?}, expected {wanted:?}", view.shape()),
                );
                used.insert(full);
                continue;
            }
            let all = view
                .floats()
                .map_err(|error| Error::data(format!("failed to read {full} of {shown}: {error}")))?;
            if all.iter().any(|value| !value.is_finite()) {
                note(&mut broken, full.clone());
            }
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
        if !broken.is_empty() {
            return Err(Error::data(format!(
                "the weights {shown} hold values that are not finite numbers, in {} tensors: {}",
                broken.len(),
                list(&broken)
            )));
        }
        Ok(Self {
            values,
            digest: hasher.finalize().to_hex().to_string(),
        })
    }
}

/// The tensors with their blocks numbered through: trainings that spread a model over machines keep blocks in chunks, as
/// `blocks.CHUNK.BLOCK`, and number them through or anew in every chunk.
fn unchunked(stored: BTreeMap<String, Stored>, scheme: Scheme, prefix: &str) -> BTreeMap<String, Stored> {
    let stem = format!("{prefix}blocks.");
    let place = |name: &str| -> Option<(usize, usize, String)> {
        let mut parts = name.strip_prefix(&stem)?.splitn(3, '.');
        let (chunk, block) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some((chunk, block, parts.next()?.to_owned()))
    };
    let places: BTreeSet<(usize, usize)> = stored
        .keys()
        .filter_map(|name| place(name).map(|(chunk, block, _)| (chunk, block)))
        .collect();
    if scheme != Scheme::Timm || places.is_empty() {
        return stored;
    }
    let blocks: BTreeSet<usize> = places.iter().map(|(_, block)| *block).collect();
    let through = blocks.len() == places.len();
    let number: BTreeMap<(usize, usize), usize> = places.into_iter().zip(0..).collect();
    stored
        .into_iter()
        .map(|(name, tensor)| match place(&name) {
            Some((_, block, rest)) if through => (format!("{stem}{block}.{rest}"), tensor),
            Some((chunk, block, rest)) => (format!("{stem}{}.{rest}", number[&(chunk, block)]), tensor),
            None => (name, tensor),
        })
        .collect()
}

/// Registers and trained size as the tensors have them.
fn adapt(architecture: &mut Architecture, stored: &BTreeMap<String, Stored>, scheme: Scheme, prefix: &str) {
    let rows = |parameter: &str, architecture: &Architecture| {
        let shape = stored
            .get(&format!("{prefix}{}", scheme.source(parameter, architecture).name))?
            .shape();
        let (width, rows) = shape.split_last()?;
        (*width == architecture.hidden).then(|| rows.iter().product::<usize>())
    };
    if let Some(registers) = rows("registers", architecture) {
        architecture.registers = registers;
    }
    if let Some(patches) = rows("position", architecture).and_then(|rows| rows.checked_sub(1)) {
        let side = patches.isqrt();
        let size = side * architecture.patch_size;
        if side * side == patches && side != architecture.grid(architecture.image_size) {
            architecture.image_size = size;
        }
    }
}

/// Adds a name once: queries, keys and values may lie in one tensor.
fn note(names: &mut Vec<String>, name: String) {
    if !names.contains(&name) {
        names.push(name);
    }
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
    const PREFIXES: [&str; 17] = [
        "text.",
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
