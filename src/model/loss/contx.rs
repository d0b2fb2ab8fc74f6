//! L^Contx: what the attention module must do, and what the projector learns from it.

use burn::tensor::Tensor;
use burn::tensor::activation::{log_softmax, softmax};

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

/// How a batch and its archetypes look to each other once they are contextualized.
#[derive(Debug, Clone)]
pub struct Seen {
    /// cos(z~, e~), B × k.
    pub cosine: Tensor<2>,
    /// Similarities of contextualized archetypes, G × k × k: those of each sample, or of all samples (G = 1).
    pub gram: Tensor<3>,
    /// Weights of their pairs, G × k × k or 1 × k × k: 0 on the diagonal.
    pub pairs: Tensor<3>,
    /// Plain cosines with the same archetypes, B × k, with the projector's gradient.
    pub near: Tensor<2>,
}

impl Seen {
    /// Of samples and their k nearest archetypes: cosines B × k and similarities among archetypes B × k² after
    /// contextualization, and the plain cosines B × k.
    pub fn by_sample([cosine, gram]: [Tensor<2>; 2], near: Tensor<2>) -> Self {
        let [b, k] = cosine.dims();
        Self {
            pairs: crate::model::math::off_diagonal(k, &gram.device().inner()).reshape([1, k, k]),
            gram: gram.reshape([b, k, k]),
            cosine,
            near,
        }
    }
}

/// With p~ = `softmax_j(z`~·e~_j / T) over the archetypes that take part and ŷ~ = `Σ_j` p~_j `V_j`, which `read_out` gives (B × O):
/// `L_task(ŷ~, y)`; mean over pairs of max(0, e~_j·e~_l − `m_dis`); KL(sg(p~) ‖ p), where p is the plain assignment
/// softmax(cos/T) restricted to the same archetypes.
pub fn contextual(
    seen: Seen,
    read_out: impl FnOnce(Tensor<2>) -> Tensor<2>,
    temperature: f64,
    margin: f64,
    (loss, target): (&TaskLoss, &Target),
) -> Parts {
    let p = softmax(seen.cosine.clone() / temperature, 1);
    let outputs = read_out(p.clone());
    let groups = (seen.gram.dims()[0] / seen.pairs.dims()[0]) as f64;
    let count = seen.pairs.clone().sum() * groups;
    let redundancy = (above(seen.gram, margin) * seen.pairs).sum() / count.clamp_min(1.0);

    let teacher = p.detach();
    let log_teacher = log_softmax(seen.cosine / temperature, 1).detach();
    let distillation = (teacher * (log_teacher - log_softmax(seen.near / temperature, 1)))
        .sum_dim(1)
        .mean();
    Parts {
        task: loss.of_outputs(outputs, target),
        redundancy,
        distillation,
    }
}
