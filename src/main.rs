//! The `aura-bench` command: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    aura_bench::main()
}
