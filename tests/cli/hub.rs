//! Models of a hub that runs on this machine: fetched once, gone on with, and not trusted.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::Digest as _;

use crate::extract::{by_hand, images, peer};
use crate::{Bench, files, stderr};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

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
    /// Weights are announced, and then nothing comes.
    Silent,
    /// One bit of the weights is another than the hub itself says.
    Flips,
}

/// How the hub names a file: as hubs do, by SHA-256 where it is large, else as git does.
fn tag(name: &str, bytes: &[u8]) -> String {
    let hex = |digest: &[u8]| digest.iter().map(|byte| format!("{byte:02x}")).collect();
    if name.ends_with(".safetensors") {
        hex(&sha2::Sha256::digest(bytes))
    } else {
        let start = sha1::Sha1::new_with_prefix(format!("blob {}\0", bytes.len()));
        hex(&start.chain_update(bytes).finalize())
    }
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
        tag(name, bytes),
        to.max(1) - 1,
        bytes.len()
    );
    let mut content = bytes.clone();
    let whole = name == "model.safetensors" && range != "0-0";
    if whole && manners == Manners::Flips {
        content[bytes.len() / 2] ^= 1;
    }
    let mut body = &content[from.min(to)..to];
    let length = body.len();
    if whole && manners == Manners::Silent {
        send("206 Partial Content", &headers, &body[..10], length);
        return std::thread::sleep(Duration::from_secs(30));
    }
    if whole {
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
        stderr(&output).contains("HF_HUB_OFFLINE forbids fetching it") && stderr(&output).contains("--weights DIR"),
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

/// Newer releases keep the settings of the images in another file.
#[test]
fn settings_under_another_name_are_fetched_too() {
    let bench = Bench::new();
    let images = images(&bench);
    for (path, bytes) in files(peer("vit/dino").as_ref()) {
        bench.write(&format!("model/{}", path.display()), bytes);
    }
    let alone = bench.path("model/preprocessor_config.json");
    let settings = std::fs::read_to_string(&alone).unwrap();
    std::fs::remove_file(alone).unwrap();
    bench.write(
        "model/processor_config.json",
        format!("{{\"image_processor\": {settings}}}"),
    );
    let hub = Hub::serve(&bench.path("model"), Manners::Good);
    let output = extract(&bench, &images, "table", &[("HF_ENDPOINT", hub.endpoint.as_str())]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("(from processor_config.json)"),
        "{}",
        stderr(&output)
    );
    let croissant = std::fs::read(bench.path("table/part-00000.parquet")).unwrap();
    let said = String::from_utf8_lossy(&croissant);
    assert!(
        said.contains("preprocess_from"),
        "the table says where its pre-processing is from"
    );
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
fn a_hub_that_falls_silent_is_given_up() {
    let bench = Bench::new();
    let images = images(&bench);
    let hub = Hub::serve(peer("vit/dino").as_ref(), Manners::Silent);
    let environment = [("HF_ENDPOINT", hub.endpoint.as_str()), ("HF_HUB_DOWNLOAD_TIMEOUT", "1")];
    let output = extract(&bench, &images, "table", &environment);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("the hub has sent nothing for 1 s"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn weights_that_arrive_with_a_flipped_bit_are_thrown_away() {
    let bench = Bench::new();
    let images = images(&bench);
    let hub = Hub::serve(peer("vit/dino").as_ref(), Manners::Flips);
    let output = extract(&bench, &images, "table", &[("HF_ENDPOINT", hub.endpoint.as_str())]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("model.safetensors") && stderr(&output).contains("it was thrown away"),
        "{}",
        stderr(&output)
    );
    assert!(!bench.path("table").exists(), "nothing is computed with them");
    // It was asked for twice, and nothing of it is left to be taken for whole.
    assert_eq!(hub.ranges.lock().unwrap().len(), 2);
    let weights = std::fs::metadata(format!("{}/model.safetensors", peer("vit/dino"))).unwrap();
    let left = files(&bench.path("hub"));
    assert!(left.iter().all(|(_, bytes)| bytes.len() as u64 != weights.len()));
    let good = Hub::serve(peer("vit/dino").as_ref(), Manners::Good);
    let output = extract(&bench, &images, "table", &[("HF_ENDPOINT", good.endpoint.as_str())]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_same_as_from_the_folder(&bench, &images);
}

#[test]
fn what_broke_in_the_cache_is_fetched_again() {
    let bench = Bench::new();
    let images = images(&bench);
    let hub = Hub::serve(peer("vit/dino").as_ref(), Manners::Good);
    let online = [("HF_ENDPOINT", hub.endpoint.as_str())];
    let output = extract(&bench, &images, "table", &online);
    assert!(output.status.success(), "{}", stderr(&output));
    let folder = bench.path(&format!("hub/hub/models--maker--tiny/snapshots/{COMMIT}"));
    for name in ["model.safetensors", "preprocessor_config.json", "config.json"] {
        let blob = std::fs::canonicalize(folder.join(name)).unwrap();
        let whole = std::fs::read(&blob).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 4;
        for damaged in [&flipped[..], &whole[..whole.len() / 2], &[]] {
            std::fs::write(&blob, damaged).unwrap();
            let output = extract(&bench, &images, "again", &[("HF_HUB_OFFLINE", "1")]);
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(3), "{said}");
            assert!(
                said.contains(&format!("{name} is damaged")) && said.contains("remove "),
                "{said}"
            );
            let output = extract(&bench, &images, "again", &online);
            let said = stderr(&output);
            assert!(output.status.success(), "{said}");
            assert!(
                said.contains("fetched again, because ") && said.contains(name),
                "{said}"
            );
            assert_eq!(std::fs::read(&blob).unwrap(), whole);
        }
        // Its content is gone, the link to it is not.
        std::fs::remove_file(&blob).unwrap();
        let output = extract(&bench, &images, "again", &online);
        assert!(output.status.success(), "{name}: {}", stderr(&output));
        assert!(blob.is_file(), "{name}: {}", stderr(&output));
        assert_eq!(std::fs::read(&blob).unwrap(), whole);
    }
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
        stderr(&output).contains("hf://maker/tiny@main is not in ") && stderr(&output).contains("could not be fetched"),
        "{}",
        stderr(&output)
    );
}

/// The recipes on a licensed database, on a machine without network and without weights.
#[test]
fn weights_that_are_missing_are_told_before_anything_is_computed() {
    let bench = Bench::with_faces();
    std::fs::remove_file(bench.path("raf/STAND-IN.toml")).unwrap();
    let offline = |arguments: &[&str]| {
        let mut command = bench.command();
        command.env_remove("HF_HUB_CACHE").env("HF_HOME", bench.path("hub"));
        let output = command.env("HF_HUB_OFFLINE", "1").args(arguments).output().unwrap();
        (
            output.status.code(),
            stderr(&output),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let (code, text, _) = offline(&["run", "recipes/rafdb.toml", "--data", "raf"]);
    assert_eq!(code, Some(3), "{text}");
    let commit = "57c216476eefef5ab752ec549e440a49ae4ae5f3";
    let shelf = format!("hub/hub/models--openai--clip-vit-base-patch16/snapshots/{commit}");
    for part in [
        "HF_HUB_OFFLINE forbids fetching it",
        "config.json, preprocessor_config.json (or processor_config.json) and model.safetensors (or pytorch_model.bin)",
        &format!("https://huggingface.co/openai/clip-vit-base-patch16/tree/{commit}"),
        &shelf,
        "encoder.kind = \"hog\" needs no weights",
        "--set encoder.weights=DIR",
        "--set encoder.kind=hog",
    ] {
        assert!(text.contains(part), "`{part}` is missing from: {text}");
    }
    assert!(
        !text.contains("convert") && !bench.cache.exists(),
        "nothing was begun: {text}"
    );

    // `validate` tells as much; the recipe is right all the same.
    let (code, _, text) = offline(&["validate", "recipes/rafdb.toml", "--data", "raf"]);
    assert_eq!(code, Some(0));
    assert!(
        text.contains("weights missing: hf://openai/clip-vit-base-patch16@57c2"),
        "{text}"
    );
    let (code, text, _) = offline(&[
        "run",
        "recipes/rafdb.toml",
        "--data",
        "raf",
        "--set",
        "encoder.weights=nowhere",
    ]);
    assert_eq!(code, Some(3), "{text}");
    assert!(
        text.contains("encoder.weights = \"nowhere\": there is no such file or folder"),
        "{text}"
    );

    // A study misses the last point's weights before the first point is computed.
    bench.write(
        "two.toml",
        "schema = 1\nextends = \"recipes/rafdb.toml\"\n[sweep]\n\"encoder.kind\" = [\"hog\", \"dino\"]\n",
    );
    let (code, text, _) = offline(&["run", "two.toml", "--data", "raf"]);
    assert_eq!(code, Some(3), "{text}");
    assert!(
        text.contains("kind = dino") && text.contains("hf://facebook/dino-vitb16@f205"),
        "{text}"
    );
    assert!(!bench.cache.exists(), "nothing was begun: {text}");
}

/// A model folder put where the message says is found without a network.
#[test]
fn weights_put_into_the_hubs_cache_by_hand_are_read() {
    let bench = Bench::with_faces();
    let commit = "57c216476eefef5ab752ec549e440a49ae4ae5f3";
    let shelf = format!("hub/hub/models--openai--clip-vit-base-patch16/snapshots/{commit}");
    for (path, bytes) in files(peer("vit/clip").as_ref()) {
        bench.write(&format!("{shelf}/{}", path.display()), bytes);
    }
    let run = |more: &[&str]| {
        let mut command = bench.command();
        command.env_remove("HF_HUB_CACHE").env("HF_HOME", bench.path("hub"));
        command.env("HF_HUB_OFFLINE", "1").args(more);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    std::fs::remove_file(bench.path("raf/STAND-IN.toml")).unwrap();
    let mut arguments = vec![
        "run",
        "recipes/rafdb.toml",
        "--data",
        "raf",
        "--quiet",
        "--json",
        "--seeds",
        "0",
    ];
    for set in [
        "train.epochs=1",
        "model.k_max=20",
        "baselines.enabled=false",
        "report.map_points=0",
    ] {
        arguments.extend(["--set", set]);
    }
    let summary: serde_json::Value = serde_json::from_str(&run(&arguments)).unwrap();
    let folder = summary["run_dir"].as_str().unwrap();
    let manifest = std::fs::read_to_string(bench.path(folder).join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["encoder"]["kind"], "clip");

    // It is CLIP, but not of the size that the published number is of.
    let output = bench.run(&["check", folder]);
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("the published acc is of the encoder clip vit-b-16, this run has clip vit-"),
        "{text}"
    );
}
