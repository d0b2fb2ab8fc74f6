//! Paths named by a database's own files: they may never lead out of the data root.

use std::path::{Component, Path, PathBuf};

use crate::error::{Context, Error, Result};

/// A data root whose canonical form was looked up once, for many lookups below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataRoot {
    canonical: PathBuf,
}

impl DataRoot {
    /// Opens the folder `root`.
    ///
    /// # Errors
    /// [`Error::Io`] if it does not exist or cannot be read, [`Error::Data`] if it is no folder.
    pub fn open(root: &Path) -> Result<Self> {
        let canonical = root.canonicalize().at("open the data root", root)?;
        if !canonical.is_dir() {
            return Err(Error::data(format!("data root {} is not a folder", root.display())));
        }
        Ok(Self { canonical })
    }

    /// The canonical path of the root.
    pub fn path(&self) -> &Path {
        &self.canonical
    }

    /// The canonical path of `relative` below the root, symbolic links followed.
    ///
    /// # Errors
    /// [`Error::Data`] if `relative` is empty or absolute, contains `..`, or leads out of the root through a symbolic
    /// link; [`Error::Io`] if there is no such file.
    pub fn resolve(&self, relative: &str) -> Result<PathBuf> {
        let path = Path::new(relative);
        let refuse = |why: &str| {
            Err(Error::data(format!(
                "path {relative:?} {why}; expected a path below the data root"
            )))
        };
        if relative.is_empty() {
            return refuse("is empty");
        }
        if relative.contains('\0') {
            return refuse("contains a NUL byte");
        }
        for component in path.components() {
            match component {
                Component::Normal(_) | Component::CurDir => {}
                Component::ParentDir => return refuse("contains `..`"),
                Component::RootDir | Component::Prefix(_) => return refuse("is absolute"),
            }
        }
        let joined = self.canonical.join(path);
        let resolved = joined.canonicalize().at("open", &joined)?;
        if !resolved.starts_with(&self.canonical) {
            return refuse("leaves the data root through a symbolic link");
        }
        Ok(resolved)
    }
}

/// The canonical path of `relative` below `root`; see [`DataRoot::resolve`], which is cheaper for many paths.
///
/// # Errors
/// As [`DataRoot::open`] and [`DataRoot::resolve`].
pub fn resolve_inside(root: &Path, relative: &str) -> Result<PathBuf> {
    DataRoot::open(root)?.resolve(relative)
}
