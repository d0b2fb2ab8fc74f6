//! `explain`: why one sample is predicted as it is.

use crate::Bench;

#[test]
fn the_nearest_archetypes_of_a_sample_are_listed() {
    let (bench, run) = Bench::with_run(&[]);
    let found = bench.json(&["explain", &run, "train_00001", "--top", "3", "--json"]);
    assert_eq!(found["archetypes"].as_array().unwrap().len(), 3);
    assert_eq!(found["archetypes"][0]["archetype"], found["archetype"]);
}

#[test]
fn an_explanation_is_also_a_page() {
    let (bench, run) = Bench::with_run(&[]);
    let text = bench.ok(&["explain", &run, "train_00001", "--html", "why/train_00001.html"]);
    assert!(text.contains("STAND-IN") && text.contains("similarity"), "{text}");
    assert!(
        std::fs::read_to_string(bench.path("why/train_00001.html"))
            .unwrap()
            .contains("The nearest archetypes")
    );
}

#[test]
fn a_sample_that_is_not_there_is_named_with_its_neighbour() {
    let (bench, run) = Bench::with_run(&[]);
    let text = bench.fails(2, &["explain", &run, "train_000001"]);
    assert!(text.contains("train_00001"), "{text}");
    std::fs::create_dir(bench.path("empty")).unwrap();
    bench.fails(3, &["explain", "empty", "train_00001"]);
}
