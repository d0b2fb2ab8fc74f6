//! Archetype contextualization: one attention block, over a sample, semantic tokens and the sample's nearest archetypes (in
//! training only), or over semantic tokens and all archetypes (whose result can be frozen).

use burn::tensor::activation::{gelu, softmax};
use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;

use crate::error::Result;
use crate::model::config::{ModelConfig, Semantic};
use crate::model::math::{matrix, normal, uniform, unit_rows, unit_tokens};
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
        let mut parts = vec![z.reshape([b, 1, d]) + self.kind(0)];
        if m > 0 {
            parts.push(semantic + self.kind(1));
        }
        parts.push(archetypes + self.kind(2));
        let tokens = Tensor::cat(parts, 1);
        let count = 1 + m + k;
        let x = self.block(tokens.reshape([b * count, d]), b, count, None);
        let x = unit_tokens(x.reshape([b, count, d]));
        Context {
            z: x.clone().slice([0..b, 0..1, 0..d]).reshape([b, d]),
            archetypes: x.slice([0..b, 1 + m..count, 0..d]),
        }
    }

    /// The block over `[s; e]`: all archetypes (K × d) and semantic tokens given from outside (M × d), if the module has none of
    /// its own. Nobody attends to an archetype that is not `alive` (1 × K). The result is K × d, unit.
    pub fn among(&self, semantic: Option<Tensor<2>>, archetypes: Tensor<2>, alive: &Tensor<2>) -> Tensor<2> {
        let [k, d] = archetypes.dims();
        let semantic = self.semantic.clone().or(semantic);
        let m = semantic.as_ref().map_or(0, |tokens| tokens.dims()[0]);
        let row = |kind: usize| self.kind(kind).reshape([1, d]);
        let mut parts: Vec<Tensor<2>> = semantic.into_iter().map(|tokens| tokens + row(1)).collect();
        parts.push(archetypes + row(2));
        // Far below any score of attention, and finite.
        let away = (alive.clone() - 1.0) * 1e9;
        let away = Tensor::cat(vec![Tensor::zeros([1, m], &away.device()), away], 1);
        let x = self.block(Tensor::cat(parts, 0), 1, m + k, Some(away));
        unit_rows(x.slice([m..m + k, 0..d]))
    }

    /// The mark of a kind of tokens, 1 × 1 × d: 0 samples, 1 semantic tokens, 2 archetypes.
    fn kind(&self, row: usize) -> Tensor<3> {
        let d = self.kinds.dims()[1];
        self.kinds.clone().slice([row..row + 1, 0..d]).reshape([1, 1, d])
    }

    /// x + g1·Attention(LN(x)), then x + g2·FFN(LN(x)); rows are the tokens of all samples. `away` (1 × count) is added to the
    /// scores of attention.
    fn block(&self, x: Tensor<2>, b: usize, count: usize, away: Option<Tensor<2>>) -> Tensor<2> {
        let linear = |x: Tensor<2>, (w, bias): &(Tensor<2>, Tensor<2>)| x.matmul(w.clone()) + bias.clone();
        let attended = self.attend(&linear(norm(x.clone(), &self.norm1), &self.qkv), b, count, away);
        let x = x + linear(attended, &self.out) * self.gain1.clone();
        let hidden = gelu(linear(norm(x.clone(), &self.norm2), &self.up));
        x + linear(hidden, &self.down) * self.gain2.clone()
    }

    /// Multi-head scaled dot-product attention among the `count` tokens of each sample.
    fn attend(&self, qkv: &Tensor<2>, b: usize, count: usize, away: Option<Tensor<2>>) -> Tensor<2> {
        let d = self.gain1.dims()[1];
        let width = d / self.heads;
        let split = |part: usize| {
            qkv.clone()
                .slice([0..b * count, part * d..(part + 1) * d])
                .reshape([b, count, self.heads, width])
                .swap_dims(1, 2)
        };
        let scores = split(0).matmul(split(1).swap_dims(2, 3)) / (width as f64).sqrt();
        let scores = match away {
            Some(away) => scores + away.reshape([1, 1, 1, count]),
            None => scores,
        };
        let mixed: Tensor<4> = softmax(scores, 3).matmul(split(2));
        mixed.swap_dims(1, 2).reshape([b * count, d])
    }
}

/// Layer normalisation with gain and offset.
fn norm(x: Tensor<2>, (gain, offset): &(Tensor<2>, Tensor<2>)) -> Tensor<2> {
    crate::model::math::normalise_rows(x) * gain.clone() + offset.clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::math::host;
    use rand::SeedableRng;

    /// Attention among archetypes knows no order of them, and those that are gone have no influence on the others.
    #[test]
    fn archetypes_have_no_order_and_those_that_are_gone_no_say() -> Result<()> {
        let device = Device::flex();
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut model = ModelConfig {
            width: 8,
            ..ModelConfig::default()
        };
        model.contextualization.heads = 2;
        model.contextualization.residual = 0.7;
        let mut store = Store::default();
        Contextualization::create(&mut store, &model, &mut rng, &device);
        let module = Contextualization::bind(&store.values(), 2)?;
        let rows = normal(&mut rng, 4 * 8, 1.0);
        let of = |order: [usize; 4], alive: [f32; 4]| -> Result<Vec<Vec<f32>>> {
            let e = order.iter().flat_map(|&k| rows[k * 8..(k + 1) * 8].to_vec()).collect();
            let alive = matrix(order.iter().map(|&k| alive[k]).collect(), 1, 4, &device);
            let out = host(module.among(None, unit_rows(matrix(e, 4, 8, &device)), &alive))?;
            Ok((0..4)
                .map(|k| {
                    let at = order.iter().position(|&o| o == k).unwrap_or_default();
                    out[at * 8..(at + 1) * 8].to_vec()
                })
                .collect())
        };
        let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
        let all = of([0, 1, 2, 3], [1.0; 4])?;
        let turned = of([2, 0, 3, 1], [1.0; 4])?;
        assert!(all.iter().zip(&turned).all(|(a, b)| near(a, b)));
        assert!(!near(&all[0], &of([0, 1, 2, 3], [1.0, 1.0, 1.0, 0.0])?[0]));
        let mut other = rows.clone();
        other[24..].fill(0.3);
        let without = of([0, 1, 2, 3], [1.0, 1.0, 1.0, 0.0])?;
        let e = unit_rows(matrix(other, 4, 8, &device));
        let changed = host(module.among(None, e, &matrix(vec![1.0, 1.0, 1.0, 0.0], 1, 4, &device)))?;
        assert!((0..3).all(|k| near(&without[k], &changed[k * 8..(k + 1) * 8])));
        assert!(
            all.iter()
                .all(|row| (row.iter().map(|v| v * v).sum::<f32>() - 1.0).abs() < 1e-5)
        );
        Ok(())
    }

    /// If no kind of token is marked, a sample is one archetype more: what comes out is what the block over a sample gives, which
    /// is held against JAX.
    #[test]
    fn an_unmarked_sample_is_one_archetype_more() -> Result<()> {
        let device = Device::flex();
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let mut model = ModelConfig {
            width: 8,
            ..ModelConfig::default()
        };
        model.contextualization.heads = 2;
        let mut store = Store::default();
        Contextualization::create(&mut store, &model, &mut rng, &device);
        store.insert("context.kinds", Parameter::new(Tensor::zeros([3, 8], &device), false));
        let module = Contextualization::bind(&store.values(), 2)?;
        let rows = unit_rows(matrix(normal(&mut rng, 5 * 8, 1.0), 5, 8, &device));
        let (e, z) = (rows.clone().slice([0..4, 0..8]), rows.clone().slice([4..5, 0..8]));
        let context = module.forward(z, None, e.reshape([1, 4, 8]));
        let there = [host(context.archetypes.reshape([4, 8]))?, host(context.z)?].concat();
        let here = host(module.among(None, rows, &Tensor::ones([1, 5], &device)))?;
        assert!(
            here.iter().zip(&there).all(|(a, b)| (a - b).abs() < 1e-5),
            "{here:?} {there:?}"
        );
        Ok(())
    }
}
