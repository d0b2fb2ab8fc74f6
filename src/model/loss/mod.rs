//! The losses, a file a term: L = `λ_Proj` L^VAS + `λ_Arc` (L^Assign + L^Dis + L^Reg) + `λ_Contx` L^Contx (appendix G.1).
//!
//! Every function is pure; what is held back from a gradient is detached by the caller or stated at the function.

pub mod assign;
pub mod config;
pub mod contx;
pub mod dis;
pub mod reg;
pub mod task;
pub mod vas;

use burn::tensor::Tensor;
use burn::tensor::activation::relu;

/// Guard of divisions by counts and weights.
pub(crate) const SMALL: f64 = 1e-9;

/// Σ w·x / Σ w, and 0 where all weights are 0.
pub(crate) fn weighted_mean<const D: usize>(x: Tensor<D>, weights: Tensor<D>) -> Tensor<1> {
    (x * weights.clone()).sum() / (weights.sum() + SMALL)
}

/// max(0, x − bound).
pub(crate) fn above<const D: usize>(x: Tensor<D>, bound: f64) -> Tensor<D> {
    relu(x - bound)
}

/// max(0, bound − x).
pub(crate) fn below<const D: usize>(x: Tensor<D>, bound: f64) -> Tensor<D> {
    relu(x.neg() + bound)
}
