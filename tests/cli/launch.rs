//! Jobs for Slurm: what is submitted and when not, what a job does with signals, how far a launch is. Slurm's programs are stood in
//! for by small scripts; `scripts/cluster-tests` does the same against a real one.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::{Bench, schemas, screens, stderr};

const STUDY: &str = r#"
schema = 1
extends = "recipes/rafdb.toml"
name = "sizes"
[sweep]
"model.k_max" = [20, 30, 40, 50, 60, 70]
[stand_in]
samples = 100
size = 40
[stand_in.override.protocol]
seeds = [0, 1]
"#;

/// Writes what it is called with, one call a line, and answers with the next number.
const SBATCH: &str = r#"#!/usr/bin/env bash
cd "$(dirname "$0")"
if [ -e "refuse-$1" ] || { [ -e refuse ] && [[ "$*" == *"$(cat refuse)"* ]]; }; then
  echo "sbatch: error: Batch job submission failed: Invalid partition name specified" >&2
  exit 1
fi
echo "sbatch $* (account ${SBATCH_ACCOUNT-})" >> calls
n=$(($(cat number 2> /dev/null || echo 100) + 1))
echo "$n" | tee number
"#;

/// Prints what the test says that it would.
const SQUEUE: &str = "#!/usr/bin/env bash\ncat \"$(dirname \"$0\")/queue\" 2> /dev/null || true\n";

const SCONTROL: &str = r#"#!/usr/bin/env bash
cd "$(dirname "$0")"
if [ "$1" = requeue ]; then echo "requeue $2" >> calls; exit 0; fi
echo "Configuration data as of today"
echo "MaxArraySize            = $(cat array_size 2> /dev/null || echo 1001)"
"#;

const SCANCEL: &str = "#!/usr/bin/env bash\necho \"scancel $*\" >> \"$(dirname \"$0\")/calls\"\n";

/// A bench with a study and a cluster.
fn cluster() -> Bench {
    let bench = Bench::new();
    bench.write("sizes.toml", STUDY);
    with_cluster(&bench);
    bench
}

/// Puts stand-ins of Slurm's programs into `bin`.
pub fn with_cluster(bench: &Bench) {
    for (name, text) in [
        ("sbatch", SBATCH),
        ("squeue", SQUEUE),
        ("scontrol", SCONTROL),
        ("scancel", SCANCEL),
    ] {
        program(bench, &format!("bin/{name}"), text);
    }
}

fn program(bench: &Bench, name: &str, text: &str) -> PathBuf {
    let path = bench.write(name, text);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// `PATH` with the cluster first.
pub fn path(bench: &Bench) -> String {
    format!("{}:{}", bench.path("bin").display(), std::env::var("PATH").unwrap())
}

fn launch(bench: &Bench, arguments: &[&str]) -> std::process::Output {
    let mut command = bench.command();
    command.env("PATH", path(bench)).env("SBATCH_ACCOUNT", "elsewhere");
    command.arg("launch").args(arguments).output().unwrap()
}

fn ok(bench: &Bench, arguments: &[&str]) -> String {
    let output = launch(bench, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn fails(bench: &Bench, code: i32, arguments: &[&str]) -> String {
    let output = launch(bench, arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
    stderr(&output)
}

fn calls(bench: &Bench) -> String {
    std::fs::read_to_string(bench.path("bin/calls")).unwrap_or_default()
}

/// The one folder below `.launch`.
fn folder(bench: &Bench) -> PathBuf {
    let mut entries = std::fs::read_dir(bench.path("runs/.launch")).unwrap();
    let path = entries.next().unwrap().unwrap().path();
    assert!(entries.next().is_none());
    path
}

fn shown(bench: &Bench, text: &str) -> String {
    let text = text.replace(&bench.folder.path().display().to_string(), "[FOLDER]");
    text.replace(
        &assert_cmd::cargo::cargo_bin("aura-bench").display().to_string(),
        "[PROGRAM]",
    )
}

const SLURM: [&str; 9] = [
    "slurm",
    "sizes.toml",
    "--stand-in",
    "--shards",
    "4",
    "--time",
    "1:00:00",
    "--gres",
    "gpu:1",
];

fn slurm<'a>(more: &[&'a str]) -> Vec<&'a str> {
    SLURM.iter().copied().chain(more.iter().copied()).collect()
}

const NAMES: [(&str, &str); 2] = [(r"(sizes|rafdb|few)-[0-9a-f]{8}", "$1-[digest]"), (r"  +", "  ")];

/// Snapshots without what differs between machines.
fn snapshot(check: impl FnOnce()) {
    screens::filtered(&NAMES, check);
}

#[test]
fn a_dry_run_prints_every_script_and_submits_nothing() {
    let bench = cluster();
    bench.write(
        "aura-bench/config.toml",
        "[launch.slurm]\npartition = \"gpu\"\ncpus_per_task = 8\narray_limit = 3\nsetup = [\"module load cuda\", \"source env/bin/activate\"]\n\
         [launch.slurm.convert]\npartition = \"short\"\nmem = \"16G\"\n\
         [launch.slurm.points]\nextra = [\"--mail-type=FAIL\"]\nlead_seconds = 300\n",
    );
    let arguments = slurm(&["--dry-run", "--scratch", "$SLURM_TMPDIR/rows", "--account", "faces"]);
    let text = ok(&bench, &arguments);
    assert_eq!(calls(&bench), "");
    assert!(!bench.path("runs").exists(), "nothing is written");
    assert_eq!(text, ok(&bench, &arguments), "the same bytes again");
    // The calls, a whole script, and the lines in which the others differ from it.
    let text = shown(&bench, &text);
    let scripts: Vec<&str> = text.split("\n── ").collect();
    let whole = scripts.iter().find(|script| script.starts_with("points.sh")).unwrap();
    let differ = scripts[1..].iter().filter(|script| *script != whole).map(|script| {
        let lines = script.lines().filter(|line| !whole.lines().any(|other| other == *line));
        lines.collect::<Vec<_>>().join("\n")
    });
    let parts: Vec<String> = [scripts[0], whole]
        .map(str::to_owned)
        .into_iter()
        .chain(differ)
        .collect();
    snapshot(|| insta::assert_snapshot!(parts.join("\n── ")));
}

#[test]
fn arrays_wait_for_each_other_and_are_submitted_once() {
    let bench = cluster();
    let text = ok(&bench, &slurm(&["--account", "faces"]));
    snapshot(|| insta::assert_snapshot!(format!("{}\n{}", shown(&bench, &text), calls(&bench))));
    let before = std::fs::read(folder(&bench).join("points.sh")).unwrap();

    // One of them is still in the queue.
    let name = folder(&bench).file_name().unwrap().to_str().unwrap().to_owned();
    bench.write(
        "bin/queue",
        format!("103|2|PENDING|{name}-points\n103|3|PENDING|{name}-points\n"),
    );
    let told = fails(&bench, 2, &SLURM);
    assert!(
        told.contains("is in the queue already") && told.contains("scancel 103`"),
        "{told}"
    );
    assert_eq!(calls(&bench).lines().count(), 4);

    // All are gone.
    bench.write("bin/queue", "");
    ok(&bench, &slurm(&["--account", "faces"]));
    assert_eq!(calls(&bench).lines().count(), 8);
    assert_eq!(std::fs::read(folder(&bench).join("points.sh")).unwrap(), before);
}

#[test]
fn a_recipe_is_an_array_of_seeds_and_a_study_may_be_one_of_both() {
    let bench = cluster();
    ok(
        &bench,
        &[
            "slurm",
            "rafdb",
            "--stand-in",
            "--set",
            "protocol.seeds=[3, 5]",
            "--set",
            "encoder.kind=hog",
        ],
    );
    let script = std::fs::read_to_string(folder(&bench).join("points.sh")).unwrap();
    let lines = |script: &str| -> Vec<String> {
        let those = [
            "task=",
            "points=",
            "seeds=",
            "  --only",
            "  --seeds",
            "  --point",
            "  train",
            "  \"${points",
            "  \"${seeds",
        ];
        let lines = script
            .lines()
            .filter(|line| those.iter().any(|start| line.starts_with(start)));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(
        lines(&script),
        [
            "task=$((SLURM_ARRAY_TASK_ID))",
            "seeds=(3 5)",
            "  --only",
            "  train",
            "  --seeds",
            "  \"${seeds[task]}\""
        ]
    );
    assert!(script.contains("\n  rafdb\n"), "a recipe of the program keeps its name");
    assert!(script.contains("\n  'protocol.seeds=[3, 5]'\n"), "{script}");
    assert!(calls(&bench).contains("--array 0-1 "), "{}", calls(&bench));

    // A protocol with folds, each a task of its own.
    let bench = Bench::new();
    with_cluster(&bench);
    let disfa = [
        "slurm",
        "disfa",
        "--stand-in",
        "--seeds",
        "0,1",
        "--set",
        "encoder.kind=hog",
    ];
    ok(&bench, &[&disfa[..], &["--set", "protocol.folds=[1, 3]"]].concat());
    let script = std::fs::read_to_string(folder(&bench).join("points.sh")).unwrap();
    assert!(script.contains("\nfolds=(1 1 3 3)\nseeds=(0 1 0 1)\n"), "{script}");
    assert!(
        script.contains("\n  ${folds[task]:+--fold \"${folds[task]}\"}\n"),
        "{script}"
    );

    // Twelve tasks where an array may have five.
    let bench = cluster();
    bench.write("bin/array_size", "5");
    let text = ok(&bench, &slurm(&["--by-seed", "--array-limit", "2"]));
    let script = std::fs::read_to_string(folder(&bench).join("points.sh")).unwrap();
    assert_eq!(
        lines(&script)[..3],
        [
            "task=$((${1:-0} + SLURM_ARRAY_TASK_ID))",
            "points=(0 0 1 1 2 2 3 3 4 4 5 5)",
            "seeds=(0 1 0 1 0 1 0 1 0 1 0 1)"
        ]
    );
    snapshot(|| insta::assert_snapshot!(format!("{}\n{}", shown(&bench, &text), calls(&bench))));
    bench.write("bin/array_size", "0");
    assert!(fails(&bench, 3, &SLURM).contains("allows no arrays"));
}

#[test]
fn jobs_that_slurm_refuses_leave_nothing_in_the_queue() {
    let bench = cluster();
    bench.write("bin/refuse", "points.sh");
    let told = fails(&bench, 3, &SLURM);
    assert!(
        told.contains("points: sbatch failed") && told.contains("Invalid partition name"),
        "{told}"
    );
    assert!(told.contains("the jobs before it were taken back"), "{told}");
    assert!(calls(&bench).ends_with("scancel 101 102\n"), "{}", calls(&bench));
    std::fs::remove_file(bench.path("bin/sbatch")).unwrap();
    // None of the machine's own either.
    let output = bench
        .command()
        .env("PATH", bench.path("bin"))
        .arg("launch")
        .args(SLURM)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
}

#[test]
fn what_cannot_be_is_told_before_anything_is_submitted() {
    let bench = cluster();
    for (more, told) in [
        (&["--time", "4h"][..], "--time: expected a time as sbatch takes it"),
        (&["--time", "2:00"], "have 120 s, and are told 120 s before the end"),
        (&["--partition", "gpu --wrap=id"], "--partition: expected one word"),
        (&["--scratch", ""], "in single quotes"),
        (&["--device", "auto"], "name cpu, cuda or gpu"),
        (&["--device", "cuda:0,1"], "name cpu, cuda or gpu"),
        (&["--shards", "0"], "0 is not in 1..=100000"),
        (&["--cpus-per-task", "0"], "--cpus-per-task: expected 1 or more"),
    ] {
        let arguments: Vec<&str> = ["slurm", "sizes.toml", "--stand-in"]
            .iter()
            .chain(more)
            .copied()
            .collect();
        let text = fails(&bench, 2, &arguments);
        assert!(text.contains(told), "{more:?}: {text}");
    }
    let text = fails(&bench, 2, &["status", "sizes.toml", "--stand-in"]);
    assert!(text.contains("was not launched into runs"), "{text}");
    assert_eq!(calls(&bench), "");
}

#[test]
fn mistakes_in_the_configuration_are_shown_where_they_stand() {
    let bench = cluster();
    bench.write("aura-bench/config.toml", "[launch.slurm]\npartion = \"gpu\"\n");
    let unknown = fails(&bench, 2, &SLURM);
    bench.write(
        "aura-bench/config.toml",
        "[launch.slurm.points]\nextra = [\"--array=0-9\"]\n",
    );
    let own = fails(&bench, 2, &SLURM);
    let text = format!("{unknown}\n{own}");
    snapshot(|| insta::assert_snapshot!(shown(&bench, &text)));
    let mut command = bench.command();
    command
        .env("AURA_BENCH_CONFIG", "nowhere.toml")
        .env("PATH", path(&bench));
    let output = command.arg("launch").args(SLURM).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("AURA_BENCH_CONFIG names nowhere.toml"),
        "{}",
        stderr(&output)
    );
}

/// Writes its arguments and its folder, and ends as told: at once, or when it is asked to stop.
const PROGRAM: &str = r#"#!/usr/bin/env bash
printf '%s\n' "$PWD" "$@" > "$SAID"
if [ -n "${CODE:-}" ]; then exit "$CODE"; fi
trap 'echo checkpoint >> "$SAID"; exit 130' TERM
for _ in $(seq 600); do sleep 0.1; done
"#;

/// A script of the launch, as Slurm would start it as task 3.
fn start(bench: &Bench, script: &str, environment: &[(&str, &str)]) -> Child {
    let mut command = std::process::Command::new("bash");
    command.arg(folder(bench).join(script)).envs([
        ("SLURM_JOB_ID", "77"),
        ("SLURM_ARRAY_JOB_ID", "70"),
        ("SLURM_ARRAY_TASK_ID", "3"),
        ("SLURM_CPUS_ON_NODE", "1"),
        ("SLURM_TMPDIR", "/local disk"),
    ]);
    command.env("PATH", path(bench)).env("SAID", bench.path("said"));
    command.envs(environment.iter().copied());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

fn said(bench: &Bench) -> String {
    std::fs::read_to_string(bench.path("said")).unwrap_or_default()
}

/// Waits until `there` holds.
fn until(there: impl Fn() -> bool) {
    let begun = Instant::now();
    while !there() {
        assert!(begun.elapsed() < Duration::from_mins(1), "it does not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signal(child: &Child, name: &str) {
    let status = std::process::Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .status();
    assert!(status.unwrap().success());
}

/// Names that would do harm if a shell read them, in every place that a user names.
#[test]
fn a_job_calls_the_program_with_the_words_that_were_given() {
    let bench = Bench::new();
    with_cluster(&bench);
    let recipe = "it's $(touch harm) `x` \"y\".toml";
    bench.write(recipe, STUDY);
    program(&bench, "the program", PROGRAM);
    let named = bench.path("the program").display().to_string();
    let out = "out $HOME; touch harm";
    let arguments = [
        "slurm",
        recipe,
        "--stand-in",
        "--out",
        out,
        "--set",
        "title='; touch harm #",
        "--scratch",
        "$SLURM_TMPDIR/$(touch harm)",
        "--program",
        &named,
    ];
    ok(&bench, &arguments);
    let mut scripts = std::fs::read_dir(bench.path(out).join(".launch")).unwrap();
    let folder = scripts.next().unwrap().unwrap().path();
    // The launch is found below `runs` by the other tests.
    std::fs::create_dir(bench.path("runs")).unwrap();
    std::os::unix::fs::symlink(folder.parent().unwrap(), bench.path("runs/.launch")).unwrap();
    let mut child = start(&bench, "points.sh", &[("CODE", "0")]);
    assert!(child.wait().unwrap().success());
    let text = said(&bench);
    let here = bench.folder.path().canonicalize().unwrap();
    let words: Vec<&str> = text.lines().collect();
    assert_eq!(words[0], here.display().to_string(), "the folder of the launch");
    assert_eq!(words[1..3], ["run", recipe]);
    assert!(
        words.contains(&bench.path(out).display().to_string().as_str()),
        "{text}"
    );
    assert!(words.contains(&"title='; touch harm #"), "{text}");
    assert_eq!(
        words[words.len() - 4..],
        ["--point", "3", "--scratch", "/local disk/$(touch harm)"]
    );
    for script in ["convert.sh", "extract.sh", "collect.sh"] {
        let mut child = start(&bench, script, &[("CODE", "0")]);
        assert!(child.wait().unwrap().success(), "{script}");
    }
    assert!(!bench.path("harm").exists() && !folder.join("harm").exists());
    let left = std::fs::read_to_string(folder.join("points-70_3.exit")).unwrap();
    assert_eq!(left, "0\n");
}

#[test]
fn a_job_whose_time_is_up_goes_back_into_the_queue_and_one_that_is_cancelled_does_not() {
    let bench = cluster();
    program(&bench, "program", PROGRAM);
    bench.write("aura-bench/config.toml", "[launch.slurm]\nrequeues = 2\n");
    ok(&bench, &slurm(&["--program", "$PWD/program"]));
    std::fs::remove_file(bench.path("bin/calls")).unwrap();
    let exit = folder(&bench).join("points-70_3.exit");

    let started = |environment: &[(&str, &str)]| {
        bench.write("said", "");
        let child = start(&bench, "points.sh", environment);
        // Its trap is set once it has written.
        until(|| said(&bench).contains("--point"));
        std::thread::sleep(Duration::from_millis(200));
        child
    };
    let mut child = started(&[]);
    signal(&child, "USR1");
    assert!(child.wait().unwrap().success());
    assert!(said(&bench).ends_with("checkpoint\n"), "{}", said(&bench));
    assert_eq!(calls(&bench), "requeue 70_3\n");
    assert!(!exit.exists(), "it has not ended");

    let mut child = started(&[]);
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(said(&bench).ends_with("checkpoint\n"));
    assert_eq!(calls(&bench), "requeue 70_3\n", "cancelled is cancelled");
    assert_eq!(std::fs::read_to_string(&exit).unwrap(), "130\n");

    // Often enough.
    let mut child = started(&[("SLURM_RESTART_COUNT", "2")]);
    signal(&child, "USR1");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(calls(&bench), "requeue 70_3\n");

    // It fails by itself.
    let mut child = start(&bench, "points.sh", &[("CODE", "3")]);
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert_eq!(std::fs::read_to_string(&exit).unwrap(), "3\n");
}

#[test]
fn the_status_says_what_runs_what_waits_and_what_failed() {
    let bench = cluster();
    ok(&bench, &SLURM);
    let folder = folder(&bench);
    let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
    // 101 convert has ended, of 102 extract two tasks run, one failed and one was killed; the rest waits, but for the last.
    std::fs::write(folder.join("convert-101.exit"), "0\n").unwrap();
    for task in [2, 3] {
        std::fs::write(folder.join(format!("extract-102_{task}.log")), "").unwrap();
    }
    std::fs::write(folder.join("extract-102_2.exit"), "3\n").unwrap();
    let points: String = (0..6)
        .map(|task| format!("103|{task}|PENDING|{name}-points\n"))
        .collect();
    bench.write(
        "bin/queue",
        format!("102|0|RUNNING|{name}-extract\n102|1|RUNNING|{name}-extract\n{points}"),
    );
    let text = ok(&bench, &["status", "sizes.toml", "--stand-in"]);
    snapshot(|| insta::assert_snapshot!(shown(&bench, &text)));
    let json = ok(&bench, &["status", "sizes.toml", "--stand-in", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    schemas::fits("launch", &json);
    assert_eq!(json["phases"][1]["running"], 2);
    assert_eq!(json["phases"][1]["failed"][0]["exit_code"], 3);
    assert_eq!(json["phases"][2]["pending"], 6);
    assert_eq!(json["phases"][3]["failed"][0]["log"], serde_json::Value::Null);

    std::fs::write(folder.join("jobs.json"), "{").unwrap();
    let told = fails(&bench, 3, &["status", "sizes.toml", "--stand-in"]);
    assert!(told.contains("is no record of a launch"), "{told}");
}

/// The scripts hold nothing that the shell would read otherwise than it was meant.
#[test]
fn scripts_are_sound_bash() {
    let bench = cluster();
    ok(&bench, &slurm(&["--by-seed", "--scratch", "$SLURM_TMPDIR"]));
    for entry in std::fs::read_dir(folder(&bench)).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "sh") {
            continue;
        }
        let checked = std::process::Command::new("bash")
            .arg("-n")
            .arg(&path)
            .output()
            .unwrap();
        assert!(checked.status.success(), "{}: {}", path.display(), stderr(&checked));
        // Where it is installed.
        if let Ok(checked) = std::process::Command::new("shellcheck")
            .arg("--severity=warning")
            .arg(&path)
            .output()
        {
            let text = String::from_utf8_lossy(&checked.stdout);
            assert!(checked.status.success(), "{}: {text}", path.display());
        }
    }
}
