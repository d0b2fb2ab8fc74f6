//! Runs that a web server of this machine keeps: read as if they lay here, fetched once, and not trusted.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::elsewhere::digits;
use crate::{Bench, copy, stderr};

/// A folder on the web, with what was asked for.
struct Web {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
    /// Requests that are answered before it is gone.
    left: Arc<AtomicUsize>,
}

impl Web {
    fn serve(folder: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let web = Self {
            address: format!("http://{}", listener.local_addr().unwrap()),
            asked: Arc::default(),
            left: Arc::new(AtomicUsize::new(usize::MAX)),
        };
        let (asked, left) = (Arc::clone(&web.asked), Arc::clone(&web.left));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &folder, &asked, &left);
            }
        });
        web
    }

    /// What was asked for since the last call, sorted.
    fn asked(&self) -> Vec<String> {
        let mut asked = std::mem::take(&mut *self.asked.lock().unwrap());
        asked.sort();
        asked
    }

    /// Answers so many more requests, then none.
    fn ends_after(&self, requests: usize) {
        self.left.store(requests, Ordering::SeqCst);
    }
}

fn answer(mut stream: TcpStream, folder: &Path, asked: &Mutex<Vec<String>>, left: &AtomicUsize) {
    let mut lines = BufReader::new(stream.try_clone().unwrap())
        .lines()
        .map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    let gone = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
    if gone.is_err() {
        return;
    }
    let name = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
    let head_alone = request.starts_with("HEAD ");
    let told = if head_alone {
        format!("HEAD {name}")
    } else {
        name.to_owned()
    };
    asked.lock().unwrap().push(told);
    let (status, body) = match std::fs::read(folder.join(name)) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\netag: \"{}\"\r\ncontent-length: {}\r\n\r\n",
        blake3::hash(&body).to_hex(),
        body.len()
    );
    let body = if head_alone { &[][..] } else { &body };
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

/// A copy of the shared run below `runs`, with an index, on the web; and an empty cache.
fn with_web() -> (Bench, String, Web) {
    let (mut bench, run) = Bench::with_run(&[]);
    bench.cache = bench.path("cache");
    bench.ok(&["export", "index", "runs"]);
    let web = Web::serve(bench.path("runs"));
    (bench, run, web)
}

#[test]
fn a_run_elsewhere_says_what_it_says_here_and_only_what_is_asked_for_comes() {
    let (bench, run, web) = with_web();
    let name = run.strip_prefix("runs/").unwrap();
    let there = web.address.as_str();
    let sql = "SELECT run, seed, metric, value FROM metrics WHERE epoch IS NULL ORDER BY method, split, metric, seed";
    let query = |runs: &str, sql: &str| bench.ok(&["query", sql, "--runs", runs, "--format", "csv"]);
    assert_eq!(query(there, sql), query("runs", sql));
    let seed = format!("{name}/seed-0");
    assert_eq!(
        web.asked(),
        [
            "index.json".to_owned(),
            format!("{name}/digests.json"),
            format!("{name}/manifest.json"),
            format!("{seed}/metrics.parquet"),
        ]
    );
    // What is here is not asked for again, and where the run is kept is said.
    assert_eq!(query(there, sql), query("runs", sql));
    assert_eq!(web.asked(), ["index.json"]);
    assert_eq!(query(there, "SELECT path FROM runs"), format!("path\n{there}/{name}\n"));
    // One run named itself needs no index.
    let one = format!("{there}/{name}");
    assert_eq!(
        query(&one, "SELECT run, key, value FROM settings ORDER BY key"),
        query(&run, "SELECT run, key, value FROM settings ORDER BY key")
    );
    web.asked();

    for verb in ["check", "compare", "leaderboard"] {
        let said = |place: &str, shown: &str| {
            let output = bench.run(&[verb, place]);
            let said = String::from_utf8(output.stdout.clone())
                .unwrap()
                .replace(shown, "PLACE");
            // So small a run fails its own check, wherever it lies.
            assert!(!said.is_empty(), "{verb}: {}", stderr(&output));
            (output.status.code(), said)
        };
        assert_eq!(
            said(there, &one),
            said("runs", bench.path(&run).canonicalize().unwrap().to_str().unwrap()),
            "{verb}"
        );
    }
    let asked = web.asked();
    assert!(asked.contains(&format!("{seed}/predictions.parquet")), "{asked:?}");
    assert!(
        asked
            .iter()
            .all(|name| !name.contains("safetensors") && !name.contains("report")),
        "{asked:?}"
    );
    // A baseline may be kept elsewhere too.
    let held = |baseline: &str| {
        let output = bench.run(&["check", &run, "--baseline", baseline]);
        (output.status.code(), output.stdout)
    };
    assert_eq!(held(&one), held(&run));

    bench.ok(&["report", &run, "--out", "here"]);
    bench.ok(&["report", &one, "--out", "there"]);
    let page = |folder: &str| std::fs::read_to_string(bench.path(folder).join("report.html")).unwrap();
    assert!(page("there").len() > 10_000);
    assert_eq!(page("there"), page("here"));

    let listed = bench.ok(&["cache", "ls"]);
    assert!(
        listed.contains("remote") && listed.contains(&format!("from {there}\n")),
        "{listed}"
    );
    assert!(bench.ok(&["cache", "verify"]).contains("whole"));
    bench.ok(&["cache", "gc", "--older-than", "0s", "--yes"]);
    assert_eq!(std::fs::read_dir(bench.path("cache/remote")).unwrap().count(), 0);
}

#[test]
fn a_server_that_ends_in_between_is_an_error_and_the_same_command_goes_on() {
    let (bench, run, web) = with_web();
    let name = run.strip_prefix("runs/").unwrap();
    let question = ["compare", web.address.as_str()];
    web.ends_after(4);
    let said = bench.fails(3, &question);
    assert!(
        said.contains(&web.address) && said.contains("the same command goes on"),
        "{said}"
    );
    assert_eq!(web.asked().len(), 4);
    // Nothing of what was broken off lies there.
    let mirror = std::fs::read_dir(bench.path("cache/remote"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    for (file, bytes) in crate::files(&mirror) {
        let original = bench.path("runs").join(&file);
        let own = file.ends_with(".remote.json");
        assert!(own || std::fs::read(&original).unwrap() == bytes, "{}", file.display());
    }
    web.ends_after(usize::MAX);
    bench.ok(&question);
    let asked = web.asked();
    assert!(!asked.contains(&format!("{name}/manifest.json")), "{asked:?}");
    // A server that is gone is said to be, with nothing to fall back on unsaid.
    web.ends_after(0);
    let said = bench.fails(3, &["query", "SELECT 1", "--runs", &web.address]);
    assert!(said.contains("check the address and the network"), "{said}");
}

#[test]
fn a_byte_that_changed_on_the_way_is_found_and_what_came_is_not_kept() {
    let (mut bench, run, web) = with_web();
    let question = ["query", "SELECT count(*) FROM metrics", "--runs", web.address.as_str()];
    let metrics = bench.path(&run).join("seed-0/metrics.parquet");
    let whole = std::fs::read(&metrics).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for broken in [flipped, whole[..whole.len() - 1].to_vec(), [&whole[..], b"x"].concat()] {
        std::fs::write(&metrics, &broken).unwrap();
        let said = bench.fails(3, &question);
        assert!(said.contains("metrics.parquet is damaged"), "{said}");
    }
    std::fs::remove_file(&metrics).unwrap();
    let said = bench.fails(3, &question);
    assert!(said.contains("metrics.parquet is not there"), "{said}");
    std::fs::write(&metrics, &whole).unwrap();
    bench.ok(&question);
    // The index is held against what it speaks of.
    let manifest = bench.path(&run).join("manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replacen('{', "{ ", 1)).unwrap();
    bench.cache = bench.path("another");
    let said = bench.fails(3, &question);
    assert!(
        said.contains("manifest.json is damaged") && said.contains("export index"),
        "{said}"
    );
}

#[test]
fn what_a_server_says_leads_nowhere_else() {
    let (bench, run, web) = with_web();
    let name = run.strip_prefix("runs/").unwrap();
    let index: serde_json::Value =
        serde_json::from_slice(&std::fs::read(bench.path("runs/index.json")).unwrap()).unwrap();
    let question = ["query", "SELECT count(*) FROM metrics", "--runs", web.address.as_str()];
    for path in ["../escaped", "/escaped", "a/../../escaped", "a\\b", ""] {
        let mut hostile = index.clone();
        hostile["runs"][0]["path"] = path.into();
        bench.write("runs/index.json", hostile.to_string());
        let said = bench.fails(3, &question);
        assert!(said.contains("cannot lie below it"), "{path}: {said}");
    }
    let mut twice = index.clone();
    let entry = twice["runs"][0].clone();
    twice["runs"].as_array_mut().unwrap().push(entry);
    bench.write("runs/index.json", twice.to_string());
    assert!(bench.fails(3, &question).contains("twice"));
    bench.write("runs/index.json", vec![b' '; (64 << 20) + 1]);
    assert!(bench.fails(3, &question).contains("more than"));
    for text in ["", "[]", "{\"schema\": 7, \"runs\": []}"] {
        bench.write("runs/index.json", text);
        assert!(bench.fails(3, &question).contains("index.json"), "{text}");
    }
    // A run's own digests are somebody else's word too.
    std::fs::remove_file(bench.path("runs/index.json")).unwrap();
    let digests = bench.path(&run).join("digests.json");
    let mut hostile: serde_json::Value = serde_json::from_slice(&std::fs::read(&digests).unwrap()).unwrap();
    let entry = hostile["files"]["recipe.toml"].clone();
    hostile["files"]["../../../escaped/metrics.parquet"] = entry;
    std::fs::write(&digests, hostile.to_string()).unwrap();
    let one = format!("{}/{name}", web.address);
    let said = bench.fails(3, &["query", "SELECT count(*) FROM metrics", "--runs", &one]);
    assert!(
        said.contains("escaped") && said.contains("cannot lie below it"),
        "{said}"
    );
    // A run that is not whole is not read.
    std::fs::remove_file(&digests).unwrap();
    let said = bench.fails(3, &["compare", &one]);
    assert!(said.contains("has no digests.json"), "{said}");
    // Without an index a web server tells nothing of what lies below it.
    let said = bench.fails(3, &question);
    assert!(said.contains("export index"), "{said}");
    assert!(!bench.path("cache/escaped").exists() && !bench.path("escaped").exists());
}

#[test]
fn addresses_that_are_none_are_said_so_without_their_secrets() {
    let bench = Bench::new();
    for (address, said) in [
        ("ftp://host/runs", "s3://BUCKET"),
        ("https://host/runs?X-Amz-Signature=geheim", "behind `?`"),
        ("s3://me:geheim@bucket/runs", "login"),
        ("http://example.org/runs", "https://"),
        ("s3://", "no bucket"),
    ] {
        let text = bench.fails(2, &["query", "SELECT 1", "--runs", address]);
        assert!(text.contains(said) && !text.contains("geheim"), "{address}: {text}");
    }
    // Nobody listens there.
    let text = bench.fails(3, &["check", "http://me:geheim@127.0.0.1:9/runs"]);
    assert!(
        text.contains("http://127.0.0.1:9/runs") && !text.contains("geheim"),
        "{text}"
    );
}

#[test]
fn an_index_names_whole_runs_and_says_which_are_not() {
    let (bench, run) = Bench::with_run(&[]);
    copy(&bench.path(&run), &bench.path("runs/study/open"));
    std::fs::remove_file(bench.path("runs/study/open/digests.json")).unwrap();
    let output = bench.run(&["export", "index", "runs"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(
        String::from_utf8(output.stdout.clone()).unwrap().trim(),
        "runs/index.json"
    );
    assert!(stderr(&output).contains("left out"), "{}", stderr(&output));
    let first = std::fs::read(bench.path("runs/index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_slice(&first).unwrap();
    let runs = index["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!(format!("runs/{}", runs[0]["path"].as_str().unwrap()), run);
    bench.ok(&["export", "index", "runs"]);
    assert_eq!(std::fs::read(bench.path("runs/index.json")).unwrap(), first);
    assert!(bench.fails(2, &["export", "index", &run]).contains("folder of runs"));
    assert!(
        bench
            .fails(2, &["export", "index", "s3://bucket/runs"])
            .contains("where the runs lie")
    );
    assert!(
        bench
            .fails(3, &["export", "index", "runs/study"])
            .contains("no finished run")
    );
}

#[test]
fn features_and_labels_of_a_recipe_may_lie_elsewhere() {
    let bench = digits();
    let web = Web::serve(bench.folder.path().to_owned());
    let at = |key: &str, name: &str| format!("dataset.{key}={}/{name}", web.address);
    let elsewhere = [
        "validate",
        "digits.toml",
        "--json",
        "--set",
        &at("path", "digits.npz"),
        "--set",
        &at("table.labels", "digits.csv"),
    ];
    let facts = |arguments: &[&str]| {
        let report = bench.json(arguments);
        let mut data = report["data"].clone();
        // It names the file that was read, which is here or in the cache.
        data.as_object_mut().unwrap().remove("layout_why");
        (data, report["needs"].clone())
    };
    let here = facts(&["validate", "digits.toml", "--json"]);
    assert_eq!(facts(&elsewhere), here);
    assert_eq!(
        web.asked(),
        ["HEAD digits.csv", "HEAD digits.npz", "digits.csv", "digits.npz"]
    );
    // What is here is looked at and not fetched again; what changes there is.
    assert_eq!(facts(&elsewhere), here);
    assert_eq!(web.asked(), ["HEAD digits.csv", "HEAD digits.npz"]);
    let labels = std::fs::read_to_string(bench.path("digits.csv")).unwrap();
    bench.write("digits.csv", labels.replacen("training,", "training", 1));
    assert_eq!(facts(&elsewhere).0["reject_reasons"]["missing_label"], 1);
    assert_eq!(web.asked(), ["HEAD digits.csv", "HEAD digits.npz", "digits.csv"]);
    let gone = at("path", "nothing.npz");
    let said = bench.fails(3, &["validate", "digits.toml", "--set", &gone]);
    assert!(said.contains("dataset.path") && said.contains("is not there"), "{said}");
    // A recipe may be somebody else's: what a variable holds goes nowhere.
    let sent = format!("dataset.path={}/${{AURA_BENCH_CACHE}}.npz", web.address);
    web.asked();
    let said = bench.fails(3, &["validate", "digits.toml", "--set", &sent]);
    assert!(said.contains("would be sent there"), "{said}");
    assert!(web.asked().is_empty());
}
