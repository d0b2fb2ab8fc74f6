use burn::tensor::Device;

use crate::encoder::Precision;
use crate::encoder::config::{EncoderConfig, EncoderKind};
use crate::error::{Error, Result};
use crate::feature::{FeaturesConfig, FolderSamples};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::rival::outcome::RivalOutcome;
use crate::sets::{FeatureSet, Matrix, SplitSets};
use crate::task::{Targets, Task};
use crate::train::config::Selection;

use super::config::FinetuneConfig;
use super::images::Images;
use super::job::Job;

/// A folder of small pictures of two kinds, stripes along or across, under random light, with their labels.
struct World {
    folder: tempfile::TempDir,
    sets: SplitSets,
    images: Images,
}

impl World {
    fn new(train: usize, test: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pictures = folder.path().join("pictures");
        std::fs::create_dir(&pictures).unwrap();
        let n = train + test;
        for i in 0..n {
            let light = 60 + (i * 37 % 100) as u32;
            let picture = ::image::RgbImage::from_fn(40, 40, |x, y| {
                let along = if i % 2 == 0 { x } else { y };
                ::image::Rgb([(light + if along / 5 % 2 == 0 { 80 } else { 0 }) as u8; 3])
            });
            picture.save(pictures.join(format!("{i:03}.png"))).unwrap();
        }
        let samples = folder.path().join("samples.parquet");
        FolderSamples::of(&pictures)
            .and_then(|found| found.write(&samples))
            .unwrap();
        let set = |range: std::ops::Range<usize>| FeatureSet {
            sample_ids: range.clone().map(|i| format!("{i:03}.png")).collect(),
            global: Matrix {
                rows: range.len(),
                cols: 0,
                data: Vec::new(),
            }
            .into(),
            tokens: None,
            targets: Targets {
                task: Task::Expression,
                names: vec!["along".into(), "across".into()],
                values: range
                    .clone()
                    .flat_map(|i| [f32::from(i % 2 == 0), f32::from(i % 2 == 1)])
                    .collect(),
                known: vec![true; 2 * range.len()],
            },
            subjects: vec![None; range.len()],
        };
        let images = Images::read(&samples, &pictures, &FeaturesConfig::default()).unwrap();
        Self {
            sets: SplitSets {
                train: set(0..train),
                val: None,
                test: set(train..n),
                others: Vec::new(),
            },
            images,
            folder,
        }
    }

    fn run(&self, config: &FinetuneConfig, checkpoints: &str) -> Result<RivalOutcome> {
        self.job(config, checkpoints, &Interrupt::default())
    }

    fn job(&self, config: &FinetuneConfig, checkpoints: &str, interrupt: &Interrupt) -> Result<RivalOutcome> {
        let weights = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/vit/dino");
        Job {
            config,
            encoder: &EncoderConfig {
                kind: EncoderKind::Dino,
                weights: Some(weights.into()),
                ..EncoderConfig::default()
            },
            sets: &self.sets,
            images: &self.images,
            other_images: &[],
            selection: Selection::Last,
            seed: 3,
            device: &Device::flex(),
            folder: &self.folder.path().join(checkpoints),
            progress: Progress::hidden(),
            interrupt,
        }
        .run()
    }
}

fn quick() -> FinetuneConfig {
    FinetuneConfig {
        enabled: true,
        epochs: 12,
        batch: 8,
        lr: 3e-3,
        crop: 0.9,
        ..FinetuneConfig::default()
    }
}

fn value(outcome: &RivalOutcome, metric: &str, epoch: Option<i32>) -> f64 {
    let rows: Vec<_> = outcome
        .metrics
        .iter()
        .filter(|row| row.metric == metric && row.epoch == epoch)
        .collect();
    assert_eq!(rows.len(), 1, "{metric} {epoch:?}");
    rows[0].value
}

fn losses(outcome: &RivalOutcome) -> Vec<f64> {
    (1..)
        .map_while(|epoch| {
            outcome
                .metrics
                .iter()
                .find(|row| row.metric == "loss" && row.epoch == Some(epoch))
                .map(|row| row.value)
        })
        .collect()
}

#[test]
fn the_encoder_learns_what_its_features_do_not_show() {
    let world = World::new(48, 24);
    let outcome = world.run(&quick(), "whole").unwrap();
    assert_eq!(outcome.method, "finetune");
    assert_eq!(outcome.predictions.len(), 24);
    let curve = losses(&outcome);
    assert!(curve[11] < 0.5 * curve[0], "{curve:?}");
    assert!(value(&outcome, "acc", None) > 0.9, "{curve:?}");
    // The same again, from nothing and from a checkpoint after an interruption: the same numbers.
    let again = world.run(&quick(), "again").unwrap();
    assert_eq!(
        (&again.metrics, &again.predictions),
        (&outcome.metrics, &outcome.predictions)
    );
    let interrupt = Interrupt::default();
    interrupt.raise();
    assert!(matches!(
        world.job(&quick(), "broken", &interrupt),
        Err(Error::Interrupted)
    ));
    let resumed = world.run(&quick(), "whole").unwrap();
    assert_eq!(
        (&resumed.metrics, &resumed.predictions),
        (&outcome.metrics, &outcome.predictions)
    );
}

#[test]
fn a_run_goes_on_from_its_last_whole_epoch() {
    let world = World::new(24, 8);
    let config = FinetuneConfig { epochs: 30, ..quick() };
    let whole = world.run(&config, "whole").unwrap();
    // Stopped in one of the epochs behind the first checkpoint.
    let stopped = world.job(&config, "part", &Interrupt::at_look(20));
    assert!(matches!(stopped, Err(Error::Interrupted)), "{stopped:?}");
    assert!(
        world
            .folder
            .path()
            .join("part/checkpoint/finetune.safetensors")
            .is_file()
    );
    let part = world.run(&config, "part").unwrap();
    assert_eq!((&part.metrics, &part.predictions), (&whole.metrics, &whole.predictions));
    // A checkpoint of other settings is not taken up.
    let other = world.run(&FinetuneConfig { lr: 1e-3, ..config }, "whole").unwrap();
    assert_ne!(other.metrics, whole.metrics);
}

#[test]
fn parts_of_a_step_and_recomputed_results_change_nothing_but_rounding() {
    let world = World::new(24, 8);
    let config = FinetuneConfig { epochs: 2, ..quick() };
    let whole = losses(&world.run(&config, "a").unwrap());
    for (name, other) in [
        (
            "b",
            FinetuneConfig {
                micro_batch: 3,
                ..config.clone()
            },
        ),
        (
            "c",
            FinetuneConfig {
                checkpointing: true,
                ..config.clone()
            },
        ),
    ] {
        let parts = losses(&world.run(&other, name).unwrap());
        for (a, b) in whole.iter().zip(&parts) {
            assert!((a - b).abs() < 1e-4 * a.abs(), "{name}: {whole:?} {parts:?}");
        }
    }
    // Half precision rounds more, and says so.
    let half = losses(
        &world
            .run(
                &FinetuneConfig {
                    precision: Precision::Bf16,
                    ..config
                },
                "d",
            )
            .unwrap(),
    );
    assert!(
        (half[0] - whole[0]).abs() < 0.05 * whole[0] && half != whole,
        "{whole:?} {half:?}"
    );
}

#[test]
fn the_learning_rate_rises_and_falls() {
    let config = FinetuneConfig {
        lr: 1.0,
        warmup: 0.2,
        ..FinetuneConfig::default()
    };
    let rates: Vec<f64> = (0..10).map(|step| config.rate(step, 10)).collect();
    assert!((rates[0] - 0.5).abs() < 1e-12 && (rates[1] - 1.0).abs() < 1e-12 && (rates[2] - 1.0).abs() < 1e-12);
    assert!(
        rates.windows(2).skip(2).all(|pair| pair[1] < pair[0]) && rates[9] < 0.05,
        "{rates:?}"
    );
}

#[test]
fn impossible_settings_name_their_key() {
    let key = |change: fn(&mut FinetuneConfig)| {
        let mut config = FinetuneConfig::default();
        change(&mut config);
        config.validate().unwrap_err().0
    };
    assert_eq!(key(|c| c.epochs = 0), "epochs");
    assert_eq!(key(|c| c.batch = 0), "batch");
    assert_eq!(key(|c| c.micro_batch = 65), "micro_batch");
    assert_eq!(key(|c| c.lr = f64::NAN), "lr");
    assert_eq!(key(|c| c.layer_decay = 0.0), "layer_decay");
    assert_eq!(key(|c| c.warmup = 1.0), "warmup");
    assert_eq!(key(|c| c.weight_decay = -1.0), "weight_decay");
    assert_eq!(key(|c| c.crop = 0.0), "crop");
}
