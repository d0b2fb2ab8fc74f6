//! `aura-bench published --lint [FILE]`.

use std::path::PathBuf;

use clap::Args;

use crate::check::published::{self, Paper, Severity};
use crate::error::{Error, Result};

use super::output;

#[derive(Debug, Args)]
#[command(
    after_help = "Exit code of --lint: 0 if every rule holds or only doubts remain, 1 if there is a contradiction, 2 if the file is no file of published numbers."
)]
pub struct PublishedArguments {
    /// Check published numbers against each other, against the text and against the databases; without FILE, those that
    /// come with the program
    #[arg(long, value_name = "FILE", num_args = 0..=1, required = true)]
    #[expect(clippy::option_option, reason = "--lint, --lint FILE and neither are three things")]
    lint: Option<Option<PathBuf>>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &PublishedArguments) -> Result<()> {
    let papers = match &arguments.lint {
        Some(Some(file)) => vec![Paper::read(file)?],
        _ => Paper::names()
            .iter()
            .map(|name| Paper::built_in(name))
            .collect::<Result<Vec<_>>>()?,
    };
    let reports = papers.iter().map(published::lint).collect::<Result<Vec<_>>>()?;
    if arguments.json {
        output::print_json(&reports)?;
    } else {
        let texts: Vec<String> = reports.iter().map(published::Lint::to_text).collect();
        output::print(&texts.join("\n"))?;
    }
    let contradictions: usize = reports.iter().map(|report| report.count(Severity::Contradiction)).sum();
    if contradictions > 0 {
        return Err(Error::Check(format!(
            "{contradictions} contradictions in published numbers"
        )));
    }
    Ok(())
}
