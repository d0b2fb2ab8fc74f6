//! `aura-bench predict RUN INPUT…`.

use std::path::PathBuf;

use clap::Args;

use crate::device::choice::DeviceChoice;
use crate::error::{Error, Result};
use crate::naming;
use crate::predict::run::{NOT_DETECTED, Predicted, Prediction};
use crate::predict::write::Form;

use super::output;
use super::shell::Shell;

#[derive(Debug, Args)]
#[command(
    after_help = "Faces are not detected: boxes come from a list (CSV, TSV or Parquet) as OpenFace, py-feat, RetinaFace, \
                  InsightFace or MediaPipe write them; an image without one is taken whole as an aligned face."
)]
pub struct PredictArguments {
    /// The run folder
    run: PathBuf,
    /// Images, folders of images, lists of faces with boxes, videos, or folders of feature tables
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// The file of predictions: .parquet, .csv or .jsonl; a call that was stopped goes on where it was
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// parquet, csv or jsonl, where the file's name does not say it
    #[arg(long, value_name = "FORM")]
    format: Option<Form>,
    /// The seed whose model predicts [default: the run's first]
    #[arg(long)]
    seed: Option<i64>,
    /// The fold whose model predicts, in a run with folds [default: the run's first]
    #[arg(long)]
    fold: Option<i32>,
    /// Read-outs, separated by commas: `aura`, `aura_mixture`, `aura_tuned`
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "aura")]
    method: Vec<String>,
    /// Archetypes listed for each face
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=8))]
    top: u64,
    /// Images encoded at a time [default: the run's, or what the encoder likes]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: Option<u32>,
    /// The folder that images of lists lie below [default: the list's own]
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
    /// The image or video that all rows of a list are of, where the list names none
    #[arg(long, value_name = "FILE")]
    media: Option<PathBuf>,
    /// Of a video, every Nth frame
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    every: u32,
    /// Also write a self-contained page with the first 60 faces, each beside the images behind its archetype
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Where fetched weights are kept [default: the hub's own cache]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// auto, cpu, cuda, cuda:N, gpu or gpu:N
    #[arg(long, default_value = "auto")]
    device: String,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &PredictArguments, shell: &Shell) -> Result<()> {
    let choice: DeviceChoice = arguments
        .device
        .parse()
        .map_err(|message| Error::Usage(format!("--device: {message}")))?;
    let device = choice.resolve()?;
    let form = match arguments.format {
        Some(form) => form,
        None => Form::of_file(&arguments.out)?,
    };
    shell.progress.line(&format!("device      {}", device.name));
    let predicted = Prediction {
        run: &arguments.run,
        inputs: &arguments.inputs,
        out: &arguments.out,
        form,
        fold: arguments.fold,
        seed: arguments.seed,
        methods: &arguments.method,
        top: arguments.top as usize,
        batch: arguments.batch,
        images: arguments.images.as_deref(),
        media: arguments.media.as_deref(),
        every: arguments.every,
        html: arguments.html.as_deref(),
        cache: arguments.cache.as_deref(),
        device: &device,
    }
    .run(shell.progress, &shell.interrupt)?;
    if arguments.json {
        return output::print_json(&predicted);
    }
    output::print(&text(&predicted))
}

fn text(predicted: &Predicted) -> String {
    let fold = predicted.fold.map_or_else(String::new, |fold| format!("fold {fold}, "));
    let mut text = format!(
        "{} of {} faces predicted by {}, {fold}seed {}: {}",
        predicted.predicted,
        predicted.faces,
        predicted.run,
        predicted.seed,
        predicted.out.display()
    );
    if let Some(rejects) = &predicted.rejects {
        text.push_str(&format!(
            "\n{} could not be predicted; why stands in {}",
            predicted.rejected,
            rejects.display()
        ));
    }
    if let Some(html) = &predicted.html {
        text.push_str(&format!(
            "\nthe first {} beside their archetypes: {}",
            predicted.on_page,
            html.display()
        ));
    }
    if predicted.images {
        text.push_str(&format!("\n{NOT_DETECTED}"));
    }
    if predicted.stand_in {
        text.push_str("\nSTAND-IN: the run was made on drawn faces; what it says of photographs means nothing");
    }
    if predicted
        .encoder
        .as_deref()
        .is_some_and(|encoder| encoder.contains("random"))
    {
        text.push_str(&format!("\n{}", naming::RANDOM_WARNING));
    }
    text
}
