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
    let text = bench.fails(2, &["query", "SELECT acuracy FROM metrics"]);
    assert!(text.contains("acuracy"), "{text}");
    bench.fails(2, &["query", "SELECT * FROM 'cache/x.parquet'"]);
}
