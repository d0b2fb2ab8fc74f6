//! The `aura-bench` command.

fn main() {}
