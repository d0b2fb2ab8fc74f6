//! `aura-bench bench train` and `aura-bench bench extract`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::bench::{ExtractBench, TrainBench};
use crate::device::choice::DeviceChoice;
use crate::encoder::config::{EncoderConfig, EncoderKind};
use crate::error::Result;
use crate::fitting::config::FittingConfig;
use crate::model::ModelConfig;
use crate::model::loss::config::LossConfig;
use crate::recipe::{Recipe, RecipeOptions};
use crate::task::Task;
use crate::train::config::Sampling;
use crate::train::feed::Placement;
use crate::train::setup::{Method, Setup};
use crate::train::{Selection, TrainConfig};

use super::output;
use super::shell::Shell;

#[derive(Debug, Args)]
pub struct BenchArguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Measure training: samples a second, time of a step, share of the time that the host waited
    Train(TrainArguments),
    /// Measure an encoder: images a second
    Extract(ExtractArguments),
}

#[derive(Debug, Args)]
struct TrainArguments {
    /// Model, losses and optimisation of this recipe; without one, the defaults of --task
    recipe: Option<PathBuf>,
    /// Override a key of the recipe, for example `model.k_max=300` (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE", requires = "recipe")]
    set: Vec<String>,
    /// Train on this feature table, instead of drawn features
    #[arg(long, value_name = "DIR", requires = "recipe")]
    features: Option<PathBuf>,
    /// Task, if there is no recipe: `expression`, `valence_arousal` or `action_units`
    #[arg(long, default_value = "expression", value_parser = task, conflicts_with = "recipe")]
    task: Task,
    /// Drawn training samples
    #[arg(long, default_value_t = 16_384)]
    samples: usize,
    /// Values of a drawn vector or token
    #[arg(long, default_value_t = 768)]
    dims: usize,
    /// Tokens of a drawn sample, for models at patch level
    #[arg(long, default_value_t = 49)]
    tokens: usize,
    /// Samples a batch [default: the recipe's, or the task's]
    #[arg(long)]
    batch: Option<usize>,
    /// Epochs measured, after two that are not
    #[arg(long, default_value_t = 3)]
    epochs: usize,
    /// Where batches come from: host, device, stream, or auto
    #[arg(long, default_value = "auto")]
    placement: Placement,
    /// Hand every step to the GPU kernel by kernel, also where it takes a recorded step as a whole
    #[arg(long)]
    no_replay: bool,
    /// auto, cpu, cuda, cuda:N, gpu or gpu:N
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ExtractArguments {
    /// The encoder of this recipe, instead of the one that --encoder names
    recipe: Option<PathBuf>,
    /// Override a key of the recipe, for example encoder.weights=DIR (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE", requires = "recipe")]
    set: Vec<String>,
    /// clip, dino, dinov2 (in its usual size, with weights that mean nothing) or hog
    #[arg(long, default_value = "clip", value_parser = encoder, conflicts_with = "recipe")]
    encoder: EncoderKind,
    /// Images
    #[arg(long, default_value_t = 256)]
    images: usize,
    /// Pixels a side of the drawn images
    #[arg(long, default_value_t = 256)]
    side: u32,
    /// Images a batch [default: the encoder's own]
    #[arg(long)]
    batch: Option<usize>,
    /// A Python with torch, transformers and Pillow: measure it on the same files and print the ratios
    #[arg(long, value_name = "PYTHON")]
    peer: Option<PathBuf>,
    /// auto, cpu, cuda, cuda:N, gpu or gpu:N
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn encoder(text: &str) -> Result<EncoderKind, String> {
    [
        EncoderKind::Clip,
        EncoderKind::Dino,
        EncoderKind::Dinov2,
        EncoderKind::Hog,
    ]
    .into_iter()
    .find(|kind| kind.as_str() == text)
    .ok_or_else(|| format!("expected clip, dino, dinov2 or hog, found {text:?}"))
}

fn task(text: &str) -> Result<Task, String> {
    [
        ("expression", Task::Expression),
        ("valence_arousal", Task::ValenceArousal),
        ("action_units", Task::ActionUnits),
    ]
    .into_iter()
    .find(|(name, _)| *name == text)
    .map(|(_, task)| task)
    .ok_or_else(|| format!("expected expression, valence_arousal or action_units, found {text:?}"))
}

pub fn run(arguments: &BenchArguments, shell: &Shell) -> Result<()> {
    match &arguments.what {
        What::Train(arguments) => train(arguments, shell),
        What::Extract(arguments) => extract(arguments, shell),
    }
}

fn load(recipe: &std::path::Path, set: &[String]) -> Result<Recipe> {
    // Sizes and optimisation are those of the recipe itself, not of its stand-in run.
    let options = RecipeOptions {
        stand_in: false,
        set: set.to_vec(),
    };
    Recipe::load(recipe, &options)
}

fn train(arguments: &TrainArguments, shell: &Shell) -> Result<()> {
    let (mut setup, classes) = if let Some(recipe) = &arguments.recipe {
        let recipe = load(recipe, &arguments.set)?;
        let setup = Setup {
            task: recipe.protocol.task,
            method: recipe.method,
            model: recipe.model,
            loss: recipe.loss,
            train: recipe.train,
            selection: Selection::Last,
            sampling: recipe.protocol.sampling,
            fitting: recipe.fitting,
        };
        (setup, recipe.protocol.classes)
    } else {
        let setup = Setup {
            task: arguments.task,
            method: Method::Paper,
            model: ModelConfig::default(),
            loss: LossConfig::default(),
            train: TrainConfig::default(),
            selection: Selection::Last,
            sampling: Sampling::default(),
            fitting: FittingConfig::default(),
        };
        (setup, Vec::new())
    };
    setup.train.batch = arguments.batch.or(setup.train.batch);
    let device = arguments.device.resolve()?;
    let bench = TrainBench {
        setup,
        features: arguments.features.clone(),
        classes,
        samples: arguments.samples,
        dims: arguments.dims,
        tokens: arguments.tokens,
        placement: arguments.placement,
        replay: !arguments.no_replay,
        epochs: arguments.epochs,
    };
    let found = bench.run(&device, &shell.interrupt)?;
    if arguments.json {
        output::print_json(&found)
    } else {
        output::print(&found.to_text())
    }
}

fn extract(arguments: &ExtractArguments, shell: &Shell) -> Result<()> {
    let encoder = match &arguments.recipe {
        Some(recipe) => load(recipe, &arguments.set)?.encoder,
        None => EncoderConfig {
            kind: arguments.encoder,
            weights: (arguments.encoder != EncoderKind::Hog).then(|| "random:0".to_owned()),
            ..EncoderConfig::default()
        },
    };
    let device = arguments.device.resolve()?;
    let bench = ExtractBench {
        encoder,
        images: arguments.images,
        side: arguments.side,
        batch: arguments.batch,
        peer: arguments.peer.clone(),
    };
    let found = bench.run(&device, &shell.interrupt)?;
    if arguments.json {
        output::print_json(&found)
    } else {
        output::print(&found.to_text())
    }
}
