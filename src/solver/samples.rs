//! Samples and answers as the rivals on the host read them.

use std::collections::BTreeMap;
use std::ops::Range;

use super::linalg::Dense;
use crate::error::Result;

/// Samples that are read in blocks, wherever they come from.
pub trait Rows {
    /// Samples n.
    fn count(&self) -> usize;
    /// Dimensions d of a sample.
    fn width(&self) -> usize;
    /// The samples of a range, one a row.
    ///
    /// # Errors
    /// If they cannot be read.
    fn read(&self, range: Range<usize>) -> Result<Dense>;
    /// The values of some samples, row-major.
    ///
    /// # Errors
    /// If they cannot be read.
    fn pick(&self, rows: &[usize]) -> Result<Vec<f32>>;
}

/// n × d features on the host, row-major.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    /// n · d values.
    pub x: &'a [f32],
    /// d, at least 1.
    pub width: usize,
}

impl Rows for Table<'_> {
    fn count(&self) -> usize {
        self.x.len() / self.width
    }

    fn width(&self) -> usize {
        self.width
    }

    fn read(&self, range: Range<usize>) -> Result<Dense> {
        Ok(self.block(range))
    }

    fn pick(&self, rows: &[usize]) -> Result<Vec<f32>> {
        let picked = rows.iter().flat_map(|&i| &self.x[i * self.width..(i + 1) * self.width]);
        Ok(picked.copied().collect())
    }
}

impl Table<'_> {
    /// The samples of a range, one a row.
    pub fn block(&self, range: Range<usize>) -> Dense {
        let values = &self.x[range.start * self.width..range.end * self.width];
        Dense {
            rows: range.len(),
            cols: self.width,
            data: values.iter().copied().map(f64::from).collect(),
        }
    }
}

/// What outputs have to say, and where that is known.
#[derive(Debug, Clone, Copy)]
pub struct Answers<'a> {
    /// n × O values, row-major.
    pub y: &'a [f64],
    /// n × O: whether a value counts.
    pub known: &'a [bool],
    /// O.
    pub outputs: usize,
}

impl Answers<'_> {
    /// Outputs that are known for the same samples, and these samples, ascending.
    pub(crate) fn groups(&self) -> Vec<(Vec<usize>, Vec<usize>)> {
        let n = self.y.len() / self.outputs.max(1);
        let mut groups: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
        for o in 0..self.outputs {
            let rows = (0..n).filter(|i| self.known[i * self.outputs + o]).collect();
            groups.entry(rows).or_default().push(o);
        }
        groups.into_iter().map(|(rows, outputs)| (outputs, rows)).collect()
    }

    /// Mean of each of `outputs` over `rows` (0 where there are none), and rows × outputs values less that mean.
    pub(crate) fn centred(&self, outputs: &[usize], rows: &[usize]) -> (Vec<f64>, Dense) {
        let at = |i: usize, o: usize| self.y[i * self.outputs + o];
        let count = rows.len().max(1) as f64;
        let mean: Vec<f64> = outputs
            .iter()
            .map(|&o| rows.iter().map(|&i| at(i, o)).sum::<f64>() / count)
            .collect();
        let data = rows
            .iter()
            .flat_map(|&i| outputs.iter().zip(&mean).map(move |(&o, m)| at(i, o) - m));
        let dense = Dense {
            rows: rows.len(),
            cols: outputs.len(),
            data: data.collect(),
        };
        (mean, dense)
    }
}
