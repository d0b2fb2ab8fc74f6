//! The encoder of a run, exactly: what says otherwise is refused.

use burn::tensor::Device;
use serde_json::Value as Json;

use crate::encoder::interface::Encoder;
use crate::error::{Error, Result};
use crate::feature::FeatureMetadata;
use crate::feature::pool::pooled_shape;
use crate::interrupt::Interrupt;
use crate::model::config::Level;
use crate::naming;
use crate::progress::Progress;

use super::model::RunModel;

/// Builds the encoder that the run's features were extracted with. `cache` is where fetched weights are kept.
///
/// # Errors
/// [`Error::Data`] if the features were made elsewhere, weights are missing, or what there is is another encoder: other weights,
/// other pre-processing.
pub fn encoder_of(
    run: &RunModel,
    cache: Option<&std::path::Path>,
    device: &Device,
    progress: Progress,
    interrupt: &Interrupt,
) -> Result<Box<dyn Encoder>> {
    let name = &run.run.run;
    if run.recipe.card.is_table() {
        return Err(Error::data(format!(
            "the features of {name} were made elsewhere ({}), so images cannot be encoded as they were: expected a feature table of \
             the same encoder",
            naming::title(&run.run.manifest.encoder).unwrap_or_else(|| "an encoder that is not named".to_owned())
        )));
    }
    let encoder = run
        .recipe
        .encoder
        .fetched(cache, progress, interrupt)
        .and_then(|config| config.build_on(device))
        .map_err(|error| error.within(&format!("the encoder of {name} cannot be had")))?;
    if let Some((key, expected, found)) = difference(&run.run.manifest.encoder, &encoder.describe()) {
        return Err(Error::data(format!(
            "the encoder of {name} cannot be had: `{key}` was {expected} when the run was made, and is {found} now; put the weights \
             and their pre-processing back where its recipe names them ({})",
            run.recipe.encoder.weights.as_deref().unwrap_or("none are named")
        )));
    }
    let tokens = pooled_shape(run.recipe.features.tokens, encoder.tokens(), encoder.name())?;
    let patches = match run.trained.config.level_for(run.trained.task) {
        Level::Global => 1,
        Level::Patch => tokens.map_or(0, |tokens| tokens.count()),
    };
    if patches != run.trained.patches {
        return Err(Error::data(format!(
            "the encoder of {name} gives {patches} vectors an image, where its model was trained on {}",
            run.trained.patches
        )));
    }
    Ok(encoder)
}

/// Makes sure that a feature table is of the run's encoder and of its options.
///
/// # Errors
/// [`Error::Data`] that names what differs.
pub fn check_table(run: &RunModel, table: &FeatureMetadata, shown: &str) -> Result<()> {
    let name = &run.run.run;
    let refused = |key: &str, expected: &dyn std::fmt::Display, found: &dyn std::fmt::Display| {
        Err(Error::unusable_table(format!(
            "{shown} is no table that {name} can predict from: `{key}` is {found}, expected {expected} as in the run; extract the \
             features as the run did"
        )))
    };
    if let Some((key, expected, found)) = difference(&run.run.manifest.encoder, &table.encoder) {
        return refused(&format!("encoder.{key}"), &expected, &found);
    }
    let features = &run.recipe.features;
    if !run.recipe.card.is_table() {
        let kept = serde_json::json!({"crop": features.crop, "margin": features.margin});
        for key in ["crop", "margin"] {
            let found = table.preprocessing.get(key).unwrap_or(&Json::Null);
            if let Some((_, expected, found)) = difference(&kept[key], found) {
                return refused(&format!("features.{key}"), &expected, &found);
            }
        }
    }
    if table.dtype != features.dtype {
        let [expected, found] = [features.dtype, table.dtype].map(|dtype| format!("{dtype:?}").to_lowercase());
        return refused("features.dtype", &expected, &found);
    }
    if run.trained.config.level_for(run.trained.task) == Level::Patch {
        let found = table.tokens.map_or(0, |tokens| tokens.count());
        if found != run.trained.patches {
            return refused("tokens an image", &run.trained.patches, &found);
        }
    }
    Ok(())
}

/// The first place where two descriptions differ: its key, what was expected and what was found. Numbers are equal if they are in
/// single precision, as encoders hold them.
fn difference(expected: &Json, found: &Json) -> Option<(String, String, String)> {
    match (expected, found) {
        (Json::Object(a), Json::Object(b)) => {
            let mut keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            keys.find_map(|key| {
                let of = |map: &serde_json::Map<String, Json>| map.get(key).cloned().unwrap_or(Json::Null);
                let (path, expected, found) = difference(&of(a), &of(b))?;
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{key}.{path}")
                };
                Some((path, expected, found))
            })
        }
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() => {
            let mut pairs = a.iter().zip(b);
            pairs.find_map(|(a, b)| difference(a, b))
        }
        (Json::Number(a), Json::Number(b)) => {
            let narrow = |number: &serde_json::Number| number.as_f64().map(|value| (value as f32).to_bits());
            (narrow(a) != narrow(b)).then(|| (String::new(), a.to_string(), b.to_string()))
        }
        _ => (expected != found).then(|| (String::new(), shown(expected), shown(found))),
    }
}

fn shown(value: &Json) -> String {
    match value {
        Json::Null => "not there".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::difference;

    #[test]
    fn the_first_difference_is_named_with_its_key() {
        let run =
            json!({"kind": "clip", "preprocess": {"mean": [0.481_454_66_f32, 0.5], "size": 224}, "weights": "ab"});
        assert_eq!(difference(&run, &run.clone()), None);
        // The same number, written from single and from double precision.
        let rounded =
            json!({"kind": "clip", "preprocess": {"mean": [0.481_454_66, 0.5], "size": 224}, "weights": "ab"});
        assert_eq!(difference(&run, &rounded), None);
        let mut other = run.clone();
        other["preprocess"]["mean"][1] = json!(0.25);
        let found = difference(&run, &other).unwrap();
        assert_eq!(
            (found.0.as_str(), found.1.as_str(), found.2.as_str()),
            ("preprocess.mean", "0.5", "0.25")
        );
        other = json!({"kind": "clip", "preprocess": run["preprocess"], "more": 1});
        let found = difference(&run, &other).unwrap();
        assert_eq!((found.0.as_str(), found.2.as_str()), ("weights", "not there"));
    }
}
