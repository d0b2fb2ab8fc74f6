//! From feature tables in host memory to batches on the device.

use burn::tensor::Device;

use crate::error::{Error, Result};
use crate::model::aura::Batch;
use crate::model::config::{Level, ModelConfig};
use crate::model::loss::task::Target;
use crate::model::math::matrix;
use crate::model::projector::Sizes;
use crate::model::standardise::Standardiser;
use crate::sets::{FeatureSet, Rows, SplitSets};
use crate::task::{Targets, Task};

/// The features that the model reads: the global vectors, or the tokens with their number.
///
/// # Errors
/// [`Error::Data`] if tokens are wanted and the table has none.
pub fn features(set: &FeatureSet, level: Level) -> Result<(&Rows, usize)> {
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
            input: values.cols() / patches.max(1),
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
        if let Some(row) = values.not_finite() {
            let id = &set.sample_ids[row];
            return Err(Error::unusable_table(format!(
                "the features of sample {id} hold a value that is not a finite number; extract them anew"
            )));
        }
    }
    Ok(sizes)
}

/// The batch of the samples at `rows`.
///
/// # Errors
/// If the features cannot be read.
pub fn batch(
    values: &Rows,
    targets: &Targets,
    standardiser: &Standardiser,
    rows: &[usize],
    device: &Device,
) -> Result<Batch> {
    let width = standardiser.mean.len();
    let x = standardiser.narrow(values.gather(rows.iter().copied())?);
    let count = x.len() / width;
    Ok(Batch {
        x: matrix(x, count, width, device),
        target: target(targets, rows, device),
    })
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
mod tests {
    use super::*;

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
