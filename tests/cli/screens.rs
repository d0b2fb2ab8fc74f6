//! The whole screen of every verb: exit code, stdout and stderr, as a user sees them.
//!
//! What differs between machines is replaced: folders, times, rates, sizes, digests, versions, devices, and numbers that come
//! out of training, whose last digits hang on the processor.

use crate::tracking::Tracking;
use crate::{Bench, shared};

/// One call with all that it shows.
pub fn screen(bench: &Bench, arguments: &[&str]) -> String {
    let output = bench.run(arguments);
    let stream = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_end();
        if text.is_empty() {
            "(nothing)".to_owned()
        } else {
            text.to_owned()
        }
    };
    let words: Vec<String> = arguments
        .iter()
        .map(|word| {
            if word.contains(' ') {
                format!("'{word}'")
            } else {
                (*word).to_owned()
            }
        })
        .collect();
    let code = output.status.code().unwrap();
    let text = format!(
        "$ aura-bench {}\n── exit code {code}\n── stdout\n{}\n── stderr\n{}\n",
        words.join(" "),
        stream(&output.stdout),
        stream(&output.stderr)
    );
    let folder = bench.folder.path();
    let shared = shared::cache();
    let mut text = text.replace(concat!(env!("CARGO_MANIFEST_DIR")), "[CRATE]");
    for (path, name) in [
        (folder.canonicalize().unwrap(), "[FOLDER]"),
        (folder.to_owned(), "[FOLDER]"),
        (shared, "[CACHE]"),
    ] {
        text = text.replace(&path.display().to_string(), name);
    }
    text
}

/// Replaces what differs between machines.
const FILTERS: [(&str, &str); 18] = [
    (
        r" +[+-]\d+\.\d \[[-\d., ]+\] (above|level|BELOW)",
        "  [lead, interval, verdict]",
    ),
    (r"(aura-bench explain \S+) \S+", "$1 [sample]"),
    (r#"verdict = "[a-z]+""#, "verdict = [verdict]"),
    (r"was (above|level|below) by [+-]", "was [verdict] by "),
    (r"(?m)^(standing\.\S+ +baseline) .*$", "$1  [standing]"),
    (r"\b[0-9a-f]{64}\b", "[digest]"),
    (r"(rafdb|sizes-study)-[0-9a-f]{8}\b", "$1-[digest]"),
    (r"\b[0-9.]+ (ms|µs|s)\b", "[time]"),
    (r"\b[0-9.]+ (images|samples)/s\b", "[rate] $1/s"),
    (r"\b[0-9.]+ ([KMGT]i?B)\b", "[size] $1"),
    (r"\b\d+ threads\b", "[n] threads"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[date]"),
    (r"(?m)^(device {6}).*$", "$1[device]"),
    (r"-?\d+(\.\d+)+(e-?\d+)?", "[number]"),
    (r"\b[0-9a-f]{16}\b", "[digest]"),
    (r"(─|━|-|═){5,}", "$1$1$1$1$1"),
    (r"  +", "  "),
    (r"(?m) +$", ""),
];

/// What training decides about a dictionary, in the tables of `check`.
const DICTIONARY: [(&str, &str); 1] = [(
    r"(?m)^(k_stable|classes_without_archetype) +baseline +(\w+) .* range$",
    "$1  baseline  $2  [counts]  range",
)];

/// Runs with the filters above and `more` before them.
pub fn filtered(more: &[(&'static str, &'static str)], check: impl FnOnce()) {
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    for (pattern, name) in more.iter().chain(&FILTERS) {
        settings.add_filter(pattern, *name);
    }
    settings.bind(check);
}

macro_rules! assert_screen {
    ($bench:expr, $arguments:expr) => {
        assert_screen!($bench, $arguments, &[])
    };
    ($bench:expr, $arguments:expr, $filters:expr) => {
        crate::screens::filtered($filters, || {
            insta::assert_snapshot!(crate::screens::screen($bench, $arguments))
        })
    };
}
pub(crate) use assert_screen;

/// `base.toml`: the baseline of the shared run.
fn with_baseline() -> (Bench, String) {
    let (bench, run) = Bench::with_run(&[]);
    bench.ok(&["baseline", "save", &run, "--out", "base.toml", "--predictions"]);
    (bench, run)
}

#[test]
fn run() {
    shared::run(&[]);
    let mut arguments = crate::small(&["--set", "baselines.methods=[\"knn\"]", "--device", "cpu"]);
    arguments.retain(|argument| *argument != "--quiet");
    assert_screen!(&Bench::with_shared_cache(), &arguments);
}

#[test]
fn run_without_data() {
    assert_screen!(&Bench::new(), &["run", "recipes/rafdb.toml", "--device", "cpu"]);
}

#[test]
fn convert() {
    let bench = Bench::with_faces();
    assert_screen!(&bench, &["convert", "rafdb", "--data", "raf", "--out", "out"]);
}

#[test]
fn extract() {
    let bench = Bench::new();
    crate::extract::images(&bench);
    assert_screen!(
        &bench,
        &[
            "extract",
            "--images",
            "images",
            "--encoder",
            "hog",
            "--out",
            "out",
            "--device",
            "cpu"
        ]
    );
}

#[test]
fn standin() {
    let arguments = ["standin", "rafdb", "--out", "faces", "--samples", "30", "--size", "32"];
    assert_screen!(&Bench::new(), &arguments);
}

#[test]
fn report() {
    let (bench, run) = Bench::with_run(&[]);
    assert_screen!(&bench, &["report", &run, "--out", "out"]);
}

#[test]
fn check_that_passes() {
    let (bench, run) = with_baseline();
    assert_screen!(&bench, &["check", &run, "--baseline", "base.toml"], &DICTIONARY);
}

#[test]
fn check_that_fails() {
    let (bench, run) = with_baseline();
    let text = std::fs::read_to_string(bench.path("base.toml")).unwrap();
    bench.write("base.toml", text.replace("mean = 0.", "mean = 9."));
    assert_screen!(&bench, &["check", &run, "--baseline", "base.toml"], &DICTIONARY);
}

#[test]
fn compare() {
    let (bench, first) = Bench::with_run(&[]);
    let second = bench.add_run(&["--set", "train.epochs=2"]);
    let learned = [
        (r"(?m)^(\w+): rafdb-.*$", "$1: [difference, interval, tests]"),
        (
            r"(?m)^(acc|balanced_acc|f1_macro|k_stable) +[\d.].*$",
            "$1  [first]  [second]",
        ),
    ];
    assert_screen!(&bench, &["compare", &first, &second], &learned);
}

#[test]
fn baseline_save() {
    let (bench, run) = Bench::with_run(&[]);
    assert_screen!(&bench, &["baseline", "save", &run, "--out", "base.toml"]);
    let file = std::fs::read_to_string(bench.path("base.toml")).unwrap();
    filtered(&[], || insta::assert_snapshot!("baseline_file", file));
}

#[test]
fn explain() {
    let (bench, run) = Bench::with_run(&[]);
    let learned = [
        (r"(?m)^prediction .*$", "prediction  [class] ([right or wrong])"),
        (r"(?m)^ +(\w+ [0-9.]+(, )?)+$", "  [class] [number], …"),
        (r"(?m)^(\d)\. .*$", "$1. [archetype]  similarity [number]  [n] samples"),
        (r"(?m)^ +train_\d.*$", "  [samples]"),
    ];
    assert_screen!(&bench, &["explain", &run, "train_00001"], &learned);
}

#[test]
fn published() {
    let (bench, run) = Bench::with_run(&[]);
    let learned = [(
        r"(?m)^( +.*?(?:Prot\.|Prot\. .*|Num\.|Epoch) +\d+) +\S+ +\S+ +(?:not comparable|missing)$",
        "$1  [of the run]  not comparable or missing",
    )];
    assert_screen!(&bench, &["published", &run], &learned);
}

/// What the paper's own numbers give is the snapshot of the linter itself.
#[test]
fn published_lint() {
    let bench = Bench::new();
    bench.write("paper.toml", include_str!("screens/paper.toml"));
    assert_screen!(&bench, &["published", "--lint", "paper.toml"]);
}

#[test]
fn query() {
    let (bench, _) = Bench::with_run(&[]);
    let sql = "SELECT dataset, task, stand_in, seed, count(*) AS samples FROM runs JOIN assignments USING (run) \
               GROUP BY dataset, task, stand_in, seed";
    assert_screen!(&bench, &["query", sql]);
}

#[test]
fn query_that_writes() {
    let (bench, _) = Bench::with_run(&[]);
    assert_screen!(&bench, &["query", "DROP VIEW runs"]);
}

#[test]
fn export_mlflow() {
    let (bench, run) = Bench::with_run(&[]);
    let server = Tracking::serve("file:///store/RUN");
    let address = [(r"127\.0\.0\.1:\d+", "[ADDRESS]")];
    assert_screen!(&bench, &["export", "mlflow", &run, "--to", &server.address], &address);
}

#[test]
fn export_croissant() {
    let (bench, run) = Bench::with_run(&[]);
    let table = format!("{run}/samples.parquet");
    assert_screen!(&bench, &["export", "croissant", &table]);
}

#[test]
fn validate_a_recipe() {
    assert_screen!(&Bench::new(), &["validate", "recipes/rafdb.toml", "--stand-in"]);
}

#[test]
fn validate_a_folder() {
    assert_screen!(&Bench::with_faces(), &["validate", "raf"]);
}

#[test]
fn validate_a_card() {
    assert_screen!(&Bench::new(), &["validate", "rafdb"]);
}

#[test]
fn doctor() {
    let machine = [
        (
            r"(?m)^(aura-bench|build|libraries|processor|driver|nvrtc|headers) +.*$",
            "$1 [of this machine]",
        ),
        (r"(?m)^(device|missing) +.*\n", ""),
        (r"(?m)^ {13}.*\n", ""),
    ];
    assert_screen!(&Bench::new(), &["doctor"], &machine);
}

#[test]
fn doctor_gpu_parity() {
    let machine = [(r"cpu \(flex.*?\)", "[device]"), (r"\d\.\de-?\d+|\d+\.\d+", "[number]")];
    let arguments = ["doctor", "--gpu-parity", "--quick", "--device", "cpu"];
    assert_screen!(&Bench::new(), &arguments, &machine);
}

#[test]
fn bench_train() {
    let arguments = [
        "bench",
        "train",
        "--samples",
        "64",
        "--dims",
        "8",
        "--batch",
        "32",
        "--epochs",
        "1",
        "--device",
        "cpu",
    ];
    assert_screen!(&Bench::new(), &arguments);
}

#[test]
fn bench_extract() {
    let arguments = [
        "bench",
        "extract",
        "--encoder",
        "hog",
        "--images",
        "2",
        "--device",
        "cpu",
    ];
    assert_screen!(&Bench::new(), &arguments);
}

/// The schemas themselves are the files in `docs/schema`.
#[test]
fn schema() {
    for kind in [
        "recipe",
        "card",
        "baseline",
        "manifest",
        "conversion",
        "run",
        "check",
        "compare",
        "explain",
    ] {
        let found = Bench::new().json(&["schema", kind]);
        assert!(
            found == crate::schemas::checked_in(kind),
            "docs/schema/{kind}.json is not what is printed"
        );
    }
}

/// The arguments of every verb are in `docs/cli.md`: here, the verbs that a shell offers.
#[test]
fn completions() {
    let script = Bench::new().ok(&["completions", "fish"]);
    let verbs: Vec<&str> = script
        .lines()
        .filter(|line| line.contains("__fish_aura_bench_needs_command") && line.contains(" -a "))
        .collect();
    insta::assert_snapshot!(verbs.join("\n"));
}
