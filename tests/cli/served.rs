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
    // The same once more writes nothing: a finished run may lie where nothing can be written.
    let written = || {
        let folder = bench.path(&run);
        let names = [
            "attributes.parquet",
            "subgroups.parquet",
            "digests.json",
            "manifest.json",
        ];
        names.map(|name| std::fs::metadata(folder.join(name)).unwrap().modified().unwrap())
    };
    let before = written();
    bench.ok(&arguments);
    assert_eq!(written(), before);
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

/// The small run on the faces in `raf`, read as the database, with a list of attributes beside it.
const ON_A_FOLDER: [&str; 14] = [
    "--data",
    "raf",
    "--set",
    "encoder.kind=hog",
    "--set",
    "dataset.attributes.list=who.csv",
    "--set",
    "dataset.attributes.key=image_path",
    "--set",
    "dataset.attributes.key_column=image",
    "--set",
    "baselines.methods=[\"knn\"]",
    "--set",
    "model.width=32",
];

#[test]
fn a_list_beside_the_folder_is_read_before_anything_and_says_what_it_did_not_find() {
    let bench = Bench::with_faces();
    let mut arguments: Vec<&str> = small(&ON_A_FOLDER);
    arguments.retain(|argument| !matches!(*argument, "--stand-in" | "--quiet" | "stand_in.samples=260"));
    let lone = arguments
        .windows(2)
        .position(|pair| pair == ["--set", "--set"])
        .unwrap();
    arguments.remove(lone);
    let labels = std::fs::read_to_string(bench.path("raf/basic/EmoLabel/list_patition_label.txt")).unwrap();
    let tested: Vec<String> = labels
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| name.starts_with("test"))
        .map(|name| name.replace(".jpg", "_aligned.jpg"))
        .collect();
    let lines = |last: &str| {
        let known = tested.iter().skip(2).enumerate();
        let known: String = known
            .map(|(i, name)| format!("{name},{}\n", ["young", "old"][i % 2]))
            .collect();
        format!("image,age\n{known}{last}\n")
    };
    // A mistake is told before faces are read.
    bench.write("who.csv", lines("one,field,too many"));
    let told = bench.fails(3, &arguments);
    assert!(
        told.contains(&format!("who.csv:{}", tested.len())) && !told.contains("convert "),
        "{told}"
    );
    let mut validate = vec!["validate", "recipes/rafdb.toml"];
    validate.extend(&arguments[2..]);
    let seeds = validate.iter().position(|argument| *argument == "--seeds").unwrap();
    validate.drain(seeds..seeds + 2);
    assert!(bench.fails(3, &validate).contains("who.csv:"));

    bench.write("who.csv", lines("test_9999_aligned.jpg,old"));
    let output = bench.run(&arguments);
    let said = crate::stderr(&output);
    assert!(output.status.success(), "{said}");
    let n = tested.len() - 1;
    assert!(
        said.contains(&format!(
            "1 of {n} lines name no sample, such as `test_9999_aligned.jpg` (line {})",
            n + 1
        )),
        "{said}"
    );
    let run = std::fs::read_dir(bench.path("runs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let run = run
        .map(|name| name.to_string_lossy().into_owned())
        .find(|name| name.starts_with("rafdb-"))
        .unwrap();
    let groups = rows(
        &bench,
        &format!("runs/{run}"),
        "SELECT part, n FROM subgroups WHERE kind = 'group' AND metric = 'acc' AND method = 'knn' ORDER BY part NULLS LAST",
    );
    let known = tested.len() - 2;
    let (old, young) = ((known / 2).to_string(), known.div_ceil(2).to_string());
    assert_eq!(groups, [["old", old.as_str()], ["young", &young], ["", "2"]]);
}
