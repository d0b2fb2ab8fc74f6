//! What marks generated faces among the databases.

/// The file at the root of a complete generated tree.
pub const STAND_IN_FILE: &str = "STAND-IN.toml";
/// The same while the tree is being written.
pub const UNFINISHED: &str = "STAND-IN.unfinished.toml";
/// The table of what was drawn, beside it.
pub const TRUTH_FILE: &str = "truth.parquet";
