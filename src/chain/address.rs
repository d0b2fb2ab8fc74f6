//! Where a run lies, and from what everything in it is computed.

use std::path::Path;

use crate::digest::{Digest, short, stage};
use crate::error::Result;
use crate::recipe::Recipe;
use crate::run::folder::RunFolder;

use super::rivals::RivalsDigest;

/// What of the stages before goes into the address of a run.
pub(super) struct From<'a> {
    /// Digest of the recipe's own features.
    pub(super) features: &'a str,
    /// Digests of the features of the other databases that are tested on.
    pub(super) others: Vec<&'a str>,
    /// Kind of the device.
    pub(super) device: &'a str,
    /// Whether the faces were generated.
    pub(super) stand_in: bool,
    /// Whether what was planted in them is known.
    pub(super) truth: bool,
}

/// The addresses of a run.
pub(super) struct Address {
    /// Of AURA's models.
    pub(super) digest: String,
    /// Of all numbers on the run's own test split: further test sets change none of them.
    pub(super) looked: String,
    /// Of the rivals. Not part of the run's digest: a change in a rival leaves the folder and AURA in it.
    pub(super) rivals: RivalsDigest,
    /// The run folder.
    pub(super) folder: RunFolder,
}

impl Address {
    /// Of a recipe whose runs lie below `out`.
    ///
    /// # Errors
    /// As [`Recipe::digest`].
    pub(super) fn of(recipe: &Recipe, from: &From<'_>, out: &Path) -> Result<Self> {
        let of = |recipe: &Recipe, others: &[&str]| -> Result<String> {
            let digest = Digest::new("run")
                .part("recipe", recipe.digest()?)
                .part("features", from.features)
                .part("device", from.device)
                .part("code", stage::TRAIN)
                .part("stand-in", from.stand_in.to_string())
                .part("truth", if from.truth { stage::TRUTH } else { "" });
            let with = |digest: Digest, other: &&str| digest.part("test", *other).part("code", stage::TESTS);
            Ok(others.iter().fold(digest, with).finish())
        };
        let digest = of(recipe, &from.others)?;
        let alone = of(&recipe.alone(), &[])?;
        Ok(Self {
            looked: RivalsDigest::new(&alone, recipe.finetune.enabled).address(&alone),
            rivals: RivalsDigest::new(&digest, recipe.finetune.enabled),
            folder: RunFolder::new(out.join(format!("{}-{}", recipe.name, short(&digest)))),
            digest,
        })
    }
}
