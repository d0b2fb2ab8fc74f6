//! A database of videos: frames are decoded into the cache, and its own folder is only read.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;

use crate::{Bench, files, stderr};

const SUBJECTS: [&str; 6] = ["SN001", "SN002", "SN006", "SN011", "SN003", "SN004"];
const AUS: [u32; 12] = [1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26];
const FRAMES: u32 = 12;

/// A decoder whose videos are folders' names: the frames lie ready beside it.
const DECODER: &str = r#"#!/bin/sh
case "$1" in -version) echo "ffmpeg version VERSION Copyright (c) nobody"; exit 0;; esac
echo "$*" >> "$(dirname "$0")/calls"
for last; do :; done
for frame in $(seq 1 FRAMES); do
  cp "$(dirname "$0")/face-$((frame % 3)).png" "$(dirname "$last")/$(printf %05d "$frame").jpg"
done
"#;

fn install(bench: &Bench, version: &str) {
    let text = DECODER
        .replace("VERSION", version)
        .replace("FRAMES", &FRAMES.to_string());
    let path = bench.write("bin/ffmpeg", text);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Labels of all people, videos of most and frames of one.
fn database(bench: &Bench, frames_of: Option<&str>) {
    for subject in SUBJECTS {
        for au in AUS {
            let lines: String = (1..=FRAMES)
                .map(|frame| format!("{frame},{}\n", if (frame + au) % 3 == 0 { 4 } else { 0 }))
                .collect();
            bench.write(
                &format!("disfa/ActionUnit_Labels/{subject}/{subject}_au{au}.txt"),
                lines,
            );
        }
        if Some(subject) == frames_of {
            for frame in 1..=FRAMES {
                let path = bench.write(&format!("disfa/Frames_LeftCamera/{subject}/{frame:05}.png"), "");
                image::RgbImage::from_pixel(32, 32, image::Rgb([99; 3]))
                    .save(path)
                    .unwrap();
            }
        } else {
            bench.write(&format!("disfa/Videos_LeftCamera/LeftVideo{subject}_comp.avi"), subject);
        }
    }
    for shade in 0..3_u8 {
        let path = bench.write(&format!("bin/face-{shade}.png"), "");
        image::RgbImage::from_fn(32, 32, |x, y| {
            image::Rgb([80 * shade, (x * 8) as u8, (y * u32::from(shade)) as u8])
        })
        .save(path)
        .unwrap();
    }
    install(bench, "1.2");
}

fn ok(bench: &Bench, arguments: &[&str]) -> serde_json::Value {
    let path = format!("{}:{}", bench.path("bin").display(), std::env::var("PATH").unwrap());
    let output = bench.command().env("PATH", path).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?} failed:\n{}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn calls(bench: &Bench) -> usize {
    std::fs::read_to_string(bench.path("bin/calls")).map_or(0, |text| text.lines().count())
}

const RECIPE: &str = r#"
schema = 1
[dataset]
card = "disfa"
[encoder]
kind = "hog"
[protocol]
seeds = [0]
folds = [1]
[model]
k_max = 20
width = 16
hidden = 32
[train]
epochs = 2
[baselines]
methods = ["class_means"]
"#;

#[test]
fn a_run_decodes_into_the_cache() {
    let bench = Bench::new();
    database(&bench, None);
    let before = files(&bench.path("disfa"));
    bench.write("mine.toml", RECIPE);
    let arguments = ["run", "mine.toml", "--data", "disfa", "--quiet", "--json"];
    let summary = ok(&bench, &arguments);
    assert_eq!(summary["dataset"], "disfa");
    assert_eq!(calls(&bench), 6);
    assert_eq!(files(&bench.path("disfa")), before, "the database is as it was");
    // The report finds the pictures, and another run the frames.
    let manifest =
        std::fs::read_to_string(bench.path(summary["run_dir"].as_str().unwrap()).join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["data_root"], bench.cache.join("frames").display().to_string());
    let again = |epochs: &str| {
        let fixed = ["run", "mine.toml", "--data", "disfa", "--json", "--quiet", "--set"];
        ok(&bench, &[&fixed[..], &[epochs]].concat())
    };
    again("train.epochs=1");
    assert_eq!(calls(&bench), 6);
    // Frames that were taken away are decoded again, and their features need not be.
    let frames = bench.cache.join("frames");
    let whole = files(&frames);
    std::fs::remove_dir_all(&frames).unwrap();
    again("train.epochs=3");
    assert_eq!(calls(&bench), 12);
    // Of one frame that has another byte, its video alone is decoded.
    let (path, bytes) = whole
        .iter()
        .find(|(path, _)| path.extension().is_some_and(|end| end == "jpg"))
        .unwrap();
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    std::fs::write(frames.join(path), flipped).unwrap();
    again("train.epochs=3");
    assert_eq!(calls(&bench), 13);
    assert!(files(&frames) == whole);
}

#[test]
fn a_conversion_says_what_it_decoded_and_where_to() {
    let bench = Bench::new();
    database(&bench, Some("SN006"));
    let before = files(&bench.path("disfa"));
    let convert = |out: &str, more: &[&str]| {
        let fixed = ["convert", "disfa", "--data", "disfa", "--out", out, "--json", "--quiet"];
        ok(
            &bench,
            &fixed.iter().copied().chain(more.iter().copied()).collect::<Vec<_>>(),
        )
    };
    let conversion = convert("out", &[]);
    assert_eq!(conversion["samples"], 72);
    let decoded = &conversion["decoded"];
    assert_eq!(decoded["decoder"], "ffmpeg version 1.2");
    assert_eq!(decoded["quality"], "JPEG, -q:v 2");
    let video = &decoded["videos"]["SN001"];
    assert_eq!(
        (video["frames"].clone(), video["video"].clone()),
        (12.into(), "Videos_LeftCamera/LeftVideoSN001_comp.avi".into())
    );
    assert_eq!(video["digest"].as_str().unwrap().len(), 64);
    let frames = bench.path("out/frames");
    assert_eq!(decoded["folder"], frames.display().to_string());
    assert!(
        frames
            .join(video["folder"].as_str().unwrap())
            .join("00012.jpg")
            .is_file()
    );
    // Frames that were there are beside them, so that the table has one root: an extraction finds all.
    assert!(
        frames
            .join(decoded["copied"].as_str().unwrap())
            .join("Frames_LeftCamera/SN006/00001.png")
            .is_file()
    );
    assert_eq!(files(&bench.path("disfa")), before, "the database is as it was");
    let extract = [
        "extract",
        "--images",
        "out/frames",
        "--samples",
        "out/samples.parquet",
        "--encoder",
        "hog",
        "--out",
        "features",
        "--json",
        "--quiet",
    ];
    let report = ok(&bench, &extract);
    assert_eq!(
        (report["rows"].clone(), report["rejected"].clone()),
        (72.into(), 0.into())
    );
    // Frames of another decoder are others.
    assert_eq!(calls(&bench), 5);
    convert("out", &[]);
    assert_eq!(calls(&bench), 5);
    install(&bench, "9.9");
    convert("other", &["--set", "dataset.decoded_frames=out/frames"]);
    assert_eq!(calls(&bench), 10);
    assert!(!bench.path("other/frames").exists());
    let path = format!("{}:{}", bench.path("bin").display(), std::env::var("PATH").unwrap());
    let inside = [
        "convert",
        "disfa",
        "--data",
        "disfa",
        "--out",
        "third",
        "--set",
        "dataset.decoded_frames=disfa/frames/new",
    ];
    let output = bench.command().env("PATH", path).args(inside).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("never written to"), "{}", stderr(&output));
    assert_eq!(files(&bench.path("disfa")), before, "the database is as it was");
}
