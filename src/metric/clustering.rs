//! Agreement of a clustering with labels, and how evenly a codebook is used.

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// How clusters and labels inform about each other (Rosenberg & Hirschberg 2007; natural logarithms).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClusterAgreement {
    /// I(labels; clusters) / mean of both entropies; 1 if both are a single group.
    pub nmi: f64,
    /// The same beyond chance (Vinh, Epps & Bailey 2010): (I − E[I]) / (mean entropy − E[I]), where E[I] is what clusters of
    /// these sizes drawn at random would share with labels of these sizes. Around 0 without any relation, at most 1.
    pub ami: f64,
    /// 1 − H(label | cluster) / H(label): 1 if no cluster mixes labels.
    pub homogeneity: f64,
    /// 1 − H(cluster | label) / H(cluster): 1 if no label is spread over clusters.
    pub completeness: f64,
    /// Harmonic mean of homogeneity and completeness.
    pub v_measure: f64,
    /// Share of samples whose label is the most frequent one of their cluster.
    pub purity: f64,
    /// Samples counted.
    pub n: usize,
}

/// Compares clusters with labels, sample by sample.
///
/// # Errors
/// [`Error::Data`] if the lists differ in length.
pub fn agreement<L: Ord, C: Ord>(labels: &[L], clusters: &[C]) -> Result<ClusterAgreement> {
    if labels.len() != clusters.len() {
        return Err(Error::data(format!(
            "{} labels stand against {} clusters; each sample needs one of both",
            labels.len(),
            clusters.len()
        )));
    }
    let mut joint: BTreeMap<(&C, &L), u64> = BTreeMap::new();
    let mut by_label: BTreeMap<&L, u64> = BTreeMap::new();
    let mut by_cluster: BTreeMap<&C, u64> = BTreeMap::new();
    for (label, cluster) in labels.iter().zip(clusters) {
        *joint.entry((cluster, label)).or_default() += 1;
        *by_label.entry(label).or_default() += 1;
        *by_cluster.entry(cluster).or_default() += 1;
    }
    let n = labels.len() as f64;
    let h_label = entropy(by_label.values().map(|&n| n as f64));
    let h_cluster = entropy(by_cluster.values().map(|&n| n as f64));
    let mutual: f64 = joint
        .iter()
        .map(|((cluster, label), &count)| {
            let count = count as f64;
            let expected = by_cluster[cluster] as f64 * by_label[label] as f64 / n;
            count / n * (count / expected).ln()
        })
        .sum::<f64>()
        .max(0.0);
    // Rounding leaves a mutual information of about ε where there is none.
    let mutual = if mutual <= f64::EPSILON { 0.0 } else { mutual };
    let share = |entropy: f64| {
        if entropy > 0.0 {
            (mutual / entropy).min(1.0)
        } else {
            1.0
        }
    };
    let (homogeneity, completeness) = (share(h_label), share(h_cluster));
    let mean_entropy = 0.5 * (h_label + h_cluster);
    let chance = expected_mutual_information(by_label.values().copied(), by_cluster.values().copied());
    let room = mean_entropy - chance;
    let mut largest: BTreeMap<&C, u64> = BTreeMap::new();
    for ((cluster, _), &count) in &joint {
        let entry = largest.entry(cluster).or_default();
        *entry = (*entry).max(count);
    }
    Ok(ClusterAgreement {
        nmi: share(mean_entropy),
        // Two identical trivial groupings (all in one, or each alone) leave nothing to chance.
        ami: if room.abs() > 1e-12 {
            (mutual - chance) / room
        } else {
            1.0
        },
        homogeneity,
        completeness,
        v_measure: if homogeneity + completeness > 0.0 {
            2.0 * homogeneity * completeness / (homogeneity + completeness)
        } else {
            0.0
        },
        purity: if labels.is_empty() {
            1.0
        } else {
            largest.values().sum::<u64>() as f64 / n
        },
        n: labels.len(),
    })
}

/// E[I] in nats over all ways of drawing groups of the sizes `b` at random from groups of the sizes `a` (hypergeometric).
fn expected_mutual_information(a: impl Iterator<Item = u64>, b: impl Iterator<Item = u64>) -> f64 {
    // Groups of equal size contribute equally.
    let sizes = |counts: &mut dyn Iterator<Item = u64>| {
        let mut times: BTreeMap<u64, u64> = BTreeMap::new();
        for count in counts.filter(|&c| c > 0) {
            *times.entry(count).or_default() += 1;
        }
        times
    };
    let (a, b) = (sizes(&mut { a }), sizes(&mut { b }));
    let n: u64 = a.iter().map(|(size, times)| size * times).sum();
    let mut expected = 0.0;
    for (&x, &many_x) in &a {
        for (&y, &many_y) in &b {
            expected += (many_x * many_y) as f64 * expected_cell(x, y, n);
        }
    }
    expected
}

/// `Σ_k P(k) k/n ln(nk / xy)`, where k is the overlap of two random groups of x and y among n. Probabilities are followed
/// outwards from the most likely overlap, as ratios to it, until they no longer count.
fn expected_cell(x: u64, y: u64, n: u64) -> f64 {
    let (xf, yf, nf) = (x as f64, y as f64, n as f64);
    let (least, most) = ((x + y).saturating_sub(n), x.min(y));
    let mode = (((xf + 1.0) * (yf + 1.0) / (nf + 2.0)).floor() as u64).clamp(least, most);
    let term = |k: u64| {
        if k == 0 {
            0.0
        } else {
            let k = k as f64;
            k / nf * (nf * k / (xf * yf)).ln()
        }
    };
    // P(k+1) / P(k)
    let ratio = |k: u64| {
        let k = k as f64;
        (xf - k) * (yf - k) / ((k + 1.0) * (nf - xf - yf + k + 1.0))
    };
    let (mut mass, mut sum) = (1.0, term(mode));
    let (mut k, mut weight) = (mode, 1.0);
    while k < most && weight > 1e-18 {
        weight *= ratio(k);
        k += 1;
        mass += weight;
        sum += weight * term(k);
    }
    (k, weight) = (mode, 1.0);
    while k > least && weight > 1e-18 {
        weight /= ratio(k - 1);
        k -= 1;
        mass += weight;
        sum += weight * term(k);
    }
    sum / mass
}

/// Shannon entropy in nats of a distribution given by counts or shares; 0 of nothing.
pub fn entropy(weights: impl IntoIterator<Item = f64>) -> f64 {
    let weights: Vec<f64> = weights.into_iter().filter(|&weight| weight > 0.0).collect();
    let total: f64 = weights.iter().sum();
    weights
        .iter()
        .map(|weight| -(weight / total) * (weight / total).ln())
        .sum::<f64>()
        .max(0.0)
}

/// exp(entropy): the number of equally used codes that would be as even; 1 for a single code, 0 of nothing.
pub fn perplexity(weights: impl IntoIterator<Item = f64>) -> f64 {
    let weights: Vec<f64> = weights.into_iter().filter(|&weight| weight > 0.0).collect();
    if weights.is_empty() {
        0.0
    } else {
        entropy(weights).exp()
    }
}
