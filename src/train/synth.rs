//! Drawn features with the difficulty of faces: who it is dominates, what is expressed lies in a few directions.

use rand::RngExt;

use crate::action_unit;
use crate::model::math::{Purpose, normal, stream};
use crate::sets::{FeatureSet, Matrix, Rows, SplitSets, Tokens};
use crate::task::{Targets, Task};

const AFFECT: usize = 12;

/// Features with planted modes.
#[derive(Debug, Clone)]
pub struct Planted {
    /// Train and test split.
    pub sets: SplitSets,
    /// Planted mode of every training sample.
    #[cfg_attr(not(test), expect(dead_code, reason = "the truth that tests hold a model against"))]
    pub modes: Vec<usize>,
    /// Person of every training sample.
    #[cfg_attr(not(test), expect(dead_code, reason = "as above"))]
    pub people: Vec<usize>,
}

/// Draws `train` and `test` samples of `dims` values: 40 people far apart, 5 classes with 1 to 4 modes each in a
/// 12-dimensional subspace, noise. Tokens (4 an image) carry a part of the affect each.
pub fn planted(task: Task, train: usize, test: usize, dims: usize, seed: u64) -> Planted {
    let mut rng = stream(seed, Purpose::Parameters, 77, 0);
    let per_class = [1, 2, 3, 4, 2];
    let people = 40;
    let identity: Vec<Vec<f32>> = (0..people).map(|_| normal(&mut rng, 4 * dims, 2.0)).collect();
    let loading = normal(&mut rng, 4 * dims * AFFECT, 0.25);
    let class_of: Vec<usize> = (0..per_class.len()).flat_map(|c| vec![c; per_class[c]]).collect();
    let centres: Vec<Vec<f32>> = class_of.iter().map(|_| normal(&mut rng, AFFECT, 1.6)).collect();
    let readers = normal(&mut rng, AFFECT * 6, 0.6);
    let read = |affect: &[f32], output: usize| -> f32 {
        affect.iter().zip(&readers[output * AFFECT..]).map(|(a, b)| a * b).sum()
    };

    let mut modes = Vec::new();
    let mut persons = Vec::new();
    let mut draw = |n: usize, split: &str| {
        let (mut global, mut tokens, mut values, mut ids) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for i in 0..n {
            let mode = rng.random_range(0..class_of.len());
            let person = rng.random_range(0..people);
            let affect: Vec<f32> = centres[mode]
                .iter()
                .zip(normal(&mut rng, AFFECT, 0.5))
                .map(|(a, b)| a + b)
                .collect();
            let noise = normal(&mut rng, 4 * dims, 1.0);
            let feature = |position: usize, dims_read: std::ops::Range<usize>| -> f32 {
                let signal: f32 = dims_read.map(|j| loading[position * AFFECT + j] * affect[j]).sum();
                identity[person][position] + signal + noise[position]
            };
            global.extend((0..dims).map(|j| feature(j, 0..AFFECT)));
            for token in 0..4 {
                tokens.extend((0..dims).map(|j| feature(token * dims + j, token * 3..token * 3 + 3)));
            }
            match task {
                Task::Expression => {
                    values.extend((0..per_class.len()).map(|c| f32::from(u8::from(c == class_of[mode]))));
                }
                Task::ValenceArousal => values.extend((0..2).map(|o| read(&affect, o).tanh())),
                Task::ActionUnits => values.extend((0..6).map(|o| f32::from(u8::from(read(&affect, o) > 0.8)))),
            }
            ids.push(format!("{split}_{i:05}"));
            if split == "train" {
                modes.push(mode);
                persons.push(person);
            }
        }
        let names: Vec<String> = match task {
            Task::Expression => (0..per_class.len()).map(|c| format!("class{c}")).collect(),
            Task::ValenceArousal => vec!["valence".into(), "arousal".into()],
            Task::ActionUnits => action_unit::columns(&[1, 2, 3, 4, 5, 6]),
        };
        let known = vec![true; values.len()];
        FeatureSet {
            subjects: vec![None; n],
            sample_ids: ids,
            global: rows(n, dims, global),
            tokens: Some(Tokens {
                count: 4,
                width: dims,
                values: rows(n, 4 * dims, tokens),
            }),
            targets: Targets {
                task,
                names,
                values,
                known,
            },
        }
    };
    let train = draw(train, "train");
    let test = draw(test, "test");
    Planted {
        sets: SplitSets {
            train,
            val: None,
            test,
            others: Vec::new(),
        },
        modes,
        people: persons,
    }
}

fn rows(rows: usize, cols: usize, data: Vec<f32>) -> Rows {
    Matrix { rows, cols, data }.into()
}

/// Normalised mutual information of two labelings (arithmetic mean of the entropies).
#[cfg(test)]
pub fn nmi(a: &[usize], b: &[usize]) -> f64 {
    use std::collections::BTreeMap;
    let n = a.len() as f64;
    let (mut joint, mut left, mut right) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (&x, &y) in a.iter().zip(b) {
        *joint.entry((x, y)).or_insert(0.0) += 1.0 / n;
        *left.entry(x).or_insert(0.0) += 1.0 / n;
        *right.entry(y).or_insert(0.0) += 1.0 / n;
    }
    let entropy = |p: &BTreeMap<usize, f64>| -p.values().map(|p: &f64| p * p.ln()).sum::<f64>();
    let mutual: f64 = joint
        .iter()
        .map(|(&(x, y), p): (_, &f64)| p * (p / (left[&x] * right[&y])).ln())
        .sum();
    mutual / (0.5 * (entropy(&left) + entropy(&right))).max(1e-12)
}
