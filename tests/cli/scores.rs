//! `score`: predictions that other tools made, under a recipe's protocol; and the leaderboard of what came of it.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value as Json, json};

use crate::{Bench, shared, stderr};

/// A test sample of the shared faces.
struct Sample {
    id: String,
    image: String,
    label: String,
}

/// The classes of RAF-DB in the order of its card.
const CLASSES: [&str; 7] = [
    "surprise",
    "fear",
    "disgust",
    "happiness",
    "sadness",
    "anger",
    "neutral",
];

/// The test samples, and a bench in which the faces are drawn already.
fn faces() -> (Bench, Vec<Sample>) {
    let (bench, run) = Bench::with_run(&[]);
    let rows = bench.json(&[
        "query",
        "--runs",
        &run,
        "--format",
        "json",
        "SELECT sample_id, image_path, expression_name AS label FROM samples WHERE split = 'test' ORDER BY sample_id",
    ]);
    let text = |row: &Json, key: &str| row[key].as_str().unwrap().to_owned();
    let samples = rows.as_array().unwrap().iter().map(|row| Sample {
        id: text(row, "sample_id"),
        image: text(row, "image_path"),
        label: text(row, "label"),
    });
    (bench, samples.collect())
}

/// The arguments of `score` on the shared faces.
fn score<'a>(files: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["score", "rafdb"];
    arguments.extend(files);
    arguments.extend(["--stand-in", "--set", "stand_in.samples=260", "--quiet"]);
    arguments.extend(more);
    arguments
}

fn scored(bench: &Bench, files: &[&str], more: &[&str]) -> Json {
    let mut arguments = score(files, more);
    arguments.push("--json");
    bench.json(&arguments)
}

fn accuracy(summary: &Json) -> f64 {
    summary["metrics"]["acc"]["mean"].as_f64().unwrap()
}

/// What a tool says that is right but for every fifth sample, of which it says the next class.
fn said(i: usize, sample: &Sample) -> usize {
    let label = CLASSES.iter().position(|class| *class == sample.label).unwrap();
    if i % 5 == 4 { (label + 1) % CLASSES.len() } else { label }
}

/// The share of right answers of that tool.
fn share(samples: &[Sample]) -> f64 {
    let right = (0..samples.len()).filter(|i| i % 5 != 4).count();
    right as f64 / samples.len() as f64
}

/// 0.7 for the class that is said, the rest for all others.
fn probability(said: usize, class: usize) -> f64 {
    if said == class { 0.7 } else { 0.05 }
}

/// A CSV file with these columns; `cell` says what stands in each.
fn csv(columns: &[&str], samples: &[Sample], cell: impl Fn(usize, &Sample, &str) -> String) -> String {
    let mut text = columns.join(",") + "\n";
    for (i, sample) in samples.iter().enumerate() {
        let row: Vec<String> = columns.iter().map(|column| cell(i, sample, column)).collect();
        text += &(row.join(",") + "\n");
    }
    text
}

/// The form of py-feat: columns of its detector, among them a probability a class in its own order.
fn py_feat(samples: &[Sample]) -> String {
    let columns = [
        "FaceRectX",
        "FaceRectY",
        "FaceRectWidth",
        "FaceRectHeight",
        "FaceScore",
        "AU12",
        "AU43",
        "anger",
        "disgust",
        "fear",
        "happiness",
        "sadness",
        "surprise",
        "neutral",
        "input",
        "frame",
    ];
    csv(&columns, samples, |i, sample, column| match column {
        "input" => format!("/somewhere/else/{}", sample.image),
        "frame" => i.to_string(),
        column => match CLASSES.iter().position(|class| *class == column) {
            Some(class) => probability(said(i, sample), class).to_string(),
            None => "0.5".to_owned(),
        },
    })
}

/// The form of `OpenFace` 3: a number for the emotion, lists in quotes.
fn openface3(samples: &[Sample]) -> String {
    let order = [
        "neutral",
        "happiness",
        "sadness",
        "surprise",
        "fear",
        "disgust",
        "anger",
        "contempt",
    ];
    let columns = [
        "timestamp",
        "image_path",
        "face_id",
        "face_detection",
        "landmarks",
        "emotion",
        "action_units",
    ];
    csv(&columns, samples, |i, sample, column| match column {
        "image_path" => sample.image.clone(),
        "face_detection" => "\"[93.4, 67.4, 250.0, 230.8]\"".to_owned(),
        "landmarks" => "\"[[1.0, 2.0], [3.0, 4.0]]\"".to_owned(),
        "action_units" => "\"[[0.2, 0.0, 0.1, 0.3, 0.0, 0.6, 0.1, 0.0]]\"".to_owned(),
        "emotion" => {
            let class = CLASSES[said(i, sample)];
            order.iter().position(|own| *own == class).unwrap().to_string()
        }
        _ => "0".to_owned(),
    })
}

#[test]
fn the_forms_of_five_tools_are_read_and_give_what_they_hold() {
    let (bench, samples) = faces();
    let expected = share(&samples);
    bench.write("py_feat.csv", py_feat(&samples));
    bench.write("openface3.csv", openface3(&samples));
    // LibreFace: a file an image, called after it, with the expression as a word.
    for (i, sample) in samples.iter().enumerate() {
        let name = std::path::Path::new(&sample.image)
            .file_stem()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let class = CLASSES[said(i, sample)];
        let word = format!("{}{}", class[..1].to_uppercase(), &class[1..]);
        bench.write(
            &format!("libreface/{name}.csv"),
            format!("facial_expression,pitch,au_1,au_12_intensity\n{word},1.5,0,2.25\n"),
        );
    }
    // EmotiEffLib and POSTER++ return lists of logits in an order of their own.
    let logits = |order: &[&str]| -> String {
        let mut text = String::new();
        for (i, sample) in samples.iter().enumerate() {
            let of = |class: &&str| {
                let place = CLASSES.iter().position(|own| own == class);
                place.map_or(-20.0, |place| probability(said(i, sample), place).ln())
            };
            let scores: Vec<f64> = order.iter().map(of).collect();
            let _ = writeln!(text, "{}", json!({"image": sample.image, "scores": scores}));
        }
        text
    };
    let emotieff = [
        "anger",
        "contempt",
        "disgust",
        "fear",
        "happiness",
        "neutral",
        "sadness",
        "surprise",
    ];
    bench.write("emotiefflib.jsonl", logits(&emotieff));
    bench.write("poster.jsonl", logits(&CLASSES));

    let restrict = ["--tool", "emotiefflib", "--set", "score.other_classes=restrict"];
    let cases: [(&str, &str, &[&str]); 5] = [
        ("py-feat", "py_feat.csv", &[]),
        ("openface3", "openface3.csv", &[]),
        ("libreface", "libreface", &[]),
        ("emotiefflib", "emotiefflib.jsonl", &restrict),
        ("poster++", "poster.jsonl", &["--tool", "poster++"]),
    ];
    for (tool, file, more) in cases {
        let summary = scored(&bench, &[file], more);
        assert_eq!(summary["tool"], tool, "{summary}");
        assert_eq!(
            (&summary["matched"], &summary["missing_samples"]),
            (&json!("image"), &json!(0))
        );
        assert!(
            (accuracy(&summary) - expected).abs() < 1e-12,
            "{tool}: {} for {expected}",
            accuracy(&summary)
        );
        assert_eq!(summary["stand_in"], true);
        assert!(bench.path(summary["report"].as_str().unwrap()).is_file());
    }

    // Five tools of one protocol are one board, and nothing tells them apart: their answers are the same.
    let board = bench.json(&[
        "leaderboard",
        "runs",
        "--html",
        "board.html",
        "--resamples",
        "999",
        "--json",
    ]);
    let groups = board["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 1, "{board}");
    let entries = groups[0]["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 6, "the five and AURA");
    for entry in entries.iter().filter(|entry| entry["method"] != "aura") {
        assert_eq!(entry["rank"][0], 1, "{entry}");
        assert!(entry["low"].as_f64().unwrap() < expected && entry["high"].as_f64().unwrap() > expected);
    }
    let page = std::fs::read_to_string(bench.path("board.html")).unwrap();
    assert!(
        page.contains("LibreFace") && page.contains("Stand-in") && !page.contains("http:") && !page.contains("https:"),
        "{page}"
    );
}

#[test]
fn what_a_run_of_aura_predicted_is_scored_as_the_run_says() {
    let (bench, run) = Bench::with_run(&[]);
    let rows = bench.ok(&[
        "query",
        "--runs",
        &run,
        "--format",
        "csv",
        "SELECT sample_id, output[1] AS surprise, output[2] AS fear, output[3] AS disgust, output[4] AS happiness, \
         output[5] AS sadness, output[6] AS anger, output[7] AS neutral FROM predictions \
         WHERE method = 'aura' AND split = 'test' ORDER BY sample_id DESC",
    ]);
    bench.write("aura.csv", rows);
    let summary = scored(&bench, &["aura.csv"], &["--tool", "somebody's"]);
    assert_eq!(
        (&summary["tool"], &summary["matched"]),
        (&json!("somebody's"), &json!("sample_id"))
    );
    let own = &shared::run(&[]).summary["metrics"];
    for metric in ["acc", "balanced_acc", "f1_macro", "f1_fear"] {
        let (here, there) = (&summary["metrics"][metric]["mean"], &own[metric]["mean"]);
        assert_eq!(here, there, "{metric}");
    }
    // The same call finds the folder and changes nothing in it.
    let folder = bench.path(summary["run_dir"].as_str().unwrap());
    let before = std::fs::read(folder.join("manifest.json")).unwrap();
    assert_eq!(scored(&bench, &["aura.csv"], &["--tool", "somebody's"]), summary);
    assert_eq!(std::fs::read(folder.join("manifest.json")).unwrap(), before);

    // It is a run folder like any other.
    let name = summary["run_dir"].as_str().unwrap();
    let text = bench.ok(&["compare", &run, name]);
    assert!(text.contains("0.00"), "{text}");
    bench.ok(&["baseline", "save", name, "--out", "b.toml"]);
    bench.ok(&["check", name, "--baseline", "b.toml"]);
    let text = bench.fails(2, &["explain", name, "test_0001"]);
    assert!(text.contains("no archetypes"), "{text}");
    let doubts = bench.json(&[
        "query",
        "--runs",
        name,
        "--format",
        "json",
        "SELECT count(*) AS n, count(DISTINCT method) AS methods FROM label_doubts d JOIN runs r ON r.run = d.run",
    ]);
    assert!(doubts[0]["n"].as_i64().unwrap() > 0, "{doubts}");
}

#[test]
fn the_protocol_says_what_a_missing_prediction_is() {
    let (bench, samples) = faces();
    let text = csv(&["image", "prediction"], &samples, |i, sample, column| match column {
        "image" => sample.image.clone(),
        _ if i % 3 == 0 => String::new(),
        _ => CLASSES[said(i, sample)].to_owned(),
    });
    bench.write("thirds.csv", text);
    let n = samples.len();
    let answered: Vec<usize> = (0..n).filter(|i| i % 3 != 0).collect();
    let right = answered.iter().filter(|&&i| i % 5 != 4).count() as f64;

    let text = bench.fails(3, &score(&["thirds.csv"], &[]));
    let missing = n - answered.len();
    assert!(
        text.contains(&format!(
            "{missing} of {n} test samples have no prediction ({missing} values missing)"
        )) && text.contains(&samples[0].id)
            && text.contains("protocol.missing = \"wrong\""),
        "{text}"
    );
    let wrong = scored(&bench, &["thirds.csv"], &["--set", "protocol.missing=wrong"]);
    assert!((accuracy(&wrong) - right / n as f64).abs() < 1e-12, "{wrong}");
    let left_out = scored(&bench, &["thirds.csv"], &["--set", "protocol.missing=left_out"]);
    assert!(
        (accuracy(&left_out) - right / answered.len() as f64).abs() < 1e-12,
        "{left_out}"
    );
    for summary in [&wrong, &left_out] {
        assert_eq!(summary["missing_samples"], missing);
        let rows = bench.json(&[
            "query",
            "--runs",
            summary["run_dir"].as_str().unwrap(),
            "--format",
            "json",
            "SELECT reason, count(*) AS n, min(sample_id) AS first FROM missing GROUP BY reason",
        ]);
        assert_eq!(
            rows,
            json!([{"reason": "no_values", "n": missing, "first": samples[0].id}])
        );
    }
    // Three rules are three protocols: none is ranked with another.
    let board = bench.json(&["leaderboard", "runs", "--resamples", "999", "--json"]);
    let groups: BTreeMap<String, usize> = board["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| {
            let rule = group["protocol"]["protocol.missing"]
                .as_str()
                .unwrap_or("error")
                .to_owned();
            (rule, group["entries"].as_array().unwrap().len())
        })
        .collect();
    let expected = [("error", 1), ("left_out", 1), ("wrong", 1)].map(|(rule, runs)| (rule.to_owned(), runs));
    assert_eq!(groups, BTreeMap::from(expected), "{board}");
    let text = bench.fails(
        2,
        &[
            "compare",
            wrong["run_dir"].as_str().unwrap(),
            left_out["run_dir"].as_str().unwrap(),
        ],
    );
    assert!(text.contains("protocol.missing"), "{text}");
}

#[test]
fn classes_in_another_order_are_refused_and_the_order_is_named() {
    let (bench, samples) = faces();
    let lines: String = samples
        .iter()
        .enumerate()
        .map(|(i, sample)| {
            let said = said(i, sample);
            // Happiness and sadness have changed places in what the tool says.
            let place = match said {
                3 => 4,
                4 => 3,
                other => other,
            };
            let scores: Vec<f64> = (0..7).map(|class| probability(place, class)).collect();
            json!({"sample_id": sample.id, "probabilities": scores}).to_string() + "\n"
        })
        .collect();
    bench.write("swapped.jsonl", lines);
    let order = CLASSES.map(|class| format!("\"{class}\"")).join(", ");
    let stated = format!("score.class_order=[{order}]");
    let text = bench.fails(3, &score(&["swapped.jsonl"], &["--set", &stated]));
    assert!(
        text.contains("what is read as happiness is sadness, what is read as sadness is happiness"),
        "{text}"
    );
    // Stated as it is, it is right.
    let mended = stated.replace("\"happiness\", \"sadness\"", "\"sadness\", \"happiness\"");
    let summary = scored(&bench, &["swapped.jsonl"], &["--set", &mended]);
    assert!((accuracy(&summary) - share(&samples)).abs() < 1e-12);
    // Who knows that the tool is that wrong says so.
    let summary = scored(
        &bench,
        &["swapped.jsonl"],
        &["--set", &stated, "--set", "score.order_is_right=true"],
    );
    assert!(accuracy(&summary) < share(&samples));
    let text = bench.fails(3, &score(&["swapped.jsonl"], &[]));
    assert!(text.contains("nothing says which class is which"), "{text}");
}

#[test]
fn what_cannot_be_predictions_of_these_samples_is_refused_in_a_sentence() {
    let (bench, samples) = faces();
    let plain = |name: &dyn Fn(usize, &Sample) -> String, said: &dyn Fn(usize) -> String| {
        csv(&["image", "prediction"], &samples, |i, sample, column| match column {
            "image" => name(i, sample),
            _ => said(i),
        })
    };
    let own = |_: usize, sample: &Sample| sample.image.clone();
    let happy = |_: usize| "happy".to_owned();
    let cases: Vec<(&str, String, &[&str], &str)> = vec![
        (
            "another.csv",
            plain(&|i, _| format!("other/{i}.png"), &happy),
            &[],
            "none of the",
        ),
        (
            "some.csv",
            plain(
                &|i, sample| if i == 5 { "who.jpg".to_owned() } else { own(i, sample) },
                &happy,
            ),
            &[],
            "some.csv:7: 1 of",
        ),
        (
            "twice.csv",
            plain(&|i, sample| own(i, if i == 1 { &samples[0] } else { sample }), &happy),
            &[],
            "a second prediction of sample",
        ),
        (
            "train.csv",
            "image,prediction\ntrain_00001_aligned.jpg,happy\n".to_owned(),
            &[],
            "1 are of the split train",
        ),
        (
            "word.csv",
            plain(&own, &|i| if i == 2 { "hapy" } else { "happy" }.to_owned()),
            &[],
            "word.csv:4: `prediction` is `hapy`",
        ),
        (
            "number.csv",
            plain(&own, &|_| "3".to_owned()),
            &[],
            "state it, as score.class_order",
        ),
        ("empty.csv", String::new(), &[], "the file is empty"),
        (
            "short.csv",
            "image,prediction\n1,2,3\n".to_owned(),
            &[],
            "short.csv:2: 3 fields, where the header names 2",
        ),
        (
            "open.csv",
            "image,prediction\n\"a.jpg,happy\n".to_owned(),
            &[],
            "a quote is left open",
        ),
        (
            "columns.csv",
            plain(&own, &happy),
            &["--map", "prediction=Happy"],
            "score.prediction = \"Happy\" is no column of it; its columns are image, prediction",
        ),
        ("file.doc", "x".to_owned(), &[], "not a kind of file"),
        ("broken.parquet", "PAR1 no".to_owned(), &[], "broken.parquet"),
        (
            "broken.npz",
            "PK\u{3}\u{4} and no archive".to_owned(),
            &[],
            "the archive is damaged",
        ),
        ("text.jsonl", "[1, 2]".to_owned(), &[], "value 1 is no object"),
    ];
    for (name, text, more, expected) in cases {
        bench.write(name, text);
        let said = bench.fails(3, &score(&[name], more));
        assert!(said.contains(expected), "{name}: {said}");
        assert_eq!(said.lines().count(), 1, "{name}: {said}");
    }
    let said = bench.fails(3, &score(&["nowhere.csv"], &[]));
    assert!(said.contains("no such file or folder"), "{said}");
    let said = bench.fails(2, &score(&["twice.csv"], &["--map", "happy"]));
    assert!(said.contains("expected MEANING=COLUMN"), "{said}");
    let said = bench.fails(2, &score(&["twice.csv"], &["--set", "score.rnge=[0,1]"]));
    assert!(said.contains("did you mean `range`?"), "{said}");
    assert!(
        !std::fs::read_dir(bench.path("runs"))
            .unwrap()
            .any(|entry| { entry.unwrap().file_name().to_string_lossy().contains("another") })
    );
}

#[test]
fn one_of_several_faces_counts_by_a_rule_that_is_stated() {
    let (bench, samples) = faces();
    // Every image has a second face, of which the tool is less sure, and is wrong.
    let mut text = "image,confidence,prediction\n".to_owned();
    for (i, sample) in samples.iter().enumerate() {
        let wrong = CLASSES[(said(i, sample) + 3) % 7];
        let _ = writeln!(
            text,
            "{},0.2,{wrong}\n{},0.9,{}",
            sample.image,
            sample.image,
            CLASSES[said(i, sample)]
        );
    }
    bench.write("faces.csv", text);
    let text = bench.fails(3, &score(&["faces.csv"], &[]));
    assert!(text.contains("score.faces says which counts"), "{text}");
    let unknown = ["--set", "score.faces=most_confident"];
    let text = bench.fails(3, &score(&["faces.csv"], &unknown));
    assert!(text.contains("score.confidence = "), "{text}");
    let sure = ["--map", "confidence=confidence", "--set", "score.faces=most_confident"];
    let summary = scored(&bench, &["faces.csv"], &sure);
    assert!((accuracy(&summary) - share(&samples)).abs() < 1e-12, "{summary}");
    let said = summary["warnings"].as_array().unwrap().iter().any(|warning| {
        warning
            .as_str()
            .unwrap()
            .contains(&format!("{} rows are of further faces", samples.len()))
    });
    assert!(said, "{summary}");
    let first = ["--set", "score.faces=first", "--set", "score.order_is_right=true"];
    let first = scored(&bench, &["faces.csv"], &first);
    assert!(accuracy(&first) < 0.3, "{first}");
}

#[test]
fn seeds_are_told_apart_and_help_says_what_is_read() {
    let (bench, samples) = faces();
    let mut text = "sample_id,seed,prediction\n".to_owned();
    for (i, sample) in samples.iter().enumerate() {
        let _ = writeln!(
            text,
            "{},0,{}\n{},7,{}",
            sample.id,
            CLASSES[said(i, sample)],
            sample.id,
            sample.label
        );
    }
    bench.write("seeds.csv", text);
    let summary = scored(&bench, &["seeds.csv"], &[]);
    assert_eq!(summary["seeds"], json!([0, 7]));
    let values = summary["metrics"]["acc"]["seeds"].as_array().unwrap();
    assert!((values[0].as_f64().unwrap() - share(&samples)).abs() < 1e-12 && values[1] == json!(1.0));
    let output = bench.run(&["score", "--help"]);
    assert!(output.status.success(), "{}", stderr(&output));
}
