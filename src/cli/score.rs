//! `aura-bench score RECIPE PREDICTIONS`.

use std::path::PathBuf;

use clap::Args;

use crate::action_unit::ActionUnit;
use crate::chain::score::score;
use crate::chain::stages::cache_folder;
use crate::chain::state::RunOptions;
use crate::error::{Error, Result};
use crate::recipe::{Recipe, RecipeOptions};

use super::output;
use super::shell::Shell;

#[derive(Debug, Args)]
pub struct ScoreArguments {
    /// The recipe whose database and protocol count: a file, or the name of one that the program carries
    recipe: PathBuf,
    /// Files of predictions (CSV, TSV, Parquet, npz, npy, JSON), or folders of them; several are parts of one
    #[arg(required = true, value_name = "PREDICTIONS")]
    predictions: Vec<PathBuf>,
    /// The tool that wrote them: a mapping that the program carries, the path of one, or a name to show [default: seen in the
    /// columns]
    #[arg(long, value_name = "NAME")]
    tool: Option<String>,
    /// A column and what it means, for example happiness=Happy or `au12=AU12_r` (repeatable)
    #[arg(long = "map", value_name = "MEANING=COLUMN")]
    map: Vec<String>,
    /// The licensed database's folder; default: `dataset.root` of the recipe
    #[arg(long, value_name = "DIR", conflicts_with = "stand_in")]
    data: Option<PathBuf>,
    /// Score on the recipe's generated faces instead of the database
    #[arg(long)]
    stand_in: bool,
    /// Override a key of the recipe, for example `protocol.missing=wrong` or score.range=[1,9] (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Where run folders are written
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
    /// Where samples and generated faces are kept [default: `AURA_BENCH_CACHE`, else ~/.cache/aura-bench]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Print one JSON object with `run_dir` and metrics
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &ScoreArguments, shell: &Shell) -> Result<()> {
    let mut set = arguments.set.clone();
    if let Some(tool) = &arguments.tool {
        set.push(format!("score.tool={}", quoted(tool)));
    }
    for map in &arguments.map {
        set.push(mapped(map)?);
    }
    let recipe = Recipe::load(
        &arguments.recipe,
        &RecipeOptions {
            stand_in: arguments.stand_in,
            set,
        },
    )?;
    let options = RunOptions {
        data: arguments.data.clone(),
        out: arguments.out.clone(),
        cache: cache_folder(arguments.cache.clone())?,
        device: "cpu".to_owned(),
        sweep: None,
        scratch: None,
    };
    let summary = score(
        &recipe,
        &arguments.predictions,
        &options,
        shell.progress,
        &shell.interrupt,
    )?;
    if arguments.json {
        output::print_json(&summary)
    } else {
        output::print(&summary.to_text())
    }
}

/// Keys of `[score]` that name a column.
const COLUMNS: [&str; 12] = [
    "sample_id",
    "image",
    "subject",
    "frame",
    "fold",
    "seed",
    "found",
    "confidence",
    "scores",
    "prediction",
    "valence",
    "arousal",
];

/// What `MEANING=COLUMN` sets in the recipe: a key that names a column, else an action unit, else a class.
fn mapped(map: &str) -> Result<String> {
    let Some((meaning, column)) = map
        .split_once('=')
        .filter(|(meaning, column)| !meaning.is_empty() && !column.is_empty())
    else {
        return Err(Error::Usage(format!(
            "--map {map}: expected MEANING=COLUMN, as happiness=Happy or au12=AU12_r"
        )));
    };
    let key = if COLUMNS.contains(&meaning) {
        format!("score.{meaning}")
    } else if ActionUnit::named(meaning).is_some() {
        format!("score.units.{}", quoted(meaning))
    } else {
        format!("score.classes.{}", quoted(meaning))
    };
    Ok(format!("{key}={}", quoted(column)))
}

/// A text as TOML quotes it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
