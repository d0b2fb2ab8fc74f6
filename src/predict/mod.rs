//! A trained run on images, lists of faces, videos and feature tables: what it says of each face, and by which archetypes.
//!
//! A call lists its faces in pieces, predicts piece after piece into a folder beside its output, and writes the output when all are
//! there: memory holds one piece, and a call that was stopped goes on with the first piece that is missing.

pub mod encoding;
pub mod faces;
pub mod features;
pub mod input;
pub mod list;
pub mod model;
pub mod page;
pub mod piece;
pub mod row;
pub mod run;
pub mod video;
pub mod work;
pub mod write;
