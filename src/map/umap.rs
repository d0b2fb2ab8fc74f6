//! Uniform manifold approximation and projection (`McInnes`, Healy and Melville 2018): a weighted graph of nearest neighbours,
//! laid out in the plane by stochastic gradient descent.
//!
//! The layout starts from the graph's own smoothest functions (the eigenvectors of its Laplacian), not from noise, and runs on
//! one thread: the same distances and seed give the same map.

use std::collections::BTreeMap;

use rand::{RngExt as _, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::neighbours::Distances;
use crate::error::{Error, Result};

/// What a map is made with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Umap {
    /// Points that count as near, the point itself among them.
    pub neighbours: usize,
    /// Distance in the plane below which points are as near as can be.
    pub min_dist: f64,
    /// Passes over the strongest edge; weaker ones are visited less often.
    pub epochs: usize,
    /// Of the random numbers.
    pub seed: u64,
}

impl Default for Umap {
    fn default() -> Self {
        Self {
            neighbours: 15,
            min_dist: 0.1,
            epochs: 500,
            seed: 0,
        }
    }
}

/// Points repelled for each one attracted.
const REPELLED: usize = 5;
/// Greatest step of a coordinate.
const STEP: f32 = 4.0;
/// Half the width of the plane at the start.
const EXTENT: f64 = 10.0;
/// Iterations for the eigenvectors: a start need not be exact.
const POWER: usize = 300;

pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) weight: f64,
}

impl Umap {
    /// Coordinates of the points, in the order of `distances`.
    ///
    /// Fewer points than neighbours are laid out with as many neighbours as there are.
    ///
    /// # Errors
    /// [`Error::Data`] if there are fewer than three points or `neighbours` is less than 2.
    pub fn layout(&self, distances: &Distances) -> Result<Vec<[f32; 2]>> {
        let n = distances.len();
        if n < 3 || self.neighbours < 2 {
            return Err(Error::data(format!(
                "a map needs at least 3 points and 2 neighbours, found {n} and {}",
                self.neighbours
            )));
        }
        let graph = self.graph(distances);
        let mut points = start(&graph, n, self.seed);
        self.descend(&graph, &mut points, Curve::new(self.min_dist));
        Ok(points)
    }

    /// The symmetric graph: the probability that either point takes the other for a neighbour.
    pub(super) fn graph(&self, distances: &Distances) -> Vec<Edge> {
        let n = distances.len();
        // The point itself is one of the neighbours.
        let near = distances.nearest(self.neighbours - 1);
        let mean_all = {
            let sum: f64 = (0..n)
                .map(|i| {
                    near.lists[i]
                        .iter()
                        .map(|&j| f64::from(distances.row(i)[j]))
                        .sum::<f64>()
                })
                .sum();
            sum / (n * (near.k + 1)) as f64
        };
        let mut directed: BTreeMap<(usize, usize), f64> = BTreeMap::new();
        for (i, list) in near.lists.iter().enumerate() {
            let lengths: Vec<f64> = list.iter().map(|&j| f64::from(distances.row(i)[j])).collect();
            let (rho, sigma) = bandwidth(&lengths, mean_all);
            for (&j, &length) in list.iter().zip(&lengths) {
                let weight = if length <= rho || sigma == 0.0 {
                    1.0
                } else {
                    (-(length - rho) / sigma).exp()
                };
                directed.insert((i, j), weight);
            }
        }
        let mut edges = Vec::with_capacity(directed.len() * 2);
        for (&(i, j), &there) in &directed {
            let back = directed.get(&(j, i)).copied();
            let weight = there + back.unwrap_or(0.0) - there * back.unwrap_or(0.0);
            edges.push(Edge { from: i, to: j, weight });
            if back.is_none() {
                edges.push(Edge { from: j, to: i, weight });
            }
        }
        edges.sort_unstable_by_key(|edge| (edge.from, edge.to));
        edges
    }

    fn descend(&self, graph: &[Edge], points: &mut [[f32; 2]], curve: Curve) {
        let n = points.len();
        let strongest = graph.iter().map(|edge| edge.weight).fold(0.0, f64::max);
        let epochs = self.epochs.max(1);
        // An edge whose turn would never come is left out.
        let edges: Vec<&Edge> = graph
            .iter()
            .filter(|edge| edge.weight >= strongest / epochs as f64)
            .collect();
        let mut turns: Vec<Turn> = edges.iter().map(|edge| Turn::every(strongest / edge.weight)).collect();
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        for epoch in 0..epochs {
            let alpha = 1.0 - epoch as f32 / epochs as f32;
            let now = epoch as f64;
            for (edge, turn) in edges.iter().zip(&mut turns) {
                let Some(repelled) = turn.come(now) else { continue };
                let (i, j) = (edge.from, edge.to);
                if let Some([sx, sy]) = curve.pull(points[i], points[j], alpha) {
                    points[i][0] += sx;
                    points[i][1] += sy;
                    points[j][0] -= sx;
                    points[j][1] -= sy;
                }
                for _ in 0..repelled {
                    let other = random.random_range(0..n);
                    if other == i {
                        continue;
                    }
                    if let Some([sx, sy]) = curve.push(points[i], points[other], alpha) {
                        points[i][0] += sx;
                        points[i][1] += sy;
                    }
                }
            }
        }
    }
}

/// When an edge is visited again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    every: f64,
    due: f64,
    repel_due: f64,
}

impl Turn {
    /// A visit in so many passes.
    pub(super) fn every(passes: f64) -> Self {
        Self {
            every: passes,
            due: passes,
            repel_due: passes / REPELLED as f64,
        }
    }

    /// How many points are repelled in this pass, if it is the edge's turn.
    pub(super) fn come(&mut self, now: f64) -> Option<usize> {
        if self.due > now {
            return None;
        }
        self.due += self.every;
        let step = self.every / REPELLED as f64;
        let repelled = ((now - self.repel_due) / step).max(0.0) as usize;
        self.repel_due += repelled as f64 * step;
        Some(repelled)
    }
}

/// The membership 1 / (1 + a d^2b) of points at a distance d in the plane, and the steps that follow from it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Curve {
    a: f32,
    b: f32,
}

impl Curve {
    /// That of [`curve`].
    pub(super) fn new(min_dist: f64) -> Self {
        let (a, b) = curve(min_dist);
        Self {
            a: a as f32,
            b: b as f32,
        }
    }

    /// The step of `point` towards `other`; nothing where they coincide.
    pub(super) fn pull(self, point: [f32; 2], other: [f32; 2], alpha: f32) -> Option<[f32; 2]> {
        let Self { a, b } = self;
        step(point, other, alpha, |square| {
            -2.0 * a * b * square.powf(b - 1.0) / (a * square.powf(b) + 1.0)
        })
    }

    /// The step of `point` away from `other`; nothing where they coincide.
    pub(super) fn push(self, point: [f32; 2], other: [f32; 2], alpha: f32) -> Option<[f32; 2]> {
        let Self { a, b } = self;
        step(point, other, alpha, |square| {
            2.0 * b / ((0.001 + square) * (a * square.powf(b) + 1.0))
        })
    }
}

fn step(point: [f32; 2], other: [f32; 2], alpha: f32, force: impl Fn(f32) -> f32) -> Option<[f32; 2]> {
    let (dx, dy) = (point[0] - other[0], point[1] - other[1]);
    let square = dx * dx + dy * dy;
    (square > 0.0).then(|| {
        let force = force(square);
        [clip(force * dx) * alpha, clip(force * dy) * alpha]
    })
}

fn clip(value: f32) -> f32 {
    value.clamp(-STEP, STEP)
}

/// ρ, the distance of the nearest other point, and σ, such that the memberships of all neighbours sum up to log₂ k.
fn bandwidth(lengths: &[f64], mean_all: f64) -> (f64, f64) {
    let rho = lengths.iter().copied().find(|&length| length > 0.0).unwrap_or(0.0);
    let sigma = scale(lengths, rho);
    // Of a point in a dense spot, the scale must not vanish.
    let mean = lengths.iter().sum::<f64>() / (lengths.len() + 1) as f64;
    let floor = 1e-3 * if rho > 0.0 { mean } else { mean_all };
    (rho, sigma.max(floor))
}

/// σ such that the memberships of k − 1 distances, exp(−(d − ρ) / σ) beyond ρ and 1 up to it, sum up to log₂ k.
pub(super) fn scale(lengths: &[f64], rho: f64) -> f64 {
    let target = libm::log2((lengths.len() + 1) as f64);
    let (mut low, mut high, mut sigma) = (0.0f64, f64::INFINITY, 1.0f64);
    for _ in 0..64 {
        let sum: f64 = lengths
            .iter()
            .map(|&length| {
                if length > rho {
                    (-(length - rho) / sigma).exp()
                } else {
                    1.0
                }
            })
            .sum();
        if (sum - target).abs() < 1e-5 {
            break;
        }
        if sum > target {
            high = sigma;
            sigma = f64::midpoint(low, high);
        } else {
            low = sigma;
            sigma = if high.is_infinite() {
                sigma * 2.0
            } else {
                f64::midpoint(low, high)
            };
        }
    }
    sigma
}

/// The constants a and b of 1 / (1 + a d^2b) that come nearest, by least squares on 300 distances from 0 to 3, to a
/// membership of 1 up to `min_dist` that then falls off exponentially.
pub fn curve(min_dist: f64) -> (f64, f64) {
    let samples: Vec<(f64, f64)> = (0..300)
        .map(|i| {
            let d = 3.0 * f64::from(i) / 299.0;
            (d, if d < min_dist { 1.0 } else { (min_dist - d).exp() })
        })
        .collect();
    let residual = |a: f64, b: f64| -> f64 {
        samples
            .iter()
            .map(|&(d, y)| (1.0 / (1.0 + a * d.powf(2.0 * b)) - y).powi(2))
            .sum()
    };
    let (mut a, mut b, mut damping) = (1.0f64, 1.0f64, 1e-3f64);
    let mut error = residual(a, b);
    for _ in 0..200 {
        let (mut aa, mut ab, mut bb, mut ga, mut gb) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for &(d, y) in &samples {
            let power = if d > 0.0 { d.powf(2.0 * b) } else { 0.0 };
            let f = 1.0 / (1.0 + a * power);
            let da = -power * f * f;
            let db = if d > 0.0 {
                -a * power * 2.0 * d.ln() * f * f
            } else {
                0.0
            };
            aa += da * da;
            ab += da * db;
            bb += db * db;
            ga += da * (f - y);
            gb += db * (f - y);
        }
        let (p, q) = (aa * (1.0 + damping), bb * (1.0 + damping));
        let determinant = p * q - ab * ab;
        let (step_a, step_b) = ((ga * q - gb * ab) / determinant, (gb * p - ga * ab) / determinant);
        let (next_a, next_b) = (a - step_a, b - step_b);
        let next = if next_a > 0.0 && next_b > 0.0 {
            residual(next_a, next_b)
        } else {
            f64::INFINITY
        };
        if next < error {
            let gained = error - next;
            (a, b, error) = (next_a, next_b, next);
            damping *= 0.3;
            if gained < 1e-16 {
                break;
            }
        } else {
            damping *= 4.0;
            if damping > 1e12 {
                break;
            }
        }
    }
    (a, b)
}

/// Where the layout starts: the two smoothest functions on the graph after the constant one, found by iterating the
/// symmetrically normalised adjacency from fixed random vectors.
fn start(graph: &[Edge], n: usize, seed: u64) -> Vec<[f32; 2]> {
    let mut degree = vec![0.0f64; n];
    for edge in graph {
        degree[edge.from] += edge.weight;
    }
    let root: Vec<f64> = degree.iter().map(|d| d.max(1e-12).sqrt()).collect();
    let length = root.iter().map(|r| r * r).sum::<f64>().sqrt();
    let first: Vec<f64> = root.iter().map(|r| r / length).collect();
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed);
    let mut vectors: [Vec<f64>; 2] = std::array::from_fn(|_| (0..n).map(|_| random.random_range(-1.0..1.0)).collect());
    for _ in 0..POWER {
        for vector in &mut vectors {
            // (1 + A) / 2 has no negative eigenvalues: the iteration finds the smooth ones only.
            let mut next: Vec<f64> = vector.clone();
            for edge in graph {
                next[edge.from] += edge.weight * vector[edge.to] / (root[edge.from] * root[edge.to]);
            }
            *vector = next;
        }
        let [one, two] = &mut vectors;
        orthonormalise(one, &[&first]);
        orthonormalise(two, &[&first, one]);
    }
    let mut points: Vec<[f64; 2]> = (0..n)
        .map(|i| [vectors[0][i] / root[i], vectors[1][i] / root[i]])
        .collect();
    for axis in 0..2 {
        let most = points.iter().map(|p| p[axis].abs()).fold(1e-300, f64::max);
        for point in &mut points {
            // A little noise parts points that coincide.
            point[axis] = point[axis] / most * EXTENT + random.random_range(-1e-3..1e-3);
        }
    }
    points.iter().map(|p| [p[0] as f32, p[1] as f32]).collect()
}

/// Takes the parts along `others` out of `vector` and gives it length 1.
fn orthonormalise(vector: &mut [f64], others: &[&[f64]]) {
    for other in others {
        let along: f64 = vector.iter().zip(*other).map(|(v, o)| v * o).sum();
        for (v, o) in vector.iter_mut().zip(*other) {
            *v -= along * o;
        }
    }
    let length = vector.iter().map(|v| v * v).sum::<f64>().sqrt().max(1e-300);
    for v in vector {
        *v /= length;
    }
}
