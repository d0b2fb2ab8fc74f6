//! Weighted means and margins that several terms share.

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
