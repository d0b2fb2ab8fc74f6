//! Further points on a map that is there.
//!
//! A layout needs all distances at once. Points beyond those that are laid out are placed as UMAP's transform places them
//! (`McInnes`, Healy and Melville 2018, and umap-learn): at the mean of their nearest laid-out points, weighted as an edge of
//! the graph is from one side, and then moved by a descent in which what is laid out stays where it is. A point's place
//! depends on no other further one.

use rand::{RngExt as _, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::neighbours::{cosine, unit_rows};
use super::umap::{Curve, Turn, Umap, scale};
use crate::error::{Error, Result};
use crate::sets::Matrix;

/// Cosine distance up to which two points differ by nothing but rounding.
const SAME: f32 = 1e-6;
/// Points whose distances are computed together: what is laid out is then read once for all of them.
const TOGETHER: usize = 8;
/// Passes over a point's strongest edge, and the share of its way that it goes at first: those of umap-learn.
const EPOCHS: usize = 100;
const ALPHA: f32 = 0.25;

/// Points and their map.
#[derive(Debug, Clone)]
pub struct Laid<'a> {
    unit: Vec<f32>,
    cols: usize,
    map: &'a [[f32; 2]],
    umap: Umap,
    curve: Curve,
    epochs: usize,
}

/// Where a point begins, and what pulls it with which weight.
struct Begun {
    at: [f32; 2],
    near: Vec<(usize, f64)>,
}

impl<'a> Laid<'a> {
    /// `points` lie on `map`, row by row, as `umap` laid them out.
    ///
    /// # Errors
    /// [`Error::Data`] if a value is not finite, or the map is not that of the points.
    pub fn new(points: &Matrix, map: &'a [[f32; 2]], umap: &Umap) -> Result<Self> {
        if points.rows != map.len() || map.is_empty() {
            return Err(Error::data(format!(
                "a map of {} points cannot be that of {}",
                map.len(),
                points.rows
            )));
        }
        Ok(Self {
            unit: unit_rows(points)?,
            cols: points.cols,
            map,
            umap: *umap,
            curve: Curve::new(umap.min_dist),
            epochs: EPOCHS,
        })
    }

    /// Where further points are, in their order. One that is laid out already is where it was.
    ///
    /// # Errors
    /// [`Error::Data`] if a value is not finite, or the points have another number of dimensions.
    pub fn place(&self, further: &Matrix) -> Result<Vec<[f32; 2]>> {
        let d = self.cols;
        if further.cols != d {
            return Err(Error::data(format!(
                "points of {} values cannot be placed among points of {d}",
                further.cols
            )));
        }
        let unit = unit_rows(further)?;
        let groups: Vec<Vec<[f32; 2]>> = unit
            .par_chunks((TOGETHER * d).max(1))
            .map(|rows| {
                let rows: Vec<&[f32]> = rows.chunks_exact(d.max(1)).collect();
                let mut distances = vec![Vec::with_capacity(self.map.len()); rows.len()];
                for laid in self.unit.chunks_exact(d.max(1)) {
                    for (distances, row) in distances.iter_mut().zip(&rows) {
                        distances.push(cosine(row, laid));
                    }
                }
                let begun = distances.iter().map(|distances| self.begin(distances));
                begun.map(|begun| self.moved(begun)).collect()
            })
            .collect();
        Ok(groups.concat())
    }

    /// The same before anything is moved.
    #[cfg(test)]
    pub(super) fn without_descent(self) -> Self {
        Self { epochs: 0, ..self }
    }

    /// Of a point with these distances to all that is laid out.
    fn begin(&self, distances: &[f32]) -> Begun {
        let mut order: Vec<usize> = (0..distances.len()).collect();
        let by_distance = |a: &usize, b: &usize| distances[*a].total_cmp(&distances[*b]).then(a.cmp(b));
        let k = self.umap.neighbours.max(1);
        if k < order.len() {
            order.select_nth_unstable_by(k, by_distance);
            order.truncate(k);
        }
        order.sort_unstable_by(by_distance);
        let nearest = order[0];
        if distances[nearest] <= SAME {
            return Begun {
                at: self.map[nearest],
                near: Vec::new(),
            };
        }
        let lengths: Vec<f64> = order.iter().map(|&j| f64::from(distances[j])).collect();
        let near: Vec<(usize, f64)> = order.into_iter().zip(weights(&lengths)).collect();
        let (mut x, mut y, mut sum) = (0.0, 0.0, 0.0);
        for &(j, weight) in &near {
            x += weight * f64::from(self.map[j][0]);
            y += weight * f64::from(self.map[j][1]);
            sum += weight;
        }
        Begun {
            at: [(x / sum) as f32, (y / sum) as f32],
            near,
        }
    }

    /// Where a point comes to lie: pulled by what is near, pushed away by what is drawn from all that is laid out.
    fn moved(&self, begun: Begun) -> [f32; 2] {
        let Begun { mut at, near } = begun;
        let strongest = near.iter().map(|(_, weight)| *weight).fold(0.0, f64::max);
        // As in the layout, an edge whose turn would never come is left out.
        let least = strongest / self.epochs.max(1) as f64;
        let mut edges: Vec<([f32; 2], Turn)> = near
            .into_iter()
            .filter(|&(_, weight)| weight >= least)
            .map(|(j, weight)| (self.map[j], Turn::every(strongest / weight)))
            .collect();
        // The same numbers for every point: equal points have equal places.
        let mut random = ChaCha8Rng::seed_from_u64(self.umap.seed);
        for epoch in 0..self.epochs {
            let alpha = ALPHA * (1.0 - epoch as f32 / self.epochs as f32);
            for (other, turn) in &mut edges {
                let Some(repelled) = turn.come(epoch as f64) else {
                    continue;
                };
                at = after(at, self.curve.pull(at, *other, alpha));
                for _ in 0..repelled {
                    let other = self.map[random.random_range(0..self.map.len())];
                    at = after(at, self.curve.push(at, other, alpha));
                }
            }
        }
        at
    }
}

fn after(at: [f32; 2], step: Option<[f32; 2]>) -> [f32; 2] {
    let [x, y] = step.unwrap_or_default();
    [at[0] + x, at[1] + y]
}

/// exp(−d / σ) up to a factor, of distances in ascending order: σ is such that those beyond the nearest sum up to log₂ k. A
/// further point is no neighbour of its own, so that, other than in the layout, no distance is taken off.
fn weights(lengths: &[f64]) -> Vec<f64> {
    let (nearest, others) = lengths
        .split_first()
        .map_or((0.0, lengths), |(first, rest)| (*first, rest));
    // As in the layout, the scale must not vanish.
    let mean = lengths.iter().sum::<f64>() / lengths.len().max(1) as f64;
    let sigma = scale(others, 0.0).max(1e-3 * mean);
    // Less the nearest distance: however small all weights are, their mean has a value.
    lengths
        .iter()
        .map(|&length| (-(length - nearest) / sigma).exp())
        .collect()
}
