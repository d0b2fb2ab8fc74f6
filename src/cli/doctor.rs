//! `aura-bench doctor`.

use std::path::PathBuf;

use clap::Args;

use crate::chain::stages;
use crate::device::choice::DeviceChoice;
use crate::doctor::examination::Examination;
use crate::doctor::parity::{ground, suite};
use crate::error::Result;
use crate::launch::config;

use super::output;
use super::shell::Shell;

#[derive(Debug, Args)]
pub struct DoctorArguments {
    /// Compare a GPU with the processor: forward pass, losses, gradients, optimizer, reset, 20 training steps; exit 1 if
    /// one differs by more than its tolerance
    #[arg(long)]
    gpu_parity: bool,
    /// What --gpu-parity compares with the processor: cuda, cuda:N, gpu, gpu:N, or cpu to see the suite run without a GPU
    #[arg(long, default_value = "cuda", requires = "gpu_parity")]
    device: DeviceChoice,
    /// Compare small models: to see the suite itself run in seconds
    #[arg(long, requires = "gpu_parity")]
    quick: bool,
    /// Where samples, features and generated faces are kept [default: `AURA_BENCH_CACHE`, else ~/.cache/aura-bench]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &DoctorArguments, shell: &Shell) -> Result<()> {
    if arguments.gpu_parity {
        let device = arguments.device.resolve()?;
        let reference = DeviceChoice::Cpu.resolve()?;
        let scale = if arguments.quick {
            ground::Scale::QUICK
        } else {
            ground::Scale::FULL
        };
        let found = suite::run(&reference, &device, scale, shell.progress, &shell.interrupt)?;
        if arguments.json {
            output::print_json(&found)?;
        } else {
            output::print(&found.to_text())?;
        }
        return found.verdict();
    }
    let found = Examination::new(stages::cache_folder(arguments.cache.clone())?, config::find()?);
    if arguments.json {
        output::print_json(&found)
    } else {
        output::print(&found.to_text())
    }
}
