//! Bytes from outside, read within bounds.

pub mod delimited;
pub mod fields;
pub mod header;
pub mod line_ends;
pub mod npy;
pub mod npz;
pub mod paths;
pub mod reject;
pub mod text;
mod utf16;
pub mod xlsx;
