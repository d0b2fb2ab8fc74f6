//! `extends`: a document that lies over another one, which may lie over a third.

use std::path::{Path, PathBuf};

use super::assets::Asset;
use super::mistake::Mistake;
use super::tree::Node;

/// Files that may lie over one another.
const LONGEST: usize = 32;

/// How documents of one kind are read.
pub struct Extending<'a> {
    /// What kind of file it is: `recipe`.
    pub document: &'static str,
    /// Where the document lies that is named, by a path or otherwise, in a document of a folder.
    pub place: fn(&Path, &Path) -> PathBuf,
    /// The text at a path, on disk or in the program, or why there is none.
    pub read: &'a dyn Fn(&Path) -> Result<Asset, String>,
    /// What is done to every file's tree before it is laid over another.
    pub prepare: fn(Node) -> Node,
    /// How a file's tree is laid over that of the file which it extends.
    pub lay: fn(Node, Node) -> Node,
    /// What could have been named instead of a file that is not there.
    pub advice: &'a dyn Fn(&Path) -> String,
}

/// A document on the way from the first one to the one that extends nothing.
struct Link {
    /// The file itself, however it is named.
    identity: PathBuf,
    /// The name by which it was asked for.
    shown: String,
}

impl Extending<'_> {
    /// Reads `path` and all that it extends into one tree; `named_by` is the value in another document that names it.
    ///
    /// # Errors
    /// A file that cannot be read, bad TOML, or a circle of `extends`.
    pub fn load(&self, path: &Path, named_by: Option<&Node>) -> Result<Node, Box<Mistake>> {
        self.file(path, &mut Vec::new(), named_by)
    }

    fn file(&self, path: &Path, chain: &mut Vec<Link>, named_by: Option<&Node>) -> Result<Node, Box<Mistake>> {
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
                None => Mistake::of_file(self.document, &shown, message, None),
            });
        }
        if chain.len() == LONGEST {
            let message = format!("`extends` goes on for more than {LONGEST} files: {shown}");
            return Err(match named_by {
                Some(node) => node.place.error(message, "one too many", None),
                None => Mistake::of_file(self.document, &shown, message, None),
            });
        }
        let found = match (self.read)(path) {
            Ok(found) => found,
            Err(reason) => {
                let message = format!("cannot read the {} {shown}: {reason}", self.document);
                let advice = Some((self.advice)(path));
                return Err(match named_by {
                    Some(node) => node.place.error(message, "named here", advice),
                    None => Mistake::of_file(self.document, &shown, message, advice),
                });
            }
        };
        let mut tree = (self.prepare)(Node::parse(self.document, &found.shown, &found.text)?);
        let Some(extends) = tree.remove("extends") else {
            return Ok(tree);
        };
        let Some(base) = extends.as_str() else {
            return Err(extends.place.error(
                format!("`extends` is the path of one {}", self.document),
                "expected a string",
                None,
            ));
        };
        chain.push(Link { identity, shown });
        let folder = path.parent().unwrap_or(Path::new(""));
        let below = self.file(&(self.place)(folder, Path::new(base)), chain, Some(&extends))?;
        Ok((self.lay)(below, tree))
    }
}
