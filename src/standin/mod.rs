//! Stand-ins: drawn faces in a database's own layout, for everybody who does not hold the licence, and with the truth
//! beside them that no licensed database has.
//!
//! [`generate`] plans all samples (split, subject, emotion, mode, action units, flipped label), draws each from its own
//! random stream, and writes the layout's label files, `truth.parquet` and, last of all, the marker `STAND-IN.toml`. Every
//! stream derives from the seed and the sample's number alone, so the same options give the same bytes in any order of
//! drawing and on any number of cores.
//!
//! A database is one file with one [`Layout`] for each form in which it is found on disk; `LAYOUTS` lists them.

pub mod action_units;
pub mod affect;
pub mod axis;
pub mod draw;
pub(crate) mod drawn;
pub mod generate;
pub mod layout;
pub mod modes;
pub mod options;
pub mod plan;
pub mod random;
pub mod shades;
pub mod show;
#[cfg(test)]
mod tests;
pub mod truth;
