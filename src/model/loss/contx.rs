//! L^Contx: what the attention module must do, and what the projector learns from it.

use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Device, Tensor};

use crate::model::contextualization::Context;

use super::margin::above;
use super::task::{Target, TaskLoss};

/// The three parts of L^Contx.
#[derive(Debug, Clone)]
pub struct Parts {
    /// `L_task` of the contextualized read-out.
    pub task: Tensor<1>,
    /// Redundancy of the contextualized archetypes.
    pub redundancy: Tensor<1>,
    /// KL(sg(p~) ‖ p on the top-k).
    pub distillation: Tensor<1>,
}

/// With p~ = `softmax_j(z`~·e~_j / T) over the k nearest archetypes and ŷ~ = `Σ_j` p~_j `V_j`:
/// `L_task(ŷ~, y)`; mean over j≠l of max(0, e~_j·e~_l − `m_dis`); KL(sg(p~) ‖ p), where p is the plain assignment
/// softmax(cos/T) restricted to the same archetypes (`near`, B × k cosines, with the projector's gradient).
pub fn contextual(
    context: &Context,
    near: Tensor<2>,
    value: Tensor<3>,
    temperature: f64,
    margin: f64,
    (loss, target): (&TaskLoss, &Target),
    device: &Device,
) -> Parts {
    let [b, k, d] = context.archetypes.dims();
    let o = value.dims()[2];
    let archetypes = context.archetypes.clone();
    let cosine = archetypes
        .clone()
        .matmul(context.z.clone().reshape([b, d, 1]))
        .reshape([b, k]);
    let p = softmax(cosine.clone() / temperature, 1);
    let outputs = p.clone().reshape([b, 1, k]).matmul(value).reshape([b, o]);

    let gram = archetypes.clone().matmul(archetypes.swap_dims(1, 2));
    let pairs = crate::model::math::off_diagonal(k, device).reshape([1, k, k]);
    let redundancy = (above(gram, margin) * pairs).sum() / (b * k * (k - 1)) as f64;

    let teacher = p.detach();
    let log_teacher = log_softmax(cosine / temperature, 1).detach();
    let distillation = (teacher * (log_teacher - log_softmax(near / temperature, 1)))
        .sum_dim(1)
        .mean();
    Parts {
        task: loss.of_outputs(outputs, target),
        redundancy,
        distillation,
    }
}
