//! From a trained model to a frozen one: hard assignment of the training split, joining, pruning, exact values.

use burn::tensor::Tensor;

use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::model::aura::Aura;
use crate::model::config::{Among, Semantic, Value};
use crate::model::contextualization::Contextualization;
use crate::model::math::{host, matrix};
use crate::model::params::Leaves;
use crate::model::projector::Head;
use crate::model::standardise::Standardiser;
use crate::sets::{Matrix, SplitSets};
use crate::task::Targets;

use super::data;
use super::departure::{Departure, Tuned};
use super::merge;
use super::run::{Ended, Job};
use super::setup::Setup;
use super::trained::{Fits, Trained};

/// A frozen model, and the training split under it.
pub(super) struct Frozen {
    /// The model; its outputs are not fitted yet.
    pub trained: Trained,
    /// The projected training samples.
    pub z: Matrix,
    /// Share of the training samples of each archetype, before pruning.
    pub alpha: Vec<f64>,
    /// Whether it survived pruning.
    pub kept: Vec<bool>,
    /// Training samples of each archetype.
    pub uses: Vec<usize>,
    /// The nearest archetype of each training sample before any were joined.
    pub before: Vec<usize>,
    /// The nearest one of those that are kept.
    pub nearest: Vec<usize>,
}

/// Joins and prunes archetypes and counts their values exactly, on the training split.
///
/// With `tuned`, the departures from archetypes are fitted too.
///
/// # Errors
/// [`crate::error::Error::Device`] if the device fails.
pub(super) fn freeze(job: &Job<'_>, ended: &Ended, tuned: Option<Tuned<'_>>) -> Result<Frozen> {
    let (data, setup) = (job.data, job.setup);
    let mut trained = unpruned(data, setup, &ended.model, ended.standardiser.clone())?;
    let k = setup.model.k_max;
    let z = trained.project(&data.train, job.interrupt)?;
    let said = match setup.model.value {
        Value::Counts => None,
        Value::Learned | Value::Head => Some(Said::of(&trained, &z, job.interrupt)?),
    };
    let before = merge::consolidate(&mut trained, &z, &data.train.targets, job.interrupt)?;
    if let Some(archetypes) = contextualized(ended, &trained)? {
        trained.dictionary = archetypes;
    }

    let first = trained.nearest(&z, job.interrupt)?;
    let alpha: Vec<f64> = count(&first, k)
        .into_iter()
        .map(|uses| uses as f64 / first.len() as f64)
        .collect();
    let kept = keep(&alpha, setup.model.prune.share);
    let flags = kept.iter().map(|&keep| if keep { 1.0 } else { 0.0 }).collect();
    trained.alive = matrix(flags, 1, k, &trained.device);

    let nearest = trained.nearest(&z, job.interrupt)?;
    let targets = &data.train.targets;
    let values = match said {
        None => exact_value(targets, &nearest, k, setup.model.prior_samples),
        Some(said) => said.after(&nearest),
    };
    trained.value = matrix(values, k, targets.outputs(), &trained.device);
    if let Some(tuned) = tuned {
        let how = setup.model.standardise;
        let departure = Departure::new(&data.train, &nearest, k, how, tuned, job.interrupt)?;
        trained.departure = Some(departure);
    }
    Ok(Frozen {
        trained,
        z,
        alpha,
        kept,
        uses: count(&nearest, k),
        before,
        nearest,
    })
}

/// The archetypes as attention among them leaves them, K × d; `None` where samples take part in it, or it was never trained.
fn contextualized(ended: &Ended, trained: &Trained) -> Result<Option<Tensor<2>>> {
    let config = &trained.config.contextualization;
    let trains = ended.position.epoch >= trained.config.contextualization_start();
    if !(config.enabled && config.among == Among::Archetypes && trains) {
        return Ok(None);
    }
    let leaves = ended.model.store.values();
    let semantic = match config.semantic {
        Semantic::Outputs => Some(Head::bind(&leaves, trained.config.head_scale)?.directions()),
        Semantic::Learned | Semantic::Patches => None,
    };
    let module = Contextualization::bind(&leaves, config.heads)?;
    let archetypes = module.among(semantic, trained.dictionary.clone(), &trained.alive);
    Ok(Some(archetypes))
}

/// What each training sample's archetype said before any were joined: afterwards archetypes lie elsewhere and stand for other
/// samples, of which their learned values know nothing.
struct Said {
    nearest: Vec<usize>,
    /// K × O.
    values: Vec<f32>,
    outputs: usize,
}

impl Said {
    fn of(trained: &Trained, z: &Matrix, interrupt: &Interrupt) -> Result<Self> {
        Ok(Self {
            nearest: trained.nearest(z, interrupt)?,
            values: host(trained.value.clone())?,
            outputs: trained.names.len(),
        })
    }

    /// Mean over the samples that an archetype has now; one without samples keeps its value.
    fn after(self, nearest: &[usize]) -> Vec<f32> {
        let o = self.outputs;
        let mut sums = vec![0.0_f64; self.values.len()];
        let mut counts = vec![0.0_f64; self.values.len() / o.max(1)];
        for (&now, &then) in nearest.iter().zip(&self.nearest) {
            counts[now] += 1.0;
            for c in 0..o {
                sums[now * o + c] += f64::from(self.values[then * o + c]);
            }
        }
        let mean = |(at, own): (usize, &f32)| match counts[at / o] {
            0.0 => *own,
            count => (sums[at] / count) as f32,
        };
        self.values.iter().enumerate().map(mean).collect()
    }
}

/// The model as training left it, every living archetype still there.
fn unpruned(data: &SplitSets, setup: &Setup, model: &Aura, standardiser: Standardiser) -> Result<Trained> {
    let mut leaves = Leaves::default();
    for (name, value) in model.store.iter() {
        if name.starts_with("projector.") || name.starts_with("head.") {
            leaves.insert(name.clone(), value.clone());
        }
    }
    Ok(Trained {
        task: setup.task,
        names: data.train.targets.names.clone(),
        config: setup.model.clone(),
        standardiser,
        patches: model.sizes.patches,
        leaves,
        dictionary: model.dictionary()?,
        alive: model.buffers.alive.clone(),
        value: model.value()?,
        fits: Fits::default(),
        departure: None,
        device: model.device().clone(),
    })
}

/// Samples of each archetype.
pub(super) fn count(indices: &[usize], k: usize) -> Vec<usize> {
    let mut counts = vec![0; k];
    for &index in indices {
        counts[index] += 1;
    }
    counts
}

/// Archetypes with at least `share` of the training samples; the most used one in any case.
fn keep(alpha: &[f64], share: f64) -> Vec<bool> {
    let mut kept: Vec<bool> = alpha.iter().map(|&a| a > 0.0 && a >= share).collect();
    if !kept.contains(&true) {
        let mut best = 0;
        for (index, &a) in alpha.iter().enumerate() {
            if a > alpha[best] {
                best = index;
            }
        }
        kept[best] = true;
    }
    kept
}

/// `V_k` = (Σ y + κ ȳ) / (n + κ) over the samples assigned to k, known labels only; K × O.
fn exact_value(targets: &Targets, nearest: &[usize], k: usize, kappa: f64) -> Vec<f32> {
    let o = targets.outputs();
    let prior = data::prior(targets);
    let mut sums = vec![0.0_f64; k * o];
    let mut counts = vec![0.0_f64; k * o];
    for (row, &archetype) in nearest.iter().enumerate() {
        for output in 0..o {
            if targets.known[row * o + output] {
                sums[archetype * o + output] += f64::from(targets.values[row * o + output]);
                counts[archetype * o + output] += 1.0;
            }
        }
    }
    (0..k * o)
        .map(|i| ((sums[i] + kappa * f64::from(prior[i % o])) / (counts[i] + kappa)) as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Task;

    #[test]
    fn pruning_keeps_at_least_one() {
        assert_eq!(keep(&[0.5, 0.0004, 0.0, 0.4996], 5e-4), [true, false, false, true]);
        assert_eq!(keep(&[0.4, 0.6], 0.9), [false, true]);
        assert_eq!(keep(&[0.4, 0.0, 0.6], 0.0), [true, false, true]);
    }

    #[test]
    fn learned_values_follow_the_samples_of_joined_archetypes() {
        let said = Said {
            nearest: vec![0, 0, 1, 2],
            values: vec![0.9, 0.1, 0.3, 0.7, 0.0, 1.0],
            outputs: 2,
        };
        // 1 was joined to 0, which now has three samples; 1 has none left.
        let after = said.after(&[0, 0, 0, 2]);
        let expected = [0.7, 0.3, 0.3, 0.7, 0.0, 1.0];
        assert!(
            after.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6),
            "{after:?}"
        );
    }

    #[test]
    fn exact_values_smooth_with_the_prior() {
        let targets = Targets {
            task: Task::Expression,
            names: vec!["a".into(), "b".into()],
            values: vec![1.0, 0.0, 1.0, 0.0, 0.0, 1.0],
            known: vec![true; 6],
        };
        let v = exact_value(&targets, &[0, 0, 1], 3, 1.0);
        assert!((v[0] - (2.0 + 2.0 / 3.0) / 3.0).abs() < 1e-6);
        assert!(
            (v[4] - 2.0 / 3.0).abs() < 1e-6,
            "an archetype without samples has the prior"
        );
    }
}
