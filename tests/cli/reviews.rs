//! `protocol.relabel`: labels that somebody has looked at again.

use std::fmt::Write;

use crate::{Bench, small, stderr};

/// What a query says, a list a row.
fn rows(bench: &Bench, run: &str, sql: &str) -> Vec<Vec<String>> {
    let text = bench.ok(&["query", sql, "--runs", run, "--format", "csv"]);
    text.lines()
        .skip(1)
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect()
}

/// A review of the shared faces: two training labels and one test label change, one is kept, one nobody knows.
fn review(bench: &Bench, run: &str) -> (String, Vec<String>) {
    let fear = |split: &str, n: usize| {
        let sql = format!(
            "SELECT sample_id FROM samples WHERE expression_name = 'fear' AND split = '{split}' ORDER BY 1 LIMIT {n}"
        );
        rows(bench, run, &sql).concat()
    };
    let (train, test) = (fear("train", 4), fear("test", 1));
    let mut text = "note;sample_id;output;from;decision;to\r\n".to_owned();
    for id in train[..2].iter().chain(&test) {
        let _ = write!(text, "looks it;{id};expression;Fear;change;SURPRISE\r\n");
    }
    let _ = write!(
        text,
        ";{};expression;fear;keep;\r\n;{};expression;fear;unsure;\r\n",
        train[2], train[3]
    );
    (text, [&train[..2], &test[..]].concat())
}

/// The arguments of the small run by a recipe that names `reviewed.csv` in its own folder.
fn by_recipe(bench: &Bench) -> Vec<&'static str> {
    bench.write(
        "mine/reviewed.toml",
        "extends = \"rafdb\"\nname = \"reviewed\"\n\n[protocol]\nrelabel = \"reviewed.csv\"\n",
    );
    let mut arguments = small(&["--set", "baselines.methods=[\"knn\"]"]);
    arguments[1] = "mine/reviewed.toml";
    arguments
}

#[test]
fn reviewed_labels_are_in_force_everywhere_and_said() {
    let (bench, own) = Bench::with_run(&[]);
    let (list, changed) = review(&bench, &own);
    bench.write("mine/reviewed.csv", format!("\u{feff}{list}"));
    let mut arguments = by_recipe(&bench);
    arguments.push("--json");
    let summary = bench.json(&arguments);
    let run = summary["run_dir"].as_str().unwrap().to_owned();
    let counts = serde_json::json!({"changed": {"train": 2, "test": 1}, "left_out": 0, "kept": 1, "unsure": 1});
    assert_eq!(summary["relabelled"], counts);
    for stage in ["stand-in", "convert", "extract"] {
        assert_eq!(
            summary["stages"][stage]["cached"], true,
            "{stage}: no picture has changed"
        );
    }
    // Targets, samples and truth have the labels in force, and the list the database's own.
    let of_changed = |sql: &str| {
        let ids: Vec<String> = changed.iter().map(|id| format!("'{id}'")).collect();
        rows(&bench, &run, &sql.replace("CHANGED", &ids.join(", ")))
    };
    for sql in [
        "SELECT DISTINCT k.class_name FROM predictions p JOIN classes k ON k.class = p.label WHERE p.sample_id IN (CHANGED)",
        "SELECT DISTINCT expression_name FROM samples WHERE sample_id IN (CHANGED)",
        "SELECT DISTINCT k.class_name FROM samples s JOIN classes k ON k.class = s.expression WHERE sample_id IN (CHANGED)",
        "SELECT DISTINCT k.class_name FROM truth t JOIN classes k ON k.class = t.label WHERE sample_id IN (CHANGED)",
    ] {
        assert_eq!(of_changed(sql), [["surprise"]], "{sql}");
    }
    let wrong = "SELECT count(*) FROM truth WHERE flipped IS DISTINCT FROM (label <> expression)";
    assert_eq!(rows(&bench, &run, wrong), [["0"]]);
    let differ = "SELECT count(*) FROM samples a JOIN samples b ON a.sample_id = b.sample_id AND a.run < b.run \
                  WHERE a.expression IS DISTINCT FROM b.expression";
    let text = bench.ok(&["query", differ, "--runs", &run, "--runs", &own, "--format", "csv"]);
    assert_eq!(text.lines().nth(1), Some("3"), "all other labels are the database's");
    let listed =
        "SELECT split, output, \"from\", decision, \"to\", count(*) FROM relabelled GROUP BY ALL ORDER BY 4, 1 DESC";
    let listed: Vec<String> = rows(&bench, &run, listed).iter().map(|row| row.join(" ")).collect();
    assert_eq!(
        listed,
        [
            "train expression fear change surprise 2",
            "test expression fear change surprise 1",
            "train expression fear keep  1",
            "train expression fear unsure  1"
        ]
    );
    let warnings = rows(&bench, &run, "SELECT warning FROM warnings").concat().join(",");
    assert!(warnings.contains("changed labels of test samples: 1"), "{warnings}");
    let page = std::fs::read_to_string(bench.path(&run).join("report/report.html")).unwrap();
    assert!(page.contains("3 changed (train 2, test 1), 1 kept, 1 unsure"));
    assert!(page.contains("changed labels of test samples: 1"));
    let manifest = std::fs::read_to_string(bench.path(&run).join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["relabelled"], counts);
    assert_eq!(manifest["protocol"]["relabel"], "reviewed.csv");

    // The same list again, and under another name: nothing is computed, and results may be ranked side by side.
    bench.write(
        "mine/again.csv",
        std::fs::read(bench.path("mine/reviewed.csv")).unwrap(),
    );
    let other = [&arguments[..], &["--set", "protocol.relabel=mine/again.csv"]].concat();
    for arguments in [&arguments, &other] {
        let again = bench.json(arguments);
        assert_eq!(again["run_dir"], run.as_str());
        assert_eq!(again["relabelled"], counts);
        let mut stages = again["stages"].as_object().unwrap().iter();
        assert!(stages.all(|(_, stage)| stage["cached"] == true), "{}", again["stages"]);
    }
    let output = bench.run(
        &arguments
            .iter()
            .copied()
            .filter(|a| *a != "--quiet")
            .collect::<Vec<_>>(),
    );
    let said = stderr(&output);
    assert!(
        said.contains("reviewed labels: 3 changed (train 2, test 1), 1 kept, 1 unsure (protocol.relabel)"),
        "{said}"
    );
    assert!(said.contains("warning: changed labels of test samples: 1"), "{said}");
    let digest = |run: &str| rows(&bench, run, "SELECT protocol_digest FROM runs");
    assert_ne!(digest(&run), digest(&own));
    let validated = |set: &[&str]| {
        let arguments = [
            "validate",
            "mine/reviewed.toml",
            "--stand-in",
            "--json",
            "--set",
            "stand_in.samples=260",
        ];
        bench.json(&[&arguments, set].concat())
    };
    let (first, second) = (validated(&[]), validated(&["--set", "protocol.relabel=mine/again.csv"]));
    assert_eq!(first["protocol_digest"].as_str().unwrap(), digest(&run)[0][0]);
    assert_eq!(first["protocol_digest"], second["protocol_digest"]);
    assert_eq!(first["recipe_digest"], second["recipe_digest"]);
    assert_eq!(first["relabelled"]["changed"]["unknown"], 3);

    // What the protocol leaves out anyway is counted, and what is changed may bring a sample in.
    let fewer = [&arguments[..], &["--set", "protocol.exclude_classes=[\"surprise\"]"]].concat();
    let fewer = bench.json(&fewer);
    assert_eq!(fewer["relabelled"]["left_out"], 3);
    assert_eq!(fewer["relabelled"]["changed"], serde_json::json!({}));
}

#[test]
fn damage_to_the_tables_of_reviewed_labels_is_mended() {
    let (bench, own) = Bench::with_run(&[]);
    let (list, _) = review(&bench, &own);
    bench.write("mine/reviewed.csv", list);
    let mut arguments = by_recipe(&bench);
    arguments.push("--json");
    let run = bench.json(&arguments)["run_dir"].as_str().unwrap().to_owned();
    let names = ["samples.parquet", "truth.parquet", "relabelled.parquet"];
    let bytes = || names.map(|name| std::fs::read(bench.path(&run).join(name)).unwrap());
    let before = bytes();
    for name in names {
        std::fs::write(bench.path(&run).join(name), b"damaged").unwrap();
    }
    bench.ok(&arguments);
    assert_eq!(bytes(), before);
}

#[test]
fn a_scored_tool_is_held_against_the_labels_in_force() {
    let (bench, own) = Bench::with_run(&[]);
    let (list, _) = review(&bench, &own);
    bench.write("reviewed.csv", list);
    let said = rows(
        &bench,
        &own,
        "SELECT sample_id, expression_name FROM samples WHERE split = 'test'",
    );
    let lines: Vec<String> = said.iter().map(|row| row.join(",")).collect();
    bench.write("tool.csv", format!("sample_id,prediction\n{}\n", lines.join("\n")));
    let arguments = [
        "score",
        "rafdb",
        "tool.csv",
        "--stand-in",
        "--set",
        "stand_in.samples=260",
        "--quiet",
        "--json",
    ];
    let before = bench.json(&arguments);
    assert_eq!(before["metrics"]["acc"]["mean"], 1.0);
    let after = bench.json(&[&arguments[..], &["--set", "protocol.relabel=reviewed.csv"]].concat());
    let right = (said.len() - 1) as f64 / said.len() as f64;
    assert!((after["metrics"]["acc"]["mean"].as_f64().unwrap() - right).abs() < 1e-12);
    // What a tool was trained on is not known here: only what is tested is changed.
    assert_eq!(
        after["relabelled"],
        serde_json::json!({"changed": {"test": 1}, "left_out": 2, "kept": 1, "unsure": 1})
    );
}

#[test]
fn lists_that_cannot_be_are_refused_before_anything_is_trained() {
    let (bench, own) = Bench::with_run(&[]);
    let id = rows(
        &bench,
        &own,
        "SELECT min(sample_id) FROM samples WHERE expression_name = 'fear'",
    )
    .concat();
    let header = "sample_id,output,from,decision,to";
    let mut told = String::new();
    for (name, text) in [
        ("no such sample", format!("{header}\nnobody,expression,fear,keep,\n")),
        (
            "another label",
            format!("{header}\n\n{},expression,anger,change,fear\n", id[0]),
        ),
        ("another task", format!("{header}\n{},au12,0,change,1\n", id[0])),
        ("no class", format!("{header}\n{},expression,fear,change,joy\n", id[0])),
        (
            "no column",
            format!("sample_id,output,from,to\n{},expression,fear,joy\n", id[0]),
        ),
        (
            "twice",
            format!(
                "{header}\n{0},expression,fear,keep,\n{0},expression,fear,change,anger\n",
                id[0]
            ),
        ),
    ] {
        bench.write("list.csv", text);
        let error = bench.fails(3, &small(&["--set", "protocol.relabel=list.csv"]));
        let _ = writeln!(told, "{name}: {}", error.trim().replace(&id[0], "ID"));
    }
    let missing = bench.fails(2, &small(&["--set", "protocol.relabel=nowhere.csv"]));
    bench.write("list.csv", format!("{header}\n"));
    let stale = [
        "--set",
        "protocol.relabel=list.csv",
        "--set",
        "protocol.relabel_digest=0123456789abcdef",
    ];
    let stale = bench.fails(2, &small(&stale));
    let alone = bench.fails(2, &small(&["--set", "protocol.relabel_digest=0123456789abcdef"]));
    insta::assert_snapshot!(format!("{told}\n{missing}\n{stale}\n{alone}"));
}
