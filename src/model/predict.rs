//! Inference: cosine matching of projected features with the kept archetypes. No dropout, no attention.

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};

use crate::model::codebook::primal_one_hot;

/// ŷ = V of the nearest archetype, B × O.
pub fn primal(cosines: Tensor<2>, value: Tensor<2>, device: &Device) -> Tensor<2> {
    primal_one_hot(cosines, device).matmul(value)
}

/// ŷ = `Σ_k` softmax(cos/T)_k `V_k`, B × O.
pub fn mixture(cosines: Tensor<2>, value: Tensor<2>, temperature: f64) -> Tensor<2> {
    softmax(cosines / temperature, 1).matmul(value)
}

/// Positions of the `n` largest values, largest first; equal values in the order of their positions.
pub fn largest(values: &[f32], n: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    let by_value = |&a: &usize, &b: &usize| values[b].total_cmp(&values[a]).then(a.cmp(&b));
    if n < order.len() {
        order.select_nth_unstable_by(n, by_value);
        order.truncate(n);
    }
    order.sort_by(by_value);
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Result;
    use crate::model::math::{host, matrix};

    #[test]
    fn read_outs_agree_where_one_archetype_is_near() -> Result<()> {
        let device = Device::flex();
        let cosines = || matrix(vec![0.99, -0.5, -0.9, 0.1, 0.2, 0.95], 2, 3, &device);
        let value = || matrix(vec![1.0, 0.0, 0.5, 0.5, 0.0, 1.0], 3, 2, &device);
        assert_eq!(host(primal(cosines(), value(), &device))?, [1.0, 0.0, 0.0, 1.0]);
        let mixed = host(mixture(cosines(), value(), 0.05))?;
        assert!(mixed[0] > 0.999 && mixed[3] > 0.999, "{mixed:?}");
        Ok(())
    }

    #[test]
    fn largest_is_sorted_and_stable() {
        assert_eq!(largest(&[0.1, 0.9, 0.9, 0.5], 3), [1, 2, 3]);
        assert_eq!(largest(&[0.1], 3), [0]);
        assert_eq!(largest(&[], 2), Vec::<usize>::new());
    }
}
