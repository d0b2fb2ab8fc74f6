//! The `aura-bench` command: everything is in the library.

use std::process::ExitCode;

/// The system's allocator gives every large temporary back: of a training step a fifth was spent on clearing pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    aura_bench::main()
}
