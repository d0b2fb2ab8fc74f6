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
