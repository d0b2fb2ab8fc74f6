//! The one error type of the crate. Every error owns its exit code, so that `main` only prints and exits.
//!
//! Messages are lower-case fragments that say what was expected and what to do; each is shown exactly once, by `cli`.

use std::path::{Path, PathBuf};

use crate::document::mistake::Mistake;

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Exit codes as documented in the README.
pub mod exit {
    /// All went well.
    pub const OK: u8 = 0;
    /// A check failed: a number moved, or a table contradicts itself.
    pub const CHECK_FAILED: u8 = 1;
    /// The command line or the recipe is wrong.
    pub const USAGE: u8 = 2;
    /// Data are missing, unreadable or unusable, or an output cannot be written.
    pub const DATA: u8 = 3;
    /// The device asked for cannot be used.
    pub const DEVICE: u8 = 4;
    /// Stopped by the user; a checkpoint was written where the stage has one.
    pub const INTERRUPTED: u8 = 130;
}

/// Anything that stops a command.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A check did not hold.
    #[error("{0}")]
    Check(String),
    /// The command line asks for something that does not exist or cannot be.
    #[error("{0}")]
    Usage(String),
    /// A file that people write (a recipe, a card, a baseline, …) is wrong; carries file, line and suggestion.
    #[error(transparent)]
    Document(#[from] Box<Mistake>),
    /// Data are missing or unusable.
    #[error("{0}")]
    Data(String),
    /// The device cannot be used.
    #[error("{0}")]
    Device(String),
    /// The user asked to stop.
    #[error("interrupted; the same command continues where this one stopped")]
    Interrupted,
    /// A file could not be read or written.
    #[error("failed to {action} {}: {source}", path.display())]
    Io {
        /// What was being done, in the infinitive: "read", "write".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the library underneath said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// The documented exit code of this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Check(_) => exit::CHECK_FAILED,
            Self::Usage(_) | Self::Document(_) => exit::USAGE,
            Self::Data(_) | Self::Io { .. } => exit::DATA,
            Self::Device(_) => exit::DEVICE,
            Self::Interrupted => exit::INTERRUPTED,
        }
    }

    /// A [`Error::Data`] from anything that displays.
    pub fn data(message: impl Into<String>) -> Self {
        Self::Data(message.into())
    }
}

/// Adds the action and the path to an error of a library that knows neither.
pub trait Context<T> {
    /// `file.read().at("read", path)` fails as "failed to read PATH: …".
    ///
    /// # Errors
    /// [`Error::Io`] around whatever went wrong.
    fn at(self, action: &'static str, path: &Path) -> Result<T>;
}

impl<T, E: Into<Box<dyn std::error::Error + Send + Sync>>> Context<T> for std::result::Result<T, E> {
    fn at(self, action: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::Io {
            action,
            path: path.to_owned(),
            source: source.into(),
        })
    }
}
