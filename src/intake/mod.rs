//! Bytes from outside, read within bounds.

pub mod header;
pub mod npy;
pub mod reject;
pub mod text;
pub mod xlsx;
