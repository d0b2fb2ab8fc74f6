//! Less to learn from, or worse: a share of the training samples, and labels exchanged at random (`protocol.train_share`,
//! `protocol.label_noise`).
//!
//! Both take the first of an order that a hash of seed and name gives. So the samples of a small share are among those of a larger
//! one, labels that little noise exchanges are exchanged in the same way by more, and nothing depends on the order of the rows or on
//! the training seed. Validation and test samples are never touched.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::sets::FeatureSet;
use crate::task::{Targets, Task};

use super::holdout::stratum;

/// What is done to the training samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Training {
    /// Share of them that is learned from, above 0 and at most 1.
    pub share: f64,
    /// Take whole persons, where the database has folds.
    pub by_subject: bool,
    /// Share of the labels that are exchanged, 0 to 1.
    pub label_noise: f64,
    /// Seed of both.
    pub seed: u64,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            share: 1.0,
            by_subject: false,
            label_noise: 0.0,
            seed: 0,
        }
    }
}

impl Training {
    /// The training samples that are learned from, with the labels that they are given.
    ///
    /// # Errors
    /// [`Error::Data`] if nothing would be left, or whole persons are to be taken and a sample names none.
    pub(super) fn of(&self, train: FeatureSet) -> Result<FeatureSet> {
        let mut train = if self.share < 1.0 {
            let rows = if self.by_subject {
                self.persons(&train)?
            } else {
                self.samples(&train)
            };
            if rows.is_empty() {
                return Err(Error::data(format!(
                    "protocol.train_share = {} of {} training samples leaves none to learn from",
                    self.share,
                    train.len()
                )));
            }
            train.select(&rows)
        } else {
            train
        };
        if self.label_noise > 0.0 {
            self.exchange(&train.sample_ids, &mut train.targets);
        }
        Ok(train)
    }

    /// A number that depends on the seed, on what it is for, and on a name.
    fn rank(&self, purpose: &str, name: &str) -> u128 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"aura-bench training 1\0");
        hasher.update(&self.seed.to_le_bytes());
        hasher.update(purpose.as_bytes());
        hasher.update(b"\0");
        hasher.update(name.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        u128::from_le_bytes(bytes)
    }

    /// How many of `n` a share is, to the nearest.
    fn count(share: f64, n: usize) -> usize {
        ((share * n as f64).round() as usize).min(n)
    }

    /// Rows of a share of the samples, ascending: of one order in which every stratum comes up as often as it is large, the first.
    /// The first sample of every class of expressions comes before all second ones, so that none is lost.
    fn samples(&self, train: &FeatureSet) -> Vec<usize> {
        let mut strata: BTreeMap<Vec<i32>, Vec<(u128, usize)>> = BTreeMap::new();
        for row in 0..train.len() {
            let rank = self.rank("share", &train.sample_ids[row]);
            strata
                .entry(stratum(&train.targets, row))
                .or_default()
                .push((rank, row));
        }
        let mut order: Vec<(f64, u128, usize)> = Vec::with_capacity(train.len());
        for (stratum, mut members) in strata {
            members.sort_unstable();
            let n = members.len() as f64;
            let name: Vec<String> = stratum.iter().map(i32::to_string).collect();
            let start = if train.targets.task == Task::Expression {
                0.0
            } else {
                // Patterns of units that occur once must not all come first.
                (self.rank("stratum", &name.join(",")) >> 75) as f64 / (1_u64 << 53) as f64
            };
            let places = members.into_iter().enumerate();
            order.extend(places.map(|(place, (rank, row))| ((place as f64 + start) / n, rank, row)));
        }
        order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        let mut rows: Vec<usize> = order.into_iter().map(|(.., row)| row).collect();
        rows.truncate(Self::count(self.share, train.len()));
        rows.sort_unstable();
        rows
    }

    /// Rows of a share of the persons, ascending; two persons at least, as one must be held out from the other.
    fn persons(&self, train: &FeatureSet) -> Result<Vec<usize>> {
        let mut people: BTreeMap<&str, u128> = BTreeMap::new();
        for (id, subject) in train.sample_ids.iter().zip(&train.subjects) {
            let subject = subject.as_deref().ok_or_else(|| {
                Error::unusable_table(format!(
                    "sample {id} names no person, so a share of whole persons (protocol.train_share) cannot be taken"
                ))
            })?;
            people.entry(subject).or_insert_with(|| self.rank("share", subject));
        }
        let mut order: Vec<(u128, &str)> = people.into_iter().map(|(subject, rank)| (rank, subject)).collect();
        order.sort_unstable();
        let count = Self::count(self.share, order.len()).max(2).min(order.len());
        let taken: Vec<&str> = order[..count].iter().map(|(_, subject)| *subject).collect();
        let own = |subject: &Option<String>| subject.as_deref().is_some_and(|subject| taken.contains(&subject));
        let subjects = train.subjects.iter().enumerate();
        Ok(subjects
            .filter(|(_, subject)| own(subject))
            .map(|(row, _)| row)
            .collect())
    }

    /// Exchanges the share of the labels: a class for one of the others, each as likely; valence and arousal among the samples
    /// that are drawn, each taking the pair of the next; of every unit that share of its known labels for the opposite.
    fn exchange(&self, ids: &[String], targets: &mut Targets) {
        let o = targets.outputs();
        let first = |purpose: &str, mut rows: Vec<usize>| -> Vec<usize> {
            rows.sort_by_cached_key(|&row| (self.rank(purpose, &ids[row]), row));
            rows.truncate(Self::count(self.label_noise, rows.len()));
            rows
        };
        match targets.task {
            Task::Expression if o > 1 => {
                for row in first("noise", (0..targets.len()).collect()) {
                    let Some(class) = targets.class(row) else { continue };
                    // One of the others, counted on from the label.
                    let by = 1 + (self.rank("class", &ids[row]) % (o as u128 - 1)) as usize;
                    targets.values[row * o + class] = 0.0;
                    targets.values[row * o + (class + by) % o] = 1.0;
                }
            }
            Task::Expression => {}
            Task::ValenceArousal => {
                let drawn = first("noise", (0..targets.len()).collect());
                let before: Vec<Vec<f32>> = drawn.iter().map(|&row| targets.row(row).to_vec()).collect();
                for (i, &row) in drawn.iter().enumerate() {
                    targets.values[row * o..(row + 1) * o].copy_from_slice(&before[(i + 1) % before.len()]);
                }
            }
            Task::ActionUnits => {
                for unit in 0..o {
                    let known = (0..targets.len()).filter(|row| targets.known[row * o + unit]).collect();
                    for row in first(&format!("noise {}", targets.names[unit]), known) {
                        let value = &mut targets.values[row * o + unit];
                        *value = if *value > 0.5 { 0.0 } else { 1.0 };
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::sets::{Matrix, Rows};

    /// `n` samples whose targets `row` says; every fifth belongs to one person.
    fn set(task: Task, o: usize, n: usize, row: impl Fn(usize) -> Vec<Option<f32>>) -> FeatureSet {
        let rows: Vec<Vec<Option<f32>>> = (0..n).map(row).collect();
        let source = Matrix {
            rows: n,
            cols: 1,
            data: vec![0.0; n],
        };
        FeatureSet {
            sample_ids: (0..n).map(|i| format!("train_{i:05}")).collect(),
            subjects: (0..n).map(|i| Some(format!("P{}", i / 5))).collect(),
            tokens: None,
            global: Rows::new(Arc::new(source), (0..n as u32).collect()),
            targets: Targets {
                task,
                names: (0..o).map(|i| format!("o{i}")).collect(),
                values: rows.iter().flatten().map(|value| value.unwrap_or(0.0)).collect(),
                known: rows.iter().flatten().map(Option::is_some).collect(),
            },
        }
    }

    /// Class `i` of `classes` has `i + 1` shares.
    fn classes(n: usize, classes: usize) -> FeatureSet {
        let of = move |i: usize| {
            (0..classes)
                .find(|c| i % (classes * (classes + 1) / 2) < (c + 1) * (c + 2) / 2)
                .unwrap()
        };
        set(Task::Expression, classes, n, move |i| {
            (0..classes).map(|c| Some(f32::from(u8::from(c == of(i))))).collect()
        })
    }

    fn ids(set: &FeatureSet) -> BTreeSet<String> {
        set.sample_ids.iter().cloned().collect()
    }

    proptest! {
        #[test]
        fn shares_are_exact_nested_and_stratified(
            n in 20_usize..300,
            (small, large) in (0.05_f64..0.6, 0.05_f64..1.0),
            seed in 0_u64..5,
        ) {
            let (small, large) = (small.min(large), small.max(large));
            let of = |share| Training { share, seed, ..Training::default() }.of(classes(n, 4)).unwrap();
            let (few, more) = (of(small), of(large));
            prop_assert_eq!(few.len(), (small * n as f64).round() as usize);
            prop_assert_eq!(more.len(), (large * n as f64).round() as usize);
            prop_assert!(ids(&few).is_subset(&ids(&more)));
            let all = classes(n, 4);
            for class in 0..4 {
                let count = |set: &FeatureSet| (0..set.len()).filter(|&i| set.targets.class(i) == Some(class)).count() as f64;
                prop_assert!((count(&few) - small * count(&all)).abs() < 2.0, "class {class}");
                prop_assert!(count(&few) > 0.0 || few.len() < 4 || count(&all) == 0.0);
            }
        }

        #[test]
        fn exactly_the_share_of_classes_is_exchanged_and_more_noise_keeps_what_little_did(
            n in 10_usize..300,
            (little, much) in (0.0_f64..1.0, 0.0_f64..1.0),
            seed in 0_u64..5,
        ) {
            let (little, much) = (little.min(much), little.max(much));
            let of = |label_noise| Training { label_noise, seed, ..Training::default() }.of(classes(n, 4)).unwrap();
            let (before, some, more) = (classes(n, 4), of(little), of(much));
            let changed = |set: &FeatureSet| (0..n).filter(|&i| set.targets.row(i) != before.targets.row(i)).count();
            prop_assert_eq!(changed(&some), (little * n as f64).round() as usize);
            prop_assert_eq!(changed(&more), (much * n as f64).round() as usize);
            for i in 0..n {
                prop_assert_eq!(some.targets.row(i).iter().filter(|&&value| value > 0.5).count(), 1);
                if some.targets.row(i) != before.targets.row(i) {
                    prop_assert_eq!(some.targets.row(i), more.targets.row(i));
                }
            }
        }

        #[test]
        fn rows_in_another_order_are_drawn_alike(n in 10_usize..120, share in 0.1_f64..1.0, label_noise in 0.0_f64..1.0) {
            let rule = Training { share, label_noise, ..Training::default() };
            let backwards: Vec<usize> = (0..n).rev().collect();
            let one = rule.of(classes(n, 3)).unwrap();
            let other = rule.of(classes(n, 3).select(&backwards)).unwrap();
            let told = |set: &FeatureSet| -> BTreeMap<String, Option<usize>> {
                (0..set.len()).map(|i| (set.sample_ids[i].clone(), set.targets.class(i))).collect()
            };
            prop_assert_eq!(told(&one), told(&other));
        }
    }

    #[test]
    fn noise_falls_on_every_other_class_alike() {
        let before = classes(6000, 4);
        let rule = Training {
            label_noise: 1.0,
            ..Training::default()
        };
        let after = rule.of(before.clone()).unwrap();
        let mut to = [[0_usize; 4]; 4];
        for i in 0..before.len() {
            to[before.targets.class(i).unwrap()][after.targets.class(i).unwrap()] += 1;
        }
        for (class, counts) in to.iter().enumerate() {
            let n: usize = counts.iter().sum();
            assert_eq!(counts[class], 0);
            for (other, &count) in counts.iter().enumerate().filter(|(other, _)| *other != class) {
                let expected = n as f64 / 3.0;
                assert!(
                    (count as f64 - expected).abs() < 4.0 * expected.sqrt(),
                    "{class} to {other}: {count} of {n}"
                );
            }
        }
    }

    #[test]
    fn valence_and_arousal_change_owners() {
        let before = set(Task::ValenceArousal, 2, 50, |i| {
            vec![Some(i as f32 / 50.0), Some(-(i as f32) / 50.0)]
        });
        let rule = Training {
            label_noise: 0.3,
            ..Training::default()
        };
        let after = rule.of(before.clone()).unwrap();
        let changed = (0..50)
            .filter(|&i| after.targets.row(i) != before.targets.row(i))
            .count();
        assert_eq!(changed, 15);
        let sorted = |set: &FeatureSet| {
            let mut rows: Vec<Vec<u32>> = (0..50)
                .map(|i| set.targets.row(i).iter().map(|v| v.to_bits()).collect())
                .collect();
            rows.sort();
            rows
        };
        assert_eq!(
            sorted(&after),
            sorted(&before),
            "the pairs stay, and who has them changes"
        );
    }

    #[test]
    fn of_every_unit_the_share_of_known_labels_is_turned_round() {
        let before = set(Task::ActionUnits, 2, 100, |i| {
            vec![Some(f32::from(u8::from(i % 7 == 0))), (i % 2 == 0).then_some(1.0)]
        });
        let rule = Training {
            label_noise: 0.1,
            ..Training::default()
        };
        let after = rule.of(before.clone()).unwrap();
        let turned = |unit: usize| {
            let at = |i: usize| i * 2 + unit;
            (0..100)
                .filter(|&i| (after.targets.values[at(i)] > 0.5) != (before.targets.values[at(i)] > 0.5))
                .collect::<Vec<_>>()
        };
        assert_eq!((turned(0).len(), turned(1).len()), (10, 5));
        assert!(
            turned(1).iter().all(|i| i % 2 == 0),
            "what is not known is not turned round"
        );
        assert_eq!(after.targets.known, before.targets.known);
    }

    #[test]
    fn persons_are_taken_whole() {
        let rule = |share| Training {
            share,
            by_subject: true,
            ..Training::default()
        };
        let people = |set: &FeatureSet| -> BTreeSet<String> { set.subjects.iter().flatten().cloned().collect() };
        let (some, more) = (
            rule(0.3).of(classes(100, 3)).unwrap(),
            rule(0.5).of(classes(100, 3)).unwrap(),
        );
        assert_eq!(
            (people(&some).len(), some.len()),
            (6, 30),
            "six of twenty persons, five samples each"
        );
        assert!(people(&some).is_subset(&people(&more)));
        assert_eq!(people(&rule(0.01).of(classes(100, 3)).unwrap()).len(), 2);
        let mut nobody = classes(20, 3);
        nobody.subjects[3] = None;
        assert!(
            rule(0.5)
                .of(nobody)
                .unwrap_err()
                .to_string()
                .contains("names no person")
        );
    }
}
