//! The recipes that the program carries, so that it runs from any folder.

use std::path::{Component, Path, PathBuf};

use include_dir::include_dir;

use crate::document::assets::Embedded;

const FOLDER: &str = "recipes";

static RECIPES: Embedded = Embedded::new(include_dir!("$CARGO_MANIFEST_DIR/recipes"), FOLDER);

/// The text of a built-in recipe, asked for as `recipes/NAME.toml`.
pub fn find(path: &Path) -> Option<&'static str> {
    let parts: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    RECIPES.text(parts.strip_prefix(FOLDER).ok()?.to_str()?)
}

/// As [`place`], for what is asked for on the command line.
pub fn asked(path: &Path) -> PathBuf {
    place(Path::new(""), path)
}

/// Where the recipe lies that is `written` in a file of `folder`: `recipes/NAME.toml` where the NAME of a
/// built-in recipe is written and no file is called so. A folder of that name, such as the database's own, is in nobody's way.
pub fn place(folder: &Path, written: &Path) -> PathBuf {
    let path = folder.join(written);
    let built_in = names().into_iter().find(|name| written == Path::new(name));
    match built_in {
        Some(name) if !path.is_file() => Path::new(FOLDER).join(name + ".toml"),
        _ => path,
    }
}

/// Names of the built-in recipes, sorted.
pub fn names() -> Vec<String> {
    RECIPES.documents()
}
