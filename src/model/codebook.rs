//! The dictionary of archetypes: unit rows E (a parameter), and the running counts that give them a value and a life.

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Int, Tensor};

use crate::model::math::one_hot;

/// Cosine that no archetype reaches: dead ones are never chosen. (A finite number keeps softmax gradients finite.)
const DEAD: f64 = 1e4;

/// Cluster sizes below this count as never used.
pub const USED: f64 = 1e-3;

/// Running counts of the dictionary; no gradient reaches them.
#[derive(Debug, Clone)]
pub struct Buffers {
    /// u: times that each archetype was nearest since the last reset, 1 × K.
    pub usage: Tensor<2>,
    /// n: running cluster size, 1 × K.
    pub size: Tensor<2>,
    /// c: running cluster mean, K × d.
    pub mean: Tensor<2>,
    /// S: running label mass, K × O.
    pub labels: Tensor<2>,
    /// Running number of known labels, K × O (equal to n where all labels are known).
    pub known: Tensor<2>,
    /// 1 where the archetype is alive, 1 × K.
    pub alive: Tensor<2>,
}

/// What one batch adds to the counts.
#[derive(Debug, Clone)]
pub struct Assigned {
    /// B × K indicator of the nearest archetype.
    pub nearest: Tensor<2>,
    /// Unit vectors B × d.
    pub z: Tensor<2>,
    /// Targets B × O, 0 where unknown.
    pub targets: Tensor<2>,
    /// B × O, 1 where the target is known.
    pub known: Tensor<2>,
}

impl Buffers {
    /// All of them, in an order of its own.
    pub fn moving(&mut self) -> [&mut Tensor<2>; 6] {
        [
            &mut self.usage,
            &mut self.size,
            &mut self.mean,
            &mut self.labels,
            &mut self.known,
            &mut self.alive,
        ]
    }

    /// Empty counts around the archetypes `e`.
    pub fn new(e: &Tensor<2>, outputs: usize, device: &Device) -> Self {
        let k = e.dims()[0];
        Self {
            usage: Tensor::zeros([1, k], device),
            size: Tensor::zeros([1, k], device),
            mean: e.clone(),
            labels: Tensor::zeros([k, outputs], device),
            known: Tensor::zeros([k, outputs], device),
            alive: Tensor::ones([1, k], device),
        }
    }

    /// `V_k` = (`S_k` + κ ȳ) / (`n_k` + κ), K × O; the count of each output is that of its known labels.
    pub fn value(&self, prior: &Tensor<2>, prior_samples: f64) -> Tensor<2> {
        (self.labels.clone() + prior.clone() * prior_samples) / (self.known.clone() + prior_samples)
    }

    /// 1 × K: 1 where the archetype is alive and has samples.
    pub fn used(&self) -> Tensor<2> {
        self.size.clone().greater_elem(USED).float() * self.alive.clone()
    }

    /// n ← ρn + (1−ρ)·count, and S, c alike; u ← u + count. c stays a mean: new samples enter with their share of n.
    pub fn update(&mut self, batch: Assigned, decay: f64) {
        let k = self.size.dims()[1];
        let Assigned {
            nearest,
            z,
            targets,
            known,
        } = batch;
        let counts = nearest.clone().sum_dim(0);
        let members = nearest.transpose();
        let fresh = 1.0 - decay;
        let size = self.size.clone() * decay + counts.clone() * fresh;
        let column = |row: Tensor<2>| row.reshape([k, 1]);
        let sums = self.mean.clone() * column(self.size.clone() * decay) + members.clone().matmul(z) * fresh;
        // An archetype without any sample keeps its mean.
        let empty = column(size.clone().lower_equal_elem(1e-12).float());
        let mean = sums / (column(size.clone()) + empty.clone());
        self.mean = self.mean.clone() * empty.clone() + mean * (empty.neg() + 1.0);
        self.labels = self.labels.clone() * decay + members.clone().matmul(targets) * fresh;
        self.known = self.known.clone() * decay + members.matmul(known) * fresh;
        self.size = size;
        self.usage = self.usage.clone() + counts;
    }
}

/// Cosines B × K with dead archetypes pushed out of reach.
pub fn cosines(z: Tensor<2>, e: Tensor<2>, alive: &Tensor<2>) -> Tensor<2> {
    z.matmul(e.transpose()) + (alive.clone() - 1.0) * DEAD
}

/// `p_ik` = softmax over k of `cos_ik` / T.
pub fn soft_assignment(cosines: Tensor<2>, temperature: f64) -> Tensor<2> {
    softmax(cosines / temperature, 1)
}

/// Index of the nearest archetype, B × 1 (the first one where several are equally near).
pub fn primal(cosines: Tensor<2>) -> Tensor<2, Int> {
    cosines.argmax(1)
}

/// B × K indicator of the nearest archetype.
pub fn primal_one_hot(cosines: Tensor<2>, device: &Device) -> Tensor<2> {
    let k = cosines.dims()[1];
    one_hot(primal(cosines), k, device)
}
