//! Rows of numbers on disk: features come in the order of their file and leave in the order of the samples table, and neither
//! has to fit into memory.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::error::{Context, Error, Result};
use crate::feature::config::Dtype;
use crate::feature::writer::all_finite;

/// Rows being written.
pub(crate) struct SpillWriter {
    /// `None` only counts and checks.
    file: Option<BufWriter<File>>,
    width: Option<usize>,
    dtype: Dtype,
    bad: Vec<bool>,
    bytes: Vec<u8>,
}

impl SpillWriter {
    /// Rows go to a nameless file in `folder`, which is gone with this value; nowhere without a folder.
    pub(crate) fn new(folder: Option<&Path>, dtype: Dtype) -> Result<Self> {
        let file = match folder {
            Some(folder) => {
                std::fs::create_dir_all(folder).at("create the folder", folder)?;
                let file = tempfile::tempfile_in(folder).at("create a temporary file in", folder)?;
                Some(BufWriter::with_capacity(1 << 20, file))
            }
            None => None,
        };
        Ok(Self {
            file,
            width: None,
            dtype,
            bad: Vec::new(),
            bytes: Vec::new(),
        })
    }

    /// Appends a row; all must have the same number of values.
    pub(crate) fn push(&mut self, row: &[f32]) -> std::result::Result<(), String> {
        let width = *self.width.get_or_insert(row.len());
        if row.len() != width || width == 0 {
            return Err(format!(
                "row {} has {} values, the rows before have {width}",
                self.bad.len(),
                row.len()
            ));
        }
        self.bad.push(!all_finite(row, self.dtype));
        if let Some(file) = &mut self.file {
            self.bytes.clear();
            self.bytes.extend(row.iter().flat_map(|value| value.to_le_bytes()));
            file.write_all(&self.bytes)
                .map_err(|error| format!("failed to write a temporary file: {error}"))?;
        }
        Ok(())
    }

    /// All rows are there.
    pub(crate) fn finish(self) -> std::result::Result<Spill, String> {
        let file = self
            .file
            .map(|file| file.into_inner().map_err(|error| error.to_string()))
            .transpose()
            .map_err(|error| format!("failed to write a temporary file: {error}"))?;
        Ok(Spill {
            file: file.map(BufReader::new),
            width: self.width.unwrap_or(0),
            bad: self.bad,
        })
    }
}

/// Rows to be read in any order.
pub(crate) struct Spill {
    file: Option<BufReader<File>>,
    /// Values a row.
    pub(crate) width: usize,
    bad: Vec<bool>,
}

impl Spill {
    pub(crate) fn rows(&self) -> usize {
        self.bad.len()
    }

    /// Whether a row holds a value that is not finite once it is stored.
    pub(crate) fn is_bad(&self, row: usize) -> bool {
        self.bad.get(row).copied().unwrap_or(true)
    }

    /// One row.
    pub(crate) fn row(&mut self, row: usize) -> Result<Vec<f32>> {
        let mut bytes = vec![0; self.width * 4];
        let Some(file) = &mut self.file else {
            return Err(Error::data("the features were only checked, not kept"));
        };
        let place = Path::new("the temporary file of features");
        let at = row as u64 * bytes.len() as u64;
        // Rows that follow each other, as most do, are read from the buffer.
        let from = file.stream_position().at("read", place)?;
        match i64::try_from(at).ok().zip(i64::try_from(from).ok()) {
            Some((at, from)) => file.seek_relative(at - from).at("read", place)?,
            None => {
                file.seek(SeekFrom::Start(at)).at("read", place)?;
            }
        }
        file.read_exact(&mut bytes).at("read", place)?;
        Ok(bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|word| f32::from_le_bytes(*word))
            .collect())
    }
}
