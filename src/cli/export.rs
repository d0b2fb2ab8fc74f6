//! `aura-bench export mlflow RUN`, `aura-bench export model RUN`, `aura-bench export croissant TABLE`,
//! `aura-bench export atlas RUN` and `aura-bench export index DIR`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::check::facts::Facts;
use crate::error::{Error, Result};
use crate::export::mlflow_server::Server;
use crate::export::{atlas, croissant, index, mlflow, model};

use super::output;
use super::shell::Shell;

#[derive(Debug, Args)]
pub struct ExportArguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Send runs to an `MLflow` tracking server and print the addresses of their pages
    Mlflow {
        /// Run folders, or folders of runs
        #[arg(required = true, value_name = "RUN")]
        runs: Vec<PathBuf>,
        /// The server's address; what an earlier export of a run wrote is replaced
        #[arg(
            long,
            value_name = "URL",
            env = "MLFLOW_TRACKING_URI",
            hide_env_values = true,
            default_value = "http://127.0.0.1:5000"
        )]
        to: String,
    },
    /// Write the model of a run as safetensors and ONNX, with a model card, and print the folder
    Model {
        /// The run folder
        run: PathBuf,
        /// The folder that is written [default: the run's name and `-model`]
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// The seed whose model is written [default: the run's first]
        #[arg(long)]
        seed: Option<i64>,
        /// The fold whose model is written, in a run with folds [default: the run's first]
        #[arg(long)]
        fold: Option<i32>,
        /// Print what was written as JSON
        #[arg(long)]
        json: bool,
    },
    /// Write Croissant metadata beside a table and print the file's path
    Croissant {
        /// A folder of Parquet parts (a feature table), or one Parquet file
        table: PathBuf,
        /// Where it is written [default: croissant.json in the table's folder]; addresses stay relative to that folder
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Write the samples of a run, what is predicted of them and their places on the map as one Parquet file, for
    /// Embedding Atlas, `FiftyOne` and the like, and print its path
    Atlas {
        /// The run folder
        run: PathBuf,
        /// The file that is written [default: the run's name and `-atlas.parquet`]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// The seed whose model is shown [default: the run's first, which has the map]
        #[arg(long)]
        seed: Option<i64>,
        /// The fold whose model is shown, in a run with folds [default: the run's first]
        #[arg(long)]
        fold: Option<i32>,
        /// Write a small picture of every sample into the file
        #[arg(long)]
        images: bool,
    },
    /// Write index.json into a folder of runs and print its path, so that they are read quickly where they are copied to
    /// (docs/remote.md)
    Index {
        /// The folder of runs
        #[arg(value_name = "DIR")]
        runs: PathBuf,
    },
}

pub fn run(arguments: &ExportArguments, shell: &Shell) -> Result<()> {
    match &arguments.verb {
        Verb::Mlflow { runs, to } => {
            let server = Server::at(to).map_err(with_remedy)?;
            server.reach().map_err(with_remedy)?;
            for run in Facts::open(runs)? {
                let exported = mlflow::export(&run, &server)?;
                if let Some(warning) = exported.warning {
                    shell.progress.line(&format!("warning: {warning}"));
                }
                output::print(&exported.page)?;
            }
            Ok(())
        }
        Verb::Model {
            run,
            out,
            seed,
            fold,
            json,
        } => {
            let name = run.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let out = out.clone().unwrap_or_else(|| PathBuf::from(format!("{name}-model")));
            let exported = model::folder::export(run, *fold, *seed, &out)?;
            if *json {
                output::print_json(&exported)
            } else {
                output::print(&exported.folder.display().to_string())
            }
        }
        Verb::Atlas {
            run,
            out,
            seed,
            fold,
            images,
        } => {
            let name = run.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let out = out
                .clone()
                .unwrap_or_else(|| PathBuf::from(format!("{name}-atlas.parquet")));
            let options = atlas::AtlasOptions {
                seed: *seed,
                fold: *fold,
                images: *images,
                out: &out,
                progress: shell.progress,
                interrupt: &shell.interrupt,
            };
            let written = atlas::export(run, &options)?;
            for note in &written.notes {
                shell.progress.line(note);
            }
            shell.progress.line(&format!("{} samples", written.rows));
            output::print(&out.display().to_string())
        }
        Verb::Index { runs } => {
            let written = index::write(runs, &shell.interrupt)?;
            for note in &written.notes {
                shell.progress.line(note);
            }
            shell.progress.line(&format!("{} runs", written.runs));
            output::print(&written.path.display().to_string())
        }
        Verb::Croissant { table, out } => {
            let written = match out {
                Some(file) => {
                    croissant::write(table, file)?;
                    file.clone()
                }
                None => croissant::write_beside(table)?,
            };
            output::print(&written.display().to_string())
        }
    }
}

/// An error of a server, with what starts one.
fn with_remedy(error: Error) -> Error {
    let remedy = "`mlflow server --backend-store-uri sqlite:///mlflow.db` starts a server, and --to gives its address";
    match error {
        Error::Usage(text) => Error::Usage(format!("{text}; {remedy}")),
        other => Error::data(format!("{other}; {remedy}")),
    }
}
