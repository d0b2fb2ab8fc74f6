//! The pages in a real browser, with names that try to break them. Without Chromium the test says that it was skipped.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Bench;

/// Names that try to break out of an element, an attribute, a script and a style.
const HOSTILE: [&str; 4] = [
    "<script>console.error(1)</script>",
    "\"><img src=https://example.org/x.png onerror=console.error(2)>",
    "</style></script><iframe src=//example.org></iframe>",
    "{{ 7 * 7 }} a_very_long_name_without_any_place_to_break_it_that_goes_on_and_on_and_on_and_on_and_on",
];

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/check-page");
const EXPLORER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/check-explorer");

/// Whether the pages are fine; nothing if there is no browser.
fn check(script: &str, pages: &[&Path]) -> Option<String> {
    let output = Command::new(script).args(pages).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(77) => None,
        Some(0) => Some(String::new()),
        _ => Some(text),
    }
}

#[test]
fn pages_in_a_browser_log_nothing_ask_for_nothing_and_fit_a_phone() {
    let bench = Bench::with_shared_cache();
    let broken = bench.write(
        "broken.html",
        "<!DOCTYPE html><html><body><img src='http://example.org/x.png'><script>nothing()</script></body></html>",
    );
    let Some(found) = check(PAGE, &[&broken]) else {
        #[expect(
            clippy::print_stderr,
            reason = "a test that did not look must not seem to have looked"
        )]
        {
            eprintln!("SKIPPED: no Chromium, the pages were not opened in a browser");
        }
        return;
    };
    assert!(
        found.contains("console") && found.contains("example.org"),
        "the check must see what is wrong: {found}"
    );

    let path = bench.path(&bench.add_run(&[])).display().to_string();
    let file = Path::new(&path).join("manifest.json");
    let mut manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    for (i, name) in HOSTILE.iter().enumerate() {
        manifest["classes"][i] = (*name).into();
    }
    for key in ["name", "dataset", "device"] {
        manifest[key] = HOSTILE[1].into();
    }
    manifest["protocol"]["task"] = HOSTILE[2].into();
    // Somebody else's run says what it likes, with no sum that would give it away.
    manifest.as_object_mut().unwrap().remove("sum");
    std::fs::write(&file, manifest.to_string()).unwrap();
    std::fs::remove_file(Path::new(&path).join("digests.json")).unwrap();
    let out = bench.path("report");
    bench.ok(&["report", &path, "--out", &out.display().to_string()]);
    let why = bench.path("why.html");
    bench.ok(&["explain", &path, "train_00001", "--html", &why.display().to_string()]);
    let mut pages = vec![out.join("report.html"), why];
    // A run this small may have no label issue or no failure.
    let more = ["label_issues.html", "failures.html"].map(|name| out.join(name));
    pages.extend(more.into_iter().filter(|page| page.is_file()));
    let found = check(PAGE, &pages.iter().map(PathBuf::as_path).collect::<Vec<_>>()).unwrap();
    assert!(found.is_empty(), "{found}");
    // The explorer of the same page, used as a reader would.
    let found = check(EXPLORER, &[&pages[0]]).unwrap();
    assert!(found.is_empty(), "{found}");
}

#[test]
fn what_the_explorer_exports_a_recipe_reads() {
    // A few epochs more, so that archetypes have a class that labels can contradict.
    let more = ["--set", "train.epochs=8"];
    let (bench, run) = Bench::with_run(&more);
    let page = bench.path(&run).join("report/report.html");
    let looked = Command::new(EXPLORER)
        .arg(&page)
        .arg("--out")
        .arg(bench.path("seen"))
        .output()
        .unwrap();
    if looked.status.code() == Some(77) {
        return;
    }
    assert!(looked.status.success(), "{}", String::from_utf8_lossy(&looked.stderr));
    let list = std::fs::read_to_string(bench.path("seen/report/review.csv")).unwrap();
    let decided = |decision: &str| {
        let lines = list.lines().filter(|line| line.split(',').nth(3) == Some(decision));
        lines.count() as u64
    };
    assert!(decided("change") > 0 && decided("keep") > 0, "{list}");
    let seen = bench.path("seen/report/review.csv").display().to_string();
    let set = format!("protocol.relabel=\"{seen}\"");
    let again = crate::small(&["--json"]);
    let again = bench.json(&[again.as_slice(), &more, &["--set", &set]].concat());
    let said = &again["relabelled"];
    let changed = said["changed"].as_object().unwrap().values();
    let changed: u64 = changed.map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(changed, decided("change"), "{said}");
}

#[test]
fn the_explorer_shows_what_its_data_say_whatever_they_hold() {
    let bench = Bench::with_shared_cache();
    let pages: [(&str, &[&str]); 4] = [
        ("20000", &["--task", "expression"]),
        ("600", &["--task", "valence_arousal", "--compare"]),
        ("400", &["--task", "action_units", "--hostile"]),
        ("150", &["--task", "expression", "--bare"]),
    ];
    let made: Vec<PathBuf> = pages
        .iter()
        .map(|(samples, more)| {
            let page = bench.path(&format!("made-{samples}.html"));
            let script = Command::new(EXPLORER)
                .args(["--generate", samples])
                .arg(&page)
                .args(*more)
                .status();
            assert!(script.unwrap().success());
            page
        })
        .collect();
    if let Some(found) = check(EXPLORER, &made.iter().map(PathBuf::as_path).collect::<Vec<_>>()) {
        assert!(found.is_empty(), "{found}");
    }
}
