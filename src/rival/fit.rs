//! What a rival is fitted on, what it may choose from, and what it offers afterwards.

use std::ops::Range;

use crate::error::Result;
use crate::fitting::choose::Candidates;
use crate::interrupt::Interrupt;
use crate::sets::Matrix;
use crate::task::Targets;

use super::input::Features;

/// What a rival is fitted on.
#[derive(Debug, Clone, Copy)]
pub struct Training<'a> {
    /// Features of the samples, n × D, standardised by themselves.
    pub x: &'a Features,
    /// Their targets.
    pub targets: &'a Targets,
    /// Seed of everything random.
    pub seed: u64,
    /// Asked in every loop.
    pub interrupt: &'a Interrupt,
}

/// A rival: the settings that it may choose from, and how it is fitted with one of them.
pub trait Rival {
    /// How many settings there are; with one there is nothing to choose.
    fn settings(&self) -> usize;

    /// Settings without a better result after which the rest of their run is left out.
    fn patience(&self) -> usize {
        usize::MAX
    }

    /// Settings of one run: they differ in what can only get worse once it has.
    fn run(&self) -> usize {
        self.settings()
    }

    /// Samples of `width` values on which a setting is chosen in each held-out part, and about which it is asked in all of them
    /// together, at most.
    fn choose_on(&self, _width: usize) -> usize {
        usize::MAX
    }

    /// Whether what is best on some of the samples says nothing of all of them, so that only the samples asked about can be fewer.
    fn needs_all(&self) -> bool {
        false
    }

    /// Whether candidates fitted to up to `samples` are found less exactly than what is fitted at last, so that their outputs serve
    /// to compare them and not to be mapped.
    fn rough(&self, _samples: usize) -> bool {
        false
    }

    /// Whether the seed changes anything.
    fn seeded(&self) -> bool {
        false
    }

    /// The settings in their order, each fitted to `training` and asked about the samples `held`.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`], or a failing device.
    fn candidates<'a>(&'a self, training: Training<'a>, held: &'a Features) -> Result<Box<dyn Candidates + 'a>>;

    /// Fits setting number `at`.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`], or a failing device.
    fn fit(&self, training: &Training<'_>, at: usize) -> Result<Box<dyn Fitted>>;
}

/// Samples on which a rival chooses its setting, at most, unless the recipe says otherwise.
pub const CHOOSE_ON: usize = 20_000;

/// Samples from which a setting can be chosen at all.
pub const LEAST: usize = 100;

/// Checks `[baselines.<section>] choose_on`.
pub fn enough(section: &str, samples: usize) -> std::result::Result<(), (String, String)> {
    if samples >= LEAST {
        return Ok(());
    }
    let expected = format!("expected {LEAST} samples or more, from which a setting can be chosen");
    Err((format!("{section}.choose_on"), expected))
}

/// Settings by name.
pub type Settings = Vec<(&'static str, f64)>;

/// A rival that was fitted.
pub trait Fitted {
    /// n × O outputs for n standardised feature vectors: probabilities, or (valence, arousal).
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`], or a failing device.
    fn predict(&self, x: &Features) -> Result<Matrix>;

    /// What it was fitted with, by name: `k`, `lambda` and so on; metrics `setting_<name>` of split `all`.
    fn settings(&self) -> Settings;
}

/// Settings that have nothing in common: each is fitted from nothing.
pub struct Apart<'a> {
    /// The rival.
    pub rival: &'a dyn Rival,
    /// Numbers of its settings.
    pub settings: Range<usize>,
    /// What it is fitted on.
    pub training: Training<'a>,
    /// What it is asked about.
    pub held: &'a Features,
}

impl Candidates for Apart<'_> {
    fn outputs(&mut self, at: usize) -> Result<Option<Matrix>> {
        let Some(setting) = self.settings.clone().nth(at) else {
            return Ok(None);
        };
        self.rival.fit(&self.training, setting)?.predict(self.held).map(Some)
    }
}
