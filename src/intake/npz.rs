//! Archives of arrays, as `np.savez` writes them.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};
use crate::regular;

use super::npy::{self, Header};

/// A compressed array that unpacks to more than this is believed only if it does not shrink suspiciously.
const LARGE: u64 = 1 << 30;
/// Most bytes that one compressed byte of a large array may become; floats shrink to half at best.
const MOST_SHRINKING: u64 = 50;

/// A ZIP archive of `.npy` files.
pub struct Archive {
    path: PathBuf,
    zip: zip::ZipArchive<BufReader<File>>,
}

impl Archive {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read; [`Error::Data`] if it is no archive.
    pub fn open(path: &Path) -> Result<Self> {
        // NumPy's archives begin with the file. The library's search for a later beginning is misled by those of 2 to 4 GiB,
        // which end in a ZIP64 record without needing one.
        let begins = zip::read::Config {
            archive_offset: zip::read::ArchiveOffset::Known(0),
        };
        let file = BufReader::new(regular::open(path).at("read", path)?);
        let zip = zip::ZipArchive::with_config(begins, file).map_err(|error| {
            Error::unusable_table(format!("{}: {}", path.display(), no_archive(path, &error.to_string())))
        })?;
        Ok(Self {
            path: path.to_owned(),
            zip,
        })
    }

    /// The names of its arrays, in its order.
    pub fn names(&self) -> Vec<String> {
        self.zip
            .file_names()
            .flatten()
            .filter_map(|name| name.strip_suffix(".npy").map(str::to_owned))
            .collect()
    }

    /// The header of an array.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn header(&mut self, name: &str) -> Result<Header, String> {
        let mut entry = self
            .zip
            .by_name(&format!("{name}.npy"))
            .map_err(|error| error.to_string())?;
        npy::read_header(&mut entry)
    }

    /// The header of an array, and a reader that stands at its first value.
    ///
    /// # Errors
    /// [`Error::Data`] if it is not there, cannot be read, or claims to unpack to more than such an array does.
    pub fn array(&mut self, name: &str) -> Result<(Header, impl Read + use<'_>)> {
        let at = format!("{}: {name}.npy", self.path.display());
        let inner = |error: String| Error::unusable_table(format!("{at}: {error}"));
        let entry = self
            .zip
            .by_name(&format!("{name}.npy"))
            .map_err(|error| inner(error.to_string()))?;
        if entry.size() > LARGE && entry.size() / entry.compressed_size().max(1) > MOST_SHRINKING {
            return Err(inner(format!(
                "{} bytes claim to unpack to {}; no features shrink so far: save them with np.savez",
                entry.compressed_size(),
                entry.size()
            )));
        }
        let size = entry.size();
        // The archive's own word on the size bounds what is unpacked.
        let mut input = BufReader::new(entry.take(size));
        let header = npy::read_header(&mut input).map_err(inner)?;
        Ok((header, input))
    }
}

/// Why a file is no archive of arrays, and what to do.
fn no_archive(path: &Path, error: &str) -> String {
    let mut start = [0; 6];
    let read = regular::open(path).and_then(|mut file| file.read_exact(&mut start));
    match read {
        Ok(()) if start == *b"\x93NUMPY" => "this is one array, as np.save writes it; call the file .npy".to_owned(),
        Ok(()) if start.starts_with(b"PK") => format!(
            "the archive is damaged or its end is missing ({error}); copy it again, or save the arrays again with np.savez"
        ),
        Ok(()) => "this is no archive of arrays; expected what np.savez writes".to_owned(),
        Err(_) => "the file is empty or ends at once; expected what np.savez writes".to_owned(),
    }
}
