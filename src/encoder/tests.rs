use serde::Deserialize;

use super::*;
use crate::encoder::hog::descriptor;

#[derive(Deserialize)]
struct Case {
    cell: u32,
    block: u32,
    orientations: u32,
    transform_sqrt: bool,
    colour: HogColour,
    values: Vec<f32>,
}

fn face() -> RgbImage {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/hog/face.png");
    crate::image::decode(path.as_ref(), &crate::image::DecodeLimits::default()).unwrap()
}

#[test]
fn hog_equals_scikit_image_on_a_photograph() {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../../tests/peers/hog/golden.json")).expect("golden file");
    assert_eq!(cases.len(), 4);
    for case in cases {
        let config = HogConfig {
            size: 64,
            cell: case.cell,
            block: case.block,
            orientations: case.orientations,
            transform_sqrt: case.transform_sqrt,
            colour: case.colour,
        };
        let ours = descriptor(&face(), &config);
        assert_eq!(ours.len(), case.values.len(), "{config:?}");
        let worst = ours
            .iter()
            .zip(&case.values)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(worst < 1e-5, "{config:?}: largest difference {worst}");
    }
}

#[test]
fn tokens_are_the_blocks_of_the_global_descriptor() {
    let hog = Hog::new(HogConfig::default()).unwrap();
    assert_eq!(hog.global_dim(), 1764);
    assert_eq!(
        hog.tokens(),
        Some(TokenShape {
            rows: 7,
            cols: 7,
            width: 36
        })
    );
    let encoded = hog.encode(&[face(), face()]).unwrap();
    assert_eq!(encoded.len(), 2);
    assert_eq!(encoded[0], encoded[1]);
    assert_eq!(encoded[0].global.len(), 1764);
    assert_eq!(encoded[0].tokens.as_ref().unwrap(), &encoded[0].global);
    assert!(
        encoded[0]
            .global
            .iter()
            .all(|v| v.is_finite() && (0.0..=1.0).contains(v))
    );
}

#[test]
fn a_blank_image_has_a_zero_descriptor() {
    let hog = Hog::new(HogConfig::default()).unwrap();
    let blank = RgbImage::from_pixel(30, 40, ::image::Rgb([77, 77, 77]));
    assert!(hog.encode(&[blank]).unwrap()[0].global.iter().all(|&v| v == 0.0));
}

#[test]
fn forward_refuses_images_that_were_not_prepared() {
    let hog = Hog::new(HogConfig::default()).unwrap();
    let error = hog.forward(&[RgbImage::new(10, 10)]).unwrap_err().to_string();
    assert_eq!(error, "hog expected images of 64 x 64 pixels, not 10 x 10");
}

#[test]
fn impossible_options_name_their_key() {
    let with = |change: fn(&mut HogConfig)| {
        let mut config = EncoderConfig::default();
        change(&mut config.hog);
        config.validate().unwrap_err()
    };
    assert_eq!(
        with(|h| h.cell = 7),
        ("hog.cell".into(), "expected a divisor of size = 64, not 7".into())
    );
    assert_eq!(with(|h| h.cell = 0).0, "hog.cell");
    assert_eq!(with(|h| h.size = 0).0, "hog.size");
    assert_eq!(with(|h| h.block = 9).0, "hog.block");
    assert_eq!(with(|h| h.orientations = 1).0, "hog.orientations");
    assert_eq!(
        with(|h| {
            h.size = 1024;
            h.cell = 2;
        })
        .0,
        "hog.cell"
    );
}

#[test]
fn the_digest_follows_the_options() {
    let digest = |config: HogConfig| Hog::new(config).unwrap().digest();
    assert_eq!(digest(HogConfig::default()), digest(HogConfig::default()));
    let other = HogConfig {
        transform_sqrt: false,
        ..HogConfig::default()
    };
    assert_ne!(digest(HogConfig::default()), digest(other));
}

#[test]
fn kinds_that_are_not_built_in_say_so() {
    let config = EncoderConfig {
        kind: EncoderKind::Clip,
        ..EncoderConfig::default()
    };
    let error = config.build().err().unwrap();
    assert_eq!(error.exit_code(), crate::error::exit::USAGE);
    assert!(error.to_string().contains("only \"hog\""), "{error}");
}
