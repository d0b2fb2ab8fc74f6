//! Devices that are not there.

use crate::{Bench, small};

#[test]
fn cuda_without_cuda_is_one_sentence_and_exit_4() {
    let text = Bench::new().fails(4, &small(&["--device", "cuda"]));
    assert_eq!(text.trim().lines().count(), 1, "{text}");
    assert!(text.contains("cuda"), "{text}");
}

#[test]
fn an_unknown_device_is_a_usage_error() {
    let text = Bench::new().fails(2, &small(&["--device", "abacus"]));
    assert!(text.contains("abacus") && text.contains("cpu"), "{text}");
}

#[test]
fn several_devices_are_read_as_a_list() {
    let text = Bench::new().fails(2, &small(&["--device", "cuda:0,0"]));
    assert!(text.contains("twice"), "{text}");
    let text = Bench::new().fails(4, &small(&["--device", "cuda:0,97"]));
    assert_eq!(text.trim().lines().count(), 1, "{text}");
}

#[test]
fn doctor_says_what_is_there_and_what_is_not() {
    let bench = Bench::new();
    let text = bench.ok(&["doctor"]);
    for word in ["aura-bench", "device", "driver", "nvrtc", "headers", "cache"] {
        assert!(text.contains(word), "{word} is missing in\n{text}");
    }
    let found = bench.json(&["doctor", "--json"]);
    assert_eq!(found["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(found["machine"]["cuda_built_in"], cfg!(feature = "cuda-plain"));
    assert!(
        found["libraries"]["burn"].is_string() && found["missing"].is_array(),
        "{found}"
    );
}

#[test]
fn parity_without_a_gpu_is_one_sentence_and_exit_4() {
    let text = Bench::new().fails(4, &["doctor", "--gpu-parity", "--device", "cuda:97"]);
    assert_eq!(text.trim().lines().count(), 1, "{text}");
    let found = Bench::new().json(&["doctor", "--gpu-parity", "--quick", "--device", "cpu", "--json"]);
    assert!(
        found["passed"] == true && found["comparisons"].as_array().unwrap().len() > 100,
        "{found}"
    );
    let text = Bench::new().fails(2, &["doctor", "--device", "cpu"]);
    assert!(text.contains("--gpu-parity"), "{text}");
}

#[test]
fn speed_is_measured_and_mistakes_are_named() {
    let bench = Bench::new();
    let sizes = [
        "--samples",
        "64",
        "--dims",
        "8",
        "--batch",
        "32",
        "--epochs",
        "1",
        "--device",
        "cpu",
    ];
    let train = |more: &[&'static str]| [&["bench", "train", "--json"], &sizes[..], more].concat();
    let found = bench.json(&train(&[]));
    assert_eq!(
        (&found["kind"], &found["placement"]),
        (&"cpu".into(), &"stream".into()),
        "{found}"
    );
    assert!(found["samples_per_second"].as_f64().unwrap() > 0.0, "{found}");
    let found = bench.json(&train(&[
        "--task",
        "action_units",
        "--tokens",
        "2",
        "--placement",
        "host",
    ]));
    assert_eq!(
        (&found["patches"], &found["placement"]),
        (&2.into(), &"host".into()),
        "{found}"
    );
    let text = bench.ok(&[
        "bench",
        "extract",
        "--encoder",
        "hog",
        "--images",
        "2",
        "--device",
        "cpu",
    ]);
    assert!(text.contains("images/s"), "{text}");
    let text = bench.fails(2, &["bench", "train", "--placement", "moon"]);
    assert!(text.contains("stream"), "{text}");
    bench.fails(
        2,
        &[
            "bench",
            "extract",
            "--encoder",
            "hog",
            "--images",
            "0",
            "--device",
            "cpu",
        ],
    );
}
