//! Rows of numbers on disk: features come in the order of their file and leave in the order of the samples table, and neither
//! has to fit into memory.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::error::{Context, Error, Result};
use crate::feature::config::Dtype;
use crate::feature::writer::all_finite;

/// Why a row is no row of features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// A value is not finite once it is stored.
    NotFinite,
    /// Nothing, where a list of numbers should be.
    Null,
    /// Another number of values than most rows have.
    Width(usize),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFinite => f.write_str("NaN, infinite or too large"),
            Self::Null => f.write_str("null"),
            Self::Width(0) => f.write_str("an empty list"),
            Self::Width(width) => write!(f, "{width} values"),
        }
    }
}

/// Rows being written.
pub(crate) struct SpillWriter {
    /// `None` only counts and checks.
    file: Option<BufWriter<File>>,
    /// Values of every row, where they are not all as many as the first has; empty until then.
    widths: Vec<u32>,
    first: Option<usize>,
    rows: usize,
    dtype: Dtype,
    bad: BTreeMap<usize, Flaw>,
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
            widths: Vec::new(),
            first: None,
            rows: 0,
            dtype,
            bad: BTreeMap::new(),
            bytes: Vec::new(),
        })
    }

    /// Appends a row that is not there.
    pub(crate) fn push_null(&mut self) -> std::result::Result<(), String> {
        self.bad.insert(self.rows, Flaw::Null);
        self.push(&[])
    }

    /// Appends a row. Those that have not as many values as most are found in [`Self::finish`].
    pub(crate) fn push(&mut self, row: &[f32]) -> std::result::Result<(), String> {
        let first = *self.first.get_or_insert(row.len());
        let short = |width| u32::try_from(width).map_err(|_| format!("a row has {width} values"));
        if row.len() != first && self.widths.is_empty() {
            self.widths = vec![short(first)?; self.rows];
        }
        if row.len() != first || !self.widths.is_empty() {
            self.widths.push(short(row.len())?);
        }
        if !row.is_empty() && !all_finite(row, self.dtype) {
            self.bad.insert(self.rows, Flaw::NotFinite);
        }
        self.rows += 1;
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
        let mut spill = Spill {
            file: file.map(BufReader::new),
            width: self.first.unwrap_or(0),
            rows: self.rows,
            starts: Vec::new(),
            bad: self.bad,
        };
        if self.widths.is_empty() {
            if spill.width == 0 && spill.rows > 0 {
                return Err("no row holds a value".into());
            }
            return Ok(spill);
        }
        let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
        for width in self.widths.iter().filter(|width| **width > 0) {
            *counts.entry(*width).or_default() += 1;
        }
        let most = counts.values().max().copied().unwrap_or_default();
        let usual: Vec<u32> = counts
            .iter()
            .filter(|(_, n)| **n == most)
            .map(|(width, _)| *width)
            .collect();
        let [usual] = usual[..] else {
            return Err(format!(
                "rows have different numbers of values: {}",
                counts
                    .iter()
                    .take(5)
                    .map(|(width, n)| format!("{width} in {n} rows"))
                    .collect::<Vec<_>>()
                    .join(", ")
            ));
        };
        spill.width = usual as usize;
        let mut start = 0;
        for (row, width) in self.widths.into_iter().enumerate() {
            spill.starts.push(start);
            start += u64::from(width) * 4;
            if width != usual {
                let null = spill.bad.get(&row) == Some(&Flaw::Null);
                spill
                    .bad
                    .insert(row, if null { Flaw::Null } else { Flaw::Width(width as usize) });
            }
        }
        Ok(spill)
    }
}

/// Rows to be read in any order.
pub(crate) struct Spill {
    file: Option<BufReader<File>>,
    /// Values a row.
    pub(crate) width: usize,
    rows: usize,
    /// First byte of every row, where some have another number of values; empty where none has.
    starts: Vec<u64>,
    bad: BTreeMap<usize, Flaw>,
}

impl Spill {
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Why a row cannot be used.
    pub(crate) fn flaw(&self, row: usize) -> Option<Flaw> {
        self.bad.get(&row).copied()
    }

    /// One row.
    pub(crate) fn row(&mut self, row: usize) -> Result<Vec<f32>> {
        let mut bytes = vec![0; self.width * 4];
        let Some(file) = &mut self.file else {
            return Err(Error::data("the features were only checked, not kept"));
        };
        let place = Path::new("the temporary file of features");
        let at = match self.starts.get(row) {
            Some(start) => *start,
            None => row as u64 * bytes.len() as u64,
        };
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
