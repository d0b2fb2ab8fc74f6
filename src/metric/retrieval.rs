//! Finding a few wanted samples among many: precision and recall of a set, average precision of a ranking.

use crate::error::{Error, Result};

/// Precision, recall and average precision of a search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retrieval {
    /// Share of the flagged samples that are wanted; `None` if nothing is flagged.
    pub precision: Option<f64>,
    /// Share of the wanted samples that are flagged; `None` if nothing is wanted.
    pub recall: Option<f64>,
    /// Sum over the distinct scores, highest first, of precision times the gain in recall; `None` if nothing is wanted.
    pub average_precision: Option<f64>,
    /// Samples wanted.
    pub wanted: usize,
    /// Samples flagged.
    pub flagged: usize,
}

/// Compares what was flagged, and how samples were scored (higher = sooner looked at), with what was wanted.
///
/// # Errors
/// [`Error::Data`] if the lists differ in length or a score is not a number.
pub fn retrieval(wanted: &[bool], flagged: &[bool], scores: &[f64]) -> Result<Retrieval> {
    if wanted.len() != flagged.len() || wanted.len() != scores.len() {
        return Err(Error::data(format!(
            "{} samples have {} flags and {} scores; each needs one of both",
            wanted.len(),
            flagged.len(),
            scores.len()
        )));
    }
    let total = wanted.iter().filter(|&&w| w).count();
    let chosen = flagged.iter().filter(|&&f| f).count();
    let both = wanted.iter().zip(flagged).filter(|&(&w, &f)| w && f).count();
    let share = |part: usize, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
    Ok(Retrieval {
        precision: share(both, chosen),
        recall: share(both, total),
        average_precision: average_precision(wanted, scores)?,
        wanted: total,
        flagged: chosen,
    })
}

/// Average precision without interpolation; equal scores enter together. `None` if nothing is wanted.
///
/// # Errors
/// [`Error::Data`] if the lists differ in length or a score is not a number.
pub fn average_precision(wanted: &[bool], scores: &[f64]) -> Result<Option<f64>> {
    if wanted.len() != scores.len() || scores.iter().any(|s| s.is_nan()) {
        return Err(Error::data(format!(
            "a ranking of {} samples needs as many scores, all of them numbers; there are {} scores",
            wanted.len(),
            scores.len()
        )));
    }
    let total = wanted.iter().filter(|&&w| w).count();
    if total == 0 {
        return Ok(None);
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let (mut hits, mut counted, mut sum) = (0_usize, 0_usize, 0.0);
    while counted < order.len() {
        let score = scores[order[counted]];
        let before = hits;
        // `total_cmp` tells −0 from 0; equality here does not, and they stand side by side.
        while counted < order.len() && scores[order[counted]] >= score {
            hits += usize::from(wanted[order[counted]]);
            counted += 1;
        }
        sum += (hits - before) as f64 / total as f64 * (hits as f64 / counted as f64);
    }
    Ok(Some(sum))
}
