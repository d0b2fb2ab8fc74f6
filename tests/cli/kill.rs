//! Calls that are killed midway, without a chance to tidy up: nothing half-written is left under a final name, and the same
//! command again ends as if nothing had happened.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::{Bench, files, small};

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

/// Waits until `enough` is true; false if it had ended before.
fn wait_until(child: &mut Child, enough: impl Fn() -> bool) -> bool {
    let started = Instant::now();
    while !enough() && started.elapsed() < Duration::from_mins(1) {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    true
}

/// Kills it as soon as `enough` is true; false if it had ended before.
fn kill_when(mut child: Child, enough: impl Fn() -> bool) -> bool {
    let running = wait_until(&mut child, enough);
    if running {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    running
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

/// Epochs that the checkpoint of the only run below `out` has behind it, as its header says; 0 while there is none.
fn epochs_kept(out: &Path) -> u64 {
    let header = || -> std::io::Result<Vec<u8>> {
        let run = std::fs::read_dir(out)?
            .next()
            .ok_or(std::io::ErrorKind::NotFound)??
            .path();
        let mut file = std::fs::File::open(run.join("seed-0/checkpoint/state.safetensors"))?;
        let mut length = [0; 8];
        file.read_exact(&mut length)?;
        let mut header = vec![0; usize::try_from(u64::from_le_bytes(length)).unwrap()];
        file.read_exact(&mut header)?;
        Ok(header)
    };
    let Ok(header) = header() else { return 0 };
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    let state: serde_json::Value =
        serde_json::from_str(header["__metadata__"]["aura-bench"].as_str().unwrap()).unwrap();
    state["position"]["epoch"].as_u64().unwrap()
}

#[cfg(unix)]
#[test]
fn training_killed_twice_and_interrupted_ends_with_the_bytes_of_an_unbroken_run() {
    let bench = Bench::new();
    let command = |out: &'static str| {
        let mut call = small(&["--device", "cpu", "--out", out]);
        call.extend(["--set", "train.epochs=16", "--set", "train.checkpoint_every=1"]);
        call.extend(["--set", "baselines.enabled=false"]);
        call
    };
    let trained = |out: &str| {
        let mut found = files(&bench.path(out));
        found.retain(|(path, _)| path.components().any(|part| part.as_os_str() == "seed-0"));
        found
    };
    bench.ok(&command("whole"));

    // Resets end with epoch 10, where contextualization begins: one stop before, one at the edge, one behind.
    let out = bench.path("broken");
    for epochs in [4, 9] {
        let call = start(&bench, &command("broken"));
        assert!(
            kill_when(call, || epochs_kept(&out) >= epochs),
            "it ended before it was killed"
        );
    }
    let mut call = start(&bench, &command("broken"));
    assert!(wait_until(&mut call, || epochs_kept(&out) >= 12));
    let interrupt = std::process::Command::new("kill")
        .args(["-INT", &call.id().to_string()])
        .status();
    assert!(interrupt.unwrap().success());
    assert_eq!(call.wait().unwrap().code(), Some(130));
    assert!((12..16).contains(&epochs_kept(&out)));
    assert!(!trained("broken").iter().any(|(path, _)| path.ends_with("done.json")));

    bench.ok(&command("broken"));
    let (whole, broken) = (trained("whole"), trained("broken"));
    assert!(whole.len() > 5);
    let names = |found: &[(PathBuf, Vec<u8>)]| found.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(names(&whole), names(&broken));
    for ((path, whole), (_, broken)) in whole.iter().zip(&broken) {
        assert!(whole == broken, "{} differs from an unbroken run's", path.display());
    }
}
