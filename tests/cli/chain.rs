//! The whole chain on generated faces.

use std::time::Duration;

use crate::{Bench, files, small, stderr};

#[test]
fn the_second_identical_call_does_nothing_again() {
    let bench = Bench::new();
    let first = bench.json(&small(&["--json"]));
    assert_eq!(first["stand_in"], true);
    let accuracy = first["metrics"]["acc"]["mean"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&accuracy));
    assert_eq!(first["metrics"]["acc"]["seeds"].as_array().unwrap().len(), 1);
    assert_eq!(
        first["metrics"]["acc"]["sd"],
        serde_json::Value::Null,
        "one seed has no spread"
    );
    for method in ["aura", "aura_mixture", "knn", "logistic"] {
        assert!(
            first["methods"][method]["acc"]["mean"].is_f64(),
            "{method} is in the result table"
        );
    }
    for metric in ["k_stable", "nmi_mode", "flip_precision", "flip_recall"] {
        assert!(first["metrics"][metric]["mean"].is_f64(), "{metric} is computed");
    }
    let run = bench.path(first["run_dir"].as_str().unwrap());
    let before = files(&run);
    for name in [
        "recipe.toml",
        "manifest.json",
        "samples.parquet",
        "truth.parquet",
        "seed-0/metrics.parquet",
    ] {
        assert!(run.join(name).is_file(), "{name} is in the run folder");
    }
    assert!(bench.path(first["report"].as_str().unwrap()).is_file());

    let second = bench.json(&small(&["--json"]));
    for (name, stage) in second["stages"].as_object().unwrap() {
        assert_eq!(stage["cached"], true, "stage {name} was done again");
    }
    assert_eq!(first["metrics"], second["metrics"]);
    assert!(
        before == files(&run),
        "a call that does nothing leaves every byte as it is"
    );
}

#[test]
fn the_same_recipe_and_seed_give_the_same_bytes() {
    let (one, other) = (Bench::new(), Bench::new());
    let tables = |bench: &Bench| {
        let summary = bench.json(&small(&["--json"]));
        let mut found = files(&bench.path(summary["run_dir"].as_str().unwrap()));
        // The manifest and what is made from it hold times and places; the tables hold neither.
        found.retain(|(path, _)| path.extension().is_some_and(|extension| extension == "parquet"));
        found
    };
    let (first, second) = (tables(&one), tables(&other));
    assert!(first.len() > 5);
    for (a, b) in first.iter().zip(&second) {
        assert_eq!(a.0, b.0);
        assert!(a.1 == b.1, "{} differs between two runs of one recipe", a.0.display());
    }
}

#[test]
fn a_further_seed_amends_the_run() {
    let bench = Bench::new();
    let one = bench.json(&small(&["--json"]));
    let mut arguments = small(&["--json"]);
    let seeds = arguments.iter().position(|argument| *argument == "0").unwrap();
    arguments[seeds] = "0,7";
    let two = bench.json(&arguments);
    assert_eq!(one["run_dir"], two["run_dir"]);
    assert_eq!(two["metrics"]["acc"]["seeds"].as_array().unwrap().len(), 2);
    assert_eq!(one["metrics"]["acc"]["seeds"][0], two["metrics"]["acc"]["seeds"][0]);
    assert!(two["metrics"]["acc"]["sd"].is_f64());
    assert_eq!(two["stages"]["extract"]["cached"], true);
}

#[test]
fn a_killed_run_is_continued_and_ends_as_an_unbroken_one() {
    let tables = |bench: &Bench| {
        let summary = bench.json(&small(&["--json"]));
        let mut found = files(&bench.path(summary["run_dir"].as_str().unwrap()));
        found.retain(|(path, _)| path.extension().is_some_and(|extension| extension == "parquet"));
        found
    };
    let unbroken = tables(&Bench::new());
    let broken = Bench::new();
    for milliseconds in [150, 900, 2500] {
        let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("aura-bench"))
            .args(small(&[]))
            .current_dir(broken.path(""))
            .env("AURA_BENCH_CACHE", broken.path("cache"))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        let _ = child.kill();
        child.wait().unwrap();
    }
    let continued = tables(&broken);
    assert_eq!(unbroken.len(), continued.len());
    for (a, b) in unbroken.iter().zip(&continued) {
        assert!(a == b, "{} differs after three kills", a.0.display());
    }
    let leftovers: Vec<_> = files(&broken.path("runs"))
        .into_iter()
        .filter(|(path, _)| path.display().to_string().contains(".partial-"))
        .collect();
    assert!(leftovers.len() <= 3, "at most one temporary file a kill: {leftovers:?}");
}

#[cfg(unix)]
#[test]
fn control_c_stops_cleanly_with_its_code() {
    let bench = Bench::new();
    let mut arguments = small(&[]);
    let epochs = arguments
        .iter()
        .position(|argument| *argument == "train.epochs=3")
        .unwrap();
    arguments[epochs] = "train.epochs=100000";
    let child = std::process::Command::new(assert_cmd::cargo::cargo_bin("aura-bench"))
        .args(arguments)
        .current_dir(bench.path(""))
        .env("AURA_BENCH_CACHE", bench.path("cache"))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(6));
    let pid = child.id().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(stderr(&output).contains("the same command continues"));
}

#[test]
fn missing_weights_are_told_before_anything_is_drawn() {
    let bench = Bench::new();
    let arguments = small(&["--set", "encoder.kind=clip", "--set", "encoder.weights=nowhere"]);
    let text = bench.fails(3, &arguments);
    assert!(text.contains("nowhere"), "{text}");
    assert!(!bench.path("cache/stand-in").exists(), "nothing was drawn for it");
}
