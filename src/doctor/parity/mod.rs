pub mod ground;
pub mod parity;
pub mod verdict;
