//! L^Assign: the pair of vector-quantisation losses, and the assignment that they train towards.

use burn::tensor::Tensor;

use crate::task::Task;

use super::task::Target;

/// Values are kept this far from 0 and 1 before a logarithm.
const LEAST: f64 = 1e-6;

/// log `p(y_i` | `V_k`), B × K: log V at the label (expression), mean log-likelihood of the known labels (action units),
/// −‖y − V‖² / 2σ² (valence, arousal).
pub fn log_likelihood(task: Task, value: Tensor<2>, target: &Target, sigma: f64) -> Tensor<2> {
    match task {
        Task::Expression => target.y.clone().matmul(value.clamp_min(LEAST).log().transpose()),
        Task::ActionUnits => {
            let value = value.clamp(LEAST, 1.0 - LEAST);
            let on = value.clone().log().transpose();
            let off = (value.neg() + 1.0).log().transpose();
            let positive = target.y.clone() * target.known.clone();
            let negative = (target.y.clone().neg() + 1.0) * target.known.clone();
            let known = target.known.clone().sum_dim(1).clamp_min(1.0);
            (positive.matmul(on) + negative.matmul(off)) / known
        }
        Task::ValenceArousal => {
            let y = target.y.clone();
            let cross = y.clone().matmul(value.clone().transpose()) * 2.0;
            let squares = y.square().sum_dim(1) + value.square().sum_dim(1).transpose();
            (cross - squares) / (2.0 * sigma * sigma)
        }
    }
}

/// The score cos/T + γ log p(y|V) whose maximum is the training assignment k*, B × K.
pub fn target_scores(cosines: Tensor<2>, temperature: f64, gamma: f64, likelihood: Tensor<2>) -> Tensor<2> {
    cosines / temperature + likelihood * gamma
}

/// `log(n_k` / n̄), 1 × K: what is taken from the score of an archetype for having more samples than the average
/// (a conscience, after `DeSieno` 1988). `one` is the weight of one sample in the running sizes.
pub fn crowding(size: &Tensor<2>, one: f64) -> Tensor<2> {
    let size = size.clone() + one;
    let mean = size.clone().mean_dim(1);
    (size / mean).log()
}

/// `mean_i` ‖`sg(z_i)` − e_{k*}‖²: moves the archetypes (appendix A.2's archetype update).
pub fn codebook_half(z: Tensor<2>, chosen: Tensor<2>) -> Tensor<1> {
    (z.detach() - chosen).square().sum_dim(1).mean()
}

/// `mean_i` ‖`z_i` − sg(e_{k*})‖²: moves the projector (appendix A.2's commitment penalty, weighted β).
pub fn commitment_half(z: Tensor<2>, chosen: Tensor<2>) -> Tensor<1> {
    (z - chosen.detach()).square().sum_dim(1).mean()
}
