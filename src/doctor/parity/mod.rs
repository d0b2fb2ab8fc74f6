//! A GPU compared with the processor.

pub mod ground;
pub mod suite;
pub mod verdict;
