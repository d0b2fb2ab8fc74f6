//! How fast a training runs, and what the host does meanwhile.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use serde::Serialize;

use crate::digest::Digest;
use crate::elementwise::on_host;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::model::aura::LOSS_NAMES;
use crate::model::math::host;
use crate::model::projector::Projector;
use crate::progress::Bar;
use crate::sets::SplitSets;
use crate::train::feed::Placement;
use crate::train::run::Trainer;
use crate::train::setup::Setup;

use super::launches::{self, Launches};

/// What a measurement found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Speed {
    /// Where batches came from: `host`, `device` or `stream`.
    pub placement: &'static str,
    /// Training samples.
    pub samples: usize,
    /// Values of a vector.
    pub dims: usize,
    /// Vectors a sample.
    pub patches: usize,
    /// Outputs of the model.
    pub outputs: usize,
    /// Trained numbers.
    pub parameters: usize,
    /// Steps an epoch.
    pub steps: usize,
    /// Epochs measured, after two that were not.
    pub epochs: usize,
    /// The two epochs before, seconds: kernels are compiled and tuned in them.
    pub warm_up_seconds: f64,
    /// All measured epochs, seconds.
    pub seconds: f64,
    /// Training samples a second.
    pub samples_per_second: f64,
    /// A step, milliseconds.
    pub step_ms: f64,
    /// Share of the time in which the training thread waited for batches (or made them itself, placement `host`).
    pub waited_for_data: f64,
    /// Share of the time in which it waited for the device at the end of an epoch: near 1 where the device is the limit,
    /// near 0 where handing out its work is.
    pub waited_for_device: f64,
    /// Kernels that a step launches, batches and all losses included; null on the processor, which launches none.
    pub kernels_per_step: Option<f64>,
    /// Whether a step was recorded once and is handed out as a whole: the kernels of its recording are not among those.
    pub replayed: bool,
    /// The same by what they were launched for, most first: `batch`, `forward`, the losses, `backward`, `optimizer`, `counts`.
    pub kernels_by_cause: Vec<Kernels>,
    /// Losses of the measured steps on average, as the curves name them.
    pub losses: BTreeMap<&'static str, f64>,
    /// Digest of every bit of every parameter at the end of the measured epochs: the same wherever batches came from.
    pub parameters_digest: String,
    /// Samples projected a second, without gradients.
    pub projected_per_second: f64,
    /// Device memory in use after the measurement, bytes, where the device tells it.
    pub memory_in_use_bytes: Option<u64>,
    /// Device memory held for reuse and in use, bytes.
    pub memory_reserved_bytes: Option<u64>,
}

/// The kernels of a step that have one cause.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Kernels {
    /// What they were launched for.
    pub cause: &'static str,
    /// How many, in a step.
    pub per_step: f64,
    /// The same by the names of the kernels.
    pub names: BTreeMap<String, f64>,
}

impl Kernels {
    fn of(launches: &Launches, steps: f64) -> Vec<Self> {
        let mut found: BTreeMap<&'static str, Self> = BTreeMap::new();
        for ((cause, name), count) in launches {
            let per_step = *count as f64 / steps;
            let kernels = found.entry(cause).or_insert_with(|| Self {
                cause,
                per_step: 0.0,
                names: BTreeMap::new(),
            });
            kernels.per_step += per_step;
            *kernels.names.entry((*name).to_owned()).or_default() += per_step;
        }
        let mut found: Vec<Self> = found.into_values().collect();
        found.sort_by(|a, b| b.per_step.total_cmp(&a.per_step));
        found
    }
}

/// Trains an epoch twice to warm up, `epochs` to measure and one to count kernels, all losses on, without evaluation, reset and
/// checkpoint; with steps that a device takes as a whole, or kernel by kernel.
///
/// # Errors
/// As [`crate::train::Seeds::train`].
pub fn measure(
    data: &SplitSets,
    setup: &Setup,
    device: &Device,
    (placement, replay): (Placement, bool),
    epochs: usize,
    interrupt: &Interrupt,
) -> Result<Speed> {
    let mut setup = setup.clone();
    setup.model.contextualization.start_epoch = Some(1);
    setup.train.epochs = setup.train.epochs.max(epochs + 2);
    let trainer = Trainer::new(data, &setup, 0, device, placement, interrupt)?;
    if !replay {
        trainer.launch_all();
    }
    let mut state = trainer.start();
    let wait = || {
        trainer
            .device()
            .sync()
            .map_err(|error| Error::Device(format!("the device failed: {error}")))
    };
    let bar = Bar::default();
    let clock = Instant::now();
    // Twice: the very first step is recorded by none, and with few batches a size of them is left to the second time. On every
    // device, so that their losses are of the same steps.
    for _ in 0..2 {
        state.position.step = 0;
        trainer.steps(&mut state, 1, &bar, interrupt)?;
    }
    wait()?;
    let warm_up_seconds = clock.elapsed().as_secs_f64();
    state.sums = state.sums.zeros_like();

    let (mut for_data, mut for_device) = (Duration::ZERO, Duration::ZERO);
    let clock = Instant::now();
    for epoch in 0..epochs {
        state.position.step = 0;
        let (waited, _) = trainer.steps(&mut state, epoch + 2, &bar, interrupt)?;
        for_data += waited;
        let end = Instant::now();
        wait()?;
        for_device += end.elapsed();
    }
    let seconds = clock.elapsed().as_secs_f64().max(1e-9);
    let sums = host(state.sums.clone())?;
    if sums.iter().any(|value| !value.is_finite()) {
        return Err(Error::diverged(
            "a loss of the measured training is not a finite number",
        ));
    }

    let mut digest = Digest::new("parameters");
    for (name, value) in state.model.store.iter() {
        let bytes: Vec<u8> = host(value.clone())?
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        digest = digest.part(name, &bytes);
    }
    let share = |sum: f32| f64::from(sum) / (trainer.batches() * epochs) as f64;

    // The processor launches nothing, and another epoch there would take as long as the measurement.
    let mut launched = Launches::new();
    if !on_host(trainer.device()) {
        state.position.step = 0;
        let (counted, found) = launches::count(|| trainer.steps(&mut state, epochs + 2, &bar, interrupt));
        counted?;
        launched = found;
    }

    let project = || -> Result<()> {
        let projector = Projector::bind(&state.model.store.values(), trainer.sizes().patches)?;
        trainer.feed().project("train", &projector, |_| Ok(()))?;
        wait()
    };
    project()?;
    let clock = Instant::now();
    project()?;
    let projecting = clock.elapsed().as_secs_f64().max(1e-9);

    let usage = trainer.device().memory_pool_usage();
    let (samples, sizes) = (data.train.len(), trainer.sizes());
    Ok(Speed {
        placement: trainer.feed().placement().name(),
        samples,
        dims: sizes.input,
        patches: sizes.patches,
        outputs: sizes.outputs,
        parameters: state
            .model
            .store
            .iter()
            .map(|(_, value)| value.dims().iter().product::<usize>())
            .sum(),
        steps: trainer.batches(),
        epochs,
        warm_up_seconds,
        seconds,
        samples_per_second: (samples * epochs) as f64 / seconds,
        step_ms: seconds * 1e3 / (trainer.batches() * epochs) as f64,
        waited_for_data: for_data.as_secs_f64() / seconds,
        waited_for_device: for_device.as_secs_f64() / seconds,
        kernels_per_step: (!launched.is_empty())
            .then(|| launched.values().sum::<u64>() as f64 / trainer.batches() as f64),
        replayed: trainer.replays(),
        kernels_by_cause: Kernels::of(&launched, trainer.batches() as f64),
        losses: LOSS_NAMES.into_iter().zip(sums.into_iter().map(share)).collect(),
        parameters_digest: digest.finish(),
        projected_per_second: samples as f64 / projecting,
        memory_in_use_bytes: usage.map(|usage| usage.bytes_in_use),
        memory_reserved_bytes: usage.map(|usage| usage.bytes_reserved),
    })
}
