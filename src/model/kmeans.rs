//! Spherical k-means: where the dictionary starts.

use burn::tensor::Device;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::error::Result;
use crate::sets::Matrix;
use crate::task::{Targets, Task};

use super::math::{host_indices, matrix, normal};

/// Lloyd steps after the seeding.
const STEPS: usize = 5;

/// `k` unit centres (row-major) of the unit rows `z`: k-means++ seeding with probability 1 − cos (D¹ sampling), then
/// Lloyd steps with cosine assignment.
///
/// # Errors
/// [`crate::error::Error::Device`] if the device fails.
pub fn spherical(z: &Matrix, k: usize, rng: &mut ChaCha8Rng, device: &Device) -> Result<Vec<f32>> {
    let mut centres = seed(z, k, rng);
    let points = matrix(z.data.clone(), z.rows, z.cols, device);
    for _ in 0..STEPS {
        let cosine = points
            .clone()
            .matmul(matrix(centres.clone(), k, z.cols, device).transpose());
        let nearest = host_indices(cosine.argmax(1))?;
        let mut sums = vec![0.0_f32; k * z.cols];
        let mut counts = vec![0_usize; k];
        for (row, &c) in nearest.iter().enumerate() {
            counts[c] += 1;
            for (sum, value) in sums[c * z.cols..(c + 1) * z.cols].iter_mut().zip(z.row(row)) {
                *sum += value;
            }
        }
        for c in 0..k {
            let part = &mut sums[c * z.cols..(c + 1) * z.cols];
            if counts[c] > 0 && normalise(part) {
                centres[c * z.cols..(c + 1) * z.cols].copy_from_slice(part);
            }
        }
    }
    Ok(centres)
}

/// The same within every label group; a group of n samples gets archetypes in proportion to √n, at least one.
///
/// # Errors
/// [`crate::error::Error::Device`] if the device fails.
pub fn stratified(z: &Matrix, targets: &Targets, k: usize, rng: &mut ChaCha8Rng, device: &Device) -> Result<Vec<f32>> {
    let mut groups: std::collections::BTreeMap<usize, Vec<usize>> = std::collections::BTreeMap::new();
    for row in 0..z.rows {
        groups.entry(group(targets, row)).or_default().push(row);
    }
    // More groups than archetypes: groups cannot have one each.
    if groups.len() > k {
        return spherical(z, k, rng, device);
    }
    let mut centres = Vec::with_capacity(k * z.cols);
    for (rows, count) in groups.values().zip(share(groups.values().map(Vec::len), k)) {
        centres.extend(spherical(&z.select(rows), count, rng, device)?);
    }
    Ok(centres)
}

/// The label group of a sample: its class; the cell of a 3 × 3 grid of valence and arousal; or its active unit that comes
/// last in the list.
fn group(targets: &Targets, row: usize) -> usize {
    let y = targets.row(row);
    match targets.task {
        Task::Expression => targets.class(row).unwrap_or(0),
        Task::ValenceArousal => y.iter().fold(0, |cell, &v| {
            let third = if v < -1.0 / 3.0 {
                0
            } else if v <= 1.0 / 3.0 {
                1
            } else {
                2
            };
            cell * 3 + third
        }),
        Task::ActionUnits => y.iter().rposition(|&v| v > 0.5).map_or(0, |unit| unit + 1),
    }
}

/// Splits `k` in proportion to the square roots of `sizes`, at least one each (largest remainders).
fn share(sizes: impl Iterator<Item = usize>, k: usize) -> Vec<usize> {
    let roots: Vec<f64> = sizes.map(|n| (n as f64).sqrt()).collect();
    let total: f64 = roots.iter().sum();
    let free = k.saturating_sub(roots.len()) as f64;
    let exact: Vec<f64> = roots.iter().map(|root| free * root / total).collect();
    let mut counts: Vec<usize> = exact.iter().map(|x| 1 + x.floor() as usize).collect();
    let mut order: Vec<usize> = (0..roots.len()).collect();
    order.sort_by(|&a, &b| exact[b].fract().total_cmp(&exact[a].fract()).then(a.cmp(&b)));
    let missing = k.saturating_sub(counts.iter().sum());
    for &index in order.iter().cycle().take(missing) {
        counts[index] += 1;
    }
    counts
}

fn seed(z: &Matrix, k: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let mut centres: Vec<f32> = Vec::with_capacity(k * z.cols);
    let mut distance = vec![2.0_f32; z.rows];
    for _ in 0..k {
        let total: f64 = distance.iter().map(|&d| f64::from(d)).sum();
        let mut centre = if total > 1e-9 {
            z.row(draw(&distance, total, rng)).to_vec()
        } else {
            // Every point is a centre already: a disturbed copy keeps the rows distinct.
            let mut copy = z.row(rng.random_range(0..z.rows)).to_vec();
            for (value, noise) in copy.iter_mut().zip(normal(rng, z.cols, 0.01)) {
                *value += noise;
            }
            copy
        };
        normalise(&mut centre);
        distance.par_iter_mut().enumerate().for_each(|(row, nearest)| {
            let cosine: f32 = z.row(row).iter().zip(&centre).map(|(a, b)| a * b).sum();
            *nearest = nearest.min((1.0 - cosine).max(0.0));
        });
        centres.extend(centre);
    }
    centres
}

/// An index drawn with probability in proportion to its weight.
fn draw(weights: &[f32], total: f64, rng: &mut ChaCha8Rng) -> usize {
    let mut rest = rng.random::<f64>() * total;
    for (index, &weight) in weights.iter().enumerate() {
        rest -= f64::from(weight);
        if rest < 0.0 {
            return index;
        }
    }
    weights.len() - 1
}

/// Scales to unit length; false (and unchanged) for a zero vector.
pub fn normalise(values: &mut [f32]) -> bool {
    let norm = values.iter().map(|v| v * v).sum::<f32>().sqrt();
    if norm <= 1e-12 {
        return false;
    }
    for value in values {
        *value /= norm;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::math::{Purpose, stream};

    #[test]
    fn planted_clusters_are_found() -> Result<()> {
        let mut rng = stream(3, Purpose::Dictionary, 0, 0);
        let (k, d, per) = (4, 16, 30);
        let centres: Vec<Vec<f32>> = (0..k).map(|_| normal(&mut rng, d, 1.0)).collect();
        let mut data = Vec::new();
        for centre in &centres {
            for _ in 0..per {
                let mut point: Vec<f32> = centre
                    .iter()
                    .zip(normal(&mut rng, d, 0.1))
                    .map(|(a, b)| a + b)
                    .collect();
                normalise(&mut point);
                data.extend(point);
            }
        }
        let z = Matrix {
            rows: k * per,
            cols: d,
            data,
        };
        let found = spherical(&z, k, &mut rng, &Device::flex())?;
        for centre in &centres {
            let mut unit = centre.clone();
            normalise(&mut unit);
            let best = found
                .chunks(d)
                .map(|row| row.iter().zip(&unit).map(|(a, b)| a * b).sum::<f32>())
                .fold(f32::MIN, f32::max);
            assert!(best > 0.98, "{best}");
        }
        Ok(())
    }

    #[test]
    fn more_centres_than_points_stay_distinct() -> Result<()> {
        let mut rng = stream(3, Purpose::Dictionary, 0, 0);
        let z = Matrix {
            rows: 2,
            cols: 2,
            data: vec![1.0, 0.0, 0.0, 1.0],
        };
        let found = spherical(&z, 5, &mut rng, &Device::flex())?;
        assert_eq!(found.len(), 10);
        assert!(found.chunks(2).all(|row| (row[0].hypot(row[1]) - 1.0).abs() < 1e-5));
        Ok(())
    }

    #[test]
    fn shares_sum_to_k() {
        assert_eq!(share([100, 100].into_iter(), 10), [5, 5]);
        let counts = share([4772, 281, 2524, 1982, 1290, 717, 705].into_iter(), 150);
        assert_eq!(counts.iter().sum::<usize>(), 150);
        assert!(counts.iter().all(|&c| c >= 1));
    }
}
