//! Databases as they lie on disk → one canonical samples table.
//!
//! A [`Card`] describes a database; [`layout::detect`] finds out in which form it was unpacked; a reader (one file a
//! database) turns label files into rows; [`convert`] checks every row and image, writes `samples.parquet`, `rejects.csv`
//! and `conversion.json`, and compares the counts with the card's.

pub mod attribute_list;
pub mod attributes;
pub mod card;
pub mod card_file;
pub mod config;
pub mod conversion;
pub mod convert;
pub mod decoded;
pub mod digest;
pub mod fit;
pub mod frame;
pub mod generated;
pub mod layout;
pub mod located;
pub mod options;
pub mod own_labels;
pub mod people;
pub mod reader;
pub mod relabel_list;
pub mod samples;
pub mod source;
pub mod split;
pub mod table;
pub mod unknown;

pub(crate) use crate::intake::paths::relative as relative_path;
pub use card::{AuScale, Card};
pub use config::{Camera, DatasetConfig, FrameBase, Frames, Images};
pub use convert::convert;
pub use located::LocatedData;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
