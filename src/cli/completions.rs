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

pub fn run(arguments: &CompletionsArguments, command: &Command) -> Result<()> {
    // Hidden verbs would be offered like the others.
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    let mut shown = Command::new("aura-bench")
        .version(env!("CARGO_PKG_VERSION"))
        .args(command.get_arguments())
        .subcommands(verbs.cloned());
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut shown, "aura-bench", &mut script);
    let script = String::from_utf8_lossy(&script);
    // For bash the hyphen of the program's name is written in two ways: where a verb is recognised and where its options stand.
    if arguments.shell == Shell::Bash {
        return output::print_data(&script.replace("aura__subcmd__bench", "aura__bench"));
    }
    output::print_data(&script)
}
