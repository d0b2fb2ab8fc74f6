//! The same picture in two splits: what is learned from it is asked for later.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::sets::{FeatureSet, SplitSets};
use crate::task::Split;

/// What is done about pictures that two splits share.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DuplicateRule {
    /// They are counted and listed.
    #[default]
    Report,
    /// They are taken out of what is learned from: a picture of the test split out of training and validation, one of the
    /// validation split out of training.
    DropTrain,
    /// The run is refused.
    Fail,
}

impl DuplicateRule {
    /// Whether it changes nothing about what is measured.
    pub fn is_report(&self) -> bool {
        *self == Self::Report
    }
}

/// A sample whose picture is in a later split too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// The sample.
    pub sample_id: String,
    /// Its split: `train` or `val`.
    pub split: Split,
    /// The first sample of the other split with the same picture, in the table's order.
    pub same_as: String,
    /// The other split: `test`, or `val`.
    pub same_split: Split,
    /// `bytes`: the image files are equal; `features`: the features are.
    pub same: &'static str,
}

/// What is compared of the samples of a split, at the places of the split.
struct Keys<'a> {
    split: Split,
    set: &'a FeatureSet,
    /// Of the image files, where that is known.
    bytes: Vec<Option<u128>>,
    /// Of the feature vectors.
    features: Vec<[u8; 16]>,
}

impl<'a> Keys<'a> {
    fn of(split: Split, set: &'a FeatureSet, pictures: &[Option<u128>]) -> Result<Self> {
        let mut features = Vec::with_capacity(set.len());
        for block in set.global.blocks() {
            let values = set.global.read(block)?;
            for row in values.data.chunks_exact(values.cols.max(1)) {
                let mut hasher = blake3::Hasher::new();
                for value in row {
                    hasher.update(&value.to_le_bytes());
                }
                let mut key = [0; 16];
                key.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
                features.push(key);
            }
        }
        let of_row = |&row: &u32| pictures.get(row as usize).copied().flatten();
        Ok(Self {
            split,
            set,
            bytes: set.global.numbers().iter().map(of_row).collect(),
            features,
        })
    }

    /// What of this split is in `later` too, at its places here.
    fn also_in(&self, later: &Keys<'_>) -> Vec<(usize, Duplicate)> {
        let mut by_bytes: HashMap<u128, usize> = HashMap::new();
        let mut by_features: HashMap<[u8; 16], usize> = HashMap::new();
        for at in 0..later.set.len() {
            if let Some(key) = later.bytes[at] {
                by_bytes.entry(key).or_insert(at);
            }
            by_features.entry(later.features[at]).or_insert(at);
        }
        (0..self.set.len())
            .filter_map(|at| {
                let bytes = self.bytes[at].and_then(|key| Some(("bytes", *by_bytes.get(&key)?)));
                let (same, other) = bytes.or_else(|| Some(("features", *by_features.get(&self.features[at])?)))?;
                let duplicate = Duplicate {
                    sample_id: self.set.sample_ids[at].clone(),
                    split: self.split,
                    same_as: later.set.sample_ids[other].clone(),
                    same_split: later.split,
                    same,
                };
                Some((at, duplicate))
            })
            .collect()
    }
}

/// Finds the samples whose picture is in a later split too (test after validation after training), each once. `pictures` has the
/// digest of the image file of each row of the table, where that is known.
///
/// # Errors
/// [`crate::Error::Io`] if features cannot be read.
pub(super) fn find(sets: &SplitSets, pictures: &[Option<u128>]) -> Result<Found> {
    let test = Keys::of(Split::Test, &sets.test, pictures)?;
    let train = Keys::of(Split::Train, &sets.train, pictures)?;
    let mut found = Found {
        train: train.also_in(&test),
        val: Vec::new(),
    };
    if let Some(val) = &sets.val {
        let val = Keys::of(Split::Val, val, pictures)?;
        found.val = val.also_in(&test);
        let known: std::collections::BTreeSet<usize> = found.train.iter().map(|(at, _)| *at).collect();
        let of_val = train.also_in(&val);
        found
            .train
            .extend(of_val.into_iter().filter(|(at, _)| !known.contains(at)));
        found.train.sort_by_key(|(at, _)| *at);
    }
    Ok(found)
}

/// Duplicates with their places in their splits, ascending.
pub(super) struct Found {
    train: Vec<(usize, Duplicate)>,
    val: Vec<(usize, Duplicate)>,
}

impl Found {
    /// The sets without them.
    pub(super) fn dropped(&self, sets: &SplitSets) -> SplitSets {
        let without = |set: &FeatureSet, found: &[(usize, Duplicate)]| {
            let mut out = vec![false; set.len()];
            for (at, _) in found {
                out[*at] = true;
            }
            let rest: Vec<usize> = (0..set.len()).filter(|&at| !out[at]).collect();
            set.select(&rest)
        };
        SplitSets {
            train: without(&sets.train, &self.train),
            val: sets.val.as_ref().map(|val| without(val, &self.val)),
            test: sets.test.clone(),
            others: sets.others.clone(),
        }
    }

    /// All of them, training samples first.
    pub(super) fn list(self) -> Vec<Duplicate> {
        let all = self.train.into_iter().chain(self.val);
        all.map(|(_, duplicate)| duplicate).collect()
    }
}
