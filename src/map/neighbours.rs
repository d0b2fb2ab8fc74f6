//! All distances among a few thousand points, and who is nearest to whom.

use rayon::prelude::*;

use crate::counted::counted;
use crate::error::{Error, Result};
use crate::sets::Matrix;

/// Values multiplied at a time: as many independent sums keep the processor busy, and their order is fixed.
const LANES: usize = 16;

/// All distances among n points, n × n.
#[derive(Debug, Clone, PartialEq)]
pub struct Distances {
    n: usize,
    values: Vec<f32>,
}

impl Distances {
    /// Cosine distances, 1 − cos, of the rows of `points`. A row of zeros is at distance 1 from all others.
    ///
    /// # Errors
    /// [`Error::Data`] if a value is not finite.
    pub fn cosine(points: &Matrix) -> Result<Self> {
        let unit = unit_rows(points)?;
        let (n, d) = (points.rows, points.cols);
        let mut values = vec![0.0; n * n];
        values.par_chunks_mut(n.max(1)).enumerate().for_each(|(i, row)| {
            let own = &unit[i * d..(i + 1) * d];
            for (j, value) in row.iter_mut().enumerate() {
                // The sum of a pair is formed in the same order from both sides: the matrix is symmetric to the last bit.
                *value = if i == j {
                    0.0
                } else {
                    cosine(own, &unit[j * d..(j + 1) * d])
                };
            }
        });
        Ok(Self { n, values })
    }

    /// Euclidean distances of points in the plane.
    pub fn plane(points: &[[f32; 2]]) -> Self {
        let n = points.len();
        let mut values = vec![0.0; n * n];
        values.par_chunks_mut(n.max(1)).enumerate().for_each(|(i, row)| {
            for (value, point) in row.iter_mut().zip(points) {
                let (x, y) = (points[i][0] - point[0], points[i][1] - point[1]);
                *value = (x * x + y * y).sqrt();
            }
        });
        Self { n, values }
    }

    /// Those among the first `count` points alone.
    #[must_use]
    pub fn first(&self, count: usize) -> Self {
        let n = count.min(self.n);
        let values = (0..n).flat_map(|i| self.row(i)[..n].iter().copied()).collect();
        Self { n, values }
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.n
    }

    /// Distances of point `i` to all points.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.n..(i + 1) * self.n]
    }

    /// All other points, nearest first; equally near ones by index.
    pub fn order(&self, i: usize) -> Vec<usize> {
        let row = self.row(i);
        let mut order: Vec<usize> = (0..self.n).filter(|&j| j != i).collect();
        order.sort_unstable_by(|&a, &b| row[a].total_cmp(&row[b]).then(a.cmp(&b)));
        order
    }

    /// The `k` nearest other points of each.
    pub fn nearest(&self, k: usize) -> Neighbours {
        let k = k.min(self.n.saturating_sub(1));
        let lists: Vec<Vec<usize>> = (0..self.n)
            .into_par_iter()
            .map(|i| {
                let row = self.row(i);
                let mut order: Vec<usize> = (0..self.n).filter(|&j| j != i).collect();
                let by_distance = |a: &usize, b: &usize| row[*a].total_cmp(&row[*b]).then(a.cmp(b));
                if k < order.len() {
                    order.select_nth_unstable_by(k, by_distance);
                    order.truncate(k);
                }
                order.sort_unstable_by(by_distance);
                order
            })
            .collect();
        Neighbours { k, lists }
    }
}

/// The nearest other points of each point, nearest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbours {
    /// Neighbours a point.
    pub k: usize,
    /// Their indices, by point.
    pub lists: Vec<Vec<usize>>,
}

/// Rows of length 1; a row of zeros stays one.
pub(super) fn unit_rows(points: &Matrix) -> Result<Vec<f32>> {
    let mut unit = Vec::with_capacity(points.data.len());
    for i in 0..points.rows {
        let row = points.row(i);
        if row.iter().any(|value| !value.is_finite()) {
            return Err(Error::unusable_table(format!(
                "row {i} of a feature table holds a value that is not a number; it cannot be mapped"
            )));
        }
        let length = row.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>().sqrt();
        let factor = if length > 0.0 { 1.0 / length } else { 0.0 };
        unit.extend(row.iter().map(|&v| (f64::from(v) * factor) as f32));
    }
    Ok(unit)
}

/// Cosine distance of two rows of [`unit_rows`].
pub(super) fn cosine(a: &[f32], b: &[f32]) -> f32 {
    (1.0 - dot(a, b)).max(0.0)
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail: f32 = a_chunks
        .remainder()
        .iter()
        .zip(b_chunks.remainder())
        .map(|(x, y)| x * y)
        .sum();
    counted(a.len() / LANES, |chunk| {
        let from = chunk * LANES;
        let (x, y) = (&a[from..from + LANES], &b[from..from + LANES]);
        counted(LANES, |lane| lanes[lane] += x[lane] * y[lane]);
    });
    lanes.iter().sum::<f32>() + tail
}
