//! Features made elsewhere: the how-to's own example, against scikit-learn.

use std::fmt::Write;
use std::path::Path;

use crate::Bench;

/// Files of `tests/peers/table`.
fn peer(name: &str) -> Vec<u8> {
    std::fs::read(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/peers/table")
            .join(name),
    )
    .unwrap()
}

/// The first TOML block of the how-to.
fn example() -> String {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/features-from-elsewhere.md")).unwrap();
    let start = text.find("```toml\n").unwrap() + "```toml\n".len();
    let end = start + text[start..].find("```").unwrap();
    text[start..end].to_owned()
}

pub fn digits() -> Bench {
    let bench = Bench::new();
    bench.write("digits.npz", peer("digits.npz"));
    bench.write("digits.csv", peer("digits.csv"));
    bench.write("digits.toml", example());
    bench
}

#[test]
fn the_example_of_the_how_to_agrees_with_scikit_learn() {
    let bench = digits();
    let golden: serde_json::Value = serde_json::from_slice(&peer("golden.json")).unwrap();
    let arguments = ["run", "digits.toml", "--json", "--quiet", "--set", "train.epochs=6"];
    let summary = bench.json(&arguments);
    assert_eq!(summary["dataset"], "digits");
    let test = golden["test"].as_f64().unwrap();
    for method in ["knn", "logistic"] {
        let ours = summary["methods"][method]["acc"]["mean"].as_f64().unwrap();
        let theirs = golden[method].as_f64().unwrap();
        assert!(
            (ours - theirs).abs() * test < 1.5,
            "{method}: {ours} here, {theirs} in scikit-learn: more than one of {test} samples differs"
        );
    }
    let aura = summary["metrics"]["acc"]["mean"].as_f64().unwrap();
    assert!(aura > 0.9, "AURA reads digits with an accuracy of {aura} only");
    assert_eq!(summary["stages"]["import"]["cached"], false);
    assert!(bench.path(summary["report"].as_str().unwrap()).is_file());
    let manifest =
        std::fs::read_to_string(bench.path(summary["run_dir"].as_str().unwrap()).join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["encoder"]["kind"], "grey values");
    assert_eq!(manifest["classes"].as_array().unwrap().len(), 10);
    // Every stage says what it cost, each rival too, and keeps it when it is found again.
    let costs = |manifest: &serde_json::Value| -> Vec<(String, f64, Option<u64>)> {
        let stages = manifest["stages"].as_array().unwrap().iter();
        let worked = stages.filter(|stage| !stage["cached"].as_bool().unwrap());
        worked
            .map(|stage| {
                let (cpu, memory) = (&stage["cpu_seconds"], &stage["peak_memory_bytes"]);
                let name = stage["name"].as_str().unwrap().to_owned();
                (name, cpu.as_f64().unwrap(), memory.as_u64())
            })
            .collect()
    };
    if cfg!(target_os = "linux") {
        let costs = costs(&manifest);
        let of = |name: &str| costs.iter().find(|cost| cost.0 == name).unwrap();
        assert!(
            of("train").1 > 0.0
                && of("train").2 > Some(1 << 20)
                && of("rival logistic").1 <= of("evaluate").1 + 0.1
                && of("rival knn").2.is_none()
        );
    }
    let again = bench.json(&arguments);
    assert_eq!(again["stages"]["import"]["cached"], true);
    assert_eq!(again["metrics"], summary["metrics"]);
    let file = bench.path(again["run_dir"].as_str().unwrap()).join("manifest.json");
    let later: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(later["stages"], manifest["stages"]);

    // A recipe with every default spelled out is the same recipe.
    let resolved = bench.ok(&["validate", "digits.toml", "--resolved", "--set", "train.epochs=6"]);
    bench.write("resolved.toml", resolved);
    let third = bench.json(&["run", "resolved.toml", "--json", "--quiet"]);
    assert_eq!(third["run"], summary["run"]);

    // The protocol of another recipe serves too; its encoder does not.
    bench.write(
        "other.toml",
        "schema = 1\nextends = \"digits.toml\"\n[encoder]\nkind = \"clip\"\n",
    );
    let text = bench.fails(2, &["validate", "other.toml"]);
    assert!(text.contains("not encoded again"), "{text}");
    let example = example();
    bench.write("images.toml", example.replace("card = \"table\"", "card = \"rafdb\""));
    let text = bench.fails(2, &["validate", "images.toml"]);
    assert!(text.contains("only the card `table` reads it"), "{text}");
}

#[test]
fn what_makes_no_sense_is_said() {
    let bench = digits();
    let text = bench.fails(2, &["run", "digits.toml", "--stand-in"]);
    assert!(text.contains("have no stand-in"), "{text}");
    let text = bench.fails(2, &["run", "digits.toml", "--set", "encoder.kind=clip"]);
    assert!(text.contains("not encoded again"), "{text}");
    let text = bench.fails(3, &["run", "digits.toml", "--set", "dataset.path=nothing.npz"]);
    assert!(text.contains("there is no such file"), "{text}");
    let text = bench.fails(3, &["run", "digits.toml", "--set", "dataset.table.label=digti"]);
    assert!(
        text.contains("dataset.table.label = \"digti\"") && text.contains("name, part, digit"),
        "{text}"
    );
    let text = bench.fails(3, &["run", "digits.toml", "--set", "protocol.task=valence_arousal"]);
    assert!(text.contains("dataset.table.valence"), "{text}");
    let labels = String::from_utf8(peer("digits.csv")).unwrap();
    bench.write("digits.csv", labels.replacen("training,", "training", 1));
    // A line that is short is one sample less, and no label moves to its neighbour.
    let report = bench.json(&["validate", "digits.toml", "--json"]);
    assert_eq!(
        report["data"]["reject_reasons"],
        serde_json::json!({"malformed_line": 1, "missing_label": 1}),
        "{report}"
    );
}

#[test]
fn an_archive_laid_out_as_one_of_three_gigabytes_is_read() {
    let bench = Bench::new();
    bench.write("zip64.npz", peer("zip64.npz"));
    bench.write(
        "zip64.toml",
        "schema = 1\nname = \"zip64\"\n[dataset]\ncard = \"table\"\npath = \"zip64.npz\"\n\
         [dataset.table]\nencoder = \"count\"\n[protocol]\ntask = \"expression\"\n",
    );
    let report = bench.json(&["validate", "zip64.toml", "--json"]);
    assert_eq!(report["data"]["samples"], 40);
    assert_eq!(report["data"]["by_split"]["test"], 8);
}

#[test]
fn validate_reads_the_table_and_writes_nothing() {
    let bench = digits();
    let report = bench.json(&["validate", "digits.toml", "--json"]);
    assert_eq!(report["data"]["samples"], 1797);
    assert_eq!(report["data"]["by_split"]["test"], 450);
    assert_eq!(report["data"]["by_class"]["7"], 179);
    assert_eq!(report["needs"]["disk_bytes"], 2 * 1797 * 64 * 4);
    let text = bench.ok(&["validate", "digits.toml"]);
    assert!(
        text.contains("needs: 1797 rows: training and rivals take at most 915.8"),
        "{text}"
    );
    // A study of such a recipe asks for no generated faces.
    bench.write(
        "study.toml",
        "schema = 1\nextends = \"digits.toml\"\n[sweep]\n\"model.k_max\" = [20, 40]\n",
    );
    bench.ok(&["validate", "study.toml"]);
    assert!(!bench.path("cache").exists() && !bench.path("runs").exists());
}

#[test]
fn the_features_of_a_third_model_are_mapped_and_measured_beside_the_encoders() {
    let bench = digits();
    // The very features of the run under another name: every number must be the encoder's.
    let mut arguments = vec!["run", "digits.toml", "--quiet", "--set", "train.epochs=2"];
    arguments.extend(["--set", "baselines.enabled=false", "--set"]);
    let text = bench.fails(
        3,
        &[&arguments[..], &["report.features={ POSTER = \"digits.csv\" }"]].concat(),
    );
    assert!(
        text.contains("report.features.\"POSTER\": ") && text.contains("digits.csv"),
        "{text}"
    );
    arguments.push("report.features={ \"POSTER++\" = \"digits.npz\" }");
    bench.ok(&arguments);
    let rows = bench.json(&[
        "query",
        "SELECT space, measure, value FROM separability WHERE space IN ('encoder', 'POSTER++') ORDER BY measure, space",
        "--format",
        "json",
    ]);
    let rows = rows.as_array().unwrap();
    let measures: Vec<&str> = rows
        .chunks(2)
        .map(|pair| pair[0]["measure"].as_str().unwrap())
        .collect();
    assert_eq!(
        measures,
        [
            "purity",
            "purity_map",
            "silhouette",
            "silhouette_map",
            "trustworthiness"
        ]
    );
    for pair in rows.chunks(2) {
        assert_eq!(pair[0]["value"], pair[1]["value"], "{}", pair[0]["measure"]);
    }
    let run = bench.json(&["query", "SELECT path FROM runs", "--format", "json"])[0]["path"].clone();
    let page = std::fs::read_to_string(Path::new(run.as_str().unwrap()).join("report/report.html")).unwrap();
    assert!(
        page.contains("POSTER++: 450 samples; silhouette"),
        "the picture in words"
    );
    assert!(page.contains("POSTER++, test samples"), "the table of separability");
}

/// A table of three action units that the paper's databases do not label, as the bytes of an array and a list of labels.
fn units() -> (Vec<u8>, String) {
    const ROWS: usize = 60;
    let head = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({ROWS}, 4), }}");
    let head = format!("{head:<117}\n");
    let mut array = b"\x93NUMPY\x01\x00".to_vec();
    array.extend((head.len() as u16).to_le_bytes());
    array.extend(head.as_bytes());
    let mut labels = "name,split,AU10,au_14,'AU 23'\n".to_owned();
    for i in 0..ROWS {
        let on = [i % 2, i % 3 % 2, i % 5 % 2];
        for (j, on) in on.iter().chain([&(i % 7)]).enumerate() {
            array.extend((*on as f32 + 0.01 * ((i * (j + 3)) % 11) as f32).to_le_bytes());
        }
        let split = if i % 7 < 2 { "test" } else { "train" };
        let _ = writeln!(labels, "s{i:02},{split},{},{},{}", on[0], on[1], on[2]);
    }
    (array, labels)
}

#[test]
fn action_units_that_no_card_has_are_in_every_table_and_figure() {
    let bench = Bench::new();
    let (features, labels) = units();
    bench.write("units.npy", features);
    bench.write("units.csv", labels);
    bench.write(
        "units.toml",
        "schema = 1\nname = \"units\"\n[dataset]\ncard = \"table\"\npath = \"units.npy\"\n[dataset.table]\n\
         labels = \"units.csv\"\n[protocol]\ntask = \"action_units\"\nseeds = [0, 1]\n[model]\nwidth = 8\nhidden = 8\nk_max = 10\n\
         [train]\nepochs = 2\n[baselines]\nmethods = [\"knn\"]\n",
    );
    let summary = bench.json(&["run", "units.toml", "--json", "--quiet"]);
    let report = bench.path(summary["report"].as_str().unwrap());
    let beside = |name: &str| std::fs::read_to_string(report.with_file_name(name)).unwrap();
    let csv = beside("tables/results_au.csv");
    let head: Vec<&str> = csv
        .lines()
        .next()
        .unwrap()
        .split(',')
        .filter(|name| name.starts_with("f1_au"))
        .collect();
    assert_eq!(
        head,
        [
            "f1_au10",
            "f1_au10_sd",
            "f1_au14",
            "f1_au14_sd",
            "f1_au23",
            "f1_au23_sd"
        ]
    );
    assert!(beside("report.md").contains("| AU10 | AU14 | AU23 |"));
    assert!(beside("tables/results_au.tex").contains("& AU10 & AU14 & AU23 &"));
    for table in ["table1_au", "table1_au_seeds", "readout_fits"] {
        let text = beside(&format!("tables/{table}.csv"));
        assert!(
            ["au10", "au14", "au23"].iter().all(|unit| text.contains(unit)),
            "{table}:\n{text}"
        );
    }
    let page = std::fs::read_to_string(&report).unwrap();
    let map = beside("figures/map_units.svg");
    for unit in ["AU10", "AU14", "AU23"] {
        assert!(page.contains(unit) && map.contains(unit), "{unit}");
    }
    // A unit that somebody looked at again, by a list beside the table.
    let run = summary["run_dir"].as_str().unwrap();
    let ask = |run: &str, sql: &str| bench.ok(&["query", sql, "--runs", run, "--format", "csv"]);
    let first = ask(
        run,
        "SELECT sample_id, au14 FROM samples WHERE split = 'test' AND au14 IS NOT NULL ORDER BY 1 LIMIT 1",
    );
    let (id, own) = first.lines().nth(1).unwrap().split_once(',').unwrap();
    let (from, to) = if own.starts_with('0') { ("0", "1") } else { ("1", "0") };
    let list = format!("sample_id,output,from,decision,to\n{id},AU14,{from},change,{to}\n");
    bench.write("reviewed.csv", list);
    let set = ["--set", "protocol.relabel=reviewed.csv"];
    let found = bench.json(&[&["validate", "units.toml", "--json"], &set[..]].concat());
    assert_eq!(found["relabelled"]["changed"], serde_json::json!({"test": 1}));
    let again = bench.json(&[&["run", "units.toml", "--json", "--quiet"], &set[..]].concat());
    assert_eq!(again["relabelled"]["changed"], serde_json::json!({"test": 1}));
    assert_eq!(again["stages"]["import"]["cached"], true);
    let run = again["run_dir"].as_str().unwrap();
    let target = format!(
        "SELECT DISTINCT CAST(target[2] AS INT), CAST(au14 AS INT) FROM predictions p JOIN samples s ON s.sample_id = p.sample_id WHERE s.sample_id = '{id}'"
    );
    assert_eq!(ask(run, &target).lines().nth(1), Some(format!("{to},{to}").as_str()));
}
