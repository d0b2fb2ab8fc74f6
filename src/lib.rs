//! Reproducible facial-affect benchmarks for AURA, as a library: what the program `aura-bench` does, in 28 names.
//!
//! AURA learns a dictionary of visual archetypes over the features of a frozen image encoder and reads expressions, valence and
//! arousal, or action units off the nearest archetypes. A benchmark of it is a *recipe* (TOML: database, encoder, protocol, model),
//! which is *run* into a folder of Parquet tables, *queried* by SQL, and *checked* against an earlier run.
//!
//! | group | names | for |
//! |---|---|---|
//! | recipe | [`Recipe`], [`RecipeOptions`], [`Mistake`], [`built_in`] | read a recipe and every key it lays over another; a mistake knows its file, line and remedy |
//! | run | [`run()`], [`RunOptions`], [`Summary`], [`OverSeeds`], [`Interrupt`], [`Progress`] | do what is missing of the whole chain, from a licensed folder to the report |
//! | query | [`QueryContext`], [`Table`], [`Column`], [`Value`], [`Format`] | ask all tables of any number of runs, read-only |
//! | check | [`Facts`], [`check()`], [`CheckOptions`], [`CheckReport`], [`Verdict`], [`Baseline`], [`SaveOptions`], [`compare`], [`CompareOptions`], [`Comparison`] | is a number that moved news, or noise? |
//!
//! Whatever fails is an [`Error`], which owns the program's exit code ([`Error::exit_code`]); data that cannot be used say of which
//! [`DataKind`] they are.
//!
//! # Example
//! A whole run on generated faces, far too small to mean anything; its numbers say nothing about the database.
//!
//! ```
//! use std::path::Path;
//!
//! use aura_bench::{
//!     CheckOptions, Facts, Interrupt, Progress, QueryContext, Recipe, RecipeOptions, RunOptions, Value, check, run,
//! };
//!
//! # fn main() -> aura_bench::Result<()> {
//! # let folder = tempfile::tempdir().expect("a folder");
//! # let folder = folder.path();
//! // A recipe that the library carries, on faces that it draws, with a few keys changed.
//! let changed = ["stand_in.samples=120", "stand_in.size=32", "protocol.seeds=[0]", "train.epochs=1", "model.k_max=10",
//!     "baselines.enabled=false"];
//! let recipe = Recipe::load(
//!     Path::new("recipes/rafdb.toml"),
//!     &RecipeOptions { stand_in: true, set: changed.map(str::to_owned).to_vec() },
//! )?;
//!
//! // Everything that it needs is made and kept below `cache`; the same call again finds all of it there.
//! let options = RunOptions {
//!     data: None,
//!     out: folder.join("runs"),
//!     cache: folder.join("cache"),
//!     device: "cpu".to_owned(),
//!     sweep: None,
//!     scratch: None,
//! };
//! let summary = run(&recipe, &options, Progress::hidden(), &Interrupt::default())?;
//! assert!(summary.stand_in && summary.metrics["acc"].mean <= 1.0);
//!
//! // The run folder is a set of tables.
//! let runs = [folder.join("runs")];
//! let table = QueryContext::open(&runs)?.query("SELECT count(*) AS n FROM archetypes WHERE active")?;
//! assert!(matches!(table.rows[0][0], Value::Int(n) if n > 0));
//!
//! // What every sound run has, this one has too.
//! let report = check(&Facts::open(&runs)?, &CheckOptions::default(), |_| Ok(None))?;
//! print!("{}", report.to_text());
//! # Ok(())
//! # }
//! ```
//!
//! How the inside stands: ARCHITECTURE.md. It may change with every version; what is listed above changes with a word in the
//! changelog.

mod action_unit;
mod bench;
mod cache;
mod chain;
mod check;
mod cli;
mod columns;
mod counted;
mod dataset;
mod device;
mod digest;
mod disk;
mod doctor;
mod document;
mod elementwise;
mod encoder;
mod error;
mod export;
mod feature;
mod fitting;
#[cfg(any(test, feature = "inside"))]
mod hostile;
mod image;
mod import;
mod intake;
mod interrupt;
mod launch;
mod map;
mod meter;
mod metric;
mod model;
mod naming;
mod predict;
mod progress;
mod published;
mod query;
mod quoting;
mod recipe;
mod record;
mod regular;
mod remote;
mod report;
mod rival;
mod run;
mod score;
mod served;
mod sets;
mod size;
mod solver;
mod spelling;
mod standin;
mod system_files;
mod task;
mod terminal;
mod there;
mod threads;
mod train;
mod view;

pub use chain::Summary;
pub use chain::stages::run;
pub use chain::state::RunOptions;
pub use check::baseline::{Baseline, SaveOptions};
pub use check::compare::{CompareOptions, Comparison, compare};
pub use check::facts::Facts;
pub use check::judge::{CheckOptions, CheckReport, check};
pub use check::verdict::Verdict;
#[doc(hidden)]
pub use cli::arguments::main;
pub use document::mistake::Mistake;
pub use error::{DataKind, Error, Result};
pub use interrupt::Interrupt;
pub use metric::seeds::OverSeeds;
pub use progress::Progress;
pub use query::context::QueryContext;
pub use query::{Column, Format, Table, Value};
pub use recipe::{Recipe, RecipeOptions, built_in};

/// What benchmarks and fuzz targets reach beyond the library's names. Nothing here is promised to anybody.
#[cfg(feature = "inside")]
#[doc(hidden)]
pub mod inside {
    pub use crate::dataset::Card;
    pub use crate::dataset::convert::convert;
    pub use crate::dataset::options::ConvertOptions;
    pub use crate::disk::parquet::{write as write_table, write_batch};
    pub use crate::encoder::interface::{Encoded, TokenShape};
    pub use crate::feature::config::Dtype;
    pub use crate::feature::table::{FeatureMetadata, PartMetadata, part_path};
    pub use crate::feature::writer::PartWriter;
    pub use crate::feature::{FeatureTable, LoadOptions};
    pub use crate::fitting::config::FittingConfig;
    pub use crate::hostile::parsers::*;
    pub use crate::meter::{Meter, Spent};
    pub use crate::model::config::ModelConfig;
    pub use crate::model::loss::config::LossConfig;
    pub use crate::record::{ArchetypeRow, AssignmentRow, Origin};
    pub use crate::rival::config::RivalConfig;
    pub use crate::rival::run::Rivals;
    pub use crate::sets::SplitSets;
    pub use crate::size::Size;
    pub use crate::task::Task;
    pub use crate::train::setup::{Method, Setup};
    pub use crate::train::{Sampling, Seeds, Selection, TrainConfig};

    /// The processor.
    pub fn cpu() -> burn::tensor::Device {
        burn::tensor::Device::flex()
    }
}
