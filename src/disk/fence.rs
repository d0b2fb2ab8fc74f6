//! Paths that files from outside name: they may never lead out of the folder that they belong to.
//!
//! This is the one place that decides about absolute paths, drive letters, `..`, NUL bytes, links and pipes.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};

/// Why a path is not followed.
#[derive(Debug)]
pub enum Refusal {
    /// There is nothing in it.
    Empty,
    /// It has a NUL byte, which no file's name has.
    Nul,
    /// It begins at the root of a disk, or with the letter of one.
    Absolute,
    /// It has a `..`. Even one that stays inside has no place in a file that is passed on.
    Climbs,
    /// A link in it leads out, to this path.
    Leaves(PathBuf),
    /// It is neither a file nor a folder: to open a pipe would be to wait for whoever writes to it.
    Special,
    /// It cannot be opened; most often there is no such file.
    Missing(std::io::Error),
}

impl Display for Refusal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::Nul => f.write_str("contains a NUL byte"),
            Self::Absolute => f.write_str("is absolute"),
            Self::Climbs => f.write_str("contains `..`"),
            Self::Leaves(_) => f.write_str("leaves the data root through a symbolic link"),
            Self::Special => f.write_str("is neither a file nor a folder"),
            Self::Missing(error) => error.fmt(f),
        }
    }
}

/// A written path in its simplest form, with `/` between its parts, whichever system it was written on.
///
/// # Errors
/// Why its text alone forbids to follow it.
pub fn plain(written: &str) -> std::result::Result<String, Refusal> {
    if written.contains('\0') {
        return Err(Refusal::Nul);
    }
    let drive = written.as_bytes().get(1) == Some(&b':') && written.starts_with(|c: char| c.is_ascii_alphabetic());
    if drive || written.starts_with(['/', '\\']) {
        return Err(Refusal::Absolute);
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in written.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => return Err(Refusal::Climbs),
            part => parts.push(part),
        }
    }
    if parts.is_empty() {
        return Err(Refusal::Empty);
    }
    Ok(parts.join("/"))
}

/// Whether a text is the name of a visible file right in a folder. Such a file may be a link to anywhere: whoever put it there
/// chose where it leads.
pub fn is_name(written: &str) -> bool {
    !written.starts_with('.') && plain(written).is_ok_and(|plain| plain == written && !plain.contains('/'))
}

/// A folder whose canonical form was looked up once, for many lookups below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    root: PathBuf,
    /// Folders below it that were looked at before, and whether they lie inside.
    folders: BTreeMap<String, bool>,
}

impl Fence {
    /// Puts a fence around the folder `root`.
    ///
    /// # Errors
    /// [`Error::Io`] if it does not exist or cannot be read, [`Error::Data`] if it is no folder.
    pub fn around(root: &Path) -> Result<Self> {
        let canonical = root.canonicalize().at("open the data root", root)?;
        if !canonical.is_dir() {
            return Err(Error::data(format!("data root {} is not a folder", root.display())));
        }
        Ok(Self {
            root: canonical,
            folders: BTreeMap::new(),
        })
    }

    /// Looks at the folders of all `paths` once, so that [`Self::file`] need not for each of their files.
    #[must_use]
    pub fn with_folders_of<'a>(mut self, paths: impl Iterator<Item = &'a str>) -> Self {
        for path in paths {
            let folder = folder_of(path);
            if !self.folders.contains_key(folder) {
                // A folder that does not exist leaves nothing; the file is then missing, not outside.
                let inside = self
                    .root
                    .join(folder)
                    .canonicalize()
                    .map_or(true, |real| real.starts_with(&self.root));
                self.folders.insert(folder.to_owned(), inside);
            }
        }
        self
    }

    /// The canonical path of the folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The canonical path of a file or folder below the root, links followed.
    ///
    /// # Errors
    /// Why it is not followed.
    pub fn look(&self, relative: &str) -> std::result::Result<PathBuf, Refusal> {
        plain(relative)?;
        let real = self.root.join(relative).canonicalize().map_err(Refusal::Missing)?;
        if !real.starts_with(&self.root) {
            Err(Refusal::Leaves(real))
        } else if real.is_file() || real.is_dir() {
            Ok(real)
        } else {
            Err(Refusal::Special)
        }
    }

    /// As [`Self::look`], with an error that says what was expected.
    ///
    /// # Errors
    /// [`Error::Data`] if `relative` is empty or absolute, contains `..`, or leads out of the root through a symbolic
    /// link; [`Error::Io`] if there is no such file.
    pub fn resolve(&self, relative: &str) -> Result<PathBuf> {
        self.look(relative).map_err(|refusal| match refusal {
            Refusal::Missing(error) => Error::Io {
                action: "open",
                path: self.root.join(relative),
                source: error.into(),
            },
            refusal => Error::data(format!(
                "path {relative:?} {refusal}; expected a path below the data root"
            )),
        })
    }

    /// The path of a file below the root, not made canonical: for many files, most of which are no links, in folders that
    /// [`Self::with_folders_of`] has seen.
    ///
    /// # Errors
    /// Why it is not followed.
    pub fn file(&self, relative: &str) -> std::result::Result<PathBuf, Refusal> {
        plain(relative)?;
        let file = self.root.join(relative);
        match self.folders.get(folder_of(relative)) {
            Some(true) => {}
            Some(false) => return Err(Refusal::Leaves(file)),
            None => return self.look(relative).and_then(only_files),
        }
        let kind = file.symlink_metadata().map_err(Refusal::Missing)?;
        if kind.is_symlink() {
            self.look(relative).and_then(only_files)?;
        } else if !kind.is_file() {
            return Err(Refusal::Special);
        }
        Ok(file)
    }
}

fn only_files(path: PathBuf) -> std::result::Result<PathBuf, Refusal> {
    if path.is_file() {
        Ok(path)
    } else {
        Err(Refusal::Special)
    }
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The canonical path of `relative` below `root`; see [`Fence::resolve`], which is cheaper for many paths.
///
/// # Errors
/// As [`Fence::around`] and [`Fence::resolve`].
pub fn resolve_inside(root: &Path, relative: &str) -> Result<PathBuf> {
    Fence::around(root)?.resolve(relative)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_path_says_is_judged_before_the_disk_is_asked() {
        for (written, simple) in [
            ("a/./b.jpg", "a/b.jpg"),
            ("a\\b.jpg", "a/b.jpg"),
            (".//a//b", "a/b"),
            ("1:2.jpg", "1:2.jpg"),
            ("..a/b..", "..a/b.."),
        ] {
            assert_eq!(plain(written).unwrap(), simple);
        }
        for (written, why) in [
            ("", "is empty"),
            ("./.", "is empty"),
            ("/etc/passwd", "is absolute"),
            ("\\\\host\\share", "is absolute"),
            ("C:\\x.jpg", "is absolute"),
            ("c:x.jpg", "is absolute"),
            ("../x.jpg", "contains `..`"),
            ("a/../x.jpg", "contains `..`"),
            ("a\\..\\..\\x.jpg", "contains `..`"),
            ("a\0.jpg", "contains a NUL byte"),
        ] {
            assert_eq!(plain(written).unwrap_err().to_string(), why, "{written}");
        }
        assert!(is_name("model-00001-of-00002.safetensors"));
        for path in ["", ".", "..", ".hidden", "a/b", "a\\b", "./a", "/a", "C:a"] {
            assert!(!is_name(path), "{path}");
        }
    }

    /// A root with `images/a.jpg`, and a folder beside it with `secret`.
    fn folders() -> (tempfile::TempDir, tempfile::TempDir) {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "x").unwrap();
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("images")).unwrap();
        std::fs::write(root.path().join("images/a.jpg"), "x").unwrap();
        (root, outside)
    }

    #[test]
    fn paths_never_leave_the_root() {
        let (root, outside) = folders();
        let inside = resolve_inside(root.path(), "images/./a.jpg").unwrap();
        assert!(inside.ends_with("images/a.jpg"));
        for (bad, why) in [
            ("", "is empty"),
            ("/etc/passwd", "is absolute"),
            ("../secret", "contains `..`"),
            ("images/../../secret", "contains `..`"),
            ("images/../images/a.jpg", "contains `..`"),
            ("images/\0", "NUL"),
            ("images/b.jpg", "failed to open"),
        ] {
            let error = resolve_inside(root.path(), bad).unwrap_err().to_string();
            assert!(error.contains(why), "{bad}: {error}");
        }
        assert!(Fence::around(&root.path().join("images/a.jpg")).is_err());
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(outside.path(), root.path().join("link")).unwrap();
            let error = resolve_inside(root.path(), "link/secret").unwrap_err().to_string();
            assert!(error.contains("symbolic link"), "{error}");
            // A link that stays inside is fine.
            std::os::unix::fs::symlink("images", root.path().join("faces")).unwrap();
            assert!(resolve_inside(root.path(), "faces/a.jpg").is_ok());
            // A root that is itself a link is fine too.
            let alias = outside.path().join("alias");
            std::os::unix::fs::symlink(root.path(), &alias).unwrap();
            assert!(resolve_inside(&alias, "images/a.jpg").is_ok());
        }
    }

    #[test]
    fn many_files_are_judged_as_one_is() {
        let (root, outside) = folders();
        let mut paths = vec![
            "images/a.jpg",
            "images/b.jpg",
            "none/a.jpg",
            "images",
            "../secret",
            "/etc/passwd",
        ];
        #[cfg(unix)]
        {
            use std::os::unix::fs::symlink;
            symlink(outside.path(), root.path().join("out")).unwrap();
            symlink(outside.path().join("secret"), root.path().join("images/out.jpg")).unwrap();
            symlink("a.jpg", root.path().join("images/in.jpg")).unwrap();
            symlink("gone.jpg", root.path().join("images/dangling.jpg")).unwrap();
            let pipe = std::process::Command::new("mkfifo")
                .arg(root.path().join("images/pipe"))
                .status();
            assert!(pipe.is_ok_and(|status| status.success()), "mkfifo");
            paths.extend([
                "out/secret",
                "images/out.jpg",
                "images/in.jpg",
                "images/dangling.jpg",
                "images/pipe",
            ]);
        }
        let slow = Fence::around(root.path()).unwrap();
        let fast = slow.clone().with_folders_of(paths.iter().copied());
        let kind = |judged: std::result::Result<PathBuf, Refusal>| match judged {
            Ok(_) => "there",
            Err(Refusal::Missing(_)) => "missing",
            Err(Refusal::Leaves(_)) => "leaves",
            Err(Refusal::Special) => "no file",
            Err(_) => "text",
        };
        for path in &paths {
            assert_eq!(kind(fast.file(path)), kind(slow.file(path)), "{path}");
        }
        let expected = [
            ("images/a.jpg", "there"),
            ("images/b.jpg", "missing"),
            ("none/a.jpg", "missing"),
            ("images", "no file"),
            ("../secret", "text"),
            ("out/secret", "leaves"),
            ("images/out.jpg", "leaves"),
            ("images/in.jpg", "there"),
            ("images/dangling.jpg", "missing"),
            ("images/pipe", "no file"),
        ];
        for (path, judged) in expected.iter().filter(|(path, _)| paths.contains(path)) {
            assert_eq!(kind(fast.file(path)), *judged, "{path}");
        }
        assert!(slow.look("images").is_ok(), "a folder may be looked at");
    }
}
