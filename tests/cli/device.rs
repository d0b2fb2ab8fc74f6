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
