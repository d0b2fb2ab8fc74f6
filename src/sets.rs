//! Features of one split in host memory: what a model or a baseline is fitted on.

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
}

/// Patch tokens of n images: a matrix whose rows hold `count` tokens of `width` values, token-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Tokens {
    /// Tokens an image (M).
    pub count: usize,
    /// Values a token (D').
    pub width: usize,
    /// n × (M·D') values.
    pub values: Matrix,
}

/// Features and targets of n samples, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureSet {
    /// Identifiers, unique in the database.
    pub sample_ids: Vec<String>,
    /// One vector an image (n × D).
    pub global: Matrix,
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

/// The three splits of a benchmark.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitSets {
    /// To fit on.
    pub train: FeatureSet,
    /// To select the epoch on, where the protocol has validation data.
    pub val: Option<FeatureSet>,
    /// To report on.
    pub test: FeatureSet,
}
