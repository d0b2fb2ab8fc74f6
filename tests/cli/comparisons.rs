//! `compare`: runs side by side, and what may not be ranked.

use crate::{Bench, stderr};

#[test]
fn runs_of_one_protocol_are_ranked_and_their_recipes_told_apart() {
    let (bench, first) = Bench::with_run(&[]);
    let second = bench.add_run(&["--set", "train.epochs=2"]);
    let equal = bench.json(&["compare", &first, &second, "--json"]);
    assert_eq!((&equal["comparable"], &equal["forced"]), (&true.into(), &false.into()));
    assert_eq!(equal["recipe_differences"][0]["key"], "train.epochs");
    assert!(equal["metrics"][0]["values"][0]["mean"].is_f64());
    assert!(equal["notes"][0].as_str().unwrap().contains("one seed"));
}

#[test]
fn unequal_protocols_are_not_ranked_unless_forced_and_then_it_is_said() {
    let (bench, first) = Bench::with_run(&[]);
    let other = bench.add_run(&[
        "--set",
        "protocol.selection=best_on_test",
        "--set",
        "baselines.enabled=false",
    ]);
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
}

#[test]
fn a_run_alone_is_held_against_its_rivals_and_needs_some() {
    let (bench, run) = Bench::with_run(&[]);
    let text = bench.ok(&["compare", &run, &run]);
    for pair in ["aura − knn = ", "aura_mixture − logistic = ", "aura_tuned − svm = "] {
        assert!(text.contains(pair), "{text}");
    }
    let (bench, run) = Bench::with_run(&["--set", "baselines.enabled=false"]);
    let text = bench.fails(2, &["compare", &run]);
    assert!(text.contains("two runs"), "{text}");
}
