//! Action units and valence–arousal through the whole chain, on small trees of coloured squares.

use std::path::Path;

use crate::{Bench, origins};

const SUBJECTS: [&str; 6] = ["SN001", "SN002", "SN006", "SN011", "SN003", "SN004"];
const AUS: [u32; 12] = [1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26];
const FRAMES: u32 = 30;

/// Intensity of an action unit in a frame: of every third unit it is either 0 or above 2.
fn intensity(au: u32, frame: u32) -> u32 {
    if frame.is_multiple_of(2 + au % 3) { 4 } else { 0 }
}

/// Stripes whose direction, width and place follow the active units.
fn image(path: &Path, frame: u32, shade: u8) {
    let face = image::RgbImage::from_fn(48, 48, |x, y| {
        let lit = match (x < 24, y < 24) {
            (true, true) => intensity(3, frame) > 2 && x % 8 < 4,
            (true, false) => intensity(1, frame) > 2 && y % 8 < 4,
            _ => intensity(2, frame) > 2 && (x + y) % 12 < 6,
        };
        image::Rgb(if lit { [240, 240, 240] } else { [shade, 40, 40] })
    });
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    face.save(path).unwrap();
}

fn disfa(bench: &Bench) {
    for (i, subject) in SUBJECTS.iter().enumerate() {
        for au in AUS {
            let lines: String = (1..=FRAMES)
                .map(|frame| format!("{frame},{}\n", intensity(au, frame)))
                .collect();
            bench.write(
                &format!("disfa/ActionUnit_Labels/{subject}/{subject}_au{au}.txt"),
                lines,
            );
        }
        for frame in 1..=FRAMES {
            let path = bench.path(&format!("disfa/Frames_LeftCamera/{subject}/{frame:05}.png"));
            image(&path, frame, 20 * i as u8);
        }
    }
}

const RECIPE: &str = r#"
schema = 1
[dataset]
card = "disfa"
[protocol]
seeds = [0]
[model]
k_max = 20
width = 32
hidden = 64
[model.reset]
warmup = 2
interval = 1
[train]
epochs = 4
lr = 1e-3
[baselines]
methods = ["logistic", "class_means"]
[baselines.linear]
c = 0.01
"#;

#[test]
fn folds_are_trained_apart_and_averaged() {
    let bench = Bench::new();
    disfa(&bench);
    bench.write("mine.toml", RECIPE);
    let arguments = ["run", "mine.toml", "--data", "disfa", "--quiet", "--json"];
    let summary = bench.json(&arguments);
    assert_eq!(summary["folds"], serde_json::json!([1, 2, 3]));
    assert_eq!(summary["task"], "action_units");
    let run = summary["run_dir"].as_str().unwrap();
    let ask = |sql: &str| -> serde_json::Value { bench.json(&["query", sql, "--runs", run, "--format", "json"]) };
    for fold in 1..=3 {
        assert!(bench.path(run).join(format!("fold-{fold}/seed-0/done.json")).is_file());
    }
    assert!(origins::hold(&bench.path(run)) > 1_000);
    // Nobody is trained and tested on in one fold, and every fold tests on its own people.
    let both = ask(
        "SELECT count(*) AS n FROM (SELECT DISTINCT p.fold, s.subject FROM predictions p JOIN samples s ON p.sample_id = s.sample_id \
         WHERE p.split = 'test') t JOIN (SELECT DISTINCT p.fold, s.subject FROM predictions p JOIN samples s \
         ON p.sample_id = s.sample_id WHERE p.split = 'train') r ON t.fold = r.fold AND t.subject = r.subject",
    );
    assert_eq!(both[0]["n"], 0);
    let tested = ask(
        "SELECT p.fold, string_agg(DISTINCT s.subject, ' ' ORDER BY s.subject) AS who FROM predictions p \
         JOIN samples s ON p.sample_id = s.sample_id WHERE p.split = 'test' GROUP BY p.fold ORDER BY p.fold",
    );
    let who: Vec<_> = tested
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["who"].clone())
        .collect();
    assert_eq!(who, ["SN001 SN002", "SN006 SN011", "SN003 SN004"]);
    // A seed is the mean of its folds.
    let folds = ask(
        "SELECT fold, value FROM metrics WHERE method = 'aura' AND split = 'test' AND metric = 'f1_avg' \
         AND epoch IS NULL ORDER BY fold",
    );
    let values: Vec<f64> = folds
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["value"].as_f64().unwrap())
        .collect();
    assert_eq!(values.len(), 3);
    let mean = summary["metrics"]["f1_avg"]["mean"].as_f64().unwrap();
    assert!((mean - values.iter().sum::<f64>() / 3.0).abs() < 1e-12);
    assert!(mean > 0.5, "stripes are easy: {mean}");
    // The paper's eight units, binarised above 2.
    let units = ask("SELECT class_name FROM classes ORDER BY class");
    assert_eq!(units.as_array().unwrap().len(), 8);
    let again = bench.json(&arguments);
    assert_eq!(again["stages"]["train"]["cached"], true);
    assert_eq!(again["metrics"], summary["metrics"]);
}

#[test]
fn what_decides_comparability_changes_the_protocol_digest_and_a_seed_does_not() {
    let bench = Bench::new();
    bench.write("mine.toml", RECIPE);
    let lists: String = SUBJECTS
        .iter()
        .enumerate()
        .map(|(i, subject)| format!("{subject},{}\n", i % 2 + 1))
        .collect();
    bench.write("folds.csv", lists);
    let digest = |set: &[&str]| {
        let mut arguments = vec!["validate", "mine.toml"];
        for one in set {
            arguments.extend(["--set", one]);
        }
        let text = bench.ok(&arguments);
        text.lines()
            .find(|line| line.starts_with("protocol"))
            .unwrap()
            .to_owned()
    };
    let base = digest(&[]);
    assert_eq!(base, digest(&["protocol.seeds=[3, 4]"]));
    assert_eq!(
        base,
        digest(&["protocol.au_threshold=> 2"]),
        "the paper's threshold is the default"
    );
    let mut seen = vec![base];
    for set in [
        "protocol.au_threshold=>= 2",
        "protocol.au_threshold=>= 1",
        "protocol.frames=without_bad",
        "protocol.camera=right",
        "protocol.folds=[1]",
        "protocol.action_units=[1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26]",
        "protocol.fold_list=folds.csv",
        "protocol.validation=0.2",
        "protocol.selection=best_on_test",
    ] {
        let other = digest(&[set]);
        assert!(!seen.contains(&other), "{set} leaves the digest as it is");
        seen.push(other);
    }
}

#[test]
fn keys_that_mean_nothing_are_refused() {
    let bench = Bench::new();
    bench.write("mine.toml", RECIPE);
    bench.write("raf.toml", "schema = 1\n[dataset]\ncard = \"rafdb\"\n");
    bench.write("net.toml", "schema = 1\n[dataset]\ncard = \"emotionet\"\n");
    bench.write("va.toml", "schema = 1\n[dataset]\ncard = \"affectnet_va\"\n");
    let refused = |recipe: &str, set: &str| bench.fails(2, &["validate", recipe, "--set", set]);
    let all = [
        refused("raf.toml", "protocol.folds=[1]"),
        refused("raf.toml", "protocol.au_threshold=>= 2"),
        refused("net.toml", "protocol.au_threshold=>= 2"),
        refused("net.toml", "protocol.split_list=nowhere.csv"),
        refused("mine.toml", "protocol.au_threshold=two"),
        refused("mine.toml", "protocol.folds=[4]"),
        refused("mine.toml", "protocol.action_units=[3]"),
        refused("mine.toml", "protocol.sampling=balanced"),
        refused("mine.toml", "protocol.fold_list_digest=0123"),
        refused("mine.toml", "features.tokens=none"),
        refused("va.toml", "protocol.dimensions=[\"dominance\"]"),
        refused("va.toml", "protocol.exclude_classes=[\"nome\"]"),
        refused("va.toml", "protocol.release=second"),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

/// `AffectNet` of March 2021: one `.npy` a label.
fn affectnet(bench: &Bench) {
    let number = |text: String| {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        let header = format!("{{'descr': '<U{}', 'fortran_order': False, 'shape': (), }}", text.len());
        let padded = format!("{header:<117}\n");
        bytes.extend((padded.len() as u16).to_le_bytes());
        bytes.extend(padded.bytes());
        bytes.extend(text.chars().flat_map(|c| (c as u32).to_le_bytes()));
        bytes
    };
    for (folder, samples) in [("train_set", 120), ("val_set", 60)] {
        for i in 0..samples {
            let valence = f64::from(i % 13) / 6.0 - 1.0;
            image(
                &bench.path(&format!("net/{folder}/images/{i}.jpg")),
                i % 13,
                (i % 5) as u8 * 30,
            );
            for (label, value) in [
                ("exp", (i % 8).to_string()),
                ("val", format!("{valence:.4}")),
                ("aro", format!("{:.4}", -valence / 2.0)),
            ] {
                bench.write(&format!("net/{folder}/annotations/{i}_{label}.npy"), number(value));
            }
        }
    }
}

#[test]
fn one_dimension_alone_and_only_some_expressions() {
    let bench = Bench::new();
    affectnet(&bench);
    let recipe = RECIPE
        .replace("disfa", "affectnet_va")
        .replace("methods = [\"logistic\", \"class_means\"]", "methods = [\"ridge\"]");
    bench.write("mine.toml", recipe);
    let run = |more: &[&str]| {
        let mut arguments = vec!["run", "mine.toml", "--data", "net", "--quiet", "--json"];
        arguments.extend(more);
        bench.json(&arguments)
    };
    let both = run(&[]);
    for metric in ["ccc_va", "ccc_v", "ccc_a", "rmse_v"] {
        assert!(both["metrics"][metric]["mean"].is_f64(), "{metric}");
    }
    let one = run(&["--set", "protocol.dimensions=[\"arousal\"]"]);
    assert_eq!(one["metrics"]["ccc_va"], one["metrics"]["ccc_a"]);
    assert!(one["metrics"].get("ccc_v").is_none());
    let some = run(&["--set", "protocol.exclude_classes=[\"none\", \"contempt\"]"]);
    let sql = "SELECT count(*) AS n FROM predictions WHERE method = 'aura'";
    let count = |summary: &serde_json::Value| {
        let run = summary["run_dir"].as_str().unwrap();
        bench.json(&["query", sql, "--runs", run, "--format", "json"])[0]["n"].clone()
    };
    assert_eq!(count(&both), 180);
    // Every eighth image is labelled contempt.
    assert_eq!(count(&some), 180 - 15 - 7);
    let manifest =
        std::fs::read_to_string(bench.path(both["run_dir"].as_str().unwrap()).join("manifest.json")).unwrap();
    assert!(manifest.contains("\"release\": \"march_2021\""), "{manifest}");
    let refused = bench.fails(
        3,
        &[
            "run",
            "mine.toml",
            "--data",
            "net",
            "--quiet",
            "--set",
            "protocol.release=first",
        ],
    );
    assert!(refused.contains("march_2021"), "{refused}");
}

#[test]
fn every_fold_is_asked_about_all_of_another_database() {
    let bench = Bench::new();
    disfa(&bench);
    let other = "[[test]]\nname = \"again\"\n[test.dataset]\ncard = \"disfa\"\nroot = \"disfa\"\n[test.protocol]\naction_units = [1, 2, 9, 12, \
                 20]\nfolds = [2, 3]\n";
    bench.write("mine.toml", format!("{RECIPE}\n{other}"));
    let summary = bench.json(&["run", "mine.toml", "--data", "disfa", "--quiet", "--json"]);
    let run = summary["run_dir"].as_str().unwrap();
    let ask = |sql: &str| -> serde_json::Value { bench.json(&["query", sql, "--runs", run, "--format", "json"]) };
    let test = &summary["tests"][0];
    // AU20 is none of the eight that are trained.
    assert_eq!(test["outputs"], serde_json::json!(["au01", "au02", "au09", "au12"]));
    assert_eq!(test["unknown"], serde_json::json!(["au20"]));
    let people = ask("SELECT DISTINCT subject FROM samples WHERE fold IN (2, 3)");
    let people = people.as_array().unwrap().len();
    assert_eq!(test["samples"], people as u64 * u64::from(FRAMES));
    let folds = ask(
        "SELECT fold, count(*) AS n, avg(array_length(output)) AS outputs FROM predictions \
         WHERE split = 'test@again' AND method = 'aura' GROUP BY fold ORDER BY fold",
    );
    for (fold, row) in folds.as_array().unwrap().iter().enumerate() {
        assert_eq!((&row["fold"], &row["n"]), (&(fold + 1).into(), &test["samples"]));
    }
    assert_eq!(folds.as_array().unwrap().len(), 3);
    // The mean over the folds, once each sample; people are resampled once and not fold by fold.
    let mean = ask(
        "SELECT avg(value) AS value FROM metrics WHERE split = 'test@again' AND metric = 'f1_avg' AND method = 'aura'",
    );
    let (mean, told) = (&mean[0]["value"], &summary["metrics"]["f1_avg@again"]["mean"]);
    assert!((mean.as_f64().unwrap() - told.as_f64().unwrap()).abs() < 1e-12);
    let n = ask("SELECT n FROM seed_metrics WHERE split = 'test@again' AND metric = 'f1_avg' AND method = 'aura'");
    assert_eq!(n[0]["n"], test["samples"]);
    let clusters = ask("SELECT DISTINCT clusters FROM standings WHERE metric = 'f1_avg@again'");
    assert_eq!(clusters, serde_json::json!([{ "clusters": people }]));
    // Those are faces that the run has learned from, which it says.
    let warnings = ask("SELECT warning FROM warnings WHERE warning LIKE 'test@again: %are learned from%'");
    assert!(!warnings.as_array().unwrap().is_empty());
    // Of units that it does not label nothing is known, and nothing told.
    assert!(summary["metrics"].get("f1_au04@again").is_none() && summary["metrics"].get("f1_au12@again").is_some());
}

#[test]
fn persons_of_a_list_are_grouped_over_all_folds() {
    let bench = Bench::new();
    disfa(&bench);
    bench.write(
        "who.csv",
        "subject;age\nSN001;young\nSN002;young\nSN006;\nSN011;old\nSN003;old\nSN004;old\n",
    );
    let attributes = "[dataset.attributes]\nlist = \"who.csv\"\nkey = \"subject\"\n";
    bench.write(
        "mine.toml",
        format!("{RECIPE}\n{attributes}").replace("\"logistic\", ", ""),
    );
    let summary = bench.json(&["run", "mine.toml", "--data", "disfa", "--quiet", "--json"]);
    let run = summary["run_dir"].as_str().unwrap();
    let groups = bench.json(&[
        "query",
        "SELECT part, n, clusters FROM subgroups WHERE kind = 'group' AND metric = 'f1_avg' AND method = 'aura' ORDER BY part NULLS LAST",
        "--runs",
        run,
        "--format",
        "json",
    ]);
    let row = |part: serde_json::Value, people: u32| serde_json::json!({ "part": part, "n": people * FRAMES, "clusters": people });
    assert_eq!(groups[0], row("old".into(), 3));
    assert_eq!(groups[1], row("young".into(), 2));
    assert_eq!(
        (&groups[2]["part"], &groups[2]["n"]),
        (&serde_json::Value::Null, &FRAMES.into())
    );
}
