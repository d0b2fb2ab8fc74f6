//! Every example of the help does what it says, in the order in which the verbs are listed.
#![cfg(unix)]

use std::process::Output;

use crate::tracking::Tracking;
use crate::{Bench, SMALL, copy, launch, shared, stderr};

/// Lines of the help that begin with the program's name, indented.
fn examples(bench: &Bench, verb: &[&str]) -> Vec<String> {
    let help = bench.ok(&[verb, &["--help"]].concat());
    let after = help
        .split("Examples:\n")
        .nth(1)
        .unwrap_or_else(|| panic!("{verb:?} has no examples"));
    let lines = after.lines().filter_map(|line| line.strip_prefix("  aura-bench "));
    lines.map(|line| format!("aura-bench {line}")).collect()
}

/// Verbs as the help lists them, with those below them.
fn verbs(bench: &Bench, verb: &[&str]) -> Vec<Vec<String>> {
    let help = bench.ok(&[verb, &["--help"]].concat());
    let Some(commands) = help.split("Commands:\n").nth(1) else {
        return vec![verb.iter().map(ToString::to_string).collect()];
    };
    let names = commands.lines().take_while(|line| !line.is_empty());
    let names = names.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    let names = names.filter_map(|line| line.split(' ').next().filter(|name| *name != "help"));
    names.flat_map(|name| verbs(bench, &[verb, &[name]].concat())).collect()
}

fn shell(bench: &Bench, line: &str, server: &str) -> Output {
    let program = assert_cmd::cargo::cargo_bin("aura-bench");
    let path = format!("{}:{}", program.parent().unwrap().display(), launch::path(bench));
    std::process::Command::new("sh")
        .args(["-c", line])
        .current_dir(bench.folder.path())
        .env("PATH", path)
        .env("AURA_BENCH_CACHE", &bench.cache)
        .env("MLFLOW_TRACKING_URI", server)
        .output()
        .unwrap()
}

#[test]
fn every_example_of_the_help_works() {
    let bench = Bench::new();
    copy(&shared::faces(), &bench.path("RAF-DB"));
    launch::with_cluster(&bench);
    let faces = std::fs::read_dir(bench.path("RAF-DB/basic/Image/aligned")).unwrap();
    let names = faces.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let rows: String = names
        .filter(|name| name.starts_with("test"))
        .map(|name| format!("{name},happiness\n"))
        .collect();
    bench.write("predictions.csv", format!("image,prediction\n{rows}"));
    let server = Tracking::serve("mlflow-artifacts:/0/RUN/artifacts");
    let mut run = String::new();
    let mut count = 0;
    let mut verbs = verbs(&bench, &[]);
    // A baseline is saved before it is held against.
    // Predictions are scored before they are ranked.
    verbs.sort_by_key(|verb| (verb[0] == "check", verb[0] == "leaderboard"));
    for verb in verbs {
        let words: Vec<&str> = verb.iter().map(String::as_str).collect();
        let found = examples(&bench, &words);
        assert!(found.len() >= 2, "{verb:?}: {found:?}");
        for example in found {
            let mut line = example
                .replace("rafdb-0123abcd", &run)
                .replace("http://127.0.0.1:5000", &server.address);
            if words == ["run"] {
                let keys: Vec<String> = SMALL.iter().skip(3).map(|word| format!("'{word}'")).collect();
                // What is given last holds: the test is about the line, not about so many epochs.
                let seeds = if line.contains("--seeds") {
                    keys.len() - 2
                } else {
                    keys.len()
                };
                line = format!(
                    "{line} {} --set train.epochs=3 --set encoder.kind=hog --device cpu",
                    keys[..seeds].join(" ")
                );
                line = line.replace("--seeds 0,1,2", "--seeds 0");
            }
            if words[0] == "launch" {
                // Weights of an encoder would be fetched.
                line = format!("{line} --set encoder.kind=hog");
            }
            if words == ["view"] {
                // A server ends by Ctrl-C, which is no failure.
                line = format!("timeout --preserve-status -s INT 5 {line}");
            }
            if line.contains(" NAME") {
                let listed = bench.json(&["cache", "ls", "--json"]);
                let name = listed["entries"][0]["name"]
                    .as_str()
                    .unwrap_or_else(|| panic!("{listed}"));
                line = line.replace(" NAME", &format!(" {name}"));
            }
            let output = shell(&bench, &line, &server.address);
            assert!(output.status.success(), "{line}\n{}", stderr(&output));
            count += 1;
            if run.is_empty() {
                let folders = std::fs::read_dir(bench.path("runs")).unwrap();
                let names = folders.map(|entry| entry.unwrap().file_name().into_string().unwrap());
                // Beside the run lies the count of looks at test splits.
                let mut names = names.filter(|name| !name.starts_with('.'));
                run = names.next().unwrap();
            }
        }
    }
    assert!(count >= 40, "{count}");
}
