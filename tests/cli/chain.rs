//! The whole chain on generated faces: what is computed, and what is not computed again.

use crate::{Bench, shared, small, stderr, tables};

#[test]
fn a_run_has_numbers_for_every_method_and_leaves_a_folder_with_all_that_they_came_from() {
    let run = shared::run(&[]);
    let summary = &run.summary;
    assert_eq!(summary["stand_in"], true);
    let accuracy = summary["metrics"]["acc"]["mean"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&accuracy));
    assert_eq!(summary["metrics"]["acc"]["seeds"].as_array().unwrap().len(), 1);
    assert_eq!(
        summary["metrics"]["acc"]["sd"],
        serde_json::Value::Null,
        "one seed has no spread"
    );
    for method in ["aura", "aura_mixture", "aura_tuned", "knn", "logistic", "lda", "svm"] {
        assert!(
            summary["methods"][method]["acc"]["mean"].is_f64(),
            "{method} is in the result table"
        );
    }
    for metric in ["k_stable", "nmi_mode", "flip_precision", "flip_recall"] {
        assert!(summary["metrics"][metric]["mean"].is_f64(), "{metric} is computed");
    }
    for name in [
        "recipe.toml",
        "manifest.json",
        "samples.parquet",
        "truth.parquet",
        "seed-0/metrics.parquet",
        "report/report.html",
    ] {
        assert!(run.folder.join(name).is_file(), "{name} is in the run folder");
    }
    assert_eq!(summary["report"], format!("{}/report/report.html", run.name));
}

#[test]
fn the_second_identical_call_does_nothing_again() {
    let (bench, run) = Bench::with_run(&[]);
    let run = bench.path(&run);
    let before = crate::files(&run);
    let second = bench.json(&small(&["--json"]));
    for (name, stage) in second["stages"].as_object().unwrap() {
        assert_eq!(stage["cached"], true, "stage {name} was done again");
    }
    assert_eq!(shared::run(&[]).summary["metrics"], second["metrics"]);
    assert!(
        before == crate::files(&run),
        "a call that does nothing leaves every byte as it is"
    );
}

#[test]
fn the_same_recipe_and_seed_give_the_same_bytes() {
    let bench = Bench::new();
    let again = bench.json(&small(&["--json"]));
    let first = tables(&shared::run(&[]).folder);
    let second = tables(&bench.path(again["run_dir"].as_str().unwrap()));
    assert!(first.len() > 5);
    assert_eq!(first.len(), second.len());
    for (a, b) in first.iter().zip(&second) {
        assert_eq!(a.0, b.0);
        assert!(a.1 == b.1, "{} differs between two runs of one recipe", a.0.display());
    }
}

#[test]
fn a_further_seed_amends_the_run() {
    let (bench, run) = Bench::with_run(&[]);
    let one = &shared::run(&[]).summary;
    let mut arguments = small(&["--json"]);
    let seeds = arguments.iter().position(|argument| *argument == "0").unwrap();
    arguments[seeds] = "0,7";
    let two = bench.json(&arguments);
    assert_eq!(two["run_dir"], run);
    assert_eq!(two["metrics"]["acc"]["seeds"].as_array().unwrap().len(), 2);
    assert_eq!(one["metrics"]["acc"]["seeds"][0], two["metrics"]["acc"]["seeds"][0]);
    assert!(two["metrics"]["acc"]["sd"].is_f64());
    assert_eq!(two["stages"]["extract"]["cached"], true);
}

#[test]
fn missing_weights_are_told_before_anything_is_drawn() {
    let bench = Bench::new();
    let arguments = small(&["--set", "encoder.kind=clip", "--set", "encoder.weights=nowhere"]);
    let text = bench.fails(3, &arguments);
    assert!(text.contains("nowhere"), "{text}");
    assert!(!bench.cache.join("stand-in").exists(), "nothing was drawn for it");
}

#[test]
fn details_are_said_to_who_asks_for_them() {
    let (bench, _) = Bench::with_run(&[]);
    let arguments: Vec<&str> = small(&[]).into_iter().filter(|word| *word != "--quiet").collect();
    let said = |more: &[&str]| stderr(&bench.run(&[&arguments[..], more].concat()));
    let (usual, details) = (said(&[]), said(&["-v"]));
    let manifest = std::fs::read(shared::run(&[]).folder.join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    for stage in manifest["stages"].as_array().unwrap() {
        let digest = format!("digest {}", stage["digest"].as_str().unwrap());
        assert!(
            details.contains(&digest) && !usual.contains(&digest),
            "{digest}\n{details}"
        );
    }
    let features = format!("in {}", shared::features().display());
    assert!(details.contains(&features) && !usual.contains(&features), "{details}");
    assert_eq!(said(&["-q"]), "");
    bench.fails(2, &[&arguments[..], &["-q", "-v"]].concat());
}
