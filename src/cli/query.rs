//! `aura-bench query "SELECT …"`.

use std::path::PathBuf;

use clap::Args;

use crate::error::Result;
use crate::query::{Format, QueryContext};

use super::output;

#[derive(Debug, Args)]
#[command(
    after_help = "Views: runs, metrics, samples, predictions, assignments, archetypes, resets, truth (docs/tables.md)."
)]
pub struct QueryArguments {
    /// One SELECT statement
    sql: String,
    /// Folder of runs, or one run folder
    #[arg(long, value_name = "DIR", default_value = "runs")]
    runs: PathBuf,
    /// How the rows are printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

pub fn run(arguments: &QueryArguments) -> Result<()> {
    let table = QueryContext::open(std::slice::from_ref(&arguments.runs))?.query(&arguments.sql)?;
    output::print(&table.to_text(arguments.format))
}
