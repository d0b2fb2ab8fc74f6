//! Regression checks: is a number that moved news, or noise?

pub mod expect;
pub mod published;
pub mod verdict;

pub use expect::{ExpectConfig, Expectation};
