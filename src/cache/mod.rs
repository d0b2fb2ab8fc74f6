//! What runs share on disk: what lies there, whether it is whole, and what nobody needs any more.

pub mod checkpoints;
pub mod entry;
pub mod limits;
pub mod listing;
pub mod tidy;

#[cfg(test)]
mod tests;
