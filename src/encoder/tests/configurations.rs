//! Whatever a configuration file says.

use super::*;

/// Any JSON value of the kinds that configuration files hold.
fn json_value() -> impl proptest::strategy::Strategy<Value = serde_json::Value> {
    use proptest::prelude::*;
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        (0_u64..300).prop_map(Into::into),
        "(gelu|quick_gelu|x)?".prop_map(Into::into),
    ];
    leaf.prop_recursive(2, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            proptest::collection::btree_map("width|height|shortest_edge|hidden_size", inner, 0..3)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest::proptest! {
    /// Whatever a model folder's configuration says, it is understood or refused.
    #[test]
    fn configurations_never_panic(
        family in 0_usize..3,
        changes in proptest::collection::vec((0_usize..28, json_value()), 0..6),
    ) {
        const KEYS: [&str; 28] = [
            "hidden_size", "image_size", "patch_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
            "mlp_ratio", "layer_norm_eps", "hidden_act", "use_swiglu_ffn", "projection_dim", "num_channels", "qkv_bias",
            "num_register_tokens", "vision_config", "size", "crop_size", "do_resize", "do_center_crop", "resample",
            "rescale_factor", "image_mean", "image_std", "do_normalize", "do_rescale", "default_to_square",
            "image_processor_type", "crop_pct",
        ];
        let (kind, name) = [
            (EncoderKind::Clip, "clip"),
            (EncoderKind::Dino, "vit"),
            (EncoderKind::Dinov2, "dinov2_with_registers"),
        ][family];
        let mut config = serde_json::json!({"model_type": name});
        for (key, value) in changes {
            config[KEYS[key]] = value;
        }
        if let Ok(architecture) = model_folder::architecture_of(&config, kind) {
            proptest::prop_assert!(architecture.validate().is_ok());
            proptest::prop_assert!(!architecture.parameters().is_empty());
        }
        if let Ok(preprocess) = processor::preprocess_of(&config, kind) {
            proptest::prop_assert!(preprocess.std.iter().all(|&s| s > 0.0));
        }
    }
}

/// What a processor's settings come to.
fn processed(kind: EncoderKind, settings: &serde_json::Value) -> Result<crate::image::Preprocess, String> {
    processor::preprocess_of(settings, kind)
}

#[test]
fn settings_mean_what_they_mean_to_transformers() {
    use serde_json::json;

    use crate::image::{Filter, Resize};
    use EncoderKind::{Clip, Dino, Dinov2};
    let sizes = |kind, settings| {
        let found = processed(kind, &settings).unwrap();
        (found.resize, found.centre_crop)
    };
    let short = Resize::ShortSide;
    for (kind, settings, resize, crop) in [
        (Clip, json!({}), short(224), Some((224, 224))),
        (
            Clip,
            json!({"size": 336, "crop_size": 336}),
            short(336),
            Some((336, 336)),
        ),
        (
            Clip,
            json!({"size": {"shortest_edge": 256}, "do_center_crop": true}),
            short(256),
            Some((224, 224)),
        ),
        (
            Clip,
            json!({"size": {"shortest_edge": 64}, "crop_size": null}),
            short(64),
            Some((224, 224)),
        ),
        (
            Clip,
            json!({"size": {"height": 32, "width": 48}, "do_center_crop": false}),
            Resize::Exact(48, 32),
            None,
        ),
        (
            Clip,
            json!({"size": [32, 48], "do_center_crop": false}),
            Resize::Exact(48, 32),
            None,
        ),
        (
            Clip,
            json!({"do_resize": false, "crop_size": 96}),
            Resize::None,
            Some((96, 96)),
        ),
        (
            Clip,
            json!({"do_resize": null, "do_center_crop": null, "size": null}),
            short(224),
            Some((224, 224)),
        ),
        (
            Clip,
            json!({"size": 64, "default_to_square": true, "do_center_crop": false}),
            Resize::Exact(64, 64),
            None,
        ),
        (Dino, json!({}), Resize::Exact(224, 224), None),
        (Dino, json!({"size": 96}), Resize::Exact(96, 96), None),
        (Dino, json!({"size": 96, "crop_size": 64}), Resize::Exact(96, 96), None),
        (
            Dino,
            json!({"size": 96, "crop_size": 64, "do_center_crop": true}),
            Resize::Exact(96, 96),
            Some((64, 64)),
        ),
        (
            Dino,
            json!({"feature_extractor_type": "DeiTFeatureExtractor"}),
            Resize::Exact(256, 256),
            Some((224, 224)),
        ),
        (
            Dinov2,
            json!({"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}}),
            short(256),
            Some((224, 224)),
        ),
        // As fast processors write themselves.
        (
            Clip,
            json!({
                "crop_size": null, "default_to_square": true, "do_center_crop": null, "do_convert_rgb": null,
                "do_normalize": true, "do_rescale": true, "do_resize": true, "image_mean": [0.5, 0.5, 0.5],
                "image_processor_type": "ViTImageProcessorFast", "image_std": [0.5, 0.5, 0.5], "resample": 2,
                "rescale_factor": 0.003_921_568_627_450_98, "size": {"height": 64, "width": 64},
            }),
            Resize::Exact(64, 64),
            None,
        ),
    ] {
        assert_eq!(sizes(kind, settings.clone()), (resize, crop), "{settings}");
    }
    let clip = crate::image::Preprocess::clip(224);
    let found = processed(Clip, &json!({"image_mean": null, "image_std": null, "resample": null})).unwrap();
    assert_eq!(
        (found.mean, found.std, found.filter),
        (clip.mean, clip.std, Filter::Bicubic)
    );
    let found = processed(Dino, &json!({"image_mean": 0.25, "image_std": 0.5})).unwrap();
    assert_eq!(
        (found.mean, found.std, found.filter),
        ([0.25; 3], [0.5; 3], Filter::Bilinear)
    );
    let found = processed(Dino, &json!({"do_normalize": false})).unwrap();
    assert_eq!((found.mean, found.std), ([0.0; 3], [1.0; 3]));
    // Without rescaling, a pixel of 255 stays 255; with another factor it becomes that much.
    let white = ::image::RgbImage::from_pixel(1, 1, ::image::Rgb([255; 3]));
    for (settings, expected) in [
        (json!({"do_rescale": false, "do_normalize": false}), 255.0),
        (
            json!({"do_rescale": false, "image_mean": 127.5, "image_std": 127.5}),
            1.0,
        ),
        (
            json!({"rescale_factor": 2.0 / 255.0, "image_mean": 1.0, "image_std": 1.0}),
            1.0,
        ),
        (
            json!({"rescale_factor": null, "image_mean": 0.5, "image_std": 0.5}),
            1.0,
        ),
    ] {
        let value = processed(Dino, &settings).unwrap().normalise(&white)[0];
        assert!((value - expected).abs() < 1e-4, "{settings}: {value}");
    }
    for (settings, part) in [
        (
            json!({"do_resize": "no"}),
            "do_resize is \"no\"; expected true or false",
        ),
        (
            json!({"size": {"shortest_edge": 64, "longest_edge": 128}}),
            "limit of the long side",
        ),
        (json!({"size": {"height": 64}}), "is no size"),
        (json!({"image_mean": [0.5, 0.5]}), "expected three numbers"),
        (json!({"image_std": 0.0}), "more than 0"),
        (json!({"rescale_factor": 0}), "rescale_factor is 0"),
        (json!({"crop_pct": 0.875}), "crop_pct is 0.875"),
        (json!({"do_pad": true}), "do_pad is true"),
        (json!({"resample": 0}), "resample is 0"),
        (json!({"interpolation": "bicubic"}), "interpolation is"),
        (
            json!({"image_processor_type": "TimmWrapperImageProcessor", "image_mean": 0.5}),
            "do_resize is not given",
        ),
    ] {
        let error = processed(Clip, &settings).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn settings_are_found_wherever_a_folder_keeps_them() {
    let folder = tempfile::tempdir().unwrap();
    let architecture = model_folder::named_architecture(EncoderKind::Clip, "vit-b-16").unwrap();
    let read = || {
        let (preprocess, from) = processor::read_preprocess(folder.path(), EncoderKind::Clip, &architecture).unwrap();
        (preprocess.mean[0], from)
    };
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    assert_eq!(read(), (0.481_454_66, "the family's default"));
    write("processor_config.json", r#"{"processor_class": "CLIPProcessor"}"#);
    assert_eq!(read().1, "the family's default");
    write("preprocessor_config.json", r#"{"image_mean": [0.5, 0.5, 0.5]}"#);
    assert_eq!(read(), (0.5, "preprocessor_config.json"));
    write("processor_config.json", r#"{"image_processor": {"image_mean": 0.25}}"#);
    assert_eq!(read(), (0.25, "processor_config.json"));
    write("processor_config.json", r#"{"image_processor": {"image_mean": "x"}}"#);
    let error = processor::read_preprocess(folder.path(), EncoderKind::Clip, &architecture)
        .unwrap_err()
        .to_string();
    assert!(error.contains("processor_config.json: image_mean is"), "{error}");
}

/// A class whose defaults nobody here knows says everything itself.
#[test]
fn an_unknown_class_that_leaves_nothing_open_is_read() {
    let mut settings = serde_json::json!({
        "image_processor_type": "OtherImageProcessor", "do_resize": true, "size": {"height": 32, "width": 32},
        "resample": 2, "do_center_crop": false, "do_rescale": true, "do_normalize": true, "image_mean": 0.5, "image_std": 0.5,
    });
    let found = processed(EncoderKind::Clip, &settings).unwrap();
    assert_eq!((found.mean, found.centre_crop), ([0.5; 3], None));
    settings["image_std"] = serde_json::Value::Null;
    let error = processed(EncoderKind::Clip, &settings).unwrap_err();
    assert!(error.contains("image_std is not given"), "{error}");
}

/// How much is cropped where nothing says it: what the class says, and no guess where no class does.
#[test]
fn a_crop_without_a_size_is_the_classs_own() {
    use serde_json::json;

    let crop = |class: &str| {
        let settings = json!({
            "image_processor_type": class, "do_resize": true, "size": {"height": 256, "width": 256}, "resample": 3,
            "do_center_crop": true, "do_rescale": true, "do_normalize": true, "image_mean": 0.5, "image_std": 0.5
        });
        processed(EncoderKind::Clip, &settings).map(|found| found.centre_crop)
    };
    for class in ["CLIPImageProcessor", "DeiTImageProcessor", "BitImageProcessorFast"] {
        assert_eq!(crop(class), Ok(Some((224, 224))), "{class}");
    }
    for class in ["ViTImageProcessor", "PerceiverImageProcessor"] {
        let error = crop(class).unwrap_err();
        assert!(error.contains("crop_size is not given"), "{class}: {error}");
    }
}

#[test]
fn settings_that_are_there_and_cannot_be_read_are_no_default() {
    let architecture = model_folder::named_architecture(EncoderKind::Clip, "vit-b-16").unwrap();
    let refused = |make: &dyn Fn(&std::path::Path)| {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path());
        let read = processor::read_preprocess(folder.path(), EncoderKind::Clip, &architecture);
        read.unwrap_err().to_string()
    };
    let error = refused(&|folder| std::fs::create_dir(folder.join("preprocessor_config.json")).unwrap());
    assert!(error.contains("preprocessor_config.json is no file"), "{error}");
    #[cfg(unix)]
    {
        let error = refused(&|folder| {
            std::os::unix::fs::symlink("../../blobs/abc", folder.join("preprocessor_config.json")).unwrap();
        });
        assert!(error.contains("links to none"), "{error}");
    }
    for (name, text, part) in [
        (
            "preprocessor_config.json",
            "[]",
            "expected an object with settings, found a list",
        ),
        (
            "processor_config.json",
            r#"{"image_mean": 0.5}"#,
            "image_mean stands where",
        ),
        (
            "processor_config.json",
            r#"{"feature_extractor": {"do_resize": true}}"#,
            "feature_extractor.do_resize stands where",
        ),
    ] {
        let error = refused(&|folder| std::fs::write(folder.join(name), text).unwrap());
        assert!(error.contains(part) && error.contains(name), "{error}");
    }
    // What stands in the wrong place does no harm beside what stands in the right one.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("processor_config.json"), r#"{"image_mean": 0.5}"#).unwrap();
    std::fs::write(
        folder.path().join("preprocessor_config.json"),
        r#"{"image_mean": 0.25}"#,
    )
    .unwrap();
    let (found, from) = processor::read_preprocess(folder.path(), EncoderKind::Clip, &architecture).unwrap();
    assert_eq!((found.mean[0], from), (0.25, "preprocessor_config.json"));
}
