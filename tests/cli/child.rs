//! The program while it runs: watched by what it has done so far, killed or interrupted.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::Bench;

/// The program, which hears that its terminal is gone although the tests may be told not to (`nohup`).
#[cfg(target_os = "linux")]
pub fn heeding() -> std::process::Command {
    let mut command = std::process::Command::new("env");
    command
        .arg("--default-signal=HUP")
        .arg(assert_cmd::cargo::cargo_bin!("aura-bench"));
    command
}

#[cfg(not(target_os = "linux"))]
fn heeding() -> std::process::Command {
    std::process::Command::new(assert_cmd::cargo::cargo_bin!("aura-bench"))
}

/// Starts the program without waiting for it.
pub fn start(bench: &Bench, arguments: &[&str]) -> Child {
    heeding()
        .args(arguments)
        .current_dir(bench.path("."))
        .env("AURA_BENCH_CACHE", &bench.cache)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits until `enough` is true; false if it had ended before.
pub fn wait_until(child: &mut Child, enough: impl Fn() -> bool) -> bool {
    while !enough() {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    true
}

/// Kills it as soon as `enough` is true; false if it had ended before.
pub fn kill_when(mut child: Child, enough: impl Fn() -> bool) -> bool {
    let running = wait_until(&mut child, enough);
    if running {
        child.kill().unwrap();
    }
    child.wait().unwrap();
    running
}

/// Interrupts it, as Ctrl-C does, and returns how it ended and what it said.
#[cfg(unix)]
pub fn interrupt(child: Child) -> std::process::Output {
    let sent = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
    child.wait_with_output().unwrap()
}

/// Files below a folder while somebody writes there.
pub fn count(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let counts = entries.flatten().map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => count(&entry.path()),
        _ => usize::from(!is_temporary(&entry.path())),
    });
    counts.sum()
}

/// Whether a file is not yet under its final name.
pub fn is_temporary(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with(".partial-"))
}
