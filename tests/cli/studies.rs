//! Sweeps: many points, shared features, one table.

use crate::screens::assert_screen;
use crate::{Bench, files, tables};

const STUDY: &str = r#"
schema = 1
extends = "recipes/rafdb.toml"
name = "sizes"
[sweep]
"model.k_max" = [20, 30]
[stand_in]
samples = 100
size = 40
[stand_in.override.protocol]
seeds = [0]
[stand_in.override.train]
epochs = 2
[baselines]
enabled = false
"#;

#[test]
fn a_study_shares_features_and_ends_in_one_table_however_it_runs() {
    let bench = Bench::new();
    bench.write("sizes.toml", STUDY);
    let arguments = [
        "run",
        "sizes.toml",
        "--stand-in",
        "--quiet",
        "--json",
        "--device",
        "cpu",
    ];
    let first = bench.json(&arguments);
    assert_eq!(first["stand_in"], true);
    let points = first["points"].as_array().unwrap();
    assert_eq!(points.len(), 2);
    assert_eq!(points[0]["point"]["model.k_max"], 20);
    assert_eq!(points[0]["stages"]["extract"]["cached"], false);
    assert_eq!(points[1]["stages"]["extract"]["cached"], true, "features are shared");
    for point in points {
        assert!(point["metrics"]["acc"]["mean"].is_f64());
        assert!(point["metrics"]["k_stable"]["mean"].is_f64());
    }
    let page = std::fs::read_to_string(bench.path(first["report"].as_str().unwrap())).unwrap();
    assert!(
        page.contains("Size of the dictionary offered"),
        "the study's report has Table 2"
    );
    let sql =
        "SELECT r.study, s.value FROM runs r JOIN settings s ON r.run = s.run WHERE s.key = 'model.k_max' ORDER BY 2";
    let settings = bench.json(&["query", sql, "--format", "json"]);
    assert_eq!(settings[0]["study"], "sizes");
    assert_eq!(
        (&settings[0]["value"], &settings[1]["value"]),
        (&"20".into(), &"30".into())
    );

    // The same command again does nothing.
    let before = files(&bench.path("runs"));
    let second = bench.json(&arguments);
    for point in second["points"].as_array().unwrap() {
        for (name, stage) in point["stages"].as_object().unwrap() {
            assert_eq!(stage["cached"], true, "stage {name} was done again");
        }
    }
    assert!(before == files(&bench.path("runs")));

    // Side by side in processes of their own: the same bytes.
    let mut parallel = arguments.to_vec();
    parallel.extend(["--jobs", "2", "--out", "other"]);
    let third = bench.json(&parallel);
    assert_eq!(third["points"][1]["metrics"], first["points"][1]["metrics"]);
    assert!(tables(&bench.path("runs")) == tables(&bench.path("other")));
    let log = bench
        .path(third["study_dir"].as_str().unwrap())
        .join("logs/sizes-k_max-20.log");
    assert!(log.is_file(), "a process of its own leaves its log");

    // The table for a person.
    let learned = [(r"(?m)^(k_max = \d+) +acc .*$", "$1  acc  [learned]")];
    assert_screen!(
        &bench,
        &["run", "sizes.toml", "--stand-in", "--device", "cpu"],
        &learned
    );

    // A point alone; and a process that fails is reported with its own words.
    let alone = bench.json(&["run", "sizes.toml", "--stand-in", "--quiet", "--json", "--point", "1"]);
    assert_eq!(alone["run"], first["points"][1]["run"]);
    let mut broken = arguments.to_vec();
    broken.retain(|argument| !matches!(*argument, "--stand-in" | "--json"));
    broken.extend(["--data", "nothing", "--jobs", "2"]);
    let text = bench.fails(3, &broken);
    assert!(text.contains("k_max = ") && text.contains("--stand-in"), "{text}");
}

#[test]
fn a_study_is_laid_over_each_of_its_recipes() {
    let bench = Bench::new();
    bench.write(
        "both.toml",
        "schema = 1\nname = \"both\"\n[sweep]\nrecipes = [\"recipes/rafdb.toml\", \"recipes/disfa.toml\"]\n\
         \"loss.margin\" = [0.1, 0.3]\npoints = [{}, { \"train.lr\" = 1e-3, loss.lambda_arc = 0.5 }]\n\
         [train]\nepochs = 7\n",
    );
    let resolved = bench.ok(&["validate", "both.toml", "--resolved"]);
    assert_eq!(resolved.matches("epochs = 7").count(), 8);
    assert_eq!(resolved.matches("card = \"disfa\"").count(), 4);
    assert_eq!(resolved.matches("\nlambda_arc = 0.5").count(), 4);
    assert_eq!(resolved.matches("name = \"both-rafdb-margin-0_1\"").count(), 1);
    let text = bench.fails(2, &["run", "both.toml", "--data", "somewhere"]);
    assert!(text.contains("disfa, rafdb"), "{text}");
    // The axes themselves can be set.
    let fewer = bench.ok(&["validate", "both.toml", "--set", "sweep.loss.margin=[0.2]"]);
    assert_eq!(fewer.lines().count(), 4);
}

#[test]
fn mistakes_in_a_sweep() {
    let bench = Bench::new();
    let head = "schema = 1\n[dataset]\ncard = \"rafdb\"\n[sweep]\n";
    let complaint = |sweep: &str, more: &[&str]| {
        bench.write("mine.toml", format!("{head}{sweep}\n"));
        let mut arguments = vec!["validate", "mine.toml"];
        arguments.extend(more);
        bench.fails(2, &arguments)
    };
    let all = [
        complaint("", &[]),
        complaint("\"model.k_max\" = 150", &[]),
        complaint("\"model.k_max\" = []", &[]),
        complaint("k_max = [1]", &[]),
        complaint("\"model.kmax\" = [150]", &[]),
        complaint("\"model.k_max\" = [\"many\"]", &[]),
        complaint("\"model.k_max\" = [150, 150]", &[]),
        complaint("points = [1]", &[]),
        complaint("\"model.k_max\" = [150]\npoints = [{ \"model.k_max\" = 100 }]", &[]),
        complaint("recipes = [\"nowhere.toml\"]", &[]),
        complaint("\"model.k_max\" = [150]", &["--set", "model.k_max=100"]),
    ];
    insta::assert_snapshot!(all.join("\n"));
}
