//! What rivals look at: one standardised vector an image, on the device.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::error::{Error, Result};
use crate::model::config::Standardise;
use crate::model::standardise::Standardiser;
use crate::sets::{FeatureSet, Matrix};

/// Which part of the features a rival reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Input {
    /// The image's global vector, D values.
    Global,
    /// The mean of its patch tokens, D' values.
    MeanTokens,
    /// All its patch tokens side by side, M·D' values.
    Tokens,
}

impl Input {
    /// All inputs.
    pub const ALL: [Self; 3] = [Self::Global, Self::MeanTokens, Self::Tokens];

    /// What is appended to a method's name: nothing, `_mean_tokens`, `_tokens`.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Global => "",
            Self::MeanTokens => "_mean_tokens",
            Self::Tokens => "_tokens",
        }
    }

    /// The patch tokens of a set, as far as they say anything beside its global vectors: where these are the tokens side by side
    /// (HOG's), reading them again would be the same rival under another name.
    pub fn of_patches(set: &FeatureSet) -> Vec<Self> {
        let Some(tokens) = &set.tokens else {
            return Vec::new();
        };
        let mut inputs = vec![Self::MeanTokens];
        if tokens.values.data != set.global.data {
            inputs.push(Self::Tokens);
        }
        inputs
    }

    /// The n × width values of a set.
    ///
    /// # Errors
    /// [`Error::Data`] if the set has no tokens, or its parts do not fit together.
    pub fn read(self, set: &FeatureSet) -> Result<std::borrow::Cow<'_, Matrix>> {
        use std::borrow::Cow;
        let matrix = match self {
            Self::Global => Cow::Borrowed(&set.global),
            Self::Tokens | Self::MeanTokens => {
                let tokens = set.tokens.as_ref().ok_or_else(|| {
                    Error::unusable_table(
                        "a rival reads patch tokens, but the feature table has none; set `features.tokens` or take the \
                         `…_tokens` methods out of `baselines.methods`",
                    )
                })?;
                if self == Self::Tokens {
                    Cow::Borrowed(&tokens.values)
                } else {
                    Cow::Owned(mean_tokens(&tokens.values, tokens.count, tokens.width)?)
                }
            }
        };
        if matrix.rows != set.len() || matrix.data.len() != matrix.rows * matrix.cols {
            return Err(Error::unusable_table(format!(
                "{} samples have {} feature rows of {} values ({} values in all)",
                set.len(),
                matrix.rows,
                matrix.cols,
                matrix.data.len()
            )));
        }
        Ok(matrix)
    }
}

fn mean_tokens(values: &Matrix, count: usize, width: usize) -> Result<Matrix> {
    if count == 0 || width == 0 || count * width != values.cols {
        return Err(Error::unusable_table(format!(
            "{count} tokens of {width} values do not make rows of {} values",
            values.cols
        )));
    }
    let mut data = Vec::with_capacity(values.rows * width);
    for i in 0..values.rows {
        let mut sums = vec![0.0_f32; width];
        for token in values.row(i).chunks_exact(width) {
            for (sum, value) in sums.iter_mut().zip(token) {
                *sum += value;
            }
        }
        data.extend(sums.iter().map(|sum| sum / count as f32));
    }
    Ok(Matrix {
        rows: values.rows,
        cols: width,
        data,
    })
}

/// Brings features to scale by the samples that a rival is fitted on.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale(Standardiser);

impl Scale {
    /// Takes mean and standard deviation (ddof 0) from `train`.
    ///
    /// # Errors
    /// [`Error::Data`] if there is no value, or one that is not finite.
    pub fn fit(how: Standardise, train: &Matrix) -> Result<Self> {
        if train.rows == 0 || train.cols == 0 {
            return Err(Error::unusable_table(
                "rivals need at least one training sample with at least one feature",
            ));
        }
        let scale = Standardiser::fit(train, train.cols, how);
        if !scale.is_finite() {
            return Err(Error::unusable_table(
                "training features hold values that are not finite; extract them again, or look for a broken image",
            ));
        }
        Ok(Self(scale))
    }

    /// The standardised features of the samples `ids`.
    ///
    /// # Errors
    /// [`Error::Data`] if the features are not as wide as those of the training split, or not finite.
    pub fn apply(&self, matrix: &Matrix, ids: &[String], device: &Device) -> Result<Features> {
        let d = self.0.mean.len();
        if matrix.cols != d && matrix.rows > 0 {
            return Err(Error::unusable_table(format!(
                "features of {} values stand against training features of {d}; extract both splits with one encoder",
                matrix.cols
            )));
        }
        let data = self.0.apply(matrix);
        if let Some(at) = data.iter().position(|v| !v.is_finite()) {
            return Err(Error::unusable_table(format!(
                "the features of sample {} are not finite; extract them again, or look for a broken image",
                ids.get(at / d).map_or("?", String::as_str)
            )));
        }
        Ok(Features::new(
            Matrix {
                rows: matrix.rows,
                cols: d,
                data,
            },
            device,
        ))
    }
}

/// n × D values on a device.
#[derive(Debug, Clone)]
pub struct Features {
    /// The values.
    pub x: Tensor<2>,
    /// Number of samples n.
    pub rows: usize,
    /// Values a sample D.
    pub cols: usize,
}

/// Rows that are multiplied at once where the product is large.
const CHUNK: usize = 4096;

impl Features {
    /// Moves a matrix to the device.
    pub fn new(matrix: Matrix, device: &Device) -> Self {
        let (rows, cols) = (matrix.rows, matrix.cols);
        Self {
            x: tensor(matrix.data, rows, cols, device),
            rows,
            cols,
        }
    }

    /// Where the values are.
    pub fn device(&self) -> Device {
        self.x.device()
    }

    /// Ranges of at most [`CHUNK`] rows that cover all.
    pub fn chunks(&self) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
        let rows = self.rows;
        (0..rows)
            .step_by(CHUNK)
            .map(move |start| start..(start + CHUNK).min(rows))
    }

    /// The rows of a range.
    pub fn slice(&self, range: std::ops::Range<usize>) -> Tensor<2> {
        self.x.clone().slice([range, 0..self.cols])
    }

    /// The rows at `rows`, in that order.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let index: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
        let index = Tensor::<1, Int>::from_data(TensorData::new(index, [rows.len()]), &self.device());
        Self {
            x: self.x.clone().select(0, index),
            rows: rows.len(),
            cols: self.cols,
        }
    }

    /// Squared Euclidean norms of all rows.
    ///
    /// # Errors
    /// If the device fails.
    pub fn squared_norms(&self) -> Result<Vec<f32>> {
        let mut norms = Vec::with_capacity(self.rows);
        for range in self.chunks() {
            norms.extend(values(self.slice(range).square().sum_dim(1))?);
        }
        Ok(norms)
    }

    /// The same rows at unit length; rows of zeros stay as they are.
    #[must_use]
    pub fn unit(&self) -> Self {
        let norms = self.x.clone().square().sum_dim(1).sqrt().clamp_min(1e-12);
        Self {
            x: self.x.clone() / norms,
            ..*self
        }
    }
}

/// A tensor of rows × cols values.
pub(crate) fn tensor(data: Vec<f32>, rows: usize, cols: usize, device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(data, [rows, cols]), device)
}

/// The values of a tensor, row-major.
pub(crate) fn values(tensor: Tensor<2>) -> Result<Vec<f32>> {
    tensor
        .into_data()
        .try_into_vec::<f32>()
        .map_err(|error| Error::Device(format!("the device returned no f32 values: {error:?}")))
}
