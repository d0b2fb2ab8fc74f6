//! Regression checks: is a number that moved news, or noise? Rules, false-alarm rate and examples: `docs/check.md`.

pub mod answers;
pub mod baseline;
pub mod beside;
pub mod board;
pub mod comparable;
pub mod compare;
pub mod evidence;
pub mod expect;
pub mod facts;
pub mod judge;
pub mod kept;
pub mod names;
pub mod show;
pub mod show_board;
pub mod show_compare;
pub mod standing;
pub mod subgroup;
#[cfg(test)]
mod tests;
pub mod verdict;

pub use expect::ExpectConfig;
