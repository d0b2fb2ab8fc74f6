//! `query`: SQL over runs, read-only.

use crate::{Bench, stderr};

fn with_run() -> Bench {
    Bench::with_run(&[]).0
}

#[test]
fn runs_are_asked_in_sql() {
    let bench = with_run();
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
    let plan = bench.ok(&["query", "EXPLAIN SELECT run FROM runs"]);
    assert!(plan.contains("physical_plan"), "{plan}");
}

#[test]
fn runs_cannot_be_changed_nor_other_files_be_read() {
    let bench = with_run();
    for statement in [
        "DROP VIEW runs",
        "CREATE TABLE t AS SELECT 1",
        "COPY runs TO 'x.csv'",
        "INSERT INTO runs VALUES (1)",
    ] {
        let text = bench.fails(2, &["query", statement]);
        assert!(text.contains("SELECT"), "{statement}: {text}");
    }
    bench.fails(2, &["query", "SELECT * FROM 'cache/x.parquet'"]);
}

#[test]
fn a_misspelt_column_is_named_with_its_neighbour() {
    let bench = with_run();
    let text = bench.fails(2, &["query", "SELECT acuracy FROM metrics"]);
    assert!(text.contains("acuracy"), "{text}");
    let text = bench.fails(2, &["query", "SELECT metrc FROM metrics"]);
    assert!(text.contains("did you mean `metric`"), "{text}");
}

#[test]
fn queries_come_from_files_and_take_parameters() {
    let bench = with_run();
    bench.write("q.sql", "SELECT $n + 1 AS more, $name AS name, $id AS id");
    let rows = bench.json(&[
        "query",
        "--file",
        "q.sql",
        "--param",
        "n=41",
        "--param",
        "name=aura",
        "--param",
        "id:text=007",
        "--format",
        "json",
    ]);
    assert_eq!(rows, serde_json::json!([{"more": 42, "name": "aura", "id": "007"}]));
    let text = bench.fails(2, &["query", "--file", "q.sql", "--param", "n=41"]);
    assert!(text.contains("no value given for the parameter $"), "{text}");
}

#[test]
fn queries_come_from_a_prompt() {
    let bench = with_run();
    let prompt = |input: &str| {
        bench
            .command()
            .arg("query")
            .write_stdin(input.to_owned())
            .output()
            .unwrap()
    };
    let output = prompt("\\f csv\nSELECT ';' AS a,\n 2 AS b;\nSELECT count(*) AS n FROM runs");
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "a,b\n;,2\nn\n1\n");
    assert_eq!(prompt("SELECT 1;\nDROP VIEW runs;\n").status.code(), Some(2));
}

#[test]
fn results_are_written_as_parquet() {
    let bench = with_run();
    bench.ok(&[
        "query",
        "SELECT a.run, b.run, a.sample_id, a.output FROM predictions a JOIN predictions b ON a.sample_id = b.sample_id LIMIT 3",
        "--format",
        "parquet",
        "--out",
        "p.parquet",
    ]);
    let file = std::fs::File::open(bench.path("p.parquet")).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let names: Vec<String> = reader
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    assert_eq!(names, ["run", "run_2", "sample_id", "output"]);
    assert_eq!(
        reader
            .build()
            .unwrap()
            .map(|batch| batch.unwrap().num_rows())
            .sum::<usize>(),
        3
    );
    let text = bench.fails(2, &["query", "SELECT 1", "--format", "parquet"]);
    assert!(text.contains("--out"), "{text}");
}
