//! `aura-bench report RUN…`.

use std::path::PathBuf;

use clap::Args;

use crate::error::Result;
use crate::report::{ReportOptions, build};

use super::output;
use super::shell::Shell;

#[derive(Debug, Args)]
pub struct ReportArguments {
    /// Run folders, or folders of runs; s3://…, gs://…, az://… or https://… (docs/remote.md)
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Where the page, the tables and the figures are written
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Where the images lie, if not where the runs found them
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A folder with tables, figures and templates of your own (docs/tables.md)
    #[arg(long, value_name = "DIR")]
    reports: Option<PathBuf>,
    /// Leave images of the database out, whatever the recipe says
    #[arg(long)]
    no_images: bool,
}

pub fn run(arguments: &ReportArguments, shell: &Shell) -> Result<()> {
    let options = ReportOptions {
        config: None,
        no_images: arguments.no_images,
        reports: arguments.reports.clone(),
        data_root: arguments.data.clone(),
        progress: shell.progress,
        interrupt: shell.interrupt.clone(),
    };
    let paths = build::build(&arguments.runs, &arguments.out, &options)?;
    output::print(&paths.html.display().to_string())
}
