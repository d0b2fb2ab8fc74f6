//! Digests that address what the stages compute.

use std::fs::File;
use std::io::Read as _;
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

/// As [`of_file`], of a file that may take longer than a user waits: `step` may end it before every block.
///
/// # Errors
/// If the file cannot be read; what `step` returns.
pub fn of_large_file(path: &Path, mut step: impl FnMut() -> Result<()>) -> Result<String> {
    let mut file = File::open(path).at("read", path)?;
    let mut hasher = blake3::Hasher::new();
    let mut block = vec![0; 1 << 20];
    loop {
        step()?;
        match file.read(&mut block).at("read", path)? {
            0 => return Ok(hasher.finalize().to_hex().to_string()),
            length => hasher.update(&block[..length]),
        };
    }
}

/// Digests of all code, embedded files and libraries that compute a stage, so that newer code never takes older results for
/// its own. Made by `build.rs`; which files a stage begins at stands in `build/digest.rs`.
pub mod stage {
    /// From a database's folder to its samples table.
    pub const CONVERT: &str = env!("AURA_STAGE_CONVERT");
    /// Generated faces.
    pub const STANDIN: &str = env!("AURA_STAGE_STANDIN");
    /// Features made elsewhere.
    pub const IMPORT: &str = env!("AURA_STAGE_IMPORT");
    /// From images to the feature table.
    pub const EXTRACT: &str = env!("AURA_STAGE_EXTRACT");
    /// AURA, from the feature table to predictions and metrics.
    pub const TRAIN: &str = env!("AURA_STAGE_TRAIN");
    /// What of other databases is tested on.
    pub const TESTS: &str = env!("AURA_STAGE_TESTS");
    /// The rivals on the same features.
    pub const RIVALS: &str = env!("AURA_STAGE_RIVALS");
    /// The rival that trains the encoder.
    pub const FINETUNE: &str = env!("AURA_STAGE_FINETUNE");
    /// Agreement with what was planted in generated faces.
    pub const TRUTH: &str = env!("AURA_STAGE_TRUTH");
    /// Of scoring predictions made elsewhere.
    pub const SCORE: &str = env!("AURA_STAGE_SCORE");
    /// Maps of a seed.
    pub const MAP: &str = env!("AURA_STAGE_MAP");
    /// Statistics, figures and pages.
    pub const REPORT: &str = env!("AURA_STAGE_REPORT");
}
