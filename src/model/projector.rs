//! The projector from encoder features into the archetype space, and the task head that supervises it.

use std::ops::Range;

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;

use crate::elementwise::gelu;
use crate::error::{Error, Result};
use crate::model::config::{Level, ModelConfig, Pooling};
use crate::model::math::{dropout_values, matrix, normal, normalise_rows, uniform, unit_rows};
use crate::model::params::{Leaves, Parameter, Store, zeros_row};
use crate::model::parts::rows;
use crate::task::Task;

/// Sizes that the projector and the head are built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Values a token, or values of the global vector.
    pub input: usize,
    /// Tokens an image; 1 at the global level.
    pub patches: usize,
    /// Outputs O: classes, dimensions or action units.
    pub outputs: usize,
}

/// Dropout masks of one step.
#[derive(Debug, Clone, Default)]
pub struct Masks {
    /// On the normalised input.
    pub input: Option<Tensor<2>>,
    /// On the hidden units.
    pub hidden: Option<Tensor<2>>,
}

impl Masks {
    /// Masks for `rows` projected vectors.
    pub fn draw(rng: &mut ChaCha8Rng, rows: usize, input: usize, hidden: usize, rate: f64, device: &Device) -> Self {
        MaskValues::draw(rng, rows, input, hidden, rate).upload(device)
    }

    /// Those of some of the samples, each of so many vectors.
    pub fn of(&self, samples: &Range<usize>, vectors: usize) -> Self {
        let part = |mask: &Tensor<2>| rows(mask, samples, vectors);
        Self {
            input: self.input.as_ref().map(part),
            hidden: self.hidden.as_ref().map(part),
        }
    }
}

/// Dropout masks in host memory, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct MaskValues {
    input: Option<Vec<f32>>,
    hidden: Option<Vec<f32>>,
    rows: usize,
}

impl MaskValues {
    /// Masks for `rows` projected vectors.
    pub fn draw(rng: &mut ChaCha8Rng, rows: usize, input: usize, hidden: usize, rate: f64) -> Self {
        Self {
            input: dropout_values(rng, rows * input, rate),
            hidden: dropout_values(rng, rows * hidden, rate),
            rows,
        }
    }

    /// The masks on the device.
    pub fn upload(self, device: &Device) -> Masks {
        let rows = self.rows;
        let up = |values: Vec<f32>| {
            let cols = values.len() / rows.max(1);
            matrix(values, rows, cols, device)
        };
        Masks {
            input: self.input.map(up),
            hidden: self.hidden.map(up),
        }
    }
}

/// A projected batch.
#[derive(Debug, Clone)]
pub struct Projection {
    /// One unit vector an image, B × d.
    pub z: Tensor<2>,
    /// The projected tokens before pooling, (B·P) × d; at the global level the vectors before normalisation. None of a batch
    /// that was projected in parts.
    pub tokens: Option<Tensor<2>>,
}

/// The projector's parameters, tracked or not.
#[derive(Debug, Clone)]
pub struct Projector {
    w1: Tensor<2>,
    b1: Tensor<2>,
    w2: Tensor<2>,
    b2: Tensor<2>,
    skip: Tensor<2>,
    anchors: Option<Anchors>,
    pool: Option<Pool>,
    patches: usize,
}

/// Rows of `W1` and `Ws` for the two constants beside the features.
#[derive(Debug, Clone)]
struct Anchors {
    /// 2 × h.
    w1: Tensor<2>,
    /// 2 × d.
    skip: Tensor<2>,
}

#[derive(Debug, Clone)]
struct Pool {
    queries: Tensor<2>,
    /// What each query adds at each position, P × Q.
    positions: Option<Tensor<2>>,
    out: Tensor<2>,
}

impl Projector {
    /// Draws the start values: uniform in ±1/√(inputs) for the linear maps, unit-length queries on average.
    pub fn create(
        store: &mut Store,
        model: &ModelConfig,
        task: Task,
        sizes: Sizes,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) {
        let (d, h) = (model.width, model.hidden);
        let mut linear = |name: &str, rows: usize, cols: usize| {
            let bound = 1.0 / (rows as f32).sqrt();
            let value = matrix(uniform(rng, rows * cols, bound), rows, cols, device);
            store.insert(name, Parameter::new(value, true));
        };
        linear("projector.w1", sizes.input, h);
        linear("projector.w2", h, d);
        linear("projector.skip", sizes.input, d);
        linear("head.w", d, sizes.outputs);
        let queries = queries(model, task, sizes);
        if let Some(queries) = queries {
            linear("projector.pool_out", queries * d, d);
        }
        if model.anchored(sizes.input, sizes.patches) {
            linear("projector.anchor_w1", 2, h);
            linear("projector.anchor_skip", 2, d);
        }
        store.insert("projector.b1", Parameter::new(zeros_row(h, device), false));
        store.insert("projector.b2", Parameter::new(zeros_row(d, device), false));
        store.insert("head.b", Parameter::new(zeros_row(sizes.outputs, device), false));
        if let Some(queries) = queries {
            let deviation = 1.0 / (d as f32).sqrt();
            let value = matrix(normal(rng, queries * d, deviation), queries, d, device);
            store.insert("projector.queries", Parameter::new(value, true));
            if model.pooling_spread > 0.0 {
                let count = sizes.patches * queries;
                let value = matrix(
                    normal(rng, count, model.pooling_spread as f32),
                    sizes.patches,
                    queries,
                    device,
                );
                store.insert("projector.positions", Parameter::new(value, false));
            }
        }
    }

    /// The projector over these parameters.
    ///
    /// # Errors
    /// [`Error::Data`] if a parameter is missing or has the wrong shape.
    pub fn bind(leaves: &Leaves, patches: usize) -> Result<Self> {
        let pool = if leaves.contains("projector.queries") {
            Some(Pool {
                queries: leaves.get("projector.queries")?,
                positions: leaves
                    .contains("projector.positions")
                    .then(|| leaves.get("projector.positions"))
                    .transpose()?,
                out: leaves.get("projector.pool_out")?,
            })
        } else {
            None
        };
        let anchors = if leaves.contains("projector.anchor_w1") {
            Some(Anchors {
                w1: leaves.get("projector.anchor_w1")?,
                skip: leaves.get("projector.anchor_skip")?,
            })
        } else {
            None
        };
        let bound = Self {
            w1: leaves.get("projector.w1")?,
            b1: leaves.get("projector.b1")?,
            w2: leaves.get("projector.w2")?,
            b2: leaves.get("projector.b2")?,
            skip: leaves.get("projector.skip")?,
            anchors,
            pool,
            patches,
        };
        bound.check()?;
        Ok(bound)
    }

    /// A file may hold any shapes; matrices that do not fit together must not reach a matrix product.
    fn check(&self) -> Result<()> {
        let [input, h] = self.w1.dims();
        let [h2, d] = self.w2.dims();
        let pool_fits = self.pool.as_ref().is_none_or(|pool| {
            let [q, width] = pool.queries.dims();
            let placed = pool.positions.as_ref().is_none_or(|p| p.dims() == [self.patches, q]);
            width == d && pool.out.dims() == [q * d, d] && placed
        });
        let anchors_fit = self
            .anchors
            .as_ref()
            .is_none_or(|anchors| anchors.w1.dims() == [2, h] && anchors.skip.dims() == [2, d]);
        let fits = h == h2
            && anchors_fit
            && self.skip.dims() == [input, d]
            && self.b1.dims() == [1, h]
            && self.b2.dims() == [1, d]
            && pool_fits;
        if fits {
            Ok(())
        } else {
            Err(Error::data(
                "the projector's matrices do not fit together; the model file is damaged",
            ))
        }
    }

    /// Values that a token or global vector must have.
    pub fn input(&self) -> usize {
        self.w1.dims()[0]
    }

    /// Projects standardised features `x`, (B·P) × D.
    ///
    /// t = W2 drop(h) + b2 + Ws u with u = LN(x) and h = GELU(W1 drop(u) + b1): the skip sees all of u. The layer normalisation
    /// has no gain and offset, which the following maps would absorb. z = t / ‖t‖ for one vector an image; patch tokens are pooled first.
    ///
    /// With anchors LN(x) is that of [x; 1; −1], whose last two values, never dropped, have rows of W1 and Ws of their own:
    /// they say what the normalisation took away.
    pub fn forward(&self, x: Tensor<2>, masks: &Masks) -> Projection {
        let (u, bias, skip) = match &self.anchors {
            None => (normalise_rows(x), self.b1.clone(), self.b2.clone()),
            Some(anchors) => {
                let (u, constants) = normalise_with_constants(x);
                let bias = constants.clone().matmul(anchors.w1.clone()) + self.b1.clone();
                (u, bias, constants.matmul(anchors.skip.clone()) + self.b2.clone())
            }
        };
        let dropped = match &masks.input {
            Some(mask) => u.clone() * mask.clone(),
            None => u.clone(),
        };
        let mut h = gelu(dropped.matmul(self.w1.clone()) + bias);
        if let Some(mask) = &masks.hidden {
            h = h * mask.clone();
        }
        let t = h.matmul(self.w2.clone()) + skip + u.matmul(self.skip.clone());
        let z = unit_rows(self.pool(t.clone()));
        Projection { z, tokens: Some(t) }
    }

    /// One vector an image from the projected tokens (B·P) × d.
    fn pool(&self, t: Tensor<2>) -> Tensor<2> {
        let [rows, d] = t.dims();
        if self.patches == 1 {
            return t;
        }
        let (b, p) = (rows / self.patches, self.patches);
        let tokens = t.clone().reshape([b, p, d]);
        let mean = tokens.clone().mean_dim(1).reshape([b, d]);
        let Some(pool) = &self.pool else {
            return mean;
        };
        let q = pool.queries.dims()[0];
        // a_jp = softmax over patches of √d q_j · t_p/‖t_p‖ + o_jp
        let logits = unit_rows(t).matmul(pool.queries.clone().transpose()) * (d as f64).sqrt();
        let mut logits = logits.reshape([b, p, q]);
        if let Some(positions) = &pool.positions {
            logits = logits + positions.clone().reshape([1, p, q]);
        }
        let weights = softmax(logits, 1);
        let pooled = weights.swap_dims(1, 2).matmul(tokens).reshape([b, q * d]);
        pooled.matmul(pool.out.clone()) + mean
    }
}

/// LN([x; 1; −1]) in two parts: the values of x, and the two others.
fn normalise_with_constants(x: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let [rows, cols] = x.dims();
    let one = Tensor::ones([rows, 1], &x.device());
    let wide = normalise_rows(Tensor::cat(vec![x, one.clone(), one.neg()], 1));
    (
        wide.clone().slice([0..rows, 0..cols]),
        wide.slice([0..rows, cols..cols + 2]),
    )
}

/// Queries of the pooling; `None` where there is nothing to pool or the mean is taken.
fn queries(model: &ModelConfig, task: Task, sizes: Sizes) -> Option<usize> {
    if model.level_for(task) == Level::Global || sizes.patches == 1 {
        return None;
    }
    match model.pooling {
        Pooling::Attention => Some(model.pooling_queries),
        Pooling::OutputAttention => Some(sizes.outputs),
        Pooling::Mean => None,
    }
}

/// The task head g: the logits s·v W + b of unit vectors `v`; the activation belongs to the task.
#[derive(Debug, Clone)]
pub struct Head {
    w: Tensor<2>,
    b: Tensor<2>,
    scale: f64,
}

impl Head {
    /// The head over these parameters.
    ///
    /// # Errors
    /// [`Error::Data`] if a parameter is missing.
    pub fn bind(leaves: &Leaves, scale: f64) -> Result<Self> {
        Ok(Self {
            w: leaves.get("head.w")?,
            b: leaves.get("head.b")?,
            scale,
        })
    }

    /// Logits n × O of vectors n × d.
    pub fn logits(&self, v: Tensor<2>) -> Tensor<2> {
        (v * self.scale).matmul(self.w.clone()) + self.b.clone()
    }

    /// The head's columns as unit vectors, O × d: one direction an output.
    pub fn directions(&self) -> Tensor<2> {
        unit_rows(self.w.clone().transpose())
    }
}
