//! `view`: a folder of runs, served until Ctrl-C.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use crate::{Bench, child, stderr};

/// A server of the runs below `runs`, on any port if none is named, and the address that it printed.
pub fn serve(bench: &Bench, more: &[&str]) -> (Child, String) {
    let port: &[&str] = if more.contains(&"--port") {
        &[]
    } else {
        &["--port", "0"]
    };
    let mut server = std::process::Command::new(assert_cmd::cargo::cargo_bin!("aura-bench"))
        .args([&["view", "runs"], port, more].concat())
        .current_dir(bench.path("."))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut printed = BufReader::new(server.stdout.take().unwrap());
    printed.read_line(&mut line).unwrap();
    (server, line.trim().to_owned())
}

/// Head and body of what lies at an address of the server.
pub fn get(address: &str, path: &str) -> (String, Vec<u8>) {
    let (host, secret) = address.trim_start_matches("http://").split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let request = format!("GET /{secret}{path} HTTP/1.0\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    let end = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    (
        String::from_utf8_lossy(&all[..end]).into_owned(),
        all[end + 4..].to_vec(),
    )
}

#[test]
fn runs_are_served_with_their_faces_until_ctrl_c() {
    let (bench, run) = Bench::with_run(&[]);
    let (server, address) = serve(&bench, &[]);
    assert!(address.starts_with("http://127.0.0.1:"), "{address}");
    let (head, index) = get(&address, "");
    let index = String::from_utf8(index).unwrap();
    assert!(head.contains(" 200 "), "{head}");
    let name = run.trim_start_matches("runs/");
    assert!(index.contains(name), "{name} is not in {index}");
    let at = index.split("href=\"run/").nth(1).unwrap();
    let key = at.split('/').next().unwrap();
    let (_, data) = get(&address, &format!("run/{key}/data.json"));
    let data: serde_json::Value = serde_json::from_slice(&data).unwrap();
    assert_eq!(data["run"], name);
    assert_eq!(data["stand_in"], true);
    let face = data["samples"]["face"][0].as_u64().unwrap();
    let prefix = data["faces"]["prefix"].as_str().unwrap();
    let (head, jpeg) = get(&address, &format!("run/{key}/{prefix}{face}"));
    assert!(head.contains("image/jpeg"), "{head}");
    assert!(image::load_from_memory(&jpeg).is_ok());
    let (_, report) = get(&address, &format!("run/{key}/report/report.html"));
    assert_eq!(
        report,
        std::fs::read(bench.path(&run).join("report/report.html")).unwrap()
    );

    let ended = child::interrupt(server);
    assert_eq!(ended.status.code(), Some(0), "{}", stderr(&ended));
}

#[test]
fn what_cannot_be_served_is_said() {
    let bench = Bench::new();
    let missing = bench.fails(3, &["view", "nowhere"]);
    assert!(missing.contains("nowhere"), "{missing}");

    let (bench, _) = Bench::with_run(&[]);
    let (server, address) = serve(&bench, &["--no-images"]);
    let port = address.rsplit(':').next().unwrap().split('/').next().unwrap();
    let taken = bench.fails(2, &["view", "runs", "--port", port]);
    assert!(taken.contains(port), "{taken}");
    child::interrupt(server);
}
