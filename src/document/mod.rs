pub mod invalid;
pub mod mistake;
pub mod suggest;
pub mod tree;
