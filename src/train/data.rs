//! From feature tables in host memory to batches on the device.

use burn::tensor::Device;

use crate::error::{Error, Result};
use crate::model::aura::Batch;
use crate::model::config::{Level, ModelConfig, Standardise};
use crate::model::loss::task::Target;
use crate::model::math::matrix;
use crate::model::projector::Sizes;
use crate::sets::{FeatureSet, Matrix, SplitSets};
use crate::task::{Targets, Task};

/// Mean and factor of each dimension: x ↦ (x − mean) · factor.
#[derive(Debug, Clone, PartialEq)]
pub struct Standardiser {
    /// What is subtracted, D values.
    pub mean: Vec<f32>,
    /// What it is multiplied with, D values.
    pub factor: Vec<f32>,
}

/// The features that the model reads: the global vectors, or the tokens with their number.
///
/// # Errors
/// [`Error::Data`] if tokens are wanted and the table has none.
pub fn features(set: &FeatureSet, level: Level) -> Result<(&Matrix, usize)> {
    match level {
        Level::Global => Ok((&set.global, 1)),
        Level::Patch => set.tokens.as_ref().map(|t| (&t.values, t.count)).ok_or_else(|| {
            Error::unusable_table(
                "model.level is \"patch\" (the default for action units), but the feature table has no tokens: set \
                 features.tokens in the recipe, or model.level = \"global\"",
            )
        }),
    }
}

/// Sizes of the model for this training split; also checks that all splits agree.
///
/// # Errors
/// [`Error::Data`] if a split is empty where it must not be, or shapes differ.
pub fn sizes(data: &SplitSets, level: Level) -> Result<Sizes> {
    let shape = |set: &FeatureSet| -> Result<Sizes> {
        let (values, patches) = features(set, level)?;
        Ok(Sizes {
            input: values.cols / patches.max(1),
            patches,
            outputs: set.targets.outputs(),
        })
    };
    if data.train.len() < 2 {
        return Err(Error::unusable_table(format!(
            "the training split has {} samples; at least 2 are needed",
            data.train.len()
        )));
    }
    let sizes = shape(&data.train)?;
    if sizes.input == 0 || sizes.outputs == 0 {
        return Err(Error::unusable_table(
            "the feature table has vectors or targets of length 0",
        ));
    }
    for set in data.val.iter().chain([&data.test]) {
        if !set.is_empty() && shape(set)? != sizes {
            return Err(Error::unusable_table(format!(
                "features or targets differ in shape between splits: {:?} in training, {:?} elsewhere",
                sizes,
                shape(set)?
            )));
        }
    }
    for set in data.val.iter().chain([&data.train, &data.test]) {
        let (values, _) = features(set, level)?;
        if let Some(position) = values.data.iter().position(|v| !v.is_finite()) {
            let id = &set.sample_ids[position / values.cols];
            return Err(Error::unusable_table(format!(
                "the features of sample {id} hold a value that is not a finite number; extract them anew"
            )));
        }
    }
    Ok(sizes)
}

impl Standardiser {
    /// Statistics of the training split; tokens count over images and positions together.
    pub fn fit(values: &Matrix, width: usize, mode: Standardise) -> Self {
        let rows = (values.data.len() / width.max(1)).max(1) as f64;
        if mode == Standardise::None {
            return Self {
                mean: vec![0.0; width],
                factor: vec![1.0; width],
            };
        }
        let mut mean = vec![0.0_f64; width];
        for row in values.data.chunks_exact(width) {
            for (sum, &value) in mean.iter_mut().zip(row) {
                *sum += f64::from(value);
            }
        }
        for sum in &mut mean {
            *sum /= rows;
        }
        let mut variance = vec![0.0_f64; width];
        for row in values.data.chunks_exact(width) {
            for ((sum, &value), mean) in variance.iter_mut().zip(row).zip(&mean) {
                let difference = f64::from(value) - mean;
                *sum += difference * difference;
            }
        }
        let inverse = |variance: f64| {
            let deviation = (variance / rows).sqrt();
            // A constant dimension carries nothing; dividing by its rounding noise would invent something.
            if deviation > 1e-6 {
                (1.0 / deviation) as f32
            } else {
                0.0
            }
        };
        let factor = if mode == Standardise::Dimension {
            variance.into_iter().map(inverse).collect()
        } else {
            let mean_variance = variance.iter().sum::<f64>() / width as f64;
            vec![inverse(mean_variance); width]
        };
        Self {
            mean: mean.into_iter().map(|m| m as f32).collect(),
            factor,
        }
    }

    /// The standardised features of `rows`, row-major.
    pub fn gather(&self, values: &Matrix, rows: &[usize]) -> Vec<f32> {
        let width = self.mean.len();
        let mut out = Vec::with_capacity(rows.len() * values.cols);
        for &row in rows {
            for token in values.row(row).chunks_exact(width) {
                out.extend(
                    token
                        .iter()
                        .zip(&self.mean)
                        .zip(&self.factor)
                        .map(|((value, mean), factor)| (value - mean) * factor),
                );
            }
        }
        out
    }
}

/// The batch of the samples at `rows`.
pub fn batch(
    values: &Matrix,
    targets: &Targets,
    standardiser: &Standardiser,
    rows: &[usize],
    device: &Device,
) -> Batch {
    let width = standardiser.mean.len();
    let x = standardiser.gather(values, rows);
    let count = x.len() / width;
    Batch {
        x: matrix(x, count, width, device),
        target: target(targets, rows, device),
    }
}

/// The targets of the samples at `rows`; unknown ones are 0 with a 0 flag.
pub fn target(targets: &Targets, rows: &[usize], device: &Device) -> Target {
    let o = targets.outputs();
    let mut y = Vec::with_capacity(rows.len() * o);
    let mut known = Vec::with_capacity(rows.len() * o);
    for &row in rows {
        for i in row * o..(row + 1) * o {
            let is_known = targets.known[i];
            y.push(if is_known { targets.values[i] } else { 0.0 });
            known.push(if is_known { 1.0 } else { 0.0 });
        }
    }
    Target {
        y: matrix(y, rows.len(), o, device),
        known: matrix(known, rows.len(), o, device),
    }
}

/// ȳ: the mean known label of each output.
pub fn prior(targets: &Targets) -> Vec<f32> {
    let o = targets.outputs();
    let mut sums = vec![0.0_f64; o];
    let mut counts = vec![0.0_f64; o];
    for (i, (&value, &known)) in targets.values.iter().zip(&targets.known).enumerate() {
        if known {
            sums[i % o] += f64::from(value);
            counts[i % o] += 1.0;
        }
    }
    sums.iter()
        .zip(&counts)
        .map(|(sum, n)| (sum / n.max(1.0)) as f32)
        .collect()
}

/// Weights of the outputs in the task loss: A (`1/f_a`) / Σ (1/f) for action units, ones elsewhere.
pub fn weights(targets: &Targets, prior: &[f32], balance: bool) -> Vec<f32> {
    let o = targets.outputs();
    if targets.task != Task::ActionUnits || !balance {
        return vec![1.0; o];
    }
    // A unit that never occurs would take all the weight.
    let least = 1.0 / targets.len().max(1) as f32;
    let inverse: Vec<f32> = prior.iter().map(|&f| 1.0 / f.max(least)).collect();
    let total: f32 = inverse.iter().sum();
    inverse.into_iter().map(|w| w * o as f32 / total).collect()
}

/// Refuses a model that the data cannot serve.
///
/// # Errors
/// [`Error::Data`] with the recipe key.
pub fn check(model: &ModelConfig, sizes: Sizes, train: usize) -> Result<()> {
    crate::model::aura::validate_sizes(model, sizes, train)
        .map_err(|(key, message)| Error::data(format!("model.{key}: {message}")))
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "exact by construction")]
mod tests {
    use super::*;

    #[test]
    fn standardised_training_features_have_mean_zero() {
        let values = Matrix {
            rows: 3,
            cols: 2,
            data: vec![1.0, 5.0, 2.0, 5.0, 3.0, 5.0],
        };
        let rows = [0, 1, 2];
        let global = Standardiser::fit(&values, 2, Standardise::Global).gather(&values, &rows);
        assert!((global[0] + global[2] + global[4]).abs() < 1e-6);
        let each = Standardiser::fit(&values, 2, Standardise::Dimension).gather(&values, &rows);
        assert!((each[4] - 1.224_745).abs() < 1e-5, "{each:?}");
        assert_eq!(each[5], 0.0);
    }

    #[test]
    fn unknown_labels_do_not_enter_the_prior() {
        let targets = Targets {
            task: Task::ActionUnits,
            names: vec!["au01".into(), "au02".into()],
            values: vec![1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0],
            known: vec![true, false, true, true, true, false, true, true],
        };
        assert_eq!(prior(&targets), [0.5, 0.0]);
        let w = weights(&targets, &[0.5, 0.25], true);
        assert!(
            (w[0] - 2.0 / 3.0).abs() < 1e-6 && (w[1] - 4.0 / 3.0).abs() < 1e-6,
            "{w:?}"
        );
    }
}
