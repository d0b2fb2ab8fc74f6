//! Paths below a data folder: written with `/`, listed in order, never outside.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use crate::error::{Context, Result};
use crate::intake::reject::Reason;

/// File name extensions of images, lower case.
pub(crate) const IMAGE_EXTENSIONS: [&str; 7] = ["jpg", "jpeg", "png", "bmp", "tif", "tiff", "webp"];

/// Whether a file name looks like an image's.
pub(crate) fn is_image(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| {
        IMAGE_EXTENSIONS
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    })
}

/// The part of a file name before its last dot.
pub(crate) fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// `base/name`, without `./` and with `/` between.
pub(crate) fn join(base: &str, name: &str) -> String {
    match (base, name) {
        ("" | ".", name) => name.to_owned(),
        (base, "" | ".") => base.to_owned(),
        (base, name) => format!("{base}/{name}"),
    }
}

/// A relative path from a label file in its simplest form, or why it cannot be followed: absolute, or climbing out.
pub(crate) fn relative(written: &str) -> std::result::Result<String, Reason> {
    let leaves = || Reason::LeavesRoot(written.to_owned());
    let path = written.replace('\\', "/");
    let drive = path.as_bytes().get(1) == Some(&b':');
    if path.starts_with('/') || drive || path.contains('\0') {
        return Err(leaves());
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            // Even a `..` that stays inside has no place in a label file.
            ".." => return Err(leaves()),
            part => parts.push(part),
        }
    }
    if parts.is_empty() {
        return Err(Reason::MissingImage(written.to_owned()));
    }
    Ok(parts.join("/"))
}

/// One entry of a folder.
pub(crate) struct Entry {
    pub name: String,
    pub is_dir: bool,
}

/// Entries of a folder, sorted by name; links are followed, names that are not UTF-8 are shown with replacement characters.
pub(crate) fn list(folder: &Path) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).at("list", folder)? {
        let entry = entry.at("list", folder)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().at("list", folder)?;
        let is_dir = if kind.is_symlink() {
            entry.path().is_dir()
        } else {
            kind.is_dir()
        };
        entries.push(Entry { name, is_dir });
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// Whether `name` fits `pattern`, in which `*` stands for any text.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(first) = parts.next() else {
        return name.is_empty();
    };
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        if let Some(middle) = last.replace(part) {
            let Some(at) = rest.find(middle) else {
                return false;
            };
            rest = &rest[at + str::len(middle)..];
        }
    }
    match last {
        None => rest.is_empty(),
        Some(last) => rest.ends_with(last),
    }
}

/// All paths below `root` that fit `pattern`, relative and sorted; `.` is the root itself. Leading `..` stays inside `root`.
pub(crate) fn expand(root: &Path, base: &str, pattern: &str) -> Vec<String> {
    let mut found = vec![if base == "." { String::new() } else { base.to_owned() }];
    for part in pattern.split('/') {
        let mut next = Vec::new();
        for path in found {
            match part {
                "" | "." => next.push(path),
                ".." => match path.rsplit_once('/') {
                    Some((parent, _)) => next.push(parent.to_owned()),
                    None if !path.is_empty() => next.push(String::new()),
                    None => {}
                },
                part if part.contains('*') => {
                    let folder = root.join(&path);
                    // A folder that cannot be listed has nothing to offer here; its reader will say so.
                    for entry in list(&folder).unwrap_or_default() {
                        if fits(part, &entry.name) && !entry.name.starts_with('.') {
                            next.push(join(&path, &entry.name));
                        }
                    }
                }
                part => {
                    let candidate = join(&path, part);
                    if root.join(&candidate).exists() {
                        next.push(candidate);
                    }
                }
            }
        }
        found = next;
    }
    found
}

/// Tells whether files lie below a folder once links are resolved.
pub(crate) struct Fence {
    root: PathBuf,
    /// Folders (relative) already resolved, and whether they lie inside.
    folders: BTreeMap<String, bool>,
}

impl Fence {
    /// Resolves `root` and the folders of all `paths` once.
    pub(crate) fn new<'a>(root: &Path, paths: impl Iterator<Item = &'a str>) -> Result<Self> {
        let root = root.canonicalize().at("open the data folder", root)?;
        let mut folders = BTreeMap::new();
        for path in paths {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            if !folders.contains_key(folder) {
                // A folder that does not exist leaves nothing; the image is then missing, not outside.
                let inside = root
                    .join(folder)
                    .canonicalize()
                    .map_or(true, |real| real.starts_with(&root));
                folders.insert(folder.to_owned(), inside);
            }
        }
        Ok(Self { root, folders })
    }

    /// The file of a relative path, or why it may not be opened.
    pub(crate) fn open(&self, path: &str) -> std::result::Result<PathBuf, Reason> {
        let plain = Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        if !plain || !self.folders.get(folder).copied().unwrap_or(false) {
            return Err(Reason::LeavesRoot(path.to_owned()));
        }
        let file = self.root.join(path);
        let Ok(kind) = file.symlink_metadata() else {
            return Err(Reason::MissingImage(path.to_owned()));
        };
        if kind.is_symlink() {
            let Ok(real) = file.canonicalize() else {
                return Err(Reason::MissingImage(path.to_owned()));
            };
            if !real.starts_with(&self.root) {
                return Err(Reason::LeavesRoot(path.to_owned()));
            }
            if !real.is_file() {
                return Err(Reason::MissingImage(path.to_owned()));
            }
        } else if !kind.is_file() {
            return Err(Reason::MissingImage(path.to_owned()));
        }
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        assert!(fits("*", "anything"));
        assert!(fits("a*c", "abc") && fits("a*c", "ac") && !fits("a*c", "ab"));
        assert!(fits("*_labels*.csv", "train_labels_1.csv") && !fits("x", "xy"));
    }

    #[test]
    fn relative_paths_stay_inside() {
        assert_eq!(relative("a/./b.jpg").as_deref(), Ok("a/b.jpg"));
        assert_eq!(relative("a\\b.jpg").as_deref(), Ok("a/b.jpg"));
        for outside in ["/etc/passwd", "../x.jpg", "a/../../x.jpg", "C:\\x.jpg"] {
            assert!(matches!(relative(outside), Err(Reason::LeavesRoot(_))), "{outside}");
        }
    }
}
