//! What a stand-in is asked for, and what a layout offers.

use crate::error::Result;

use super::modes::Emotion;
use super::plan::Plan;

/// What to generate.
#[derive(Debug, Clone, PartialEq)]
pub struct StandinOptions {
    /// The database whose layout is written: one of [`cards`].
    pub card: String,
    /// Which of the database's layouts, by its name in the card; `None` for the first of [`forms`].
    pub layout: Option<String>,
    /// Number of images, all splits together.
    pub samples: usize,
    /// Seed of everything.
    pub seed: u64,
    /// Share of the samples whose label is made wrong (a neighbouring expression, another image's valence and arousal, one
    /// action unit), 0 to 0.5.
    pub label_noise: f64,
    /// Side of a face in pixels; `None` for the database's own. Images in which the face has a box are larger.
    pub size: Option<u32>,
}

impl Default for StandinOptions {
    fn default() -> Self {
        Self {
            card: "rafdb".to_owned(),
            layout: None,
            samples: 2400,
            seed: 0,
            label_noise: 0.05,
            size: None,
        }
    }
}

/// How one database lies on disk.
pub(crate) trait Layout: Sync {
    /// Name of the card.
    fn card(&self) -> &'static str;
    /// Name of the card's layout.
    fn form(&self) -> &'static str;
    /// Expressions in the order of the card's class list.
    fn classes(&self) -> &'static [Emotion];
    /// Side of a face in pixels.
    fn size(&self) -> u32;
    /// Every sample (where it lies, who it shows, what it shows) and the label files. `size` is the side of a face.
    fn plan(&self, options: &StandinOptions, size: u32) -> Result<Plan>;
}

/// Index of an emotion in the card's class list, if it is there.
pub(crate) fn index_of(layout: &dyn Layout, emotion: Emotion) -> Option<i8> {
    layout
        .classes()
        .iter()
        .position(|&class| class == emotion)
        .map(|i| i as i8)
}

/// Version of everything that decides the bytes of a stand-in: drawing, modes, layouts. It belongs into every cache key.
pub const GENERATOR_VERSION: u32 = 4;

pub(crate) const NOTICE: &str = "These images are generated drawings of nobody, written by aura-bench in the layout of the \
                      database named by `card`. They are not the database, and no result on them is a result on it.";
