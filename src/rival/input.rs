//! What rivals look at: one standardised vector an image, brought to the device when it is needed.

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::model::config::Standardise;
use crate::model::standardise::Standardiser;
use crate::progress::Bar;
use crate::sets::{FeatureSet, Matrix, Rows};
use crate::solver::linalg::Dense;
use crate::solver::samples;

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
    ///
    /// # Errors
    /// If the features cannot be read.
    pub fn of_patches(set: &FeatureSet) -> Result<Vec<Self>> {
        let Some(tokens) = &set.tokens else {
            return Ok(Vec::new());
        };
        let mut inputs = vec![Self::MeanTokens];
        if !same(&tokens.values, &set.global)? {
            inputs.push(Self::Tokens);
        }
        Ok(inputs)
    }

    /// The n × width values of a set.
    ///
    /// # Errors
    /// [`Error::Data`] if the set has no tokens, or its parts do not fit together; [`Error::Interrupted`].
    pub fn read(self, set: &FeatureSet, interrupt: &Interrupt) -> Result<Rows> {
        let rows = match self {
            Self::Global => set.global.clone(),
            Self::Tokens | Self::MeanTokens => {
                let tokens = set.tokens.as_ref().ok_or_else(|| {
                    Error::unusable_table(
                        "a rival reads patch tokens, but the feature table has none; set `features.tokens` or take the \
                         `…_tokens` methods out of `baselines.methods`",
                    )
                })?;
                if self == Self::Tokens {
                    tokens.values.clone()
                } else {
                    mean_tokens(&tokens.values, tokens.count, tokens.width, interrupt)?.into()
                }
            }
        };
        if rows.len() != set.len() {
            return Err(Error::unusable_table(format!(
                "{} samples have {} feature rows",
                set.len(),
                rows.len()
            )));
        }
        Ok(rows)
    }
}

/// Whether two sets of rows hold the same values.
fn same(a: &Rows, b: &Rows) -> Result<bool> {
    if (a.len(), a.cols()) != (b.len(), b.cols()) {
        return Ok(false);
    }
    for block in a.blocks() {
        if a.read(block.clone())? != b.read(block)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn mean_tokens(values: &Rows, count: usize, width: usize, interrupt: &Interrupt) -> Result<Matrix> {
    if count == 0 || width == 0 || count * width != values.cols() {
        return Err(Error::unusable_table(format!(
            "{count} tokens of {width} values do not make rows of {} values",
            values.cols()
        )));
    }
    let mut data = Vec::with_capacity(values.len() * width);
    for block in values.blocks() {
        interrupt.check()?;
        let block = values.read(block)?;
        for i in 0..block.rows {
            let mut sums = vec![0.0_f32; width];
            for token in block.row(i).chunks_exact(width) {
                for (sum, value) in sums.iter_mut().zip(token) {
                    *sum += value;
                }
            }
            data.extend(sums.iter().map(|sum| sum / count as f32));
        }
    }
    Ok(Matrix {
        rows: values.len(),
        cols: width,
        data,
    })
}

/// Brings features to scale by the samples that a rival is fitted on.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale(Arc<Standardiser>);

impl Scale {
    /// Takes mean and standard deviation (ddof 0) from `train`.
    ///
    /// # Errors
    /// [`Error::Data`] if there is no value, or one that is not finite; [`Error::Interrupted`].
    pub fn fit(how: Standardise, train: &Rows, interrupt: &Interrupt) -> Result<Self> {
        if train.len() == 0 || train.cols() == 0 {
            return Err(Error::unusable_table(
                "rivals need at least one training sample with at least one feature",
            ));
        }
        let scale = Standardiser::fit(train, train.cols(), how, interrupt)?;
        if !scale.is_finite() {
            return Err(Error::unusable_table(
                "training features hold values that are not finite; extract them again, or look for a broken image",
            ));
        }
        Ok(Self(Arc::new(scale)))
    }

    /// The standardised features of the samples `ids`.
    ///
    /// # Errors
    /// [`Error::Data`] if the features are not as wide as those of the training split, or not finite.
    pub fn apply(&self, rows: &Rows, ids: &[String], reading: Reading) -> Result<Features> {
        let d = self.0.mean.len();
        if rows.cols() != d && rows.len() > 0 {
            return Err(Error::unusable_table(format!(
                "features of {} values stand against training features of {d}; extract both splits with one encoder",
                rows.cols()
            )));
        }
        if let Some(row) = rows.not_finite() {
            return Err(Error::unusable_table(format!(
                "the features of sample {} are not finite; extract them again, or look for a broken image",
                ids.get(row).map_or("?", String::as_str)
            )));
        }
        Features::new(rows.clone(), Some(Arc::clone(&self.0)), reading)
    }
}

/// Bytes of features in f32 up to which a rival holds those that it is fitted on; larger ones are read anew for every pass.
pub const HELD: usize = 768 << 20;
/// Rows that are multiplied at once where the product is large, and values that they may have.
const CHUNK: usize = 4096;
const CHUNK_VALUES: usize = 1 << 23;
/// Values of held rows that one pass reads for a sum and for its derivative: they stay in a cache in between, where all of them
/// would come from memory twice.
const PASS_VALUES: usize = 1 << 20;

/// How features are read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Where tensors live.
    pub device: Device,
    /// Bytes up to which all values are held.
    pub most: usize,
    /// Asked whenever rows are read, so that every pass over the samples hears Ctrl-C.
    pub interrupt: Interrupt,
    /// Told of every row that is read.
    pub bar: Bar,
}

/// n × D values, standardised.
#[derive(Debug, Clone)]
pub struct Features {
    values: Rows,
    scale: Option<Arc<Standardiser>>,
    reading: Reading,
    /// All values, where they are few.
    held: Option<Tensor<2>>,
    /// Whether rows are brought to unit length.
    unit: bool,
    /// Number of samples n.
    pub rows: usize,
    /// Values a sample D.
    pub cols: usize,
}

impl Features {
    /// Values as `scale` leaves them; as they are, if there is none.
    ///
    /// # Errors
    /// If they cannot be read; [`Error::Interrupted`].
    pub fn new(values: Rows, scale: Option<Arc<Standardiser>>, reading: Reading) -> Result<Self> {
        let mut features = Self {
            rows: values.len(),
            cols: values.cols(),
            values,
            scale,
            reading,
            held: None,
            unit: false,
        };
        if features.rows * features.cols * size_of::<f32>() <= features.reading.most {
            features.held = Some(features.fetch(0..features.rows)?);
        }
        Ok(features)
    }

    /// Where the values are.
    pub fn device(&self) -> Device {
        self.reading.device.clone()
    }

    fn fetch(&self, range: Range<usize>) -> Result<Tensor<2>> {
        let block = self.values.read(range)?;
        let (rows, cols) = (block.rows, block.cols);
        let data = match &self.scale {
            Some(scale) => scale.apply(block),
            None => block.data,
        };
        Ok(tensor(data, rows, cols, &self.reading.device))
    }

    /// Ranges of at most [`CHUNK`] rows that cover all.
    pub fn chunks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        self.ranges((CHUNK_VALUES / self.cols.max(1)).clamp(1, CHUNK))
    }

    /// Ranges that cover all, for sums over the samples.
    pub fn passes(&self) -> Vec<Range<usize>> {
        match &self.held {
            Some(_) => self.ranges((PASS_VALUES / self.cols.max(1)).max(1)).collect(),
            None => self.chunks().collect(),
        }
    }

    fn ranges(&self, step: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let rows = self.rows;
        (0..rows)
            .step_by(step)
            .map(move |start| start..(start + step).min(rows))
    }

    /// The rows of a range.
    ///
    /// # Errors
    /// If they cannot be read; [`Error::Interrupted`].
    pub fn slice(&self, range: Range<usize>) -> Result<Tensor<2>> {
        self.reading.interrupt.check()?;
        self.reading.bar.read(range.len());
        let x = match &self.held {
            Some(held) => held.clone().slice([range, 0..self.cols]),
            None => self.fetch(range)?,
        };
        Ok(if self.unit { to_unit(x) } else { x })
    }

    /// The rows at `rows`, in that order.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn select(&self, rows: &[usize]) -> Result<Self> {
        let mut selected = Self {
            values: self.values.select(rows),
            held: None,
            rows: rows.len(),
            ..self.clone()
        };
        selected.held = if let Some(held) = &self.held {
            let index: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
            let index = Tensor::<1, Int>::from_data(TensorData::new(index, [rows.len()]), &self.reading.device);
            Some(held.clone().select(0, index))
        } else {
            let new = Self::new(selected.values.clone(), self.scale.clone(), self.reading.clone())?;
            new.held
        };
        Ok(selected)
    }

    /// x·W for W of D × O: n × O values.
    ///
    /// # Errors
    /// If values cannot be read, or the device fails.
    pub fn times(&self, weights: &Tensor<2>) -> Result<Vec<f32>> {
        let mut product = Vec::new();
        for range in self.passes() {
            product.extend(values(self.slice(range)?.matmul(weights.clone()))?);
        }
        Ok(product)
    }

    /// Squared Euclidean norms of all rows.
    ///
    /// # Errors
    /// If values cannot be read, or the device fails.
    pub fn squared_norms(&self) -> Result<Vec<f32>> {
        let mut norms = Vec::with_capacity(self.rows);
        for range in self.chunks() {
            norms.extend(values(self.slice(range)?.square().sum_dim(1))?);
        }
        Ok(norms)
    }

    /// The same rows at unit length; rows of zeros stay as they are.
    #[must_use]
    pub fn unit(&self) -> Self {
        Self {
            unit: true,
            ..self.clone()
        }
    }
}

fn to_unit(x: Tensor<2>) -> Tensor<2> {
    let norms = x.clone().square().sum_dim(1).sqrt().clamp_min(1e-12);
    x / norms
}

impl samples::Rows for Features {
    fn count(&self) -> usize {
        self.rows
    }

    fn width(&self) -> usize {
        self.cols
    }

    fn read(&self, range: Range<usize>) -> Result<Dense> {
        let rows = range.len();
        let data = values(self.slice(range)?)?.into_iter().map(f64::from).collect();
        Ok(Dense {
            rows,
            cols: self.cols,
            data,
        })
    }

    fn pick(&self, rows: &[usize]) -> Result<Vec<f32>> {
        let picked = self.select(rows)?;
        values(picked.slice(0..picked.rows)?)
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
