//! Life of the archetypes: usage shares, replacement of the under-used (appendix B), pruning during training.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::error::Result;
use crate::metric::clustering::perplexity;
use crate::model::aura::{Aura, DICTIONARY};
use crate::model::config::{ResetConfig, Threshold};
use crate::model::kmeans::normalise;
use crate::model::math::{host, matrix, normal, permutation};
use crate::model::predict::largest;
use crate::sets::Matrix;

/// Health of the dictionary over the usage of some steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Health {
    /// Archetypes with at least the pruning share.
    pub active: usize,
    /// exp of the entropy (nats) of the usage.
    pub perplexity: f64,
    /// Alive archetypes that were never nearest.
    pub dead: usize,
    /// Share of the most used archetype.
    pub largest_share: f64,
}

/// Health of usage counts `usage` among alive archetypes.
pub fn health(usage: &[f32], alive: &[f32], share: f64) -> Health {
    let shares = shares(usage);
    Health {
        active: shares.iter().filter(|&&s| s > 0.0 && s >= share).count(),
        perplexity: perplexity(usage.iter().map(|&uses| f64::from(uses))),
        dead: shares.iter().zip(alive).filter(|&(&s, &a)| a > 0.5 && s <= 0.0).count(),
        largest_share: shares.iter().copied().fold(0.0, f64::max),
    }
}

/// α = u / Σu; zeros where nothing was used.
pub fn shares(usage: &[f32]) -> Vec<f64> {
    let total: f64 = usage.iter().map(|&u| f64::from(u)).sum();
    usage
        .iter()
        .map(|&u| if total > 0.0 { f64::from(u) / total } else { 0.0 })
        .collect()
}

/// One replacement.
#[derive(Debug, Clone, PartialEq)]
pub struct Replaced {
    /// Index of the archetype.
    pub archetype: usize,
    /// Its share before.
    pub alpha: f64,
    /// Row of the batch whose projection took its place.
    pub row: usize,
}

/// What the archetypes are replaced by: the current batch.
#[derive(Debug, Clone)]
pub struct Source<'a> {
    /// Projections, B × d unit rows.
    pub z: &'a Matrix,
    /// Targets, B × O, 0 where unknown.
    pub targets: &'a [f32],
    /// Known flags, B × O.
    pub known: &'a [f32],
}

/// Archetypes whose share is below the threshold.
pub fn under_used(alpha: &[f64], alive: &[f32], config: &ResetConfig) -> Vec<usize> {
    let living = alive.iter().filter(|&&a| a > 0.5).count().max(1);
    let threshold = match config.threshold {
        Threshold::Relative => config.value / living as f64,
        Threshold::Share => config.value,
    };
    (0..alpha.len())
        .filter(|&k| alive[k] > 0.5 && alpha[k] < threshold)
        .collect()
}

/// Replaces every under-used archetype by a feature of the current batch plus noise, clears its counts and the moments of
/// its row, and sets all usage counts to zero (appendix B). Features are drawn without replacement while there are any.
///
/// `c_i` ← `e_i` and `n_i` ← 1 − ρ, the weight of one fresh sample: c is a mean, which `n_i` = 0 would leave undefined.
///
/// # Errors
/// [`crate::error::Error::Device`] if the device fails.
pub fn reset(model: &mut Aura, source: &Source, rng: &mut ChaCha8Rng) -> Result<Vec<Replaced>> {
    let device = model.device().clone();
    let (k, d, o) = (model.config.k_max, model.config.width, model.sizes.outputs);
    let alpha = shares(&host(model.buffers.usage.clone())?);
    let alive = host(model.buffers.alive.clone())?;
    let chosen = under_used(&alpha, &alive, &model.config.reset);
    model.buffers.usage = model.buffers.usage.zeros_like();
    if chosen.is_empty() {
        return Ok(Vec::new());
    }
    let fresh = (1.0 - model.config.decay) as f32;
    let mut e = host(model.dictionary()?)?;
    let mut mean = host(model.buffers.mean.clone())?;
    let mut size = host(model.buffers.size.clone())?;
    let mut labels = host(model.buffers.labels.clone())?;
    let mut known = host(model.buffers.known.clone())?;
    let mut keep = vec![1.0_f32; k];
    let rows = source.z.rows;
    let mut order = permutation(rng, rows).into_iter();
    let mut replaced = Vec::with_capacity(chosen.len());
    for archetype in chosen {
        let row = match order.next() {
            Some(row) => row,
            None => rng.random_range(0..rows),
        };
        let mut vector: Vec<f32> = source
            .z
            .row(row)
            .iter()
            .zip(normal(rng, d, model.config.reset.noise as f32))
            .map(|(z, noise)| z + noise)
            .collect();
        normalise(&mut vector);
        e[archetype * d..(archetype + 1) * d].copy_from_slice(&vector);
        mean[archetype * d..(archetype + 1) * d].copy_from_slice(&vector);
        size[archetype] = fresh;
        for output in 0..o {
            let (to, from) = (archetype * o + output, row * o + output);
            labels[to] = fresh * source.targets[from];
            known[to] = fresh * source.known[from];
        }
        keep[archetype] = 0.0;
        replaced.push(Replaced {
            archetype,
            alpha: alpha[archetype],
            row,
        });
    }
    model.store.set(DICTIONARY, matrix(e, k, d, &device))?;
    model.store.forget_rows(DICTIONARY, &matrix(keep, k, 1, &device))?;
    model.buffers.mean = matrix(mean, k, d, &device);
    model.buffers.size = matrix(size, 1, k, &device);
    model.buffers.labels = matrix(labels, k, o, &device);
    model.buffers.known = matrix(known, k, o, &device);
    Ok(replaced)
}

/// Lets archetypes die whose share since the last call is below `share`, but keeps at least `least` alive; sets all usage
/// counts to zero.
///
/// # Errors
/// [`crate::error::Error::Device`] if the device fails.
pub fn prune(model: &mut Aura, share: f64, least: usize) -> Result<usize> {
    let usage = host(model.buffers.usage.clone())?;
    let alpha = shares(&usage);
    let mut alive = host(model.buffers.alive.clone())?;
    let before = alive.iter().filter(|&&a| a > 0.5).count();
    let ranked: Vec<f32> = usage
        .iter()
        .zip(&alive)
        .map(|(u, a)| if *a > 0.5 { *u } else { -1.0 })
        .collect();
    let protected = largest(&ranked, least);
    for (k, flag) in alive.iter_mut().enumerate() {
        if alpha[k] < share && !protected.contains(&k) {
            *flag = 0.0;
        }
    }
    let after = alive.iter().filter(|&&a| a > 0.5).count();
    let device = model.device().clone();
    model.buffers.alive = matrix(alive, 1, model.config.k_max, &device);
    model.buffers.usage = model.buffers.usage.zeros_like();
    Ok(before.saturating_sub(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_of_even_and_of_collapsed_usage() {
        let even = health(&[5.0; 4], &[1.0; 4], 5e-4);
        assert!((even.perplexity - 4.0).abs() < 1e-9 && even.active == 4 && even.dead == 0);
        let one = health(&[20.0, 0.0, 0.0, 0.0], &[1.0, 1.0, 1.0, 0.0], 5e-4);
        assert!((one.perplexity - 1.0).abs() < 1e-9);
        assert_eq!((one.active, one.dead), (1, 2));
    }

    #[test]
    fn thresholds_are_relative_or_absolute() {
        let alpha = [0.004, 0.5, 0.02, 0.476];
        let alive = [1.0; 4];
        let relative = ResetConfig::default();
        assert_eq!(under_used(&alpha, &alive, &relative), [0, 2]);
        let share = ResetConfig {
            threshold: Threshold::Share,
            value: 0.01,
            ..ResetConfig::default()
        };
        assert_eq!(under_used(&alpha, &alive, &share), [0]);
        assert_eq!(under_used(&alpha, &[0.0, 1.0, 1.0, 1.0], &share), Vec::<usize>::new());
    }
}
