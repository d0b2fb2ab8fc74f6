//! How well classes lie apart: silhouette, purity of neighbourhoods, and how far a map keeps them.

use crate::error::{Error, Result};

/// Mean silhouette (Rousseeuw 1987) of points with class `labels`: (b − a) / max(a, b), where a is a point's mean distance to
/// the others of its class and b the least mean distance to another class. A point alone in its class counts 0. `None` if
/// there are fewer than two classes.
///
/// `distance(i, j)` is any symmetric distance.
///
/// # Errors
/// [`Error::Data`] if a distance is not a number.
pub fn silhouette(labels: &[usize], distance: impl Fn(usize, usize) -> f64) -> Result<Option<f64>> {
    let n = labels.len();
    let classes = labels.iter().max().map_or(0, |most| most + 1);
    let mut sizes = vec![0usize; classes];
    for &label in labels {
        sizes[label] += 1;
    }
    if sizes.iter().filter(|&&size| size > 0).count() < 2 {
        return Ok(None);
    }
    let mut sum = 0.0;
    for i in 0..n {
        let mut sums = vec![0.0; classes];
        for j in 0..n {
            if i != j {
                sums[labels[j]] += distance(i, j);
            }
        }
        let own = labels[i];
        if sizes[own] < 2 {
            continue;
        }
        let a = sums[own] / (sizes[own] - 1) as f64;
        let b = (0..classes)
            .filter(|&class| class != own && sizes[class] > 0)
            .map(|class| sums[class] / sizes[class] as f64)
            .fold(f64::INFINITY, f64::min);
        if a.is_nan() || b.is_nan() {
            return Err(Error::data("a distance is not a number; the silhouette has no value"));
        }
        let most = a.max(b);
        if most > 0.0 {
            sum += (b - a) / most;
        }
    }
    Ok(Some(sum / n as f64))
}

/// Mean share of a point's nearest others that are of its class. `nearest` lists, for each point, the indices of the others
/// that count. `None` without points or neighbours.
pub fn neighbour_purity(labels: &[usize], nearest: &[Vec<usize>]) -> Option<f64> {
    let shares: Vec<f64> = nearest
        .iter()
        .zip(labels)
        .filter(|(list, _)| !list.is_empty())
        .map(|(list, label)| list.iter().filter(|&&j| labels[j] == *label).count() as f64 / list.len() as f64)
        .collect();
    (!shares.is_empty()).then(|| shares.iter().sum::<f64>() / shares.len() as f64)
}

/// Trustworthiness (Venna and Kaski 2001) of a map for k neighbours: 1 − 2 / (n k (2n − 3k − 1)) Σ max(0, r(i, j) − k), where
/// j runs over the k nearest of i on the map and r is its rank among the neighbours of i in the original space. `None` unless
/// k < n / 2.
///
/// `original(i)` lists all other points, nearest first; `mapped` the k nearest on the map.
///
/// # Errors
/// [`Error::Data`] if the lists do not cover the same points.
pub fn trustworthiness(original: impl Fn(usize) -> Vec<usize>, mapped: &[Vec<usize>]) -> Result<Option<f64>> {
    let n = mapped.len();
    let k = mapped.first().map_or(0, Vec::len);
    if k == 0 || 2 * k >= n {
        return Ok(None);
    }
    let wrong = || Error::data("a map and its original space hold different points");
    let mut penalty = 0.0;
    for (i, list) in mapped.iter().enumerate() {
        let mut rank = vec![0usize; n];
        for (place, j) in original(i).into_iter().enumerate() {
            *rank.get_mut(j).ok_or_else(wrong)? = place + 1;
        }
        for &j in list {
            match rank.get(j) {
                Some(&place) if place > 0 => penalty += place.saturating_sub(k) as f64,
                _ => return Err(wrong()),
            }
        }
    }
    let (n, k) = (n as f64, k as f64);
    Ok(Some(1.0 - 2.0 / (n * k * (2.0 * n - 3.0 * k - 1.0)) * penalty))
}
