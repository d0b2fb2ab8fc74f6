//! The Parquet feature table, its writer, and its loader.

pub mod set;

pub use set::{FeatureSet, Matrix, SplitSets, Tokens};
