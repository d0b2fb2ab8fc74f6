//! Samples of the training split that are held out to choose a setting, where the protocol has no validation split.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::task::Targets;

/// Splits 0..n into (kept, held out), both ascending.
///
/// Whole subjects are held out where `groups` names at least five; else each class gives the same share (a class with a single
/// sample keeps it). At least one sample stays on either side if there are two.
pub fn split(targets: &Targets, groups: Option<&[usize]>, share: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
    let n = targets.len();
    let mut strata: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let by_subject = groups.filter(|groups| groups.iter().max().is_some_and(|&g| g >= 4));
    for i in 0..n {
        let stratum = if by_subject.is_some() {
            0
        } else {
            targets.class(i).unwrap_or(0)
        };
        strata.entry(stratum).or_default().push(i);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut held = vec![false; n];
    if let Some(groups) = by_subject {
        let mut subjects: Vec<usize> = (0..=groups.iter().copied().max().unwrap_or(0)).collect();
        subjects.shuffle(&mut rng);
        let count = ((subjects.len() as f64 * share).round() as usize).clamp(1, subjects.len() - 1);
        let mut out = vec![false; subjects.len()];
        for &subject in &subjects[..count] {
            out[subject] = true;
        }
        for (held, &group) in held.iter_mut().zip(groups) {
            *held = out[group];
        }
    } else {
        for members in strata.values_mut() {
            members.shuffle(&mut rng);
            let count = ((members.len() as f64 * share).round() as usize).min(members.len() - 1);
            for &i in &members[..count] {
                held[i] = true;
            }
        }
    }
    (0..n).partition(|&i| !held[i])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Task;

    #[test]
    fn classes_keep_their_share_and_subjects_stay_whole() {
        let labels: Vec<usize> = (0..100).map(|i| usize::from(i % 10 == 0)).collect();
        let targets = Targets {
            task: Task::Expression,
            names: vec!["a".to_owned(), "b".to_owned()],
            values: labels
                .iter()
                .flat_map(|&l| [f32::from(l == 0), f32::from(l == 1)])
                .collect(),
            known: vec![true; 200],
        };
        let (kept, held) = split(&targets, None, 0.2, 3);
        assert_eq!((kept.len(), held.len()), (80, 20));
        assert_eq!(held.iter().filter(|&&i| labels[i] == 1).count(), 2);
        assert_eq!(split(&targets, None, 0.2, 3).1, held);
        assert_ne!(split(&targets, None, 0.2, 4).1, held);

        let groups: Vec<usize> = (0..100).map(|i| i / 10).collect();
        let (kept, held) = split(&targets, Some(&groups), 0.2, 3);
        assert_eq!(held.len(), 20);
        assert!(kept.iter().all(|&i| !held.iter().any(|&j| groups[i] == groups[j])));
    }
}
