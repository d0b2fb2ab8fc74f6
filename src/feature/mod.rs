//! The Parquet feature table, its writer, and its loader.

pub mod by_hand;
pub mod config;
pub mod extract;
pub mod folder;
pub mod holdout;
pub mod load;
pub mod pool;
pub mod reader;
pub mod reject;
pub mod shard;
pub mod table;
pub mod threshold;
pub mod writer;

pub use crate::sets::{FeatureSet, Matrix, SplitSets, Tokens};
pub use by_hand::ByHand;
pub use config::{Dtype, FeaturesConfig, TokenGrid};
pub use extract::{ExtractReport, Extraction, extract, features_digest};
pub use folder::samples_of_folder;
pub use holdout::Validation;
pub use load::{LoadCounts, LoadOptions, Loaded, RowInfo};
pub use reader::FeatureTable;
pub use reject::Reject;
pub use shard::Shard;
pub use table::FeatureMetadata;
pub use threshold::{AuThreshold, ThresholdRule};

#[cfg(test)]
mod tests;
