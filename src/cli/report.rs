//! `aura-bench report RUN…`.

use std::path::PathBuf;

use clap::Args;

use crate::error::Result;
use crate::report::{self, ReportOptions};
use crate::run::folder;

use super::{Shell, output};

#[derive(Debug, Args)]
pub struct ReportArguments {
    /// Run folders, or folders of runs
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Where the page, the tables and the figures are written
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub fn run(arguments: &ReportArguments, _shell: &Shell) -> Result<()> {
    let runs: Vec<PathBuf> = folder::find(&arguments.runs)?
        .iter()
        .map(|run| run.path().to_owned())
        .collect();
    let paths = report::build(&runs, &arguments.out, &ReportOptions::default())?;
    output::print(&paths.html.display().to_string())
}
