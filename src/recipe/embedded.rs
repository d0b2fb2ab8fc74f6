//! The recipes that the program carries, so that it runs from any folder.

use std::path::{Component, Path};

use include_dir::include_dir;

use crate::document::assets::Embedded;

static RECIPES: Embedded = Embedded::new(include_dir!("$CARGO_MANIFEST_DIR/recipes"), "recipes");

/// The text of a built-in recipe, asked for as `recipes/NAME.toml`.
pub fn find(path: &Path) -> Option<&'static str> {
    let parts: std::path::PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    RECIPES.text(parts.strip_prefix("recipes").ok()?.to_str()?)
}

/// Paths of the built-in recipes, sorted.
pub fn names() -> Vec<String> {
    let documents = RECIPES.documents();
    documents
        .iter()
        .map(|name| RECIPES.shown(&format!("{name}.toml")))
        .collect()
}
