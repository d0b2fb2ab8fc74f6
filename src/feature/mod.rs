//! The Parquet feature table, its writer, and its loader.

pub mod by_hand;
pub mod config;
pub mod extract;
pub mod folder;
pub mod import;
pub mod load;
pub mod pool;
pub mod reader;
pub mod set;
pub mod table;
pub mod writer;

pub use by_hand::ByHand;
pub use config::{Dtype, FeaturesConfig, TokenGrid};
pub use extract::{ExtractReport, Extraction, Reject, Shard, extract, features_digest};
pub use folder::samples_of_folder;
pub use load::{AuThreshold, LoadCounts, LoadOptions, Loaded, RowInfo, ThresholdRule, Validation};
pub use reader::FeatureTable;
pub use set::{FeatureSet, Matrix, SplitSets, Tokens};
pub use table::FeatureMetadata;

#[cfg(test)]
mod tests;
