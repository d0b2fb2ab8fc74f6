//! The files of a package, on disk, with any of them replaced by other text: what a change would do can be asked without
//! making it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Files by their path below the package's root, `/` between the parts.
#[derive(Debug, Clone)]
pub struct Files {
    root: Option<PathBuf>,
    changed: BTreeMap<String, String>,
}

impl Files {
    /// The files below `root`.
    pub fn on(root: &Path) -> Self {
        Self {
            root: Some(root.to_owned()),
            changed: BTreeMap::new(),
        }
    }

    /// No files but those that are added.
    pub fn none() -> Self {
        Self {
            root: None,
            changed: BTreeMap::new(),
        }
    }

    /// The same files, but for `path`.
    #[must_use]
    pub fn with(mut self, path: &str, text: &str) -> Self {
        self.changed.insert(path.to_owned(), text.to_owned());
        self
    }

    /// Whether there is such a file.
    pub fn is_file(&self, path: &str) -> bool {
        self.changed.contains_key(path) || self.root.as_ref().is_some_and(|root| root.join(path).is_file())
    }

    /// A file's bytes.
    ///
    /// # Errors
    /// If it cannot be read; names the path.
    pub fn bytes(&self, path: &str) -> Result<Vec<u8>, String> {
        match (self.changed.get(path), &self.root) {
            (Some(text), _) => Ok(text.clone().into_bytes()),
            (None, Some(root)) => std::fs::read(root.join(path)).map_err(|error| format!("{path}: {error}")),
            (None, None) => Err(format!("{path}: there is no such file")),
        }
    }

    /// A file's text.
    ///
    /// # Errors
    /// If it cannot be read, or is no text; names the path.
    pub fn text(&self, path: &str) -> Result<String, String> {
        String::from_utf8(self.bytes(path)?).map_err(|error| format!("{path}: {error}"))
    }

    /// All files in `folder` and its folders, or `folder` itself where it is a file; sorted.
    ///
    /// # Errors
    /// If a folder cannot be listed.
    pub fn below(&self, folder: &str) -> Result<BTreeSet<String>, String> {
        let inside = format!("{folder}/");
        let mut found: BTreeSet<String> = self
            .changed
            .keys()
            .filter(|path| *path == folder || path.starts_with(&inside))
            .cloned()
            .collect();
        if let Some(root) = &self.root {
            let mut open = vec![folder.to_owned()];
            while let Some(path) = open.pop() {
                let here = root.join(&path);
                if here.is_file() {
                    found.insert(path);
                } else if here.is_dir() {
                    for entry in std::fs::read_dir(&here).map_err(|error| format!("{path}: {error}"))? {
                        let entry = entry.map_err(|error| format!("{path}: {error}"))?;
                        open.push(format!("{path}/{}", entry.file_name().to_string_lossy()));
                    }
                }
            }
        }
        Ok(found)
    }
}

/// The folder of a path.
pub fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A path without `.` and `..`.
pub fn tidy(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}
