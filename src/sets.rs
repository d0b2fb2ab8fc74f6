//! Features and targets of one split: what a model or a rival is fitted on.
//!
//! Feature values are not held here: [`Rows`] names rows of a [`Source`], which is a file beside the feature table, or a matrix
//! in memory. Splits, folds and held-out parts are lists of row numbers over the same source.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use crate::error::Result;
use crate::task::Targets;

/// A dense row-major matrix of f32.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// Number of rows (samples).
    pub rows: usize,
    /// Values a row.
    pub cols: usize,
    /// rows × cols values.
    pub data: Vec<f32>,
}

impl Matrix {
    /// Row `i`, `cols` values.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.data[i * self.cols..(i + 1) * self.cols]
    }

    /// The rows at `rows`, in that order.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut data = Vec::with_capacity(rows.len() * self.cols);
        for &row in rows {
            data.extend_from_slice(self.row(row));
        }
        Self {
            rows: rows.len(),
            cols: self.cols,
            data,
        }
    }

    /// The columns `columns` alone, in that order.
    #[must_use]
    pub fn columns(&self, columns: &[usize]) -> Self {
        let of = |i: usize| columns.iter().map(move |column| self.row(i)[*column]);
        Self {
            rows: self.rows,
            cols: columns.len(),
            data: (0..self.rows).flat_map(of).collect(),
        }
    }
}

/// Where feature values lie.
pub trait Source: Debug + Send + Sync {
    /// Values a row.
    fn cols(&self) -> usize;

    /// Copies the rows from `first` on to `to`, which holds a whole number of rows.
    ///
    /// # Errors
    /// [`crate::Error::Io`] if they cannot be read, [`crate::Error::Data`] if they are not what was written.
    fn read(&self, first: usize, to: &mut [f32]) -> Result<()>;

    /// Bytes of a value: 2 if every value is exactly a half-precision number, else 4.
    fn value_bytes(&self) -> usize;

    /// Whether all values of a row are finite numbers.
    fn is_finite(&self, row: usize) -> bool;

    /// Equal for sources of equal values.
    fn digest(&self) -> String;
}

impl Source for Matrix {
    fn cols(&self) -> usize {
        self.cols
    }

    fn read(&self, first: usize, to: &mut [f32]) -> Result<()> {
        let start = first * self.cols;
        to.copy_from_slice(&self.data[start..start + to.len()]);
        Ok(())
    }

    fn value_bytes(&self) -> usize {
        let half = |&value: &f32| half::f16::from_f32(value).to_f32().to_bits() == value.to_bits();
        if self.data.iter().all(half) { 2 } else { 4 }
    }

    fn is_finite(&self, row: usize) -> bool {
        self.row(row).iter().all(|value| value.is_finite())
    }

    fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("{} {}", self.rows, self.cols).as_bytes());
        for chunk in self.data.chunks(1 << 14) {
            let bytes: Vec<u8> = chunk.iter().flat_map(|v| v.to_le_bytes()).collect();
            hasher.update(&bytes);
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// Values of a block of [`Rows::blocks`], about: 16 MiB of f32.
const BLOCK: usize = 1 << 22;

/// Some rows of a source, in some order: n × D values that are read when they are asked for.
#[derive(Debug, Clone)]
pub struct Rows {
    source: Arc<dyn Source>,
    index: Arc<[u32]>,
}

impl From<Matrix> for Rows {
    fn from(matrix: Matrix) -> Self {
        let index = (0..matrix.rows as u32).collect();
        Self::new(Arc::new(matrix), index)
    }
}

impl PartialEq for Rows {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index && self.source.digest() == other.source.digest()
    }
}

impl Rows {
    /// The rows `index` of a source.
    pub fn new(source: Arc<dyn Source>, index: Vec<u32>) -> Self {
        Self {
            source,
            index: index.into(),
        }
    }

    /// Number of rows n.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Their numbers in the source.
    pub fn numbers(&self) -> &[u32] {
        &self.index
    }

    /// Values a row D.
    pub fn cols(&self) -> usize {
        self.source.cols()
    }

    /// Bytes of a value as it is stored: 2 or 4.
    pub fn value_bytes(&self) -> usize {
        self.source.value_bytes()
    }

    /// The rows at `rows`, in that order; nothing is copied but their numbers.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        Self {
            source: Arc::clone(&self.source),
            index: rows.iter().map(|&row| self.index[row]).collect(),
        }
    }

    /// The values of the rows at `rows`, in that order.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub fn gather(&self, rows: impl IntoIterator<Item = usize>) -> Result<Matrix> {
        let wanted: Vec<u32> = rows.into_iter().map(|row| self.index[row]).collect();
        self.fetch(&wanted)
    }

    /// The values of a range of rows.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub fn read(&self, range: Range<usize>) -> Result<Matrix> {
        self.fetch(&self.index[range])
    }

    /// All values.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub fn all(&self) -> Result<Matrix> {
        self.fetch(&self.index)
    }

    fn fetch(&self, wanted: &[u32]) -> Result<Matrix> {
        let cols = self.cols();
        let mut data = vec![0.0; wanted.len() * cols];
        let mut at = 0;
        // Rows that follow each other are read at once.
        while at < wanted.len() {
            let first = wanted[at];
            let run = wanted[at..]
                .iter()
                .zip(first..)
                .take_while(|(found, expected)| *found == expected)
                .count();
            self.source
                .read(first as usize, &mut data[at * cols..(at + run) * cols])?;
            at += run;
        }
        Ok(Matrix {
            rows: wanted.len(),
            cols,
            data,
        })
    }

    /// Ranges of rows that are read at once, 16 MiB each or one row.
    pub fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (n, step) = (self.len(), (BLOCK / self.cols().max(1)).max(1));
        (0..n).step_by(step).map(move |start| start..(start + step).min(n))
    }

    /// The first row that holds a value which is not a finite number.
    pub fn not_finite(&self) -> Option<usize> {
        self.index.iter().position(|&row| !self.source.is_finite(row as usize))
    }

    /// Row `i`.
    #[cfg(test)]
    pub fn row(&self, i: usize) -> Vec<f32> {
        self.read(i..i + 1).unwrap().data
    }

    /// Equal for equal rows of equal sources.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.source.digest().as_bytes());
        for chunk in self.index.chunks(1 << 14) {
            let bytes: Vec<u8> = chunk.iter().flat_map(|row| row.to_le_bytes()).collect();
            hasher.update(&bytes);
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// Patch tokens of n images: rows that hold `count` tokens of `width` values, token-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Tokens {
    /// Tokens an image (M).
    pub count: usize,
    /// Values a token (D').
    pub width: usize,
    /// n × (M·D') values.
    pub values: Rows,
}

/// Features and targets of n samples, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureSet {
    /// Identifiers, unique in the database.
    pub sample_ids: Vec<String>,
    /// One vector an image (n × D).
    pub global: Rows,
    /// Patch tokens, where the table has them and the recipe reads them.
    pub tokens: Option<Tokens>,
    /// What is to be predicted.
    pub targets: Targets,
    /// Person in the image, where the database says.
    pub subjects: Vec<Option<String>>,
}

impl FeatureSet {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.sample_ids.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.sample_ids.is_empty()
    }

    /// The samples at `rows`, in that order.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        Self {
            sample_ids: rows.iter().map(|&r| self.sample_ids[r].clone()).collect(),
            global: self.global.select(rows),
            tokens: self.tokens.as_ref().map(|t| Tokens {
                count: t.count,
                width: t.width,
                values: t.values.select(rows),
            }),
            targets: self.targets.select(rows),
            subjects: rows.iter().map(|&r| self.subjects[r].clone()).collect(),
        }
    }
}

/// Samples of another database, which nothing is fitted to or chosen by.
#[derive(Debug, Clone, PartialEq)]
pub struct TestSet {
    /// What its rows have for a split: `test@NAME`.
    pub split: String,
    /// The samples; their targets are those of the training split, unknown where the other database says nothing.
    pub set: FeatureSet,
    /// The outputs that are asked, ascending: what both databases label, or all classes.
    pub asked: Vec<usize>,
}

/// The three splits of a benchmark, and what else is tested on.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitSets {
    /// To fit on.
    pub train: FeatureSet,
    /// To select the epoch on, where the protocol has validation data.
    pub val: Option<FeatureSet>,
    /// To report on.
    pub test: FeatureSet,
    /// Other databases to report on.
    pub others: Vec<TestSet>,
}
