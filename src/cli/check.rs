//! `aura-bench check RUN…`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::check::baseline::{Baseline, SaveOptions, line_of};
use crate::check::facts::Facts;
use crate::check::judge::{self, CheckOptions, CheckReport, Place, Source};
use crate::check::verdict::Verdict;
use crate::disk::atomic;
use crate::error::{Context, Error, Result};
use crate::metric::Bootstrap;
use crate::published::results::values_for;
use crate::recipe::{Places, Recipe, RecipeOptions};
use crate::regular;
use crate::remote;
use crate::there;

use super::output;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(after_help = "Exit codes: 0 all passed; 1 a number failed. Rules and false-alarm rate: docs/check.md.")]
pub struct CheckArguments {
    /// Run folders, or folders of runs; s3://…, gs://…, az://… or https://… (docs/remote.md)
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// A baseline file, or the run folder to compare with
    #[arg(long, value_name = "FILE|RUN")]
    baseline: Option<PathBuf>,
    /// Also hold the runs against the published numbers for their database and encoder (reports/published)
    #[arg(long)]
    published: bool,
    /// The recipe whose [expect] holds, and whose lines annotations name [default: as the run recorded it]
    #[arg(long, value_name = "FILE")]
    recipe: Option<PathBuf>,
    /// Verdicts that do not fail the check
    #[arg(long, value_enum, value_delimiter = ',', value_name = "VERDICTS")]
    allow: Vec<Allowed>,
    /// Fail where a run warns of what changes what it measures: rows left out, a split that nobody stated, pictures in two splits
    #[arg(long)]
    deny_warnings: bool,
    /// Resamples of the bootstrap
    #[arg(long, default_value_t = 1999, value_name = "N", value_parser = clap::value_parser!(u32).range(99..=1_000_000))]
    resamples: u32,
    #[arg(long, value_name = "FILE", help = "Also write JUnit XML for a CI server")]
    junit: Option<PathBuf>,
    /// Also write a Markdown summary, for example for a pull request
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Also print annotations for GitHub Actions
    #[arg(long, conflicts_with = "json")]
    github: bool,
    /// Print one JSON object (docs/schema/check.json)
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Allowed {
    /// A loss that may be chance
    Inconclusive,
    /// A number that the run does not have
    Missing,
}

pub fn run(arguments: &CheckArguments) -> Result<()> {
    let runs = Facts::open(&arguments.runs)?;
    let as_run = RecipeOptions {
        stand_in: runs.iter().any(|run| run.manifest.stand_in),
        set: Vec::new(),
    };
    let expect = match &arguments.recipe {
        Some(path) => Some(Recipe::load(path, &as_run)?.expect),
        None => None,
    };
    let baseline = match &arguments.baseline {
        Some(path) if remote::is_address(path) || there::is_dir(path)? => {
            let reference = Facts::one(path)?;
            // The rules of the run that is judged hold, so that both ways of naming a baseline judge alike.
            let rules = expect
                .as_ref()
                .or_else(|| runs.first().map(|run| &run.expect))
                .unwrap_or(&reference.expect);
            Some(Baseline::of(&reference, rules, &SaveOptions::default())?)
        }
        Some(path) => Some(Baseline::read(path)?),
        None => None,
    };
    let options = CheckOptions {
        baseline,
        expect,
        allow: arguments
            .allow
            .iter()
            .map(|allowed| match allowed {
                Allowed::Inconclusive => Verdict::Inconclusive,
                Allowed::Missing => Verdict::Missing,
            })
            .collect(),
        deny_warnings: arguments.deny_warnings,
        bootstrap: Bootstrap {
            resamples: arguments.resamples as usize,
            ..Bootstrap::default()
        },
    };
    let mut report = judge::check(&runs, &options, |run| {
        if arguments.published {
            values_for(run).map(Some)
        } else {
            Ok(None)
        }
    })?;
    add_places(&mut report, &runs, arguments, &as_run)?;
    if let Some(path) = &arguments.junit {
        atomic::write(path, report.to_junit()?.as_bytes())?;
    }
    if let Some(path) = &arguments.markdown {
        atomic::write(path, report.to_markdown().as_bytes())?;
    }
    if arguments.json {
        output::print_json(&report)?;
    } else {
        output::print(&report.to_text())?;
    }
    if arguments.github {
        let annotations = report.to_annotations();
        if !annotations.is_empty() {
            output::print(&annotations)?;
        }
    }
    if report.failed {
        let failing: usize = report
            .runs
            .iter()
            .map(|run| run.findings.iter().filter(|finding| finding.fails).count())
            .sum();
        return Err(Error::Check(format!("{failing} numbers failed the check")));
    }
    Ok(())
}

/// Names the line of the recipe that each finding is about: its `[expect.METRIC]`; else, for a baseline file, the metric's line
/// there; else the recipe's first line.
fn add_places(
    report: &mut CheckReport,
    runs: &[Facts],
    arguments: &CheckArguments,
    as_run: &RecipeOptions,
) -> Result<()> {
    let file = match &arguments.baseline {
        Some(path) if there::is_file(path)? => Some(path),
        _ => None,
    };
    let text = match file {
        Some(path) => regular::text(path).at("read", path)?,
        None => String::new(),
    };
    for (run, facts) in report.runs.iter_mut().zip(runs) {
        let recorded = facts.manifest.recipe_file.as_ref().map(PathBuf::from);
        let recipe = arguments.recipe.clone().or(recorded).filter(|path| path.is_file());
        let places = match &recipe {
            Some(path) => Some(Places::read(path, as_run)?),
            None => None,
        };
        for finding in &mut run.findings {
            let key = format!("expect.{}", finding.metric);
            let in_recipe = places.as_ref().and_then(|places| places.line_of(&key));
            let in_baseline = || {
                let path: &Path = file.filter(|_| finding.source == Source::Baseline)?;
                Some((path.display().to_string(), line_of(&text, &finding.metric)?))
            };
            let first = || recipe.as_ref().map(|path| (path.display().to_string(), 1));
            finding.place = in_recipe.or_else(in_baseline).or_else(first).map(|(file, line)| Place {
                file,
                line: line as u64,
            });
        }
    }
    Ok(())
}
