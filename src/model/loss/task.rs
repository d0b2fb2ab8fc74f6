//! `L_task`: what a prediction is worth, by task.

use burn::tensor::Tensor;
use burn::tensor::activation::{log_sigmoid, log_softmax, sigmoid, softmax};

use crate::task::Task;

use super::margin::{SMALL, weighted_mean};

/// Probabilities are kept this far from 0 and 1 before a logarithm.
const LEAST: f64 = 1e-6;

/// Targets of a batch on the device.
#[derive(Debug, Clone)]
pub struct Target {
    /// B × O: one-hot, (valence, arousal), or 0/1; 0 where unknown.
    pub y: Tensor<2>,
    /// B × O: 1 where known.
    pub known: Tensor<2>,
}

/// The task's loss with its constants.
#[derive(Debug, Clone)]
pub struct TaskLoss {
    /// The task.
    pub task: Task,
    /// Weights `w_a` of the action units, 1 × O; ones elsewhere.
    pub weights: Tensor<2>,
    /// Weight of the Dice part.
    pub dice: f64,
}

impl TaskLoss {
    /// The loss of outputs `yhat` (B × O): probabilities, or scores in [-1, 1].
    pub fn of_outputs(&self, yhat: Tensor<2>, target: &Target) -> Tensor<1> {
        match self.task {
            Task::Expression => cross_entropy(yhat.clamp_min(LEAST).log(), target),
            Task::ValenceArousal => scores(yhat, target),
            Task::ActionUnits => {
                let safe = yhat.clone().clamp(LEAST, 1.0 - LEAST);
                let (on, off) = (safe.clone().log(), (safe.neg() + 1.0).log());
                self.binary(on, off, target) + self.dice(yhat, target)
            }
        }
    }

    /// The loss of logits (B × O), through the task's activation.
    pub fn of_logits(&self, logits: Tensor<2>, target: &Target) -> Tensor<1> {
        match self.task {
            Task::Expression => cross_entropy(log_softmax(logits, 1), target),
            Task::ValenceArousal => scores(self.activate(logits), target),
            Task::ActionUnits => {
                let (on, off) = (log_sigmoid(logits.clone()), log_sigmoid(logits.clone().neg()));
                self.binary(on, off, target) + self.dice(sigmoid(logits), target)
            }
        }
    }

    /// softmax, tanh(x/4) or sigmoid of logits.
    pub fn activate(&self, logits: Tensor<2>) -> Tensor<2> {
        match self.task {
            Task::Expression => softmax(logits, 1),
            Task::ValenceArousal => (logits / 4.0).tanh(),
            Task::ActionUnits => sigmoid(logits),
        }
    }

    /// −mean over known labels of `w_a` [y log ŷ + (1−y) log(1−ŷ)].
    fn binary(&self, on: Tensor<2>, off: Tensor<2>, target: &Target) -> Tensor<1> {
        let y = target.y.clone();
        let likelihood = y.clone() * on + (y.neg() + 1.0) * off;
        weighted_mean(likelihood.neg() * self.weights.clone(), target.known.clone())
    }

    /// Mean over units of 1 − (2 Σ ŷy + 1) / (Σ ŷ² + Σ y² + 1), known labels only.
    fn dice(&self, yhat: Tensor<2>, target: &Target) -> Tensor<1> {
        let yhat = yhat * target.known.clone();
        let y = target.y.clone() * target.known.clone();
        let overlap = (yhat.clone() * y.clone()).sum_dim(0) * 2.0 + 1.0;
        let size = yhat.square().sum_dim(0) + y.square().sum_dim(0) + 1.0;
        ((overlap / size).neg() + 1.0).mean() * self.dice
    }
}

/// −mean over samples of log ŷ at the label.
fn cross_entropy(log_yhat: Tensor<2>, target: &Target) -> Tensor<1> {
    (log_yhat * target.y.clone()).sum_dim(1).mean().neg()
}

/// Mean squared error over both dimensions plus Σ (1 − CCC) over the dimensions of the batch (eq. (2), ddof 0).
fn scores(yhat: Tensor<2>, target: &Target) -> Tensor<1> {
    let y = target.y.clone();
    let error = (yhat.clone() - y.clone()).square().mean();
    error + (concordance(yhat, y).neg() + 1.0).sum()
}

/// CCC of each column, 1 × O.
pub fn concordance(x: Tensor<2>, y: Tensor<2>) -> Tensor<2> {
    let (mx, my) = (x.clone().mean_dim(0), y.clone().mean_dim(0));
    let (cx, cy) = (x - mx.clone(), y - my.clone());
    let covariance = (cx.clone() * cy.clone()).mean_dim(0);
    let spread = cx.square().mean_dim(0) + cy.square().mean_dim(0) + (mx - my).square();
    covariance * 2.0 / (spread + SMALL)
}
