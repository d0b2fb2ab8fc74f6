//! Calls that are killed midway, without a chance to tidy up: nothing half-written is left under a final name, and the same
//! command again ends as if nothing had happened.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::child::{count, is_temporary, kill_when, start};
use crate::{Bench, files, shared, small, stderr, tables};

/// What lies under final names must be there in the whole result, byte for byte.
fn assert_part_of(found: &[(PathBuf, Vec<u8>)], whole: &[(PathBuf, Vec<u8>)], but: &[&str]) {
    for (path, bytes) in found {
        if is_temporary(path) || path.ends_with(".drawn.jsonl") || but.iter().any(|name| path.ends_with(name)) {
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
                "120",
                "--size",
                "40",
                "--quiet",
            ]
        };
        bench.ok(&command("whole"));
        let whole = files(&bench.path("whole"));

        let mut killed = 0;
        for least in [1, 45, 90] {
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
    let bench = Bench::with_faces();
    let command = |out: &'static str| ["convert", "rafdb", "--data", "raf", "--out", out, "--quiet"];
    bench.ok(&command("whole"));
    let whole = files(&bench.path("whole"));
    assert_eq!(whole.len(), 3);

    let mut killed = 0;
    // Before anything is written, and behind each of the first two files.
    for (least, out) in ["none", "one", "two"].into_iter().enumerate() {
        let call = start(&bench, &command(out));
        if kill_when(call, || count(&bench.path(out)) >= least) {
            killed += 1;
        }
        if bench.path(out).is_dir() {
            let found = files(&bench.path(out));
            assert_part_of(&found, &whole, &[]);
            // The summary comes last: where it is, everything is.
            if bench.path(out).join("conversion.json").is_file() {
                assert_eq!(found.iter().filter(|(path, _)| !is_temporary(path)).count(), 3);
            }
        }
        bench.ok(&command(out));
        let mut found = files(&bench.path(out));
        found.retain(|(path, _)| !is_temporary(path));
        assert!(found == whole);
    }
    assert!(killed > 0, "it always ended before it could be killed");
}

#[test]
fn a_run_killed_while_it_draws_extracts_and_trains_ends_as_an_unbroken_one() {
    let bench = Bench::new();
    let in_cache = |name: &str| count(&bench.cache.join(name));
    let points: [&dyn Fn() -> bool; 3] = [&|| in_cache("stand-in") >= 50, &|| in_cache("samples") >= 3, &|| {
        count(&bench.path("runs")) >= 3
    }];
    for (i, point) in points.into_iter().enumerate() {
        let call = start(&bench, &small(&[]));
        assert!(kill_when(call, point), "it ended before kill {i}");
    }
    bench.ok(&small(&[]));
    let unbroken = tables(&shared::run(&[]).folder);
    let continued = tables(&bench.path(&shared::run(&[]).name));
    assert_eq!(unbroken.len(), continued.len());
    for (a, b) in unbroken.iter().zip(&continued) {
        assert!(a == b, "{} differs after three kills", a.0.display());
    }
    let leftovers = files(&bench.path("runs"));
    let leftovers: Vec<_> = leftovers.iter().filter(|(path, _)| is_temporary(path)).collect();
    assert!(leftovers.len() <= 3, "at most one temporary file a kill: {leftovers:?}");
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
    // The text, beside its digest.
    let inner =
        |value: &serde_json::Value| -> serde_json::Value { serde_json::from_str(value.as_str().unwrap()).unwrap() };
    let state = inner(&inner(&header["__metadata__"]["aura-bench"])["json"]);
    state["position"]["epoch"].as_u64().unwrap()
}

#[cfg(unix)]
#[test]
fn training_killed_twice_and_interrupted_ends_with_the_bytes_of_an_unbroken_run() {
    use crate::child::{interrupt, wait_until};

    let bench = Bench::with_shared_cache();
    let command = |out: &'static str| {
        let mut call = small(&["--device", "cpu", "--out", out]);
        call.extend(["--set", "train.epochs=16", "--set", "train.checkpoint_every=1"]);
        call.extend(["--set", "baselines.enabled=false"]);
        call
    };
    let trained = |out: &str| {
        let mut found = files(&bench.path(out));
        found.retain(|(path, _)| {
            path.components().any(|part| part.as_os_str() == "seed-0") && !path.ends_with(".cost.json")
        });
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
    let ended = interrupt(call);
    assert_eq!(ended.status.code(), Some(130), "{}", stderr(&ended));
    assert!(
        stderr(&ended).contains("the same command continues"),
        "{}",
        stderr(&ended)
    );
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
