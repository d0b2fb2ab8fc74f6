//! Whether a device computes what the processor computes: forward pass, losses, gradients, optimizer, reset and twenty
//! training steps, from the same state on both.
//!
//! Two kinds of difference are told apart. Rounding grows with the numbers it comes from and is held to a tolerance. A
//! choice (the nearest archetype, the k nearest, the assignment) flips where two candidates are nearly equal, and then
//! everything behind it differs by a finite amount; so the compared samples are those whose choices are clear.
//!
//! The tolerances allow for matrix products in TF32, whose factors carry 11 significant bits (relative rounding 2⁻¹¹ ≈
//! 5·10⁻⁴), which GPUs may use for f32. The tests show that they hold for a side that rounds all its parameters and inputs
//! to TF32 at every step, and that they do not hold for a side that is wrong by a few per cent.

use std::path::Path;
use std::time::Instant;

use burn::tensor::{Device, Tensor};
use serde::Serialize;

use crate::device::Resolved;
use crate::error::{Context, Error, Result};
use crate::feature::{Matrix, SplitSets};
use crate::interrupt::Interrupt;
use crate::model::aura::{Aura, Batch, DICTIONARY, LOSS_NAMES, Prior};
use crate::model::codebook::cosines;
use crate::model::config::{LossConfig, ModelConfig, Routing, Value};
use crate::model::kmeans;
use crate::model::loss::assign;
use crate::model::math::{Purpose, host, matrix, stream};
use crate::model::params::{AdamW, Moments};
use crate::model::predict;
use crate::model::projector::{Masks, Sizes};
use crate::progress::Progress;
use crate::task::Task;
use crate::train::checkpoint::{self, Position, State};
use crate::train::data::{self, Standardiser};
use crate::train::reset::{self, Source};
use crate::train::synth::planted;

/// Largest allowed difference of forward values, relative to the largest value.
const FORWARD: f64 = 5e-3;
/// Largest allowed relative difference of a loss.
const LOSS: f64 = 5e-3;
/// Largest allowed difference of a gradient, relative in norm.
const GRADIENT: f64 = 5e-2;
/// Largest allowed difference of one optimizer step along the same gradient, relative to the step.
const OPTIMIZER: f64 = 2e-3;
/// Largest allowed difference after a reset from the same projections, relative to the largest value.
const RESET: f64 = 1e-4;
/// Largest allowed relative difference of a loss averaged over the training steps.
const STEP_LOSS: f64 = 2e-2;
/// Largest allowed difference of a parameter after the training steps, relative in norm.
const STEP_PARAMETER: f64 = 1e-1;
/// Gradients below this share of the largest one's norm are compared with that share instead of with themselves.
const GRADIENT_FLOOR: f64 = 1e-4;

/// What a part of the suite compares, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Projections, cosines, values, both read-outs.
    Forward,
    /// Every loss of a step.
    Losses,
    /// The gradient of every parameter.
    Gradients,
    /// One AdamW step of every parameter along the same gradient.
    Optimizer,
    /// Replacement of under-used archetypes.
    Reset,
    /// Losses and parameters of consecutive training steps.
    Steps,
}

impl Part {
    const ALL: [Self; 6] = [
        Self::Forward,
        Self::Losses,
        Self::Gradients,
        Self::Optimizer,
        Self::Reset,
        Self::Steps,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Losses => "losses",
            Self::Gradients => "gradients",
            Self::Optimizer => "optimizer step",
            Self::Reset => "reset",
            Self::Steps => "training steps",
        }
    }
}

/// One compared tensor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Name of the model variant.
    pub case: &'static str,
    /// The part.
    pub part: Part,
    /// What was compared.
    pub name: String,
    /// The relative difference; infinite where one side is not a finite number.
    #[serde(serialize_with = "finite_or_text")]
    pub difference: f64,
    /// What is allowed.
    pub tolerance: f64,
    /// Whether the difference is within it.
    pub passed: bool,
}

/// The result of the suite.
#[derive(Debug, Clone, Serialize)]
pub struct Parity {
    /// The device that is taken as right.
    pub reference: String,
    /// The device that was compared with it.
    pub device: String,
    /// Whether all differences are within their tolerances.
    pub passed: bool,
    /// Wall time in seconds.
    pub seconds: f64,
    /// Every comparison.
    pub comparisons: Vec<Comparison>,
}

/// JSON has no infinity.
fn finite_or_text<S: serde::Serializer>(value: &f64, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    if value.is_finite() {
        serializer.serialize_f64(*value)
    } else {
        serializer.serialize_str("not a number")
    }
}

impl Parity {
    /// A table of the largest difference of each part, and every comparison that failed.
    pub fn to_text(&self) -> String {
        let mut text = format!("reference  {}\ndevice     {}\n\n", self.reference, self.device);
        text += &format!(
            "{:<28} {:<15} {:>8}  {:>10}  {:>9}  {}\n",
            "model", "part", "compared", "largest", "allowed", "at"
        );
        let mut cases: Vec<&str> = self.comparisons.iter().map(|c| c.case).collect();
        cases.dedup();
        for case in cases {
            for part in Part::ALL {
                let of: Vec<&Comparison> = self
                    .comparisons
                    .iter()
                    .filter(|c| c.case == case && c.part == part)
                    .collect();
                // Tolerances differ within a part: the comparison nearest to its own is the one to show.
                let share = |c: &Comparison| c.difference / c.tolerance;
                if let Some(worst) = of.iter().max_by(|a, b| share(a).total_cmp(&share(b))) {
                    text += &format!(
                        "{case:<28} {:<15} {:>8}  {:>10.1e}  {:>9.0e}  {}{}\n",
                        part.name(),
                        of.len(),
                        worst.difference,
                        worst.tolerance,
                        worst.name,
                        if worst.passed { "" } else { "  FAILED" }
                    );
                }
            }
        }
        let failed: Vec<&Comparison> = self.comparisons.iter().filter(|c| !c.passed).collect();
        text += &format!(
            "\n{} of {} comparisons within their tolerances, {:.0} s\n",
            self.comparisons.len() - failed.len(),
            self.comparisons.len(),
            self.seconds
        );
        for c in failed {
            text += &format!(
                "FAILED {} {} {}: {:.2e}, allowed {:.0e}\n",
                c.case,
                c.part.name(),
                c.name,
                c.difference,
                c.tolerance
            );
        }
        text
    }

    /// The verdict as a result.
    ///
    /// # Errors
    /// [`Error::Check`] (exit 1) if a comparison failed.
    pub fn verdict(&self) -> Result<()> {
        let failed = self.comparisons.iter().filter(|c| !c.passed).count();
        if failed == 0 {
            return Ok(());
        }
        Err(Error::Check(format!(
            "{failed} of {} comparisons of {} with {} are outside their tolerances",
            self.comparisons.len(),
            self.device,
            self.reference
        )))
    }
}

/// Sizes of the compared models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    /// Samples drawn.
    pub samples: usize,
    /// Values a feature vector (or token).
    pub dims: usize,
    /// Archetypes.
    pub k: usize,
    /// Width of the archetype space.
    pub width: usize,
    /// Hidden units of the projector.
    pub hidden: usize,
    /// Samples a batch.
    pub batch: usize,
    /// Training steps on the reference before the comparison, so that counts and moments are those of a run.
    pub warm: usize,
    /// Compared training steps.
    pub steps: usize,
}

impl Scale {
    /// The sizes of the paper's models.
    pub const FULL: Self = Self {
        samples: 4096,
        dims: 768,
        k: 150,
        width: 256,
        hidden: 512,
        batch: 256,
        warm: 30,
        steps: 20,
    };

    /// Small models: to see the suite itself run in seconds.
    pub const QUICK: Self = Self {
        samples: 600,
        dims: 48,
        k: 24,
        width: 32,
        hidden: 48,
        batch: 64,
        warm: 20,
        steps: 20,
    };
}

/// A model variant.
#[derive(Debug, Clone, Copy)]
struct Case {
    name: &'static str,
    task: Task,
    routing: Routing,
    value: Value,
}

const CASES: [Case; 4] = [
    Case {
        name: "expression",
        task: Task::Expression,
        routing: Routing::Routed,
        value: Value::Counts,
    },
    Case {
        name: "valence, arousal",
        task: Task::ValenceArousal,
        routing: Routing::Routed,
        value: Value::Counts,
    },
    Case {
        name: "action units, patch tokens",
        task: Task::ActionUnits,
        routing: Routing::Routed,
        value: Value::Counts,
    },
    Case {
        name: "expression, open, learned",
        task: Task::Expression,
        routing: Routing::Open,
        value: Value::Learned,
    },
];

/// Changes numbers on their way to the compared side: how the tests make it round, or be wrong.
type Disturbance<'a> = &'a dyn Fn(Part, &str, &mut [f32]);

/// Runs the suite on `device`, against `reference`.
///
/// # Errors
/// [`Error::Device`] if a device fails, [`Error::Interrupted`].
pub fn run(
    reference: &Resolved,
    device: &Resolved,
    scale: Scale,
    progress: Progress,
    interrupt: &Interrupt,
) -> Result<Parity> {
    let started = Instant::now();
    let mut comparisons = Vec::new();
    for case in CASES {
        interrupt.check()?;
        progress.line(&format!("parity: {}", case.name));
        comparisons.extend(compare(
            case,
            scale,
            &reference.device,
            &device.device,
            None,
            interrupt,
        )?);
    }
    Ok(Parity {
        reference: reference.name.clone(),
        device: device.name.clone(),
        passed: comparisons.iter().all(|c| c.passed),
        seconds: started.elapsed().as_secs_f64(),
        comparisons,
    })
}

/// Data and settings of a case, the same for both sides.
struct Ground {
    case: Case,
    scale: Scale,
    model: ModelConfig,
    loss: LossConfig,
    sets: SplitSets,
    sizes: Sizes,
    standardiser: Standardiser,
}

impl Ground {
    fn new(case: Case, scale: Scale) -> Result<Self> {
        let sets = planted(case.task, scale.samples, 2, scale.dims, 5).sets;
        let mut model = ModelConfig {
            k_max: scale.k,
            width: scale.width,
            hidden: scale.hidden,
            routing: case.routing,
            value: case.value,
            ..ModelConfig::default()
        };
        // Half of the archetypes are under-used, whatever their usage.
        model.reset.value = 0.8;
        let level = model.level_for(case.task);
        let sizes = data::sizes(&sets, level)?;
        let (values, _) = data::features(&sets.train, level)?;
        Ok(Self {
            standardiser: Standardiser::fit(values, sizes.input, model.standardise),
            loss: LossConfig::default(),
            case,
            scale,
            model,
            sizes,
            sets,
        })
    }

    fn values(&self) -> Result<&Matrix> {
        Ok(data::features(&self.sets.train, self.model.level_for(self.case.task))?.0)
    }

    fn state(&self, device: &Device) -> Result<State> {
        let targets = &self.sets.train.targets;
        let mean = data::prior(targets);
        let weights = data::weights(targets, &mean, self.loss.balance_units);
        let o = self.sizes.outputs;
        let prior = Prior {
            mean: matrix(mean, 1, o, device),
            weights: matrix(weights, 1, o, device),
        };
        let mut rng = stream(11, Purpose::Parameters, 0, 0);
        let setup = (self.case.task, self.model.clone(), self.loss.clone());
        let model = Aura::create(setup, self.sizes, prior, &mut rng, device)?;
        Ok(State {
            sums: Tensor::zeros([1, LOSS_NAMES.len()], device),
            usage_before: model.buffers.usage.clone(),
            best: None,
            position: Position::default(),
            model,
        })
    }

    fn batch(&self, rows: &[usize], device: &Device) -> Result<Batch> {
        let targets = &self.sets.train.targets;
        Ok(data::batch(self.values()?, targets, &self.standardiser, rows, device))
    }

    fn masks(&self, vectors: usize, step: usize, device: &Device) -> Masks {
        let mut rng = stream(11, Purpose::Dropout, 1, step);
        let (input, hidden) = (self.sizes.input, self.model.hidden);
        Masks::draw(&mut rng, vectors, input, hidden, self.model.dropout, device)
    }

    /// A state on the reference device as a run has it: archetypes among the data, counts and moments of some steps.
    fn warmed(&self, device: &Device, interrupt: &Interrupt) -> Result<State> {
        let mut state = self.state(device)?;
        let all: Vec<usize> = (0..self.scale.samples).collect();
        let z = host(state.model.project(self.batch(&all, device)?.x)?)?;
        let z = Matrix {
            rows: all.len(),
            cols: self.model.width,
            data: z,
        };
        let mut rng = stream(11, Purpose::Dictionary, 0, 0);
        let centres = kmeans::spherical(&z, self.scale.k, &mut rng, device)?;
        state
            .model
            .set_dictionary(matrix(centres, self.scale.k, self.model.width, device))?;
        state.model.learn_values_from_counts();
        for step in 0..self.scale.warm {
            interrupt.check()?;
            let rows: Vec<usize> = (0..self.scale.batch)
                .map(|i| (step * self.scale.batch + i) % self.scale.samples)
                .collect();
            self.step(&mut state.model, &rows, step, device)?;
        }
        Ok(state)
    }

    /// One training step; the losses stay on the device.
    fn step(&self, model: &mut Aura, rows: &[usize], step: usize, device: &Device) -> Result<Tensor<2>> {
        let batch = self.batch(rows, device)?;
        let masks = self.masks(batch.x.dims()[0], step, device);
        model.step(&batch, &masks, true, |_| adam())
    }

    /// Samples by how clear their choices are, clearest first: the smallest gap, in cosines, between chosen and next best
    /// among all archetypes, at the end of the k nearest, and in the training assignment.
    fn clearest(&self, model: &Aura, device: &Device) -> Result<Vec<usize>> {
        let all: Vec<usize> = (0..self.scale.samples).collect();
        let batch = self.batch(&all, device)?;
        let z = model.project(batch.x.clone())?;
        let cosine = cosines(z, model.dictionary()?, &model.buffers.alive);
        let config = &self.model;
        let likelihood = assign::log_likelihood(self.case.task, model.value()?, &batch.target, config.assignment_sigma);
        let mut scores = assign::target_scores(cosine.clone(), config.temperature, config.assignment_gamma, likelihood);
        if config.assignment_balance > 0.0 {
            let crowding = assign::crowding(&model.buffers.size, 1.0 - config.decay);
            scores = scores - crowding * config.assignment_balance;
        }
        let (cosine, scores) = (host(cosine)?, host(scores * config.temperature)?);
        let k = self.scale.k;
        let top = config.contextualization.top_k;
        let gap = |row: &[f32], place: usize| {
            let mut sorted = row.to_vec();
            sorted.sort_by(|a, b| b.total_cmp(a));
            sorted[place - 1] - sorted[place]
        };
        let mut clear: Vec<(f32, usize)> = all
            .into_iter()
            .map(|row| {
                let (near, score) = (&cosine[row * k..][..k], &scores[row * k..][..k]);
                (gap(near, 1).min(gap(near, top)).min(gap(score, 1)), row)
            })
            .collect();
        clear.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        Ok(clear.into_iter().map(|(_, row)| row).collect())
    }
}

fn adam() -> AdamW {
    AdamW {
        lr: 1e-3,
        beta1: 0.9,
        beta2: 0.999,
        eps: 1e-8,
        weight_decay: 1e-2,
    }
}

/// Collects the comparisons of a case.
struct Table {
    case: &'static str,
    rows: Vec<Comparison>,
}

impl Table {
    fn add(&mut self, part: Part, name: impl Into<String>, difference: f64, tolerance: f64) {
        self.rows.push(Comparison {
            case: self.case,
            part,
            name: name.into(),
            difference,
            tolerance,
            // False for what is not a number.
            passed: difference <= tolerance,
        });
    }
}

/// Largest |a − b|, relative to the largest |a|; infinite if anything is not a finite number.
fn by_largest(a: &[f32], b: &[f32]) -> f64 {
    let mut scale = 0.0_f64;
    let mut difference = 0.0_f64;
    for (&a, &b) in a.iter().zip(b) {
        if !a.is_finite() || !b.is_finite() {
            return f64::INFINITY;
        }
        scale = scale.max(f64::from(a).abs());
        difference = difference.max((f64::from(a) - f64::from(b)).abs());
    }
    ratio(difference, scale, a.len() == b.len())
}

/// ‖a − b‖ / max(‖a‖, `least`); infinite if anything is not a finite number.
fn by_norm(a: &[f32], b: &[f32], least: f64) -> f64 {
    let squared: f64 = a
        .iter()
        .zip(b)
        .map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2))
        .sum();
    let difference = squared.sqrt();
    if difference.is_finite() {
        ratio(difference, norm(a).max(least), a.len() == b.len())
    } else {
        f64::INFINITY
    }
}

fn norm(a: &[f32]) -> f64 {
    a.iter().map(|&a| f64::from(a).powi(2)).sum::<f64>().sqrt()
}

fn ratio(difference: f64, scale: f64, same_length: bool) -> f64 {
    if !same_length {
        f64::INFINITY
    } else if difference <= 0.0 {
        0.0
    } else {
        difference / scale
    }
}

/// Both sides of a comparison.
struct Sides<'a> {
    ground: &'a Ground,
    disturb: Option<Disturbance<'a>>,
    /// The reference and the compared device.
    devices: [&'a Device; 2],
}

impl Sides<'_> {
    /// `models` with the second disturbed, for a part.
    fn models(&self, part: Part, models: [&Aura; 2]) -> Result<[Aura; 2]> {
        let mut models = models.map(Clone::clone);
        if let Some(disturb) = self.disturb {
            let store = &mut models[1].store;
            for name in store.names() {
                let value = disturbed(disturb, part, &name, &store.value(&name)?, self.devices[1])?;
                store.set(&name, value)?;
            }
        }
        Ok(models)
    }

    /// The batch of `rows` on both devices.
    fn batches(&self, part: Part, rows: &[usize]) -> Result<[Batch; 2]> {
        let [a, b] = self.devices;
        let (first, mut second) = (self.ground.batch(rows, a)?, self.ground.batch(rows, b)?);
        if let Some(disturb) = self.disturb {
            second.x = disturbed(disturb, part, "features", &second.x, b)?;
        }
        Ok([first, second])
    }
}

fn disturbed(disturb: Disturbance, part: Part, name: &str, tensor: &Tensor<2>, device: &Device) -> Result<Tensor<2>> {
    let [rows, cols] = tensor.dims();
    let mut values = host(tensor.clone())?;
    disturb(part, name, &mut values);
    Ok(matrix(values, rows, cols, device))
}

fn compare(
    case: Case,
    scale: Scale,
    reference: &Device,
    device: &Device,
    disturb: Option<Disturbance>,
    interrupt: &Interrupt,
) -> Result<Vec<Comparison>> {
    let ground = Ground::new(case, scale)?;
    let state = ground.warmed(reference, interrupt)?;
    // The state travels as a checkpoint does: exact values in a file that either device reads.
    let folder = tempfile::tempdir().at("create a folder in", &std::env::temp_dir())?;
    let file = folder.path().join("state.safetensors");
    checkpoint::save(&file, "parity", &state)?;
    let models = [resumed(&ground, &file, reference)?, resumed(&ground, &file, device)?];
    let sides = Sides {
        ground: &ground,
        disturb,
        devices: [reference, device],
    };
    let clear = ground.clearest(&models[0], reference)?;
    let mut table = Table {
        case: case.name,
        rows: Vec::new(),
    };
    let rows = &clear[..scale.batch];
    forward(&sides, &models, rows, &mut table)?;
    let gradients = losses_and_gradients(&sides, &models, rows, &mut table)?;
    optimizer(&sides, &models, &gradients, &mut table)?;
    interrupt.check()?;
    resets(&sides, &models, rows, &mut table)?;
    // Choices become less clear as the model moves: steps take samples from the clearer half.
    steps(&sides, models, &clear[..clear.len() / 2], &mut table, interrupt)?;
    Ok(table.rows)
}

fn resumed(ground: &Ground, file: &Path, device: &Device) -> Result<Aura> {
    let mut state = ground.state(device)?;
    if checkpoint::resume(file, "parity", &mut state)? {
        Ok(state.model)
    } else {
        Err(Error::data("the state of the parity suite could not be read back"))
    }
}

fn forward(sides: &Sides, models: &[Aura; 2], rows: &[usize], table: &mut Table) -> Result<()> {
    let [a, b] = sides.models(Part::Forward, [&models[0], &models[1]])?;
    let [x, y] = sides.batches(Part::Forward, rows)?;
    let pass = |model: &Aura, batch: Batch| -> Result<Vec<(&'static str, Vec<f32>)>> {
        let z = model.project(batch.x)?;
        let cosine = cosines(z.clone(), model.dictionary()?, &model.buffers.alive);
        let value = model.value()?;
        let temperature = model.config.readout_temperature;
        Ok(vec![
            ("projections z", host(z)?),
            ("cosines", host(cosine.clone())?),
            ("values V", host(value.clone())?),
            (
                "primal read-out",
                host(predict::primal(cosine.clone(), value.clone(), model.device()))?,
            ),
            ("mixture read-out", host(predict::mixture(cosine, value, temperature))?),
        ])
    };
    for ((name, a), (_, b)) in pass(&a, x)?.into_iter().zip(pass(&b, y)?) {
        table.add(Part::Forward, name, by_largest(&a, &b), FORWARD);
    }
    Ok(())
}

/// Host values by name.
type Values = Vec<(String, Vec<f32>)>;

/// Compares both and returns the reference's gradients.
fn losses_and_gradients(sides: &Sides, models: &[Aura; 2], rows: &[usize], table: &mut Table) -> Result<Values> {
    let [a, b] = sides.models(Part::Gradients, [&models[0], &models[1]])?;
    let [x, y] = sides.batches(Part::Gradients, rows)?;
    let pass = |model: &Aura, batch: &Batch| -> Result<(Vec<f32>, Values)> {
        let masks = sides.ground.masks(batch.x.dims()[0], 0, model.device());
        let (row, gradients) = model.gradients(batch, &masks, true)?;
        let gradients = gradients.into_iter().map(|(name, g)| Ok((name, host(g)?)));
        Ok((host(row)?, gradients.collect::<Result<_>>()?))
    };
    let (first, second) = (pass(&a, &x)?, pass(&b, &y)?);
    for (i, name) in LOSS_NAMES.iter().enumerate() {
        let (a, b) = (&first.0[i..=i], &second.0[i..=i]);
        // A part that is nearly nothing is compared with the whole.
        table.add(
            Part::Losses,
            *name,
            by_norm(a, b, 1e-3 * f64::from(first.0[0].abs())),
            LOSS,
        );
    }
    let largest = first.1.iter().map(|(_, g)| norm(g)).fold(0.0, f64::max);
    for (name, a) in &first.1 {
        let b = second.1.iter().find(|(other, _)| other == name);
        let difference = b.map_or(f64::INFINITY, |(_, b)| by_norm(a, b, GRADIENT_FLOOR * largest));
        table.add(Part::Gradients, name.as_str(), difference, GRADIENT);
    }
    for (name, _) in &second.1 {
        if !first.1.iter().any(|(other, _)| other == name) {
            table.add(
                Part::Gradients,
                format!("{name} (not on the reference)"),
                f64::INFINITY,
                GRADIENT,
            );
        }
    }
    Ok(first.1)
}

/// One step along the same gradients, and how far it went.
fn optimizer(sides: &Sides, models: &[Aura; 2], gradients: &Values, table: &mut Table) -> Result<()> {
    let mut models = sides.models(Part::Optimizer, [&models[0], &models[1]])?;
    for (name, gradient) in gradients {
        let mut moves = Vec::new();
        for (model, device) in models.iter_mut().zip(sides.devices) {
            let before = model.store.value(name)?;
            let [rows, cols] = before.dims();
            let gradient = matrix(gradient.clone(), rows, cols, device);
            model.store.step(vec![(name.clone(), gradient)], |_| adam())?;
            moves.push(host(model.store.value(name)? - before)?);
        }
        // What a parameter cannot represent of its move is rounding, not error.
        let after = host(models[0].store.value(name)?)?;
        let least = norm(&after) * f64::from(f32::EPSILON) / OPTIMIZER;
        table.add(
            Part::Optimizer,
            name.as_str(),
            by_norm(&moves[0], &moves[1], least),
            OPTIMIZER,
        );
    }
    Ok(())
}

/// A reset of both from the reference's projections.
fn resets(sides: &Sides, models: &[Aura; 2], rows: &[usize], table: &mut Table) -> Result<()> {
    let [mut a, mut b] = sides.models(Part::Reset, [&models[0], &models[1]])?;
    let [x, _] = sides.batches(Part::Reset, rows)?;
    let z = Matrix {
        rows: rows.len(),
        cols: a.config.width,
        data: host(a.project(x.x)?)?,
    };
    let (targets, known) = (host(x.target.y)?, host(x.target.known)?);
    let source = Source {
        z: &z,
        targets: &targets,
        known: &known,
    };
    let draw = || stream(11, Purpose::Reset, 1, 0);
    let first = reset::reset(&mut a, &source, &mut draw())?;
    let second = reset::reset(&mut b, &source, &mut draw())?;
    if first.is_empty() {
        return Err(Error::data(
            "no archetype was under-used: the parity suite compares no reset",
        ));
    }
    let same = first.len() == second.len()
        && first
            .iter()
            .zip(&second)
            .all(|(a, b)| (a.archetype, a.row) == (b.archetype, b.row));
    table.add(Part::Reset, "choice", if same { 0.0 } else { f64::INFINITY }, RESET);
    let values = |model: &Aura| -> Result<Vec<(&'static str, Vec<f32>)>> {
        let Moments { first, second, age } = model.store.moments(DICTIONARY)?;
        let b = &model.buffers;
        [
            ("dictionary", &model.dictionary()?),
            ("first moments", &first),
            ("second moments", &second),
            ("ages", &age.tensor(model.device())),
            ("mean", &b.mean),
            ("size", &b.size),
            ("labels", &b.labels),
            ("known", &b.known),
            ("usage", &b.usage),
        ]
        .into_iter()
        .map(|(name, tensor)| Ok((name, host(tensor.clone())?)))
        .collect()
    };
    for ((name, a), (_, b)) in values(&a)?.into_iter().zip(values(&b)?) {
        table.add(Part::Reset, name, by_largest(&a, &b), RESET);
    }
    Ok(())
}

/// Training steps of both sides, each on its own.
fn steps(sides: &Sides, models: [Aura; 2], rows: &[usize], table: &mut Table, interrupt: &Interrupt) -> Result<()> {
    let scale = sides.ground.scale;
    let mut models = models;
    let mut sums = sides
        .devices
        .map(|device| Tensor::<2>::zeros([1, LOSS_NAMES.len()], device));
    for step in 0..scale.steps {
        interrupt.check()?;
        let chosen: Vec<usize> = (0..scale.batch)
            .map(|i| rows[(step * scale.batch + i) % rows.len()])
            .collect();
        models = sides.models(Part::Steps, [&models[0], &models[1]])?;
        for ((model, batch), sum) in models
            .iter_mut()
            .zip(sides.batches(Part::Steps, &chosen)?)
            .zip(&mut sums)
        {
            let masks = sides.ground.masks(batch.x.dims()[0], step, model.device());
            *sum = sum.clone() + model.step(&batch, &masks, true, |_| adam())?;
        }
    }
    let [first, second] = sums;
    let (first, second) = (host(first)?, host(second)?);
    for (i, name) in LOSS_NAMES.iter().enumerate() {
        let difference = by_norm(&first[i..=i], &second[i..=i], 1e-3 * f64::from(first[0].abs()));
        table.add(Part::Steps, *name, difference, STEP_LOSS);
    }
    for (name, value) in models[0].store.iter() {
        let (a, b) = (host(value.clone())?, host(models[1].store.value(name)?)?);
        // Offsets start at 0 and stay small: they are compared with at least what one step moves.
        let least = adam().lr * (a.len() as f64).sqrt();
        table.add(Part::Steps, name.as_str(), by_norm(&a, &b, least), STEP_PARAMETER);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(case: Case, disturb: Option<Disturbance>) -> Result<Vec<Comparison>> {
        let device = Device::flex();
        compare(case, Scale::QUICK, &device, &device, disturb, &Interrupt::default())
    }

    fn failed(rows: &[Comparison]) -> Vec<String> {
        let failed = rows.iter().filter(|c| !c.passed);
        failed
            .map(|c| format!("{:?} {} {:.2e}", c.part, c.name, c.difference))
            .collect()
    }

    /// As if every matrix product rounded its factors to TF32. Optimizer and reset have none.
    fn tf32(part: Part, _: &str, values: &mut [f32]) {
        if matches!(part, Part::Optimizer | Part::Reset) {
            return;
        }
        for value in values {
            // Round half up in magnitude to 10 stored bits of 23.
            *value = f32::from_bits((value.to_bits() + (1 << 12)) & !((1 << 13) - 1));
        }
    }

    #[test]
    fn a_device_agrees_with_itself_in_every_part_and_case() -> Result<()> {
        for case in CASES {
            let rows = table(case, None)?;
            assert!(rows.iter().all(|c| c.difference <= 0.0), "{:?}", failed(&rows));
            for part in Part::ALL {
                assert!(rows.iter().any(|c| c.part == part), "{part:?} compares nothing");
            }
        }
        Ok(())
    }

    #[test]
    fn rounding_to_tf32_is_within_the_tolerances() -> Result<()> {
        for case in CASES {
            let rows = table(case, Some(&tf32))?;
            assert_eq!(failed(&rows), Vec::<String>::new(), "{}", case.name);
            let differing = rows.iter().filter(|c| c.difference > 0.0).count();
            assert!(differing > rows.len() / 2, "the disturbance had no effect");
        }
        Ok(())
    }

    #[test]
    fn a_side_that_is_wrong_fails_in_every_part() -> Result<()> {
        let wrong = |_: Part, name: &str, values: &mut [f32]| {
            if name == "projector.w2" || name == DICTIONARY {
                for value in values.iter_mut().step_by(3) {
                    *value *= 1.1;
                }
            }
        };
        let rows = table(CASES[0], Some(&wrong))?;
        for part in [Part::Forward, Part::Losses, Part::Gradients, Part::Reset, Part::Steps] {
            assert!(
                rows.iter().any(|c| c.part == part && !c.passed),
                "{part:?} noticed nothing"
            );
        }
        let parity = Parity {
            reference: "cpu".into(),
            device: "other".into(),
            passed: false,
            seconds: 1.0,
            comparisons: rows,
        };
        assert_eq!(
            parity.verdict().err().map(|e| e.exit_code()),
            Some(crate::error::exit::CHECK_FAILED)
        );
        assert!(parity.to_text().contains("FAILED"));
        Ok(())
    }

    #[test]
    fn differences_are_relative_and_never_hide_what_is_not_a_number() {
        assert!((by_largest(&[10.0, 1.0], &[10.0, 1.1]) - 0.01).abs() < 1e-6);
        assert!((by_norm(&[3.0, 4.0], &[3.0, 4.5], 0.0) - 0.1).abs() < 1e-9);
        assert!((by_norm(&[0.0], &[0.1], 1.0) - 0.1).abs() < 1e-6);
        for bad in [f32::NAN, f32::INFINITY] {
            assert!(by_largest(&[1.0], &[bad]).is_infinite());
            assert!(by_norm(&[1.0], &[bad], 1.0).is_infinite());
        }
        assert!(by_largest(&[1.0], &[]).is_infinite());
        assert!(by_largest(&[0.0], &[1e-3]).is_infinite());
        let mut table = Table {
            case: "x",
            rows: Vec::new(),
        };
        table.add(Part::Losses, "loss", f64::NAN, 1.0);
        assert!(!table.rows[0].passed);
    }
}
