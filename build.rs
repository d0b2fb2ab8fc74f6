//! Gives every stage of the chain the digest of all code, embedded files and libraries that compute it: when one of them
//! changes, what was computed before is never taken for current.

#[path = "build/digest.rs"]
#[allow(dead_code, reason = "what only the test of the house asks for")]
mod digest;
#[path = "build/source.rs"]
#[allow(dead_code, reason = "what only the tests ask for")]
mod source;

use std::path::Path;
use std::process::ExitCode;

/// Libraries whose versions `doctor` tells.
const LIBRARIES: [&str; 8] = [
    "arrow",
    "burn",
    "cubecl-cuda",
    "cudarc",
    "datafusion",
    "image",
    "parquet",
    "polars",
];

fn main() -> ExitCode {
    match emit() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error={error}");
            ExitCode::FAILURE
        }
    }
}

fn emit() -> Result<(), String> {
    for path in [
        "src",
        "datasets",
        "recipes",
        "reports",
        "benches/peers",
        "build",
        "build.rs",
        "Cargo.toml",
        "Cargo.lock",
    ] {
        println!("cargo:rerun-if-changed={path}");
    }
    let files = source::Files::on(Path::new("."));
    let lock = digest::Lock::read(&files)?;
    println!("cargo:rustc-env=AURA_LIBRARIES={}", lock.named(&LIBRARIES).join(","));
    println!("cargo:rustc-env=AURA_COMPILER={}", compiler());
    println!(
        "cargo:rustc-env=AURA_TARGET={}",
        std::env::var("TARGET").unwrap_or_default()
    );
    // Cargo says `release` for every profile that inherits from it, and `debug` for every other.
    println!(
        "cargo:rustc-env=AURA_PROFILE={}",
        std::env::var("PROFILE").unwrap_or_default()
    );
    let tree = source::Tree::read(&files, &mut source::Cache::new())?;
    for (stage, digest) in digest::digests(&tree, &files)? {
        println!("cargo:rustc-env=AURA_STAGE_{}={digest}", stage.to_uppercase());
    }
    Ok(())
}

/// What `rustc --version` says.
fn compiler() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    std::process::Command::new(rustc)
        .arg("--version")
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map_or_else(|| "rustc, version not known".to_owned(), |text| text.trim().to_owned())
}
