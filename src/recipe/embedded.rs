//! The recipes that the program carries, so that it runs from any folder.

use std::path::{Component, Path};

use include_dir::{Dir, include_dir};

static RECIPES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/recipes");

/// The text of a built-in recipe, asked for as `recipes/NAME.toml`.
pub fn find(path: &Path) -> Option<&'static str> {
    let parts: std::path::PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    RECIPES
        .get_file(parts.strip_prefix("recipes").ok()?)
        .and_then(|file| file.contents_utf8())
}

/// Paths of the built-in recipes, sorted.
pub fn names() -> Vec<String> {
    let mut names: Vec<String> = RECIPES
        .files()
        .map(|file| format!("recipes/{}", file.path().display()))
        .collect();
    names.sort();
    names
}
