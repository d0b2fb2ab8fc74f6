//! Digests of the files of a folder: written with them, looked at before they are taken for what was written.
//!
//! A disk, a copy or a network can change a byte and say nothing; what is cached for months is read many times after it was
//! written once. So a folder says of its files, in `digests.json`, how long they are and what their BLAKE3 is.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::fs::File;
use std::io::{ErrorKind, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::digest;
use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;

use super::atomic;

/// Name of the file with the digests of a folder.
pub const FILE: &str = "digests.json";

/// Deepest folder below a sealed one; what this program writes is three deep.
const MAX_DEPTH: usize = 16;

/// What a file was when it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Its length in bytes.
    bytes: u64,
    /// BLAKE3 of its bytes, hexadecimal.
    blake3: String,
}

impl Sealed {
    /// The digest of the file at `path`.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read.
    pub fn of(path: &Path) -> Result<Self> {
        Ok(Self {
            bytes: path.metadata().at("read", path)?.len(),
            blake3: digest::of_file(path)?,
        })
    }

    /// The digest of an open file that is about to be named `path`, from its start.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read.
    pub fn of_open(file: &mut File, path: &Path) -> Result<Self> {
        let bytes = file
            .seek(SeekFrom::Start(0))
            .and_then(|_| file.metadata())
            .at("read", path)?
            .len();
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(file).at("read", path)?;
        Ok(Self {
            bytes,
            blake3: hasher.finalize().to_hex().to_string(),
        })
    }

    /// The digest of these bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.len() as u64,
            blake3: blake3::hash(bytes).to_hex().to_string(),
        }
    }

    /// Its length in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether a file of this length and digest is it.
    pub fn is(&self, bytes: u64, digest: &blake3::Hash) -> bool {
        bytes == self.bytes && digest.to_hex().as_str() == self.blake3
    }

    /// How the file at `path` differs from what it was; `None` if it does not.
    ///
    /// # Errors
    /// [`Error::Io`] if it is there and cannot be read: that says nothing about its bytes.
    pub fn damage(&self, path: &Path) -> Result<Option<Damage>> {
        let length = match path.metadata() {
            Ok(metadata) if metadata.is_file() => metadata.len(),
            Ok(_) => return Ok(Some(Damage::Changed(path.to_owned()))),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Some(Damage::Missing(path.to_owned()))),
            Err(error) => return Err(error).at("read", path),
        };
        let same = length == self.bytes && digest::of_file(path)? == self.blake3;
        Ok((!same).then(|| Damage::Changed(path.to_owned())))
    }
}

/// How a file is not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// It is gone.
    Missing(PathBuf),
    /// It has other bytes.
    Changed(PathBuf),
    /// The digests of its folder are missing or damaged themselves.
    Unsealed(PathBuf),
}

impl Damage {
    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            Self::Missing(path) | Self::Changed(path) | Self::Unsealed(path) => path,
        }
    }
}

impl Display for Damage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let path = self.path().display();
        match self {
            Self::Missing(_) => write!(f, "{path} is missing"),
            Self::Changed(_) => write!(f, "{path} is damaged: it is not what was written"),
            Self::Unsealed(_) => write!(
                f,
                "{path} is missing or damaged, and with it the digests of what lies there"
            ),
        }
    }
}

/// The digests of files, by their names below a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    files: BTreeMap<String, Sealed>,
}

impl Seal {
    /// The digests of every file below `folder`, but for its own digests and for hidden files: locks, stamps, and what was
    /// never finished.
    ///
    /// # Errors
    /// [`Error::Io`] if something cannot be read; [`Error::Interrupted`].
    pub fn of_folder(folder: &Path, interrupt: &Interrupt) -> Result<Self> {
        Self::of_some(folder, |_| true, interrupt)
    }

    /// The same of those files whose names below the folder are `wanted`.
    ///
    /// # Errors
    /// As [`Self::of_folder`].
    pub fn of_some(folder: &Path, wanted: impl Fn(&Path) -> bool, interrupt: &Interrupt) -> Result<Self> {
        let mut names = Vec::new();
        list(folder, "", 0, &mut names)?;
        names.retain(|name| wanted(Path::new(name)));
        Self::of_files(folder, names, interrupt)
    }

    /// The digests of these files below `folder`.
    ///
    /// # Errors
    /// [`Error::Io`] if one cannot be read; [`Error::Interrupted`].
    pub fn of_files(
        folder: &Path,
        names: impl IntoIterator<Item = impl Into<String>>,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let files = names
            .into_par_iter()
            .map(|name| {
                interrupt.check()?;
                Sealed::of(&folder.join(&name)).map(|sealed| (name, sealed))
            })
            .collect::<Result<_>>()?;
        Ok(Self { files })
    }

    /// Takes in what a file is, in place of what it was.
    pub fn add(&mut self, name: &str, sealed: Sealed) {
        self.files.insert(name.to_owned(), sealed);
    }

    /// Takes in everything that another one says.
    pub fn join(&mut self, other: Self) {
        self.files.extend(other.files);
    }

    /// What is known of a file.
    pub fn get(&self, name: &str) -> Option<&Sealed> {
        self.files.get(name)
    }

    /// Names of the files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Every file below `folder` that is not what it was, in the order of their names.
    ///
    /// # Errors
    /// [`Error::Io`] if a file is there and cannot be read; [`Error::Interrupted`].
    pub fn damages(&self, folder: &Path, interrupt: &Interrupt) -> Result<Vec<Damage>> {
        let looked: Vec<Option<Damage>> = self
            .files
            .par_iter()
            .map(|(name, sealed)| {
                interrupt.check()?;
                sealed.damage(&folder.join(name))
            })
            .collect::<Result<_>>()?;
        Ok(looked.into_iter().flatten().collect())
    }

    /// Reads the digests at `path`; `None` if there are none that can be understood.
    ///
    /// # Errors
    /// [`Error::Io`] if the file is there and cannot be read.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        match std::fs::read(path) {
            Ok(text) => Ok(serde_json::from_slice(&text).ok()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).at("read", path),
        }
    }

    /// Writes the digests to `path`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self).at("encode", path)?;
        text.push('\n');
        atomic::write(path, text.as_bytes())
    }
}

/// Every file of the folder that is not what its own digests say.
///
/// # Errors
/// [`Error::Io`] if something is there and cannot be read; [`Error::Interrupted`].
pub fn damages(folder: &Path, interrupt: &Interrupt) -> Result<Vec<Damage>> {
    let path = folder.join(FILE);
    match Seal::read(&path)? {
        Some(seal) => seal.damages(folder, interrupt),
        None => Ok(vec![Damage::Unsealed(path)]),
    }
}

/// Takes the digests of a folder away, before what they speak of changes.
///
/// # Errors
/// [`Error::Io`] if they are there and cannot be removed.
pub fn open(folder: &Path) -> Result<()> {
    atomic::remove(&folder.join(FILE))
}

/// Writes the digests of everything below a folder into it.
///
/// # Errors
/// [`Error::Io`]; [`Error::Interrupted`].
pub fn close(folder: &Path, interrupt: &Interrupt) -> Result<()> {
    Seal::of_folder(folder, interrupt)?.write(&folder.join(FILE))
}

fn list(folder: &Path, prefix: &str, depth: usize, names: &mut Vec<String>) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(Error::data(format!(
            "{} is nested more than {MAX_DEPTH} folders deep; nothing that this program writes is",
            folder.display()
        )));
    }
    for entry in std::fs::read_dir(folder).at("list", folder)? {
        let entry = entry.at("list", folder)?;
        let name = entry.file_name();
        // A name that is no Unicode is nobody's of this program.
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.') && *name != FILE) else {
            continue;
        };
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().at("list", folder)?;
        if kind.is_dir() {
            list(&entry.path(), &format!("{path}/"), depth + 1, names)?;
        } else if kind.is_file() {
            names.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn never() -> Interrupt {
        Interrupt::default()
    }

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("below")).unwrap();
        std::fs::write(folder.path().join("a.parquet"), b"twelve bytes").unwrap();
        std::fs::write(folder.path().join("below/b.json"), b"{}").unwrap();
        std::fs::write(folder.path().join(".lock"), b"").unwrap();
        folder
    }

    #[test]
    fn every_flip_of_a_bit_is_found_wherever_it_is() {
        let folder = folder();
        let root = folder.path();
        close(root, &never()).unwrap();
        assert_eq!(damages(root, &never()).unwrap(), []);
        for name in ["a.parquet", "below/b.json", FILE] {
            let path = root.join(name);
            let whole = std::fs::read(&path).unwrap();
            for bit in 0..whole.len() * 8 {
                let mut flipped = whole.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                std::fs::write(&path, &flipped).unwrap();
                let found = damages(root, &never()).unwrap();
                // Of its own text only what means another digest matters: a blank that is a tab means the same.
                let harmless =
                    name == FILE && Seal::read(&path).unwrap() == Seal::of_folder(root, &never()).map(Some).unwrap();
                assert_eq!(found.is_empty(), harmless, "{name}, bit {bit}: {found:?}");
            }
            std::fs::write(&path, &whole).unwrap();
        }
        assert_eq!(damages(root, &never()).unwrap(), []);
    }

    #[test]
    fn what_is_missing_or_cut_is_named_and_what_came_later_is_not() {
        let folder = folder();
        let root = folder.path();
        close(root, &never()).unwrap();
        std::fs::write(root.join("later.rows"), b"x").unwrap();
        std::fs::write(root.join("a.parquet"), b"").unwrap();
        std::fs::remove_file(root.join("below/b.json")).unwrap();
        let expected = [
            Damage::Changed(root.join("a.parquet")),
            Damage::Missing(root.join("below/b.json")),
        ];
        assert_eq!(damages(root, &never()).unwrap(), expected);
        open(root).unwrap();
        open(root).unwrap();
        assert_eq!(damages(root, &never()).unwrap(), [Damage::Unsealed(root.join(FILE))]);
    }
}
