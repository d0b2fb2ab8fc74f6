//! SQL over runs, read-only.

use crate::{Bench, files, small};

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
    queries_come_from_files_and_prompts_and_take_parameters(&bench);
    results_are_written_as_parquet(&bench);
    other_programs_read_a_run(&bench);
}

fn queries_come_from_files_and_prompts_and_take_parameters(bench: &Bench) {
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
    let text = bench.fails(2, &["query", "SELECT metrc FROM metrics"]);
    assert!(text.contains("did you mean `metric`"), "{text}");
    let plan = bench.ok(&["query", "EXPLAIN SELECT run FROM runs"]);
    assert!(plan.contains("physical_plan"), "{plan}");
    let prompt = |input: &str| {
        bench
            .command()
            .arg("query")
            .write_stdin(input.to_owned())
            .output()
            .unwrap()
    };
    let output = prompt("\\f csv\nSELECT ';' AS a,\n 2 AS b;\nSELECT count(*) AS n FROM runs");
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "a,b\n;,2\nn\n1\n");
    assert_eq!(prompt("SELECT 1;\nDROP VIEW runs;\n").status.code(), Some(2));
}

fn results_are_written_as_parquet(bench: &Bench) {
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

fn other_programs_read_a_run(bench: &Bench) {
    let address = bench.ok(&["export", "mlflow", "runs", "--out", "mlruns"]);
    assert!(address.starts_with("file:///"), "{address}");
    let first = files(&bench.path("mlruns"));
    let named = |end: &str| first.iter().filter(|(path, _)| path.ends_with(end)).count();
    assert_eq!(
        (named("meta.yaml"), named("metrics/acc"), named("metrics/test.acc")),
        (3, 1, 1)
    );
    assert_eq!(named("tags/mlflow.parentRunId"), 1);
    bench.ok(&["export", "mlflow", "runs", "--out", "mlruns"]);
    assert!(
        first == files(&bench.path("mlruns")),
        "exporting again replaces what is there"
    );

    let features = std::fs::read_dir(bench.path("cache/features"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let beside = std::fs::read(features.join("croissant.json")).unwrap();
    let written = bench.ok(&["export", "croissant", features.to_str().unwrap()]);
    assert!(
        std::fs::read(written.trim()).unwrap() == beside,
        "the run wrote the same"
    );
    let metadata: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(written.trim()).unwrap()).unwrap();
    let fields = metadata["recordSet"][0]["field"].as_array().unwrap();
    let global = fields.iter().find(|field| field["name"] == "global").unwrap();
    assert_eq!(
        (&global["dataType"], &global["repeated"]),
        (&"sc:Float".into(), &true.into())
    );
    bench.fails(3, &["export", "croissant", "mlruns"]);
}
