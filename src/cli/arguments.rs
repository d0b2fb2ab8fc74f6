//! The command line as a whole.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::error::{Error, exit};
use crate::interrupt::{Interrupt, Stop};
use crate::progress::{self, Progress};

use super::shell::Shell;
use super::{
    advice, baseline, bench, cache, check, compare, completions, convert, doctor, examples, explain, export, extract,
    generate, launch, leaderboard, output, panics, paths, plan, predict, published, query, report, run, schema, score,
    standin, threads, validate, view,
};

/// Reproducible facial-affect benchmarks for AURA: recipes in, tables, figures and checks out.
#[derive(Debug, Parser)]
#[command(name = "aura-bench", version, about, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    /// Show no progress; errors and results still appear
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Say more: where each result lies and what it cost, and what is written to the log
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    verbose: bool,
}

pub(crate) const AFTER_HELP: &str = "\
Exit codes: 0 fine; 1 a check failed; 2 usage or recipe; 3 data missing or unusable; 4 device; 130 interrupted.
First steps: aura-bench run affectnet_va --stand-in";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run a recipe: convert, extract, train, evaluate, statistics, report; whatever is there already is not done again
    Run(run::RunArguments),
    /// Say what there is to do of a recipe or a study, and what is done already, with the command of every step
    Plan(plan::PlanArguments),
    /// Give a recipe or a study to a cluster's queue, and say how far it is there
    Launch(launch::LaunchArguments),
    /// Score predictions that another tool made, under a recipe's protocol: a run folder like any other
    Score(score::ScoreArguments),
    /// Turn a database's folder into a checked samples table
    Convert(convert::ConvertArguments),
    /// Turn any folder of images into a feature table, without a recipe
    Extract(extract::ExtractArguments),
    /// Draw stand-in faces in a database's own layout, with their truth beside them
    Standin(standin::StandinArguments),
    /// Write the report of runs: page, Markdown, LaTeX, CSV, figures
    Report(report::ReportArguments),
    /// Show runs in the browser: maps, archetypes, faces, labels to review, two runs side by side, live curves
    View(view::ViewArguments),
    /// Check runs against a baseline, expectations and published numbers: is a number that moved news, or noise?
    Check(check::CheckArguments),
    /// Put runs side by side, with significance; refuses to rank unequal protocols
    Compare(compare::CompareArguments),
    /// Rank runs and scored tools, each protocol by itself, with intervals; as a page too
    Leaderboard(leaderboard::LeaderboardArguments),
    /// Save the baseline of a run
    Baseline(baseline::BaselineArguments),
    /// Say why one sample is predicted as it is: archetypes, similarities, support images
    Explain(explain::ExplainArguments),
    /// Say what a trained run makes of other faces: images, lists with boxes, videos, feature tables
    Predict(predict::PredictArguments),
    /// Check published numbers for contradictions, and set them beside a run's
    Published(published::PublishedArguments),
    /// Ask all runs in SQL
    Query(query::QueryArguments),
    /// Write runs, models and tables as other programs read them: `MLflow`, ONNX, Croissant
    Export(export::ExportArguments),
    /// Say what lies in a folder, or whether a recipe, its data or a card are right; nothing is written
    Validate(validate::ValidateArguments),
    /// Print the JSON Schema of a file or an output
    Schema(schema::SchemaArguments),
    /// Say what lies in the cache, check it, and remove what nobody needs
    Cache(cache::CacheArguments),
    /// Say what this machine offers: device, caches, versions
    Doctor(doctor::DoctorArguments),
    /// Measure the speed of training or of an encoder on a device
    Bench(bench::BenchArguments),
    /// Print shell completions
    Completions(completions::CompletionsArguments),
    /// Write the files of a clone that are made from the program: the reference, the schemas
    #[command(hide = true)]
    Generate(generate::GenerateArguments),
}

/// Parses the arguments, runs the verb, prints what went wrong, and returns the documented exit code.
pub fn main() -> ExitCode {
    let mut command = examples::shown(Arguments::command());
    panics::become_errors();
    let parsed = command
        .try_get_matches_from_mut(std::env::args_os())
        .and_then(|matches| {
            let arguments = Arguments::from_arg_matches(&matches)?;
            Ok((arguments, matches))
        });
    let (arguments, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return explained(&error),
    };
    output::start_log(arguments.verbose);
    #[cfg(feature = "cuda-plain")]
    compiler(&arguments.verb);
    let verb = matches.subcommand_name().map(str::to_owned);
    let ready = paths::check(&command, &matches).and_then(|()| threads::ready());
    if let Err(error) = ready {
        show(&error);
        return ExitCode::from(error.exit_code());
    }
    let shell = Shell {
        progress: if arguments.verbose {
            Progress::new(false).with_details()
        } else {
            Progress::new(arguments.quiet)
        },
        interrupt: Interrupt::install_for(arguments.verb.stop(), progress::doing),
    };
    let result = match arguments.verb {
        Verb::Run(arguments) => run::run(&arguments, &shell),
        Verb::Plan(arguments) => plan::run(&arguments, &shell),
        Verb::Launch(arguments) => launch::run(&arguments, &shell),
        Verb::Score(arguments) => score::run(&arguments, &shell),
        Verb::Convert(arguments) => convert::run(&arguments, &shell),
        Verb::Extract(arguments) => extract::run(&arguments, &shell),
        Verb::Standin(arguments) => standin::run(&arguments, &shell),
        Verb::Report(arguments) => report::run(&arguments, &shell),
        Verb::View(arguments) => view::run(&arguments, &shell),
        Verb::Check(arguments) => check::run(&arguments),
        Verb::Compare(arguments) => compare::run(&arguments),
        Verb::Leaderboard(arguments) => leaderboard::run(&arguments, &shell),
        Verb::Baseline(arguments) => baseline::run(&arguments, &shell),
        Verb::Explain(arguments) => explain::run(&arguments),
        Verb::Predict(arguments) => predict::run(&arguments, &shell),
        Verb::Published(arguments) => published::run(&arguments),
        Verb::Query(arguments) => query::run(&arguments, &shell),
        Verb::Export(arguments) => export::run(&arguments, &shell),
        Verb::Validate(arguments) => validate::run(&arguments, &shell),
        Verb::Schema(arguments) => schema::run(&arguments),
        Verb::Cache(arguments) => cache::run(&arguments, &shell),
        Verb::Doctor(arguments) => doctor::run(&arguments, &shell),
        Verb::Bench(arguments) => bench::run(&arguments, &shell),
        Verb::Completions(arguments) => completions::run(&arguments, &examples::shown(Arguments::command())),
        Verb::Generate(arguments) => generate::run(&arguments, &examples::shown(Arguments::command())),
    };
    match result {
        Ok(()) => ExitCode::from(exit::OK),
        Err(error) => {
            show(&error);
            output::help(&advice::of(&error, verb.and_then(|verb| command.find_subcommand(verb))));
            ExitCode::from(error.exit_code())
        }
    }
}

/// Help, version, or what is wrong with the arguments, each on its own stream.
fn explained(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        // The arguments are repeated in it.
        let steers = std::env::args_os().any(|argument| argument.to_string_lossy().contains(crate::terminal::steers));
        if steers {
            output::complain(error.to_string().trim_end());
        } else {
            let _ = error.print();
        }
        return ExitCode::from(exit::USAGE);
    }
    match output::wrote(error.print().and_then(|()| std::io::stdout().flush())) {
        Ok(()) => ExitCode::from(exit::OK),
        Err(error) => {
            show(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

impl Verb {
    /// Whether it leaves something that a later call goes on with.
    fn stop(&self) -> Stop {
        match self {
            Self::Run(_)
            | Self::Launch(_)
            | Self::Score(_)
            | Self::Convert(_)
            | Self::Extract(_)
            | Self::Standin(_)
            | Self::Report(_)
            | Self::Predict(_)
            | Self::View(_)
            | Self::Bench(_)
            | Self::Generate(_) => Stop::AtCheckpoint,
            Self::Check(_)
            | Self::Compare(_)
            | Self::Leaderboard(_)
            | Self::Baseline(_)
            | Self::Explain(_)
            | Self::Published(_)
            | Self::Query(_)
            | Self::Export(_)
            | Self::Validate(_)
            | Self::Schema(_)
            | Self::Cache(_)
            | Self::Doctor(_)
            | Self::Plan(_)
            | Self::Completions(_) => Stop::AtOnce,
        }
    }
}

/// Shows an error once, on stderr: mistakes of documents with their source, all others as one sentence.
pub(crate) fn show(error: &Error) {
    match error {
        Error::Document(mistake) => output::complain_of(mistake),
        other => output::complain(&format!("error: {other}")),
    }
}

/// Opens what compiles kernels, for the verbs that may compute on a GPU, before any thread is started.
#[cfg(feature = "cuda-plain")]
fn compiler(verb: &Verb) {
    let (used, asked) = match verb {
        Verb::Doctor(_) => (true, true),
        Verb::Run(_) | Verb::Plan(_) | Verb::Extract(_) | Verb::Predict(_) | Verb::Bench(_) => (true, false),
        _ => (false, false),
    };
    if !used {
        return;
    }
    let ready =
        crate::chain::stages::cache_folder(None).and_then(|cache| crate::device::machine::prepare(&cache, asked));
    if let Err(error) = ready {
        // Who asks for the GPU is told by the device; all others need none of it.
        tracing::warn!("kernels cannot be compiled: {error}");
    }
}
