//! The whole model: parameters, dictionary, counts, and one training step.

use std::ops::Range;

use burn::tensor::{Device, Int, Tensor};
use rand_chacha::ChaCha8Rng;

use crate::document::invalid::Invalid;
use crate::error::Result;
use crate::task::Task;

use super::adamw::AdamW;
use super::cause;
use super::codebook::{Assigned, Buffers, cosines, primal_one_hot, soft_assignment};
use super::config::{Among, ModelConfig, Routing, Semantic, Value};
use super::contextualization::Contextualization;
use super::loss::config::{LossConfig, Separate, VasForm};
use super::loss::reg::{self, Dictionary, Margins};
use super::loss::task::{Target, TaskLoss};
use super::loss::{assign, contx, dis, vas};
use super::math::{off_diagonal, one_hot, rows_at, unit_rows};
use super::params::{Leaves, Named, Parameter, Store};
use super::parts::{self, Parts, known_gradient};
use super::projector::{Head, Masks, Projection, Projector, Sizes};

/// Name of the dictionary among the parameters.
pub const DICTIONARY: &str = "dictionary";
/// Name of the learned values among the parameters (with `value = "learned"`).
pub const LOGITS: &str = "value.logits";
/// The losses of a step, in the order of [`Aura::step`]'s result.
pub const LOSS_NAMES: [&str; 7] = [
    "loss",
    "loss_vas",
    "loss_arc",
    "loss_assign",
    "loss_dis",
    "loss_reg",
    "loss_contx",
];

/// A batch on the device.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Standardised features, (B·P) × D.
    pub x: Tensor<2>,
    /// Targets.
    pub target: Target,
}

/// The training split in two rows: what labels are worth before any sample is seen.
#[derive(Debug, Clone)]
pub struct Prior {
    /// Mean known label ȳ, 1 × O.
    pub mean: Tensor<2>,
    /// Weights of the outputs in the task loss, 1 × O.
    pub weights: Tensor<2>,
}

/// AURA in training.
#[derive(Debug, Clone)]
pub struct Aura {
    /// The task.
    pub task: Task,
    /// `[model]`.
    pub config: ModelConfig,
    /// `[loss]`.
    pub loss: LossConfig,
    /// Sizes of inputs and outputs.
    pub sizes: Sizes,
    /// Parameters with their moments.
    pub store: Store,
    /// Running counts of the dictionary.
    pub buffers: Buffers,
    prior: Tensor<2>,
    task_loss: TaskLoss,
    off_diagonal: Tensor<2>,
    device: Device,
}

/// All tensors of one forward pass that the losses share.
struct Forward {
    projection: Projection,
    /// The way back through the projector, where it was passed in parts.
    parts: Option<Parts<1>>,
    e: Tensor<2>,
    head: Head,
    /// cos(z, e) with the gradient that the routing lets through to e.
    cosines: Tensor<2>,
    /// V without gradient.
    value: Tensor<2>,
}

impl Aura {
    /// A model with drawn parameters and a random dictionary; [`Self::set_dictionary`] gives it its start.
    pub fn create(
        (task, config, loss): (Task, ModelConfig, LossConfig),
        sizes: Sizes,
        prior: Prior,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Self {
        let mut store = Store::default();
        Projector::create(&mut store, &config, task, sizes, rng, device);
        if config.contextualization.enabled {
            Contextualization::create(&mut store, &config, rng, device);
        }
        let (k, d) = (config.k_max, config.width);
        let random = crate::model::math::normal(rng, k * d, 1.0);
        let e = unit_rows(crate::model::math::matrix(random, k, d, device));
        let buffers = Buffers::new(&e, sizes.outputs, device);
        store.insert(DICTIONARY, Parameter::by_rows(e, false));
        let task_loss = TaskLoss {
            task,
            weights: prior.weights,
            dice: loss.dice_weight,
        };
        let mut model = Self {
            task,
            sizes,
            store,
            buffers,
            prior: prior.mean,
            task_loss,
            off_diagonal: off_diagonal(k, device),
            device: device.clone(),
            config,
            loss,
        };
        model.learn_values_from_counts();
        model
    }

    /// Replaces the dictionary by the unit rows of `e` (K × d) and empties the counts.
    pub fn set_dictionary(&mut self, e: Tensor<2>) {
        let e = unit_rows(e);
        self.buffers = Buffers::new(&e, self.sizes.outputs, &self.device);
        self.store.insert(DICTIONARY, Parameter::by_rows(e, false));
    }

    /// With `value = "learned"`: starts the learned values at the counted ones.
    pub fn learn_values_from_counts(&mut self) {
        if self.config.value != Value::Learned {
            return;
        }
        let v = self.counted_value();
        let logits = match self.task {
            Task::Expression => v.clamp_min(1e-4).log(),
            Task::ActionUnits => {
                let v = v.clamp(1e-3, 1.0 - 1e-3);
                v.clone().log() - (v.neg() + 1.0).log()
            }
            Task::ValenceArousal => {
                let v = v.clamp(-0.99, 0.99);
                // 4·atanh(v), the inverse of the head's activation
                ((v.clone() + 1.0).log() - (v.neg() + 1.0).log()) * 2.0
            }
        };
        self.store.insert(LOGITS, Parameter::new(logits, false));
    }

    /// The device of the parameters.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Unit vectors of standardised features (no dropout, no gradient), B × d.
    ///
    /// # Errors
    /// [`crate::error::Error::Data`] if a parameter is missing.
    pub fn project(&self, x: Tensor<2>) -> Result<Tensor<2>> {
        let projector = Projector::bind(&self.store.values(), self.sizes.patches)?;
        Ok(projector.forward(x, &Masks::default()).z)
    }

    /// The dictionary, K × d.
    ///
    /// # Errors
    /// [`crate::error::Error::Data`] if the parameter is missing.
    pub fn dictionary(&self) -> Result<Tensor<2>> {
        self.store.value(DICTIONARY)
    }

    /// The archetypes' values V as they stand, K × O.
    ///
    /// # Errors
    /// [`crate::error::Error::Data`] if a parameter is missing.
    pub fn value(&self) -> Result<Tensor<2>> {
        let leaves = self.store.values();
        let head = Head::bind(&leaves, self.config.head_scale)?;
        self.value_of(&leaves, &head, &self.dictionary()?)
    }

    /// V from the running counts. In them one sample weighs 1 − ρ, and so does one pseudo-sample of the prior.
    fn counted_value(&self) -> Tensor<2> {
        let weight = self.config.prior_samples * (1.0 - self.config.decay);
        self.buffers.value(&self.prior, weight)
    }

    fn value_of(&self, leaves: &Leaves, head: &Head, e: &Tensor<2>) -> Result<Tensor<2>> {
        Ok(match self.config.value {
            Value::Counts => self.counted_value(),
            Value::Learned => self.task_loss.activate(leaves.get(LOGITS)?),
            Value::Head => self.task_loss.activate(head.logits(e.clone())),
        })
    }

    /// Every tensor that a step moves, in an order of its own (see [`Store::moving`]).
    pub fn moving(&mut self) -> Vec<&mut Tensor<2>> {
        let mut found = self.store.moving();
        found.extend(self.buffers.moving());
        found
    }

    /// One training step: forward, losses, backward, AdamW, unit rows, counts. The result is the 1 × 7 row of losses as
    /// [`LOSS_NAMES`] names them, still on the device.
    ///
    /// # Errors
    /// [`crate::error::Error::Data`] if a parameter is missing.
    pub fn step(
        &mut self,
        batch: &Batch,
        masks: &Masks,
        contextual: bool,
        adam: impl Fn(&str) -> AdamW,
    ) -> Result<Tensor<2>> {
        let leaves = self.store.tracked();
        let forward = cause::of("forward", || self.forward(&leaves, batch, masks))?;
        let (total, row) = cause::of("losses", || self.losses(&leaves, &forward, batch, contextual))?;
        let gradients = cause::of("backward", || back(&leaves, &total, forward.parts, &forward.projection))?;
        cause::of("optimizer", || {
            self.store.step(gradients, adam)?;
            self.store.set(DICTIONARY, unit_rows(self.store.value(DICTIONARY)?))
        })?;
        cause::of("counts", || {
            self.buffers.update(
                Assigned {
                    nearest: primal_one_hot(forward.cosines.inner(), &self.device),
                    z: forward.projection.z.inner(),
                    targets: batch.target.y.clone() * batch.target.known.clone(),
                    known: batch.target.known.clone(),
                },
                self.config.decay,
            );
        });
        Ok(row)
    }

    /// The losses of a batch as [`Self::step`] sees them, and the gradient of every parameter that they reach, in the order
    /// of the names. Nothing is changed.
    ///
    /// # Errors
    /// [`crate::error::Error::Data`] if a parameter is missing.
    pub fn gradients(&self, batch: &Batch, masks: &Masks, contextual: bool) -> Result<(Tensor<2>, Named)> {
        let leaves = self.store.tracked();
        let forward = self.forward(&leaves, batch, masks)?;
        let (total, row) = self.losses(&leaves, &forward, batch, contextual)?;
        Ok((row, back(&leaves, &total, forward.parts, &forward.projection)?))
    }

    fn forward(&self, leaves: &Leaves, batch: &Batch, masks: &Masks) -> Result<Forward> {
        let p = self.sizes.patches;
        let ranges = self.ranges(batch.x.dims()[0] / p, p);
        let mut parts = None;
        let projection = if ranges.len() == 1 {
            Projector::bind(leaves, p)?.forward(batch.x.clone(), masks)
        } else {
            let passed = Parts::forward(&leaves.below("projector."), &ranges, |leaves, samples| {
                let (x, masks) = (parts::rows(&batch.x, samples, p), masks.of(samples, p));
                Ok([Projector::bind(leaves, p)?.forward(x, &masks).z])
            })?;
            let [z] = passed.outputs();
            parts = Some(passed);
            Projection { z, tokens: None }
        };
        let e = leaves.get(DICTIONARY)?;
        let head = Head::bind(leaves, self.config.head_scale)?;
        let value = self.value_of(leaves, &head, &e)?.inner();
        let seen = if self.config.routing == Routing::Open {
            e.clone()
        } else {
            e.clone().detach()
        };
        let cosines = cosines(projection.z.clone(), seen, &self.buffers.alive);
        Ok(Forward {
            projection,
            parts,
            e,
            head,
            cosines,
            value,
        })
    }

    /// What carries the gradients of L, and the row of L and its parts.
    fn losses(&self, leaves: &Leaves, f: &Forward, batch: &Batch, contextual: bool) -> Result<(Tensor<1>, Tensor<2>)> {
        let vas = cause::of("vas", || self.vas(leaves, f, &batch.target))?;
        let assigned = cause::of("assign", || self.assign(f, &batch.target));
        let (separation, regularisation) = cause::of("geometry", || self.geometry(f));
        let arc = assigned.clone()
            + separation.clone() * self.loss.dissimilarity_weight
            + regularisation.clone() * self.loss.regularisation_weight;
        let mut total = vas.clone() * self.loss.lambda_proj + arc.clone() * self.loss.lambda_arc;
        let mut value = total.clone().inner();
        let mut contx = Tensor::<1>::zeros([1], &self.device);
        if contextual && self.config.contextualization.enabled {
            let loss = cause::of("contextual", || self.contextual(leaves, f, &batch.target))?;
            total = total + loss.carrier * self.loss.lambda_contx;
            value = value + loss.value.clone() * self.loss.lambda_contx;
            contx = loss.value;
        }
        let parts = vec![
            value,
            vas.inner(),
            arc.inner(),
            assigned.inner(),
            separation.inner(),
            regularisation.inner(),
            contx,
        ];
        let row = Tensor::cat(parts, 0).reshape([1, LOSS_NAMES.len()]);
        Ok((total, row))
    }

    /// L^VAS = `L_task(g(q)`, y) + `L_task(Σ_k` `p_k` `V_k`, y).
    fn vas(&self, leaves: &Leaves, f: &Forward, target: &Target) -> Result<Tensor<1>> {
        let open = self.config.routing == Routing::Open;
        let p = soft_assignment(f.cosines.clone(), self.config.temperature);
        let straight = || {
            let e = if open { f.e.clone() } else { f.e.clone().detach() };
            let q = vas::straight_through(f.projection.z.clone(), vas::mixture(p.clone(), e), open);
            self.task_loss.of_logits(f.head.logits(q), target)
        };
        let mixture = || -> Result<Tensor<1>> {
            // Learned values are trained here and nowhere else.
            let value = match self.config.value {
                Value::Learned => self.task_loss.activate(leaves.get(LOGITS)?),
                Value::Counts | Value::Head => f.value.clone(),
            };
            Ok(self.task_loss.of_outputs(vas::read_out(p.clone(), value), target))
        };
        Ok(match self.loss.vas {
            VasForm::Both => straight() + mixture()?,
            VasForm::StraightThrough => straight(),
            VasForm::Mixture => mixture()?,
        })
    }

    /// L^Assign with the target k* = `argmax_k` [cos/T + γ log `p(y|V_k)` − ω `log(n_k` / n̄)]; strict routing has no
    /// commitment half.
    fn assign(&self, f: &Forward, target: &Target) -> Tensor<1> {
        let config = &self.config;
        let mut scores = f.cosines.clone().inner();
        if config.assignment_gamma > 0.0 {
            let likelihood = assign::log_likelihood(self.task, f.value.clone(), target, config.assignment_sigma);
            scores = assign::target_scores(scores, config.temperature, config.assignment_gamma, likelihood);
        } else if config.assignment_balance > 0.0 {
            scores = scores / config.temperature;
        }
        if config.assignment_balance > 0.0 {
            scores = scores - assign::crowding(&self.buffers.size, 1.0 - config.decay) * config.assignment_balance;
        }
        let chosen = one_hot(scores.argmax(1), self.config.k_max, &self.device).matmul(f.e.clone());
        let codebook = assign::codebook_half(f.projection.z.clone(), chosen.clone());
        if self.config.routing == Routing::Strict {
            return codebook;
        }
        codebook + assign::commitment_half(f.projection.z.clone(), chosen) * self.loss.beta
    }

    /// L^Dis and L^Reg.
    fn geometry(&self, f: &Forward) -> (Tensor<1>, Tensor<1>) {
        let gram = f.e.clone().matmul(f.e.clone().transpose());
        let alive = self.buffers.alive.clone();
        let mut pairs = alive.clone().transpose().matmul(alive.clone()) * self.off_diagonal.clone();
        let m = self.loss.margin_for(self.task);
        if self.loss.separate == Separate::Unlike {
            pairs = pairs * self.unlike(&f.value, m);
        }
        let separation = dis::separation(gram.clone(), pairs, alive, self.loss.dissimilarity_margin);
        let dictionary = Dictionary {
            e: f.e.clone(),
            gram,
            value: f.value.clone(),
            labels: self.buffers.labels.clone(),
            known: self.buffers.known.clone(),
            used: self.buffers.used(),
            off_diagonal: self.off_diagonal.clone(),
        };
        let margins = Margins {
            m,
            diversity: self.loss.diversity_margin,
        };
        let parts = match self.task {
            Task::Expression => reg::expression(&dictionary, margins, &self.device),
            Task::ActionUnits => reg::action_units(&dictionary, margins),
            Task::ValenceArousal => reg::valence_arousal(&dictionary, margins),
        };
        (separation, parts.total(self.loss.diversity_weight))
    }

    /// K × K: 1 where two archetypes say different things.
    fn unlike(&self, value: &Tensor<2>, m: f64) -> Tensor<2> {
        match self.task {
            Task::Expression => reg::same_class(value, &self.device).neg() + 1.0,
            Task::ActionUnits => reg::same_pattern(value).neg() + 1.0,
            Task::ValenceArousal => reg::score_difference(value).greater_equal_elem(m).float(),
        }
    }

    /// L^Contx. Unless the routing is open, samples, archetypes and semantic tokens enter without gradient; the projector
    /// learns through the distillation alone (not at all under strict routing).
    fn contextual(&self, leaves: &Leaves, f: &Forward, target: &Target) -> Result<Loss> {
        match self.config.contextualization.among {
            Among::Sample => self.by_sample(leaves, f, target),
            Among::Archetypes => self.among_archetypes(leaves, f, target).map(Loss::new),
        }
    }

    fn total(&self, parts: contx::Parts) -> Tensor<1> {
        let loss = parts.task + parts.redundancy;
        if !self.config.contextualization.distil {
            return loss;
        }
        if self.config.routing == Routing::Strict {
            loss + parts.distillation.detach()
        } else {
            loss + parts.distillation
        }
    }

    /// Attention among all archetypes and semantic tokens; samples look at what comes out.
    fn among_archetypes(&self, leaves: &Leaves, f: &Forward, target: &Target) -> Result<Tensor<1>> {
        let open = self.config.routing == Routing::Open;
        let pass = |t: Tensor<2>| if open { t } else { t.inner() };
        let module = Contextualization::bind(leaves, self.config.contextualization.heads)?;
        let alive = &self.buffers.alive;
        let semantic = match self.config.contextualization.semantic {
            Semantic::Outputs => Some(pass(f.head.directions())),
            Semantic::Learned | Semantic::Patches => None,
        };
        let archetypes = module.among(semantic, pass(f.e.clone()), alive);
        let k = self.config.k_max;
        let seen = contx::Seen {
            cosine: cosines(pass(f.projection.z.clone()), archetypes.clone(), alive),
            gram: archetypes.clone().matmul(archetypes.transpose()).reshape([1, k, k]),
            pairs: (alive.clone().transpose().matmul(alive.clone()) * self.off_diagonal.clone()).reshape([1, k, k]),
            near: f.cosines.clone(),
        };
        Ok(self.total(contx::contextual(
            seen,
            |p| p.matmul(f.value.clone()),
            self.config.temperature,
            self.loss.dissimilarity_margin,
            (&self.task_loss, target),
        )))
    }

    /// Attention among each sample, semantic tokens and the sample's nearest archetypes.
    fn by_sample(&self, leaves: &Leaves, f: &Forward, target: &Target) -> Result<Loss> {
        let config = &self.config.contextualization;
        let open = self.config.routing == Routing::Open;
        let pass = |t: Tensor<2>| if open { t } else { t.inner() };
        let z = f.projection.z.clone();
        let [b, d] = z.dims();
        let (k, o) = (config.top_k, self.sizes.outputs);
        let mut inputs = Contextualization::fold(leaves)?;
        let module = Contextualization::folded(&inputs, config.heads)?;
        let semantic = (config.semantic == Semantic::Outputs).then(|| pass(f.head.directions()));
        let shared = module.share(semantic, pass(f.e.clone()));

        let (_, nearest) = f.cosines.clone().inner().topk_with_indices(k, 1);
        let flat: Tensor<1, Int> = nearest.clone().reshape([b * k]);
        let near = rows_at(pass(f.e.clone()), flat.clone())
            .reshape([b, k, d])
            .matmul(z.clone().reshape([b, d, 1]))
            .reshape([b, k]);
        let value = f.value.clone().select(0, flat).reshape([b, k, o]);
        let loss = |seen| {
            let read_out = |p: Tensor<2>| p.reshape([b, 1, k]).matmul(value.clone()).reshape([b, o]);
            let (temperature, margin) = (self.config.temperature, self.loss.dissimilarity_margin);
            self.total(contx::contextual(
                seen,
                read_out,
                temperature,
                margin,
                (&self.task_loss, target),
            ))
        };

        let ranges = self.ranges(b, 1 + k);
        if ranges.len() == 1 {
            let patches = match (config.semantic, &f.projection.tokens) {
                (Semantic::Patches, Some(tokens)) => {
                    Some(pass(unit_rows(tokens.clone())).reshape([b, self.sizes.patches, d]))
                }
                _ => None,
            };
            let context = module.forward(pass(z), patches, &shared, nearest);
            return Ok(Loss::new(loss(contx::Seen::by_sample(context.similarities(), near))));
        }
        shared.give(&mut inputs);
        let z = z.inner();
        let passed = Parts::forward(&inputs, &ranges, |leaves, samples| {
            let nearest = nearest.clone().narrow(0, samples.start, samples.len());
            let module = Contextualization::folded(leaves, config.heads)?;
            let context = module.forward(parts::rows(&z, samples, 1), None, &shared.taken(leaves)?, nearest);
            Ok(context.similarities())
        })?;
        let similarities = passed.outputs();
        let seen = near.clone().inner().autodiff().require_grad();
        let loss = loss(contx::Seen::by_sample(similarities.clone(), seen.clone()));
        let mut gradients = loss.backward();
        let mut of = |leaf: &Tensor<2>| {
            leaf.grad_remove(&mut gradients)
                .unwrap_or_else(|| leaf.clone().inner().zeros_like())
        };
        let mut carrier = known_gradient(near, of(&seen));
        for (name, gradient) in passed.backward(&similarities.each_ref().map(of))? {
            carrier = carrier + known_gradient(inputs.get(&name)?, gradient);
        }
        Ok(Loss {
            value: loss.inner(),
            carrier,
        })
    }

    /// Parts in which the batch is computed. One where gradients flow between samples and dictionary on more ways than one,
    /// or where the tokens of images are wanted beside their vectors.
    fn ranges(&self, samples: usize, rows: usize) -> Vec<Range<usize>> {
        let tokens = self.config.contextualization.semantic == Semantic::Patches;
        if self.config.routing == Routing::Open || tokens {
            return std::iter::once(0..samples).collect();
        }
        parts::ranges(samples, rows, &self.device)
    }
}

/// A loss, and the number that its gradients are those of.
struct Loss {
    /// Without gradient.
    value: Tensor<1>,
    /// Of another value where gradients were computed apart.
    carrier: Tensor<1>,
}

impl Loss {
    fn new(loss: Tensor<1>) -> Self {
        Self {
            value: loss.clone().inner(),
            carrier: loss,
        }
    }
}

/// Gradients of all parameters that the loss reaches, in the order of their names.
fn back(leaves: &Leaves, total: &Tensor<1>, parts: Option<Parts<1>>, projection: &Projection) -> Result<Named> {
    let mut gradients = total.backward();
    let mut found = leaves.gradients(&mut gradients);
    if let (Some(parts), Some(of_z)) = (parts, projection.z.grad_remove(&mut gradients)) {
        found.extend(parts.backward(&[of_z])?);
        found.sort_by(|a, b| a.0.cmp(&b.0));
    }
    Ok(found)
}

/// Checks what only the data can tell: sizes against the configuration.
///
/// # Errors
/// The dotted key below `[model]` and what was expected.
pub fn validate_sizes(config: &ModelConfig, sizes: Sizes, train: usize) -> std::result::Result<(), Invalid> {
    use crate::document::invalid::require;
    require(train >= 2, "k_max", "expected at least two training samples")?;
    require(
        !(config.contextualization.enabled
            && config.contextualization.semantic == Semantic::Patches
            && sizes.patches == 1),
        "contextualization.semantic",
        "patch tokens need model.level = \"patch\" and a feature table with tokens",
    )
}
