//! Options of the verbs about runs, each with what it changes. Those that other tests hold are named in `flags.rs`.

use std::path::Path;

use serde_json::Value;

use crate::{Bench, files, shared, small, stderr};

/// What a call says on its error stream, and with which code it ends.
fn ended(bench: &Bench, arguments: &[&str]) -> (Option<i32>, String) {
    let output = bench.run(arguments);
    (output.status.code(), stderr(&output))
}

/// What a call prints, whatever it makes of the numbers.
fn judged(bench: &Bench, arguments: &[&str]) -> Value {
    serde_json::from_slice(&bench.run(arguments).stdout).unwrap()
}

/// The words of a list in JSON.
fn words(list: &Value) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap())
        .collect()
}

/// The faces of the shared run, in a folder of their own.
fn face() -> String {
    let face = shared::faces().join("basic/Image/aligned/test_0001_aligned.jpg");
    face.display().to_string()
}

/// Two folds of few faces, of which little is learned.
const FOLDS: &str = r#"
schema = 1
extends = "recipes/disfa.toml"
name = "folds"
[protocol]
folds = [1, 2]
[stand_in]
samples = 120
size = 40
[stand_in.override.train]
epochs = 2
[model]
k_max = 12
[baselines]
methods = ["class_means"]
[report]
map_points = 0
"#;

#[test]
fn one_fold_and_one_seed_are_trained_and_asked() {
    let bench = Bench::new();
    bench.write("folds.toml", FOLDS);
    let run = |more: &[&str]| {
        let whole = [
            "run",
            "folds.toml",
            "--stand-in",
            "--device",
            "cpu",
            "--quiet",
            "--json",
        ];
        bench.json(&[&whole[..], more].concat())
    };
    let part = run(&["--only", "train", "--fold", "2", "--seeds", "7", "--scratch", "rows"]);
    let folder = part["run_dir"].as_str().unwrap();
    let trained = |fold: i32, seed: i32| {
        let done = format!("{folder}/fold-{fold}/seed-{seed}/done.json");
        bench.path(&done).is_file()
    };
    assert_eq!(
        [(1, 3), (1, 7), (2, 3), (2, 7)].map(|(fold, seed)| trained(fold, seed)),
        [false, false, false, true]
    );
    // The rows that training reads lie where they were wanted, and else beside the features.
    let rows = |folder: &Path| {
        let all = files(folder);
        all.iter()
            .filter(|(path, _)| path.extension().is_some_and(|end| end == "rows"))
            .count()
    };
    let features = bench.cache.join("features");
    assert_eq!((rows(&bench.path("rows")), rows(&features)), (1, 0));
    run(&["--seeds", "3,7"]);
    assert_eq!((rows(&bench.path("rows")), rows(&features)), (1, 1));
    assert!(trained(1, 3) && trained(1, 7) && trained(2, 3));

    let table = std::fs::read_dir(features).unwrap().next().unwrap().unwrap().path();
    let table = table.display().to_string();
    let predicted = |more: &[&str]| {
        let said = bench.json(&[&["predict", folder, &table, "--out", "p.csv", "--json"], more].concat());
        let text = std::fs::read_to_string(bench.path("p.csv")).unwrap();
        let line: Vec<String> = text
            .lines()
            .nth(1)
            .unwrap()
            .split(',')
            .take(3)
            .map(str::to_owned)
            .collect();
        (said["fold"].clone(), said["seed"].clone(), line[1..].join(" "))
    };
    assert_eq!(predicted(&[]), (1.into(), 3.into(), "1 3".to_owned()));
    assert_eq!(predicted(&["--fold", "2"]), (2.into(), 3.into(), "2 3".to_owned()));
    assert_eq!(predicted(&["--seed", "7"]), (1.into(), 7.into(), "1 7".to_owned()));

    let model = |more: &[&str]| {
        bench.ok(&[&["export", "model", folder, "--out", "model"], more].concat());
        std::fs::read(bench.path("model/model.safetensors")).unwrap()
    };
    let kept = |fold: i32, seed: i32| {
        let model = format!("{folder}/fold-{fold}/seed-{seed}/model.safetensors");
        std::fs::read(bench.path(&model)).unwrap()
    };
    assert!(model(&[]) == kept(1, 3));
    assert!(model(&["--fold", "2"]) == kept(2, 3));
    assert!(model(&["--seed", "7"]) == kept(1, 7));

    let shown = |more: &[&str]| {
        let (table, _) = crate::exports::atlas(&bench, &[&[folder, "--out", "atlas.parquet"], more].concat());
        ["fold", "seed"].map(|name| {
            let column = arrow::compute::cast(table.column_by_name(name).unwrap(), &arrow::datatypes::DataType::Int64);
            let column = column.unwrap();
            arrow::array::AsArray::as_primitive::<arrow::datatypes::Int64Type>(&column).value(0)
        })
    };
    assert_eq!(shown(&[]), [1, 3]);
    assert_eq!(shown(&["--fold", "2"]), [2, 3]);
    assert_eq!(shown(&["--seed", "7"]), [1, 7]);

    let sample = bench.ok(&[
        "query",
        "SELECT min(sample_id) FROM samples",
        "--runs",
        folder,
        "--format",
        "csv",
    ]);
    let sample = sample.lines().nth(1).unwrap();
    let explained =
        |more: &[&str]| bench.json(&[&["explain", folder, sample, "--json"], more].concat())["seed"].clone();
    assert_eq!((explained(&[]), explained(&["--seed", "7"])), (3.into(), 7.into()));
}

#[test]
fn a_run_that_is_told_so_ends_with_its_parent() {
    let bench = Bench::new();
    let converted = |more: &[&'static str]| {
        let arguments = [&small(&["--only", "convert"])[..], more].concat();
        let output = bench.command().args(arguments).write_stdin("").output().unwrap();
        output.status.code()
    };
    assert_eq!(converted(&["--with-parent"]), Some(130));
    assert_eq!(converted(&[]), Some(0));
}

#[test]
fn a_plan_is_of_what_is_named() {
    let bench = Bench::with_faces();
    let plan = |more: &[&str]| {
        let whole = ["plan", "rafdb", "--data", "raf", "--set", "encoder.kind=hog", "--json"];
        let plan = bench.json(&[&whole[..], more].concat());
        let steps = plan["points"][0]["steps"].as_array().unwrap().clone();
        let seeds: Vec<u64> = steps.iter().filter_map(|step| step["seed"].as_u64()).collect();
        let calls: Vec<String> = steps.iter().map(|step| words(&step["command"]).join(" ")).collect();
        (seeds, calls)
    };
    let (seeds, calls) = plan(&[]);
    let usual = "--data raf --out runs --set encoder.kind=hog --device auto";
    assert!(seeds.len() > 2 && calls[0].contains(usual), "{seeds:?} {calls:?}");
    let (seeds, calls) = plan(&[
        "--seeds",
        "3,5",
        "--out",
        "there",
        "--cache",
        "kept",
        "--device",
        "cuda",
        "--set",
        "train.epochs=9",
    ]);
    assert_eq!(seeds, [3, 5]);
    let all = "--data raf --out there --cache kept --set encoder.kind=hog --set train.epochs=9 --device cuda";
    assert!(calls.iter().all(|call| call.contains(all)), "{calls:?}");
    assert_eq!(plan(&["--set", "protocol.seeds=[4]"]).0, [4]);
    let told = bench.fails(3, &["plan", "rafdb", "--set", "encoder.kind=hog"]);
    assert!(told.contains("--data"), "{told}");
}

/// A call of `launch` where there is a cluster.
#[cfg(unix)]
fn launch(bench: &Bench, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = bench.command();
    command.env("PATH", crate::launch::path(bench)).arg("launch");
    let output = command.args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    (output.status.code(), text, stderr(&output))
}

#[cfg(unix)]
#[test]
fn a_launch_carries_every_option_into_its_scripts() {
    let bench = Bench::with_faces();
    crate::launch::with_cluster(&bench);
    let text = |more: &[&str]| {
        let all = [
            "slurm",
            "rafdb",
            "--data",
            "raf",
            "--set",
            "encoder.kind=hog",
            "--dry-run",
        ];
        let (code, text, said) = launch(&bench, &[&all[..], more].concat());
        assert_eq!(code, Some(0), "{said}");
        text
    };
    let cases: [(&[&str], &[&str]); 15] = [
        (&["--seeds", "3,5"], &["\nseeds=(3 5)\n"]),
        (&["--set", "train.epochs=9"], &["\n  train.epochs=9\n"]),
        (&["--out", "there"], &["/there\n", "/there/.launch/"]),
        (&["--cache", "kept"], &["/kept\n"]),
        (&["--device", "cuda:0"], &["\n  cuda:0\n"]),
        (&["--shards", "4"], &["--array 0-3 ", "\n  \"$((task + 1))/4\"\n"]),
        (&["--partition", "fast"], &["\n#SBATCH --partition=fast\n"]),
        (&["--account", "faces"], &["\n#SBATCH --account=faces\n"]),
        (&["--qos", "high"], &["\n#SBATCH --qos=high\n"]),
        (&["--time", "2:00:00"], &["\n#SBATCH --time=2:00:00\n"]),
        // Who asks for a GPU is given it, if nothing else is said.
        (&["--gres", "gpu:2"], &["\n#SBATCH --gres=gpu:2\n", "\n  cuda\n"]),
        (&["--mem", "32G"], &["\n#SBATCH --mem=32G\n"]),
        (&["--constraint", "a100"], &["\n#SBATCH --constraint=a100\n"]),
        (&["--cpus-per-task", "6"], &["\n#SBATCH --cpus-per-task=6\n"]),
        (&["--array-limit", "2"], &["%2 "]),
    ];
    let usual = text(&[]);
    let data = format!(
        "\n  --data\n  {}\n",
        bench.path("raf").canonicalize().unwrap().display()
    );
    assert!(usual.contains(&data), "{usual}");
    for (option, marks) in cases {
        let given = text(option);
        for mark in marks {
            assert!(
                given.contains(mark) && !usual.contains(mark),
                "{option:?}: {mark}\n{given}"
            );
        }
    }
    let (code, _, told) = launch(&bench, &["slurm", "rafdb", "--set", "encoder.kind=hog", "--dry-run"]);
    assert_eq!(code, Some(3), "{told}");
}

#[cfg(unix)]
#[test]
fn the_status_of_a_launch_is_of_what_is_named() {
    let (bench, _) = Bench::with_run(&[]);
    crate::launch::with_cluster(&bench);
    let mut recipe = small(&[])[1..].to_vec();
    recipe.truncate(recipe.len() - 2);
    let call = |verb: &'static str, more: &[&'static str]| launch(&bench, &[&[verb], &recipe[..], more].concat());
    let (code, _, said) = call("slurm", &["--device", "cpu", "--seeds", "0,1"]);
    assert_eq!(code, Some(0), "{said}");
    // Of the steps of a stage how many are done: of the first seed there is a finished run.
    let status = |more: &[&'static str]| {
        let (code, text, said) = call("status", &[more, &["--json"]].concat());
        assert_eq!(code, Some(0), "{more:?}: {said}");
        let status: Value = serde_json::from_str(&text).unwrap();
        [0, 2].map(|phase| {
            let phase = &status["phases"][phase];
            format!("{} of {}", phase["done"], phase["all"])
        })
    };
    assert_eq!(status(&["--seeds", "0,1"]), ["1 of 1", "1 of 2"]);
    assert_eq!(status(&["--seeds", "0"]), ["1 of 1", "1 of 1"]);
    assert_eq!(status(&["--seeds", "0,1", "--device", "cuda"]), ["1 of 1", "0 of 2"]);
    assert_eq!(status(&["--seeds", "0,1", "--cache", "empty"]), ["0 of 1", "0 of 2"]);
    for more in [["--set", "model.k_max=31"], ["--out", "there"]] {
        let (code, _, said) = call("status", &more);
        assert_eq!(code, Some(2));
        assert!(said.contains("was not launched into"), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn a_launch_remembers_its_database_unless_another_is_named() {
    let bench = Bench::with_faces();
    crate::launch::with_cluster(&bench);
    let call = |verb: &str, more: &[&str]| {
        let recipe = [verb, "rafdb", "--set", "encoder.kind=hog"];
        launch(&bench, &[&recipe[..], more].concat())
    };
    assert_eq!(call("slurm", &["--data", "raf"]).0, Some(0));
    assert_eq!(call("status", &[]).0, Some(0));
    let (code, _, said) = call("status", &["--data", "elsewhere"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("elsewhere"), "{said}");
}

#[test]
fn a_tool_is_scored_on_the_database_that_is_named() {
    let bench = Bench::with_faces();
    let labels = std::fs::read_to_string(bench.path("raf/basic/EmoLabel/list_patition_label.txt")).unwrap();
    let rows: String = labels
        .lines()
        .filter_map(|line| line.split('.').next().filter(|name| name.starts_with("test")))
        .map(|name| format!("{name},happiness\n"))
        .collect();
    bench.write("said.csv", format!("sample_id,prediction\n{rows}"));
    let call = ["score", "rafdb", "said.csv", "--json", "--quiet"];
    let named = ["--data", "raf", "--out", "scored", "--cache", "kept"];
    let summary = bench.json(&[&call[..], &named].concat());
    assert!(summary["run_dir"].as_str().unwrap().starts_with("scored/"), "{summary}");
    assert!(bench.path("kept/samples").is_dir());
    assert!(!bench.path("runs").exists() && !bench.cache.exists());
    let told = bench.fails(3, &call);
    assert!(told.contains("--data"), "{told}");
}

/// The runs of two tools that say something of every test sample twice, as two seeds do.
fn tools(bench: &Bench, run: &str) -> [String; 2] {
    let sql = "SELECT sample_id, expression_name FROM samples WHERE split = 'test' ORDER BY sample_id";
    let samples = bench.ok(&["query", sql, "--runs", run, "--format", "csv"]);
    [("better.csv", 7), ("worse.csv", 3)].map(|(file, right)| {
        let lines = samples.lines().skip(1).enumerate();
        let said: String = lines
            .flat_map(|(i, line)| {
                let (id, label) = line.split_once(',').unwrap();
                [0, 1].map(|seed| {
                    let wrong = if label == "fear" { "anger" } else { "fear" };
                    let said = if i % (right + seed) == 0 { wrong } else { label };
                    format!("{id},{seed},{said}\n")
                })
            })
            .collect();
        bench.write(file, format!("sample_id,seed,prediction\n{said}"));
        let call = [
            "score",
            "rafdb",
            file,
            "--stand-in",
            "--set",
            "stand_in.samples=260",
            "--out",
            "tools",
        ];
        let summary = bench.json(&[&call[..], &["--json", "--quiet"]].concat());
        summary["run_dir"].as_str().unwrap().to_owned()
    })
}

#[test]
fn intervals_are_drawn_as_often_as_is_asked() {
    let (bench, first) = Bench::with_run(&[]);
    let second = bench.add_run(&["--set", "train.epochs=2"]);
    // What is drawn more often has other ends, and the same middle.
    let differ = |one: &Value, other: &Value, middle: &str| {
        assert_eq!(one[middle], other[middle]);
        assert!(one["low"].is_f64() && one["low"] != other["low"], "{one} {other}");
    };
    let [better, worse] = tools(&bench, &first);
    let checked = |more: &[&str]| {
        let report = judged(
            &bench,
            &[&["check", &worse, "--baseline", &better, "--json"], more].concat(),
        );
        report["runs"][0]["findings"][0].clone()
    };
    differ(&checked(&[]), &checked(&["--resamples", "199"]), "difference");
    let compared = |more: &[&str]| bench.json(&[&["compare", &first, &second, "--json"], more].concat());
    let usual = compared(&[]);
    differ(
        &usual["pairs"][0],
        &compared(&["--resamples", "199"])["pairs"][0],
        "difference",
    );
    let ranked = |more: &[&str]| {
        let board = bench.json(&[&["leaderboard", "runs", "--json"], more].concat());
        board["groups"][0]["entries"][0].clone()
    };
    differ(&ranked(&[]), &ranked(&["--resamples", "999"]), "value");

    let metrics = |comparison: &Value| -> Vec<String> {
        let metrics = comparison["metrics"].as_array().unwrap().iter();
        metrics
            .map(|metric| metric["metric"].as_str().unwrap().to_owned())
            .collect()
    };
    let more = metrics(&compared(&["--metric", "f1_fear", "--metric", "knn.acc"]));
    for name in ["f1_fear", "knn.acc"].map(str::to_owned) {
        assert!(more.contains(&name) && !metrics(&usual).contains(&name), "{more:?}");
    }
}

#[test]
fn a_baseline_holds_what_is_asked_for_and_a_check_lets_pass_what_is_allowed() {
    let (bench, run) = Bench::with_run(&[]);
    let saved = |file: &'static str, more: &[&str]| -> toml::Table {
        bench.ok(&[&["baseline", "save", &run, "--out", file], more].concat());
        std::fs::read_to_string(bench.path(file)).unwrap().parse().unwrap()
    };
    let (usual, asked) = (saved("usual.toml", &[]), saved("asked.toml", &["--metric", "knn.acc"]));
    let metrics = |baseline: &toml::Table| -> Vec<String> {
        let metrics = baseline["metrics"].as_table().unwrap().keys();
        metrics.cloned().collect()
    };
    let further = |baseline: &toml::Table| {
        let mut metrics = metrics(baseline);
        metrics.retain(|name| !usual["metrics"].as_table().unwrap().contains_key(name));
        metrics
    };
    assert_eq!(further(&asked), ["knn.acc"]);
    // Elsewhere the system does not say how much memory a process had at most.
    if cfg!(target_os = "linux") {
        let cost = saved("cost.toml", &["--cost"]);
        assert_eq!(further(&cost), ["peak_memory_mib", "train_speed", "warnings"]);
    }

    // The same run without rivals lacks what the baseline has of them.
    let bare = bench.add_run(&["--set", "baselines.enabled=false"]);
    let check = ["check", &bare, "--baseline", "asked.toml"];
    assert_eq!(ended(&bench, &check).0, Some(1));
    assert_eq!(
        ended(&bench, &[&check[..], &["--allow", "inconclusive"]].concat()).0,
        Some(1)
    );
    assert_eq!(
        ended(&bench, &[&check[..], &["--allow", "missing"]].concat()).0,
        Some(0)
    );

    // Nothing is printed of what these faces are encoded with.
    let notes = |more: &[&str]| {
        let report = judged(&bench, &[&["check", &run, "--json"], more].concat());
        report["runs"][0]["notes"].to_string()
    };
    let nothing = "nothing is published for this database";
    assert!(!notes(&[]).contains(nothing), "{}", notes(&[]));
    assert!(notes(&["--published"]).contains(nothing), "{}", notes(&["--published"]));
}

#[test]
fn an_explanation_has_as_many_images_as_are_wanted_from_where_they_lie() {
    let (bench, run) = Bench::with_run(&[]);
    std::fs::create_dir(bench.path("empty")).unwrap();
    let explained = |more: &[&str]| {
        let call = ["explain", &run, "train_00001", "--json", "--html", "why.html"];
        let said = bench.json(&[&call[..], more].concat());
        let page = std::fs::read_to_string(bench.path("why.html")).unwrap();
        let most = said["archetypes"].as_array().unwrap().iter();
        let most = most.map(|one| one["support"].as_array().unwrap().len()).max();
        (most.unwrap(), page.matches("data:image").count())
    };
    let (support, pictures) = explained(&[]);
    assert!(support > 2 && pictures > 2, "{support} {pictures}");
    let (support, fewer) = explained(&["--images", "2"]);
    assert!(support == 2 && fewer < pictures, "{support} {fewer}");
    assert_eq!(explained(&["--data", "empty"]), (8, 0));
}

#[test]
fn predictions_have_the_form_and_the_length_that_are_wanted() {
    let (bench, run) = Bench::with_run(&[]);
    let face = face();
    let call = |more: &[&'static str]| {
        let fixed = ["predict", &run, &face, "--device", "cpu", "--quiet"];
        bench.run(&[&fixed[..], more].concat())
    };
    let read = |file: &str| std::fs::read_to_string(bench.path(file)).unwrap();
    let listed = |more: &[&'static str]| {
        assert!(call(&[&["--out", "p.jsonl"], more].concat()).status.success());
        let line: Value = serde_json::from_str(read("p.jsonl").trim()).unwrap();
        line["top_archetypes"].as_array().unwrap().len()
    };
    assert_eq!((listed(&[]), listed(&["--top", "3"])), (8, 3));
    assert!(call(&["--out", "p.csv"]).status.success());
    assert!(call(&["--out", "p.txt", "--format", "csv"]).status.success());
    assert_eq!(read("p.txt"), read("p.csv"));

    // A call that was broken off is gone on with by one that encodes as many images at a time, and by no other.
    let continued = |batch: &'static str| {
        std::fs::create_dir(bench.path("p.csv.d")).unwrap();
        let out = ["--out", "p.csv.d", "--format", "csv", "--json", "--batch"];
        assert_eq!(call(&[&out[..], &["7"]].concat()).status.code(), Some(3));
        std::fs::remove_dir(bench.path("p.csv.d")).unwrap();
        let output = call(&[&out[..], &[batch]].concat());
        std::fs::remove_file(bench.path("p.csv.d")).unwrap();
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        said["continued"].as_u64().unwrap()
    };
    assert_eq!((continued("7"), continued("8")), (1, 0));

    // Weights that are to be fetched are looked for where they are kept.
    let recipe = bench.path(&run).join("recipe.toml");
    let text = std::fs::read_to_string(&recipe).unwrap();
    let other = "kind = \"clip\"\nweights = \"hf://maker/tiny\"";
    std::fs::write(&recipe, text.replace("kind = \"hog\"", other)).unwrap();
    let mut offline = bench.command();
    let fixed = [
        "predict", &run, &face, "--out", "p.csv", "--device", "cpu", "--cache", "shelf",
    ];
    let output = offline.env("HF_HUB_OFFLINE", "1").args(fixed).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let said = stderr(&output);
    assert!(said.contains("hf://maker/tiny@main is not in shelf"), "{said}");
}

#[test]
fn published_numbers_are_those_of_the_paper_that_is_named_under_what_is_assumed() {
    let (bench, run) = Bench::with_run(&[]);
    let beside = |more: &[&str]| bench.ok(&[&["published", &run], more].concat());
    let (usual, assumed) = (beside(&[]), beside(&["--assume", "selection"]));
    assert!(usual.contains("(to be assumed: selection)") && !usual.contains("assumed to be the same"));
    assert!(!assumed.contains("(to be assumed: selection)") && assumed.contains("assumed to be the same: selection"));
    let numbers = include_str!("../../reports/published/aura.toml");
    bench.write(
        "other.toml",
        numbers.replace("place = \"Table 1, RAF-DB\"", "place = \"Another table\""),
    );
    let other = beside(&["--paper", "other.toml"]);
    assert!(usual.starts_with("Table 1, RAF-DB ·") && other.starts_with("Another table ·"));
    let tables = bench.json(&["published", &run, "--json"]);
    assert!(tables.as_array().unwrap().len() > 1, "{tables}");
}

const OWN_TABLE: &str = r#"
[[entry]]
id = "own_counts"
kind = "table"
section = "Data"
sql = "own_counts.sql"
title = "Counts of our own"
caption = "Samples of each run."
[[entry.columns]]
name = "n"
header = "Samples"
format = "integer"
"#;

#[test]
fn a_report_shows_the_faces_and_tables_that_it_may() {
    let (bench, run) = Bench::with_run(&[]);
    let own = std::fs::read_to_string(bench.path(&run).join("report/report.html")).unwrap();
    assert!(own.contains("data:image/jpeg"), "the run's own page has faces");
    bench.write("own/catalog.toml", OWN_TABLE);
    bench.write(
        "own/sql/own_counts.sql",
        "SELECT run, count(*) AS n FROM samples GROUP BY run",
    );
    let report = |more: &[&str]| {
        bench.ok(&[&["report", &run, "--out", "page"], more].concat());
        let page = std::fs::read_to_string(bench.path("page/report.html")).unwrap();
        assert!(!page.contains("data:image/jpeg"), "{more:?}");
        page
    };
    let page = report(&["--no-images", "--reports", "own"]);
    assert!(page.contains("Counts of our own") && !own.contains("Counts of our own"));
    let counts = std::fs::read_to_string(bench.path("page/tables/own_counts.csv")).unwrap();
    assert!(counts.contains(",260"), "{counts}");
    // Pictures that are not wanted are not missed, and those that are not there are.
    assert!(!page.contains("could not be read"));
    assert!(report(&["--data", "own"]).contains("could not be read"));
}

#[cfg(unix)]
#[test]
fn faces_are_served_from_where_they_lie_or_not_at_all() {
    let (bench, _) = Bench::with_run(&[]);
    std::fs::create_dir(bench.path("empty")).unwrap();
    // What the data say of faces, and whether the first one comes.
    let served = |more: &[&str]| {
        let (server, address) = crate::view::serve(&bench, more);
        let (_, index) = crate::view::get(&address, "");
        let index = String::from_utf8(index).unwrap();
        let key = index.split("href=\"run/").nth(1).unwrap().split('/').next().unwrap();
        let (_, data) = crate::view::get(&address, &format!("run/{key}/data.json"));
        let data: Value = serde_json::from_slice(&data).unwrap();
        let comes = data["faces"]["prefix"].as_str().map(|prefix| {
            let face = &data["samples"]["face"][0];
            let (head, _) = crate::view::get(&address, &format!("run/{key}/{prefix}{face}"));
            head.contains(" 200 ")
        });
        assert_eq!(crate::child::interrupt(server).status.code(), Some(0));
        comes
    };
    assert_eq!(served(&[]), Some(true));
    assert_eq!(served(&["--no-images"]), None);
    assert_eq!(served(&["--data", "empty"]), Some(false));
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (server, address) = crate::view::serve(&bench, &["--port", &free.port().to_string()]);
    assert!(address.starts_with(&format!("http://{free}/")), "{address}");
    crate::child::interrupt(server);
}
