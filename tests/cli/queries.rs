//! SQL over runs, read-only.

use crate::{Bench, small};

#[test]
fn runs_are_asked_in_sql_and_cannot_be_changed() {
    let bench = Bench::new();
    bench.ok(&small(&[]));
    let rows = bench.json(&[
        "query",
        "SELECT run, seed, count(*) AS n FROM archetypes GROUP BY run, seed",
        "--format",
        "json",
    ]);
    assert_eq!(rows[0]["n"], 30);
    let csv = bench.ok(&[
        "query",
        "SELECT count(DISTINCT sample_id) AS n FROM samples",
        "--format",
        "csv",
    ]);
    assert_eq!(csv.trim().lines().next(), Some("n"));
    for statement in [
        "DROP VIEW runs",
        "CREATE TABLE t AS SELECT 1",
        "COPY runs TO 'x.csv'",
        "INSERT INTO runs VALUES (1)",
    ] {
        let text = bench.fails(2, &["query", statement]);
        assert!(text.contains("SELECT"), "{statement}: {text}");
    }
    let run = bench.json(&["query", "SELECT path FROM runs", "--format", "json"])[0]["path"]
        .as_str()
        .unwrap()
        .to_owned();
    let found = bench.json(&["explain", &run, "train_00001", "--top", "3", "--json"]);
    assert_eq!(found["archetypes"].as_array().unwrap().len(), 3);
    assert_eq!(found["archetypes"][0]["archetype"], found["archetype"]);
    let text = bench.ok(&["explain", &run, "train_00001", "--html", "why/train_00001.html"]);
    assert!(text.contains("STAND-IN") && text.contains("similarity"), "{text}");
    assert!(
        std::fs::read_to_string(bench.path("why/train_00001.html"))
            .unwrap()
            .contains("The nearest archetypes")
    );
    let text = bench.fails(2, &["explain", &run, "train_000001"]);
    assert!(text.contains("train_00001"), "{text}");
    bench.fails(3, &["explain", "cache", "train_00001"]);
    let text = bench.fails(2, &["query", "SELECT acuracy FROM metrics"]);
    assert!(text.contains("acuracy"), "{text}");
    bench.fails(2, &["query", "SELECT * FROM 'cache/x.parquet'"]);
}
