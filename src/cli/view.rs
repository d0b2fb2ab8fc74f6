//! `aura-bench view RUN…`.

use std::path::PathBuf;

use clap::Args;

use crate::error::Result;
use crate::view::server::Server;
use crate::view::site::ViewOptions;

use super::output;
use super::shell::Shell;

#[derive(Debug, Args)]
#[command(
    after_help = "The address is open to this machine alone and cannot be guessed; from another one, forward its port:\n\
                        ssh -L 8777:127.0.0.1:8777 HOST. Ctrl-C ends it."
)]
pub struct ViewArguments {
    /// Run folders, or folders of runs; s3://…, gs://…, az://… or https://… (docs/remote.md)
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// The port [default: 8777, or any that is free]
    #[arg(long)]
    port: Option<u16>,
    /// Where the images lie, if not where the runs found them
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Show no images of the database
    #[arg(long)]
    no_images: bool,
}

pub fn run(arguments: &ViewArguments, shell: &Shell) -> Result<()> {
    let options = ViewOptions {
        runs: arguments.runs.clone(),
        data_root: arguments.data.clone(),
        images: !arguments.no_images,
        interrupt: shell.interrupt.clone(),
    };
    let server = Server::listen(options, arguments.port)?;
    output::print(&server.address())?;
    shell.progress.line("Ctrl-C ends it");
    // Ctrl-C is how a server is ended, and no failure.
    server.serve(&shell.interrupt);
    Ok(())
}
