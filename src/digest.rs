//! Digests that address what the stages compute.

use std::fs::File;
use std::path::Path;

use crate::error::{Context, Result};

/// Collects named parts into one BLAKE3 digest. Each part is written with its length, so that parts cannot run together.
#[derive(Debug, Clone, Default)]
pub struct Digest(blake3::Hasher);

impl Digest {
    /// An empty digest for one kind of thing.
    pub fn new(kind: &str) -> Self {
        Self::default().part("kind", kind)
    }

    /// Adds a named part.
    #[must_use]
    pub fn part(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        for piece in [name.as_bytes(), value.as_ref()] {
            self.0.update(&(piece.len() as u64).to_le_bytes());
            self.0.update(piece);
        }
        self
    }

    /// The digest, 64 hexadecimal digits.
    pub fn finish(&self) -> String {
        self.0.finalize().to_hex().to_string()
    }
}

/// The first eight digits of a digest, as they appear in names of folders.
pub fn short(digest: &str) -> &str {
    digest.get(..8).unwrap_or(digest)
}

/// Digest of a file's bytes, read in a stream.
///
/// # Errors
/// If the file cannot be read.
pub fn of_file(path: &Path) -> Result<String> {
    let file = File::open(path).at("read", path)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file).at("read", path)?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// Digest of the source code of the rooms that compute something, so that newer code never takes older results for its
/// own. Made by `build.rs`.
pub mod room {
    /// `src/baseline`.
    pub const BASELINE: &str = env!("AURA_ROOM_BASELINE");
    /// `finetune/`.
    pub const FINETUNE: &str = env!("AURA_ROOM_FINETUNE");
    /// `src/chain`.
    pub const CHAIN: &str = env!("AURA_ROOM_CHAIN");
    /// `src/dataset` and the cards.
    pub const DATASET: &str = env!("AURA_ROOM_DATASET");
    /// `src/encoder`.
    pub const ENCODER: &str = env!("AURA_ROOM_ENCODER");
    /// `src/feature`.
    pub const FEATURE: &str = env!("AURA_ROOM_FEATURE");
    /// `src/image`.
    pub const IMAGE: &str = env!("AURA_ROOM_IMAGE");
    /// `src/map`.
    pub const MAP: &str = env!("AURA_ROOM_MAP");
    /// `src/metric`.
    pub const METRIC: &str = env!("AURA_ROOM_METRIC");
    /// `src/model`.
    pub const MODEL: &str = env!("AURA_ROOM_MODEL");
    /// `src/query`.
    pub const QUERY: &str = env!("AURA_ROOM_QUERY");
    /// `src/report` and the templates.
    pub const REPORT: &str = env!("AURA_ROOM_REPORT");
    /// `src/train`.
    pub const TRAIN: &str = env!("AURA_ROOM_TRAIN");
}
