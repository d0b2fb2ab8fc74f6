//! Baselines and checks: a number that moved for a reason fails, anything else passes.

use crate::{Bench, small, stderr};

/// The cases share one run and its samples and features: they are most of the time.
#[test]
fn a_number_that_moved_for_a_reason_fails_and_anything_else_passes() {
    let bench = Bench::new();
    let run = bench.json(&small(&["--json"]))["run_dir"].as_str().unwrap().to_owned();
    let text = bench.ok(&["baseline", "save", &run, "--out", "base.toml", "--predictions"]);
    assert!(text.contains("+ [metrics.acc]"), "{text}");
    the_same_run_passes_and_a_dictionary_too_small_for_the_classes_fails(&bench, &run);
    another_split_is_not_compared_and_its_keys_are_named(&bench);
    expectations_of_a_recipe_are_judged_at_their_line(&bench);
    a_damaged_baseline_is_an_error_and_no_verdict(&bench, &run);
    saving_again_keeps_the_rules_and_prints_what_changed(&bench, &run);
}

fn the_same_run_passes_and_a_dictionary_too_small_for_the_classes_fails(bench: &Bench, run: &str) {
    let report = bench.json(&["check", run, "--baseline", "base.toml", "--json"]);
    assert_eq!(report["failed"], false);
    let acc = &report["runs"][0]["findings"][0];
    assert_eq!(
        (acc["metric"].as_str(), acc["verdict"].as_str()),
        (Some("acc"), Some("pass"))
    );
    assert_eq!(acc["difference"], 0.0);

    // Three archetypes cannot speak for seven classes: same protocol, another recipe.
    let poor = bench.json(&small(&[
        "--json",
        "--set",
        "model.k_max=3",
        "--set",
        "model.contextualization.top_k=2",
    ]))["run_dir"]
        .as_str()
        .unwrap()
        .to_owned();
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
    bench
        .run(&["check", &poor, "--baseline", run])
        .status
        .code()
        .filter(|&code| code == 1)
        .unwrap();
}

fn another_split_is_not_compared_and_its_keys_are_named(bench: &Bench) {
    let other = bench.json(&small(&["--json", "--set", "stand_in.seed=9"]))["run_dir"]
        .as_str()
        .unwrap()
        .to_owned();
    let output = bench.run(&["check", &other, "--baseline", "base.toml"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("✗ acc not comparable"), "{text}");
    assert!(text.contains("stand_in.seed: 0 against 9"), "{text}");
}

fn expectations_of_a_recipe_are_judged_at_their_line(bench: &Bench) {
    let recipe = "schema = 1\nextends = \"recipes/rafdb.toml\"\nname = \"own\"\n\n[expect.acc]\nmin = 0.999\n";
    bench.write("own.toml", recipe);
    let mut arguments = small(&["--json"]);
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

fn saving_again_keeps_the_rules_and_prints_what_changed(bench: &Bench, run: &str) {
    assert_eq!(
        bench
            .ok(&["baseline", "save", run, "--out", "base.toml", "--predictions"])
            .trim(),
        "unchanged"
    );
    let text = std::fs::read_to_string(bench.path("base.toml")).unwrap();
    let edited = text.replacen("tolerance = 0.005", "tolerance = 0.25", 1);
    assert_ne!(text, edited);
    bench.write("base.toml", edited.replacen("mean = 0.", "mean = 0.0", 1));
    let changes = bench.ok(&["baseline", "save", run, "--out", "base.toml", "--predictions"]);
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

fn a_damaged_baseline_is_an_error_and_no_verdict(bench: &Bench, run: &str) {
    let text = std::fs::read_to_string(bench.path("base.toml")).unwrap();
    for (what, damaged) in [
        (
            "unknown field `tolerence`",
            text.replacen("tolerance =", "tolerence =", 1),
        ),
        (
            "finite numbers",
            text.replacen("tolerance = 0.005", "tolerance = -1.0", 1),
        ),
        ("schema 7 found", text.replacen("schema = 1", "schema = 7", 1)),
        (
            "not the predictions",
            text.replacen("prediction_digests = [\"", "prediction_digests = [\"0", 1),
        ),
    ] {
        bench.write("bad.toml", &damaged);
        std::fs::copy(
            bench.path("base.predictions.parquet"),
            bench.path("bad.predictions.parquet"),
        )
        .unwrap();
        let output = bench.run(&["check", run, "--baseline", "bad.toml"]);
        assert!(matches!(output.status.code(), Some(2 | 3)), "{what}");
        assert!(stderr(&output).contains(what), "{what}: {}", stderr(&output));
        assert!(output.stdout.is_empty());
    }
    let text = bench.fails(3, &["check", "nowhere"]);
    assert!(text.contains("nowhere"), "{text}");
}

#[test]
fn unequal_protocols_are_not_ranked_unless_forced_and_then_it_is_said() {
    let bench = Bench::new();
    let of = |more: &[&'static str]| bench.json(&small(more))["run_dir"].as_str().unwrap().to_owned();
    let (first, second) = (of(&["--json"]), of(&["--json", "--set", "train.epochs=2"]));
    let equal = bench.json(&["compare", &first, &second, "--json"]);
    assert_eq!((&equal["comparable"], &equal["forced"]), (&true.into(), &false.into()));
    assert_eq!(equal["recipe_differences"][0]["key"], "train.epochs");
    assert!(equal["metrics"][0]["values"][0]["mean"].is_f64());
    assert!(equal["notes"][0].as_str().unwrap().contains("one seed"));

    let other = of(&["--json", "--set", "protocol.selection=best_on_test"]);
    let text = bench.fails(2, &["compare", &first, &other]);
    assert!(text.contains("protocol.selection: last in"), "{text}");
    let output = bench.run(&["compare", &first, &other, "--force", "--markdown", "c.md"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("NOT COMPARABLE"));
    assert!(
        std::fs::read_to_string(bench.path("c.md"))
            .unwrap()
            .contains("NOT COMPARABLE")
    );
    let forced = bench.json(&["compare", &first, &other, "--force", "--json"]);
    assert_eq!(
        (&forced["comparable"], &forced["forced"]),
        (&false.into(), &true.into())
    );
    let text = bench.fails(2, &["compare", &first, &first]);
    assert!(text.contains("two runs"), "{text}");
}
