//! The folder of an exported model.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use schemars::JsonSchema;
use serde::Serialize;

use crate::disk::atomic;
use crate::error::{Context, Error, Result};
use crate::query::context::QueryContext;
use crate::train::Trained;

use super::card::Card;
use super::network;
use super::protobuf;

/// Name of the ONNX file.
pub const ONNX: &str = "model.onnx";
/// Name of the safetensors file: the run's own.
pub const SAFETENSORS: &str = "model.safetensors";
/// Name of the card.
pub const CARD: &str = "README.md";

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(title = "aura-bench export model, as JSON")]
pub struct Exported {
    /// Version of this object: 1.
    pub schema: u32,
    /// The folder.
    pub folder: PathBuf,
    /// The fold of the model, in a run with folds.
    pub fold: Option<i32>,
    /// The seed of the model.
    pub seed: i64,
    /// Inputs of the graph.
    pub inputs: Vec<String>,
    /// Its outputs.
    pub outputs: Vec<String>,
}

/// Writes one model of the run in `run` into the folder `out`: the fold and seed asked for, else the run's first.
///
/// # Errors
/// [`Error::Data`] if there is no run, or its model is not what was written; [`Error::Usage`] if there are several, or no such
/// seed or fold; [`Error::Io`] if the folder cannot be written.
pub fn export(run: &Path, fold: Option<i32>, seed: Option<i64>, out: &Path) -> Result<Exported> {
    let query = QueryContext::open(&[run.to_owned()])?;
    let run = query.only_run(run)?;
    let (fold, seed) = run.model(fold, seed)?;
    let file = run.seed_dir(fold, seed).join("model.safetensors");
    run.verify([file.as_path()])?;
    let model = Trained::load(&file, &Device::flex())?;
    let bytes = std::fs::read(&file).at("read", &file)?;
    if out.exists() && std::fs::canonicalize(out).ok() == std::fs::canonicalize(&run.path).ok() {
        return Err(Error::Usage(format!(
            "{} is the run itself; name another folder for its model",
            out.display()
        )));
    }
    let card = Card {
        query: &query,
        run: &run,
        fold,
        seed,
        model: &model,
    };
    let (graph, outputs) = network::graph(&model, "aura", &card.title())?;
    let facts = [
        ("run", run.run.clone()),
        ("seed", seed.to_string()),
        ("task", run.manifest.task.clone()),
        ("outputs", model.names.join(",")),
        ("stand_in", run.manifest.stand_in.to_string()),
    ];
    let onnx = protobuf::model(graph, ("aura-bench", env!("CARGO_PKG_VERSION")), &card.title(), &facts);
    let inputs = network::inputs(&model);
    let text = card.text(&inputs, &outputs)?;
    atomic::write(&out.join(SAFETENSORS), &bytes)?;
    atomic::write(&out.join(ONNX), &onnx)?;
    // Last: a folder with a card is whole.
    atomic::write(&out.join(CARD), text.as_bytes())?;
    Ok(Exported {
        schema: 1,
        folder: out.to_owned(),
        fold,
        seed,
        inputs: inputs.into_iter().map(|(name, _)| name).collect(),
        outputs: outputs.into_iter().map(str::to_owned).collect(),
    })
}
