//! The database as it lies on disk: missing, in variants, and broken.

use std::path::Path;

use crate::{Bench, small};

#[test]
fn without_data_it_says_where_it_looked_and_what_to_do() {
    let text = Bench::new().fails(3, &["run", "recipes/rafdb.toml"]);
    for part in ["RAFDB_ROOT", "--data", "--stand-in", "looked at", "to obtain it"] {
        assert!(text.contains(part), "`{part}` is missing from: {text}");
    }
}

#[test]
fn a_folder_of_something_else_is_refused() {
    let bench = Bench::new();
    bench.write("photos/holiday.txt", "sea");
    let text = bench.fails(3, &["run", "recipes/rafdb.toml", "--data", "photos"]);
    assert!(text.contains("photos"), "{text}");
}

fn run_on(bench: &Bench, folder: &str, more: &[&'static str]) -> serde_json::Value {
    let mut arguments: Vec<&str> = small(&["--json"])
        .into_iter()
        .filter(|argument| *argument != "--stand-in")
        .collect();
    arguments.extend(["--data", folder, "--set", "encoder.kind=hog"]);
    arguments.extend(more);
    bench.json(&arguments)
}

#[test]
fn broken_images_are_listed_and_the_rest_is_used() {
    let bench = Bench::with_faces();
    let root = bench.path("raf");
    let aligned = root.join("basic/Image/aligned");
    let mut images: Vec<_> = std::fs::read_dir(&aligned)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    images.sort();
    std::fs::write(&images[0], b"").unwrap();
    std::fs::write(&images[1], b"this is no image").unwrap();
    std::fs::remove_file(&images[2]).unwrap();
    std::fs::write(&images[3], bomb()).unwrap();
    let list = root.join("basic/EmoLabel/list_patition_label.txt");
    let mut labels = std::fs::read_to_string(&list).unwrap();
    labels.push_str("train_99999.jpg 12\n../../etc/passwd 3\nno label here\n");
    let first = labels.lines().nth(10).unwrap().to_owned();
    labels.push_str(&first);
    labels.push('\n');
    std::fs::write(&list, labels).unwrap();

    let conversion = bench.json(&[
        "convert",
        "rafdb",
        "--data",
        "raf",
        "--out",
        "converted",
        "--json",
        "--quiet",
    ]);
    let rejects = std::fs::read_to_string(bench.path("converted/rejects.csv")).unwrap();
    assert_eq!(
        conversion["rejected"].as_u64().unwrap() as usize,
        rejects.lines().count() - 1
    );
    assert!(conversion["rejected"].as_u64().unwrap() >= 7, "{rejects}");
    let summary = run_on(
        &bench,
        "raf",
        &["--set", "dataset.max_rejected=0.2", "--set", "baselines.enabled=false"],
    );
    assert!(summary["metrics"]["acc"]["mean"].is_f64());
}

#[test]
fn too_many_broken_images_end_the_run() {
    let bench = Bench::with_faces();
    let root = bench.path("raf");
    for entry in std::fs::read_dir(root.join("basic/Image/aligned")).unwrap().take(200) {
        std::fs::write(entry.unwrap().path(), b"gone").unwrap();
    }
    let mut arguments = vec!["run", "recipes/rafdb.toml", "--data", "raf", "--quiet"];
    arguments.extend(["--set", "encoder.kind=hog"]);
    let text = bench.fails(3, &arguments);
    assert!(text.contains("reject"), "{text}");
}

#[test]
fn a_conversion_by_hand_takes_the_keys_of_a_protocol() {
    let bench = Bench::with_faces();
    let images = bench.path("raf/basic/Image");
    for entry in std::fs::read_dir(images.join("aligned")).unwrap() {
        let entry = entry.unwrap();
        let plain = entry.file_name().into_string().unwrap().replace("_aligned", "");
        std::fs::rename(entry.path(), images.join("aligned").join(plain)).unwrap();
    }
    std::fs::rename(images.join("aligned"), images.join("original")).unwrap();
    let convert = |more: &[&'static str]| -> Vec<&'static str> {
        let all = ["convert", "rafdb", "--data", "raf", "--out", "out", "--quiet"];
        all.into_iter().chain(more.iter().copied()).collect()
    };
    let text = bench.fails(3, &convert(&[]));
    assert!(text.contains("set protocol.images = \"original\""), "{text}");
    let found = bench.json(&convert(&["--set", "protocol.images=original", "--json"]));
    assert_eq!(found["samples"], 260);
    for key in [
        "layout", "samples", "rejected", "masked", "by_split", "by_class", "expected", "warnings",
    ] {
        assert!(found.get(key).is_some(), "{key} is missing");
    }
    let text = bench.ok(&[
        "validate",
        "raf",
        "--card",
        "rafdb",
        "--set",
        "protocol.images=original",
    ]);
    assert!(
        text.contains("260 samples") && text.contains("--set 'protocol.images=original'"),
        "{text}"
    );

    let text = bench.fails(2, &convert(&["--set", "protocol.imges=original"]));
    assert!(text.contains("did you mean `images`?"), "{text}");
    let text = bench.fails(2, &convert(&["--set", "protocol.sampling=balanced"]));
    assert!(
        text.contains("`protocol.sampling` changes nothing about a conversion"),
        "{text}"
    );
    bench.fails(2, &["validate", "raf", "--set", "protocol.images=original"]);
}

#[test]
fn the_kaggle_variant_gives_the_same_samples() {
    let bench = Bench::with_faces();
    let root = bench.path("raf");
    kaggle(&root, &bench.path("kaggle/DATASET"));
    let original = bench.json(&["convert", "rafdb", "--data", "raf", "--out", "a", "--json", "--quiet"]);
    let variant = bench.json(&[
        "convert", "rafdb", "--data", "kaggle", "--out", "b", "--json", "--quiet",
    ]);
    assert_ne!(original["layout"], variant["layout"]);
    for key in ["samples", "by_split", "by_class"] {
        assert_eq!(original[key], variant[key], "{key}");
    }
}

/// Rearranges a tree as the Kaggle copy of RAF-DB lies on disk.
fn kaggle(root: &Path, out: &Path) {
    let labels = std::fs::read_to_string(root.join("basic/EmoLabel/list_patition_label.txt")).unwrap();
    let mut tables = std::collections::BTreeMap::from([("train", String::new()), ("test", String::new())]);
    for line in labels.lines() {
        let (name, label) = line.split_once(' ').unwrap();
        let split = if name.starts_with("train") { "train" } else { "test" };
        let image = name.replace(".jpg", "_aligned.jpg");
        let folder = out.join(split).join(label.trim());
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::copy(root.join("basic/Image/aligned").join(&image), folder.join(&image)).unwrap();
        let table = tables.get_mut(split).unwrap();
        table.push_str(&format!("{image},{}\n", label.trim()));
    }
    for (split, rows) in tables {
        std::fs::write(
            out.parent().unwrap().join(format!("DATASET/{split}_labels.csv")),
            format!("image,label\n{rows}"),
        )
        .unwrap();
    }
}

/// A PNG of a few bytes whose header claims 60,000 × 60,000 pixels.
fn bomb() -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR".to_vec();
    png.extend(60_000_u32.to_be_bytes());
    png.extend(60_000_u32.to_be_bytes());
    png.extend([8, 2, 0, 0, 0]);
    png.extend([0; 64]);
    png
}

/// A folder that `standin` drew may be read as if it were the database; its results are labelled all the same.
#[test]
fn generated_faces_are_labelled_when_they_are_read_as_a_database() {
    let bench = Bench::with_faces();
    let arguments = [
        "run",
        "recipes/rafdb.toml",
        "--data",
        "raf",
        "--seeds",
        "0",
        "--set",
        "encoder.kind=hog",
        "--set",
        "train.epochs=1",
        "--set",
        "model.k_max=20",
        "--set",
        "baselines.enabled=false",
        "--set",
        "report.map_points=0",
        "--quiet",
        "--json",
    ];
    let summary = bench.json(&arguments);
    assert_eq!(summary["stand_in"], true);
    assert!(
        summary["metrics"]["nmi_mode"]["mean"].is_number(),
        "their truth is known"
    );
    std::fs::remove_file(bench.path("raf/STAND-IN.toml")).unwrap();
    assert_eq!(bench.json(&arguments)["stand_in"], false);
}
