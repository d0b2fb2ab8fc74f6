//! From a path to one merged tree: `extends`, stand-in overrides, overrides of single keys.

use std::path::Path;

use crate::document::assets::Asset;
use crate::document::extends::Extending;
use crate::document::mistake::Mistake;
use crate::document::suggest::nearest;
use crate::document::tree::Node;
use crate::encoder::config::EncoderKind;
use crate::regular;

use super::embedded;

/// What a recipe is called where a mistake in it is shown.
pub(super) const RECIPE: &str = "recipe";

/// How a recipe is asked for on the command line.
#[derive(Debug, Clone, Default)]
pub struct RecipeOptions {
    /// Whether `[stand_in.override]` applies.
    pub stand_in: bool,
    /// `KEY=VALUE` overrides, in order; later ones win.
    pub set: Vec<String>,
}

/// Reads `path` and all that it extends into one tree, and lays the overrides over it.
///
/// A recipe that is not on disk is looked for among those built into the program, so that `recipes/rafdb.toml` works from
/// any folder.
///
/// # Errors
/// A file that cannot be read, bad TOML, a cycle of `extends`, or a malformed override.
pub fn load(path: &Path, options: &RecipeOptions) -> Result<Node, Box<Mistake>> {
    overlay(file(path)?, options)
}

/// Reads `path` and all that it extends into one tree.
///
/// # Errors
/// As [`load`], but for the overrides.
pub fn file(path: &Path) -> Result<Node, Box<Mistake>> {
    read_file(path, None)
}

/// As [`file`], for a path that stands in another recipe.
///
/// # Errors
/// As [`file`].
pub fn file_named_by(path: &Path, named_by: &Node) -> Result<Node, Box<Mistake>> {
    read_file(path, Some(named_by))
}

/// The name that a recipe has by its file.
pub fn stem(path: &Path) -> String {
    path.file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Lays the stand-in overrides and the overrides of single keys over a tree.
///
/// # Errors
/// A malformed override.
pub fn overlay(mut tree: Node, options: &RecipeOptions) -> Result<Node, Box<Mistake>> {
    let overrides = tree
        .get("stand_in")
        .and_then(|section| section.get("override"))
        .cloned();
    if let (true, Some(overrides)) = (options.stand_in, overrides) {
        tree = laid(tree, overrides);
    }
    // As one layer: what is set for an encoder goes with its kind in whatever order both are given.
    let mut set: Option<Node> = None;
    for argument in &options.set {
        let next = Node::parse_override(argument)?.with_nested_sweep();
        set = Some(match set {
            Some(before) => before.overlaid(next),
            None => next,
        });
    }
    Ok(match set {
        Some(set) => laid(tree, set),
        None => tree,
    })
}

/// Lays `upper` over `lower`. An encoder of another kind takes over nothing that belongs to the model below it, so that
/// `encoder.kind` alone chooses another encoder, whatever weights a recipe names for its own.
pub(super) fn laid(mut lower: Node, upper: Node) -> Node {
    let kind = |tree: &Node| Some(tree.get("encoder")?.get("kind")?.as_str()?.to_owned());
    if let (Some(below), Some(above)) = (kind(&lower), kind(&upper))
        && below != above
    {
        for key in ["weights", "architecture", "input_size"] {
            lower.remove_at("encoder", key);
        }
        if above == EncoderKind::Hog.as_str() {
            lower.remove_at("encoder", "precision");
        }
    }
    lower.overlaid(upper)
}

fn read_file(path: &Path, named_by: Option<&Node>) -> Result<Node, Box<Mistake>> {
    let recipes = Extending {
        document: RECIPE,
        place: embedded::place,
        read: &read,
        prepare: Node::with_nested_sweep,
        lay: laid,
        advice: &|path| {
            let names = embedded::names();
            let asked = path.file_stem().unwrap_or_default().to_string_lossy();
            let meant = nearest(&asked, &names).map_or_else(String::new, |name| format!("did you mean `{name}`? "));
            format!("{meant}recipes built into the program, by name: {}", names.join(", "))
        },
    };
    recipes.load(path, named_by)
}

fn read(path: &Path) -> Result<Asset, String> {
    let text = match regular::text(path) {
        Ok(text) => text.into(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => embedded::find(path)
            .ok_or_else(|| "there is no such file".to_owned())?
            .into(),
        Err(error) => return Err(error.to_string()),
    };
    Ok(Asset {
        text,
        shown: path.display().to_string(),
    })
}
