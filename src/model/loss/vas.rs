//! L^VAS: aligns the projector's archetype mixtures with the labels.

use burn::tensor::Tensor;

/// The mixture `Σ_k` `p_ik` `e_k` of archetypes, B × d.
pub fn mixture(p: Tensor<2>, e: Tensor<2>) -> Tensor<2> {
    p.matmul(e)
}

/// q = z + sg(mixture − z): worth the mixture, but the gradient passes to z as if it were z.
///
/// With `open` the mixture's own gradient is kept as well: q = mixture + z − sg(z).
pub fn straight_through(z: Tensor<2>, mixture: Tensor<2>, open: bool) -> Tensor<2> {
    let identity = z.clone() - z.detach();
    if open {
        mixture + identity
    } else {
        mixture.detach() + identity
    }
}

/// `Σ_k` `p_ik` `V_k`: the label that the mixture reads out, B × O.
pub fn read_out(p: Tensor<2>, value: Tensor<2>) -> Tensor<2> {
    p.matmul(value)
}
