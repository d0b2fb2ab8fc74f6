//! The LaTeX of reports, compiled by `pdflatex` as it is. Without `pdflatex` the tests say that they were skipped.

use std::path::Path;
use std::process::Command;

use crate::query::fixture::{Fixture, Point};

use super::build::build;
use super::config::ReportOptions;

/// What `pdflatex` logs about `report.tex` in `folder`; nothing if there is no `pdflatex`.
fn compiled(folder: &Path) -> Option<String> {
    let output = Command::new("pdflatex")
        .args([
            "-interaction=nonstopmode",
            "-halt-on-error",
            "-no-shell-escape",
            "report.tex",
        ])
        .current_dir(folder)
        // Messages are not to be broken into lines.
        .env("max_print_line", "1000")
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            #[expect(
                clippy::print_stderr,
                reason = "a test that did not look must not seem to have looked"
            )]
            {
                eprintln!("SKIPPED: no pdflatex, the report was not compiled");
            }
            return None;
        }
        Err(error) => panic!("pdflatex could not be started: {error}"),
    };
    let log = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{log}");
    Some(log)
}

/// Nothing runs off the page, and no character is missing in the fonts.
fn looks_right(log: &str) {
    for line in log.lines() {
        assert!(
            !line.starts_with("Overfull \\hbox") && !line.contains("Missing character"),
            "{line}"
        );
        let warning = line.starts_with("LaTeX Warning") && !line.contains("Rerun to get cross-references right");
        assert!(!warning, "{line}");
    }
}

#[test]
fn a_report_compiles_whatever_its_names_are() {
    // In words, as names are.
    let letters: Vec<char> = ('\u{a1}'..='\u{17f}').chain('α'..='ω').chain('Α'..='Ω').collect();
    let words: Vec<String> = letters.chunks(8).map(String::from_iter).collect();
    let folder = tempfile::tempdir().unwrap();
    let run = Fixture {
        run: "tiny_0a1b&2c%3d#",
        classes: [
            "a_b & 50% #1 \\textbf{x} $y^2$ ~ {",
            "\\input{/etc/passwd} ,,low'' \"quotes\" --- ?` [x] |y| *z* <b>",
            &words.join(" "),
        ],
        images: true,
        ..Fixture::default()
    }
    .write(&folder.path().join("runs"));
    let manifest = run.join("manifest.json");
    let text = std::fs::read_to_string(&manifest)
        .unwrap()
        .replace("p0p1p2p3", &"0123456789abcdef".repeat(6));
    std::fs::write(&manifest, text).unwrap();
    let out = folder.path().join("out");
    build(&[run], &out, &ReportOptions::default()).unwrap();
    let Some(log) = compiled(&out) else { return };
    looks_right(&log);
    assert!(!log.contains("/etc/passwd"), "a label was taken for a command");
}

#[test]
fn the_tables_of_studies_compile_and_stay_on_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let tasks = [
        ("expression", "rafdb", "acc"),
        ("valence_arousal", "affectnet_va", "ccc_va"),
        ("action_units", "emotionet", "f1_avg"),
    ];
    for (task, dataset, metric) in tasks {
        for (i, margin) in [0.1, 0.2, 0.3].iter().enumerate() {
            Point {
                run: &format!("{dataset}_with_a_long_name-{i:08x}"),
                dataset,
                task,
                encoder: ["clip", "dino", "hog"][i],
                study: Some(dataset),
                stand_in: true,
                recipe: &format!("[loss]\nmargin = {margin}\nlambda_arc = {i}.5\n"),
                k_max: 3 + i,
                metrics: &[
                    ("aura", "test", metric, &[Some(0.912), Some(0.935)]),
                    ("finetune", "test", metric, &[Some(0.9), Some(0.89)]),
                    ("aura", "all", "convergence_epoch", &[Some(110.0), Some(140.0)]),
                    ("aura", "all", "gflops", &[Some(0.0123), Some(0.0123)]),
                ],
                ..Point::default()
            }
            .write(&folder.path().join("runs"));
        }
    }
    let out = folder.path().join("out");
    build(&[folder.path().join("runs")], &out, &ReportOptions::default()).unwrap();
    for table in ["table2_k_max", "table3_encoders", "table4_lambda", "table5_margin"] {
        assert!(out.join(format!("tables/{table}.tex")).is_file(), "{table} is missing");
    }
    if let Some(log) = compiled(&out) {
        looks_right(&log);
    }
}
