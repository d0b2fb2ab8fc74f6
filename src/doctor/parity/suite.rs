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

use crate::device::machine::Resolved;
use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;
use crate::model::aura::{Aura, Batch, DICTIONARY, LOSS_NAMES};
use crate::model::codebook::cosines;
use crate::model::config::{Routing, Value};
use crate::model::math::{Purpose, host, matrix, stream};
use crate::model::moments::Moments;
use crate::model::predict;
use crate::progress::Progress;
use crate::sets::Matrix;
use crate::task::Task;
use crate::train::checkpoint::{self};
use crate::train::reset::{self, Source};

use super::ground::{Case, Ground, Scale, adam};
use super::verdict::{
    Comparison, FORWARD, GRADIENT, GRADIENT_FLOOR, LOSS, OPTIMIZER, Parity, Part, RESET, STEP_LOSS, STEP_PARAMETER,
    Table, by_largest, by_norm, norm,
};

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
    let mut state = ground.state(device);
    if checkpoint::resume(file, "parity", &mut state, Progress::hidden())? {
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
