//! Calls that are killed midway, without a chance to tidy up: nothing half-written is left under a final name, and the same
//! command again ends as if nothing had happened.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::{Bench, files};

/// Starts the program without waiting for it.
fn start(bench: &Bench, arguments: &[&str]) -> Child {
    std::process::Command::new(assert_cmd::cargo::cargo_bin!("aura-bench"))
        .args(arguments)
        .current_dir(bench.path("."))
        .env("AURA_BENCH_CACHE", bench.path("cache"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Kills it as soon as `enough` is true; false if it had ended before.
fn kill_when(mut child: Child, enough: impl Fn() -> bool) -> bool {
    let started = Instant::now();
    while !enough() && started.elapsed() < Duration::from_mins(1) {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    true
}

/// Files below a folder while somebody writes there.
fn count(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let counts = entries.flatten().map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => count(&entry.path()),
        _ => usize::from(!is_temporary(&entry.path())),
    });
    counts.sum()
}

fn is_temporary(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with(".partial-"))
}

/// What lies under final names must be there in the whole result, byte for byte.
fn assert_part_of(found: &[(PathBuf, Vec<u8>)], whole: &[(PathBuf, Vec<u8>)], but: &[&str]) {
    for (path, bytes) in found {
        if is_temporary(path) || but.iter().any(|name| path.ends_with(name)) {
            continue;
        }
        let expected = whole.iter().find(|(name, _)| name == path);
        assert!(
            expected.is_some_and(|(_, whole)| whole == bytes),
            "{} is not whole",
            path.display()
        );
    }
}

#[test]
fn a_killed_drawing_is_continued() {
    for (card, images) in [
        ("rafdb", "basic"),
        ("affectnet_va", "Manually_Annotated_Images"),
        ("disfa", "Frames_LeftCamera"),
    ] {
        let bench = Bench::new();
        let command = |out: &'static str| {
            [
                "standin",
                card,
                "--out",
                out,
                "--samples",
                "160",
                "--size",
                "48",
                "--quiet",
            ]
        };
        bench.ok(&command("whole"));
        let whole = files(&bench.path("whole"));

        let mut killed = 0;
        for least in [1, 60, 120] {
            let call = start(&bench, &command("tree"));
            if kill_when(call, || count(&bench.path("tree").join(images)) >= least) {
                killed += 1;
                let found = files(&bench.path("tree"));
                if !bench.path("tree/STAND-IN.toml").is_file() {
                    assert!(bench.path("tree/STAND-IN.unfinished.toml").is_file());
                }
                assert_part_of(&found, &whole, &["STAND-IN.unfinished.toml"]);
            }
        }
        assert!(killed > 0, "{card} was always drawn before it could be killed");
        bench.ok(&command("tree"));
        assert!(files(&bench.path("tree")) == whole, "{card}");
    }
}

#[test]
fn a_killed_conversion_is_repeated() {
    let bench = Bench::new();
    bench.ok(&[
        "standin",
        "affectnet8",
        "--out",
        "data",
        "--samples",
        "600",
        "--size",
        "32",
        "--quiet",
    ]);
    let command = |out: &'static str| ["convert", "affectnet8", "--data", "data", "--out", out, "--quiet"];
    bench.ok(&command("whole"));
    let whole = files(&bench.path("whole"));
    assert_eq!(whole.len(), 3);

    let mut killed = 0;
    for pause in [0, 5, 20, 40, 60, 80, 100, 130, 160, 200, 250] {
        let started = Instant::now();
        let call = start(&bench, &command("out"));
        if kill_when(call, || started.elapsed() >= Duration::from_millis(pause)) {
            killed += 1;
        }
        if bench.path("out").is_dir() {
            let found = files(&bench.path("out"));
            assert_part_of(&found, &whole, &[]);
            // The summary comes last: where it is, everything is.
            if bench.path("out/conversion.json").is_file() {
                assert_eq!(found.iter().filter(|(path, _)| !is_temporary(path)).count(), 3);
            }
        }
    }
    assert!(killed > 0, "it always ended before it could be killed");
    bench.ok(&command("out"));
    let mut found = files(&bench.path("out"));
    found.retain(|(path, _)| !is_temporary(path));
    assert!(found == whole);
}
