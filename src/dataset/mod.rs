//! Databases as they lie on disk → one canonical samples table.
//!
//! A [`Card`] describes a database; [`layout::detect`] finds out in which form it was unpacked; a reader (one file a
//! database) turns label files into rows; [`convert`] checks every row and image, writes `samples.parquet`, `rejects.csv`
//! and `conversion.json`, and compares the counts with the card's.

mod affectnet;
pub mod card;
pub mod config;
pub mod convert;
pub mod digest;
mod disfa;
mod emotionet;
pub mod fit;
mod folders;
pub mod header;
pub mod labels;
pub mod layout;
pub mod npy;
mod paths;
mod rafdb;
pub mod reject;
mod rows;
pub mod samples;
mod show;
pub mod standin;
pub mod table;
mod tabular;
pub mod text;
mod xlsx;

pub use card::{AuScale, Card, Class};
pub use config::{Camera, DatasetConfig, FrameBase, Frames, Images};
pub use convert::{Conversion, ConvertOptions, convert, examine};
pub use digest::source_digest;
pub use disfa::read_folds;
pub(crate) use emotionet::hash_share;
pub(crate) use paths::relative as relative_path;
pub use reject::{Reason, Reject};
pub(crate) use rows::split_of_name;
pub use table::TableConfig;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
