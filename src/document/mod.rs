//! Files that people write: TOML that knows its places, mistakes with carets, "did you mean", files built into the program.

pub mod assets;
pub mod extends;
pub mod invalid;
pub mod mistake;
pub mod parse;
pub mod read;
pub mod suggest;
pub mod tree;
