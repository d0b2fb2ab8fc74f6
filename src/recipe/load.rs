//! From a path to one merged tree: `extends`, stand-in overrides, `--set`.

use std::path::{Path, PathBuf};

use miette::NamedSource;

use crate::document::mistake::RecipeError;
use crate::document::tree::Node;

use super::embedded;

/// How a recipe is asked for on the command line.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
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
pub fn load(path: &Path, options: &LoadOptions) -> Result<Node, Box<RecipeError>> {
    overlay(file(path)?, options)
}

/// Reads `path` and all that it extends into one tree.
///
/// # Errors
/// As [`load`], but for the overrides.
pub fn file(path: &Path) -> Result<Node, Box<RecipeError>> {
    load_file(path, &mut Vec::new(), None)
}

/// As [`file`], for a path that stands in another recipe.
pub fn file_named_by(path: &Path, named_by: &Node) -> Result<Node, Box<RecipeError>> {
    load_file(path, &mut Vec::new(), Some(named_by))
}

/// The name that a recipe has by its file.
pub fn stem(path: &Path) -> String {
    path.file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Lays the stand-in overrides and `--set` over a tree.
///
/// # Errors
/// A malformed override.
pub fn overlay(mut tree: Node, options: &LoadOptions) -> Result<Node, Box<RecipeError>> {
    let overrides = tree
        .get("stand_in")
        .and_then(|section| section.get("override"))
        .cloned();
    if let (true, Some(overrides)) = (options.stand_in, overrides) {
        tree = tree.overlaid(overrides);
    }
    for argument in &options.set {
        tree = tree.overlaid(Node::parse_override(argument)?.with_nested_sweep());
    }
    Ok(tree)
}

/// A recipe on the way from the first one to the one that extends nothing.
struct Link {
    /// The file itself, however it is named.
    identity: PathBuf,
    /// The name by which it was asked for.
    shown: String,
}

fn load_file(path: &Path, chain: &mut Vec<Link>, named_by: Option<&Node>) -> Result<Node, Box<RecipeError>> {
    let shown = path.display().to_string();
    let identity = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if chain.iter().any(|link| link.identity == identity) {
        let mut files: Vec<&str> = chain.iter().map(|link| link.shown.as_str()).collect();
        files.push(&shown);
        let message = format!("`extends` goes round in a circle: {}", files.join(" -> "));
        return Err(match named_by {
            Some(node) => node
                .place
                .error(message, "this file is already part of the chain", None),
            None => plain(&message, &shown, None),
        });
    }
    let text = match read(path) {
        Ok(text) => text,
        Err(reason) => {
            let message = format!("cannot read the recipe {shown}: {reason}");
            let advice = Some(format!(
                "recipes built into the program: {}",
                embedded::names().join(", ")
            ));
            return Err(match named_by {
                Some(node) => node.place.error(message, "named here", advice),
                None => plain(&message, &shown, advice),
            });
        }
    };
    let mut tree = Node::parse(&shown, &text)?.with_nested_sweep();
    let Some(extends) = tree.remove("extends") else {
        return Ok(tree);
    };
    let Some(base) = extends.as_str() else {
        return Err(extends
            .place
            .error("`extends` is the path of one recipe", "expected a string", None));
    };
    chain.push(Link { identity, shown });
    let folder = path.parent().unwrap_or(Path::new(""));
    let below = load_file(&folder.join(base), chain, Some(&extends))?;
    Ok(below.overlaid(tree))
}

fn read(path: &Path) -> Result<String, String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => embedded::find(path)
            .map(str::to_owned)
            .ok_or_else(|| "there is no such file".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// An error about a file as a whole.
fn plain(message: &str, name: &str, advice: Option<String>) -> Box<RecipeError> {
    Box::new(RecipeError {
        message: message.to_owned(),
        source_text: NamedSource::new(name, String::new()),
        span: None,
        label: String::new(),
        advice,
    })
}
