//! Agreement of a clustering with labels, and how evenly a codebook is used.

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// How clusters and labels inform about each other (Rosenberg & Hirschberg 2007; natural logarithms).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClusterAgreement {
    /// I(labels; clusters) / mean of both entropies; 1 if both are a single group.
    pub nmi: f64,
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
    let h_label = entropy(by_label.values().copied());
    let h_cluster = entropy(by_cluster.values().copied());
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
    let mut largest: BTreeMap<&C, u64> = BTreeMap::new();
    for ((cluster, _), &count) in &joint {
        let entry = largest.entry(cluster).or_default();
        *entry = (*entry).max(count);
    }
    Ok(ClusterAgreement {
        nmi: share(0.5 * (h_label + h_cluster)),
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

/// Shannon entropy in nats of a distribution given by counts; 0 of nothing.
pub fn entropy(counts: impl IntoIterator<Item = u64>) -> f64 {
    let counts: Vec<f64> = counts.into_iter().filter(|&c| c > 0).map(|c| c as f64).collect();
    let total: f64 = counts.iter().sum();
    counts
        .iter()
        .map(|c| -(c / total) * (c / total).ln())
        .sum::<f64>()
        .max(0.0)
}

/// exp(entropy): the number of equally used codes that would be as even; 1 for a single code, 0 of nothing.
pub fn perplexity(counts: impl IntoIterator<Item = u64>) -> f64 {
    let counts: Vec<u64> = counts.into_iter().filter(|&c| c > 0).collect();
    if counts.is_empty() { 0.0 } else { entropy(counts).exp() }
}
