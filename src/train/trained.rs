//! The frozen model: what inference needs, and its file.

use std::ops::Range;
use std::path::Path;

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::disk::atomic;
use crate::error::{Context, Error, Result};
use crate::fitting::map::Fit;
use crate::interrupt::Interrupt;
use crate::model::codebook::cosines;
use crate::model::config::ModelConfig;
use crate::model::math::{host, host_indices, matrix};
use crate::model::params::Leaves;
use crate::model::predict;
use crate::model::projector::{Masks, Projector};
use crate::model::standardise::Standardiser;
use crate::sets::{FeatureSet, Matrix, Rows};
use crate::task::Task;

use super::checkpoint::{Loaded, Tensors, encode};
use super::data::features;
use super::departure::{self, Departure, within};

/// Vectors projected at a time: bounds the memory of a pass over a whole split.
pub(super) const CHUNK: usize = 4096;
/// Samples of a block; the last one is filled up. Products of few rows are computed by other ways than those of many, whose last
/// bits differ: in blocks of one size a sample has the same numbers whatever stands beside it.
const TOGETHER: usize = 512;

/// Projector, kept archetypes and their values, ready for cosine matching.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The task.
    pub task: Task,
    /// Names of the O outputs.
    pub names: Vec<String>,
    /// `[model]` as it was trained.
    pub config: ModelConfig,
    /// Standardisation of the features.
    pub standardiser: Standardiser,
    /// Tokens an image; 1 at the global level.
    pub patches: usize,
    /// Projector parameters.
    pub leaves: Leaves,
    /// Archetypes, K × d unit rows.
    pub dictionary: Tensor<2>,
    /// 1 where the archetype is kept, 1 × K.
    pub alive: Tensor<2>,
    /// Values V, K × O.
    pub value: Tensor<2>,
    /// What becomes of the outputs of each read-out.
    pub fits: Fits,
    /// How far faces depart from their archetypes, where that is read too.
    pub departure: Option<Departure>,
    /// Where the tensors live.
    pub device: Device,
}

/// How the outputs of the two read-outs are fitted to the task.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Fits {
    /// Of the primal read-out.
    pub primal: Fit,
    /// Of the mixture read-out.
    pub mixture: Fit,
}

/// The JSON part of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Description {
    schema: u32,
    task: Task,
    outputs: Vec<String>,
    patches: usize,
    model: ModelConfig,
    /// Absent in files written before outputs were fitted.
    #[serde(default)]
    fits: Fits,
    #[serde(default)]
    departure: Option<departure::Description>,
}

impl Trained {
    /// Unit vectors of all samples, n × d.
    ///
    /// # Errors
    /// [`Error::Data`] if the features do not fit the model, [`Error::Device`] if the device fails; [`Error::Interrupted`].
    pub fn project(&self, set: &FeatureSet, interrupt: &Interrupt) -> Result<Matrix> {
        let (values, patches) = features(set, self.config.level_for(self.task))?;
        let projector = Projector::bind(&self.leaves, self.patches)?;
        if !set.is_empty() && (patches != self.patches || values.cols() != patches * projector.input()) {
            return Err(Error::data(format!(
                "the model was trained on {} vectors of {} values an image, the features have {} of {}",
                self.patches,
                projector.input(),
                patches,
                values.cols() / patches.max(1)
            )));
        }
        project(&projector, &self.standardiser, values, &self.device, interrupt)
    }

    /// Hands out the cosines of unit vectors (n × d) with all archetypes, some hundred rows × K at a time; pruned ones are far
    /// below -1. Rows beyond those of the range are of no sample.
    ///
    /// # Errors
    /// Whatever `each` returns.
    pub fn cosines(
        &self,
        z: &Matrix,
        interrupt: &Interrupt,
        mut each: impl FnMut(Range<usize>, Tensor<2>) -> Result<()>,
    ) -> Result<()> {
        for (rows, points) in blocks(z, &self.device) {
            interrupt.check()?;
            each(rows, cosines(points, self.dictionary.clone(), &self.alive))?;
        }
        Ok(())
    }

    /// The nearest archetype of each unit vector (n × d).
    ///
    /// # Errors
    /// [`Error::Device`] if the device fails.
    pub fn nearest(&self, z: &Matrix, interrupt: &Interrupt) -> Result<Vec<usize>> {
        let mut nearest = Vec::with_capacity(z.rows);
        self.cosines(z, interrupt, |rows, cosines| {
            nearest.extend(host_indices(cosines.argmax(1))?.into_iter().take(rows.len()));
            Ok(())
        })?;
        Ok(nearest)
    }

    /// The archetypes nearest to each unit vector (n × d), `listed` at most, with their cosines, nearest first.
    ///
    /// # Errors
    /// [`Error::Device`] if the device fails.
    pub fn nearest_of_each(&self, z: &Matrix, listed: usize, interrupt: &Interrupt) -> Result<Vec<Vec<(usize, f32)>>> {
        let mut nearest = Vec::with_capacity(z.rows);
        self.cosines(z, interrupt, |rows, cosines| {
            for (_, similarities) in rows.zip(host(cosines)?.chunks_exact(self.config.k_max)) {
                let top = predict::largest(similarities, listed).into_iter();
                // Pruned archetypes lie far below any cosine.
                nearest.push(
                    top.map(|i| (i, similarities[i]))
                        .filter(|(_, cosine)| *cosine > -2.0)
                        .collect(),
                );
            }
            Ok(())
        })?;
        Ok(nearest)
    }

    /// The read-outs of samples with these unit vectors, n × O each, fitted to the task: `aura` (the nearest archetype's value),
    /// `aura_mixture` (all values by similarity), and where there is a departure `aura_tuned`.
    ///
    /// # Errors
    /// [`Error::Data`] if features do not fit the model, [`Error::Device`] if the device fails.
    pub fn read_outs(
        &self,
        set: &FeatureSet,
        z: &Matrix,
        interrupt: &Interrupt,
    ) -> Result<Vec<(&'static str, Vec<f32>)>> {
        let mut read_outs = self.of_archetypes(z, interrupt)?;
        if let Some(departure) = &self.departure {
            let tuned = self.departures(departure, &[departure.strength], set, z, interrupt)?;
            read_outs.extend(tuned.into_iter().map(|outputs| ("aura_tuned", outputs)));
        }
        let tuned = self.departure.as_ref().map(|departure| &departure.fit);
        let fits = [&self.fits.primal, &self.fits.mixture].into_iter().chain(tuned);
        for ((_, outputs), fit) in read_outs.iter_mut().zip(fits) {
            fit.apply(outputs);
        }
        Ok(read_outs)
    }

    /// The two read-outs of archetypes alone, `aura` and `aura_mixture`, not fitted to the task.
    ///
    /// # Errors
    /// [`Error::Device`] if the device fails.
    pub fn of_archetypes(&self, z: &Matrix, interrupt: &Interrupt) -> Result<Vec<(&'static str, Vec<f32>)>> {
        let value = &self.value;
        let (mut primal, mut mixture) = (Vec::new(), Vec::new());
        self.cosines(z, interrupt, |rows, cosines| {
            let of_samples = rows.len() * self.names.len();
            let mixed = predict::mixture(cosines.clone(), value.clone(), self.config.readout_temperature);
            let nearest = predict::primal(cosines, value.clone(), &self.device);
            primal.extend(host(nearest)?.into_iter().take(of_samples));
            mixture.extend(host(mixed)?.into_iter().take(of_samples));
            Ok(())
        })?;
        Ok(vec![("aura", primal), ("aura_mixture", mixture)])
    }

    /// `F(x) + s Σ_k p_k (V_k − f̄_k)` for each strength s, n × O each, not fitted to the task.
    ///
    /// # Errors
    /// As [`Self::read_outs`].
    pub fn departures(
        &self,
        departure: &Departure,
        strengths: &[f64],
        set: &FeatureSet,
        z: &Matrix,
        interrupt: &Interrupt,
    ) -> Result<Vec<Vec<f32>>> {
        let at = &departure.archetypes;
        let at = matrix(at.data.clone(), at.rows, at.cols, &self.device);
        let mut said = Vec::new();
        self.cosines(z, interrupt, |rows, cosines| {
            let value = self.value.clone() - at.clone();
            let mixed = host(predict::mixture(cosines, value, self.config.temperature))?;
            said.extend(mixed.into_iter().take(rows.len() * self.names.len()));
            Ok(())
        })?;
        let base = departure.regression.scores(&set.global, interrupt)?.data;
        let of = |&strength: &f64| {
            let both = said.iter().zip(&base);
            let mut outputs: Vec<f32> = both.map(|(said, base)| base + strength as f32 * said).collect();
            within(self.task, self.names.len(), &mut outputs);
            outputs
        };
        Ok(strengths.iter().map(of).collect())
    }

    /// What the primal read-out says of a sample of each archetype, K × O.
    ///
    /// # Errors
    /// [`Error::Device`] if the device fails.
    pub fn outputs(&self) -> Result<Vec<f32>> {
        let mut outputs = host(self.value.clone())?;
        self.fits.primal.apply(&mut outputs);
        Ok(outputs)
    }

    /// Writes the model as safetensors, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written.
    pub fn save(&self, file: &Path) -> Result<()> {
        let mut tensors: Tensors = self
            .leaves
            .iter()
            .map(|(name, tensor)| (name.clone(), tensor.clone()))
            .collect();
        let row = |values: &[f32]| matrix(values.to_vec(), 1, values.len(), &self.device);
        tensors.push(("dictionary".into(), self.dictionary.clone()));
        tensors.push(("alive".into(), self.alive.clone()));
        tensors.push(("value".into(), self.value.clone()));
        tensors.push(("standardise.mean".into(), row(&self.standardiser.mean_f32())));
        tensors.push(("standardise.factor".into(), row(&self.standardiser.factor_f32())));
        let departure = self.departure.as_ref().map(|departure| {
            let (description, parts) = departure.tensors(&self.device);
            tensors.extend(parts);
            description
        });
        let description = Description {
            schema: 1,
            task: self.task,
            outputs: self.names.clone(),
            patches: self.patches,
            model: self.config.clone(),
            fits: self.fits.clone(),
            departure,
        };
        let json = serde_json::to_string(&description).at("write", file)?;
        atomic::write(file, &encode(&tensors, json, file)?)
    }

    /// Reads a model that [`Self::save`] wrote.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, [`Error::Data`] if it is not a model or does not fit together.
    pub fn load(file: &Path, device: &Device) -> Result<Self> {
        let loaded = Loaded::read(file)?;
        let wrong = |what: &str| Error::data(format!("{} is not a usable model: {what}", file.display()));
        let description: Description = serde_json::from_str(&loaded.json).map_err(|e| wrong(&e.to_string()))?;
        if description.schema != 1 {
            return Err(wrong(&format!("schema {} is not known", description.schema)));
        }
        description
            .model
            .validate()
            .map_err(|(key, message)| wrong(&format!("{key}: {message}")))?;
        let mut leaves = Leaves::default();
        let networks = ["projector.", "head."];
        let mut input = 0;
        for (name, dims) in loaded.shapes() {
            if networks.iter().any(|prefix| name.starts_with(prefix)) {
                leaves.insert(name, loaded.tensor(name, dims, device)?);
                if name == "projector.w1" {
                    input = dims[0];
                }
            }
        }
        let outputs = description.outputs.len();
        if !(description.fits.primal.fits(outputs) && description.fits.mixture.fits(outputs)) {
            return Err(wrong("its read-outs do not fit its outputs"));
        }
        if description.patches == 0 {
            return Err(wrong("it has no tokens"));
        }
        Projector::bind(&leaves, description.patches)?;
        let (k, d, o) = (
            description.model.k_max,
            description.model.width,
            description.outputs.len(),
        );
        Ok(Self {
            task: description.task,
            names: description.outputs,
            standardiser: Standardiser {
                mean: wide(host(loaded.tensor("standardise.mean", [1, input], device)?)?),
                factor: wide(host(loaded.tensor("standardise.factor", [1, input], device)?)?),
            },
            patches: description.patches,
            leaves,
            dictionary: loaded.tensor("dictionary", [k, d], device)?,
            alive: loaded.tensor("alive", [1, k], device)?,
            value: loaded.tensor("value", [k, o], device)?,
            departure: match &description.departure {
                Some(there) => Some(Departure::read(there, &loaded, k, o, device)?),
                None => None,
            },
            config: description.model,
            fits: description.fits,
            device: device.clone(),
        })
    }
}

/// Stored numbers, in the precision in which they are applied.
fn wide(stored: Vec<f32>) -> Vec<f64> {
    stored.into_iter().map(f64::from).collect()
}

/// Rows of a matrix as tensors on the device, [`TOGETHER`] at a time, the last ones filled up with zeros.
pub(super) fn blocks<'a>(z: &'a Matrix, device: &'a Device) -> impl Iterator<Item = (Range<usize>, Tensor<2>)> + 'a {
    (0..z.rows).step_by(TOGETHER).map(|start| {
        let rows = start..(start + TOGETHER).min(z.rows);
        let mut values = z.data[rows.start * z.cols..rows.end * z.cols].to_vec();
        values.resize(TOGETHER * z.cols, 0.0);
        (rows, matrix(values, TOGETHER, z.cols, device))
    })
}

/// Unit vectors of all rows of `values`, n × d.
///
/// # Errors
/// [`Error::Device`] if the device fails; an error of the features' file.
pub fn project(
    projector: &Projector,
    standardiser: &Standardiser,
    values: &Rows,
    device: &Device,
    interrupt: &Interrupt,
) -> Result<Matrix> {
    let width = standardiser.mean.len();
    let mut data = Vec::new();
    let mut cols = 0;
    let images = (CHUNK * width / values.cols().max(1)).clamp(1, TOGETHER);
    for start in (0..values.len()).step_by(images) {
        interrupt.check()?;
        let mut block = values.read(start..(start + images).min(values.len()))?;
        let rows = block.rows;
        block.data.resize(images * block.cols, 0.0);
        let x = standardiser.narrow(block);
        let count = x.len() / width;
        let z = projector.forward(matrix(x, count, width, device), &Masks::default()).z;
        cols = z.dims()[1];
        data.reserve_exact(values.len() * cols - data.len());
        data.extend(host(z)?.into_iter().take(rows * cols));
    }
    Ok(Matrix {
        rows: values.len(),
        cols,
        data,
    })
}
