//! Images that do not lie in the data folder: frames decoded from its videos.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Frames decoded from videos. Image paths of the samples table are then relative to the folder that holds them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DecodedFrames {
    /// The folder, in which every video has one of its own.
    pub folder: String,
    /// What decoded them.
    pub decoder: String,
    /// How they are stored.
    pub quality: String,
    /// The videos, by person.
    pub videos: BTreeMap<String, DecodedVideo>,
    /// Folder with copies of the images that lay in the data folder, so that all images lie in one place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copied: Option<String>,
}

/// One video and its frames.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DecodedVideo {
    /// Its path in the data folder.
    pub video: String,
    /// Digest of its bytes (blake3).
    pub digest: String,
    /// Folder of its frames: the digest of the video and of what decoded it.
    pub folder: String,
    /// Number of frames.
    pub frames: u64,
}

impl DecodedFrames {
    /// Folders below `root` that the samples table speaks of.
    pub fn folders<'a>(&'a self, root: &'a Path) -> impl Iterator<Item = PathBuf> + 'a {
        let videos = self.videos.values().map(|video| &video.folder);
        videos.chain(&self.copied).map(|folder| root.join(folder))
    }
}
