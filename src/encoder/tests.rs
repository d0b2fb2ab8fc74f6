use burn::tensor::Device;
use image::RgbImage;
use serde::Deserialize;

use crate::encoder::architecture::Global;
use crate::naming::title;

use super::config::{EncoderConfig, EncoderKind};
use super::hog::{Hog, HogColour, HogConfig, descriptor};
use super::interface::{Encoder, TokenShape};
use super::vit::Precision;
use super::*;

mod checkpoints;
mod configurations;

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
fn of_equally_strong_channels_the_first_one_gives_the_direction() {
    // 1² + 189² = 99² + 161², which glibc's `hypot` of 2.35 and later does not see.
    let mut image = RgbImage::new(3, 3);
    image.put_pixel(2, 1, image::Rgb([1, 99, 0]));
    image.put_pixel(1, 2, image::Rgb([189, 161, 0]));
    let config = HogConfig {
        size: 3,
        cell: 3,
        block: 1,
        orientations: 9,
        transform_sqrt: false,
        colour: HogColour::Dominant,
    };
    let values = descriptor(&image, &config);
    // 89.7°, where the second channel has 58.4°.
    let strongest: Vec<usize> = (0..9).filter(|&bin| values[bin] > 0.0).collect();
    assert_eq!(strongest, [4], "{values:?}");
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

/// A model folder under `tests/peers/vit`.
fn model(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/peers/vit")
        .join(name)
}

fn config(kind: EncoderKind, weights: &std::path::Path) -> EncoderConfig {
    EncoderConfig {
        kind,
        weights: Some(weights.to_str().unwrap().to_owned()),
        ..EncoderConfig::default()
    }
}

/// Why an encoder cannot be built.
fn refusal(config: &EncoderConfig) -> String {
    config.build().err().unwrap().to_string()
}

/// A model folder without weights: the descriptions of `folder`.
fn described_as(folder: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in ["config.json", "preprocessor_config.json"] {
        std::fs::copy(model(folder).join(name), copy.path().join(name)).unwrap();
    }
    copy
}

/// The golden folders and their families.
const FAMILIES: [(&str, EncoderKind); 5] = [
    ("clip", EncoderKind::Clip),
    ("dino", EncoderKind::Dino),
    ("dinov2", EncoderKind::Dinov2),
    ("dinov2_swiglu", EncoderKind::Dinov2),
    ("dinov2_registers", EncoderKind::Dinov2),
];

fn photo() -> RgbImage {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/preprocess/photo.png");
    crate::image::decode(path.as_ref(), &crate::image::DecodeLimits::default()).unwrap()
}

#[derive(Deserialize)]
struct Golden {
    global: Vec<f32>,
    tokens: Vec<f32>,
}

/// Largest difference over the largest value.
fn relative_error(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    let scale = theirs.iter().map(|v| v.abs()).fold(0.0, f32::max);
    ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / scale
}

fn golden(path: &str) -> Golden {
    serde_json::from_str(&std::fs::read_to_string(model(path)).unwrap()).unwrap()
}

fn assert_golden(encoder: &dyn Encoder, folder: &str) {
    let golden = golden(&format!("{folder}/golden.json"));
    let encoded = encoder.encode(&[photo(), photo()]).unwrap();
    assert_eq!(encoded.len(), 2);
    for encoded in encoded {
        let global = relative_error(&encoded.global, &golden.global);
        let tokens = relative_error(&encoded.tokens.unwrap(), &golden.tokens);
        assert!(global < 1e-4 && tokens < 1e-4, "{folder}: {global} {tokens}");
    }
}

#[test]
fn transformers_computes_the_same_from_the_same_folder() {
    for (folder, kind) in FAMILIES {
        let encoder = config(kind, &model(folder))
            .build()
            .unwrap_or_else(|e| panic!("{folder}: {e}"));
        assert_eq!(encoder.name(), kind.as_str());
        assert_golden(encoder.as_ref(), folder);
    }
}

#[test]
fn half_precision_stays_within_a_hundredth_of_transformers() {
    for (folder, kind) in FAMILIES {
        for precision in [Precision::F16, Precision::Bf16] {
            let encoder = EncoderConfig {
                precision,
                ..config(kind, &model(folder))
            }
            .build()
            .unwrap();
            let golden = golden(&format!("{folder}/golden.json"));
            let encoded = encoder.encode(&[photo()]).unwrap().remove(0);
            let worst = relative_error(&encoded.global, &golden.global)
                .max(relative_error(&encoded.tokens.unwrap(), &golden.tokens));
            // Not exact either: something must have been rounded.
            assert!((1e-6..=1e-2).contains(&worst), "{folder} {precision:?}: {worst}");
        }
    }
}

#[test]
fn original_names_give_the_same_weights() {
    for (folder, kind) in &FAMILIES[..3] {
        let copy = described_as(folder);
        std::fs::copy(
            model(&format!("{folder}_original.safetensors")),
            copy.path().join("model.safetensors"),
        )
        .unwrap();
        let encoder = config(*kind, copy.path())
            .build()
            .unwrap_or_else(|e| panic!("{folder}: {e}"));
        assert_golden(encoder.as_ref(), folder);
    }
}

#[test]
fn a_training_checkpoint_gives_its_teacher() {
    let copy = described_as("dino");
    let pickle = copy.path().join("pytorch_model.bin");
    std::fs::copy(model("dino_original.pth"), &pickle).unwrap();
    assert_golden(config(EncoderKind::Dino, copy.path()).build().unwrap().as_ref(), "dino");
    // A single file says nothing of its heads and norms: the architecture has to be named, and it has to fit.
    let mut single = config(EncoderKind::Dino, &model("dino_original.pth"));
    assert!(refusal(&single).contains("set encoder.architecture"));
    single.architecture = Some("vit-s-16".into());
    let error = refusal(&single);
    assert!(error.contains("missing: module.backbone.blocks.2."), "{error}");
    assert!(
        error.contains("misshapen: module.backbone.cls_token is [1, 1, 16], expected [384]"),
        "{error}"
    );

    let bytes = std::fs::read(&pickle).unwrap();
    for damage in [0, 100, bytes.len() / 2] {
        std::fs::write(&pickle, &bytes[..damage]).unwrap();
        let error = refusal(&config(EncoderKind::Dino, copy.path()));
        assert!(error.contains("failed to read the weights"), "{error}");
    }
}

/// Copies a model folder, its tensors changed by `change`, split into `shards` files.
fn rewritten(
    folder: &str,
    shards: usize,
    change: impl Fn(&mut Vec<(String, Vec<usize>, Vec<u8>)>),
) -> tempfile::TempDir {
    let copy = described_as(folder);
    let bytes = std::fs::read(model(folder).join("model.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut all: Vec<_> = tensors
        .tensors()
        .into_iter()
        .map(|(name, view)| (name, view.shape().to_vec(), view.data().to_vec()))
        .collect();
    all.sort();
    change(&mut all);
    let mut map = serde_json::Map::new();
    for (index, part) in all.chunks(all.len().div_ceil(shards)).enumerate() {
        let file = if shards == 1 {
            "model.safetensors".to_owned()
        } else {
            format!("part-{index}.safetensors")
        };
        let views: Vec<_> = part
            .iter()
            .map(|(name, shape, data)| {
                map.insert(name.clone(), file.clone().into());
                let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), data).unwrap();
                (name.clone(), view)
            })
            .collect();
        safetensors::serialize_to_file(views, None, &copy.path().join(&file)).unwrap();
    }
    if shards > 1 {
        let index = serde_json::json!({"weight_map": map}).to_string();
        std::fs::write(copy.path().join("model.safetensors.index.json"), index).unwrap();
    }
    copy
}

#[test]
fn shards_are_put_together() {
    let folder = rewritten("dino", 3, |_| {});
    assert_golden(
        config(EncoderKind::Dino, folder.path()).build().unwrap().as_ref(),
        "dino",
    );
    std::fs::remove_file(folder.path().join("part-1.safetensors")).unwrap();
    let error = refusal(&config(EncoderKind::Dino, folder.path()));
    assert!(error.contains("part-1.safetensors"), "{error}");
    let index = serde_json::json!({"weight_map": {"a": "../../etc/passwd"}}).to_string();
    std::fs::write(folder.path().join("model.safetensors.index.json"), index).unwrap();
    let error = refusal(&config(EncoderKind::Dino, folder.path()));
    assert!(error.contains("contains `..`"), "{error}");
}

#[test]
fn weights_that_do_not_fit_name_their_tensors() {
    let folder = rewritten("dino", 1, |tensors| {
        for (name, shape, data) in tensors.iter_mut() {
            if name == "encoder.layer.1.output.dense.bias" {
                *name = "encoder.layer.7.output.dense.bias".to_owned();
            }
            if name == "layernorm.weight" {
                shape[0] = 8;
                data.truncate(32);
            }
        }
    });
    let error = config(EncoderKind::Dino, folder.path()).build().err().unwrap();
    assert_eq!(error.exit_code(), crate::error::exit::DATA);
    let text = error.to_string();
    for part in [
        "1 missing: encoder.layer.1.output.dense.bias",
        "1 misshapen: layernorm.weight is [8], expected [16]",
        "1 left over: encoder.layer.7.output.dense.bias",
    ] {
        assert!(text.contains(part), "{text}");
    }
    // The weights of another family.
    let error = refusal(&config(EncoderKind::Clip, &model("dino")));
    assert!(
        error.contains("model_type is \"vit\"; kind = \"clip\" expects clip"),
        "{error}"
    );
}

#[test]
fn damaged_weight_files_are_errors() {
    for damage in [0, 7, 100, 4000] {
        let folder = rewritten("clip", 1, |_| {});
        let path = folder.path().join("model.safetensors");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..damage]).unwrap();
        let error = refusal(&config(EncoderKind::Clip, folder.path()));
        assert!(error.contains("failed to read the weights"), "{error}");
    }
    let folder = rewritten("clip", 1, |_| {});
    std::fs::write(folder.path().join("model.safetensors"), [0xFF; 64]).unwrap();
    assert!(config(EncoderKind::Clip, folder.path()).build().is_err());
    let folder = rewritten("clip", 1, |_| {});
    for bad in [
        "{",
        "{}",
        r#"{"model_type": "clip_vision_model", "hidden_size": 7, "num_attention_heads": 2}"#,
        r#"{"model_type": "clip_vision_model", "num_hidden_layers": 100000000}"#,
        r#"{"model_type": "clip_vision_model", "hidden_size": -1}"#,
        r#"{"model_type": "clip_vision_model", "patch_size": 0}"#,
    ] {
        std::fs::write(folder.path().join("config.json"), bad).unwrap();
        let error = refusal(&config(EncoderKind::Clip, folder.path()));
        assert!(error.contains("config.json"), "{bad}: {error}");
    }
}

#[test]
fn a_file_that_is_not_as_long_as_it_says_is_refused_by_its_header() {
    let folder = rewritten("clip", 1, |_| {});
    let path = folder.path().join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let huge = [&(1_u64 << 62).to_le_bytes(), &bytes[8..]].concat();
    let longer = [bytes.as_slice(), b"x"].concat();
    for (wrong, why) in [
        (huge, "claims that the first 4611686018427387904 describe"),
        (longer, "where its header describes"),
    ] {
        std::fs::write(&path, wrong).unwrap();
        let error = refusal(&config(EncoderKind::Clip, folder.path()));
        assert!(error.contains(why), "{error}");
    }
    // Terabytes that are not there cost neither memory nor time.
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    if file.set_len(1 << 40).is_ok() {
        let error = refusal(&config(EncoderKind::Clip, folder.path()));
        assert!(error.contains("it has 1099511627776 bytes"), "{error}");
    }
    std::fs::write(folder.path().join("config.json"), vec![b' '; 17 << 20]).unwrap();
    let error = refusal(&config(EncoderKind::Clip, folder.path()));
    assert!(error.contains("config.json has more than 16777216 bytes"), "{error}");
}

#[test]
fn weights_that_are_no_numbers_name_their_tensors() {
    let folder = rewritten("dino", 1, |tensors| {
        for (name, _, data) in tensors.iter_mut() {
            if name == "layernorm.bias" {
                data[..4].copy_from_slice(&f32::NAN.to_le_bytes());
            }
        }
    });
    let error = refusal(&config(EncoderKind::Dino, folder.path()));
    assert!(
        error.contains("not finite numbers, in 1 tensors: layernorm.bias"),
        "{error}"
    );
}

#[test]
fn of_several_models_the_teacher_is_taken() {
    let several = |names: [&'static str; 2]| {
        let folder = rewritten("dino", 1, |tensors| {
            let copies = names.map(|prefix| {
                let renamed = tensors.iter().map(move |(name, shape, data)| {
                    // Only one of them holds what the golden file was made from.
                    let data = if prefix == "student." {
                        vec![0; data.len()]
                    } else {
                        data.clone()
                    };
                    (format!("{prefix}{name}"), shape.clone(), data)
                });
                renamed.collect::<Vec<_>>()
            });
            *tensors = copies.concat();
        });
        let config = config(EncoderKind::Dino, folder.path());
        (folder, config)
    };
    let (_folder, both) = several(["student.", "teacher."]);
    assert_golden(both.build().unwrap().as_ref(), "dino");
    let (_folder, alike) = several(["a.", "b."]);
    let error = refusal(&alike);
    assert!(error.contains(r#"begin with "a.", "b.""#), "{error}");
}

#[test]
fn a_tensor_in_two_files_is_refused() {
    let folder = rewritten("dino", 2, |_| {});
    let first = folder.path().join("part-0.safetensors");
    std::fs::copy(&first, folder.path().join("part-1.safetensors")).unwrap();
    let error = refusal(&config(EncoderKind::Dino, folder.path()));
    assert!(error.contains("which another file of the model holds too"), "{error}");
}

#[test]
fn code_in_a_pickle_is_not_run() {
    // What `pickle.dumps` makes of an object that wants `os.system("touch …")` to be called, in protocol 2.
    let folder = described_as("dino");
    let there = folder.path().join("code-was-run");
    let command = format!("touch {}", there.display());
    let mut pickle = b"\x80\x02}X\x01\0\0\0acposix\nsystem\nX".to_vec();
    pickle.extend((command.len() as u32).to_le_bytes());
    pickle.extend(command.as_bytes());
    pickle.extend(b"\x85Rs.");
    std::fs::write(folder.path().join("pytorch_model.bin"), pickle).unwrap();
    let error = refusal(&config(EncoderKind::Dino, folder.path()));
    assert!(error.contains("it has no tensors"), "{error}");
    assert!(!there.exists());
}

#[test]
fn random_weights_are_named_wherever_the_encoder_is() {
    let random = EncoderConfig {
        kind: EncoderKind::Dino,
        weights: Some("random:3".into()),
        architecture: Some("vit-s-16".into()),
        input_size: Some(32),
        ..EncoderConfig::default()
    };
    assert!(random.is_random());
    let description = random.build().unwrap().describe();
    assert_eq!(title(&description).as_deref(), Some("dino (random weights)"));
    let trained = config(EncoderKind::Dino, &model("dino"));
    assert!(!trained.is_random());
    assert_eq!(title(&trained.build().unwrap().describe()).as_deref(), Some("dino"));
    assert_eq!(title(&serde_json::json!({"no": "kind"})), None);
}

#[test]
fn encoders_without_weights_say_what_to_fetch() {
    let mut config = EncoderConfig {
        kind: EncoderKind::Clip,
        ..EncoderConfig::default()
    };
    let error = config.build().err().unwrap();
    assert_eq!(error.exit_code(), crate::error::exit::DATA);
    assert!(error.to_string().contains("openai/clip-vit-base-patch16"), "{error}");
    config.weights = Some("/nonexistent".into());
    assert!(refusal(&config).contains("no such file or folder"));
    config.weights = Some("hf://a".into());
    let error = config.build().err().unwrap();
    assert_eq!(error.exit_code(), crate::error::exit::USAGE);
    config.weights = Some("random:1".into());
    config.architecture = Some("vit-z-1".into());
    let error = refusal(&config);
    assert!(
        error.contains("expected vit-b-32, vit-b-16, vit-l-14, vit-l-14-336"),
        "{error}"
    );
    let config = EncoderConfig {
        weights: Some("x".into()),
        ..EncoderConfig::default()
    };
    assert_eq!(config.validate().unwrap_err().0, "weights");
}

#[test]
fn the_global_vector_and_the_input_size_are_choices() {
    let mut config = config(EncoderKind::Clip, &model("clip"));
    let projected = config.build().unwrap();
    assert_eq!(projected.global_dim(), 12);
    config.global = Global::Mean;
    let mean = config.build().unwrap();
    assert_eq!(mean.global_dim(), 16);
    assert_ne!(mean.digest(), projected.digest());
    let encoded = &mean.encode(&[photo()]).unwrap()[0];
    let tokens = encoded.tokens.as_ref().unwrap();
    let first: f32 = tokens.chunks(16).map(|t| t[0]).sum::<f32>() / 16.0;
    assert!((first - encoded.global[0]).abs() < 1e-5);
    config.input_size = Some(48);
    let larger = config.build().unwrap();
    assert_eq!(larger.tokens().unwrap().count(), 36);
    assert_eq!(
        larger.encode(&[photo()]).unwrap()[0].tokens.as_ref().unwrap().len(),
        36 * 16
    );
    config.input_size = Some(47);
    assert!(refusal(&config).contains("multiple of its patch size 8"));
}

#[test]
fn inputs_of_too_many_patches_are_refused() {
    let mut config = config(EncoderKind::Clip, &model("clip"));
    config.input_size = Some(1024);
    let error = refusal(&config);
    assert!(error.contains("128 patches a side; the limit is 64"), "{error}");
    config.input_size = Some(512);
    assert!(config.build().unwrap().batch_size() < 16);
}

/// Numbers in [-0.5, 0.5) that only depend on `name`: FNV-1a, then splitmix64, as in `tests/peers/vit/make_full.py`.
fn uniform(name: &str, count: usize) -> Vec<f32> {
    let seed = name.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    (1..=count as u64)
        .map(|i| {
            let z = seed.wrapping_add(i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((z ^ (z >> 31)) >> 40) as f32 / (1 << 24) as f32 - 0.5
        })
        .collect()
}

#[test]
fn transformers_computes_the_same_at_full_size() {
    let architecture = model_folder::named_architecture(EncoderKind::Clip, "vit-b-16").unwrap();
    let shapes: std::collections::BTreeMap<_, _> = architecture.parameters().into_iter().collect();
    let golden = golden("full_b16.json");
    let noise = uniform("image", 224 * 224 * 3);
    let bytes = noise.iter().map(|v| ((v + 0.5) * 256.0) as u8).collect();
    let image = RgbImage::from_raw(224, 224, bytes).unwrap();
    let encode = |precision| {
        let device = Device::flex();
        let vit = vit::Vit::new(&architecture, 224, Global::Projected, precision, &device, |name| {
            let mut values = uniform(name, shapes[name].iter().product());
            let gain = name.contains("norm") && name.ends_with("weight");
            for value in &mut values {
                *value = if gain { *value * 0.25 + 1.0 } else { *value * 0.125 };
            }
            Ok(values)
        })
        .unwrap();
        let encoded = vit
            .encode(std::slice::from_ref(&image), &crate::image::Preprocess::clip(224))
            .unwrap()
            .remove(0);
        let tokens: Vec<f32> = encoded
            .tokens
            .unwrap()
            .chunks_exact(768)
            .step_by(13)
            .flat_map(|token| token.iter().copied().step_by(7).collect::<Vec<_>>())
            .collect();
        (
            relative_error(&encoded.global, &golden.global),
            relative_error(&tokens, &golden.tokens),
        )
    };
    let (global, tokens) = encode(Precision::F32);
    assert!(global < 1e-4 && tokens < 1e-4, "f32: {global} {tokens}");
    let (global, tokens) = encode(Precision::Bf16);
    assert!(global < 1e-2 && tokens < 1e-2, "bf16: {global} {tokens}");
}

#[test]
fn an_image_has_the_same_features_whatever_stands_beside_it() {
    let encoder = config(EncoderKind::Clip, &model("clip")).build().unwrap();
    let turned = ::image::imageops::rotate180(&photo());
    let images = [photo(), turned.clone(), photo(), turned];
    let together = encoder.encode(&images).unwrap();
    for count in 1..images.len() {
        assert_eq!(encoder.encode(&images[..count]).unwrap(), together[..count]);
    }
}
