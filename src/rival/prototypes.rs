//! Points that stand for many samples, and the squared distances to them.

use crate::error::Result;

use super::input::{Features, tensor, values};

/// K points of D values on the host; distances are taken on the device.
#[derive(Debug, Clone, PartialEq)]
pub struct Prototypes {
    /// K × D values, row-major.
    pub points: Vec<f32>,
    /// Values a point D.
    pub width: usize,
}

impl Prototypes {
    /// Number of points K.
    pub fn count(&self) -> usize {
        self.points.len() / self.width.max(1)
    }

    /// Squared Euclidean distances of the rows in `range` to all points, row-major; `norms` are the rows' squared norms.
    ///
    /// # Errors
    /// If the device fails.
    pub fn distances(&self, x: &Features, range: std::ops::Range<usize>, norms: &[f32]) -> Result<Vec<f32>> {
        let k = self.count();
        let points = tensor(self.points.clone(), k, self.width, &x.device());
        let own: Vec<f32> = self
            .points
            .chunks_exact(self.width)
            .map(|p| p.iter().map(|v| v * v).sum())
            .collect();
        let mut distances = values(x.slice(range.clone())?.matmul(points.transpose()))?;
        for (row, &norm) in distances.chunks_exact_mut(k).zip(&norms[range]) {
            for (d, own) in row.iter_mut().zip(&own) {
                *d = (norm - 2.0 * *d + own).max(0.0);
            }
        }
        Ok(distances)
    }

    /// Nearest point of every row (the first of equals), and its squared distance.
    ///
    /// # Errors
    /// If the device fails.
    pub fn nearest(&self, x: &Features, norms: &[f32]) -> Result<(Vec<usize>, Vec<f32>)> {
        let (mut index, mut distance) = (Vec::with_capacity(x.rows), Vec::with_capacity(x.rows));
        for range in x.chunks() {
            for row in self.distances(x, range, norms)?.chunks_exact(self.count()) {
                let mut best = 0;
                for (i, d) in row.iter().enumerate() {
                    if *d < row[best] {
                        best = i;
                    }
                }
                index.push(best);
                distance.push(row[best]);
            }
        }
        Ok((index, distance))
    }
}
