//! `predict`: a trained run on images, lists, videos and feature tables.

use std::collections::BTreeMap;
use std::path::Path;

use crate::child::{count, interrupt, kill_when, start, wait_until};
use crate::{Bench, files, shared, stderr};

const METHODS: &str = "--method=aura,aura_mixture,aura_tuned";

/// What a line of predictions says of a face, without where it is from.
type Said = BTreeMap<String, serde_json::Value>;

/// Lines of a JSON file of predictions by read-out and `key`, without what names the input.
fn lines(bench: &Bench, file: &str, key: &str) -> BTreeMap<(String, String), Said> {
    let text = std::fs::read_to_string(bench.path(file)).unwrap();
    let said = text.lines().map(|line| {
        let mut said: Said = serde_json::from_str(line).unwrap();
        let name = said[key].as_str().unwrap().to_owned();
        let method = said["method"].as_str().unwrap().to_owned();
        let kept = ["prediction", "output", "archetype", "similarity", "second", "margin"];
        said.retain(|column, _| kept.contains(&column.as_str()) || column.starts_with("top_"));
        ((method, name), said)
    });
    said.collect()
}

/// The same of the run itself, for all splits, by identifier or by image.
fn of_run(bench: &Bench, run: &str, key: &str) -> BTreeMap<(String, String), Said> {
    let sql = format!(
        "SELECT p.method, s.{key} AS key, p.prediction, p.output, a.archetype, a.similarity, a.second, a.margin, a.top_archetypes, \
         a.top_similarities FROM predictions p JOIN assignments a USING (run, seed, split, sample_id) JOIN samples s USING (run, \
         sample_id) WHERE p.method LIKE 'aura%'"
    );
    let rows = bench.json(&["query", &sql, "--runs", run, "--format", "json"]);
    let classes = bench.json(&[
        "query",
        "SELECT class_name FROM classes ORDER BY class",
        "--runs",
        run,
        "--format",
        "json",
    ]);
    let names: Vec<&str> = classes
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["class_name"].as_str().unwrap())
        .collect();
    let said = rows.as_array().unwrap().iter().map(|row| {
        let mut said: Said = serde_json::from_value(row.clone()).unwrap();
        let key = (
            said["method"].as_str().unwrap().to_owned(),
            said["key"].as_str().unwrap().to_owned(),
        );
        let outputs = said["output"].as_array().unwrap().clone();
        let named: serde_json::Map<_, _> = names.iter().map(|name| (*name).to_owned()).zip(outputs).collect();
        said.insert("output".to_owned(), named.into());
        said.retain(|column, _| column != "method" && column != "key");
        (key, said)
    });
    said.collect()
}

/// The faces of the shared run, in a folder of their own.
fn images() -> String {
    shared::faces().join("basic/Image/aligned").display().to_string()
}

#[test]
fn a_runs_own_faces_are_predicted_as_the_run_did_whatever_stands_beside_them() {
    let (bench, run) = Bench::with_run(&[]);
    let faces = shared::faces().display().to_string();
    let table = shared::features().display().to_string();
    let by_id = of_run(&bench, &run, "sample_id");
    assert_eq!(by_id.len(), 3 * 260);
    let splits = bench.ok(&[
        "query",
        "SELECT count(*) AS n FROM predictions WHERE split = 'test' AND method = 'aura'",
        "--runs",
        &run,
    ]);
    assert!(splits.contains("26") || splits.contains("52"), "{splits}");

    bench.ok(&[
        "predict",
        &run,
        &table,
        "--out",
        "table.jsonl",
        METHODS,
        "--device",
        "cpu",
    ]);
    assert!(lines(&bench, "table.jsonl", "sample_id") == by_id, "by its features");

    // The run's own table of samples is a list, whose images lie elsewhere.
    let samples = format!("{run}/samples.parquet");
    let listed = [
        "predict",
        &run,
        &samples,
        "--images",
        &faces,
        "--out",
        "list.jsonl",
        METHODS,
        "--device",
        "cpu",
    ];
    bench.ok(&listed);
    assert!(lines(&bench, "list.jsonl", "sample_id") == by_id, "by its list");

    // Another order, other batches, and files that are no images between them.
    bench.ok(&[
        "predict",
        &run,
        &faces,
        "--out",
        "folder.jsonl",
        METHODS,
        "--batch",
        "7",
        "--device",
        "cpu",
    ]);
    assert!(
        lines(&bench, "folder.jsonl", "image") == of_run(&bench, &run, "image_path"),
        "by a folder"
    );

    // Alone.
    let one = format!("{faces}/basic/Image/aligned/test_0003_aligned.jpg");
    bench.ok(&["predict", &run, &one, "--out", "one.jsonl", METHODS, "--device", "cpu"]);
    let alone = lines(&bench, "one.jsonl", "sample_id");
    assert_eq!(alone.len(), 3);
    for ((method, _), said) in alone {
        assert_eq!(said, by_id[&(method, "test_0003".to_owned())]);
    }
}

#[test]
fn what_is_no_image_is_listed_and_the_rest_predicted() {
    let (bench, run) = Bench::with_run(&[]);
    for name in ["test_0001", "test_0002"] {
        let bytes = std::fs::read(Path::new(&images()).join(format!("{name}_aligned.jpg"))).unwrap();
        bench.write(&format!("faces/{name}.jpg"), bytes);
    }
    bench.write("faces/broken.jpg", "no image");
    let said = bench.json(&["predict", &run, "faces", "--out", "p.csv", "--json", "--device", "cpu"]);
    crate::schemas::fits("predict", &said);
    assert_eq!(
        (&said["faces"], &said["predicted"], &said["rejected"]),
        (&3.into(), &2.into(), &1.into())
    );
    let rejects = std::fs::read_to_string(bench.path("p.csv.rejects.csv")).unwrap();
    assert!(
        rejects.contains("broken.jpg") && rejects.lines().count() == 2,
        "{rejects}"
    );
    let csv = std::fs::read_to_string(bench.path("p.csv")).unwrap();
    assert!(csv.starts_with("run,fold,seed,method,sample_id,input,image,"), "{csv}");
    assert!(csv.contains(",output_happiness,") && csv.lines().count() == 3, "{csv}");
    let text = bench.ok(&[
        "predict",
        &run,
        "faces/test_0001.jpg",
        "--out",
        "one.csv",
        "--device",
        "cpu",
    ]);
    assert!(
        text.contains("faces are not detected here") && text.contains("STAND-IN"),
        "{text}"
    );
    assert!(!bench.path("one.csv.rejects.csv").exists() && !bench.path("one.csv.partial").exists());

    let none = bench.fails(
        3,
        &[
            "predict",
            &run,
            "faces/broken.jpg",
            "--out",
            "none.csv",
            "--device",
            "cpu",
        ],
    );
    assert!(none.contains("none of 1 faces can be predicted"), "{none}");
    assert!(!bench.path("none.csv").exists() && bench.path("none.csv.rejects.csv").is_file());
}

#[test]
fn boxes_of_detectors_are_cut_out_as_a_database_gives_them() {
    let (bench, run) = Bench::with_run(&[]);
    let face = image::open(Path::new(&images()).join("test_0001_aligned.jpg"))
        .unwrap()
        .into_rgb8();
    let (width, height) = face.dimensions();
    // Two faces on one photograph, of which the second is the first one's.
    let mut photograph = image::RgbImage::from_pixel(3 * width, 2 * height, image::Rgb([90, 120, 40]));
    image::imageops::replace(&mut photograph, &face, 0, 0);
    image::imageops::replace(&mut photograph, &face, i64::from(width), i64::from(height));
    bench.write("photographs/two.png", "");
    photograph.save(bench.path("photographs/two.png")).unwrap();
    bench.write("one.png", "");
    face.save(bench.path("one.png")).unwrap();
    bench.ok(&[
        "predict",
        &run,
        "one.png",
        "--out",
        "one.jsonl",
        METHODS,
        "--device",
        "cpu",
    ]);
    let alone: Vec<Said> = lines(&bench, "one.jsonl", "sample_id").into_values().collect();

    let (w, h) = (width, height);
    let (right, bottom) = (2 * width, 2 * height);
    let third = |part: u32| f64::from(part) / 3.0;
    for (name, list) in [
        (
            "py-feat",
            format!(
                "FaceRectX,FaceRectY,FaceRectWidth,FaceRectHeight,input,frame\n0,0,{w},{h},photographs/two.png,0\n{w},{h},{w},{h},photographs/two.png,0\n"
            ),
        ),
        (
            "RetinaFace, InsightFace",
            format!(
                "image\tx1\ty1\tx2\ty2\nphotographs/two.png\t0\t0\t{w}\t{h}\nphotographs/two.png\t{w}\t{h}\t{right}\t{bottom}\n"
            ),
        ),
        (
            "facial_area",
            format!(
                "img,facial_area\nphotographs/two.png,\"[0, 0, {w}, {h}]\"\nphotographs/two.png,\"[{w}, {h}, {right}, {bottom}]\"\n"
            ),
        ),
        (
            "MediaPipe Tasks",
            format!(
                "file,origin_x,origin_y,width,height\nphotographs/two.png,0,0,{w},{h}\nphotographs/two.png,{w},{h},{w},{h}\n"
            ),
        ),
        (
            "MediaPipe Solutions",
            format!(
                "file,xmin,ymin,width,height\nphotographs/two.png,0,0,{0},0.5\nphotographs/two.png,{0},0.5,{0},0.5\n",
                third(1)
            ),
        ),
    ] {
        bench.write("list.csv", list);
        let output = bench.run(&[
            "predict",
            &run,
            "list.csv",
            "--out",
            "list.jsonl",
            METHODS,
            "--device",
            "cpu",
        ]);
        assert!(
            output.status.success() && stderr(&output).contains(name),
            "{name}: {}",
            stderr(&output)
        );
        let found = lines(&bench, "list.jsonl", "sample_id");
        assert_eq!(found.len(), 6, "{name}");
        let second = |said: &(&(String, String), &Said)| said.0.1 == "photographs/two.png#2";
        let second: Vec<Said> = found.iter().filter(second).map(|(_, said)| said.clone()).collect();
        assert_eq!(second, alone, "{name}");
    }

    // What is no box, and a line that is broken, are rejects with their lines.
    bench.write(
        "list.csv",
        format!("image,x1,y1,x2,y2\nphotographs/two.png,0,0,{w},{h}\nphotographs/two.png,a,0,1,1\nphotographs/none.png,0,0,1,1\n\"x,1,2\n"),
    );
    let said = bench.json(&[
        "predict",
        &run,
        "list.csv",
        "--out",
        "list.jsonl",
        "--json",
        "--device",
        "cpu",
    ]);
    assert_eq!((&said["predicted"], &said["rejected"]), (&1.into(), &3.into()));
    let rejects = std::fs::read_to_string(bench.path("list.jsonl.rejects.csv")).unwrap();
    assert!(
        rejects.contains("list.csv,3,\"has no box") && rejects.contains("list.csv,5,a quote is left open"),
        "{rejects}"
    );

    bench.write("list.csv", "name,x1,y1,x2,y2\na.png,0,0,1,1\n");
    let text = bench.fails(
        3,
        &["predict", &run, "list.csv", "--out", "list.jsonl", "--device", "cpu"],
    );
    assert!(text.contains("no column that names the image"), "{text}");
}

#[test]
fn a_killed_and_an_interrupted_call_end_with_the_bytes_of_an_undisturbed_one() {
    let (bench, run) = Bench::with_run(&[]);
    // Enough for several pieces.
    let face = std::fs::read(Path::new(&images()).join("test_0001_aligned.jpg")).unwrap();
    for at in 0..1_300 {
        bench.write(&format!("faces/{at:04}.jpg"), &face);
    }
    bench.write("faces/x.jpg", "none");
    let command = |out: &'static str| -> Vec<&str> {
        vec![
            "predict", &run, "faces", "--out", out, METHODS, "--device", "cpu", "--quiet",
        ]
    };
    bench.ok(&command("whole.csv"));
    let work = bench.path("broken.csv.partial");
    let pieces = || {
        let names = std::fs::read_dir(&work).into_iter().flatten().flatten();
        names
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("rows-"))
            .count()
    };
    assert!(
        kill_when(start(&bench, &command("broken.csv")), || pieces() >= 1),
        "it ended before it was killed"
    );
    assert!(!bench.path("broken.csv").exists());
    let mut call = start(&bench, &command("broken.csv"));
    assert!(wait_until(&mut call, || pieces() >= 2));
    let ended = interrupt(call);
    assert_eq!(ended.status.code(), Some(130), "{}", stderr(&ended));
    let mut last = command("broken.csv");
    last.push("--json");
    let said = bench.json(&last);
    assert!(said["continued"].as_u64().unwrap() >= 1_024, "{said}");
    assert_eq!(count(&work), 0, "nothing is left of the work");
    let read = |name: &str| std::fs::read(bench.path(name)).unwrap();
    assert!(read("whole.csv") == read("broken.csv"));
    assert!(read("whole.csv.rejects.csv") == read("broken.csv.rejects.csv"));

    // Another call in the same place begins anew.
    assert!(kill_when(start(&bench, &command("broken.csv")), || pieces() >= 1));
    let other = [
        "predict",
        &run,
        "faces/0000.jpg",
        "--out",
        "broken.csv",
        "--json",
        "--device",
        "cpu",
    ];
    let said = bench.json(&other);
    assert_eq!((&said["continued"], &said["predicted"]), (&0.into(), &1.into()));
}

#[test]
fn what_cannot_be_had_is_refused_in_a_sentence() {
    let (bench, run) = Bench::with_run(&[]);
    bench.write(
        "faces/a.jpg",
        std::fs::read(Path::new(&images()).join("test_0001_aligned.jpg")).unwrap(),
    );
    let refused = |code: i32, more: &[&str]| {
        let mut arguments = vec!["predict"];
        arguments.extend(more);
        arguments.extend(["--out", "p.csv", "--device", "cpu"]);
        bench.fails(code, &arguments)
    };
    std::fs::create_dir(bench.path("empty")).unwrap();
    assert!(refused(3, &["empty", "faces"]).contains("no run folder"));
    assert!(refused(3, &[&run, "nowhere"]).contains("there is no nowhere"));
    assert!(refused(2, &[&run, "faces", "--seed", "9"]).contains("no seed 9; there are 0"));
    assert!(refused(2, &[&run, "faces", "--fold", "1"]).contains("no folds"));
    assert!(refused(2, &[&run, "faces", "--method", "knn"]).contains("expected one of aura, aura_mixture, aura_tuned"));
    let text = bench.fails(2, &["predict", &run, "faces", "--out", "p.txt", "--device", "cpu"]);
    assert!(text.contains(".parquet, .csv or .jsonl"), "{text}");

    // A feature table of other options.
    bench.ok(&[
        "extract",
        "--images",
        "faces",
        "--encoder",
        "hog",
        "--out",
        "table",
        "--dtype",
        "f32",
        "--device",
        "cpu",
    ]);
    let text = refused(3, &[&run, "table"]);
    assert!(text.contains("`features.dtype` is f32, expected f16"), "{text}");

    // The manifest remembers an encoder that the recipe does not give any more.
    let path = bench.path(&run).join("recipe.toml");
    let recipe = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, recipe.replace("orientations = 9", "orientations = 8")).unwrap();
    let text = refused(3, &[&run, "faces"]);
    assert!(
        text.contains("`options.orientations` was 9 when the run was made, and is 8 now"),
        "{text}"
    );
    let weights = recipe.replace(
        "kind = \"hog\"",
        "kind = \"clip\"\nweights = \"gone\"\narchitecture = \"vit-b-32\"",
    );
    std::fs::write(&path, weights).unwrap();
    let text = refused(3, &[&run, "faces"]);
    assert!(text.contains("the encoder of") && text.contains("gone"), "{text}");
    std::fs::write(&path, recipe).unwrap();

    // A damaged model says nothing.
    let model = bench.path(&run).join("seed-0/model.safetensors");
    let mut bytes = std::fs::read(&model).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&model, bytes).unwrap();
    assert!(refused(3, &[&run, "faces"]).contains("model.safetensors"));
}

#[test]
fn names_that_try_to_break_out_stay_text_on_the_page() {
    let (bench, run) = Bench::with_run(&[]);
    let face = std::fs::read(Path::new(&images()).join("test_0001_aligned.jpg")).unwrap();
    let name = "<script>alert(1)<%2fscript>\"'{{ 7 * 7 }}.jpg";
    for at in 0..70 {
        bench.write(&format!("faces/{at:02}{name}"), &face);
    }
    bench.ok(&[
        "predict",
        &run,
        "faces",
        "--out",
        "p.parquet",
        "--html",
        "p.html",
        "--device",
        "cpu",
    ]);
    let html = std::fs::read_to_string(bench.path("p.html")).unwrap();
    assert_eq!(html.matches("<script>").count(), 1, "only the page's own script");
    assert!(html.contains("The first 60 of 70 faces are shown"));
    assert!(html.contains("{{ 7 * 7 }}") && html.contains("data:image&#x2f;jpeg;base64,"));
    for outside in ["http://", "https://", "src=\"//", "url(/"] {
        assert!(!html.contains(outside), "the page refers to {outside}");
    }
}

/// A decoder whose video is a face: every second of five frames exists only if it was asked for.
#[cfg(unix)]
const DECODER: &str = r#"#!/bin/sh
echo "$*" > "$(dirname "$0")/call"
for last; do :; done
case "$*" in *'mod(n\,2)'*) frames='0 1 2';; *) frames='0 1 2 3 4';; esac
for frame in $frames; do cp "$(dirname "$0")/face.jpg" "$(dirname "$last")/$(printf %08d "$frame").jpg"; done
"#;

#[cfg(unix)]
#[test]
fn frames_of_a_video_are_decoded_by_ffmpeg() {
    use std::os::unix::fs::PermissionsExt;

    let (bench, run) = Bench::with_run(&[]);
    bench.write("clip.mp4", "a video");
    let text = {
        let output = bench
            .command()
            .env("PATH", bench.path("bin"))
            .args(["predict", &run, "clip.mp4", "--out", "p.jsonl", "--device", "cpu"])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(3));
        stderr(&output)
    };
    assert!(text.contains("`ffmpeg`, which decodes it, is not installed"), "{text}");

    bench.write(
        "bin/face.jpg",
        std::fs::read(Path::new(&images()).join("test_0001_aligned.jpg")).unwrap(),
    );
    let path = bench.write("bin/ffmpeg", DECODER);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let ok = |more: &[&str]| {
        let path = format!("{}:{}", bench.path("bin").display(), std::env::var("PATH").unwrap());
        let mut arguments = vec!["predict", &run];
        arguments.extend(more);
        arguments.extend(["--out", "p.jsonl", "--device", "cpu"]);
        let output = bench.command().env("PATH", path).args(&arguments).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let text = std::fs::read_to_string(bench.path("p.jsonl")).unwrap();
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines
            .map(|line| {
                (
                    line["sample_id"].as_str().unwrap().to_owned(),
                    line["frame"].as_i64().unwrap(),
                )
            })
            .collect::<Vec<_>>()
    };
    let named = |frames: &[i64]| {
        frames
            .iter()
            .map(|frame| (format!("clip.mp4@{frame}"), *frame))
            .collect::<Vec<_>>()
    };
    assert_eq!(ok(&["clip.mp4"]), named(&[0, 1, 2, 3, 4]));
    assert_eq!(ok(&["clip.mp4", "--every", "2"]), named(&[0, 2, 4]));
    let call = std::fs::read_to_string(bench.path("bin/call")).unwrap();
    assert!(
        call.contains("-vf select=not(mod(n\\,2)) -start_number 0 -fps_mode passthrough -q:v 2"),
        "{call}"
    );

    // OpenFace names no file, counts from 1, and says where it found nothing.
    bench.write("clip.csv", "frame, face_id, success, x_0, x_1, y_0, y_1\n1, 0, 1, 2, 40, 3, 50\n2, 0, 1, 2, 40, 3, 50\n3, 0, 0, 0, 0, 0, 0\n5, 0, 1, 2, 40, 3, 50\n");
    assert_eq!(ok(&["clip.csv", "--media", "clip.mp4", "--every", "2"]), named(&[0, 4]));
    let rejects = std::fs::read_to_string(bench.path("p.jsonl.rejects.csv")).unwrap();
    assert!(rejects.contains("clip.csv,4,says that no face was found"), "{rejects}");
    assert!(
        files(&bench.path("."))
            .iter()
            .all(|(path, _)| !path.to_string_lossy().contains("partial"))
    );
}
