//! What a conversion is asked for.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::config::{Camera, DatasetConfig, FrameBase, Frames, Images};
use super::unknown::UnknownLabels;

/// Options of a conversion; all that can change its result besides the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConvertOptions {
    /// Layout to read; `None` finds out.
    pub layout: Option<String>,
    /// Aligned or original images.
    pub images: Images,
    /// Frames of a video database.
    pub frames: Frames,
    /// Camera of a video database.
    pub camera: Camera,
    /// Number of the first extracted frame.
    pub frame_base: FrameBase,
    /// File with folds in place of the card's.
    pub folds: Option<PathBuf>,
    /// File that says which image belongs to which split.
    pub split_list: Option<PathBuf>,
    /// Seed of the splitting hash.
    pub split_seed: u64,
    /// Share of the test set under the splitting hash.
    pub test_share: f64,
    /// Release that the folder must hold, if only one will do; says nothing about what is found in it.
    #[serde(skip)]
    pub release: Option<String>,
    /// Where frames decoded from videos are kept; says nothing about what is found in them.
    #[serde(skip)]
    pub decoded_frames: Option<PathBuf>,
    /// Numbers that mean "unknown" beside what always does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<UnknownLabels>,
    /// Largest share of rows that may be rejected.
    pub max_rejected: f64,
    /// Largest number of pixels of an image.
    pub max_pixels: u64,
}

impl Default for ConvertOptions {
    fn default() -> Self {
        Self::from(&DatasetConfig::default())
    }
}

/// How the folder is read, with the defaults for what a protocol decides.
impl From<&DatasetConfig> for ConvertOptions {
    fn from(config: &DatasetConfig) -> Self {
        Self {
            layout: (config.layout != "auto").then(|| config.layout.clone()),
            images: Images::default(),
            frames: Frames::default(),
            camera: Camera::default(),
            frame_base: config.frame_base,
            folds: None,
            split_list: None,
            split_seed: 0,
            test_share: TEST_SHARE,
            release: None,
            decoded_frames: Some(&config.decoded_frames)
                .filter(|path| !path.is_empty())
                .map(PathBuf::from),
            unknown: None,
            max_rejected: config.max_rejected,
            max_pixels: config.max_pixels,
        }
    }
}

/// Share of images that the hash makes the test set of a database without official split, unless the protocol says more.
pub const TEST_SHARE: f64 = 0.2;
