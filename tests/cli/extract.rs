//! Features of any folder of images, by hand; encoders with random weights, and trained ones.

use crate::{Bench, files};

pub fn peer(path: &str) -> String {
    format!("{}/tests/peers/{path}", env!("CARGO_MANIFEST_DIR"))
}

/// A folder of four files, two of which are no images.
pub fn images(bench: &Bench) -> String {
    for (name, from) in [("a/face.png", "hog/face.png"), ("b/photo.PNG", "preprocess/photo.png")] {
        bench.write(&format!("images/{name}"), std::fs::read(peer(from)).unwrap());
    }
    bench.write("images/broken.jpg", "this is no image");
    bench.write("images/notes.txt", "neither is this, and it does not claim to be");
    bench.path("images").to_str().unwrap().to_owned()
}

/// The command that encodes a folder of images with a small model.
pub fn by_hand<'a>(images: &'a str, weights: &'a str, out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec![
        "extract",
        "--images",
        images,
        "--encoder",
        "dino",
        "--weights",
        weights,
        "--out",
        out,
    ];
    arguments.extend(more);
    arguments
}

#[test]
fn a_folder_of_images_becomes_a_feature_table() {
    let bench = Bench::new();
    let images = images(&bench);
    let weights = peer("vit/dino");
    let options = ["--tokens", "2x2", "--dtype", "f32", "--json"];
    let run = |out: &str| bench.json(&by_hand(&images, &weights, out, &options));
    let report = run("table");
    assert_eq!(
        (report["rows"].as_i64(), report["rejected"].as_i64()),
        (Some(2), Some(2)),
        "{report}"
    );
    assert_eq!(
        (&report["encoder"], &report["missing_parts"]),
        (&"dino".into(), &0.into())
    );
    let rejects = std::fs::read_to_string(bench.path("table/rejects.csv")).unwrap();
    assert!(
        rejects.starts_with("file,line,reason,sample,image\nbroken.jpg,3,"),
        "{rejects}"
    );
    // What other programs read lies beside the parts, and `export` has nothing to add.
    let croissant = std::fs::read_to_string(bench.path("table/croissant.json")).unwrap();
    let metadata: serde_json::Value = serde_json::from_str(&croissant).unwrap();
    assert_eq!(metadata["name"], "folder-dino");
    assert_eq!(metadata["distribution"][0]["includes"], "part-*.parquet");
    assert!(metadata["description"].as_str().unwrap().starts_with("2 samples"));
    bench.ok(&["export", "croissant", "table"]);
    assert_eq!(
        std::fs::read_to_string(bench.path("table/croissant.json")).unwrap(),
        croissant
    );
    // The same command does nothing, and another folder gets the same bytes.
    assert_eq!(run("table")["cached_parts"], 1);
    run("again");
    assert_eq!(files(&bench.path("table")), files(&bench.path("again")));
}

#[test]
fn shards_are_merged_by_putting_them_into_one_folder() {
    let bench = Bench::new();
    let face = std::fs::read(peer("hog/face.png")).unwrap();
    // HOG's whole descriptor is small: more images than a part covers.
    for number in 0..4100 {
        bench.write(&format!("images/{number:04}.png"), &face);
    }
    let run = |out: &str, shard: &str, more: &[&str]| {
        let call = [
            "extract",
            "--images",
            "images",
            "--encoder",
            "hog",
            "--out",
            out,
            "--shard",
            shard,
            "--json",
        ];
        bench.json(&[&call[..], more].concat())
    };
    // As many parts as are needed, or as there are shards.
    let usual = run("usual", "1/1", &[]);
    assert_eq!((&usual["parts"], &usual["rows"]), (&2.into(), &4100.into()));
    let whole = run("whole", "1/1", &["--part-rows", "2050"]);
    assert_eq!((&whole["parts"], &whole["rows"]), (&2.into(), &4100.into()));
    for (shard, rows) in [("1/2", 2050), ("2/2", 2050)] {
        let report = run(&format!("shard-{}", &shard[..1]), shard, &[]);
        assert_eq!((&report["rows"], &report["missing_parts"]), (&rows.into(), &1.into()));
        assert!(!bench.path(&format!("shard-{}/croissant.json", &shard[..1])).exists());
    }
    for (path, bytes) in files(&bench.path("shard-2")) {
        bench.write(&format!("shard-1/{}", path.display()), bytes);
    }
    // A call on the merged folder finds everything there.
    let merged = run("shard-1", "1/1", &[]);
    assert_eq!((&merged["cached_parts"], &merged["rows"]), (&2.into(), &4100.into()));
    for name in ["part-00000.parquet", "part-00001.parquet", "croissant.json"] {
        let read = |table: &str| std::fs::read(bench.path(table).join(name)).unwrap();
        assert!(read("shard-1") == read("whole"), "{name}");
    }
}

#[test]
fn a_folder_without_images_is_said_before_weights_are_looked_for() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("empty")).unwrap();
    let text = bench.fails(3, &by_hand("empty", "nowhere", "table", &[]));
    assert!(text.contains("empty holds no images"), "{text}");
    assert!(!bench.path("table").exists(), "nothing is left of it");
}

#[test]
fn random_weights_are_labelled() {
    let bench = Bench::new();
    let images = images(&bench);
    let options = ["--architecture", "vit-s-16", "--input-size", "32"];
    let text = bench.ok(&by_hand(&images, "random:1", "table", &options));
    assert!(text.contains("RANDOM WEIGHTS"), "{text}");
    let croissant = std::fs::read_to_string(bench.path("table/croissant.json")).unwrap();
    assert!(croissant.contains("dino (random weights)"), "{croissant}");
}

#[test]
fn random_weights_are_labelled_wherever_a_run_of_theirs_is_shown() {
    const ENCODER: [&str; 10] = [
        "--set",
        "encoder.kind=dino",
        "--set",
        "encoder.weights=random:1",
        "--set",
        "encoder.architecture=vit-s-16",
        "--set",
        "encoder.input_size=32",
        "--set",
        "baselines.enabled=false",
    ];
    let bench = Bench::with_shared_cache();
    let run = |k_max: &'static str| bench.add_run(&[&ENCODER[..], &["--set", k_max]].concat());
    let (first, second) = (run("model.k_max=40"), run("model.k_max=50"));
    bench.ok(&["baseline", "save", &first, "--out", "baseline.toml"]);
    let text = bench.ok(&["check", &first, "--baseline", "baseline.toml"]);
    assert!(text.contains("RANDOM WEIGHTS"), "{text}");
    let text = bench.ok(&["compare", &first, &second]);
    assert!(text.contains("RANDOM WEIGHTS"), "{text}");
}

#[test]
fn impossible_extractions_say_what_was_expected() {
    let bench = Bench::new();
    let images = images(&bench);
    let with = |more: &[&str], code: i32| {
        let mut arguments = vec!["extract", "--images", &images, "--out", "table"];
        arguments.extend(more);
        bench.fails(code, &arguments)
    };
    assert!(with(&["--encoder", "clip"], 3).contains("hf://openai/clip-vit-base-patch16"));
    assert!(with(&["--encoder", "lcip"], 2).contains("expected one of"));
    assert!(with(&["--encoder", "hog", "--weights", "x"], 2).contains("encoder.weights"));
    assert!(with(&["--encoder", "hog", "--shard", "3/2"], 2).contains("1/4"));
    assert!(with(&["--encoder", "hog", "--tokens", "9x9"], 2).contains("7 x 7"));
    for name in [
        "hf://",
        "hf://one",
        "hf://a/b/c",
        "hf://../b",
        "hf://a/b@../c",
        "hf://a/b@",
        "hf://a/.b",
    ] {
        let text = with(&["--encoder", "clip", "--weights", name], 2);
        assert!(text.contains("expected hf://ORGANISATION/NAME"), "{name}: {text}");
    }
    let text = bench.fails(
        3,
        &["extract", "--images", "nowhere", "--encoder", "hog", "--out", "table"],
    );
    assert!(text.contains("nowhere"), "{text}");
}

#[test]
fn a_recipe_can_fine_tune_its_encoder() {
    let bench = Bench::with_shared_cache();
    let weights = format!("encoder.weights={:?}", peer("vit/dino"));
    let mut arguments = crate::small(&["--set", "encoder.kind=dino", "--set"]);
    arguments.push(&weights);
    arguments.extend([
        "--set",
        "finetune.enabled=true",
        "--set",
        "finetune.epochs=2",
        "--set",
        "finetune.batch=32",
        "--set",
        "baselines.methods=[\"knn\"]",
        "--set",
        "test=[{ name = \"wild\", dataset = { card = \"affectnet8\" }, stand_in = { samples = 100 } }]",
        "--json",
    ]);
    let summary = bench.json(&arguments);
    let run = summary["run_dir"].as_str().unwrap();
    for method in ["aura", "knn", "finetune"] {
        let there = &summary["methods"][method]["acc@wild"]["mean"];
        assert!(
            there.as_f64().is_some_and(|acc| (0.0..=1.0).contains(&acc)),
            "{method}: {there}"
        );
    }
    let rows = bench.json(&[
        "query",
        "SELECT method, value FROM metrics WHERE metric = 'acc' AND split = 'test' AND epoch IS NULL AND method = 'finetune'",
        "--runs",
        run,
        "--format",
        "json",
    ]);
    let value = rows[0]["value"].as_f64().unwrap();
    assert!(value > 0.0 && value <= 1.0, "{rows}");
    let text = bench.fails(2, &crate::small(&["--set", "finetune.enabled=true"]));
    assert!(text.contains("hog") && text.contains("fine-tuned"), "{text}");
}

/// A name that is no text is one image's fault, and images are told from their content.
#[cfg(unix)]
#[test]
fn names_that_are_no_text_do_not_end_an_extraction() {
    use std::os::unix::ffi::OsStrExt;
    let bench = Bench::new();
    let images = images(&bench);
    let face = std::fs::read(bench.path("images/a/face.png")).unwrap();
    std::fs::write(
        bench.path("images/b").join(std::ffi::OsStr::from_bytes(b"odd\xff.png")),
        &face,
    )
    .unwrap();
    bench.write("images/face.jfif", &face);
    bench.write("images/b/._face.png", "resource fork");
    bench.write("images/=1+1.png", "no image");
    let report = bench.json(&[
        "extract",
        "--images",
        &images,
        "--encoder",
        "hog",
        "--out",
        "table",
        "--json",
        "--quiet",
    ]);
    assert_eq!(
        (report["rows"].clone(), report["rejected"].clone()),
        (3.into(), 4.into())
    );
    let rejects = std::fs::read_to_string(bench.path("table/rejects.csv")).unwrap();
    assert!(rejects.contains("\n'=1+1.png,1,"), "{rejects}");
    assert!(
        rejects.contains("has a name that is not UTF-8: rename the file,b/odd\u{fffd}.png,b/odd\u{fffd}.png"),
        "{rejects}"
    );
}
