//! `aura-bench convert CARD`.

use std::path::PathBuf;

use clap::Args;

use crate::error::Result;
use crate::{dataset, recipe};

use super::output;
use super::shell::Shell;

#[derive(Debug, Args)]
pub struct ConvertArguments {
    /// The database's card: a built-in name such as rafdb, or the path of a card
    card: String,
    /// The database's folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Where samples.parquet, rejects.csv and conversion.json are written
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Set a key of a recipe that shapes a conversion, for example protocol.images=original (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print the conversion report as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &ConvertArguments, shell: &Shell) -> Result<()> {
    let (card, options) = recipe::conversion_options(&arguments.card, &arguments.set)?;
    let conversion = dataset::convert(
        &card,
        &arguments.data,
        &options,
        &arguments.out,
        &shell.progress,
        &shell.interrupt,
    )?;
    if arguments.json {
        output::print_json(&conversion)
    } else {
        output::print(&conversion.to_text())
    }
}
