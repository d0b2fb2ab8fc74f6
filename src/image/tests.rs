use std::path::{Path, PathBuf};

use ::image::RgbImage;
use proptest::prelude::*;

use crate::image::decode::decode_bytes;

use super::*;

fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/preprocess")
}

fn open(path: &Path) -> RgbImage {
    decode(path, &DecodeLimits::default()).unwrap_or_else(|error| panic!("{} {error}", path.display()))
}

fn peer(name: &str) -> RgbImage {
    open(&peers().join(name))
}

fn largest_difference(a: &RgbImage, b: &RgbImage) -> u8 {
    assert_eq!(a.dimensions(), b.dimensions());
    a.as_raw()
        .iter()
        .zip(b.as_raw())
        .map(|(a, b)| a.abs_diff(*b))
        .max()
        .unwrap_or(0)
}

#[test]
fn resizing_equals_pillow() {
    let photo = peer("photo.png");
    for (name, width, height, filter) in [
        ("bicubic_down", 48, 41, Filter::Bicubic),
        ("bicubic_up", 123, 150, Filter::Bicubic),
        ("bilinear_down", 37, 64, Filter::Bilinear),
        ("lanczos_down", 64, 64, Filter::Lanczos),
        ("bicubic_vertical_first", 59, 30, Filter::Bicubic),
        ("bicubic_horizontal_first", 59, 31, Filter::Bicubic),
        ("bicubic_wider_and_lower", 120, 40, Filter::Bicubic),
    ] {
        let ours = resize(&photo, width, height, filter).unwrap();
        let difference = largest_difference(&ours, &peer(&format!("resize_{name}.png")));
        assert_eq!(difference, 0, "{name}");
    }
}

#[test]
fn short_side_and_centre_crop_equal_torchvision() {
    let tall = peer("photo.png");
    let wide = ::image::imageops::rotate270(&tall);
    for (image, size, golden) in [(&tall, 56, "clip_tall.png"), (&wide, 61, "clip_wide.png")] {
        let ours = Preprocess::clip(size).pixels(image).unwrap();
        let difference = largest_difference(&ours, &peer(golden));
        assert_eq!(difference, 0, "{golden}");
    }
}

#[test]
fn every_kind_of_pixel_becomes_the_rgb_of_pillow() {
    let mut seen = 0;
    for entry in std::fs::read_dir(peers().join("odd")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let difference = largest_difference(&open(&path), &peer(&format!("expected/{name}.png")));
        // CMYK is rounded differently where it is not JPEG.
        let tolerance = u8::from(name == "cmyk.tiff");
        assert!(difference <= tolerance, "{name}: {difference} > {tolerance}");
        seen += 1;
    }
    assert_eq!(seen, 31);
}

#[test]
fn centre_crop_pads_with_black_what_is_missing() {
    let white = RgbImage::from_pixel(3, 5, ::image::Rgb([255; 3]));
    let padded = centre_crop(&white, 6, 5);
    let row: Vec<u8> = (0..6).map(|x| padded.get_pixel(x, 2).0[0]).collect();
    assert_eq!(row, [0, 255, 255, 255, 0, 0]);
}

#[test]
fn centre_crop_rounds_halves_to_even() {
    let ramp = RgbImage::from_fn(7, 1, |x, _| ::image::Rgb([x as u8; 3]));
    assert_eq!(centre_crop(&ramp, 6, 1).get_pixel(0, 0).0[0], 0);
    assert_eq!(centre_crop(&ramp, 4, 1).get_pixel(0, 0).0[0], 2);
    assert_eq!(centre_crop(&ramp, 5, 1).get_pixel(0, 0).0[0], 1);
}

#[test]
fn normalising_is_channel_major() {
    let image = RgbImage::from_fn(2, 1, |x, _| ::image::Rgb([x as u8 * 255, 0, 255]));
    let mut preprocess = Preprocess::dino(224);
    preprocess.mean = [0.5, 0.0, 0.0];
    preprocess.std = [0.5, 1.0, 2.0];
    assert_eq!(preprocess.normalise(&image), [-1.0, 1.0, 0.0, 0.0, 0.5, 0.5]);
}

#[test]
fn needles_are_refused_before_they_are_enlarged() {
    let needle = RgbImage::new(1, 4000);
    let error = Preprocess::clip(224).pixels(&needle).unwrap_err().to_string();
    assert!(error.contains("16384 a side"), "{error}");
}

#[test]
fn face_crops_are_enlarged_and_clamped() {
    let ramp = RgbImage::from_fn(20, 10, |x, y| ::image::Rgb([x as u8, y as u8, 0]));
    let face = FaceBox {
        x: 2.0,
        y: 3.0,
        width: 10.0,
        height: 4.0,
    };
    let plain = crop_face(&ramp, face, 0.0).unwrap();
    assert_eq!(plain.dimensions(), (10, 4));
    assert_eq!(plain.get_pixel(0, 0).0, [2, 3, 0]);
    let wide = crop_face(&ramp, face, 0.3).unwrap();
    // 2 - 3 is clamped to 0, 12 + 3 = 15; 3 - 1.2 = 1.8 -> 2, 7 + 1.2 = 8.2 -> 8.
    assert_eq!(wide.dimensions(), (15, 6));
    assert_eq!(wide.get_pixel(0, 0).0, [0, 2, 0]);
    for bad in [
        FaceBox { width: 0.0, ..face },
        FaceBox { height: -1.0, ..face },
        FaceBox { x: 20.0, ..face },
        FaceBox { x: f32::NAN, ..face },
        FaceBox { x: -1e30, ..face },
    ] {
        assert!(crop_face(&ramp, bad, 0.0).is_err(), "{bad:?}");
    }
    let huge = FaceBox {
        x: -1e30,
        y: -1e30,
        width: 3e38,
        height: 3e38,
    };
    assert_eq!(crop_face(&ramp, huge, 1.0).unwrap().dimensions(), (20, 10));
}

fn refused(bytes: &[u8]) -> String {
    decode_bytes(bytes, &DecodeLimits::default()).unwrap_err().to_string()
}

/// A PNG whose header claims `width` × `height` pixels of 8-bit RGB, with next to no data.
fn bomb(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = std::fs::read(peers().join("odd/rgb.png")).unwrap();
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let checksum = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

#[test]
fn a_bomb_is_refused_by_its_header() {
    assert_eq!(
        refused(&bomb(60_000, 60_000)),
        "claims 60000 x 60000 pixels; the limit is 64000000 pixels in all"
    );
    assert_eq!(
        refused(&bomb(3, 66_000)),
        "claims 3 x 66000 pixels; the limit is 65535 a side"
    );
    // One row of it is already more than a decoder may allocate.
    assert!(refused(&bomb(u32::MAX >> 1, 1)).contains("Memory limit exceeded"));
}

#[test]
fn a_claim_within_the_limit_without_the_pixels_is_malformed() {
    assert!(refused(&bomb(5000, 5000)).starts_with("cannot be decoded as PNG: "));
}

#[test]
fn truncated_files_of_every_format_are_refused() {
    for name in [
        "progressive.jpg",
        "subsampled.jpg",
        "rgb.png",
        "rgb.bmp",
        "rgb.tiff",
        "lossless.webp",
    ] {
        let bytes = std::fs::read(peers().join("odd").join(name)).unwrap();
        let half = &bytes[..bytes.len() / 2];
        assert!(decode_bytes(half, &DecodeLimits::default()).is_err(), "{name}");
    }
    let jpeg = std::fs::read(peers().join("odd/progressive.jpg")).unwrap();
    assert_eq!(
        refused(&jpeg[..jpeg.len() - 1]),
        "is a truncated JPEG file (no end-of-image marker)"
    );
}

#[test]
fn what_is_no_image_says_so() {
    assert_eq!(refused(b""), "is empty (0 bytes)");
    assert_eq!(
        refused(b"just text in photo.jpg"),
        "content is not JPEG, PNG, BMP, TIFF or WebP"
    );
    assert_eq!(
        refused(b"GIF89a and so on"),
        "content is not JPEG, PNG, BMP, TIFF or WebP"
    );
    let folder = decode(&peers(), &DecodeLimits::default()).unwrap_err().to_string();
    assert_eq!(folder, "is not a regular file");
}

#[test]
fn large_files_are_refused_unread() {
    let limits = DecodeLimits {
        max_file_bytes: 100,
        ..DecodeLimits::default()
    };
    let error = decode(&peers().join("photo.png"), &limits).unwrap_err().to_string();
    assert!(error.ends_with("bytes; the limit is 100"), "{error}");
}

fn odd_file() -> impl Strategy<Value = Vec<u8>> {
    let mut names: Vec<_> = std::fs::read_dir(peers().join("odd"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    proptest::sample::select(names).prop_map(|path| std::fs::read(path).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever happens to a file's bytes, decoding ends with an image or an error, and within the limits.
    #[test]
    fn mutated_files_never_panic(
        mut bytes in odd_file(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..12),
        cut in proptest::option::weighted(0.3, any::<proptest::sample::Index>()),
    ) {
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let limits = DecodeLimits { max_pixels: 1 << 20, max_alloc_bytes: 32 << 20, ..DecodeLimits::default() };
        if let Ok(image) = decode_bytes(&bytes, &limits) {
            prop_assert!(u64::from(image.width()) * u64::from(image.height()) <= limits.max_pixels);
        }
    }
}
