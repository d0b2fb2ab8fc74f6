//! `aura-bench extract --images DIR`.

use std::path::PathBuf;

use clap::Args;

use crate::device::choice::DeviceChoice;
use crate::encoder::Precision;
use crate::encoder::architecture::Global;
use crate::encoder::config::{EncoderConfig, EncoderKind};
use crate::error::{Error, Result};
use crate::export::croissant;
use crate::feature::shard::Shard;
use crate::feature::{ByHand, Dtype, FeaturesConfig, TokenGrid};
use crate::naming::RANDOM_WARNING;

use super::output;
use super::shell::{Shell, named};

#[derive(Debug, Args)]
pub struct ExtractArguments {
    /// The folder of images; every image below it is a sample, its path the sample's id
    #[arg(long, value_name = "DIR")]
    images: PathBuf,
    /// A samples table (from `convert`) whose image paths are relative to --images, instead of every image
    #[arg(long, value_name = "FILE")]
    samples: Option<PathBuf>,
    /// clip, dino, dinov2 or hog
    #[arg(long, value_name = "KIND", value_parser = named::<EncoderKind>)]
    encoder: EncoderKind,
    /// A model folder, a file of tensors, `hf://ORG/NAME[@REVISION]`, or random:SEED
    #[arg(long, value_name = "PATH")]
    weights: Option<String>,
    /// A published architecture, for weights without a config.json: vit-b-32, vit-b-16, …
    #[arg(long, value_name = "NAME")]
    architecture: Option<String>,
    /// The global vector: projected, class or mean
    #[arg(long, default_value = "projected", value_parser = named::<Global>)]
    global: Global,
    /// Pixels a side, instead of the model's own
    #[arg(long, value_name = "PIXELS")]
    input_size: Option<u32>,
    /// Numbers of the matrix products: f32, f16 or bf16
    #[arg(long, default_value = "f32", value_parser = named::<Precision>)]
    precision: Precision,
    /// Patch tokens to keep: none, all, or averaged to a grid such as 7x7
    #[arg(long, value_name = "GRID", default_value = "none")]
    tokens: TokenGrid,
    /// Numbers in the table: f16 or f32
    #[arg(long, default_value = "f16", value_parser = named::<Dtype>)]
    dtype: Dtype,
    /// Images a batch [default: what the encoder likes]
    #[arg(long, value_name = "N")]
    batch: Option<u32>,
    /// Images a part file [default: 4096 or fewer, so that a part stays below 512 MiB and every shard has one]
    #[arg(long, value_name = "N")]
    part_rows: Option<u32>,
    /// This machine's share, for example 1/4; shards written or copied into one folder are the whole table
    #[arg(long, value_name = "I/N", default_value = "1/1")]
    shard: Shard,
    /// The folder of the feature table
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Where fetched weights are kept [default: the hub's own cache]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// auto, cpu, cuda, cuda:N, gpu or gpu:N
    #[arg(long, default_value = "auto")]
    device: String,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &ExtractArguments, shell: &Shell) -> Result<()> {
    let choice: DeviceChoice = arguments
        .device
        .parse()
        .map_err(|message| Error::Usage(format!("--device: {message}")))?;
    let device = choice.resolve()?;
    let encoder = EncoderConfig {
        kind: arguments.encoder,
        weights: arguments.weights.clone(),
        architecture: arguments.architecture.clone(),
        global: arguments.global,
        input_size: arguments.input_size,
        precision: arguments.precision,
        ..EncoderConfig::default()
    };
    let options = FeaturesConfig {
        tokens: arguments.tokens,
        dtype: arguments.dtype,
        batch: arguments.batch,
        part_rows: arguments.part_rows,
        ..FeaturesConfig::default()
    };
    shell.progress.line(&format!("device      {}", device.name));
    let report = ByHand {
        images: &arguments.images,
        samples: arguments.samples.as_deref(),
        encoder: &encoder,
        options: &options,
        out: &arguments.out,
        shard: arguments.shard,
        cache: arguments.cache.as_deref(),
        device: &device.device,
    }
    .run(shell.progress, &shell.interrupt)?;
    if report.missing_parts == 0 {
        croissant::write_beside(&arguments.out)?;
    }
    if arguments.json {
        return output::print_json(&report);
    }
    let mut text = format!(
        "{} of {} images in {} parts below {}",
        report.rows,
        report.samples,
        report.parts,
        arguments.out.display()
    );
    if report.cached() {
        text.push_str(", cached");
    } else {
        text.push_str(&format!(", {:.1} images/s", report.images_per_second));
    }
    if report.rejected > 0 {
        text.push_str(&format!(
            "\n{} images gave no features; see the rejects beside the parts",
            report.rejected
        ));
    }
    if report.missing_parts > 0 {
        text.push_str(&format!(
            "\n{} parts of other shards are not in this folder yet",
            report.missing_parts
        ));
    }
    if encoder.is_random() {
        text.push_str(&format!("\n{RANDOM_WARNING}"));
    }
    output::print(&text)
}
