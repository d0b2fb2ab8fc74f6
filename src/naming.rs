//! What an encoder is called, in every table and figure.

/// What `weights` begins with, in recipes and descriptions, where weights are drawn instead of trained.
pub const RANDOM: &str = "random:";

/// What has to be said beside every result of such weights.
pub const RANDOM_WARNING: &str = "RANDOM WEIGHTS: the encoder was drawn, not trained; its features mean nothing";

/// Whether `description` (of [`Encoder::describe`]) is of weights that were drawn instead of trained.
pub fn is_random(description: &serde_json::Value) -> bool {
    let weights = description.get("weights").and_then(serde_json::Value::as_str);
    weights.is_some_and(|weights| weights.starts_with(RANDOM))
}

/// How large the vision transformer of a `description` is, as recipes name it: `vit-b-16`, with the pixels of its images behind
/// it where these are not 224; `None` where the description has no architecture.
pub fn architecture(description: &serde_json::Value) -> Option<String> {
    let sizes = description.get("architecture")?;
    let size = |key: &str| sizes.get(key)?.as_u64();
    let width = match size("hidden")? {
        384 => "s".to_owned(),
        768 => "b".to_owned(),
        1024 => "l".to_owned(),
        other => other.to_string(),
    };
    let pixels = match size("image_size")? {
        224 => String::new(),
        other => format!("-{other}"),
    };
    Some(format!("vit-{width}-{}{pixels}", size("patch_size")?))
}

/// Whether `description` is of an encoder of this kind and, if one is named, of this architecture.
pub fn is_of(description: &serde_json::Value, kind: &str, wanted: Option<&str>) -> bool {
    let own = description.get("kind").and_then(serde_json::Value::as_str);
    own == Some(kind) && wanted.is_none_or(|wanted| architecture(description).as_deref() == Some(wanted))
}

/// What people are told an encoder is called: the kind in its `description`, and that its weights are random where they are.
pub fn title(description: &serde_json::Value) -> Option<String> {
    let kind = description.get("kind")?.as_str()?;
    let remark = if is_random(description) {
        " (random weights)"
    } else {
        ""
    };
    Some(format!("{kind}{remark}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{architecture, is_of};

    #[test]
    fn an_encoder_is_known_by_its_sizes() {
        let of = |hidden: u64, patch: u64, pixels: u64| json!({"kind": "clip", "architecture": {"hidden": hidden, "patch_size": patch, "image_size": pixels}});
        assert_eq!(architecture(&of(768, 16, 224)).as_deref(), Some("vit-b-16"));
        assert_eq!(architecture(&of(1024, 14, 336)).as_deref(), Some("vit-l-14-336"));
        assert_eq!(architecture(&of(48, 4, 224)).as_deref(), Some("vit-48-4"));
        assert!(is_of(&of(768, 16, 224), "clip", Some("vit-b-16")));
        assert!(is_of(&of(1024, 14, 224), "clip", None));
        for other in [
            of(768, 32, 224),
            of(768, 16, 336),
            json!({"kind": "clip"}),
            json!({"kind": "hog"}),
        ] {
            assert!(!is_of(&other, "clip", Some("vit-b-16")), "{other}");
        }
    }
}
