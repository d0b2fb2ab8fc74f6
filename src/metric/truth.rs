//! Agreement with the planted truth of stand-in data: do archetypes follow planted modes, and do they find flipped labels?

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::record::MetricRow;
use crate::task::Split;

use super::clustering;
use super::evaluate::rows;
use super::named::NamedValue;
use super::retrieval::{Retrieval, retrieval};

/// One sample of stand-in data with the archetype that it was matched with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TruthSample<'a> {
    /// Its split.
    pub split: Split,
    /// Primal archetype, after pruning.
    pub archetype: i32,
    /// Cosine similarity with it minus that of the second; `None` if only one archetype is kept.
    pub margin: Option<f32>,
    /// Planted mode, unique over all classes.
    pub mode: &'a str,
    /// Planted person, where there is one.
    pub subject: Option<&'a str>,
    /// Class as written into the database; `None` where the task has no classes.
    pub label: Option<usize>,
    /// Whether that class was deliberately changed.
    pub flipped: bool,
}

/// Per split: `nmi_mode`, `ami_mode`, `homogeneity_mode`, `completeness_mode`, `nmi_subject`, `ami_subject`,
/// `flip_precision`, `flip_recall`, `flip_ap`.
///
/// `values` holds each archetype's class distribution (empty for tasks without classes). A number that is undefined
/// (nothing was flipped, nothing flagged, no subjects) has no row.
///
/// # Errors
/// [`Error::Data`] if a sample names an archetype or a class that `values` lacks.
pub fn agreement(
    method: &str,
    samples: &[TruthSample<'_>],
    values: &BTreeMap<i32, Vec<f32>>,
) -> Result<Vec<MetricRow>> {
    let mut all = Vec::new();
    for split in Split::ALL {
        let part: Vec<&TruthSample<'_>> = samples.iter().filter(|s| s.split == split).collect();
        if part.is_empty() {
            continue;
        }
        let n = part.len() as u64;
        let mut named = Vec::new();
        let archetypes: Vec<i32> = part.iter().map(|s| s.archetype).collect();
        let modes: Vec<&str> = part.iter().map(|s| s.mode).collect();
        let with_modes = clustering::agreement(&modes, &archetypes)?;
        named.push(NamedValue::new("nmi_mode".to_owned(), with_modes.nmi, n));
        named.push(NamedValue::new("ami_mode".to_owned(), with_modes.ami, n));
        named.push(NamedValue::new(
            "homogeneity_mode".to_owned(),
            with_modes.homogeneity,
            n,
        ));
        named.push(NamedValue::new(
            "completeness_mode".to_owned(),
            with_modes.completeness,
            n,
        ));
        if let Some(subjects) = part.iter().map(|s| s.subject).collect::<Option<Vec<&str>>>() {
            let with_subjects = clustering::agreement(&subjects, &archetypes)?;
            named.push(NamedValue::new("nmi_subject".to_owned(), with_subjects.nmi, n));
            named.push(NamedValue::new("ami_subject".to_owned(), with_subjects.ami, n));
        }
        // Labels outside the protocol's classes are unknown, and cannot be contradicted.
        let labelled: Vec<(&TruthSample<'_>, usize)> = part.iter().filter_map(|s| s.label.map(|l| (*s, l))).collect();
        if !labelled.is_empty() {
            let labels: Vec<usize> = labelled.iter().map(|&(_, label)| label).collect();
            let outputs: Vec<&[f32]> = labelled
                .iter()
                .map(|(s, _)| {
                    values.get(&s.archetype).map(Vec::as_slice).ok_or_else(|| {
                        Error::data(format!(
                            "a sample is matched with archetype {}, which has no value",
                            s.archetype
                        ))
                    })
                })
                .collect::<Result<_>>()?;
            let margins: Vec<f32> = labelled.iter().map(|(s, _)| s.margin.unwrap_or(0.0)).collect();
            let flipped: Vec<bool> = labelled.iter().map(|(s, _)| s.flipped).collect();
            let found = label_issues(&labels, &outputs, &margins, &flipped)?;
            named.extend(flip_values(&found, labels.len() as u64));
        }
        all.extend(rows(method, split.as_str(), None, &named));
    }
    Ok(all)
}

/// How well the flipped labels are found by distrusting labels that the outputs contradict.
///
/// A sample is flagged if its label is not the class with the largest output. Samples are ranked by how much larger that
/// output is than the label's own (the margin of confident learning, Northcutt et al. 2021); among equals, by `margins`: a
/// contradiction counts more, an agreement less, the surer the sample was matched. `outputs` holds C class scores a sample:
/// the value of its archetype, or the probabilities of any classifier.
///
/// # Errors
/// [`Error::Data`] if the lists differ in length, a class does not exist, or an output is not a number.
pub fn label_issues(labels: &[usize], outputs: &[&[f32]], margins: &[f32], flipped: &[bool]) -> Result<Retrieval> {
    let n = labels.len();
    if outputs.len() != n || margins.len() != n || flipped.len() != n {
        return Err(Error::data(format!(
            "{n} labels stand against {} outputs, {} margins and {} flags; each sample needs one of all",
            outputs.len(),
            margins.len(),
            flipped.len()
        )));
    }
    let mut keys = Vec::with_capacity(n);
    for ((&label, output), &margin) in labels.iter().zip(outputs).zip(margins) {
        let Some(&own) = output.get(label) else {
            return Err(Error::data(format!(
                "label {label} does not exist among {} classes",
                output.len()
            )));
        };
        let doubt = output.iter().copied().fold(own, f32::max) - own;
        if output.iter().any(|v| v.is_nan()) || margin.is_nan() {
            return Err(Error::diverged(
                "an archetype's value or a similarity is not a number; the model diverged",
            ));
        }
        keys.push((doubt, if doubt > 0.0 { margin } else { -margin }));
    }
    let flagged: Vec<bool> = keys.iter().map(|key| key.0 > 0.0).collect();
    // Average precision takes one score a sample: the rank of the pair, equal for equal pairs.
    let mut order: Vec<usize> = (0..n).collect();
    let compare = |a: usize, b: usize| keys[a].0.total_cmp(&keys[b].0).then(keys[a].1.total_cmp(&keys[b].1));
    order.sort_by(|&a, &b| compare(a, b));
    let mut scores = vec![0.0; n];
    let mut rank = 0.0;
    for (at, &i) in order.iter().enumerate() {
        if at > 0 && compare(order[at - 1], i).is_ne() {
            rank += 1.0;
        }
        scores[i] = rank;
    }
    retrieval(flipped, &flagged, &scores)
}

fn flip_values(found: &Retrieval, n: u64) -> Vec<NamedValue> {
    [
        ("flip_precision", found.precision),
        ("flip_recall", found.recall),
        ("flip_ap", found.average_precision),
    ]
    .into_iter()
    // Without flipped labels there is nothing to find, and a precision of 0 would say that the search failed.
    .filter(|_| found.wanted > 0)
    .filter_map(|(name, value)| value.map(|value| NamedValue::new(name.to_owned(), value, n)))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(rows: &[MetricRow], split: &str, metric: &str) -> Option<f64> {
        rows.iter()
            .find(|r| r.split == split && r.metric == metric)
            .map(|r| r.value)
    }

    #[test]
    fn archetypes_that_are_the_modes_score_one() {
        let names = ["joy/mild", "joy/intense", "fear"];
        let subjects = ["a", "b", "c", "d"];
        let samples: Vec<TruthSample<'_>> = (0..120)
            .map(|i| {
                let mode = i % 3;
                let flipped = i % 20 == 0;
                let class = usize::from(mode == 2);
                TruthSample {
                    split: if i < 60 { Split::Train } else { Split::Test },
                    archetype: mode as i32 + 7,
                    margin: Some(0.1),
                    mode: names[mode],
                    subject: Some(subjects[(i / 3) % 4]),
                    label: Some(if flipped { 1 - class } else { class }),
                    flipped,
                }
            })
            .collect();
        let values = BTreeMap::from([(7, vec![0.9, 0.1]), (8, vec![0.8, 0.2]), (9, vec![0.05, 0.95])]);
        let rows = agreement("aura", &samples, &values).expect("all archetypes have values");
        for split in ["train", "test"] {
            for metric in [
                "nmi_mode",
                "homogeneity_mode",
                "completeness_mode",
                "flip_precision",
                "flip_recall",
                "flip_ap",
            ] {
                let v = value(&rows, split, metric).expect("defined");
                assert!((v - 1.0).abs() < 1e-12, "{split} {metric} {v}");
            }
            assert!(value(&rows, split, "nmi_subject").expect("defined") < 0.05);
        }
        assert_eq!(value(&rows, "val", "nmi_mode"), None);
        assert!(agreement("aura", &samples, &BTreeMap::new()).is_err());
    }

    #[test]
    fn tasks_without_classes_have_no_flips() {
        let samples = [TruthSample {
            split: Split::Train,
            archetype: 0,
            margin: None,
            mode: "m",
            subject: None,
            label: None,
            flipped: false,
        }; 3];
        let rows = agreement("aura", &samples, &BTreeMap::new()).expect("nothing is missing");
        assert_eq!(rows.len(), 4);
        assert_eq!(value(&rows, "train", "flip_ap"), None);
        assert_eq!(value(&rows, "train", "nmi_subject"), None);
    }

    #[test]
    fn the_stronger_contradiction_comes_first() {
        let sure: &[f32] = &[0.95, 0.05];
        let torn: &[f32] = &[0.55, 0.45];
        let outputs = [sure, torn, sure, torn];
        // Sample 0 is flipped and strongly contradicted; sample 1 is right and weakly contradicted.
        let found = label_issues(&[1, 1, 0, 0], &outputs, &[0.0; 4], &[true, false, false, false]).expect("fits");
        assert_eq!(found.precision, Some(0.5));
        assert_eq!(found.recall, Some(1.0));
        assert_eq!(found.average_precision, Some(1.0));
        assert!(label_issues(&[2], &[sure], &[0.0], &[true]).is_err());
        assert!(label_issues(&[0], &[&[0.5, f32::NAN]], &[0.0], &[true]).is_err());
    }
}
