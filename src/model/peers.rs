//! The numeric core against an independent implementation (JAX in float64; `tests/peers/aura/golden.py`), to 1e-5 relative.

use std::collections::BTreeMap;

use burn::tensor::{Device, Gradients, Int, Tensor};
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::sets::Matrix;
use crate::task::{Targets, Task};

use super::adamw::AdamW;
use super::aura::{Aura, Batch, DICTIONARY, Prior};
use super::codebook::{Assigned, Buffers, cosines, primal, soft_assignment};
use super::config::{ContextualizationConfig, ModelConfig};
use super::contextualization::Contextualization;
use super::loss::config::LossConfig;
use super::loss::reg::{self, Dictionary, Margins, Parts};
use super::loss::task::{Target, TaskLoss, concordance};
use super::loss::{assign, contx, dis, vas};
use super::math::{host, host_indices, matrix, off_diagonal, one_hot, stream};
use super::merge::{Criterion, ward};
use super::params::{Leaves, Parameter, Store};
use super::projector::{Head, Masks, Projector, Sizes};

#[derive(Debug, Deserialize)]
struct Array {
    shape: Vec<usize>,
    data: Vec<f64>,
}

struct Case {
    pub(crate) name: &'static str,
    arrays: BTreeMap<String, Array>,
    device: Device,
}

fn case(name: &'static str) -> Result<Case> {
    let text = include_str!("../../tests/peers/aura/golden.json");
    let mut all: BTreeMap<String, BTreeMap<String, Array>> =
        serde_json::from_str(text).map_err(|e| Error::data(e.to_string()))?;
    Ok(Case {
        name,
        arrays: all.remove(name).ok_or_else(|| Error::data(format!("no case {name}")))?,
        device: Device::flex(),
    })
}

impl Case {
    fn array(&self, key: &str) -> Result<&Array> {
        self.arrays
            .get(key)
            .ok_or_else(|| Error::data(format!("no {key} in {}", self.name)))
    }

    /// As a matrix; leading axes are joined.
    fn get(&self, key: &str) -> Result<Tensor<2>> {
        let array = self.array(key)?;
        let cols = array.shape.last().copied().unwrap_or(1);
        let values = array.data.iter().map(|&v| v as f32).collect();
        Ok(matrix(values, array.data.len() / cols.max(1), cols, &self.device))
    }

    fn leaf(&self, key: &str) -> Result<Tensor<2>> {
        Ok(self.get(key)?.autodiff().require_grad())
    }

    fn indices(&self, key: &str) -> Result<Vec<usize>> {
        Ok(self.array(key)?.data.iter().map(|&v| v as usize).collect())
    }

    fn target(&self, y: &str, known: Option<&str>) -> Result<Target> {
        let y = self.get(y)?;
        Ok(Target {
            known: known.map_or_else(|| Ok(y.ones_like()), |key| self.get(key))?,
            y,
        })
    }

    /// Every value within 1e-5 of the expected one, relative to it or to the largest of its array.
    fn check<const D: usize>(&self, key: &str, actual: Tensor<D>) -> Result<()> {
        let expected = &self.array(key)?.data;
        let actual = host(actual)?;
        assert_eq!(actual.len(), expected.len(), "{}.{key}: wrong size", self.name);
        let largest = expected.iter().fold(0.0_f64, |a, v| a.max(v.abs()));
        for (index, (a, e)) in actual.iter().zip(expected).enumerate() {
            let error = (f64::from(*a) - e).abs();
            assert!(
                error <= 1e-5 * largest.max(1e-3),
                "{}.{key}[{index}]: {a} instead of {e}",
                self.name
            );
        }
        Ok(())
    }

    fn check_grad(&self, key: &str, leaf: &Tensor<2>, gradients: &Gradients) -> Result<()> {
        let zeros = || leaf.clone().inner().zeros_like();
        self.check(key, leaf.grad(gradients).unwrap_or_else(zeros))
    }
}

fn tracked(case: &Case, names: &[(&str, &str)]) -> Result<Leaves> {
    let mut leaves = Leaves::default();
    for (name, key) in names {
        leaves.insert(*name, case.leaf(key)?);
    }
    Ok(leaves)
}

const PROJECTOR: [(&str, &str); 5] = [
    ("projector.w1", "w1"),
    ("projector.b1", "b1"),
    ("projector.w2", "w2"),
    ("projector.b2", "b2"),
    ("projector.skip", "skip"),
];

#[test]
fn projector() -> Result<()> {
    let case = case("projector")?;
    let leaves = tracked(&case, &PROJECTOR)?;
    let projector = Projector::bind(&leaves, 1)?;
    case.check("z_plain", projector.forward(case.get("x")?, &Masks::default()).z)?;
    let masks = Masks {
        input: Some(case.get("mask_in")?),
        hidden: Some(case.get("mask_hidden")?),
    };
    let z = projector.forward(case.get("x")?, &masks).z;
    let gradients = (z.clone() * case.get("weight")?).sum().backward();
    case.check("z", z)?;
    for (name, key) in PROJECTOR {
        case.check_grad(&format!("grad_{key}"), &leaves.get(name)?, &gradients)?;
    }
    Ok(())
}

#[test]
fn projector_with_anchors() -> Result<()> {
    let case = case("projector_with_anchors")?;
    let mut names = PROJECTOR.to_vec();
    names.extend([
        ("projector.anchor_w1", "anchor_w1"),
        ("projector.anchor_skip", "anchor_skip"),
    ]);
    let leaves = tracked(&case, &names)?;
    let masks = Masks {
        input: Some(case.get("mask_in")?),
        hidden: Some(case.get("mask_hidden")?),
    };
    let z = Projector::bind(&leaves, 1)?.forward(case.get("x")?, &masks).z;
    let gradients = (z.clone() * case.get("weight")?).sum().backward();
    case.check("z", z)?;
    for (name, key) in names {
        case.check_grad(&format!("grad_{key}"), &leaves.get(name)?, &gradients)?;
    }
    Ok(())
}

#[test]
fn pooling() -> Result<()> {
    pool("pooling", &["queries", "pool_out"])?;
    pool("pooling_by_position", &["queries", "pool_out", "positions"])
}

fn pool(name: &'static str, keys: &[&'static str]) -> Result<()> {
    let case = case(name)?;
    let full: Vec<String> = keys.iter().map(|key| format!("projector.{key}")).collect();
    let mut names = PROJECTOR.to_vec();
    names.extend(full.iter().map(String::as_str).zip(keys.iter().copied()));
    let leaves = tracked(&case, &names)?;
    let z = Projector::bind(&leaves, 3)?
        .forward(case.get("x")?, &Masks::default())
        .z;
    let gradients = (z.clone() * case.get("weight")?).sum().backward();
    case.check("z", z)?;
    for key in keys {
        let leaf = leaves.get(&format!("projector.{key}"))?;
        case.check_grad(&format!("grad_{key}"), &leaf, &gradients)?;
    }
    Ok(())
}

#[test]
fn task_losses() -> Result<()> {
    for (name, task, known) in [
        ("task_expression", Task::Expression, None),
        ("task_valence_arousal", Task::ValenceArousal, None),
        ("task_action_units", Task::ActionUnits, Some("known")),
    ] {
        let case = case(name)?;
        let target = case.target("y", known)?;
        let weights = if known.is_some() {
            case.get("weights")?
        } else {
            Tensor::ones([1, target.y.dims()[1]], &case.device)
        };
        let loss = TaskLoss {
            task,
            weights,
            dice: 1.0,
        };
        let logits = case.leaf("logits")?;
        let value = loss.of_logits(logits.clone(), &target);
        let gradients = value.backward();
        case.check("loss_logits", value)?;
        case.check_grad("grad_logits", &logits, &gradients)?;
        let outputs = loss.activate(case.get("logits")?);
        case.check("loss_outputs", loss.of_outputs(outputs.clone(), &target))?;
        if task == Task::ValenceArousal {
            case.check("ccc", concordance(outputs, target.y))?;
        }
    }
    Ok(())
}

#[test]
fn assignment() -> Result<()> {
    let case = case("assignment")?;
    let (z, e) = (case.get("z")?, case.get("e")?);
    let k = e.dims()[0];
    let cosine = cosines(z.clone(), e.clone(), &Tensor::ones([1, k], &case.device));
    case.check("p", soft_assignment(cosine.clone(), 0.1))?;
    let living = cosines(z, e, &case.get("alive")?);
    case.check("p_alive", soft_assignment(living.clone(), 0.1))?;
    assert_eq!(host_indices(primal(living))?, case.indices("primal")?);
    for (letter, task, known) in [
        ("e", Task::Expression, None),
        ("v", Task::ValenceArousal, None),
        ("a", Task::ActionUnits, Some("known")),
    ] {
        let target = case.target(&format!("y_{letter}"), known)?;
        let value = case.get(&format!("value_{letter}"))?;
        let likelihood = assign::log_likelihood(task, value, &target, 0.2);
        case.check(&format!("likelihood_{letter}"), likelihood.clone())?;
        let scores = assign::target_scores(cosine.clone(), 0.1, 1.0, likelihood);
        assert_eq!(
            host_indices(scores.argmax(1))?,
            case.indices(&format!("target_{letter}"))?
        );
    }
    Ok(())
}

#[test]
fn projection_loss() -> Result<()> {
    let case = case("vas")?;
    let target = case.target("y", None)?;
    let loss = TaskLoss {
        task: Task::Expression,
        weights: Tensor::ones([1, 3], &case.device),
        dice: 1.0,
    };
    for (name, open) in [("routed", false), ("open", true)] {
        let (z, e) = (case.leaf("z")?, case.leaf("e")?);
        let mut leaves = Leaves::default();
        leaves.insert("head.w", case.leaf("w")?);
        leaves.insert("head.b", case.leaf("b")?);
        let head = Head::bind(&leaves, 8.0)?;
        let seen = if open { e.clone() } else { e.clone().inner() };
        let p = soft_assignment(z.clone().matmul(seen.clone().transpose()), 0.1);
        let q = vas::straight_through(z.clone(), vas::mixture(p.clone(), seen), open);
        let total =
            loss.of_logits(head.logits(q), &target) + loss.of_outputs(vas::read_out(p, case.get("value")?), &target);
        let gradients = total.backward();
        case.check("loss", total)?;
        case.check_grad(&format!("{name}_z"), &z, &gradients)?;
        case.check_grad(&format!("{name}_e"), &e, &gradients)?;
        case.check_grad(&format!("{name}_w"), &leaves.get("head.w")?, &gradients)?;
    }
    Ok(())
}

#[test]
fn assignment_loss() -> Result<()> {
    let case = case("assign")?;
    let (z, e) = (case.leaf("z")?, case.leaf("e")?);
    let star = case.indices("star")?.into_iter().map(|i| i as i64).collect::<Vec<_>>();
    let index = Tensor::<1, Int>::from_data(star.as_slice(), &case.device).reshape([star.len(), 1]);
    let chosen = one_hot(index, e.dims()[0], &case.device).matmul(e.clone());
    let loss = assign::codebook_half(z.clone(), chosen.clone()) + assign::commitment_half(z.clone(), chosen) * 0.7;
    let gradients = loss.backward();
    case.check("loss", loss)?;
    case.check_grad("grad_z", &z, &gradients)?;
    case.check_grad("grad_e", &e, &gradients)
}

#[test]
fn separation_loss() -> Result<()> {
    let case = case("separation")?;
    let (e, alive) = (case.leaf("e")?, case.get("alive")?);
    let pairs = alive.clone().transpose().matmul(alive.clone()) * off_diagonal(e.dims()[0], &case.device);
    let loss = dis::separation(e.clone().matmul(e.clone().transpose()), pairs, alive, 0.9);
    let gradients = loss.backward();
    case.check("loss", loss)?;
    case.check_grad("grad", &e, &gradients)
}

#[test]
fn regularisation() -> Result<()> {
    for (name, task) in [
        ("reg_expression", Task::Expression),
        ("reg_action_units", Task::ActionUnits),
        ("reg_valence_arousal", Task::ValenceArousal),
    ] {
        let case = case(name)?;
        for (index, part) in ["between", "within", "diversity"].into_iter().enumerate() {
            let e = case.leaf("e")?;
            let k = e.dims()[0];
            let value = case.get("value")?;
            let masses = task != Task::ValenceArousal;
            let dictionary = Dictionary {
                gram: e.clone().matmul(e.clone().transpose()),
                labels: if masses { case.get("labels")? } else { value.clone() },
                known: if masses { case.get("known")? } else { value.ones_like() },
                value,
                used: case.get("used")?,
                off_diagonal: off_diagonal(k, &case.device),
                e: e.clone(),
            };
            let margins = Margins {
                m: if masses { 0.3 } else { 0.2 },
                diversity: 0.95,
            };
            let Parts {
                between,
                within,
                diversity,
            } = match task {
                Task::Expression => reg::expression(&dictionary, margins, &case.device),
                Task::ActionUnits => reg::action_units(&dictionary, margins),
                Task::ValenceArousal => reg::valence_arousal(&dictionary, margins),
            };
            let parts = [between, within, diversity];
            let gradients = parts[index].backward();
            case.check_grad(&format!("grad_{part}"), &e, &gradients)?;
            case.check("parts", Tensor::cat(parts.map(Tensor::inner).to_vec(), 0))?;
        }
    }
    Ok(())
}

#[test]
fn running_counts() -> Result<()> {
    let case = case("counts")?;
    let mut buffers = Buffers {
        usage: case.get("usage0")?,
        size: case.get("size0")?,
        mean: case.get("mean0")?,
        labels: case.get("labels0")?,
        known: case.get("known0")?,
        alive: case.get("size0")?.ones_like(),
    };
    let batch = Assigned {
        nearest: case.get("nearest")?,
        z: case.get("z")?,
        targets: case.get("y")?,
        known: case.get("known")?,
    };
    buffers.update(batch, 0.9);
    case.check("size", buffers.size.clone())?;
    case.check("mean", buffers.mean.clone())?;
    case.check("labels", buffers.labels.clone())?;
    case.check("known1", buffers.known.clone())?;
    case.check("usage", buffers.usage.clone())?;
    let prior = Tensor::full([1, 3], 0.4, &case.device);
    case.check("value", buffers.value(&prior, 0.7))
}

const CONTEXT: [&str; 16] = [
    "kinds", "semantic", "norm1_w", "norm1_b", "norm2_w", "norm2_b", "qkv_w", "qkv_b", "out_w", "out_b", "up_w",
    "up_b", "down_w", "down_b", "gain1", "gain2",
];

#[test]
fn contextualization() -> Result<()> {
    let case = case("contextualization")?;
    let mut leaves = Leaves::default();
    for name in CONTEXT {
        leaves.insert(format!("context.{name}"), case.leaf(&format!("c_{name}"))?);
    }
    let module = Contextualization::bind(&leaves, 2)?;
    let (z, e) = (case.leaf("z")?, case.get("e")?);
    let [n, d] = z.dims();
    let top: Vec<i64> = case.indices("top")?.into_iter().map(|i| i as i64).collect();
    let k = top.len() / n;
    let flat = Tensor::<1, Int>::from_data(top.as_slice(), &case.device);
    let near = e.select(0, flat.clone()).reshape([n, k, d]);
    let nearest = flat.clone().reshape([n, k]);
    let shared = module.share(None, case.get("e")?);
    let context = module.forward(z.clone().inner(), None, &shared, nearest);
    case.check("context_z", context.z.clone())?;
    case.check("context_e", context.archetypes.clone())?;
    let target = case.target("y", None)?;
    let loss = TaskLoss {
        task: Task::Expression,
        weights: Tensor::ones([1, 3], &case.device),
        dice: 1.0,
    };
    let cosine = near.matmul(z.clone().reshape([n, d, 1])).reshape([n, k]);
    let value = case.get("value")?.select(0, flat).reshape([n, k, 3]);
    let parts = contx::contextual(
        contx::Seen::by_sample(context.similarities(), cosine),
        |p| p.reshape([n, 1, k]).matmul(value).reshape([n, 3]),
        0.1,
        0.3,
        (&loss, &target),
    );
    let total = parts.task.clone() + parts.redundancy.clone() + parts.distillation.clone();
    let gradients = total.backward();
    let all = [parts.task, parts.redundancy, parts.distillation].map(Tensor::inner);
    case.check("parts", Tensor::cat(all.to_vec(), 0))?;
    case.check_grad("grad_z", &z, &gradients)?;
    for name in CONTEXT {
        case.check_grad(
            &format!("grad_{name}"),
            &leaves.get(&format!("context.{name}"))?,
            &gradients,
        )?;
    }
    Ok(())
}

#[test]
fn adamw_forgets_rows() -> Result<()> {
    let case = case("adamw")?;
    let mut store = Store::default();
    store.insert("p", Parameter::by_rows(case.get("value")?, true));
    let adam = AdamW {
        lr: 0.05,
        beta1: 0.9,
        beta2: 0.999,
        eps: 1e-8,
        weight_decay: 0.1,
    };
    for step in 0..4 {
        store.step(vec![("p".to_owned(), case.get(&format!("g{step}"))?)], |_| adam)?;
        if step == 1 {
            store.forget_rows("p", &matrix(vec![1.0, 0.0, 1.0], 3, 1, &case.device))?;
        }
    }
    case.check("result", store.value("p")?)
}

/// Names of all parameters in the model and in the golden file.
fn whole() -> Vec<(String, String)> {
    let mut names: Vec<(String, String)> = PROJECTOR.map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec();
    names.extend([("head.w", "hw"), ("head.b", "hb"), (DICTIONARY, "e")].map(|(a, b)| (a.to_owned(), b.to_owned())));
    names.extend(CONTEXT.map(|name| (format!("context.{name}"), format!("c_{name}"))));
    names
}

#[test]
fn two_steps_of_everything() -> Result<()> {
    let start = case("step_start")?;
    let config = ModelConfig {
        k_max: 6,
        width: 4,
        hidden: 6,
        dropout: 0.0,
        decay: 0.95,
        assignment_balance: 0.3,
        // One pseudo-sample weighs 1 − ρ in the running counts: this gives the prior the weight 1.
        prior_samples: 20.0,
        anchors: Some(false),
        contextualization: ContextualizationConfig {
            top_k: 3,
            semantic_tokens: 2,
            heads: 2,
            ..ContextualizationConfig::default()
        },
        ..ModelConfig::default()
    };
    let loss = LossConfig {
        lambda_proj: 1.1,
        lambda_arc: 0.9,
        lambda_contx: 0.8,
        beta: 0.7,
        dissimilarity_margin: 0.5,
        ..LossConfig::default()
    };
    let sizes = Sizes {
        input: 7,
        patches: 1,
        outputs: 3,
    };
    let prior = Prior {
        mean: Tensor::full([1, 3], 1.0 / 3.0, &start.device),
        weights: Tensor::ones([1, 3], &start.device),
    };
    let mut rng = stream(0, crate::model::math::Purpose::Parameters, 0, 0);
    let mut model = Aura::create((Task::Expression, config, loss), sizes, prior, &mut rng, &start.device);
    for (name, key) in whole() {
        model.store.set(&name, start.get(&key)?)?;
    }
    model.buffers.size = start.get("size")?;
    model.buffers.labels = start.get("labels")?;
    model.buffers.known = start.get("known")?;
    let batch = Batch {
        x: start.get("x")?,
        target: start.target("y", None)?,
    };
    let adam = |_: &str| AdamW {
        lr: 0.02,
        beta1: 0.9,
        beta2: 0.999,
        eps: 1e-2,
        weight_decay: 0.05,
    };
    for name in ["step_1", "step_2"] {
        let expected = case(name)?;
        let losses = model.step(&batch, &Masks::default(), true, adam)?;
        expected.check("parts", losses)?;
        for (name, key) in whole() {
            expected.check(&key, model.store.value(&name)?)?;
        }
        expected.check("size", model.buffers.size.clone())?;
        expected.check("labels", model.buffers.labels.clone())?;
    }
    Ok(())
}

#[test]
fn joining_agrees_with_brute_force() -> Result<()> {
    let case = case("merge")?;
    let floats = |key: &str| -> Result<Vec<f32>> { Ok(case.array(key)?.data.iter().map(|&v| v as f32).collect()) };
    let shape = &case.array("z")?.shape;
    let z = Matrix {
        rows: shape[0],
        cols: shape[1],
        data: floats("z")?,
    };
    let near = case.indices("near")?;
    for (key, task, labels, label_weight, tolerance) in [
        ("geometry", Task::Expression, "classes", 0.0, 0.02),
        ("expression", Task::Expression, "classes", 0.5, 0.02),
        ("valence_arousal", Task::ValenceArousal, "scores", 0.7, 0.02),
        ("action_units", Task::ActionUnits, "units", 0.6, 0.025),
    ] {
        let values = floats(labels)?;
        let outputs = values.len() / z.rows;
        let known = if labels == "units" {
            floats("seen")?.into_iter().map(|seen| seen > 0.5).collect()
        } else {
            vec![true; values.len()]
        };
        let targets = Targets {
            task,
            names: (0..outputs).map(|output| output.to_string()).collect(),
            values,
            known,
        };
        let expected = &case.array(key)?.data;
        let criterion = Criterion {
            tolerance,
            label_weight,
        };
        let home = ward(&z, &near, expected.len(), &targets, criterion);
        let expected: Vec<Option<usize>> = expected.iter().map(|&k| (k >= 0.0).then_some(k as usize)).collect();
        assert_eq!(home, expected, "{key}");
        let joined = |(k, place): (usize, &Option<usize>)| place.is_some_and(|place| place != k);
        assert!(home.iter().enumerate().any(joined), "{key}: nothing was joined");
    }
    Ok(())
}
