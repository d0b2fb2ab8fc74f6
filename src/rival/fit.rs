//! What a rival is fitted on, and what it offers afterwards.

use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::sets::Matrix;
use crate::task::Targets;

use super::input::Features;

/// What a rival is fitted on.
#[derive(Debug, Clone, Copy)]
pub struct Training<'a> {
    /// Standardised features of the training split, n × D.
    pub x: &'a Features,
    /// Its targets.
    pub targets: &'a Targets,
    /// Subject of each sample, counted from 0, where every sample names one.
    pub groups: Option<&'a [usize]>,
    /// The validation split, where the protocol has one.
    pub validation: Option<(&'a Features, &'a Targets)>,
}

/// What fitting needs besides data.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Seed of everything random.
    pub seed: u64,
    /// Share held out to choose settings.
    pub holdout: f64,
    /// Asked in every loop.
    pub interrupt: &'a Interrupt,
}

/// A rival that can be fitted.
pub trait Rival {
    /// Fits on the training split.
    ///
    /// # Errors
    /// [`Error::Interrupted`], or a failing device.
    fn fit(&self, training: &Training<'_>, context: &Context<'_>) -> Result<Box<dyn Fitted>>;
}

/// A rival that was fitted.
pub trait Fitted {
    /// n × O outputs for n standardised feature vectors: probabilities, or (valence, arousal).
    ///
    /// # Errors
    /// [`Error::Interrupted`], or a failing device.
    fn predict(&self, x: &Features) -> Result<Matrix>;

    /// Which settings were chosen, in a few words.
    fn note(&self) -> String;
}
