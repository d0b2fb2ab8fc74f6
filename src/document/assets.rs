//! Files built into the program, and a folder of the user's that goes before them.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use include_dir::Dir;

use crate::error::{Context, Result};
use crate::regular;

/// A folder of the repository that is built into the program. The room that reads its files embeds it, so that only the
/// stages which read them depend on what they say.
#[derive(Debug)]
pub struct Embedded {
    dir: Dir<'static>,
    /// Its path in the repository, as it stands in messages: `datasets`.
    shown: &'static str,
}

impl Embedded {
    /// `dir` is what `include_dir!` makes of the folder `shown`.
    pub const fn new(dir: Dir<'static>, shown: &'static str) -> Self {
        Self { dir, shown }
    }

    /// The text of a file.
    pub fn text(&self, name: &str) -> Option<&'static str> {
        std::str::from_utf8(self.bytes(name)?).ok()
    }

    /// The bytes of a file.
    pub fn bytes(&self, name: &str) -> Option<&'static [u8]> {
        Some(self.dir.get_file(name)?.contents())
    }

    /// How a file is called in messages: `datasets/rafdb.toml`.
    pub fn shown(&self, name: &str) -> String {
        format!("{}/{name}", self.shown)
    }

    /// Names of the TOML files right in the folder, without ending, sorted.
    pub fn documents(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .dir
            .files()
            .filter_map(|file| file.path().file_name()?.to_str()?.strip_suffix(".toml"))
            .map(str::to_owned)
            .collect();
        names.sort();
        names
    }
}

/// A text and where it is from, for messages.
#[derive(Debug)]
pub struct Asset {
    /// What it says.
    pub text: Cow<'static, str>,
    /// Path of the file.
    pub shown: String,
}

/// Where files are looked up: a folder of the user first, then those in the program.
#[derive(Debug, Clone)]
pub struct Assets {
    embedded: &'static Embedded,
    folder: Option<PathBuf>,
}

impl Assets {
    /// Without a folder of the user, the program's files alone.
    pub fn new(embedded: &'static Embedded, folder: Option<PathBuf>) -> Self {
        Self { embedded, folder }
    }

    /// The folder of the user.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// A file of the user's folder, or the program's own; `None` if neither has it.
    ///
    /// # Errors
    /// [`crate::error::Error::Io`] if the user's file is there and cannot be read.
    pub fn find(&self, name: &str) -> Result<Option<Asset>> {
        let theirs = self.theirs(name)?;
        Ok(theirs.or_else(|| self.own(name)))
    }

    /// The user's file alone.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub fn theirs(&self, name: &str) -> Result<Option<Asset>> {
        let Some(path) = self.folder.as_ref().map(|folder| folder.join(name)) else {
            return Ok(None);
        };
        if !path.is_file() {
            return Ok(None);
        }
        Ok(Some(Asset {
            text: regular::text(&path).at("read", &path)?.into(),
            shown: path.display().to_string(),
        }))
    }

    /// The program's file alone.
    pub fn own(&self, name: &str) -> Option<Asset> {
        Some(Asset {
            text: self.embedded.text(name)?.into(),
            shown: self.embedded.shown(name),
        })
    }
}
