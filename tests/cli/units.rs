//! Units of work that processes do side by side, in any order, on file systems of every kind: in the end the bytes are those of one
//! process.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::child::{heeding, wait_until};
use crate::{Bench, stderr, tables};

/// What is learned matters little here, and what is reported even less.
const STUDY: &str = r#"
schema = 1
extends = "recipes/rafdb.toml"
name = "units"
[sweep]
"model.k_max" = [8, 12]
[stand_in]
samples = 100
size = 40
[stand_in.override.protocol]
seeds = [0, 1]
[stand_in.override.train]
epochs = 3
[baselines]
methods = ["class_means"]
[report]
map_points = 0
leave_out = [LEFT_OUT]
"#;

/// What stays of the report: the table that shows its numbers.
const KEPT: &str = "results";

fn write_study(bench: &Bench, epochs: u32) {
    let catalog: toml::Table = include_str!("../../reports/catalog.toml").parse().unwrap();
    let ids = catalog["entry"].as_array().unwrap().iter();
    let left_out: Vec<String> = ids
        .map(|entry| entry["id"].to_string())
        .filter(|id| id.trim_matches('"') != KEPT)
        .collect();
    let study = STUDY
        .replace("LEFT_OUT", &left_out.join(", "))
        .replace("epochs = 3", &format!("epochs = {epochs}"));
    bench.write("units.toml", study);
}

/// A call on the study, with its runs in a folder and a cache of this name.
fn call(place: &str, more: &[&str]) -> Vec<String> {
    let (out, cache) = (format!("{place}/runs"), format!("{place}/cache"));
    let all = [
        "units.toml",
        "--stand-in",
        "--device",
        "cpu",
        "--out",
        &out,
        "--cache",
        &cache,
    ];
    all.iter().chain(more).map(|&text| text.to_owned()).collect()
}

fn command(bench: &Bench, verb: &str, arguments: &[String]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("aura-bench"));
    command
        .arg(verb)
        .args(arguments)
        .current_dir(bench.path("."))
        .env("NO_COLOR", "1")
        .env("AURA_BENCH_LEASE", "4");
    command
}

/// Runs to its end, and returns what it said.
fn done(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}:\n{}", stderr(&output));
    stderr(&output)
}

fn start(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn plan(bench: &Bench, place: &str) -> Value {
    let mut command = command(bench, "plan", &call(place, &["--json"]));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Of every step of a point its stage and whether it is done.
fn steps(point: &Value) -> Vec<(&str, bool)> {
    let steps = point["steps"].as_array().unwrap().iter();
    steps
        .map(|step| (step["stage"].as_str().unwrap(), step["done"].as_bool().unwrap()))
        .collect()
}

/// Only what one process leaves is there: no lock that is held, no file that was never ended.
fn nothing_is_left_over(folder: &Path) {
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                open.push(path);
            } else if name.starts_with(".lock") {
                let said = std::fs::read_to_string(&path).unwrap();
                assert!(said.starts_with("free "), "{}: {said}", path.display());
                assert!(!name.starts_with(".lock-"), "{} is of no use any more", path.display());
            }
        }
    }
}

/// The tables of the study by one process, made once; the recipe is written into the folder.
fn alone(bench: &Bench) -> &'static [(PathBuf, Vec<u8>)] {
    static ALONE: OnceLock<Vec<(PathBuf, Vec<u8>)>> = OnceLock::new();
    write_study(bench, 3);
    ALONE.get_or_init(|| {
        let bench = Bench::new();
        write_study(&bench, 3);
        done(command(&bench, "run", &call("alone", &["--quiet"])));
        let tables = tables(&bench.path("alone/runs"));
        assert!(tables.len() > 20);
        tables
    })
}

#[test]
fn units_in_any_order_end_in_the_bytes_of_one_process() {
    let bench = Bench::new();
    let alone = alone(&bench);
    let unit = |more: &[&str]| done(command(&bench, "run", &call("parts", more)));

    let before = plan(&bench, "parts");
    assert_eq!((&before["done"], &before["study"]), (&false.into(), &true.into()));
    assert_eq!(
        steps(&before["points"][1]),
        [
            ("convert", false),
            ("extract", false),
            ("train", false),
            ("train", false),
            ("report", false)
        ]
    );
    assert!(
        before["points"][0]["run_dir"].is_null(),
        "its name depends on the features"
    );

    // The last shard first, and a seed before anything that it needs.
    unit(&["--quiet", "--only", "extract", "--shard", "3/3"]);
    let begun = plan(&bench, "parts");
    let extract = &begun["points"][0]["steps"][1];
    assert_eq!(extract["parts"], serde_json::json!({"all": 3, "done": 1}));
    assert_eq!((&extract["done"], &extract["begun"]), (&false.into(), &true.into()));
    unit(&["--quiet", "--only", "train", "--point", "1", "--seeds", "1"]);
    let trained = plan(&bench, "parts");
    assert_eq!(trained["points"][0]["steps"][1]["done"], true);
    assert_eq!(
        steps(&trained["points"][1]),
        [
            ("convert", true),
            ("extract", true),
            ("train", false),
            ("train", true),
            ("report", false)
        ]
    );
    // A report is asked for too early: it says what is missing, and trains nothing.
    let early = command(
        &bench,
        "run",
        &call("parts", &["--quiet", "--only", "report", "--point", "1"]),
    )
    .output()
    .unwrap();
    assert_eq!(early.status.code(), Some(3));
    assert!(
        stderr(&early).contains("seed 0 of parts/runs/units-k_max-12"),
        "{}",
        stderr(&early)
    );

    // Each step that is left, by the command that the plan gives, the last one first.
    let mut commands: Vec<Vec<String>> = Vec::new();
    for point in trained["points"].as_array().unwrap() {
        for step in point["steps"].as_array().unwrap() {
            if step["stage"] == "train" && step["done"] == false {
                let words = step["command"].as_array().unwrap().iter();
                commands.push(words.map(|word| word.as_str().unwrap().to_owned()).collect());
            }
        }
    }
    assert_eq!(commands.len(), 3);
    for words in commands.iter().rev() {
        assert_eq!(words[..2], ["aura-bench", "run"]);
        done(command(&bench, "run", &words[2..]));
    }
    let said = unit(&["--only", "report"]);
    assert!(said.contains("train       cached"), "{said}");
    assert!(tables(&bench.path("parts/runs")) == alone);
    let after = plan(&bench, "parts");
    assert_eq!(after["done"], true, "{after}");
    nothing_is_left_over(&bench.path("parts"));

    // What each seed took is known to whoever collects.
    let run = after["points"][0]["run_dir"].as_str().unwrap();
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(bench.path(run).join("manifest.json")).unwrap()).unwrap();
    assert!(manifest["cost"]["train_samples"].as_u64().unwrap() > 0, "{manifest}");
    assert!(
        manifest["stages"]
            .as_array()
            .unwrap()
            .iter()
            .any(|stage| { stage["name"] == "train" && stage["seconds"].as_f64().unwrap() > 0.0 })
    );
}

#[test]
fn many_at_once_some_of_them_killed_end_in_the_bytes_of_one_process() {
    let bench = Bench::new();
    let alone = alone(&bench);
    // Processes that begin with nothing and all want everything: they share parts and seeds.
    let whole = || start(command(&bench, "run", &call("many", &["--quiet"])));
    let cache = bench.path("many/cache/features");
    let mut first = whole();
    let mut others = vec![whole(), whole()];
    let runs = bench.path("many/runs");
    assert!(wait_until(&mut first, || cache.is_dir()));
    first.kill().unwrap();
    first.wait().unwrap();
    others.push(whole());
    let seeds = || crate::child::count(&runs) >= 4;
    assert!(wait_until(&mut others[0], seeds));
    let mut second = others.remove(0);
    second.kill().unwrap();
    second.wait().unwrap();
    for other in others {
        let output = other.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    }
    assert!(tables(&runs) == alone);
    done(command(&bench, "run", &call("many", &["--quiet"])));
    assert!(tables(&runs) == alone);
    nothing_is_left_over(&bench.path("many"));
}

fn signal(child: &Child, which: &str) {
    let sent = Command::new("kill").args([which, &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

#[test]
fn a_seed_in_hand_is_left_to_its_process_and_all_others_go_on() {
    let bench = Bench::new();
    write_study(&bench, 2000);
    let seed = |seeds: &str| call("seeds", &["--only", "train", "--point", "0", "--seeds", seeds]);
    done(command(
        &bench,
        "run",
        &call("seeds", &["--quiet", "--only", "extract"]),
    ));
    let mut first = start(command(&bench, "run", &seed("0")));
    let runs = bench.path("seeds/runs");
    let held = || {
        let run = std::fs::read_dir(&runs).ok()?.next()?.ok()?.path();
        run.join("seed-0/checkpoint").is_dir().then_some(run)
    };
    assert!(wait_until(&mut first, || held().is_some()));
    signal(&first, "-STOP");
    let run = held().unwrap();

    // The plan names who has it.
    let told = plan(&bench, "seeds");
    let steps = told["points"][0]["steps"].as_array().unwrap();
    assert_eq!(steps[2]["begun"], true);
    let by = steps[2]["running"][0].as_str().unwrap();
    assert!(by.contains(&format!("process {} on ", first.id())), "{by}");
    assert_eq!(steps[3]["running"], serde_json::json!([]));

    // A process that wants both trains the other one, and then waits.
    let mut second = start(command(
        &bench,
        "run",
        &call("seeds", &["--only", "train", "--point", "0"]),
    ));
    assert!(wait_until(&mut second, || run.join("seed-1/checkpoint").is_dir()));
    signal(&second, "-TERM");
    let ended = second.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130), "{}", stderr(&ended));
    assert!(run.join("seed-1/checkpoint/state.safetensors").is_file());

    // One that is asked for it waits for it, and hears a signal meanwhile.
    let mut third = heeding();
    third
        .arg("run")
        .args(seed("0"))
        .current_dir(bench.path("."))
        .env("AURA_BENCH_LEASE", "4");
    let mut third = start(third);
    std::thread::sleep(std::time::Duration::from_secs(5));
    assert!(
        third.try_wait().unwrap().is_none(),
        "somebody stopped is not dead, however long it says nothing"
    );
    signal(&third, "-HUP");
    let ended = third.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130));
    let said = stderr(&ended);
    assert!(
        said.contains(&format!("waiting for aura-bench, process {} on ", first.id())),
        "{said}"
    );
    first.kill().unwrap();
    first.wait().unwrap();
}

/// A library that takes the place of the system's `flock`.
fn flock(bench: &Bench, name: &str, body: &str) -> PathBuf {
    let source = bench.write(
        &format!("{name}.c"),
        format!("#include <errno.h>\nint flock(int f, int o) {{ (void)f; (void)o; {body} }}\n"),
    );
    let library = bench.path(&format!("{name}.so"));
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status()
        .unwrap();
    assert!(compiled.success());
    library
}

#[test]
fn a_file_system_without_locks_is_said_once_and_one_whose_locks_hold_nothing_does_no_harm() {
    let bench = Bench::new();
    let alone = alone(&bench);
    let none = flock(&bench, "none", "errno = ENOSYS; return -1;");
    let mut run = command(&bench, "run", &call("none", &["--point", "0"]));
    run.env("LD_PRELOAD", &none);
    let said = done(run);
    assert_eq!(said.matches("has no locks of the system").count(), 1, "{said}");

    // Each of two nodes is told yes whenever it asks.
    let yes = flock(&bench, "yes", "return 0;");
    let both: Vec<Child> = (0..2)
        .map(|_| {
            let mut run = command(&bench, "run", &call("yes", &["--quiet"]));
            run.env("LD_PRELOAD", &yes);
            start(run)
        })
        .collect();
    for child in both {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    }
    assert!(tables(&bench.path("yes/runs")) == alone);
    nothing_is_left_over(&bench.path("yes"));
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is left out says so")]
fn what_a_process_of_another_node_held_is_taken_over_once_it_gives_no_sign_of_life() {
    let bench = Bench::new();
    let alone = alone(&bench);
    // Numbers of processes of its own: whether one of them lives cannot be seen from here.
    let inside = |arguments: &[String]| {
        let program = command(&bench, "run", arguments);
        let mut inside = Command::new("unshare");
        inside
            .args(["--uts", "--pid", "--fork", "--kill-child", "--mount-proc", "--"])
            .arg(program.get_program())
            .args(program.get_args())
            .current_dir(bench.path("."))
            .env("AURA_BENCH_LEASE", "4");
        inside
    };
    let may = Command::new("unshare")
        .args(["--uts", "--pid", "--fork", "--mount-proc", "true"])
        .output();
    if !may.is_ok_and(|output| output.status.success()) {
        eprintln!("left out: this machine lets nobody have a space of processes of his own");
        return;
    }
    let mut other = start(inside(&call("nodes", &["--quiet"])));
    let runs = bench.path("nodes/runs");
    assert!(wait_until(&mut other, || crate::child::count(&runs) >= 2));
    other.kill().unwrap();
    other.wait().unwrap();
    // Two nodes at once go on with what the third one held when it lost its power.
    let here = start(command(&bench, "run", &call("nodes", &["--quiet"])));
    let there = start(inside(&call("nodes", &["--quiet"])));
    for child in [here, there] {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    }
    assert!(tables(&runs) == alone);
    nothing_is_left_over(&bench.path("nodes"));
}

#[test]
fn what_cannot_be_asked_for_is_said() {
    let bench = Bench::new();
    write_study(&bench, 3);
    let refused = |more: &[&str]| {
        let output = command(&bench, "run", &call("refused", more)).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        stderr(&output)
    };
    assert!(refused(&["--shard", "1/2"]).contains("--shard is for --only extract"));
    assert!(refused(&["--only", "extract", "--shard", "3/2"]).contains("expected a shard like"));
    assert!(refused(&["--fold", "1"]).contains("--fold is for --only train"));
    let text = refused(&["--only", "train", "--fold", "1"]);
    assert!(text.contains("the protocol of units-k_max-8 has no folds"), "{text}");
    assert!(refused(&["--only", "evaluate"]).contains("unknown variant"));
    let mut lease = command(&bench, "run", &call("refused", &[]));
    let output = lease.env("AURA_BENCH_LEASE", "soon").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("expected whole seconds from 2 to 86400"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_run_that_was_told_to_outlive_its_terminal_does() {
    let bench = Bench::new();
    write_study(&bench, 2000);
    let run = command(
        &bench,
        "run",
        &call("nohup", &["--point", "0", "--only", "train", "--seeds", "0"]),
    );
    let begun = || {
        let run = std::fs::read_dir(bench.path("nohup/runs"))
            .ok()?
            .flatten()
            .next()?
            .path();
        run.join("seed-0/checkpoint").is_dir().then_some(())
    };
    let mut nohup = Command::new("nohup");
    nohup
        .arg(run.get_program())
        .args(run.get_args())
        .current_dir(bench.path("."))
        .stdin(Stdio::null());
    let mut child = start(nohup);
    assert!(wait_until(&mut child, || begun().is_some()));
    signal(&child, "-HUP");
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(child.try_wait().unwrap().is_none(), "it ended with its terminal");
    // Whoever wants it to end can still say so.
    signal(&child, "-TERM");
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130), "{}", stderr(&ended));
}
