//! `aura-bench published RUN…` and `aura-bench published --lint [FILE]`.

use std::path::PathBuf;

use clap::Args;

use crate::error::{Error, Result};
use crate::published;
use crate::published::beside::BesideTable;
use crate::published::file::{Paper, Severity};
use crate::published::lint::Lint;

use super::output;

#[derive(Debug, Args)]
#[command(
    after_help = "A verdict is given only where the conditions are the same; --assume takes for the same what the paper does not \
                  say. Exit code of --lint: 0 if every rule holds or only doubts remain, 1 if there is a contradiction, 2 if the \
                  file is no file of published numbers (docs/published.md)."
)]
pub struct PublishedArguments {
    /// Run folders, or folders of runs, to set beside the published numbers
    #[arg(value_name = "RUN", required_unless_present = "lint", conflicts_with = "lint")]
    runs: Vec<PathBuf>,
    /// Check published numbers against each other, against the text and against the databases; without FILE, those that
    /// come with the program
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    #[expect(clippy::option_option, reason = "--lint, --lint FILE and neither are three things")]
    lint: Option<Option<PathBuf>>,
    /// Take for the same what the paper leaves open, such as `selection`; may be repeated
    #[arg(long, value_name = "CONDITION", requires = "runs")]
    assume: Vec<String>,
    /// The published numbers, if not those that come with the program
    #[arg(long, value_name = "FILE", requires = "runs")]
    paper: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &PublishedArguments) -> Result<()> {
    let built_in = || {
        let names = Paper::names();
        names
            .iter()
            .map(|name| Paper::built_in(name))
            .collect::<Result<Vec<_>>>()
    };
    let papers = match arguments
        .lint
        .as_ref()
        .and_then(Option::as_ref)
        .or(arguments.paper.as_ref())
    {
        Some(file) => vec![Paper::read(file)?],
        None => built_in()?,
    };
    if arguments.lint.is_some() {
        lint(&papers, arguments.json)
    } else {
        beside(&papers, arguments)
    }
}

fn lint(papers: &[Paper], json: bool) -> Result<()> {
    let reports = papers.iter().map(published::lint).collect::<Result<Vec<_>>>()?;
    if json {
        output::print_json(&reports)?;
    } else {
        let texts: Vec<String> = reports.iter().map(Lint::to_text).collect();
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

fn beside(papers: &[Paper], arguments: &PublishedArguments) -> Result<()> {
    let mut tables = Vec::new();
    for paper in papers {
        tables.extend(published::beside(paper, &arguments.runs, &arguments.assume)?);
    }
    if arguments.json {
        return output::print_json(&tables);
    }
    let texts: Vec<String> = tables.iter().map(BesideTable::to_text).collect();
    output::print(&texts.join("\n"))
}
