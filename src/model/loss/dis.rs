//! L^Dis: holds archetypes apart.

use burn::tensor::Tensor;

use super::margin::{SMALL, above};

/// (`1/K_alive`) `Σ_i` Σ_{j≠i} `w_ij` max(0, `e_i·e_j` − `m_dis`).
///
/// `gram` is E Eᵀ (K × K), `pairs` holds 1 for the pairs that count (0 on the diagonal and for dead archetypes), `alive`
/// is 1 × K.
pub fn separation(gram: Tensor<2>, pairs: Tensor<2>, alive: Tensor<2>, margin: f64) -> Tensor<1> {
    (above(gram, margin) * pairs).sum() / (alive.sum() + SMALL)
}
