//! `aura-bench leaderboard RUN…`.

use std::path::PathBuf;

use clap::Args;

use crate::chain::leaderboard::leaderboard;
use crate::error::Result;
use crate::metric::Bootstrap;

use super::output;
use super::shell::Shell;

#[derive(Debug, Args)]
pub struct LeaderboardArguments {
    /// Run folders, or folders of runs, here or at an address: of AURA, and of predictions that were scored
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Also write the board as a self-contained page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Resamples of the bootstrap
    #[arg(long, default_value_t = 9999, value_name = "N", value_parser = clap::value_parser!(u32).range(999..=1_000_000))]
    resamples: u32,
    /// Print one JSON object (docs/schema/leaderboard.json)
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &LeaderboardArguments, shell: &Shell) -> Result<()> {
    let bootstrap = Bootstrap {
        resamples: arguments.resamples as usize,
        ..Bootstrap::hearing(&shell.interrupt)
    };
    let board = leaderboard(&arguments.runs, arguments.html.as_deref(), &bootstrap)?;
    if arguments.json {
        output::print_json(&board)
    } else {
        output::print(&board.to_text())
    }
}
