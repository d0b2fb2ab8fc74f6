//! `aura-bench report RUN…`.

use std::path::PathBuf;

use clap::Args;

use crate::error::Result;
use crate::report::{self, ReportOptions};

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

pub fn run(arguments: &ReportArguments, shell: &Shell) -> Result<()> {
    let options = ReportOptions {
        progress: shell.progress,
        ..ReportOptions::default()
    };
    let paths = report::build(&arguments.runs, &arguments.out, &options)?;
    output::print(&paths.html.display().to_string())
}
