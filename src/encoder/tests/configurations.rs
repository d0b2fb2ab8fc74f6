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
        changes in proptest::collection::vec((0_usize..24, json_value()), 0..6),
    ) {
        const KEYS: [&str; 24] = [
            "hidden_size", "image_size", "patch_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
            "mlp_ratio", "layer_norm_eps", "hidden_act", "use_swiglu_ffn", "projection_dim", "num_channels", "qkv_bias",
            "num_register_tokens", "vision_config", "size", "crop_size", "do_resize", "do_center_crop", "resample",
            "rescale_factor", "image_mean", "image_std", "do_normalize",
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
        let default = crate::image::Preprocess::dino(224);
        if let Ok(preprocess) = model_folder::preprocess_of(&config, &default) {
            proptest::prop_assert!(preprocess.std.iter().all(|&s| s > 0.0));
        }
    }
}
