//! Names about PTX.

pub mod ptx_version;
