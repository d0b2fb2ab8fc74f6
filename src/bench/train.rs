//! Speed of training on drawn features of any size, or on a feature table.

use std::path::PathBuf;

use rand::RngExt;
use serde::Serialize;

use crate::device::machine::Resolved;
use crate::elementwise::on_host;
use crate::error::{Error, Result};
use crate::feature::{FeatureTable, LoadOptions};
use crate::interrupt::Interrupt;
use crate::model::config::Level;
use crate::model::math::{Purpose, stream};
use crate::sets::{FeatureSet, Matrix, Rows, SplitSets, Tokens};
use crate::task::{Targets, Task};
use crate::train::feed::Placement;
use crate::train::setup::Setup;

use super::speed::{self, Speed};

/// What is measured.
#[derive(Debug, Clone)]
pub struct TrainBench {
    /// Model, losses and optimisation.
    pub setup: Setup,
    /// A feature table to train on, instead of drawn features.
    pub features: Option<PathBuf>,
    /// Classes of the protocol, in order; empty where the task has none.
    pub classes: Vec<String>,
    /// Drawn training samples.
    pub samples: usize,
    /// Values of a drawn vector or token.
    pub dims: usize,
    /// Tokens of a drawn sample, for models at patch level.
    pub tokens: usize,
    /// Where batches come from.
    pub placement: Placement,
    /// Whether a device that records steps replays them.
    pub replay: bool,
    /// Epochs measured.
    pub epochs: usize,
}

/// The result, for people and as JSON.
#[derive(Debug, Clone, Serialize)]
pub struct TrainSpeed {
    /// The device.
    pub device: String,
    /// `cpu`, `cuda` or `gpu`.
    pub kind: &'static str,
    /// The task.
    pub task: Task,
    /// Samples a batch at most.
    pub batch: usize,
    /// Archetypes, width of their space, hidden units of the projector.
    pub model: [usize; 3],
    /// Drawn features, or the table's folder.
    pub features: String,
    /// The measurement.
    #[serde(flatten)]
    pub speed: Speed,
}

impl TrainBench {
    /// Measures on `device`.
    ///
    /// # Errors
    /// [`Error::Usage`] for sizes that cannot be, [`Error::Data`] for an unusable table, [`Error::Device`].
    pub fn run(&self, device: &Resolved, interrupt: &Interrupt) -> Result<TrainSpeed> {
        if !self.replay && on_host(&device.device) {
            return Err(Error::Usage(
                "no-replay: the processor has no kernels to hand out, and nothing to replay".to_owned(),
            ));
        }
        for (name, value, least) in [
            ("samples", self.samples, 2),
            ("dims", self.dims, 1),
            ("tokens", self.tokens, 1),
            ("epochs", self.epochs, 1),
        ] {
            if value < least {
                return Err(Error::Usage(format!(
                    "{name}: expected at least {least}, found {value}"
                )));
            }
        }
        let task = self.setup.task;
        let patch = self.setup.model.level_for(task) == Level::Patch;
        let sets = match &self.features {
            None => self.drawn(patch),
            Some(folder) => {
                let options = LoadOptions {
                    outputs: self.classes.clone(),
                    tokens: patch,
                    ..LoadOptions::new(task)
                };
                FeatureTable::open(folder)?.load(&options)?.sets
            }
        };
        let speed = speed::measure(
            &sets,
            &self.setup,
            &device.device,
            (self.placement, self.replay),
            self.epochs,
            interrupt,
        )?;
        let model = &self.setup.model;
        Ok(TrainSpeed {
            device: device.name.clone(),
            kind: device.kind,
            task,
            batch: self.setup.train.batch_for(task, sets.train.len()),
            model: [model.k_max, model.width, model.hidden],
            features: self
                .features
                .as_ref()
                .map_or("drawn".to_owned(), |folder| folder.display().to_string()),
            speed,
        })
    }

    /// Features without structure: speed does not depend on what they say. Half-precision numbers, as tables hold them.
    fn drawn(&self, patch: bool) -> SplitSets {
        let task = self.setup.task;
        let outputs = match task {
            Task::Expression => self.classes.len().max(7),
            Task::ValenceArousal => 2,
            Task::ActionUnits => 12,
        };
        let mut rng = stream(0, Purpose::Parameters, 0, 0);
        let mut values = |rows: usize, cols: usize| {
            let one = |_| half(f32::from(rng.random::<i16>()) / 16_384.0);
            let data = (0..rows * cols).map(one).collect();
            Rows::from(Matrix { rows, cols, data })
        };
        let mut set = |rows: usize| FeatureSet {
            sample_ids: (0..rows).map(|row| row.to_string()).collect(),
            subjects: vec![None; rows],
            global: values(rows, self.dims),
            tokens: patch.then(|| Tokens {
                count: self.tokens,
                width: self.dims,
                values: values(rows, self.tokens * self.dims),
            }),
            targets: Targets {
                task,
                names: (0..outputs).map(|output| format!("output {output}")).collect(),
                values: (0..rows * outputs)
                    .map(|i| label(task, i / outputs, i % outputs, outputs))
                    .collect(),
                known: vec![true; rows * outputs],
            },
        };
        SplitSets {
            train: set(self.samples),
            val: None,
            test: set(2),
            others: Vec::new(),
        }
    }
}

fn half(value: f32) -> f32 {
    half::f16::from_f32(value).to_f32()
}

/// A label of every kind in turn.
fn label(task: Task, row: usize, output: usize, outputs: usize) -> f32 {
    match task {
        Task::Expression => f32::from(u8::from(row % outputs == output)),
        Task::ActionUnits => f32::from(u8::from((row + output).is_multiple_of(3))),
        Task::ValenceArousal => ((row * 7 + output * 3) % 11) as f32 / 5.5 - 1.0,
    }
}

impl TrainSpeed {
    /// Lines for people.
    pub fn to_text(&self) -> String {
        let s = &self.speed;
        let [k, width, hidden] = self.model;
        let memory = s.memory_in_use_bytes.map_or(String::new(), |bytes| {
            format!(
                "\nmemory        {:.2} GiB in use on the device",
                bytes as f64 / f64::from(1 << 30)
            )
        });
        let kernels = s.kernels_per_step.map_or(String::new(), |kernels| {
            let causes: Vec<String> = s
                .kernels_by_cause
                .iter()
                .map(|kernels| format!("{} {:.0}", kernels.cause, kernels.per_step))
                .collect();
            let whole = if s.replayed { " beside one recording" } else { "" };
            format!(
                "\nkernels       {kernels:.0} launched a step{whole}: {}",
                causes.join(", ")
            )
        });
        format!(
            "device        {}\n\
             training      {} samples of {} × {} values, batches of {}, {} archetypes, width {width}, hidden {hidden}, \
             {} parameters\n\
             batches from  {}\n\
             speed         {:.0} samples/s, {:.3} ms a step ({} steps, {} epochs; before them {:.2} s)\n\
             host waited   {:.1} % for batches, {:.1} % for the device{kernels}\n\
             projection    {:.0} samples/s{memory}",
            self.device,
            s.samples,
            s.patches,
            s.dims,
            self.batch,
            k,
            s.parameters,
            s.placement,
            s.samples_per_second,
            s.step_ms,
            s.steps * s.epochs,
            s.epochs,
            s.warm_up_seconds,
            s.waited_for_data * 100.0,
            s.waited_for_device * 100.0,
            s.projected_per_second,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::choice::DeviceChoice;
    use crate::fitting::config::FittingConfig;
    use crate::model::ModelConfig;
    use crate::model::loss::config::LossConfig;
    use crate::train::config::Sampling;
    use crate::train::setup::Method;
    use crate::train::{Selection, TrainConfig};

    fn bench(task: Task, placement: Placement) -> TrainBench {
        TrainBench {
            setup: Setup {
                task,
                method: Method::Paper,
                model: ModelConfig {
                    k_max: 16,
                    width: 16,
                    hidden: 16,
                    ..ModelConfig::default()
                },
                loss: LossConfig::default(),
                train: TrainConfig {
                    batch: Some(32),
                    ..TrainConfig::default()
                },
                selection: Selection::Last,
                sampling: Sampling::default(),
                fitting: FittingConfig::default(),
            },
            features: None,
            classes: Vec::new(),
            samples: 96,
            dims: 8,
            tokens: 4,
            placement,
            replay: true,
            epochs: 1,
        }
    }

    #[test]
    fn every_task_and_placement_is_measured() -> Result<()> {
        let device = DeviceChoice::Cpu.resolve()?;
        for (task, placement, name) in [
            (Task::Expression, Placement::Auto, "stream"),
            (Task::ValenceArousal, Placement::Device, "device"),
            (Task::ActionUnits, Placement::Host, "host"),
        ] {
            let found = bench(task, placement).run(&device, &Interrupt::default())?;
            assert_eq!((found.speed.placement, found.speed.steps), (name, 3));
            assert_eq!(found.speed.patches, if task == Task::ActionUnits { 4 } else { 1 });
            assert!(found.speed.samples_per_second > 0.0 && found.speed.step_ms > 0.0);
            let shares = found.speed.waited_for_data + found.speed.waited_for_device;
            assert!((0.0..=1.0).contains(&shares), "{found:?}");
            assert!(found.to_text().contains("samples/s"));
        }
        Ok(())
    }

    #[test]
    fn impossible_sizes_name_their_option() -> Result<()> {
        let device = DeviceChoice::Cpu.resolve()?;
        let mut wrong = bench(Task::Expression, Placement::Auto);
        wrong.epochs = 0;
        let error = wrong.run(&device, &Interrupt::default()).err().map(|e| e.to_string());
        assert!(error.is_some_and(|text| text.contains("epochs")));
        Ok(())
    }
}
