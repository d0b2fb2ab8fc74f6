//! `aura-bench completions SHELL`.

use clap::{Args, Command};
use clap_complete::Shell;

use crate::error::Result;

use super::output;

#[derive(Debug, Args)]
pub struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub fn run(arguments: &CompletionsArguments, command: &mut Command) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, command, "aura-bench", &mut script);
    output::print(&String::from_utf8_lossy(&script))
}
