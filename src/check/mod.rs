//! Regression checks: is a number that moved news, or noise? Rules, false-alarm rate and examples: `docs/check.md`.

pub mod answers;
pub mod baseline;
pub mod evidence;
pub mod expect;
pub mod facts;
pub mod judge;
pub mod published;
pub mod show;
pub mod verdict;

pub use expect::{BaselineRule, ExpectConfig, Expectation, RuleName};
