//! A piece of the work: faces that are predicted together.

use std::path::PathBuf;

/// Faces that are predicted together.
#[derive(Debug, Clone)]
pub struct Piece {
    /// Faces in it.
    pub rows: usize,
    /// Digest of what they are.
    pub digest: String,
    /// The input that they are from, as it was given.
    pub input: String,
    /// Where they are.
    pub origin: Origin,
}

/// Where the faces of a piece are.
#[derive(Debug, Clone)]
pub enum Origin {
    /// Images, which are encoded.
    Faces {
        /// A samples table.
        samples: PathBuf,
        /// The folder that its images lie below.
        root: PathBuf,
    },
    /// Rows of a part of a feature table.
    Table {
        /// The table's folder.
        folder: PathBuf,
        /// The part.
        part: usize,
        /// First row in the part.
        first: usize,
    },
}
