//! Published numbers: the linter, and a run beside them.

use super::Bench;

const NUMBERS: &str = include_str!("../../reports/published/aura.toml");

fn findings(bench: &Bench, arguments: &[&str]) -> Vec<serde_json::Value> {
    let output = bench.run(arguments);
    assert_eq!(output.status.code(), Some(1));
    let reports: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    reports[0]["findings"].as_array().unwrap().clone()
}

#[test]
fn published_lint_lists_every_contradiction_with_its_arithmetic() {
    let bench = Bench::new();
    let output = bench.run(&["published", "--lint"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    for arithmetic in [
        "9079 + (5 − 1) × 5370 = 30559 > 28220",
        "7719 + (8 − 1) × 6741 = 54906 > 36362",
        "102 × 0.01 = 1.02 > 1",
        "20 ≠ 24 = max(3, 8, 13, 20, 17, 15, 24)",
        "7 ≠ 27 = 3 × 3 × 3",
    ] {
        assert!(text.contains(arithmetic), "{arithmetic} in\n{text}");
    }
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("contradictions in published numbers")
    );
}

#[test]
fn published_lint_finds_what_is_planted_in_a_copy() {
    let bench = Bench::new();
    let before = findings(&bench, &["published", "--lint", "--json"]);
    for (right, wrong, rule) in [
        ("matched = 4735", "matched = 4753", "rafdb-matched-total"),
        ("samples = 705 }", "samples = 750 }", "rafdb-known-counts"),
        (
            "f1_gain = 4.7 },\n]\n\n[[table]]\nid = \"lambda\"",
            "f1_gain = 4.1 },\n]\n\n[[table]]\nid = \"lambda\"",
            "gain-f1",
        ),
        (
            "happiness = 29, neutral = 18",
            "happiness = 27, neutral = 18",
            "distribution-total",
        ),
        (
            "low = 0.4, high = 0.7, assigned = 7",
            "low = 0.3, high = 0.7, assigned = 7",
            "bins-adjoin",
        ),
    ] {
        assert!(NUMBERS.contains(right), "{right}");
        let copy = bench.write("copy.toml", NUMBERS.replacen(right, wrong, 1));
        let after = findings(&bench, &["published", "--lint", copy.to_str().unwrap(), "--json"]);
        let planted: Vec<_> = after.iter().filter(|finding| !before.contains(finding)).collect();
        assert!(
            planted.iter().any(|finding| finding["rule"] == rule),
            "{wrong}: {planted:?}"
        );
    }
}

#[test]
fn published_lint_says_what_is_wrong_with_a_file() {
    let bench = Bench::new();
    let copy = bench.write(
        "copy.toml",
        NUMBERS.replacen("check = \"sum(rafdb", "check = \"sum(rafdbb", 1),
    );
    let error = bench.fails(2, &["published", "--lint", copy.to_str().unwrap()]);
    assert!(error.contains("copy.toml:") && error.contains("`rafdbb`"), "{error}");
    let copy = bench.write("copy.toml", "schema = 1\nid = 3");
    let error = bench.fails(2, &["published", "--lint", copy.to_str().unwrap()]);
    assert!(
        error.contains("copy.toml:2:6]") && error.contains("expected a string"),
        "{error}"
    );
    let copy = bench.write("copy.toml", NUMBERS.replacen("says = ", "sais = ", 1));
    let error = bench.fails(2, &["published", "--lint", copy.to_str().unwrap()]);
    assert!(
        error.contains("did you mean `says`?") && error.contains("copy.toml:"),
        "{error}"
    );
    bench.fails(3, &["published", "--lint", "nothing.toml"]);
}
