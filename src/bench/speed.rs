//! How fast a training runs, and what the host does meanwhile.

use std::time::{Duration, Instant};

use burn::tensor::Device;
use serde::Serialize;

use crate::elementwise::on_host;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::model::math::host;
use crate::model::projector::Projector;
use crate::progress::Bar;
use crate::sets::SplitSets;
use crate::train::feed::Placement;
use crate::train::run::Trainer;
use crate::train::setup::Setup;

use super::launches;

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
    /// Epochs measured, after one that was not.
    pub epochs: usize,
    /// The first epoch, seconds: kernels are compiled and tuned in it.
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
    /// Samples projected a second, without gradients.
    pub projected_per_second: f64,
    /// Device memory in use after the measurement, bytes, where the device tells it.
    pub memory_in_use_bytes: Option<u64>,
    /// Device memory held for reuse and in use, bytes.
    pub memory_reserved_bytes: Option<u64>,
}

/// Trains one epoch to warm up, `epochs` to measure and one to count kernels, all losses on, without evaluation, reset and
/// checkpoint.
///
/// # Errors
/// As [`crate::train::Seeds::train`].
pub fn measure(
    data: &SplitSets,
    setup: &Setup,
    device: &Device,
    placement: Placement,
    epochs: usize,
    interrupt: &Interrupt,
) -> Result<Speed> {
    let mut setup = setup.clone();
    setup.model.contextualization.start_epoch = Some(1);
    setup.train.epochs = setup.train.epochs.max(epochs + 2);
    let trainer = Trainer::new(data, &setup, 0, device, placement, interrupt)?;
    let mut state = trainer.start();
    let wait = || {
        trainer
            .device()
            .sync()
            .map_err(|error| Error::Device(format!("the device failed: {error}")))
    };
    let bar = Bar::default();
    let clock = Instant::now();
    trainer.steps(&mut state, 1, &bar, interrupt)?;
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
    if host(state.sums.clone())?.iter().any(|value| !value.is_finite()) {
        return Err(Error::diverged(
            "a loss of the measured training is not a finite number",
        ));
    }

    // The processor launches nothing, and another epoch there would take as long as the measurement.
    let mut launched = 0;
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
        kernels_per_step: (launched > 0).then(|| launched as f64 / trainer.batches() as f64),
        projected_per_second: samples as f64 / projecting,
        memory_in_use_bytes: usage.map(|usage| usage.bytes_in_use),
        memory_reserved_bytes: usage.map(|usage| usage.bytes_reserved),
    })
}
