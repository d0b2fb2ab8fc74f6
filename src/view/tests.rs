use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use serde_json::Value as Json;

use crate::interrupt::Interrupt;
use crate::query::fixture::Fixture;

use super::answer::Answer;
use super::server::{Server, route};
use super::site::{Site, ViewOptions, key};

fn options(runs: &Path, images: bool) -> ViewOptions {
    ViewOptions {
        runs: vec![runs.to_owned()],
        data_root: None,
        images,
        interrupt: Interrupt::default(),
    }
}

fn get(site: &Site, path: &str) -> Answer {
    route(site, path).unwrap_or_else(Answer::from)
}

fn json(answer: &Answer) -> Json {
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn a_run_is_listed_opened_and_its_faces_are_read_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let run = Fixture {
        rich: true,
        images: true,
        ..Fixture::default()
    }
    .write(folder.path());
    let site = Site::new(options(folder.path(), true)).unwrap();
    let key = key(&run);
    let index = String::from_utf8(get(&site, "/").body).unwrap();
    assert!(index.contains(&format!("run/{key}/")) && index.contains("tiny-0a1b2c3d"));
    assert!(index.contains("96.9 %"), "{index}");
    let page = String::from_utf8(get(&site, &format!("/run/{key}/")).body).unwrap();
    assert!(page.contains("data-src=\"data.json\"") && page.contains("connect-src 'self'"));
    let data = json(&get(&site, &format!("/run/{key}/data.json")));
    // All sixteen test samples, not those of the map alone.
    let test = data["splits"]
        .as_array()
        .unwrap()
        .iter()
        .position(|split| split == "test")
        .unwrap();
    let splits = data["samples"]["split"].as_array().unwrap();
    assert_eq!(splits.iter().filter(|split| **split == test).count(), 16);
    assert_eq!(data["faces"]["kind"], "url");
    let prefix = data["faces"]["prefix"].as_str().unwrap();
    let face = get(&site, &format!("/run/{key}/{prefix}{}", data["samples"]["face"][0]));
    assert_eq!((face.status, face.kind), (200, "image/jpeg"));
    assert!(image::load_from_memory(&face.body).is_ok());
    for path in ["face/0", "face/01234567/0", "face/", "other", "data.json/x"] {
        assert_eq!(get(&site, &format!("/run/{key}/{path}")).status, 404, "{path}");
    }
    for number in ["100000", "-1", ""] {
        assert_eq!(
            get(&site, &format!("/run/{key}/{prefix}{number}")).status,
            404,
            "{number}"
        );
    }
    assert_eq!(get(&site, "/run/0123456789ab/").status, 404);
    assert_eq!(json(&get(&site, "/state.json"))["runs"], serde_json::json!([key]));
}

#[test]
fn no_image_leaves_where_none_may_be_shown() {
    let folder = tempfile::tempdir().unwrap();
    let run = Fixture {
        images: true,
        ..Fixture::default()
    }
    .write(folder.path());
    let site = Site::new(options(folder.path(), false)).unwrap();
    let key = key(&run);
    let data = json(&get(&site, &format!("/run/{key}/data.json")));
    assert_eq!(
        data["faces"],
        serde_json::json!({ "kind": "none", "why": { "": "images left out" } })
    );
    assert_eq!(get(&site, &format!("/run/{key}/face/0")).status, 404);
    // Nor those of a report that was written with them.
    std::fs::create_dir(run.join("report")).unwrap();
    std::fs::write(run.join("report/report.html"), "faces").unwrap();
    assert_eq!(get(&site, &format!("/run/{key}/report/report.html")).status, 404);
    assert!(!String::from_utf8(get(&site, "/").body).unwrap().contains("report.html"));
}

#[test]
fn two_runs_are_compared_where_they_predict_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let a = Fixture::default().write(folder.path());
    let b = Fixture {
        run: "other-1",
        ..Fixture::default()
    }
    .write(folder.path());
    let c = Fixture {
        run: "else-1",
        classes: ["x", "y", "z"],
        ..Fixture::default()
    }
    .write(folder.path());
    let site = Site::new(options(folder.path(), true)).unwrap();
    let (a, b, c) = (key(&a), key(&b), key(&c));
    let data = json(&get(&site, &format!("/compare/{a}/{b}/data.json")));
    assert_eq!(data["compare"]["run"], "other-1");
    assert_eq!(data["compare"]["prediction"], data["samples"]["prediction"]);
    let refused = get(&site, &format!("/compare/{a}/{c}/data.json"));
    assert_eq!(refused.status, 409);
    let why = String::from_utf8(refused.body).unwrap();
    assert!(
        why.contains("do not predict the same") && why.contains("x, y, z"),
        "{why}"
    );
}

#[test]
fn only_files_of_a_report_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let run = Fixture::default().write(folder.path());
    let report = run.join("report");
    std::fs::create_dir(&report).unwrap();
    std::fs::write(report.join("report.html"), "the report").unwrap();
    std::fs::write(report.join("notes"), "no ending").unwrap();
    std::fs::write(folder.path().join("secret.html"), "secret").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.path().join("secret.html"), report.join("link.html")).unwrap();
    let site = Site::new(options(folder.path(), true)).unwrap();
    let at = |path: &str| get(&site, &format!("/run/{}/report/{path}", key(&run)));
    assert_eq!(at("report.html").body, b"the report");
    for path in [
        "../manifest.json",
        "../../secret.html",
        "..%2f..%2fsecret.html",
        "link.html",
        "notes",
        "",
        "/etc/passwd",
    ] {
        let answer = at(path);
        assert_eq!(answer.status, 404, "{path}: {}", String::from_utf8_lossy(&answer.body));
    }
}

/// What a server answers to a request as it is written, byte for byte.
fn ask(server: &Server, request: &str) -> String {
    let address = server.address();
    let host = address.trim_start_matches("http://").split('/').next().unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = Vec::new();
    stream.read_to_end(&mut text).unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn the_server_answers_on_its_own_address_alone() {
    let folder = tempfile::tempdir().unwrap();
    Fixture::default().write(folder.path());
    let server = Server::listen(options(folder.path(), true), Some(0)).unwrap();
    let address = server.address();
    let rest = address.trim_start_matches("http://");
    let (host, path) = rest.split_once('/').unwrap();
    assert!(host.starts_with("127.0.0.1:") && path.len() == 33, "{address}");
    let interrupt = Interrupt::default();
    std::thread::scope(|scope| {
        scope.spawn(|| server.serve(&interrupt));
        let status = |method: &str, host: &str, path: &str| {
            let said = ask(
                &server,
                &format!("{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
            );
            said.split(' ').nth(1).unwrap_or_default().to_owned()
        };
        assert_eq!(status("GET", host, path), "200");
        assert_eq!(
            status("GET", host, ""),
            "404",
            "who does not know the secret sees nothing"
        );
        assert_eq!(status("GET", host, &format!("{}x/", &path[..31])), "404");
        // A name that somebody else points at this machine.
        assert_eq!(status("GET", "rebound.example.org", path), "403");
        assert_eq!(status("POST", host, path), "405");
        let said = ask(
            &server,
            &format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
        );
        for header in [
            "X-Content-Type-Options: nosniff",
            "Cache-Control: no-store",
            "Referrer-Policy: no-referrer",
        ] {
            assert!(said.contains(header), "{header} is not in {said}");
        }
        interrupt.raise();
    });
    let taken = Server::listen(
        options(folder.path(), true),
        host.rsplit_once(':').map(|(_, port)| port.parse().unwrap()),
    );
    assert!(taken.unwrap_err().to_string().contains("cannot listen on port"));
}
