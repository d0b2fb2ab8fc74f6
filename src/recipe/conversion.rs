//! A conversion by hand has a card and no recipe: its overrides are read as those of a recipe that says nothing else.

use std::path::Path;

use crate::dataset::Card;
use crate::dataset::options::ConvertOptions;
use crate::document::tree::{Node, OVERRIDE};
use crate::error::Result;

use super::load::{RECIPE, RecipeOptions, overlay};
use super::resolve::resolve;

/// Keys of a recipe that decide what a samples table holds; all others say what is done with it.
const KEYS: [&str; 17] = [
    "dataset.decoded_frames",
    "dataset.frame_base",
    "dataset.layout",
    "dataset.max_pixels",
    "dataset.max_rejected",
    "protocol.camera",
    "protocol.fold_list",
    "protocol.fold_list_digest",
    "protocol.frames",
    "protocol.images",
    "protocol.release",
    "protocol.split_list",
    "protocol.split_list_digest",
    "protocol.split_seed",
    "protocol.task",
    "protocol.test_share",
    "protocol.unknown",
];

/// The card of this name or path, and the options of its conversion under `KEY=VALUE` overrides.
///
/// # Errors
/// As [`Card::load`]; a [`crate::document::mistake::Mistake`] (exit 2) for an override that a recipe of this card would not take, or that
/// changes nothing about a conversion.
pub fn conversion_options(card: &str, set: &[String]) -> Result<(Card, ConvertOptions)> {
    let loaded = Card::load(card)?;
    if set.is_empty() {
        return Ok((loaded, ConvertOptions::default()));
    }
    let name = toml::Value::String(card.to_owned());
    let text = format!("schema = 1\nname = \"conversion\"\ndataset = {{ card = {name} }}\n");
    let options = RecipeOptions {
        stand_in: false,
        set: set.to_vec(),
    };
    let tree = overlay(Node::parse(RECIPE, "CARD", &text)?, &options)?;
    let recipe = resolve(Path::new(""), tree.clone(), false)?;
    for (key, leaf) in tree.leaves() {
        if leaf.place.file() == OVERRIDE && !KEYS.contains(&key.as_str()) {
            return Err(tree
                .place_of(&key, true)
                .error(
                    format!("`{key}` changes nothing about a conversion"),
                    "this key",
                    Some(format!(
                        "the samples table holds every label as the database has it, and `run` decides what is done with it; \
                         keys of a conversion: {}",
                        KEYS.join(", ")
                    )),
                )
                .into());
        }
    }
    let options = recipe.protocol.convert_options(&recipe.dataset);
    Ok((recipe.card, options))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(overrides: &[&str]) -> Vec<String> {
        overrides.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn nothing_set_is_what_a_recipe_of_the_card_says() {
        for name in Card::names().into_iter().filter(|name| name != "table") {
            let (card, options) = conversion_options(&name, &[]).unwrap();
            let same = conversion_options(&name, &set(&["dataset.layout=auto"])).unwrap();
            assert_eq!((card, options), same);
        }
    }

    #[test]
    fn what_shapes_a_conversion_is_taken_over() {
        let overrides = [
            "protocol.camera=right",
            "protocol.frames=without_bad",
            "dataset.max_rejected=0.5",
        ];
        let (_, options) = conversion_options("disfa", &set(&overrides)).unwrap();
        assert_eq!(
            (options.camera, options.frames, options.max_rejected),
            (crate::dataset::Camera::Right, crate::dataset::Frames::WithoutBad, 0.5)
        );
        let (_, options) = conversion_options("affectnet7", &set(&["protocol.release=first"])).unwrap();
        assert_eq!(options.release.as_deref(), Some("first"));
    }

    #[test]
    fn what_does_not_is_refused() {
        for (card, text, told) in [
            (
                "rafdb",
                "train.epochs=3",
                "`train.epochs` changes nothing about a conversion",
            ),
            (
                "disfa",
                "protocol.au_threshold=\">= 1\"",
                "`protocol.au_threshold` changes nothing",
            ),
            ("rafdb", "dataset.card=disfa", "`dataset.card` changes nothing"),
            ("rafdb", "protocol.camera=left", "means nothing for rafdb"),
            ("rafdb", "protocol.imagez=original", "unknown key `protocol.imagez`"),
            ("rafdb", "protocol.images=sideways", "impossible value \"sideways\""),
            ("rafdb", "protocol.images", "an override is KEY=VALUE"),
        ] {
            let error = conversion_options(card, &set(&[text])).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(told), "{text}: {error}");
        }
    }
}
