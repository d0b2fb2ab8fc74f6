//! Feature values of a table in a file that is read at any row: `global.rows` and `tokens.rows` beside the parts.
//!
//! Parquet is for exchange; fitting asks for rows in another order every epoch, and for tables that are larger than memory. The
//! file holds a header, the rows as the table stores them (f16 or f32, little-endian), a CRC-32 of each row, and which rows are
//! not finite. It is made once and belongs to the parts as they were then: when one of them changes, it is made anew. Rows are
//! read by position and not through a memory map: a file that another program cuts short is an error then and not a signal,
//! network file systems serve it, and what was read does not count as the process's own memory.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{Float16Type, Float32Type};
use half::f16;
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;

use crate::counted::counted;
use crate::digest::Digest;
use crate::disk::{atomic, lock::Lock};
use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;
use crate::meter::available_memory;
use crate::progress::Progress;
use crate::sets::{Matrix, Source};
use crate::there;

use super::config::Dtype;
use super::digests;
use super::reader::FeatureTable;
use super::table::{GLOBAL, TOKENS, part_path};

/// First bytes of a file; the last digit is the version of the layout.
const MAGIC: &[u8; 8] = b"AURAROW1";
/// Bytes of the header: magic, rows, values a row, bytes a value, key.
const HEADER: usize = 64;
/// Bytes of a BLAKE3 digest.
const DIGEST: usize = 32;
/// Bytes of features that are read from the table at once, or one row.
const BLOCK: usize = 16 << 20;
/// Bytes that one thread reads at once, or one row.
const ALONE: usize = 1 << 18;

/// A feature column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// One vector an image.
    Global,
    /// Its patch tokens.
    Tokens,
}

impl Column {
    fn name(self) -> &'static str {
        match self {
            Self::Global => GLOBAL,
            Self::Tokens => TOKENS,
        }
    }

    fn file(self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.rows", self.name()))
    }

    /// Values a row.
    fn values(self, table: &FeatureTable) -> usize {
        let metadata = table.metadata();
        match self {
            Self::Global => metadata.global_dim,
            Self::Tokens => metadata.tokens.map_or(0, |shape| shape.values()),
        }
    }
}

/// The values of a column, from its file, which is made if it is not there or belongs to other parts: in the folder `scratch`, if one
/// is given, else beside the parts.
///
/// Where the file cannot be written (no room, no permission) the values are held in memory instead, and a line says so.
///
/// # Errors
/// [`Error::Io`] if the table cannot be read; [`Error::Data`] if a column has not the documented type;
/// [`Error::Interrupted`].
pub fn source(
    table: &FeatureTable,
    column: Column,
    scratch: Option<&Path>,
    progress: Progress,
    interrupt: &Interrupt,
) -> Result<Arc<dyn Source>> {
    let shape = Shape::of(table, column)?;
    let path = match scratch {
        // Of several tables, each by what it holds.
        Some(scratch) => {
            let key = blake3::Hash::from_bytes(shape.key).to_hex();
            scratch.join(format!("{}-{}.rows", column.name(), &key[..16]))
        }
        None => column.file(table.folder()),
    };
    if let Some(there) = Store::open(&path, &shape) {
        return Ok(Arc::new(there));
    }
    match make(table, column, &shape, &path, progress, interrupt) {
        Ok(made) => Ok(Arc::new(made)),
        Err(
            error @ Error::Io {
                action: "write" | "lock" | "write a file in" | "create the folder",
                ..
            },
        ) => {
            let needed = (shape.rows * shape.cols * size_of::<f32>()) as u64;
            let (name, needed_mib) = (column.name(), needed >> 20);
            if available_memory().is_some_and(|free| free < needed) {
                return Err(Error::data(format!(
                    "{error}; nor can the `{name}` features be held in memory instead, where they would take {needed_mib} MiB: make \
                     {} MiB of room on that disk, or make the folder writable",
                    (shape.rows * shape.row_bytes()) >> 20
                )));
            }
            progress.line(&format!(
                "warning: {error}; the `{name}` features are held in memory instead ({needed_mib} MiB): make room, or the folder \
                 writable, to read them from a file"
            ));
            held(table, column, &shape, interrupt)
        }
        Err(error) => Err(error),
    }
}

/// Rows of the table in `folder`, or in `features` below it, whose copies beside the parts are not what was written; nothing where
/// there are no copies, or they belong to other parts.
///
/// # Errors
/// [`Error::Io`] if something cannot be read; [`Error::Interrupted`].
pub fn damages(folder: &Path, interrupt: &Interrupt) -> Result<Vec<String>> {
    let below = folder.join("features");
    let Ok(table) = FeatureTable::open(if there::is_dir(&below)? { &below } else { folder }) else {
        // Of parts the digests tell.
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for column in [Column::Global, Column::Tokens] {
        let shape = Shape::of(&table, column)?;
        let Some(store) = Store::open(&column.file(table.folder()), &shape) else {
            continue;
        };
        let step = (BLOCK / shape.row_bytes().max(1)).max(1);
        for first in (0..shape.rows).step_by(step) {
            interrupt.check()?;
            let mut values = vec![0.0; step.min(shape.rows - first) * shape.cols];
            match store.read(first, &mut values) {
                Err(error @ Error::Data { .. }) => {
                    found.push(error.to_string());
                    break;
                }
                read => read?,
            }
        }
    }
    Ok(found)
}

/// What a file must be.
#[derive(Debug, Clone, PartialEq)]
struct Shape {
    rows: usize,
    cols: usize,
    dtype: Dtype,
    key: [u8; DIGEST],
}

impl Shape {
    fn of(table: &FeatureTable, column: Column) -> Result<Self> {
        let metadata = table.metadata();
        let mut digest = Digest::new("feature rows")
            .part("table", &metadata.digest)
            .part("column", column.name());
        let known = digests::known(table.folder())?;
        for part in 0..metadata.parts {
            let path = part_path(table.folder(), part);
            let file = std::fs::metadata(&path).at("read", &path)?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            // A part without digest was written by another program.
            let which = known.get(&name).map_or_else(
                || {
                    let modified = file.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
                    format!("{} {}", file.len(), modified.map_or(0, |since| since.as_nanos()))
                },
                |sealed| format!("{sealed:?}"),
            );
            digest = digest.part("part", which);
        }
        Ok(Self {
            rows: table.rows(),
            cols: column.values(table),
            dtype: metadata.dtype,
            key: *blake3::hash(digest.finish().as_bytes()).as_bytes(),
        })
    }

    fn row_bytes(&self) -> usize {
        self.cols * self.dtype.bytes()
    }

    fn header(&self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(MAGIC);
        for (at, number) in [self.rows, self.cols, self.dtype.bytes()].into_iter().enumerate() {
            header[8 + at * 8..16 + at * 8].copy_from_slice(&(number as u64).to_le_bytes());
        }
        header[HEADER - DIGEST..].copy_from_slice(&self.key);
        header
    }
}

/// What is known of each row.
#[derive(Debug, Default)]
struct Ledger {
    /// CRC-32 of the bytes of each row.
    sums: Vec<u32>,
    /// Rows with a value that is not finite, ascending.
    broken: Vec<u32>,
}

impl Ledger {
    fn add(&mut self, bytes: &[u8], finite: bool) {
        if !finite {
            self.broken.push(self.sums.len() as u32);
        }
        self.sums.push(crc32fast::hash(bytes));
    }

    fn bytes(&self) -> Vec<u8> {
        let count = [self.broken.len() as u32];
        let numbers = self.sums.iter().chain(&count).chain(&self.broken);
        numbers.flat_map(|number| number.to_le_bytes()).collect()
    }

    /// Back from bytes; `None` if they are no ledger of `rows` rows.
    fn parse(bytes: &[u8], rows: usize) -> Option<Self> {
        let mut numbers = bytes.as_chunks().0.iter().map(|&four| u32::from_le_bytes(four));
        let sums: Vec<u32> = numbers.by_ref().take(rows).collect();
        let count = numbers.next()?;
        let broken: Vec<u32> = numbers.collect();
        let fits = bytes.len() == 4 * (rows + 1 + broken.len()) && broken.len() == count as usize;
        fits.then_some(Self { sums, broken })
    }
}

/// An open file of rows.
#[derive(Debug)]
struct Store {
    file: File,
    path: PathBuf,
    shape: Shape,
    ledger: Ledger,
}

impl Store {
    /// Opens a file that is whole and of this shape; `None` for any other, which is made anew.
    fn open(path: &Path, shape: &Shape) -> Option<Self> {
        let mut file = File::open(path).ok()?;
        let length = usize::try_from(file.metadata().ok()?.len()).ok()?;
        let data = shape.rows.checked_mul(shape.row_bytes())?;
        let trailer = length.checked_sub(HEADER + data)?;
        // A sum for each row, and a list that is no longer than that.
        if trailer > 8 * (shape.rows + 1) + DIGEST {
            return None;
        }
        let mut header = [0; HEADER];
        file.read_exact(&mut header).ok()?;
        if header != shape.header() {
            return None;
        }
        file.seek(SeekFrom::Start((HEADER + data) as u64)).ok()?;
        let mut rest = vec![0; trailer];
        file.read_exact(&mut rest).ok()?;
        let (ledger, seal) = rest.split_at(trailer.checked_sub(DIGEST)?);
        (seal == seal_of(&header, ledger)).then_some(())?;
        Some(Self {
            ledger: Ledger::parse(ledger, shape.rows)?,
            file,
            path: path.to_owned(),
            shape: shape.clone(),
        })
    }
}

fn seal_of(header: &[u8], ledger: &[u8]) -> [u8; DIGEST] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(header);
    hasher.update(ledger);
    *hasher.finalize().as_bytes()
}

fn make(
    table: &FeatureTable,
    column: Column,
    shape: &Shape,
    path: &Path,
    progress: Progress,
    interrupt: &Interrupt,
) -> Result<Store> {
    let folder = path.parent().unwrap_or(table.folder());
    let _lock = Lock::hold(folder, progress, interrupt)?;
    // Another call may have made it meanwhile.
    if let Some(there) = Store::open(path, shape) {
        return Ok(there);
    }
    let bar = progress.bar(column.name(), shape.rows as u64, "rows");
    atomic::write_with(path, |file| {
        let mut out = BufWriter::with_capacity(1 << 20, file);
        let header = shape.header();
        out.write_all(&header).at("write", path)?;
        let mut ledger = Ledger::default();
        each_block(table, column, shape, interrupt, |bytes, finite| {
            out.write_all(bytes).at("write", path)?;
            ledger.add(bytes, finite);
            bar.inc(1);
            Ok(())
        })?;
        let ledger = ledger.bytes();
        out.write_all(&ledger).at("write", path)?;
        out.write_all(&seal_of(&header, &ledger)).at("write", path)?;
        out.flush().at("write", path)
    })?;
    Store::open(path, shape).ok_or_else(|| {
        Error::unusable_table(format!(
            "{} is not what was written a moment ago; does another program write there?",
            path.display()
        ))
    })
}

/// Hands out the bytes of every row of the column, and whether its values are finite.
fn each_block(
    table: &FeatureTable,
    column: Column,
    shape: &Shape,
    interrupt: &Interrupt,
    mut each: impl FnMut(&[u8], bool) -> Result<()>,
) -> Result<()> {
    let mistyped = || {
        Error::unusable_table(format!(
            "the feature table {} has no column `{}` of the documented type; extract the features again",
            table.folder().display(),
            column.name()
        ))
    };
    let step = (BLOCK / shape.row_bytes().max(1)).max(1);
    let mut bytes = Vec::with_capacity(shape.row_bytes());
    for batch in table.batches(Some(&[column.name()]), step)? {
        interrupt.check()?;
        let batch = batch?;
        let list = batch.column_by_name(column.name()).ok_or_else(mistyped)?;
        let values = Values::new(list, shape.dtype).ok_or_else(mistyped)?;
        for row in 0..batch.num_rows() {
            bytes.clear();
            let finite = values.append(row * shape.cols..(row + 1) * shape.cols, &mut bytes);
            each(&bytes, finite)?;
        }
    }
    Ok(())
}

/// The values of a feature column.
enum Values<'a> {
    Half(&'a [f16]),
    Single(&'a [f32]),
}

impl<'a> Values<'a> {
    fn new(column: &'a ArrayRef, dtype: Dtype) -> Option<Self> {
        // `values()` covers the rows of this batch only if the array is no slice; arrays fresh from a file are none.
        let list = column.as_fixed_size_list_opt().filter(|list| list.offset() == 0)?;
        match dtype {
            Dtype::F16 => Some(Self::Half(list.values().as_primitive_opt::<Float16Type>()?.values())),
            Dtype::F32 => Some(Self::Single(list.values().as_primitive_opt::<Float32Type>()?.values())),
        }
    }

    /// Appends the bytes of a range; whether its values are finite.
    fn append(&self, range: std::ops::Range<usize>, to: &mut Vec<u8>) -> bool {
        match self {
            Self::Half(values) => {
                to.extend(values[range.clone()].iter().flat_map(|value| value.to_le_bytes()));
                values[range].iter().all(|value| value.is_finite())
            }
            Self::Single(values) => {
                to.extend(values[range.clone()].iter().flat_map(|value| value.to_le_bytes()));
                values[range].iter().all(|value| value.is_finite())
            }
        }
    }
}

/// Bytes as they are stored to numbers.
fn decode(bytes: &[u8], dtype: Dtype, to: &mut [f32]) {
    match dtype {
        Dtype::F16 => {
            let mut halves = [f16::ZERO; 256];
            for (bytes, to) in bytes.chunks(2 * halves.len()).zip(to.chunks_mut(halves.len())) {
                counted(to.len(), |i| {
                    halves[i] = f16::from_le_bytes([bytes[2 * i], bytes[2 * i + 1]]);
                });
                halves[..to.len()].convert_to_f32_slice(to);
            }
        }
        Dtype::F32 => {
            for (value, &four) in to.iter_mut().zip(bytes.as_chunks().0) {
                *value = f32::from_le_bytes(four);
            }
        }
    }
}

impl Source for Store {
    fn cols(&self) -> usize {
        self.shape.cols
    }

    fn read(&self, first: usize, to: &mut [f32]) -> Result<()> {
        let (cols, row_bytes) = (self.shape.cols.max(1), self.shape.row_bytes().max(1));
        let some = |bytes: &mut Vec<u8>, first: usize, to: &mut [f32]| {
            let needed = to.len() * self.shape.dtype.bytes();
            // Zeros from the system; `resize` writes each by itself where little is optimised.
            if bytes.len() != needed {
                *bytes = vec![0; needed];
            }
            read_at(&self.file, bytes, (HEADER + first * row_bytes) as u64).at("read", &self.path)?;
            for (at, (row, to)) in bytes.chunks_exact(row_bytes).zip(to.chunks_exact_mut(cols)).enumerate() {
                if crc32fast::hash(row) != self.ledger.sums[first + at] {
                    // Nobody can go on with what was read before; the next call makes the file anew from the feature table.
                    let gone = if atomic::remove(&self.path).is_ok() {
                        "it was removed"
                    } else {
                        "remove it"
                    };
                    return Err(Error::damaged(format!(
                        "{}: row {} is damaged: it is not what was written; {gone}, and the same command makes it again",
                        self.path.display(),
                        first + at
                    )));
                }
                decode(row, self.shape.dtype, to);
            }
            Ok(())
        };
        // As many rows at once as a cache holds; waking other threads for these few takes longer than reading them.
        let rows = (ALONE / row_bytes).max(1);
        if to.len() <= rows * cols {
            return some(&mut Vec::new(), first, to);
        }
        let parts = to.par_chunks_mut(rows * cols).enumerate();
        parts.try_for_each_init(Vec::new, |bytes, (at, to)| some(bytes, first + at * rows, to))
    }

    fn value_bytes(&self) -> usize {
        self.shape.dtype.bytes()
    }

    fn is_finite(&self, row: usize) -> bool {
        self.ledger.broken.binary_search(&(row as u32)).is_err()
    }

    fn digest(&self) -> String {
        let shape = format!("{} {} {:?}", self.shape.rows, self.shape.cols, self.shape.dtype);
        let digest = Digest::new("feature rows").part("shape", shape);
        digest.part("rows", self.ledger.bytes()).finish()
    }
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> std::io::Result<()> {
    while !bytes.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, bytes, offset)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes = &mut bytes[read..];
        offset += read as u64;
    }
    Ok(())
}

/// All values of a column in memory, in the precision in which the table stores them.
fn held(table: &FeatureTable, column: Column, shape: &Shape, interrupt: &Interrupt) -> Result<Arc<dyn Source>> {
    let mut data = Vec::with_capacity(shape.rows * shape.cols);
    each_block(table, column, shape, interrupt, |bytes, _| {
        let start = data.len();
        data.resize(start + shape.cols, 0.0);
        decode(bytes, shape.dtype, &mut data[start..]);
        Ok(())
    })?;
    Ok(Arc::new(Matrix {
        rows: shape.rows,
        cols: shape.cols,
        data,
    }))
}
