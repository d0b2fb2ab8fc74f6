//! `[stand_in]`: how the recipe runs on generated faces.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The `[stand_in]` section. Its sub-table `[stand_in.override]` holds any other part of a recipe; for a stand-in it is
/// laid over the recipe (smaller networks, fewer epochs) before single keys are overridden.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StandInConfig {
    /// Faces to draw, all splits together.
    pub samples: usize,
    /// Seed of the faces.
    pub seed: u64,
    /// Share of samples whose label is deliberately wrong: a neighbouring expression, another image's valence and arousal, or
    /// one action unit.
    pub label_noise: f64,
    /// Which of the database's layouts is drawn, by its name in the card; empty for the usual one.
    pub layout: String,
    /// Side of a face in pixels; 0 for the database's own.
    pub size: u32,
}

impl Default for StandInConfig {
    fn default() -> Self {
        Self {
            samples: 3000,
            seed: 0,
            label_noise: 0.05,
            layout: String::new(),
            size: 0,
        }
    }
}

impl StandInConfig {
    /// Checks values that types cannot.
    ///
    /// # Errors
    /// Key below `[stand_in]` and what was expected.
    pub fn validate(&self) -> Result<(), (String, String)> {
        if !(100..=1_000_000).contains(&self.samples) {
            return Err((
                "samples".to_owned(),
                "between 100 and 1,000,000 faces are drawn".to_owned(),
            ));
        }
        if !(0.0..=0.5).contains(&self.label_noise) {
            return Err((
                "label_noise".to_owned(),
                "the share of flipped labels is between 0 and 0.5".to_owned(),
            ));
        }
        if self.size != 0 && !(32..=1024).contains(&self.size) {
            return Err((
                "size".to_owned(),
                "a face has 32 to 1024 pixels, or 0 for the database's own size".to_owned(),
            ));
        }
        Ok(())
    }
}
