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

/// In which way data are missing or unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DataKind {
    /// The database, or a part of it that is needed, is not where it was looked for.
    MissingDatabase,
    /// The weights of an encoder are not on this machine and could not be fetched.
    MissingWeights,
    /// A table of labels, samples, features or answers is missing, lacks something, or holds what cannot be.
    UnusableTable,
    /// So much of a database cannot be used that what is left would not stand for it.
    TooManyRejects,
    /// Training ended in numbers that are not finite.
    Diverged,
    /// What this program wrote has other bytes now.
    Damaged,
    /// Made by another version of this program, or for another release of the database.
    Incompatible,
    /// Anything else; only the message tells.
    Other,
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
    #[error("{message}")]
    Data {
        /// In which way.
        kind: DataKind,
        /// What was expected, and what to do.
        message: String,
    },
    /// Runs follow different protocols: their numbers are not to be ranked.
    #[error("{0}")]
    NotComparable(String),
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
            Self::Usage(_) | Self::Document(_) | Self::NotComparable(_) => exit::USAGE,
            Self::Data { .. } | Self::Io { .. } => exit::DATA,
            Self::Device(_) => exit::DEVICE,
            Self::Interrupted => exit::INTERRUPTED,
        }
    }

    /// An [`Error::Data`] that no kind of its own describes.
    pub(crate) fn data(message: impl Into<String>) -> Self {
        Self::of_kind(DataKind::Other, message)
    }

    /// An [`Error::Data`] of [`DataKind::MissingDatabase`].
    pub(crate) fn missing_database(message: impl Into<String>) -> Self {
        Self::of_kind(DataKind::MissingDatabase, message)
    }

    /// An [`Error::Data`] of [`DataKind::MissingWeights`].
    pub(crate) fn missing_weights(message: impl Into<String>) -> Self {
        Self::of_kind(DataKind::MissingWeights, message)
    }

    /// An [`Error::Data`] of [`DataKind::UnusableTable`].
    pub(crate) fn unusable_table(message: impl Into<String>) -> Self {
        Self::of_kind(DataKind::UnusableTable, message)
    }

    /// An [`Error::Data`] of [`DataKind::Damaged`].
    pub(crate) fn damaged(message: impl Into<String>) -> Self {
        Self::of_kind(DataKind::Damaged, message)
    }

    /// An [`Error::Data`] of [`DataKind::TooManyRejects`].
    pub(crate) fn too_many_rejects(message: impl Into<String>) -> Self {
        Self::of_kind(DataKind::TooManyRejects, message)
    }

    /// An [`Error::Data`] of [`DataKind::Diverged`].
    pub(crate) fn diverged(message: impl Into<String>) -> Self {
        Self::of_kind(DataKind::Diverged, message)
    }

    /// An [`Error::Data`] of [`DataKind::Incompatible`].
    pub(crate) fn incompatible(message: impl Into<String>) -> Self {
        Self::of_kind(DataKind::Incompatible, message)
    }

    fn of_kind(kind: DataKind, message: impl Into<String>) -> Self {
        Self::Data {
            kind,
            message: message.into(),
        }
    }

    /// In which way data are missing or unusable; `None` for errors of other sorts.
    pub fn data_kind(&self) -> Option<DataKind> {
        match self {
            Self::Data { kind, .. } => Some(*kind),
            _ => None,
        }
    }

    /// The same error with `place` before its message, where it has one of its own.
    #[must_use]
    pub(crate) fn within(self, place: &str) -> Self {
        match self {
            Self::Data { kind, message } => Self::Data {
                kind,
                message: format!("{place}: {message}"),
            },
            Self::Usage(message) => Self::Usage(format!("{place}: {message}")),
            Self::Device(message) => Self::Device(format!("{place}: {message}")),
            other => other,
        }
    }
}

/// Whether an error of the operating system speaks of the machine at this moment (a disk that does not answer, too many open
/// files, a permission) and not of the file that was asked for. What was found under such an error is no fact about the data,
/// and is kept nowhere.
pub(crate) fn is_passing(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    /// ELOOP: links that lead in a circle.
    const CIRCLE: i32 = 40;
    let of_the_file = matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::InvalidFilename
            | ErrorKind::InvalidInput
            | ErrorKind::InvalidData
            | ErrorKind::UnexpectedEof
    );
    let of_links = cfg!(target_os = "linux") && error.raw_os_error() == Some(CIRCLE);
    !(of_the_file || of_links)
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

#[cfg(test)]
mod tests {
    use super::{DataKind, Error, exit};

    #[test]
    fn every_kind_of_data_has_one_exit_code_and_keeps_its_kind_in_a_place() {
        for (error, kind) in [
            (Error::missing_database("x"), DataKind::MissingDatabase),
            (Error::missing_weights("x"), DataKind::MissingWeights),
            (Error::unusable_table("x"), DataKind::UnusableTable),
            (Error::damaged("x"), DataKind::Damaged),
            (Error::too_many_rejects("x"), DataKind::TooManyRejects),
            (Error::diverged("x"), DataKind::Diverged),
            (Error::incompatible("x"), DataKind::Incompatible),
            (Error::data("x"), DataKind::Other),
        ] {
            assert_eq!((error.exit_code(), error.data_kind()), (exit::DATA, Some(kind)));
            let error = error.within("point 1");
            assert_eq!(
                (error.to_string().as_str(), error.data_kind()),
                ("point 1: x", Some(kind))
            );
        }
        assert_eq!(Error::NotComparable(String::new()).exit_code(), exit::USAGE);
        assert_eq!(Error::Device("x".to_owned()).within("y").to_string(), "y: x");
    }

    #[test]
    fn what_may_be_gone_a_minute_later_is_told_from_what_is_so() {
        use std::io::{Error, ErrorKind};
        // EPERM, EIO, EACCES, EMFILE, ENFILE, ENOSPC, ESTALE.
        for passing in [1, 5, 13, 24, 23, 28, 116].map(Error::from_raw_os_error) {
            assert!(super::is_passing(&passing), "{passing}");
        }
        // ENOENT, ENOTDIR, EISDIR, ENAMETOOLONG, ELOOP.
        for lasting in [2, 20, 21, 36, 40].map(Error::from_raw_os_error) {
            assert!(!super::is_passing(&lasting), "{lasting}");
        }
        assert!(!super::is_passing(&ErrorKind::UnexpectedEof.into()));
    }
}
