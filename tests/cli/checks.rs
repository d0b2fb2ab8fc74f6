//! `baseline` and `check`: a number that moved for a reason fails, anything else passes.

use crate::{Bench, stderr};

/// A finished run and the baseline of it, `base.toml`.
fn with_baseline() -> (Bench, String) {
    let (bench, run) = Bench::with_run(&[]);
    bench.ok(&["baseline", "save", &run, "--out", "base.toml", "--predictions"]);
    (bench, run)
}

#[test]
fn the_run_of_the_baseline_passes() {
    let (bench, run) = with_baseline();
    let report = bench.json(&["check", &run, "--baseline", "base.toml", "--json"]);
    assert_eq!(report["failed"], false);
    let acc = &report["runs"][0]["findings"][0];
    assert_eq!(
        (acc["metric"].as_str(), acc["verdict"].as_str()),
        (Some("acc"), Some("pass"))
    );
    assert_eq!(acc["difference"], 0.0);
}

/// Three archetypes cannot speak for seven classes: same protocol, another recipe.
const POOR: [&str; 6] = [
    "--set",
    "model.k_max=3",
    "--set",
    "model.contextualization.top_k=2",
    "--set",
    "baselines.enabled=false",
];

#[test]
fn a_dictionary_too_small_for_the_classes_fails_in_every_form_of_the_report() {
    let (bench, run) = with_baseline();
    let poor = bench.add_run(&POOR);
    let output = bench.run(&[
        "check",
        &poor,
        "--baseline",
        "base.toml",
        "--junit",
        "j.xml",
        "--markdown",
        "s.md",
        "--github",
    ]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("STAND-IN FACES"), "{text}");
    assert!(text.contains("✗ k_stable regressed"), "{text}");
    assert!(text.contains("✗ classes_without_archetype regressed"), "{text}");
    assert!(text.contains("::error file=base.toml,line="), "{text}");
    let junit = std::fs::read_to_string(bench.path("j.xml")).unwrap();
    assert!(junit.contains("<failure message=\"k_stable regressed"), "{junit}");
    let markdown = std::fs::read_to_string(bench.path("s.md")).unwrap();
    assert!(markdown.starts_with("## ❌ check failed"), "{markdown}");
    assert!(markdown.contains("Stand-in faces"), "{markdown}");
    // A run as the baseline judges as its file does.
    let output = bench.run(&["check", &poor, "--baseline", &run]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
}

#[test]
fn another_split_is_not_compared_and_its_keys_are_named() {
    let (bench, _) = with_baseline();
    let other = bench.add_run(&[
        "--set",
        "stand_in.seed=9",
        "--set",
        "stand_in.samples=100",
        "--set",
        "baselines.enabled=false",
    ]);
    let output = bench.run(&["check", &other, "--baseline", "base.toml"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("✗ acc not comparable"), "{text}");
    assert!(text.contains("stand_in.seed: 0 against 9"), "{text}");
}

#[test]
fn expectations_of_a_recipe_are_judged_at_their_line() {
    let bench = Bench::with_shared_cache();
    let recipe = "schema = 1\nextends = \"recipes/rafdb.toml\"\nname = \"own\"\n\n[expect.acc]\nmin = 0.999\n";
    bench.write("own.toml", recipe);
    let mut arguments = crate::small(&["--json", "--set", "baselines.enabled=false"]);
    arguments[1] = "own.toml";
    let run = bench.json(&arguments)["run_dir"].as_str().unwrap().to_owned();
    let output = bench.run(&["check", &run, "--github"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("::error file=own.toml,line=5,title=acc regressed"),
        "{text}"
    );
    // The recipe as it is now decides, not as it was when it ran.
    bench.write("own.toml", recipe.replace("0.999", "0.001"));
    let output = bench.run(&["check", &run, "--recipe", "own.toml", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report["runs"][0]["findings"].as_array().unwrap();
    let acc = findings.iter().find(|finding| finding["metric"] == "acc").unwrap();
    assert_eq!(acc["verdict"], "pass");
}

#[test]
fn saving_a_baseline_again_keeps_its_rules_and_prints_what_changed() {
    let (bench, run) = with_baseline();
    let save = || bench.ok(&["baseline", "save", &run, "--out", "base.toml", "--predictions"]);
    assert_eq!(save().trim(), "unchanged");
    let text = std::fs::read_to_string(bench.path("base.toml")).unwrap();
    let edited = text.replacen("tolerance = 0.005", "tolerance = 0.25", 1);
    assert_ne!(text, edited);
    bench.write("base.toml", edited.replacen("mean = 0.", "mean = 0.0", 1));
    let changes = save();
    assert!(
        changes.contains("- mean = 0.0") && changes.contains("+ mean = 0."),
        "{changes}"
    );
    assert!(!changes.contains("tolerance"), "{changes}");
    assert!(
        std::fs::read_to_string(bench.path("base.toml"))
            .unwrap()
            .contains("tolerance = 0.25")
    );
}

#[test]
fn a_damaged_baseline_is_an_error_and_no_verdict() {
    let (bench, run) = with_baseline();
    let text = std::fs::read_to_string(bench.path("base.toml")).unwrap();
    std::fs::copy(
        bench.path("base.predictions.parquet"),
        bench.path("bad.predictions.parquet"),
    )
    .unwrap();
    for (what, damaged) in [
        (
            "unknown key `metrics.acc.tolerence`",
            text.replacen("tolerance =", "tolerence =", 1),
        ),
        (
            "expected a finite number",
            text.replacen("tolerance = 0.005", "tolerance = -1.0", 1),
        ),
        ("expected 1, found 7", text.replacen("schema = 1", "schema = 7", 1)),
        (
            "not the predictions",
            text.replacen("prediction_digests = [\"", "prediction_digests = [\"0", 1),
        ),
    ] {
        bench.write("bad.toml", &damaged);
        let output = bench.run(&["check", &run, "--baseline", "bad.toml"]);
        assert!(matches!(output.status.code(), Some(2 | 3)), "{what}");
        assert!(stderr(&output).contains(what), "{what}: {}", stderr(&output));
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_run_that_is_not_there_is_missing_data() {
    let text = Bench::new().fails(3, &["check", "nowhere"]);
    assert!(text.contains("nowhere"), "{text}");
}
