//! Features of any folder of images, by hand; models of a hub that runs on this machine.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::{Bench, files, stderr};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn peer(path: &str) -> String {
    format!("{}/tests/peers/{path}", env!("CARGO_MANIFEST_DIR"))
}

/// A folder of three images, one of which is none.
fn images(bench: &Bench) -> String {
    for (name, from) in [("a/face.png", "hog/face.png"), ("b/photo.PNG", "preprocess/photo.png")] {
        bench.write(&format!("images/{name}"), std::fs::read(peer(from)).unwrap());
    }
    bench.write("images/broken.jpg", "this is no image");
    bench.write("images/notes.txt", "neither is this, and it does not claim to be");
    bench.path("images").to_str().unwrap().to_owned()
}

/// The command that encodes a folder of images with a small model.
fn by_hand<'a>(images: &'a str, weights: &'a str, out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec![
        "extract",
        "--images",
        images,
        "--encoder",
        "dino",
        "--weights",
        weights,
        "--out",
        out,
    ];
    arguments.extend(more);
    arguments
}

#[test]
fn a_folder_of_images_becomes_a_feature_table() {
    let bench = Bench::new();
    let images = images(&bench);
    let weights = peer("vit/dino");
    let options = ["--tokens", "2x2", "--dtype", "f32", "--json"];
    let run = |out: &str| bench.json(&by_hand(&images, &weights, out, &options));
    let report = run("table");
    assert_eq!(
        (report["rows"].as_i64(), report["rejected"].as_i64()),
        (Some(2), Some(1)),
        "{report}"
    );
    assert_eq!(
        (&report["encoder"], &report["missing_parts"]),
        (&"dino".into(), &0.into())
    );
    let rejects = std::fs::read_to_string(bench.path("table/rejects.csv")).unwrap();
    assert!(rejects.starts_with("file,line,reason\nbroken.jpg,3,"), "{rejects}");
    // What other programs read lies beside the parts, and `export` has nothing to add.
    let croissant = std::fs::read_to_string(bench.path("table/croissant.json")).unwrap();
    let metadata: serde_json::Value = serde_json::from_str(&croissant).unwrap();
    assert_eq!(metadata["name"], "folder-dino");
    assert_eq!(metadata["distribution"][0]["includes"], "part-*.parquet");
    assert!(metadata["description"].as_str().unwrap().starts_with("2 samples"));
    bench.ok(&["export", "croissant", "table"]);
    assert_eq!(
        std::fs::read_to_string(bench.path("table/croissant.json")).unwrap(),
        croissant
    );
    // The same command does nothing, and another folder gets the same bytes.
    assert_eq!(run("table")["cached_parts"], 1);
    run("again");
    assert_eq!(files(&bench.path("table")), files(&bench.path("again")));
}

#[test]
fn shards_are_merged_by_putting_them_into_one_folder() {
    let bench = Bench::new();
    let face = std::fs::read(peer("hog/face.png")).unwrap();
    // HOG's whole descriptor is small: more images than a part covers.
    for number in 0..4100 {
        bench.write(&format!("images/{number:04}.png"), &face);
    }
    let run = |out: &str, shard: &str| {
        bench.json(&[
            "extract",
            "--images",
            "images",
            "--encoder",
            "hog",
            "--out",
            out,
            "--shard",
            shard,
            "--json",
        ])
    };
    let whole = run("whole", "1/1");
    assert_eq!((&whole["parts"], &whole["rows"]), (&2.into(), &4100.into()));
    for (shard, rows) in [("1/2", 4096), ("2/2", 4)] {
        let report = run(&format!("shard-{}", &shard[..1]), shard);
        assert_eq!((&report["rows"], &report["missing_parts"]), (&rows.into(), &1.into()));
        assert!(!bench.path(&format!("shard-{}/croissant.json", &shard[..1])).exists());
    }
    for (path, bytes) in files(&bench.path("shard-2")) {
        bench.write(&format!("shard-1/{}", path.display()), bytes);
    }
    // A call on the merged folder finds everything there.
    let merged = run("shard-1", "1/1");
    assert_eq!((&merged["cached_parts"], &merged["rows"]), (&2.into(), &4100.into()));
    for name in ["part-00000.parquet", "part-00001.parquet", "croissant.json"] {
        let read = |table: &str| std::fs::read(bench.path(table).join(name)).unwrap();
        assert!(read("shard-1") == read("whole"), "{name}");
    }
}

#[test]
fn random_weights_are_labelled() {
    let bench = Bench::new();
    let images = images(&bench);
    let options = ["--architecture", "vit-s-16", "--input-size", "32"];
    let text = bench.ok(&by_hand(&images, "random:1", "table", &options));
    assert!(text.contains("RANDOM WEIGHTS"), "{text}");
    let croissant = std::fs::read_to_string(bench.path("table/croissant.json")).unwrap();
    assert!(croissant.contains("dino (random weights)"), "{croissant}");

    let run = |k_max: &'static str| {
        let summary = bench.json(&crate::small(&[
            "--set",
            "encoder.kind=dino",
            "--set",
            "encoder.weights=random:1",
            "--set",
            "encoder.architecture=vit-s-16",
            "--set",
            "encoder.input_size=32",
            "--set",
            k_max,
            "--json",
        ]));
        summary["run_dir"].as_str().unwrap().to_owned()
    };
    let (first, second) = (run("model.k_max=40"), run("model.k_max=50"));
    bench.ok(&["baseline", "save", &first, "--out", "baseline.toml"]);
    let text = bench.ok(&["check", &first, "--baseline", "baseline.toml"]);
    assert!(text.contains("RANDOM WEIGHTS"), "{text}");
    let text = bench.ok(&["compare", &first, &second]);
    assert!(text.contains("RANDOM WEIGHTS"), "{text}");
}

#[test]
fn impossible_extractions_say_what_was_expected() {
    let bench = Bench::new();
    let images = images(&bench);
    let with = |more: &[&str], code: i32| {
        let mut arguments = vec!["extract", "--images", &images, "--out", "table"];
        arguments.extend(more);
        bench.fails(code, &arguments)
    };
    assert!(with(&["--encoder", "clip"], 3).contains("hf://openai/clip-vit-base-patch16"));
    assert!(with(&["--encoder", "lcip"], 2).contains("expected one of"));
    assert!(with(&["--encoder", "hog", "--weights", "x"], 2).contains("encoder.weights"));
    assert!(with(&["--encoder", "hog", "--shard", "3/2"], 2).contains("1/4"));
    assert!(with(&["--encoder", "hog", "--tokens", "9x9"], 2).contains("7 x 7"));
    for name in [
        "hf://",
        "hf://one",
        "hf://a/b/c",
        "hf://../b",
        "hf://a/b@../c",
        "hf://a/b@",
        "hf://a/.b",
    ] {
        let text = with(&["--encoder", "clip", "--weights", name], 2);
        assert!(text.contains("expected hf://ORGANISATION/NAME"), "{name}: {text}");
    }
    let text = bench.fails(
        3,
        &["extract", "--images", "nowhere", "--encoder", "hog", "--out", "table"],
    );
    assert!(text.contains("nowhere"), "{text}");
}

/// A hub of one model, on a port of its own.
struct Hub {
    endpoint: String,
    requests: Arc<AtomicUsize>,
    ranges: Arc<Mutex<Vec<String>>>,
}

/// How the hub misbehaves.
#[derive(Clone, Copy, PartialEq)]
enum Manners {
    Good,
    /// Each connection that asks for weights breaks after some bytes.
    Breaks,
    /// File names that lead elsewhere.
    Hostile,
}

impl Hub {
    fn serve(model: &Path, manners: Manners) -> Self {
        let mut contents: BTreeMap<String, Vec<u8>> = files(model)
            .into_iter()
            .map(|(path, bytes)| (path.to_str().unwrap().to_owned(), bytes))
            .filter(|(name, _)| name != "golden.json")
            .collect();
        if manners == Manners::Hostile {
            contents.remove("model.safetensors");
            let index = r#"{"weight_map": {"a": "../../../../escaped.safetensors"}}"#;
            contents.insert("model.safetensors.index.json".into(), index.into());
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (requests, ranges) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (counted, noted) = (Arc::clone(&requests), Arc::clone(&ranges));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::SeqCst);
                answer(stream, &contents, manners, &noted);
            }
        });
        Self {
            endpoint,
            requests,
            ranges,
        }
    }
}

fn answer(mut stream: TcpStream, contents: &BTreeMap<String, Vec<u8>>, manners: Manners, ranges: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap())
        .lines()
        .map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let path = request.split(' ').nth(1).unwrap_or_default();
    let mut send = |status: &str, headers: &str, body: &[u8], length: usize| {
        let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n");
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    };
    if path.starts_with("/api/models/maker/tiny/revision/") {
        let siblings: Vec<_> = contents
            .keys()
            .map(|name| serde_json::json!({"rfilename": name}))
            .collect();
        let body = serde_json::json!({"sha": COMMIT, "siblings": siblings}).to_string();
        return send(
            "200 OK",
            "content-type: application/json\r\n",
            body.as_bytes(),
            body.len(),
        );
    }
    let name = path
        .strip_prefix(&format!("/maker/tiny/resolve/{COMMIT}/"))
        .unwrap_or_default();
    let Some(bytes) = contents.get(name) else {
        return send("404 Not Found", "", b"", 0);
    };
    let range = headers
        .iter()
        .find_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned))
        .unwrap_or("0-".into());
    let (from, to) = range.split_once('-').unwrap();
    let from: usize = from.parse().unwrap();
    let to = to.parse::<usize>().map_or(bytes.len(), |to| to + 1).min(bytes.len());
    let headers = format!(
        "etag: \"{}\"\r\nx-repo-commit: {COMMIT}\r\ncontent-range: bytes {from}-{}/{}\r\n",
        name.replace('.', "-"),
        to.max(1) - 1,
        bytes.len()
    );
    let mut body = &bytes[from.min(to)..to];
    let length = body.len();
    if name == "model.safetensors" && range != "0-0" {
        ranges.lock().unwrap().push(range.clone());
        if manners == Manners::Breaks {
            body = &body[..length.min(bytes.len() / 8)];
        }
    }
    send("206 Partial Content", &headers, body, length);
}

fn extract(bench: &Bench, images: &str, out: &str, environment: &[(&str, &str)]) -> std::process::Output {
    let mut command = bench.command();
    command.args(by_hand(images, "hf://maker/tiny", out, &[]));
    for name in ["HF_HUB_OFFLINE", "HF_HUB_CACHE", "HF_TOKEN"] {
        command.env_remove(name);
    }
    command.env("HF_HOME", bench.path("hub"));
    command.envs(environment.iter().copied());
    command.output().unwrap()
}

/// The features in `table`, of the hub's model, are those that the model's own folder gives.
fn assert_same_as_from_the_folder(bench: &Bench, images: &str) {
    bench.ok(&by_hand(images, &peer("vit/dino"), "local", &[]));
    assert_eq!(files(&bench.path("local")), files(&bench.path("table")));
}

#[test]
fn a_model_of_the_hub_is_fetched_once() {
    let bench = Bench::new();
    let images = images(&bench);
    let hub = Hub::serve(peer("vit/dino").as_ref(), Manners::Good);
    let online = [("HF_ENDPOINT", hub.endpoint.as_str())];
    // Offline, before anything is there.
    let output = extract(&bench, &images, "table", &[("HF_HUB_OFFLINE", "1")]);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        stderr(&output).contains("HF_HUB_OFFLINE forbids fetching it"),
        "{}",
        stderr(&output)
    );
    let output = extract(&bench, &images, "table", &online);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stderr(&output).contains(&format!("hf://maker/tiny@main at commit {COMMIT}")),
        "{}",
        stderr(&output)
    );
    let asked = hub.requests.load(Ordering::SeqCst);
    // From here on without the network, and with the same features as from the folder itself.
    for environment in [&online[..], &[("HF_HUB_OFFLINE", "1")]] {
        let output = extract(&bench, &images, "again", environment);
        assert!(output.status.success(), "{}", stderr(&output));
    }
    assert_eq!(hub.requests.load(Ordering::SeqCst), asked, "nothing is fetched twice");
    assert_same_as_from_the_folder(&bench, &images);
}

#[test]
fn a_broken_download_is_gone_on_with() {
    let bench = Bench::new();
    let images = images(&bench);
    let hub = Hub::serve(peer("vit/dino").as_ref(), Manners::Breaks);
    let mut attempts = 0;
    loop {
        let output = extract(&bench, &images, "table", &[("HF_ENDPOINT", hub.endpoint.as_str())]);
        if output.status.success() {
            break;
        }
        assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
        assert!(stderr(&output).contains("model.safetensors"), "{}", stderr(&output));
        attempts += 1;
        assert!(attempts < 10, "{}", stderr(&output));
    }
    assert!(attempts > 0, "the hub breaks more connections than one command makes");
    let ranges = hub.ranges.lock().unwrap();
    let starts: Vec<usize> = ranges
        .iter()
        .map(|r| r.trim_end_matches('-').parse().unwrap())
        .collect();
    assert!(
        starts.windows(2).all(|pair| pair[0] < pair[1]),
        "each goes on where the last stopped: {starts:?}"
    );
    drop(ranges);
    assert_same_as_from_the_folder(&bench, &images);
}

#[test]
fn a_hostile_hub_writes_nothing_elsewhere() {
    let bench = Bench::new();
    let images = images(&bench);
    let hub = Hub::serve(peer("vit/dino").as_ref(), Manners::Hostile);
    let output = extract(&bench, &images, "table", &[("HF_ENDPOINT", hub.endpoint.as_str())]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("which cannot be"), "{}", stderr(&output));
    assert!(
        !files(bench.folder.path())
            .iter()
            .any(|(path, _)| path.to_str().unwrap().contains("escaped"))
    );
    // A model that is not there.
    let output = extract(&bench, &images, "table", &[("HF_ENDPOINT", "http://127.0.0.1:9")]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("failed to fetch hf://maker/tiny@main"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_recipe_can_fine_tune_its_encoder() {
    let bench = Bench::new();
    let weights = format!("encoder.weights={:?}", peer("vit/dino"));
    let mut arguments = crate::small(&["--set", "encoder.kind=dino", "--set"]);
    arguments.push(&weights);
    arguments.extend([
        "--set",
        "finetune.enabled=true",
        "--set",
        "finetune.epochs=2",
        "--set",
        "finetune.batch=32",
        "--json",
    ]);
    let summary = bench.json(&arguments);
    let run = summary["run_dir"].as_str().unwrap();
    let rows = bench.json(&[
        "query",
        "SELECT method, value FROM metrics WHERE metric = 'acc' AND split = 'test' AND epoch IS NULL AND method = 'finetune'",
        "--runs",
        run,
        "--format",
        "json",
    ]);
    let value = rows[0]["value"].as_f64().unwrap();
    assert!(value > 0.0 && value <= 1.0, "{rows}");
    let text = bench.fails(2, &crate::small(&["--set", "finetune.enabled=true"]));
    assert!(text.contains("hog") && text.contains("fine-tuned"), "{text}");
}
