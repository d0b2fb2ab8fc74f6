//! What marks generated faces among the databases.

/// The file at the root of a complete generated tree.
pub const STAND_IN_FILE: &str = "STAND-IN.toml";
/// The table of what was drawn, beside it.
pub const TRUTH_FILE: &str = "truth.parquet";
