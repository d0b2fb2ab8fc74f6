//! Bytes that changed on disk, files that are gone, pictures in two splits: nothing of it becomes a number without a word.

use std::path::{Path, PathBuf};

use crate::{Bench, files, shared, small, stderr, tables};

/// Flips one bit in the middle of a file.
fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(path, bytes).unwrap();
}

/// The arguments without `--quiet`, so that what is made again is said.
fn loud(more: &[&'static str]) -> Vec<&'static str> {
    small(more)
        .into_iter()
        .filter(|argument| *argument != "--quiet")
        .collect()
}

/// [`SMALL`](crate::SMALL) without rivals, in a cache of its own.
const ALONE: [&str; 2] = ["--set", "baselines.enabled=false"];

/// Without what holds times, and without copies that are made when they are needed.
fn lasting(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let ends = [
        "manifest.json",
        "digests.json",
        ".digest",
        ".cost.json",
        ".html",
        ".md",
        ".tex",
        ".rows",
    ];
    let mut found = files(folder);
    found.retain(|(path, _)| !ends.iter().any(|end| path.to_string_lossy().ends_with(end)));
    found
}

#[test]
fn a_flipped_bit_is_found_in_every_kind_of_file_and_what_it_was_in_is_made_again() {
    let bench = Bench::new();
    bench.ok(&small(&ALONE));
    let (run, cache) = (only_run(&bench), bench.path("cache"));
    let (whole, kept) = (lasting(&run), lasting(&cache));
    let of_run = [
        "samples.parquet",
        "duplicates.parquet",
        "standings.parquet",
        "attributes.parquet",
        "subgroups.parquet",
        "manifest.json",
        "recipe.toml",
        "seed-0/maps.parquet",
        "seed-0/metrics.parquet",
        "seed-0/model.safetensors",
        "seed-0/done.json",
        "report/report.html",
        "report/tables/results_expression.csv",
    ];
    let of_cache: Vec<PathBuf> = [
        ("features", "part-00000.parquet"),
        ("features", "rejects.csv"),
        ("samples", "samples.parquet"),
        ("samples", "conversion.json"),
        ("stand-in", "basic/EmoLabel/list_patition_label.txt"),
        ("stand-in", "truth.parquet"),
    ]
    .iter()
    .map(|(folder, file)| only_folder(&cache.join(folder)).join(file))
    .collect();
    let image = kept
        .iter()
        .find(|(path, _)| path.extension().is_some_and(|end| end == "jpg"))
        .unwrap();
    let of_run = of_run.iter().map(|file| run.join(file));
    for path in of_run.chain(of_cache).chain([cache.join(&image.0)]) {
        flip(&path);
        let output = bench.run(&loud(&ALONE));
        let said = stderr(&output);
        assert!(output.status.success(), "{}: {said}", path.display());
        let name = path.file_name().unwrap().to_string_lossy();
        assert!(
            said.lines()
                .any(|line| line.contains("again, because") && line.contains(&*name)),
            "{}: {said}",
            path.display()
        );
        assert!(lasting(&run) == whole, "{}", path.display());
        assert!(lasting(&cache) == kept, "{}", path.display());
    }
    // A copy of the values is only read where somebody trains: the run that meets the damage makes it again and goes on.
    std::fs::remove_dir_all(&run).unwrap();
    bench.ok(&small(&ALONE));
    std::fs::remove_dir_all(&run).unwrap();
    flip(&only_folder(&cache.join("features")).join("global.rows"));
    let output = bench.run(&loud(&ALONE));
    let said = stderr(&output);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("again, because") && said.contains("global.rows: row "),
        "{said}"
    );
    assert!(lasting(&run) == whole);
}

#[test]
fn what_is_missing_is_made_again_and_a_query_says_what_lacks() {
    let (bench, run) = Bench::with_run(&[]);
    let whole = tables(&bench.path(&run));
    let metrics = bench.path(&run).join("seed-0/metrics.parquet");

    std::fs::remove_file(&metrics).unwrap();
    let count = ["query", "SELECT count(*) AS n FROM metrics"];
    let output = bench.run(&count);
    assert!(output.status.success());
    let said = stderr(&output);
    assert!(said.contains("lacks seed-0/metrics.parquet"), "{said}");
    assert!(said.contains("aura-bench run recipes/rafdb.toml"), "{said}");
    let error = bench.fails(3, &["check", "runs"]);
    assert!(error.contains("seed-0/metrics.parquet is missing"), "{error}");

    std::fs::write(&metrics, b"").unwrap();
    for verb in [&count[..], &["check", "runs"], &["report", "runs", "--out", "page"]] {
        let error = bench.fails(3, verb);
        assert!(error.contains("metrics.parquet is damaged"), "{verb:?}: {error}");
    }
    // Digests that cannot be understood are damage, and no reason to look at nothing.
    let digests = bench.path(&run).join("digests.json");
    let there = std::fs::read(&digests).unwrap();
    std::fs::write(&digests, &there[1..]).unwrap();
    let error = bench.fails(3, &["check", "runs"]);
    assert!(error.contains("digests.json is missing or damaged"), "{error}");
    std::fs::write(&digests, there).unwrap();
    std::fs::remove_file(bench.path(&run).join("seed-0/assignments.parquet")).unwrap();
    bench.ok(&small(&[]));
    assert!(tables(&bench.path(&run)) == whole);
    // Whatever it says of the numbers, it has them.
    let checked = bench.run(&["check", "runs"]);
    assert!(matches!(checked.status.code(), Some(0 | 1)), "{}", stderr(&checked));
}

#[test]
fn what_says_how_a_run_was_made_is_not_believed_before_the_run_has_its_digests() {
    let bench = Bench::new();
    bench.ok(&small(&ALONE));
    let run = only_run(&bench);
    let recipe = run.join("recipe.toml");
    let (asked, manifest) = (std::fs::read(&recipe).unwrap(), run.join("manifest.json"));
    let read = || -> serde_json::Value { serde_json::from_slice(&std::fs::read(&manifest).unwrap()).unwrap() };
    let whole = read();
    for file in [&recipe, &manifest] {
        std::fs::remove_file(run.join("digests.json")).unwrap();
        flip(file);
        bench.ok(&small(&ALONE));
        assert!(
            std::fs::read(&recipe).unwrap() == asked,
            "{} was flipped",
            file.display()
        );
        let now = read();
        for key in [
            "run",
            "protocol",
            "classes",
            "seeds",
            "warnings",
            "recipe_digest",
            "encoder",
        ] {
            assert_eq!(now[key], whole[key], "{} was flipped: {key}", file.display());
        }
    }
    // What is proven keeps the times of the call that did the work.
    let stages = read()["stages"].clone();
    std::fs::remove_file(run.join("digests.json")).unwrap();
    bench.ok(&small(&ALONE));
    assert_eq!(read()["stages"][3], stages[3]);
}

#[test]
fn a_checkpoint_that_is_damaged_is_begun_again() {
    let bench = Bench::new();
    let mut command = loud(&ALONE);
    command.extend(["--set", "train.checkpoint_every=1", "--set", "train.epochs=40"]);
    let whole = Bench::new();
    whole.ok(&command);
    let call = crate::child::start(&bench, &command);
    let state = || {
        let run = std::fs::read_dir(bench.path("runs")).ok()?.next()?.ok()?.path();
        Some(run.join("seed-0/checkpoint/state.safetensors")).filter(|path| path.is_file())
    };
    assert!(
        crate::child::kill_when(call, || state().is_some()),
        "it was never killed"
    );
    flip(&state().unwrap());
    let output = bench.run(&command);
    let said = stderr(&output);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("begun again, because") && said.contains("state.safetensors is damaged"),
        "{said}"
    );
    assert!(tables(&only_run(&bench)) == tables(&only_run(&whole)));
}

#[test]
fn a_page_without_its_pictures_says_so_and_is_made_again() {
    let bench = Bench::with_faces();
    let hidden = bench.path("elsewhere");
    let command = |more: &[&'static str]| -> Vec<&'static str> {
        let own = ["--data", "raf", "--set", "encoder.kind=hog"];
        let arguments = small(more).into_iter().filter(|argument| *argument != "--stand-in");
        let no_faces = |set: &&str| !set.starts_with("stand_in.");
        let mut all: Vec<&str> = Vec::new();
        let mut arguments = arguments.peekable();
        while let Some(argument) = arguments.next() {
            if argument == "--set" && arguments.peek().is_some_and(|next| !no_faces(next)) {
                arguments.next();
                continue;
            }
            all.push(argument);
        }
        all.into_iter()
            .chain(own)
            .filter(|argument| *argument != "--quiet")
            .collect()
    };
    let images = bench.path("raf/basic/Image");
    bench.ok(&command(&ALONE));
    let page = only_run(&bench).join("report/report.html");
    assert!(!std::fs::read_to_string(&page).unwrap().contains("could not be read"));
    std::fs::remove_dir_all(only_run(&bench).join("report")).unwrap();
    // As a disk that is not mounted; the samples stay what they are.
    std::fs::rename(&images, &hidden).unwrap();
    std::fs::create_dir(&images).unwrap();
    let report = ["report", "runs", "--out", "page"];
    let output = bench.run(&report);
    assert!(output.status.success());
    let text = std::fs::read_to_string(bench.path("page/report.html")).unwrap();
    assert!(text.contains("pictures of the figure `contact_sheet` could not be read:"));
    std::fs::remove_dir(&images).unwrap();
    std::fs::rename(&hidden, &images).unwrap();
    bench.ok(&command(&ALONE));
    assert!(!std::fs::read_to_string(&page).unwrap().contains("could not be read"));
}

#[test]
fn pictures_in_two_splits_are_listed_left_out_or_refused() {
    let bench = Bench::with_faces();
    let aligned = bench.path("raf/basic/Image/aligned");
    for (train, test) in [("train_00003", "test_0001"), ("train_00007", "test_0004")] {
        let from = aligned.join(format!("{test}_aligned.jpg"));
        std::fs::copy(from, aligned.join(format!("{train}_aligned.jpg"))).unwrap();
    }
    let command = |rule: &'static str| {
        [
            "run",
            "recipes/rafdb.toml",
            "--data",
            "raf",
            "--set",
            "encoder.kind=hog",
            "--seeds",
            "0",
            "--set",
            "train.epochs=1",
            "--set",
            "model.k_max=10",
            "--set",
            "baselines.enabled=false",
            "--set",
            rule,
        ]
    };
    let run = bench.run(&command("protocol.duplicates=report"));
    assert!(run.status.success(), "{}", stderr(&run));
    assert!(
        stderr(&run).contains("warning: pictures of 2 training"),
        "{}",
        stderr(&run)
    );
    let listed = bench.ok(&[
        "query",
        "SELECT sample_id, split, same_as, same_split, same, dropped FROM duplicates ORDER BY sample_id",
    ]);
    insta::assert_snapshot!(listed, @r"
    sample_id    split  same_as    same_split  same   dropped
    ───────────  ─────  ─────────  ──────────  ─────  ───────
    train_00003  train  test_0001  test        bytes  false
    train_00007  train  test_0004  test        bytes  false
    (2 rows)
    ");
    let warned = bench.ok(&["query", "--format", "csv", "SELECT warning FROM warnings"]);
    assert!(
        warned.contains("pictures of 2 training or validation samples"),
        "{warned}"
    );
    let page = std::fs::read_to_string(only_run(&bench).join("report/report.html")).unwrap();
    assert!(
        page.contains("The same picture in two splits") && page.contains("<strong>Warning.</strong> pictures of 2")
    );
    let checked = |more: &[&str]| -> String {
        let output = bench.run(&[&["check", "runs"], more].concat());
        assert!(matches!(output.status.code(), Some(0 | 1)), "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let (allowed, denied) = (checked(&[]), checked(&["--deny-warnings"]));
    assert!(
        allowed.contains("the run warns: pictures of 2") && !allowed.contains("✗ warnings"),
        "{allowed}"
    );
    assert!(denied.contains("✗ warnings"), "{denied}");

    let trained = |out: &str| -> String {
        let sql = "SELECT count(*) AS n FROM assignments WHERE split = 'train'";
        bench.ok(&["query", "--runs", out, "--format", "csv", sql])
    };
    let all: usize = trained("runs").lines().nth(1).unwrap().parse().unwrap();
    let mut dropping = command("protocol.duplicates=drop_train").to_vec();
    dropping.extend(["--out", "dropped"]);
    bench.ok(&dropping);
    let left: usize = trained("dropped").lines().nth(1).unwrap().parse().unwrap();
    assert_eq!(left, all - 2);
    let digest = |out: &str| {
        bench.ok(&[
            "query",
            "--runs",
            out,
            "--format",
            "csv",
            "SELECT protocol_digest FROM runs",
        ])
    };
    assert_ne!(digest("runs"), digest("dropped"));

    let mut refusing = command("protocol.duplicates=fail").to_vec();
    refusing.extend(["--out", "refused", "--quiet"]);
    let error = bench.fails(3, &refusing);
    assert!(error.contains("train_00003") && error.contains("drop_train"), "{error}");
}

#[test]
fn the_cache_is_listed_checked_and_tidied() {
    let bench = Bench::new();
    bench.ok(&small(&ALONE));
    let listed = bench.json(&["cache", "ls", "--json"]);
    let entries = listed["entries"].as_array().unwrap();
    let kinds: Vec<&str> = entries.iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["features", "samples", "stand_in"]);
    let run = only_run(&bench).file_name().unwrap().to_string_lossy().into_owned();
    for entry in entries {
        assert_eq!(entry["used_by"][0], run.as_str(), "{entry}");
        assert!(!entry["made_from"].as_str().unwrap().is_empty(), "{entry}");
    }
    let text = bench.ok(&["cache", "ls"]);
    assert!(text.contains("used by rafdb-") && text.contains("3 entries"), "{text}");
    bench.ok(&["cache", "verify"]);

    let features = entries[0]["name"].as_str().unwrap();
    let folder = bench.path("cache").join(features);
    flip(&folder.join("part-00000.parquet"));
    let output = bench.run(&["cache", "verify"]);
    assert_eq!(output.status.code(), Some(3));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        printed.contains("DAMAGED  features/") && printed.contains("part-00000.parquet is damaged"),
        "{printed}"
    );

    assert!(bench.ok(&["cache", "gc"]).contains("nothing to remove"));
    assert!(bench.ok(&["cache", "gc", "--keep", "0"]).contains("3 would go"));
    assert!(bench.ok(&["cache", "rm", features]).contains("would remove"));
    assert!(folder.is_dir(), "nothing goes without --yes");
    let error = bench.fails(2, &["cache", "rm", "features/none"]);
    assert!(error.contains("`features/none`"), "{error}");
    bench.ok(&["cache", "rm", features, "--yes"]);
    assert!(!folder.exists());
    bench.ok(&["cache", "gc", "--keep", "0", "--yes"]);
    assert!(
        bench.json(&["cache", "ls", "--json"])["entries"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    // What is gone is made again, to the byte.
    let whole = tables(&only_run(&bench));
    bench.ok(&small(&ALONE));
    assert!(tables(&only_run(&bench)) == whole);
}

#[test]
fn a_run_whose_folder_goes_midway_is_made_again() {
    let bench = Bench::with_shared_cache();
    shared::run(&[]);
    let command = small(&["--out", "out"]);
    let mut call = crate::child::start(&bench, &command);
    let begun = || std::fs::read_dir(bench.path("out")).is_ok_and(|mut runs| runs.next().is_some());
    assert!(crate::child::wait_until(&mut call, begun));
    while std::fs::remove_dir_all(bench.path("out")).is_err() {}
    // Whether it saw that or not, what it leaves is no run that passes for whole.
    call.wait().unwrap();
    bench.ok(&command);
    let run = only_folder(&bench.path("out"));
    assert!(tables(&run) == tables(&shared::run(&[]).folder));
}

fn only_run(bench: &Bench) -> PathBuf {
    only_folder(&bench.path("runs"))
}

fn only_folder(below: &Path) -> PathBuf {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(below)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir() && !path.file_name().unwrap().to_string_lossy().starts_with('.'))
        .collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
    folders.remove(0)
}
