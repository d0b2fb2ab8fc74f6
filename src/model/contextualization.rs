//! Archetype contextualization: one attention block, over a sample, semantic tokens and the sample's nearest archetypes (in
//! training only), or over semantic tokens and all archetypes (whose result can be frozen).

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Int, Tensor};
use rand_chacha::ChaCha8Rng;

use crate::elementwise::{gelu, on_host};
use crate::error::Result;
use crate::model::config::{ModelConfig, Semantic};
use crate::model::math::{matrix, normal, normalise_rows, rows_at, uniform, unit_rows, unit_tokens};
use crate::model::params::{Leaves, Parameter, Store, zeros_row};

/// The module's parameters, tracked or not. Gains and offsets of the normalisations and of the residual branches are part of
/// the matrices beside them: so they cost as much as those have values, and not a pass over all tokens.
#[derive(Debug, Clone)]
pub struct Contextualization {
    kinds: Tensor<2>,
    semantic: Option<Tensor<2>>,
    qkv: (Tensor<2>, Tensor<2>),
    out: (Tensor<2>, Tensor<2>),
    up: (Tensor<2>, Tensor<2>),
    down: (Tensor<2>, Tensor<2>),
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

impl Context {
    /// cos(z~, e~), B × k, and the similarities of the archetypes, B × k².
    pub fn similarities(&self) -> [Tensor<2>; 2] {
        let ([b, k, d], e) = (self.archetypes.dims(), self.archetypes.clone());
        let cosine = e.clone().matmul(self.z.clone().reshape([b, d, 1]));
        let gram = e.clone().matmul(e.swap_dims(1, 2));
        [cosine.reshape([b, k]), gram.reshape([b, k * k])]
    }
}

/// Tokens that all samples can see, semantic ones first.
#[derive(Debug, Clone)]
pub struct Shared {
    /// With the marks of their kinds, and their queries, keys and values: each (M + K) × d.
    tokens: [Tensor<2>; 4],
    /// Number M of semantic tokens.
    semantic: usize,
}

/// Names of [`Shared::tokens`] among the inputs of a part.
const SHARED: [&str; 4] = ["shared.tokens", "shared.queries", "shared.keys", "shared.values"];

impl Shared {
    /// Adds them to the inputs of a part.
    pub fn give(&self, inputs: &mut Leaves) {
        for (name, tensor) in SHARED.iter().zip(&self.tokens) {
            inputs.insert(*name, tensor.clone());
        }
    }

    /// Their rows at these indices. Elsewhere than on the processor, in one product with an indicator.
    fn at(&self, index: &Tensor<1, Int>) -> [Tensor<2>; 4] {
        let d = self.tokens[0].dims()[1];
        if on_host(&self.tokens[0].device()) {
            return self.tokens.each_ref().map(|t| rows_at(t.clone(), index.clone()));
        }
        let rows = rows_at(Tensor::cat(self.tokens.to_vec(), 1), index.clone());
        [0, 1, 2, 3].map(|part| rows.clone().narrow(1, part * d, d))
    }

    /// The same as the part has them.
    ///
    /// # Errors
    /// [`crate::error::Error::Data`] if they were not given.
    pub fn taken(&self, inputs: &Leaves) -> Result<Self> {
        let mut tokens = self.tokens.clone();
        for (name, tensor) in SHARED.iter().zip(&mut tokens) {
            *tensor = inputs.get(name)?;
        }
        Ok(Self {
            tokens,
            semantic: self.semantic,
        })
    }
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
        Self::folded(&Self::fold(leaves)?, heads)
    }

    /// The matrices that the block multiplies with, and its tokens, from the parameters. With Norm(x) = LN(x)·g + o the layer
    /// Norm(x) W + b is LN(x) (gᵀW) + (o W + b), and the branch (x W + b)·g is x (W·g) + b·g.
    ///
    /// # Errors
    /// [`crate::error::Error::Data`] if a parameter is missing.
    pub fn fold(leaves: &Leaves) -> Result<Leaves> {
        let get = |name: &str| leaves.get(&format!("context.{name}"));
        let mut folded = Leaves::default();
        for (layer, norm) in [("qkv", "norm1"), ("up", "norm2")] {
            let (weight, bias) = (get(&format!("{layer}_w"))?, get(&format!("{layer}_b"))?);
            let (gain, offset) = (get(&format!("{norm}_w"))?, get(&format!("{norm}_b"))?);
            folded.insert(format!("{layer}_b"), offset.matmul(weight.clone()) + bias);
            folded.insert(format!("{layer}_w"), weight * gain.transpose());
        }
        for (layer, gain) in [("out", "gain1"), ("down", "gain2")] {
            for part in ["w", "b"] {
                let name = format!("{layer}_{part}");
                folded.insert(name.as_str(), get(&name)? * get(gain)?);
            }
        }
        folded.insert("kinds", get("kinds")?);
        if leaves.contains("context.semantic") {
            folded.insert("semantic", get("semantic")?);
        }
        Ok(folded)
    }

    /// The module over what [`Self::fold`] made.
    ///
    /// # Errors
    /// [`crate::error::Error::Data`] if something of it is missing.
    pub fn folded(folded: &Leaves, heads: usize) -> Result<Self> {
        let pair = |name: &str| -> Result<(Tensor<2>, Tensor<2>)> {
            Ok((folded.get(&format!("{name}_w"))?, folded.get(&format!("{name}_b"))?))
        };
        Ok(Self {
            kinds: folded.get("kinds")?,
            semantic: folded
                .contains("semantic")
                .then(|| folded.get("semantic"))
                .transpose()?,
            qkv: pair("qkv")?,
            out: pair("out")?,
            up: pair("up")?,
            down: pair("down")?,
            heads,
        })
    }

    /// What all samples can see: semantic tokens given from outside (M × d), if the module has none of its own, and archetypes
    /// (K × d). Normalised and projected here, once for all samples: the same token has the same queries, keys and values
    /// wherever it takes part.
    pub fn share(&self, semantic: Option<Tensor<2>>, archetypes: Tensor<2>) -> Shared {
        let semantic = self.semantic.clone().or(semantic);
        let count = semantic.as_ref().map_or(0, |tokens| tokens.dims()[0]);
        let mut parts: Vec<Tensor<2>> = semantic.into_iter().map(|tokens| tokens + self.kind(1)).collect();
        parts.push(archetypes + self.kind(2));
        let tokens = Tensor::cat(parts, 0);
        let [queries, keys, values] = self.project(tokens.clone());
        Shared {
            tokens: [tokens, queries, keys, values],
            semantic: count,
        }
    }

    /// The block over `[z; s; p; e]`: samples B × d, shared semantic tokens, tokens that each sample has of its own (B × P × d),
    /// and each sample's archetypes, by their indices B × k among those that are shared. Only samples and archetypes come out,
    /// and so only they ask.
    pub fn forward(
        &self,
        z: Tensor<2>,
        patches: Option<Tensor<3>>,
        shared: &Shared,
        nearest: Tensor<2, Int>,
    ) -> Context {
        let ([b, d], k, m) = (z.dims(), nearest.dims()[1], shared.semantic);
        let mut own = vec![(z + self.kind(0)).reshape([b, 1, d])];
        own.extend(patches.map(|tokens| tokens + self.kind(1).reshape([1, 1, d])));
        let own = Tensor::cat(own, 1);
        let p = own.dims()[1];
        let at = (nearest + m as i64).reshape([b * k]);
        let [archetypes, queries, keys, values] = shared.at(&at).map(|t| t.reshape([b, k, d]));
        let [own_queries, own_keys, own_values] = self
            .project(own.clone().reshape([b * p, d]))
            .map(|t| t.reshape([b, p, d]));

        let ask = |of_sample: Tensor<3>, of_archetypes| Tensor::cat(vec![of_sample.narrow(1, 0, 1), of_archetypes], 1);
        let answer = |own, of_all: &Tensor<2>, of_archetypes| {
            // Tensors have no parts without rows.
            let semantic = (m > 0).then(|| of_all.clone().narrow(0, 0, m).reshape([1, m, d]).expand([b, m, d]));
            let parts = [Some(own), semantic, Some(of_archetypes)];
            Tensor::cat(parts.into_iter().flatten().collect(), 1)
        };
        let [_, _, all_keys, all_values] = &shared.tokens;
        let attended = self.attend(
            ask(own_queries, queries),
            answer(own_keys, all_keys, keys),
            answer(own_values, all_values, values),
            None,
        );
        let x = self.block(ask(own, archetypes).reshape([b * (1 + k), d]), attended);
        let x = unit_tokens(x.reshape([b, 1 + k, d]));
        Context {
            z: x.clone().narrow(1, 0, 1).reshape([b, d]),
            archetypes: x.narrow(1, 1, k),
        }
    }

    /// The block over `[s; e]`: all archetypes (K × d) and semantic tokens given from outside (M × d), if the module has none of
    /// its own. Nobody attends to an archetype that is not `alive` (1 × K). The result is K × d, unit.
    pub fn among(&self, semantic: Option<Tensor<2>>, archetypes: Tensor<2>, alive: &Tensor<2>) -> Tensor<2> {
        let [k, d] = archetypes.dims();
        let shared = self.share(semantic, archetypes);
        let m = shared.semantic;
        // Far below any score of attention, and finite.
        let away = (alive.clone() - 1.0) * 1e9;
        let away = Tensor::cat(vec![Tensor::zeros([1, m], &away.device()), away], 1);
        let [tokens, queries, keys, values] = shared.tokens;
        let all = |t: Tensor<2>| t.reshape([1, m + k, d]);
        let asking = queries.narrow(0, m, k).reshape([1, k, d]);
        let attended = self.attend(asking, all(keys), all(values), Some(away));
        unit_rows(self.block(tokens.narrow(0, m, k), attended))
    }

    /// The mark of a kind of tokens, 1 × d: 0 samples, 1 semantic tokens, 2 archetypes.
    fn kind(&self, row: usize) -> Tensor<2> {
        self.kinds.clone().narrow(0, row, 1)
    }

    /// Queries, keys and values of tokens.
    fn project(&self, tokens: Tensor<2>) -> [Tensor<2>; 3] {
        let d = tokens.dims()[1];
        let qkv = linear(normalise_rows(tokens), &self.qkv);
        [0, 1, 2].map(|part| qkv.clone().narrow(1, part * d, d))
    }

    /// x + g1·Out(attended), then x + g2·FFN(LN(x)); rows are the tokens that come out, of all samples.
    fn block(&self, x: Tensor<2>, attended: Tensor<2>) -> Tensor<2> {
        let x = x + linear(attended, &self.out);
        let hidden = gelu(linear(normalise_rows(x.clone()), &self.up));
        x + linear(hidden, &self.down)
    }

    /// Multi-head scaled dot-product attention: queries B × n × d, keys and values B × t × d. `away` (1 × t) is added to the
    /// scores. The result is (B·n) × d.
    fn attend(&self, queries: Tensor<3>, keys: Tensor<3>, values: Tensor<3>, away: Option<Tensor<2>>) -> Tensor<2> {
        let ([b, n, d], t) = (queries.dims(), keys.dims()[1]);
        let width = d / self.heads;
        let split = |x: Tensor<3>, count: usize| x.reshape([b, count, self.heads, width]).swap_dims(1, 2);
        let scores = split(queries, n).matmul(split(keys, t).swap_dims(2, 3)) / (width as f64).sqrt();
        let scores = match away {
            Some(away) => scores + away.reshape([1, 1, 1, t]),
            None => scores,
        };
        let mixed: Tensor<4> = softmax(scores, 3).matmul(split(values, t));
        mixed.swap_dims(1, 2).reshape([b * n, d])
    }
}

fn linear(x: Tensor<2>, (weight, bias): &(Tensor<2>, Tensor<2>)) -> Tensor<2> {
    x.matmul(weight.clone()) + bias.clone()
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
        let nearest = Tensor::from_data([[0, 1, 2, 3]], &device);
        let context = module.forward(z, None, &module.share(None, e), nearest);
        let there = [host(context.archetypes.reshape([4, 8]))?, host(context.z)?].concat();
        let here = host(module.among(None, rows, &Tensor::ones([1, 5], &device)))?;
        assert!(
            here.iter().zip(&there).all(|(a, b)| (a - b).abs() < 1e-5),
            "{here:?} {there:?}"
        );
        Ok(())
    }
}
