//! `aura-bench standin CARD`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::error::Result;
use crate::standin::generate;
use crate::standin::options::StandinOptions;

use super::output;
use super::shell::Shell;

#[derive(Debug, Args)]
pub struct StandinArguments {
    /// Which database, by the name of its card
    #[arg(value_parser = PossibleValuesParser::new(generate::cards()))]
    card: String,
    /// Where the faces are drawn
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Faces, all splits together
    #[arg(long, default_value_t = 3000)]
    samples: usize,
    /// The same seed gives the same bytes
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Share of samples whose label is deliberately wrong
    #[arg(long, default_value_t = 0.05, value_name = "SHARE")]
    label_noise: f64,
    /// Which of the database's layouts, by its name in the card [default: the usual one]
    #[arg(long, value_name = "NAME")]
    layout: Option<String>,
    /// Side of a face in pixels [default: the database's own]
    #[arg(long, value_name = "PIXELS")]
    size: Option<u32>,
}

pub fn run(arguments: &StandinArguments, shell: &Shell) -> Result<()> {
    let options = StandinOptions {
        card: arguments.card.clone(),
        layout: arguments.layout.clone(),
        samples: arguments.samples,
        seed: arguments.seed,
        label_noise: arguments.label_noise,
        size: arguments.size,
    };
    let report = generate::generate(&options, &arguments.out, &shell.progress, &shell.interrupt)?;
    output::print(&report.to_text())
}
