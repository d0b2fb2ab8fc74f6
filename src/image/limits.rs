//! What one image file may cost: one default for every stage that looks at images.

/// Most pixels of one image unless a recipe says otherwise (`dataset.max_pixels`): 64 million, twice the largest photograph
/// seen in these databases.
pub const MAX_PIXELS: u64 = 64_000_000;

/// What one image file may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Largest file, in bytes (default 64 MiB).
    pub max_file_bytes: u64,
    /// Largest width × height, checked against the header before any pixel is decoded (default [`MAX_PIXELS`]).
    pub max_pixels: u64,
    /// Most memory that a decoder may allocate, in bytes (default 16 a pixel).
    pub max_alloc_bytes: u64,
}

impl DecodeLimits {
    /// Limits of files of at most so many pixels and bytes: 16 bytes of memory a pixel hold four channels as f32.
    pub fn new(max_pixels: u64, max_file_bytes: u64) -> Self {
        Self {
            max_file_bytes,
            max_pixels,
            max_alloc_bytes: max_pixels.saturating_mul(16),
        }
    }
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self::new(MAX_PIXELS, 64 << 20)
    }
}
