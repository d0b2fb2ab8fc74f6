//! Archetype contextualization: one attention block over a sample, semantic tokens and the sample's nearest archetypes.
//! It is used in training only.

use burn::tensor::activation::{gelu, softmax};
use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;

use crate::error::Result;
use crate::model::config::{ModelConfig, Semantic};
use crate::model::math::{matrix, normal, uniform, unit_tokens};
use crate::model::params::{Leaves, Parameter, Store, zeros_row};

/// The module's parameters, tracked or not.
#[derive(Debug, Clone)]
pub struct Contextualization {
    kinds: Tensor<2>,
    semantic: Option<Tensor<2>>,
    norm1: (Tensor<2>, Tensor<2>),
    norm2: (Tensor<2>, Tensor<2>),
    qkv: (Tensor<2>, Tensor<2>),
    out: (Tensor<2>, Tensor<2>),
    up: (Tensor<2>, Tensor<2>),
    down: (Tensor<2>, Tensor<2>),
    gain1: Tensor<2>,
    gain2: Tensor<2>,
    heads: usize,
}

/// What comes out of the block.
#[derive(Debug, Clone)]
pub struct Context {
    /// Contextualized samples z~, B × d, unit.
    pub z: Tensor<2>,
    /// Contextualized archetypes e~, B × k × d, unit.
    pub archetypes: Tensor<3>,
}

impl Contextualization {
    /// Draws the start values.
    pub fn create(store: &mut Store, model: &ModelConfig, rng: &mut ChaCha8Rng, device: &Device) {
        let d = model.width;
        let inner = d * model.contextualization.feed_forward;
        for (name, rows, cols) in [
            ("context.qkv_w", d, 3 * d),
            ("context.out_w", d, d),
            ("context.up_w", d, inner),
            ("context.down_w", inner, d),
        ] {
            let bound = 1.0 / (rows as f32).sqrt();
            let value = matrix(uniform(rng, rows * cols, bound), rows, cols, device);
            store.insert(name, Parameter::new(value, true));
        }
        for (name, cols) in [
            ("context.qkv_b", 3 * d),
            ("context.out_b", d),
            ("context.up_b", inner),
            ("context.down_b", d),
            ("context.norm1_b", d),
            ("context.norm2_b", d),
        ] {
            store.insert(name, Parameter::new(zeros_row(cols, device), false));
        }
        let full = |value: f64| Parameter::new(Tensor::full([1, d], value, device), false);
        store.insert("context.norm1_w", full(1.0));
        store.insert("context.norm2_w", full(1.0));
        store.insert("context.gain1", full(model.contextualization.residual));
        store.insert("context.gain2", full(model.contextualization.residual));
        // Tokens are unit vectors; the marks of their kind and the learned tokens start smaller than they.
        let deviation = 0.5 / (d as f32).sqrt();
        let mut tokens = |name: &str, count: usize| {
            let value = matrix(normal(rng, count * d, deviation), count, d, device);
            store.insert(name, Parameter::new(value, false));
        };
        tokens("context.kinds", 3);
        if model.contextualization.semantic == Semantic::Learned {
            tokens("context.semantic", model.contextualization.semantic_tokens);
        }
    }

    /// The module over these parameters.
    ///
    /// # Errors
    /// [`crate::error::Error::Data`] if a parameter is missing.
    pub fn bind(leaves: &Leaves, heads: usize) -> Result<Self> {
        let pair = |name: &str| -> Result<(Tensor<2>, Tensor<2>)> {
            Ok((
                leaves.get(&format!("context.{name}_w"))?,
                leaves.get(&format!("context.{name}_b"))?,
            ))
        };
        Ok(Self {
            kinds: leaves.get("context.kinds")?,
            semantic: leaves
                .contains("context.semantic")
                .then(|| leaves.get("context.semantic"))
                .transpose()?,
            norm1: pair("norm1")?,
            norm2: pair("norm2")?,
            qkv: pair("qkv")?,
            out: pair("out")?,
            up: pair("up")?,
            down: pair("down")?,
            gain1: leaves.get("context.gain1")?,
            gain2: leaves.get("context.gain2")?,
            heads,
        })
    }

    /// The block over `[z; s; e]`: samples B × d, their archetypes B × k × d, and semantic tokens given from outside
    /// (B × M × d), if the module has none of its own.
    pub fn forward(&self, z: Tensor<2>, semantic: Option<Tensor<3>>, archetypes: Tensor<3>) -> Context {
        let [b, d] = z.dims();
        let k = archetypes.dims()[1];
        let semantic = match (&self.semantic, semantic) {
            (Some(own), _) => {
                let m = own.dims()[0];
                own.clone().reshape([1, m, d]).expand([b, m, d])
            }
            (None, Some(given)) => given,
            (None, None) => Tensor::zeros([b, 0, d], &z.device()),
        };
        let m = semantic.dims()[1];
        let kind = |row: usize| self.kinds.clone().slice([row..row + 1, 0..d]).reshape([1, 1, d]);
        let mut parts = vec![z.reshape([b, 1, d]) + kind(0)];
        if m > 0 {
            parts.push(semantic + kind(1));
        }
        parts.push(archetypes + kind(2));
        let tokens = Tensor::cat(parts, 1);
        let count = 1 + m + k;
        let x = self.block(tokens.reshape([b * count, d]), b, count);
        let x = unit_tokens(x.reshape([b, count, d]));
        Context {
            z: x.clone().slice([0..b, 0..1, 0..d]).reshape([b, d]),
            archetypes: x.slice([0..b, 1 + m..count, 0..d]),
        }
    }

    /// x + g1·Attention(LN(x)), then x + g2·FFN(LN(x)); rows are the tokens of all samples.
    fn block(&self, x: Tensor<2>, b: usize, count: usize) -> Tensor<2> {
        let linear = |x: Tensor<2>, (w, bias): &(Tensor<2>, Tensor<2>)| x.matmul(w.clone()) + bias.clone();
        let attended = self.attend(&linear(norm(x.clone(), &self.norm1), &self.qkv), b, count);
        let x = x + linear(attended, &self.out) * self.gain1.clone();
        let hidden = gelu(linear(norm(x.clone(), &self.norm2), &self.up));
        x + linear(hidden, &self.down) * self.gain2.clone()
    }

    /// Multi-head scaled dot-product attention among the `count` tokens of each sample.
    fn attend(&self, qkv: &Tensor<2>, b: usize, count: usize) -> Tensor<2> {
        let d = self.gain1.dims()[1];
        let width = d / self.heads;
        let split = |part: usize| {
            qkv.clone()
                .slice([0..b * count, part * d..(part + 1) * d])
                .reshape([b, count, self.heads, width])
                .swap_dims(1, 2)
        };
        let scores = split(0).matmul(split(1).swap_dims(2, 3)) / (width as f64).sqrt();
        let mixed: Tensor<4> = softmax(scores, 3).matmul(split(2));
        mixed.swap_dims(1, 2).reshape([b * count, d])
    }
}

/// Layer normalisation with gain and offset.
fn norm(x: Tensor<2>, (gain, offset): &(Tensor<2>, Tensor<2>)) -> Tensor<2> {
    crate::model::math::normalise_rows(x) * gain.clone() + offset.clone()
}
