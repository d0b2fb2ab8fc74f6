//! What a file's tag at the hub says of its content, and whether that is so.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::error::{Context, Result};

/// Bytes that are digested at once.
const BLOCK: usize = 1 << 20;

/// The digest of a file by which the hub names it; its clients call the file in their cache by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tag {
    /// SHA-256 of the content: large files.
    Large(String),
    /// The name that git gives the content, SHA-1 of it and of its length: all others.
    Small(String),
}

impl Tag {
    /// Reads a tag, or the name of a file in the cache; `None` if it is none of the two digests.
    pub(super) fn of(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let digest = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match text.len() {
            64 if digest => Some(Self::Large(text)),
            40 if digest => Some(Self::Small(text)),
            _ => None,
        }
    }

    /// What the content of `path` has instead of this; `None` if it has this. `step` is called now and then.
    ///
    /// # Errors
    /// [`crate::Error::Io`] if it cannot be read; what `step` returns.
    pub(super) fn mismatch(&self, path: &Path, step: impl FnMut() -> Result<()>) -> Result<Option<String>> {
        let (promised, found) = match self {
            Self::Large(promised) => (promised, digest(Sha256::new(), path, step)?),
            Self::Small(promised) => {
                let length = path.metadata().at("read", path)?.len();
                let start = Sha1::new_with_prefix(format!("blob {length}\0"));
                (promised, digest(start, path, step)?)
            }
        };
        Ok((found != *promised).then_some(found))
    }
}

impl std::fmt::Display for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Large(digest) => write!(f, "SHA-256 {digest}"),
            Self::Small(digest) => write!(f, "git's SHA-1 {digest}"),
        }
    }
}

fn digest<D: sha2::Digest>(mut digest: D, path: &Path, mut step: impl FnMut() -> Result<()>) -> Result<String> {
    let mut file = File::open(path).at("read", path)?;
    let mut block = vec![0; BLOCK];
    loop {
        let n = file.read(&mut block).at("read", path)?;
        if n == 0 {
            break;
        }
        digest.update(&block[..n]);
        step()?;
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
