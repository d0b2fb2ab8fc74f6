//! The Parquet feature table, its writer, and its loader.

pub mod by_hand;
pub mod config;
pub mod digests;
pub mod duplicates;
mod encoding;
pub mod extract;
pub mod folder;
pub mod holdout;
mod job;
pub mod labelling;
mod layout;
pub mod load;
pub mod options;
pub mod pool;
pub mod reader;
pub mod reject;
pub mod relabel;
pub mod samples;
pub mod shard;
pub mod store;
pub mod table;
pub mod tested;
pub mod threshold;
pub mod training;
pub mod writer;

pub use by_hand::ByHand;
pub use config::{Dtype, FeaturesConfig, TokenGrid};
pub use extract::Extraction;
pub use folder::FolderSamples;
pub use layout::progress_of;
pub use options::LoadOptions;
pub use reader::FeatureTable;
pub use table::FeatureMetadata;

#[cfg(test)]
mod tests;
