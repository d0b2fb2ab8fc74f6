//! `aura-bench convert CARD`.

use std::path::PathBuf;

use clap::Args;

use crate::dataset::{self, Card, ConvertOptions};
use crate::error::Result;

use super::{Shell, output};

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
    /// Print the conversion report as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &ConvertArguments, shell: &Shell) -> Result<()> {
    let card = Card::load(&arguments.card)?;
    let conversion = dataset::convert(
        &card,
        &arguments.data,
        &ConvertOptions::default(),
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
