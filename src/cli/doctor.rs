//! `aura-bench doctor`.

use clap::Args;

use crate::chain;
use crate::device::DeviceChoice;
use crate::error::Result;

use super::output;

#[derive(Debug, Args)]
pub struct DoctorArguments {}

pub fn run(_arguments: &DoctorArguments) -> Result<()> {
    let mut lines = vec![format!("aura-bench   {}", env!("CARGO_PKG_VERSION"))];
    lines.push(format!("device       {}", DeviceChoice::Auto.resolve()?.name));
    lines.push(format!("cache        {}", chain::cache_folder(None)?.display()));
    lines.push(format!("recipes      {}", crate::recipe::built_in().join(", ")));
    output::print(&lines.join("\n"))
}
