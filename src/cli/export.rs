//! `aura-bench export mlflow RUN` and `aura-bench export croissant TABLE`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::check::facts::Facts;
use crate::error::Result;
use crate::export::{croissant, mlflow};

use super::output;

#[derive(Debug, Args)]
pub struct ExportArguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write runs into an `MLflow` file store and print its address
    Mlflow {
        /// Run folders, or folders of runs
        #[arg(required = true, value_name = "RUN")]
        runs: Vec<PathBuf>,
        /// The store; a run that is there already is replaced
        #[arg(long, value_name = "DIR", default_value = "mlruns")]
        out: PathBuf,
    },
    /// Write Croissant metadata beside a table and print the file's path
    Croissant {
        /// A folder of Parquet parts (a feature table), or one Parquet file
        table: PathBuf,
        /// Where it is written [default: croissant.json in the table's folder]; addresses stay relative to that folder
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

pub fn run(arguments: &ExportArguments) -> Result<()> {
    match &arguments.verb {
        Verb::Mlflow { runs, out } => {
            let mut address = String::new();
            for run in Facts::open(runs)? {
                address = mlflow::export(&run, out)?;
            }
            output::print(&address)
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
