//! Whom a run serves, and what is learned from: attributes, shares of the training samples, wrong labels.

use crate::{Bench, small};

/// What a query says, a list a row.
fn rows(bench: &Bench, run: &str, sql: &str) -> Vec<Vec<String>> {
    let text = bench.ok(&["query", sql, "--runs", run, "--format", "csv"]);
    text.lines()
        .skip(1)
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect()
}

#[test]
fn attributes_join_a_finished_run_and_train_nothing() {
    let (bench, run) = Bench::with_run(&[]);
    let groups = rows(
        &bench,
        &run,
        "SELECT DISTINCT attribute, part FROM subgroups WHERE kind = 'group' ORDER BY 1, 2",
    );
    assert_eq!(groups, [["skin", "dark"], ["skin", "light"], ["skin", "medium"]]);
    let mut arguments = small(&["--set", "dataset.attributes.own=[\"skin\", \"expression_name\"]"]);
    arguments.push("--json");
    let again = bench.json(&arguments);
    assert_eq!(
        again["run_dir"],
        run.as_str(),
        "attributes are no part of what is addressed"
    );
    for stage in ["convert", "extract", "train", "evaluate", "map"] {
        assert_eq!(again["stages"][stage]["cached"], true, "{stage}");
    }
    assert_eq!(again["stages"]["report"]["cached"], false);
    // All groups of an attribute together are the test split, and the gap is that of the groups that count.
    let n = rows(
        &bench,
        &run,
        "SELECT attribute, sum(n) FROM subgroups WHERE kind = 'group' AND metric = 'acc' AND method = 'aura' GROUP BY 1 ORDER BY 1",
    );
    assert_eq!(n, [["expression_name", "52"], ["skin", "52"]]);
    let wrong = rows(
        &bench,
        &run,
        "SELECT count(*) FROM (SELECT attribute, method, metric, max(value) FILTER (WHERE kind = 'group' AND counted) \
         - min(value) FILTER (WHERE kind = 'group' AND counted) AS gap, max(value) FILTER (WHERE kind = 'gap') AS told \
         FROM subgroups GROUP BY attribute, method, metric) WHERE abs(gap - told) > 1e-12",
    );
    assert_eq!(wrong, [["0"]]);
    let unknown = bench.fails(3, &small(&["--set", "dataset.attributes.own=[\"age\"]"]));
    assert!(
        unknown.contains("no such column") && unknown.contains("skin"),
        "{unknown}"
    );
    // Without attributes the tables go again.
    bench.ok(&small(&["--set", "dataset.attributes.own=[]"]));
    assert!(
        !bench.path(&run).join("subgroups.parquet").exists() && !bench.path(&run).join("attributes.parquet").exists()
    );
}

#[test]
fn shares_and_noise_touch_training_samples_alone_and_are_another_protocol() {
    let (bench, whole) = Bench::with_run(&[]);
    let less = bench.add_run(&[
        "--set",
        "protocol.train_share=0.5",
        "--set",
        "protocol.label_noise=0.25",
        "--set",
        "baselines.methods=[\"knn\"]",
    ]);
    let learned = |run: &str| {
        rows(
            &bench,
            run,
            "SELECT p.split, count(*), sum(CASE WHEN k.class_name <> s.expression_name THEN 1 ELSE 0 END) FROM predictions p \
             JOIN samples s ON s.sample_id = p.sample_id JOIN classes k ON k.class = p.label \
             WHERE p.method = 'aura' GROUP BY p.split ORDER BY p.split",
        )
    };
    assert_eq!(learned(&whole), [["test", "52", "0"], ["train", "208", "0"]]);
    assert_eq!(learned(&less), [["test", "52", "0"], ["train", "104", "26"]]);
    let digest = |run: &str| rows(&bench, run, "SELECT protocol_digest FROM runs");
    assert_ne!(digest(&whole), digest(&less));
    let page = std::fs::read_to_string(bench.path(&less).join("report/report.html")).unwrap();
    assert!(page.contains("Protocol: train share") && page.contains("Protocol: label noise"));
    let text = bench.fails(2, &small(&["--set", "protocol.draw_seed=3"]));
    assert!(text.contains("nothing is drawn"), "{text}");
}
