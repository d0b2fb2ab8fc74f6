//! How the program ends: with streams that are gone, signals, limits, and files that are not what they seem.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::child::{interrupt, start, wait_until};
use crate::{Bench, files, stderr};

/// The program through a shell, which does to its streams and limits what `line` says; `$AURA` is the program.
fn shell(bench: &Bench, line: &str) -> Output {
    Command::new("bash")
        .args(["-c", line])
        .current_dir(bench.path(""))
        .env("AURA", assert_cmd::cargo::cargo_bin("aura-bench"))
        .env("AURA_BENCH_CACHE", &bench.cache)
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

#[test]
fn streams_that_are_gone_stop_no_work_and_lose_no_result_in_silence() {
    let (bench, run) = Bench::with_run(&[]);
    std::fs::remove_dir_all(bench.path(&run).join("report")).unwrap();
    for (i, stream) in ["2>/dev/full", "2>&-", "2> >(head -c 1 >/dev/null)"].iter().enumerate() {
        let output = shell(&bench, &format!("$AURA report {run} --out report{i} {stream}"));
        assert_eq!(code(&output), Some(0), "{stream}: {}", stderr(&output));
        assert_eq!(files(&bench.path("report0")), files(&bench.path(&format!("report{i}"))));
    }
    for what in [
        "query 'SELECT 1'",
        "--help",
        "--version",
        "schema recipe",
        "completions bash",
    ] {
        let output = shell(&bench, &format!("$AURA {what} >/dev/full"));
        assert_eq!(code(&output), Some(3), "{what}: {}", stderr(&output));
        assert!(
            stderr(&output).contains("failed to write to stdout"),
            "{what}: {}",
            stderr(&output)
        );
        let output = shell(&bench, &format!("set -o pipefail; $AURA {what} | true"));
        assert_eq!((code(&output), stderr(&output).as_str()), (Some(0), ""), "{what}");
    }
    // Errors keep their code where nobody can read them.
    for stream in ["2>/dev/full", "2>&-"] {
        for (what, expected) in [
            ("query nonsense", 2),
            ("--nonsense", 2),
            ("check none", 3),
            ("run none.toml", 2),
        ] {
            assert_eq!(
                code(&shell(&bench, &format!("$AURA {what} {stream}"))),
                Some(expected),
                "{what} {stream}"
            );
        }
    }
}

#[test]
fn every_table_of_a_report_has_the_same_bytes_every_time() {
    let (bench, run) = Bench::with_run(&[]);
    // Sums over two sources that are read side by side: each run had other last digits once.
    let sql = concat!(env!("CARGO_MANIFEST_DIR"), "/reports/sql/failure_profiles.sql");
    let asked = || bench.ok(&["query", "--file", sql, "--runs", &run, "--format", "json"]);
    let first = asked();
    assert!(first.contains("to_archetype"));
    for _ in 1..8 {
        assert_eq!(asked(), first);
    }
    for out in ["one", "other"] {
        bench.ok(&["report", &run, "--out", out, "--quiet"]);
    }
    assert!(files(&bench.path("one")) == files(&bench.path("other")));
}

#[test]
fn a_query_without_end_is_stopped() {
    let (bench, _) = Bench::with_run(&[]);
    let endless = "SELECT count(*) FROM predictions a, predictions b, predictions c, predictions d";
    let call = start(&bench, &["query", endless]);
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    let ended = interrupt(call);
    assert_eq!(code(&ended), Some(130), "{}", stderr(&ended));
    for signal in ["TERM", "HUP"] {
        let output = shell(&bench, &format!("timeout -s {signal} 2 $AURA query '{endless}'; true"));
        assert!(stderr(&output).contains("interrupted"), "{signal}: {}", stderr(&output));
    }
    // What it would hold is bounded.
    let output = shell(
        &bench,
        "ulimit -v 6000000; $AURA query 'SELECT a.sample_id FROM predictions a, predictions b, predictions c'",
    );
    assert_eq!(code(&output), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("needs more than"), "{}", stderr(&output));
}

#[test]
fn statements_may_be_long_and_not_deep() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("runs")).unwrap();
    let asked = |sql: &str| {
        let file = bench.write("query.sql", sql);
        bench.run(&["query", "--file", file.to_str().unwrap(), "--format", "csv"])
    };
    let terms = |n: usize| format!("SELECT {} AS n", vec!["1"; n].join("+"));
    let output = asked(&terms(1_500));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "n\n1500\n",
        "{}",
        stderr(&output)
    );
    let list = (0..50_000).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
    assert_eq!(code(&asked(&format!("SELECT 1 AS n WHERE 7 IN ({list})"))), Some(0));
    for deep in [
        terms(5_000),
        terms(100_000),
        format!("SELECT {}1{}", "(".repeat(30_000), ")".repeat(30_000)),
        format!("SELECT 1 WHERE {}", vec!["1=1"; 20_000].join(" OR ")),
        vec!["SELECT 1"; 5_000].join(" UNION ALL "),
        format!("SELECT {}true", "NOT ".repeat(20_000)),
    ] {
        let output = asked(&deep);
        assert_eq!(
            code(&output),
            Some(2),
            "{}",
            stderr(&output).chars().take(300).collect::<String>()
        );
    }
}

#[test]
fn documents_may_not_be_deep() {
    let bench = Bench::new();
    for i in 0..100 {
        bench.write(&format!("r{i}.toml"), format!("extends = \"r{}.toml\"", i + 1));
    }
    assert!(bench.fails(2, &["validate", "r0.toml"]).contains("more than 32 files"));
    let key = vec!["a"; 20_000].join(".");
    for (name, text) in [
        ("dotted", format!("{key} = 1")),
        ("table", format!("[{key}]")),
        ("sweep", format!("[sweep]\n\"{key}\" = [1]")),
        ("lists", format!("a = {}{}", "[".repeat(20_000), "]".repeat(20_000))),
        ("tables", format!("a = {}1{}", "{b=".repeat(20_000), "}".repeat(20_000))),
    ] {
        bench.write("deep.toml", text);
        let said = bench.fails(2, &["validate", "deep.toml"]);
        assert!(
            said.contains("recurs") || said.contains("parts"),
            "{name}: {}",
            said.chars().take(300).collect::<String>()
        );
    }
    let set = format!("{key}=1");
    assert!(
        bench
            .fails(2, &["validate", "recipes/rafdb.toml", "--set", &set])
            .contains("20000 parts")
    );
}

#[test]
fn pipes_and_devices_are_not_read() {
    let (bench, run) = Bench::with_run(&[]);
    assert!(
        Command::new("mkfifo")
            .arg(bench.path("pipe"))
            .status()
            .unwrap()
            .success()
    );
    for file in ["pipe", "/dev/zero"] {
        for (expected, call) in [
            (2, vec!["validate", file]),
            (2, vec!["run", file]),
            (2, vec!["check", &run, "--recipe", file]),
            (3, vec!["check", &run, "--baseline", file]),
            (3, vec!["query", "--file", file]),
            (3, vec!["published", "--lint", file]),
        ] {
            let said = bench.fails(expected, &call);
            assert!(said.contains("found a pipe or a device"), "{call:?}: {said}");
        }
    }
    for name in [
        "manifest.json",
        "seed-0/predictions.parquet",
        "seed-0/metrics.parquet",
        "samples.parquet",
    ] {
        let path = bench.path(&run).join(name);
        let there = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        bench.run(&["query", "SELECT count(*) FROM predictions"]);
        let output = bench.run(&["check", &run]);
        assert!(matches!(code(&output), Some(1..=3)), "{name}: {}", stderr(&output));
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, there).unwrap();
    }
}

#[test]
fn nothing_that_was_read_steers_a_terminal() {
    let (bench, _) = Bench::with_run(&[]);
    for path in ["a\nb.toml", "a\u{1b}[31m.toml", "a\u{9b}b.toml"] {
        for call in [
            vec!["validate", path],
            vec!["run", path],
            vec!["query", "SELECT 1", "--format", "csv", "--out", path],
        ] {
            let output = bench.run(&call);
            assert_eq!(code(&output), Some(2));
            assert!(stderr(&output).contains("control characters"), "{}", stderr(&output));
            assert!(!stderr(&output).contains(['\u{1b}', '\u{9b}']));
            assert!(!bench.path(path).exists());
        }
    }
    bench.write("esc.toml", "extends = \"recipes/rafdb.toml\"\ntitle = \"\\u001b[31m\"");
    assert!(
        bench
            .fails(2, &["validate", "esc.toml"])
            .contains("the control character \\u{1b}")
    );
    bench.write(
        "raw.toml",
        "extends = \"recipes/rafdb.toml\"\nb\u{7f}\u{9b}\u{202e} =\u{1b}[31m 1",
    );
    for call in [
        vec!["validate", "raw.toml"],
        vec!["query", "SELECT '\u{1b}[31m\u{202e}' AS \"\u{1b}\""],
        vec!["query", "SELECT '\u{9b}1\u{7f}'", "--format", "json"],
        vec!["query", "SELECT \u{1b}"],
        vec!["\u{1b}[31m"],
        vec!["explain", "none", "--sample", "\u{1b}[2J"],
    ] {
        let output = bench.run(&call);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
        assert!(
            !said.contains(['\u{1b}', '\u{9b}', '\u{7f}', '\u{202e}']),
            "{call:?}: {said:?}"
        );
    }
    let csv = bench.ok(&["query", "SELECT '\u{1b}' AS x", "--format", "csv"]);
    assert_eq!(csv, "x\n\u{1b}\n", "programs get what is there");
}

fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    for _ in 0..60 {
        writer.write(&batch).unwrap();
    }
    writer.close().unwrap();
}

#[test]
fn a_small_file_that_unpacks_to_a_large_table_is_refused() {
    let (bench, run) = Bench::with_run(&[]);
    let path = bench.path(&run).join("seed-0/predictions.parquet");
    let rows = 1 << 20;
    let text: ArrayRef = Arc::new(StringArray::from(vec!["x"; rows]));
    let number: ArrayRef = Arc::new(Int64Array::from(vec![7; rows]));
    write(&path, vec![("sample_id", text), ("label", number)]);
    bench.seal(&run, "seed-0/predictions.parquet");
    assert!(std::fs::metadata(&path).unwrap().len() < 1 << 21);
    for call in [vec!["query", "SELECT * FROM predictions"], vec!["check", &run]] {
        let said = bench.fails(3, &call);
        assert!(
            said.contains("no table shrinks so far") && said.contains("predictions.parquet"),
            "{said}"
        );
    }
}

#[test]
fn broken_parquet_of_a_run_is_an_error_that_names_it() {
    let (bench, run) = Bench::with_run(&[]);
    for name in [
        "seed-0/predictions.parquet",
        "seed-0/metrics.parquet",
        "samples.parquet",
        "standings.parquet",
    ] {
        let path = bench.path(&run).join(name);
        let there = std::fs::read(&path).unwrap();
        let view = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let mut refused = 0;
        for at in (4..there.len() - 8).rev().step_by(there.len() / 12) {
            let mut broken = there.clone();
            broken[at] = 129;
            std::fs::write(&path, broken).unwrap();
            bench.seal(&run, name);
            let output = bench.run(&["query", &format!("SELECT * FROM {view}"), "--format", "csv"]);
            assert!(
                matches!(code(&output), Some(0 | 3)),
                "{name} at {at}: {}",
                stderr(&output)
            );
            if code(&output) == Some(3) {
                refused += 1;
                assert!(
                    stderr(&output).contains(&format!("{view}.parquet")),
                    "{name} at {at}: {}",
                    stderr(&output)
                );
            }
            assert!(
                !stderr(&output).contains("defect"),
                "{name} at {at}: {}",
                stderr(&output)
            );
        }
        assert!(refused > 0, "{name}");
        std::fs::write(&path, there).unwrap();
        bench.seal(&run, name);
    }
}

#[test]
fn files_are_for_whom_the_umask_lets_in() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    std::fs::create_dir(bench.path("runs")).unwrap();
    for (umask, expected) in [("077", 0o600), ("022", 0o644), ("002", 0o664)] {
        let output = shell(
            &bench,
            &format!("umask {umask}; $AURA query 'SELECT 1' --format csv --out {umask}.csv"),
        );
        assert_eq!(code(&output), Some(0), "{}", stderr(&output));
        let mode = std::fs::metadata(bench.path(&format!("{umask}.csv")))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, expected, "{umask}");
    }
}

#[test]
fn too_few_threads_and_no_home_are_told() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("runs")).unwrap();
    // Memory for the program itself, and for more and more of its threads.
    let program = std::fs::metadata(assert_cmd::cargo::cargo_bin("aura-bench"))
        .unwrap()
        .len()
        >> 10;
    let mut answered = 0;
    for more in [20_000, 60_000, 200_000, 400_000, 800_000, 4_000_000] {
        let output = shell(&bench, &format!("ulimit -v {}; $AURA query 'SELECT 1'", program + more));
        // With too little, the system ends it before it is a program.
        assert!(
            matches!(code(&output), Some(0 | 3 | 139)),
            "{more}: {}",
            stderr(&output)
        );
        answered += usize::from(code(&output) == Some(0));
    }
    assert!(answered > 0);
    let output = shell(
        &bench,
        "env -u HOME -u AURA_BENCH_CACHE -u XDG_CACHE_HOME $AURA run recipes/rafdb.toml --stand-in",
    );
    assert_eq!(code(&output), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("AURA_BENCH_CACHE"), "{}", stderr(&output));
    bench.write("file", "");
    let output = shell(&bench, "$AURA run recipes/rafdb.toml --stand-in --cache file/below");
    assert_eq!(code(&output), Some(3), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("--cache DIR, or AURA_BENCH_CACHE"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_model_that_no_machine_holds_is_refused_before_it_is_built() {
    let bench = Bench::with_shared_cache();
    let mut call = crate::small(&[]);
    call.extend([
        "--set",
        "model.k_max=65536",
        "--set",
        "model.width=8192",
        "--set",
        "model.hidden=65536",
    ]);
    call.extend([
        "--set",
        "model.contextualization.top_k=65536",
        "--set",
        "train.batch=1000000",
    ]);
    let said = bench.fails(3, &call);
    assert!(
        said.contains("takes at least") && said.contains("model.k_max"),
        "{said}"
    );
}

/// Processes whose command line has all of `words`.
fn processes(words: &[&str]) -> usize {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.filter(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line);
        words.iter().all(|word| line.contains(word))
    })
    .count()
}

#[test]
fn a_study_that_is_stopped_or_killed_leaves_no_process_behind() {
    let bench = Bench::with_shared_cache();
    bench.write(
        "swept.toml",
        "extends = \"recipes/rafdb.toml\"\nname = \"swept\"\n[sweep]\n\"loss.margin\" = [0.2, 0.3]\n",
    );
    let recipe = "swept.toml";
    let command = |out: &'static str| {
        let mut call = crate::small(&["--device", "cpu", "--jobs", "2", "--out", out]);
        call[1] = recipe;
        call.extend(["--set", "train.epochs=100000"]);
        call
    };
    for (out, signal) in [("terminated", "TERM"), ("hung", "HUP"), ("killed", "KILL")] {
        let mut call = start(&bench, &command(out));
        let children = || processes(&[recipe, "--point", out]);
        assert!(wait_until(&mut call, || children() == 2), "{signal}");
        std::thread::sleep(std::time::Duration::from_secs(3));
        let told = Command::new("kill")
            .args(["-s", signal, &call.id().to_string()])
            .status();
        assert!(told.unwrap().success());
        let ended = call.wait_with_output().unwrap();
        assert_eq!(
            code(&ended),
            (signal != "KILL").then_some(130),
            "{signal}: {}",
            stderr(&ended)
        );
        for _ in 0..600 {
            if children() == 0 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        assert_eq!(children(), 0, "{signal}");
    }
}
