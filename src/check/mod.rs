//! Regression checks: is a number that moved news, or noise?

pub mod published;
pub mod verdict;
