//! A validation split where the database has none.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::sets::FeatureSet;
use crate::task::{Targets, Task};

/// A validation set taken from the training split, the same for the same seed whatever the order of the rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Validation {
    /// Share of the training samples, above 0 and below 1.
    pub fraction: f64,
    /// Seed of the selection.
    pub seed: u64,
    /// Take whole persons instead of samples, where frames of one person are not independent.
    pub by_subject: bool,
}

/// A number that depends on seed and name alone.
pub(crate) fn rank(seed: u64, name: &str) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"aura-bench validation 1\0");
    hasher.update(&seed.to_le_bytes());
    hasher.update(name.as_bytes());
    *hasher.finalize().as_bytes()
}

/// Marks a share of the samples: sorted by stratum, then by hash, every (1 / fraction)-th is taken, so that each stratum
/// gives its share, even those with fewer samples than that together.
pub(crate) fn stratified(train: &FeatureSet, wanted: Validation) -> Vec<bool> {
    let mut order: Vec<(Vec<i32>, [u8; 32], usize)> = (0..train.len())
        .map(|i| (stratum(&train.targets, i), rank(wanted.seed, &train.sample_ids[i]), i))
        .collect();
    order.sort_unstable();
    let mut chosen = vec![false; train.len()];
    for (position, (_, _, row)) in order.into_iter().enumerate() {
        let share = |n: usize| (n as f64 * wanted.fraction).round();
        chosen[row] = share(position + 1) > share(position);
    }
    chosen
}

/// The class, the cell of a 4 × 4 grid over valence and arousal, or the pattern of active action units.
pub(crate) fn stratum(targets: &Targets, row: usize) -> Vec<i32> {
    match targets.task {
        Task::ValenceArousal => targets.row(row).iter().map(|v| ((v + 1.0) * 2.0) as i32).collect(),
        Task::Expression | Task::ActionUnits => targets.row(row).iter().map(|&v| i32::from(v > 0.5)).collect(),
    }
}

/// Marks all samples of some persons: in the order of their hashes, as many as come closest to the share.
pub(crate) fn by_subject(train: &FeatureSet, wanted: Validation) -> Result<Vec<bool>> {
    let mut frames: BTreeMap<&str, usize> = BTreeMap::new();
    for (id, subject) in train.sample_ids.iter().zip(&train.subjects) {
        let Some(subject) = subject else {
            return Err(Error::unusable_table(format!(
                "sample {id} names no person, so a validation set of whole persons cannot be taken"
            )));
        };
        *frames.entry(subject).or_default() += 1;
    }
    let mut order: Vec<([u8; 32], &str, usize)> = frames
        .into_iter()
        .map(|(subject, n)| (rank(wanted.seed, subject), subject, n))
        .collect();
    order.sort_unstable();
    let goal = train.len() as f64 * wanted.fraction;
    let mut taken = std::collections::BTreeSet::new();
    let mut total = 0;
    for (_, subject, n) in order {
        // One more person, unless the share is closer without.
        if !taken.is_empty() && (total + n) as f64 - goal > goal - total as f64 {
            break;
        }
        total += n;
        taken.insert(subject);
    }
    Ok(train
        .subjects
        .iter()
        .map(|subject| subject.as_deref().is_some_and(|s| taken.contains(s)))
        .collect())
}
