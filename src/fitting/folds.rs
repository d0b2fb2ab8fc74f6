//! Which training samples are held out while settings are chosen and outputs are fitted.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::task::Targets;

use super::config::FittingConfig;

/// The seed of models that are asked about held-out parts, AURA's and the rivals': what they say holds for every seed of the run.
pub const SEED: u64 = 0;

/// A part of the training split: what a model is fitted on, and what it is asked about. Both ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Rows to fit on.
    pub kept: Vec<usize>,
    /// Rows to predict.
    pub held: Vec<usize>,
}

/// The parts of a training split; empty where nothing can be held out (fewer than two samples).
///
/// Whole subjects are held out where every sample names one (`groups`), at most as many parts as subjects; otherwise each class
/// gives every part the same share. The parts depend on the samples alone and on no seed: all methods and all seeds are judged
/// on the same ones.
pub fn parts(targets: &Targets, groups: Option<&[usize]>, config: &FittingConfig) -> Vec<Part> {
    let n = targets.len();
    let of = match groups {
        Some(groups) => by_subject(groups, config.folds),
        None => by_class(targets, config.folds),
    };
    let folds = of.iter().max().map_or(0, |last| last + 1);
    if folds < 2 {
        return Vec::new();
    }
    let predicted = if n > config.once_above { 1 } else { folds };
    (0..predicted)
        .map(|fold| {
            let (kept, held) = (0..n).partition(|&row| of[row] != fold);
            Part { kept, held }
        })
        .collect()
}

/// Each class, in drawn order, is dealt out; the next class goes on where it ended.
fn by_class(targets: &Targets, folds: usize) -> Vec<usize> {
    let n = targets.len();
    let mut classes: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for row in 0..n {
        classes.entry(targets.class(row).unwrap_or(0)).or_default().push(row);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut of = vec![0; n];
    let mut next = 0;
    for members in classes.values_mut() {
        members.shuffle(&mut rng);
        for &row in members.iter() {
            of[row] = next % folds.min(n);
            next += 1;
        }
    }
    of
}

/// Subjects, those with most samples first, go to the part that has the fewest.
fn by_subject(groups: &[usize], folds: usize) -> Vec<usize> {
    let subjects = groups.iter().max().map_or(0, |last| last + 1);
    let mut sizes = vec![0_usize; subjects];
    for &group in groups {
        sizes[group] += 1;
    }
    let mut order: Vec<usize> = (0..subjects).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(0));
    order.sort_by_key(|&subject| std::cmp::Reverse(sizes[subject]));
    let mut filled = vec![0_usize; folds.min(subjects).max(1)];
    let mut part = vec![0; subjects];
    for subject in order {
        let mut least = 0;
        for (at, &samples) in filled.iter().enumerate() {
            if samples < filled[least] {
                least = at;
            }
        }
        filled[least] += sizes[subject];
        part[subject] = least;
    }
    groups.iter().map(|&group| part[group]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Task;

    fn labelled(labels: &[usize]) -> Targets {
        Targets {
            task: Task::Expression,
            names: vec!["a".to_owned(), "b".to_owned()],
            values: labels
                .iter()
                .flat_map(|&l| [f32::from(l == 0), f32::from(l == 1)])
                .collect(),
            known: vec![true; 2 * labels.len()],
        }
    }

    /// Every row is held out exactly once, and never where it is kept.
    fn cover(parts: &[Part], n: usize) {
        let mut held: Vec<usize> = parts.iter().flat_map(|part| part.held.clone()).collect();
        held.sort_unstable();
        assert_eq!(held, (0..n).collect::<Vec<_>>());
        for part in parts {
            assert_eq!(part.kept.len() + part.held.len(), n);
            assert!(part.held.iter().all(|row| part.kept.binary_search(row).is_err()));
        }
    }

    #[test]
    fn classes_keep_their_share_and_subjects_stay_whole() {
        let labels: Vec<usize> = (0..100).map(|i| usize::from(i % 10 == 0)).collect();
        let targets = labelled(&labels);
        let config = FittingConfig::default();
        let found = parts(&targets, None, &config);
        cover(&found, 100);
        for part in &found {
            assert_eq!(part.held.len(), 20);
            assert_eq!(part.held.iter().filter(|&&i| labels[i] == 1).count(), 2);
        }

        let groups: Vec<usize> = (0..100).map(|i| i / 10).collect();
        let found = parts(&targets, Some(&groups), &config);
        cover(&found, 100);
        for part in &found {
            assert_eq!(part.held.len(), 20);
            assert!(
                part.kept
                    .iter()
                    .all(|&i| part.held.iter().all(|&j| groups[i] != groups[j]))
            );
        }
    }

    #[test]
    fn there_are_no_more_parts_than_subjects_and_one_above_the_bound() {
        let targets = labelled(&[0, 1, 0, 1, 0, 1]);
        let config = FittingConfig::default();
        assert_eq!(parts(&targets, Some(&[0, 0, 0, 0, 1, 1]), &config).len(), 2);
        let once = FittingConfig {
            once_above: 5,
            ..config.clone()
        };
        assert_eq!(parts(&targets, None, &once).len(), 1);
        assert_eq!(parts(&labelled(&[0]), None, &config), []);
        cover(&parts(&labelled(&[0, 1, 1]), None, &config), 3);
    }
}
