//! Convex problems that are solved on the host in f64: ridge, kernel ridge, linear discriminants and support vectors.
//!
//! On one thread: the same input gives the same bytes with any number of them.

pub mod blocks;
pub mod cholesky;
pub mod dual;
pub mod expansion;
#[cfg(test)]
mod golden;
pub mod kernel;
pub mod kernel_ridge;
pub mod lda;
pub mod linalg;
pub mod linear;
pub mod product;
pub mod ridge;
pub mod samples;
pub mod smo;
pub mod svm;
pub mod votes;
