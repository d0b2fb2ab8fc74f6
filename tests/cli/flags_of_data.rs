//! Options of the verbs about images, features and this machine, each with what it changes. Those that other tests hold are named in
//! `flags.rs`.

use serde_json::Value;

use crate::extract::{by_hand, images, peer};
use crate::{Bench, files, small, stderr};

/// The features of the first part of a table.
fn features(bench: &Bench, table: &str) -> Vec<u8> {
    std::fs::read(bench.path(table).join("part-00000.parquet")).unwrap()
}

#[test]
fn every_option_of_an_encoder_is_in_its_features() {
    let bench = Bench::new();
    let images = images(&bench);
    let weights = peer("vit/dino");
    let extracted = |out: &str, more: &[&str]| {
        let report = bench.json(&by_hand(
            &images,
            &weights,
            out,
            &[&["--json", "--device", "cpu"], more].concat(),
        ));
        (report["rows"].clone(), features(&bench, out))
    };
    let (rows, usual) = extracted("usual", &[]);
    assert_eq!(rows, 2);
    let mut seen = vec![usual];
    for (out, more) in [
        ("class", ["--global", "class"]),
        ("mean", ["--global", "mean"]),
        ("bf16", ["--precision", "bf16"]),
        ("f16", ["--precision", "f16"]),
        ("size", ["--input-size", "48"]),
        ("tokens", ["--tokens", "2x2"]),
        ("dtype", ["--dtype", "f32"]),
    ] {
        let (rows, other) = extracted(out, &more);
        assert_eq!(rows, 2, "{more:?}");
        assert!(!seen.contains(&other), "{more:?} changes no feature");
        seen.push(other);
    }
    // Whatever is encoded at a time, the features are the same; how much it may be is bounded.
    assert!(extracted("batch", &["--batch", "1"]).1 == seen[0]);
    let told = bench.fails(2, &by_hand(&images, &weights, "none", &["--batch", "5000"]));
    assert!(told.contains("expected 1 to 4096 images, not 5000"), "{told}");

    // A table of samples says what is looked at, whatever else lies there.
    let face = std::fs::read(bench.path("images/a/face.png")).unwrap();
    bench.write("images/a/another.png", face);
    let samples = bench.path("usual/samples.parquet").display().to_string();
    assert_eq!(extracted("listed", &["--samples", &samples]).0, 2);
    assert_eq!(extracted("all", &[]).0, 3);

    let drawn = |out: &str, more: &[&str]| {
        bench.ok(&by_hand(
            &images,
            "random:1",
            out,
            &[&["--input-size", "32"], more].concat(),
        ));
        features(&bench, out)
    };
    let (small, large) = (
        drawn("small", &["--architecture", "vit-s-16"]),
        drawn("large", &["--architecture", "vit-s-8"]),
    );
    assert!(small != large, "two architectures give one table");
}

#[test]
fn weights_that_were_fetched_are_read_from_where_they_are_kept() {
    let bench = Bench::new();
    let images = images(&bench);
    let commit = "0123456789abcdef0123456789abcdef01234567";
    for (path, bytes) in files(peer("vit/dino").as_ref()) {
        let place = format!("shelf/models--maker--tiny/snapshots/{commit}/{}", path.display());
        bench.write(&place, bytes);
    }
    let weights = format!("hf://maker/tiny@{commit}");
    let extracted = |more: &[&str]| {
        let mut command = bench.command();
        command.env("HF_HUB_OFFLINE", "1").env("HF_HOME", bench.path("hub"));
        command.env_remove("HF_HUB_CACHE");
        command.args(by_hand(&images, &weights, "table", more));
        command.output().unwrap()
    };
    let output = extracted(&[]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let output = extracted(&["--cache", "shelf"]);
    assert!(output.status.success(), "{}", stderr(&output));
    bench.ok(&by_hand(&images, &peer("vit/dino"), "local", &[]));
    assert!(features(&bench, "table") == features(&bench, "local"));
}

#[test]
fn a_device_that_is_not_there_is_refused_by_every_verb_that_computes() {
    let (bench, run) = Bench::with_run(&[]);
    bench.write("images/face.png", std::fs::read(peer("hog/face.png")).unwrap());
    let none = ["--device", "cuda:97"];
    for call in [
        &["extract", "--images", "images", "--encoder", "hog", "--out", "table"][..],
        &["predict", &run, "images", "--out", "p.csv"],
        &["bench", "train", "--samples", "8", "--epochs", "1"],
        &["bench", "extract", "--encoder", "hog", "--images", "1"],
        &["doctor", "--gpu-parity", "--quick"],
    ] {
        let told = bench.fails(4, &[call, &none].concat());
        assert!(told.contains("cuda"), "{call:?}: {told}");
    }
}

#[test]
fn stand_in_faces_are_drawn_as_they_are_asked_for() {
    let bench = Bench::new();
    let drawn = |out: &str, more: &[&str]| {
        let all = ["standin", "rafdb", "--samples", "30", "--out", out];
        let said = bench.ok(&[&all[..], more].concat());
        let face = std::fs::read(bench.path(out).join("basic/Image/aligned/test_0001_aligned.jpg")).unwrap();
        let side = image::load_from_memory(&face).unwrap().width();
        (said, side, face)
    };
    let (usual, side, face) = drawn("usual", &[]);
    assert!(
        usual.starts_with("30 stand-in faces in the layout `original` of rafdb") && side == 100,
        "{usual}"
    );
    assert!(usual.contains("labels wrong on purpose: 2"), "{usual}");
    assert!(
        drawn("other", &["--seed", "1"]).2 != face,
        "another seed draws other faces"
    );
    let (right, ..) = drawn("right", &["--label-noise", "0"]);
    assert!(right.contains("labels wrong on purpose: 0"), "{right}");
    assert_eq!(drawn("small", &["--size", "40"]).1, 40);
    let laid_out = |out: &str, more: &[&str]| {
        let all = ["standin", "emotionet", "--samples", "40", "--size", "32", "--out", out];
        bench.ok(&[&all[..], more].concat())
    };
    assert!(laid_out("first", &[]).starts_with("40 stand-in faces in the layout `manual_xlsx`"));
    assert!(laid_out("lists", &["--layout", "list"]).starts_with("40 stand-in faces in the layout `list`"));
}

#[test]
fn the_speed_of_training_is_measured_of_what_is_named() {
    let bench = Bench::new();
    let fixed = ["bench", "train", "--device", "cpu", "--json"];
    let measured = |more: &[&str]| bench.json(&[&fixed[..], more].concat());
    let of = |found: &Value, keys: [&str; 6]| keys.map(|key| found[key].as_u64().unwrap());
    let keys = ["samples", "dims", "batch", "epochs", "steps", "patches"];
    let sizes = ["--samples", "60", "--dims", "8", "--batch", "20", "--epochs", "2"];
    let drawn = measured(&sizes);
    assert_eq!(of(&drawn, keys), [60, 8, 20, 2, 3, 1], "{drawn}");
    assert_eq!(
        (&drawn["task"], &drawn["features"]),
        (&"expression".into(), &"drawn".into())
    );
    let units = measured(
        &[
            &sizes[..],
            &["--task", "action_units", "--tokens", "3", "--placement", "host"],
        ]
        .concat(),
    );
    assert_eq!(of(&units, keys), [60, 8, 20, 2, 3, 3], "{units}");
    assert_eq!(
        (&units["task"], &units["placement"]),
        (&"action_units".into(), &"host".into())
    );
    // On a GPU a step is handed out kernel by kernel; here nothing is.
    let text = bench.fails(2, &["bench", "train", "--device", "cpu", "--no-replay"]);
    assert!(text.contains("no-replay") && text.contains("processor"), "{text}");

    // The model is the recipe's, and the features those of a table.
    crate::shared::run(&[]);
    let table = crate::shared::features().display().to_string();
    let recipe = [
        "recipes/rafdb.toml",
        "--epochs",
        "1",
        "--batch",
        "52",
        "--set",
        "model.k_max=40",
    ];
    let of_table = measured(&[&recipe[..], &["--features", &table]].concat());
    assert_eq!(of(&of_table, keys), [208, 1764, 52, 1, 4, 1], "{of_table}");
    assert_eq!(
        (&of_table["features"], &of_table["model"][0]),
        (&table.into(), &40.into())
    );
    assert_eq!(drawn["model"][0], 150);
}

/// A peer that measures nothing: it keeps the images that it was given, and says how it was called.
#[cfg(unix)]
const PEER: &str = r#"#!/bin/sh
cp -r "$8" "$(dirname "$0")/seen"
echo "$*" > "$(dirname "$0")/call"
echo '{"torch":"2","transformers":"5","eager":{"images_per_second":0.5,"extracted_per_second":0.25}}'
"#;

#[cfg(unix)]
#[test]
fn the_speed_of_an_encoder_is_measured_on_what_is_named() {
    use std::os::unix::fs::PermissionsExt;

    let bench = Bench::new();
    let python = bench.write("python", PEER);
    std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();
    let measured = |more: &[&str]| {
        let fixed = ["bench", "extract", "--device", "cpu", "--json", "--images", "3"];
        bench.json(&[&fixed[..], more].concat())
    };
    let hog = measured(&["--encoder", "hog"]);
    assert_eq!(
        (&hog["encoder"], &hog["images"], &hog["peer"]),
        (&"hog".into(), &3.into(), &Value::Null)
    );
    assert!(hog["batch"].as_u64() > Some(2), "{hog}");
    let weights = format!("encoder.weights={:?}", peer("vit/dino"));
    let found = measured(&[
        "recipes/rafdb.toml",
        "--set",
        "encoder.kind=dino",
        "--set",
        &weights,
        "--batch",
        "2",
        "--side",
        "40",
        "--peer",
        "./python",
    ]);
    assert_eq!(
        (&found["encoder"], &found["batch"]),
        (&"dino".into(), &2.into()),
        "{found}"
    );
    assert_eq!(found["peer"]["eager"]["images_per_second"], 0.5);
    let seen: Vec<_> = std::fs::read_dir(bench.path("seen")).unwrap().collect();
    assert_eq!(seen.len(), 3);
    for file in seen {
        assert_eq!(image::image_dimensions(file.unwrap().path()).unwrap(), (40, 40));
    }
    let call = std::fs::read_to_string(bench.path("call")).unwrap();
    assert!(
        call.contains("--device cpu --encoder dino") && call.contains("--batch 2"),
        "{call}"
    );
}

#[test]
fn metadata_of_a_table_are_written_where_they_are_wanted() {
    let bench = Bench::new();
    crate::copy(&crate::shared::run(&[]).folder, &bench.path("run"));
    let said = bench.ok(&["export", "croissant", "run/samples.parquet", "--out", "run/about.json"]);
    assert_eq!(said.trim(), "run/about.json");
    let about: Value = serde_json::from_slice(&std::fs::read(bench.path("run/about.json")).unwrap()).unwrap();
    assert!(about["distribution"].to_string().contains("samples.parquet"), "{about}");
    assert!(!bench.path("run/croissant.json").exists());
}

#[test]
fn generated_files_are_those_of_the_clone_that_is_named() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path("clone/docs/schema")).unwrap();
    bench.ok(&["generate", "--root", "clone"]);
    assert!(bench.path("clone/docs/cli.md").is_file() && !bench.path("docs").exists());
    bench.ok(&["generate", "--check", "--root", "clone"]);
    bench.fails(3, &["generate", "--check"]);
}

#[test]
fn the_cache_and_the_runs_that_are_named_are_looked_at() {
    let bench = Bench::new();
    let drawn = small(&["--only", "convert", "--cache", "kept", "--out", "there"]);
    bench.ok(&drawn);
    assert!(!bench.cache.exists(), "all is in the cache that was named");
    // What a seed that nobody goes on with left, of a run that this program began.
    bench.write("there/run/.lock.1", "free ");
    let left = "there/run/seed-0/checkpoint";
    bench.write(&format!("{left}/state.safetensors"), "a model");
    let names = |more: &[&str]| -> Vec<String> {
        let listed = bench.json(&[&["cache", "ls", "--json"], more].concat());
        let entries = listed["entries"].as_array().unwrap().iter();
        entries
            .map(|entry| entry["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert!(names(&[]).is_empty());
    assert_eq!(names(&["--runs", "there"]), [left]);
    let kept = names(&["--cache", "kept"]);
    let [samples, faces] = kept.as_slice() else {
        panic!("{kept:?}")
    };

    let verified = |more: &[&str]| bench.ok(&[&["cache", "verify"], more].concat());
    assert_eq!(verified(&[]).trim(), "");
    assert_eq!(verified(&["--cache", "kept"]).matches("whole ").count(), 2);
    let one = verified(&["--cache", "kept", samples]);
    assert!(one.contains(samples) && !one.contains(faces), "{one}");
    verified(&["--runs", "there", left]);
    bench.fails(2, &["cache", "verify", left]);

    let gone = |more: &[&str]| bench.ok(&[&["cache", "gc", "--keep", "0"], more].concat());
    assert!(gone(&[]).contains("nothing to remove"));
    assert!(gone(&["--cache", "kept"]).contains("2 would go"));
    assert!(gone(&["--runs", "there"]).contains(left));
    assert!(
        bench
            .ok(&["cache", "gc", "--cache", "kept", "--older-than", "1h"])
            .contains("nothing to remove")
    );
    assert!(
        bench
            .ok(&["cache", "gc", "--cache", "kept", "--older-than", "0s"])
            .contains("2 would go")
    );

    bench.fails(2, &["cache", "rm", samples, "--yes"]);
    bench.ok(&["cache", "rm", samples, "--yes", "--cache", "kept"]);
    bench.fails(2, &["cache", "rm", left, "--yes"]);
    bench.ok(&["cache", "rm", left, "--yes", "--runs", "there"]);
    assert_eq!(names(&["--cache", "kept", "--runs", "there"]), [faces.as_str()]);
    let found = bench.json(&["doctor", "--json", "--cache", "kept"]);
    assert!(found["cache"].to_string().contains("kept"), "{found}");
}

#[test]
fn options_that_would_change_nothing_are_refused() {
    let bench = Bench::new();
    let told = bench.fails(2, &["validate", "rafdb", "--card", "disfa"]);
    assert!(told.contains("--card") && told.contains("rafdb is none"), "{told}");
    let recipe = ["validate", "recipes/rafdb.toml", "--stand-in"];
    for more in [&["--data", "raf"][..], &["--resolved", "--json"]] {
        let told = bench.fails(2, &[&recipe[..], more].concat());
        assert!(told.contains("cannot be used with"), "{told}");
    }
}

#[test]
fn long_and_short_options_of_all_verbs_say_the_same() {
    let bench = Bench::new();
    let version = format!("aura-bench {}", env!("CARGO_PKG_VERSION"));
    for option in ["-V", "--version"] {
        assert_eq!(bench.ok(&[option]).trim(), version);
    }
    for verb in ["validate", "run"] {
        let [short, long] = ["-h", "--help"].map(|option| bench.ok(&[verb, option]));
        assert!(short.contains("--stand-in") && short.contains(&format!("Usage: aura-bench {verb}")));
        assert_eq!(short, long);
    }
    let said =
        |option: &[&str]| stderr(&bench.run(&[&["validate", "recipes/rafdb.toml", "--stand-in"], option].concat()));
    assert!(said(&[]).contains("is a valid recipe"));
    for quiet in ["-q", "--quiet"] {
        assert_eq!(said(&[quiet]), "");
    }
    // Where a result lies is a detail.
    bench.write("images/face.png", std::fs::read(peer("hog/face.png")).unwrap());
    let drawn = |out: &str, option: &[&str]| {
        let call = [
            "run",
            "recipes/rafdb.toml",
            "--stand-in",
            "--set",
            "stand_in.samples=100",
        ];
        let only = ["--only", "convert", "--seeds", "0", "--out", out, "--cache", out];
        stderr(&bench.run(&[&call[..], &only, option].concat()))
    };
    assert!(!drawn("usual", &[]).contains("digest "));
    for verbose in ["-v", "--verbose"] {
        let said = drawn(verbose.trim_start_matches('-'), &[verbose]);
        assert!(said.contains("digest "), "{said}");
    }
}

/// What bash offers behind these words.
#[cfg(unix)]
fn offered(bench: &Bench, words: &str) -> Vec<String> {
    let line = format!(
        "source completions.bash; COMP_WORDS=({words} ''); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
         $(complete -p aura-bench | sed 's/.* -F \\([^ ]*\\).*/\\1/') aura-bench '--' \"${{COMP_WORDS[COMP_CWORD - 1]}}\"; \
         printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let output = std::process::Command::new("bash")
        .args(["-c", &line])
        .current_dir(bench.path(""))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    text.lines().map(str::to_owned).collect()
}

#[cfg(unix)]
#[test]
fn bash_offers_the_options_of_every_verb() {
    let bench = Bench::new();
    bench.write("completions.bash", bench.ok(&["completions", "bash"]));
    for (words, option) in [
        ("aura-bench", "--version"),
        ("aura-bench run", "--stand-in"),
        ("aura-bench cache gc", "--older-than"),
        ("aura-bench bench train", "--placement"),
    ] {
        let offered = offered(&bench, words);
        assert!(offered.iter().any(|word| word == option), "{words}: {offered:?}");
    }
}
