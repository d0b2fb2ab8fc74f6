//! Whom a model serves: every metric of the test split by group of each attribute, and the largest gap between groups.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Result;
use crate::metric::Bootstrap;
use crate::metric::panel::Panel;
use crate::metric::subgroup::{self, OfGroup, Resamples};
use crate::served::SubgroupRow;
use crate::sets::Matrix;
use crate::task::{Targets, Task};

use super::answers::Predictions;
use super::standing::{READ_OUTS, alike};

/// One attribute: the value of each sample that has one.
pub type Values<'a> = BTreeMap<&'a str, &'a str>;

/// The samples of a group in one fold, with what all methods say of them.
struct Part {
    targets: Targets,
    methods: Vec<Vec<Matrix>>,
    subjects: Vec<Option<String>>,
}

/// A group of samples.
struct Group {
    /// Its value of the attribute; `None` for samples without one.
    part: Option<String>,
    resamples: Resamples,
}

/// The rows of all attributes, of every method that was tested on AURA's samples.
///
/// A fold that has no sample of a group does not count in its mean. Groups with fewer than `least` samples for a metric, and samples
/// without a value, have rows and take no part in the gap.
///
/// # Errors
/// If an output is not finite; [`crate::Error::Interrupted`].
pub fn of(
    answers: &BTreeMap<String, Predictions>,
    attributes: &BTreeMap<&str, Values<'_>>,
    task: Task,
    least: u32,
    bootstrap: &Bootstrap,
) -> Result<Vec<SubgroupRow>> {
    let Some(aura) = answers.get(READ_OUTS[0]) else {
        return Ok(Vec::new());
    };
    let names: Vec<&String> = answers
        .iter()
        .filter(|(_, other)| alike(aura, other))
        .map(|(name, _)| name)
        .collect();
    let outputs = aura.folds.values().next().map_or(&[][..], |fold| &fold.targets.names);
    let (measures, means) = subgroup::measures(task, outputs);
    let mut rows = Vec::new();
    for (attribute, values) in attributes {
        let mut groups = Vec::new();
        for (position, part) in parts(aura, values).into_iter().enumerate() {
            let cut: Vec<Part> = cut(answers, &names, aura, values, part);
            let panels: Vec<Panel<'_>> = cut
                .iter()
                .map(|part| Panel {
                    targets: &part.targets,
                    methods: part.methods.iter().map(|seeds| seeds.iter().collect()).collect(),
                    subjects: &part.subjects,
                })
                .collect();
            groups.push(Group {
                part: part.map(str::to_owned),
                resamples: Resamples::new(&panels, &measures, position as u64, bootstrap)?,
            });
        }
        for (m, (metric, _)) in measures.iter().enumerate() {
            for (k, method) in names.iter().enumerate() {
                let blank = SubgroupRow {
                    attribute: (*attribute).to_owned(),
                    kind: "group".to_owned(),
                    part: None,
                    method: (*method).clone(),
                    metric: metric.clone(),
                    value: 0.0,
                    low: None,
                    high: None,
                    n: 0,
                    clusters: 0,
                    counted: false,
                    least: i64::from(least),
                    highest: None,
                    lowest: None,
                };
                let mut counted: Vec<&Group> = Vec::new();
                let mut n = 0;
                for group in &groups {
                    let Some(found) = group.resamples.value(k, m, means[m]) else {
                        continue;
                    };
                    let counts = group.part.is_some() && found.n >= u64::from(least);
                    if counts {
                        counted.push(group);
                        n += found.n;
                    }
                    rows.push(group_row(&blank, group, found, counts));
                }
                let resamples: Vec<&Resamples> = counted.iter().map(|group| &group.resamples).collect();
                if let Some(gap) = subgroup::gap(&resamples, k, m) {
                    rows.push(SubgroupRow {
                        kind: "gap".to_owned(),
                        value: gap.value,
                        low: gap.interval.map(|i| i.low),
                        high: gap.interval.map(|i| i.high),
                        n: n as i64,
                        clusters: resamples.iter().map(|group| group.clusters() as i64).sum(),
                        counted: true,
                        highest: counted[gap.highest].part.clone(),
                        lowest: counted[gap.lowest].part.clone(),
                        ..blank
                    });
                }
            }
        }
    }
    Ok(rows)
}

fn group_row(blank: &SubgroupRow, group: &Group, found: OfGroup, counted: bool) -> SubgroupRow {
    SubgroupRow {
        part: group.part.clone(),
        value: found.value,
        low: found.interval.map(|i| i.low),
        high: found.interval.map(|i| i.high),
        n: found.n as i64,
        clusters: group.resamples.clusters() as i64,
        counted,
        ..blank.clone()
    }
}

/// The values that test samples have, ascending, and last that of those without.
fn parts<'a>(aura: &Predictions, values: &Values<'a>) -> Vec<Option<&'a str>> {
    let mut found = BTreeSet::new();
    let mut without = false;
    for id in aura.folds.values().flat_map(|fold| &fold.sample_ids) {
        match values.get(id.as_str()) {
            Some(value) => drop(found.insert(*value)),
            None => without = true,
        }
    }
    found.into_iter().map(Some).chain(without.then_some(None)).collect()
}

/// What is said of the samples of a group, in every fold that has any.
fn cut(
    answers: &BTreeMap<String, Predictions>,
    names: &[&String],
    aura: &Predictions,
    values: &Values<'_>,
    part: Option<&str>,
) -> Vec<Part> {
    let mut cut = Vec::new();
    for (fold, samples) in &aura.folds {
        let of_group = |id: &String| values.get(id.as_str()).copied() == part;
        let ids = samples.sample_ids.iter().enumerate();
        let own: Vec<usize> = ids.filter(|(_, id)| of_group(id)).map(|(i, _)| i).collect();
        if own.is_empty() {
            continue;
        }
        let seeds = |name: &&String| -> Vec<Matrix> {
            let outputs = answers[*name].folds[fold].outputs.values();
            outputs.map(|matrix| matrix.select(&own)).collect()
        };
        cut.push(Part {
            targets: samples.targets.select(&own),
            methods: names.iter().map(seeds).collect(),
            subjects: if samples.subjects.is_empty() {
                Vec::new()
            } else {
                own.iter().map(|&i| samples.subjects[i].clone()).collect()
            },
        });
    }
    cut
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::check::answers::FoldPredictions;

    #[derive(Deserialize)]
    struct Golden {
        groups: Vec<String>,
        labels: Vec<usize>,
        predictions: Vec<usize>,
        scores: Vec<f32>,
        outputs: Vec<f32>,
        by_group: BTreeMap<String, BTreeMap<String, f64>>,
        difference: BTreeMap<String, f64>,
        rmse: Rmse,
        interval: [f64; 2],
    }

    #[derive(Deserialize)]
    struct Rmse {
        by_group: BTreeMap<String, f64>,
        difference: f64,
    }

    fn golden() -> Golden {
        serde_json::from_str(include_str!("../../tests/peers/subgroup/golden.json")).unwrap()
    }

    fn id(i: usize) -> String {
        format!("{i:04}")
    }

    fn said(targets: Targets, outputs: Vec<f32>, subjects: Vec<Option<String>>) -> BTreeMap<String, Predictions> {
        let rows = targets.len();
        let matrix = Matrix {
            rows,
            cols: targets.outputs(),
            data: outputs,
        };
        let fold = FoldPredictions {
            sample_ids: (0..rows).map(id).collect(),
            subjects,
            targets,
            outputs: BTreeMap::from([(0, matrix.clone()), (1, matrix)]),
        };
        let folds = BTreeMap::from([(None, fold)]);
        BTreeMap::from([("aura".to_owned(), Predictions { folds })])
    }

    fn classes(golden: &Golden, subjects: Vec<Option<String>>) -> BTreeMap<String, Predictions> {
        let one_hot = |of: &[usize]| -> Vec<f32> {
            of.iter()
                .flat_map(|&k| (0..3).map(move |c| f32::from(u8::from(c == k))))
                .collect()
        };
        let targets = Targets {
            task: Task::Expression,
            names: ["a", "b", "c"].map(str::to_owned).to_vec(),
            values: one_hot(&golden.labels),
            known: vec![true; 3 * golden.labels.len()],
        };
        said(targets, one_hot(&golden.predictions), subjects)
    }

    fn rows_of(
        golden: &Golden,
        answers: &BTreeMap<String, Predictions>,
        task: Task,
        least: u32,
        leave_out: usize,
    ) -> Vec<SubgroupRow> {
        let ids: Vec<String> = (0..golden.groups.len()).map(id).collect();
        let pairs = ids.iter().zip(&golden.groups).skip(leave_out);
        let values: Values<'_> = pairs.map(|(id, group)| (id.as_str(), group.as_str())).collect();
        let attributes = BTreeMap::from([("skin", values)]);
        of(answers, &attributes, task, least, &Bootstrap::default()).unwrap()
    }

    #[test]
    fn groups_and_gaps_are_those_of_fairlearn() {
        let golden = golden();
        let rows = rows_of(&golden, &classes(&golden, Vec::new()), Task::Expression, 20, 0);
        for (metric, groups) in &golden.by_group {
            let own: Vec<&SubgroupRow> = rows.iter().filter(|row| row.metric == *metric).collect();
            assert_eq!(own.len(), groups.len() + 1, "{metric}");
            for row in own.iter().filter(|row| row.kind == "group") {
                let theirs = groups[row.part.as_deref().unwrap()];
                assert!((row.value - theirs).abs() < 1e-12, "{row:?} against {theirs}");
                assert!(row.counted && row.low.unwrap() <= row.value && row.value <= row.high.unwrap());
            }
            let gap = own.iter().find(|row| row.kind == "gap").unwrap();
            assert!((gap.value - golden.difference[metric]).abs() < 1e-12);
            let extreme = |wanted: fn(f64, f64) -> f64| groups.values().copied().reduce(wanted).unwrap();
            let of = |part: &Option<String>| groups[part.as_deref().unwrap()];
            assert!((of(&gap.highest) - extreme(f64::max)).abs() < 1e-12);
            assert!((of(&gap.lowest) - extreme(f64::min)).abs() < 1e-12);
        }
        let gap = rows
            .iter()
            .find(|row| row.metric == "acc" && row.kind == "gap")
            .unwrap();
        // Other random numbers, and ten times as many: the ends agree as far as 9,999 resamples say.
        for (ours, theirs) in [gap.low.unwrap(), gap.high.unwrap()].iter().zip(golden.interval) {
            assert!((ours - theirs).abs() < 0.01, "{ours} against scipy's {theirs}");
        }
    }

    #[test]
    fn scores_are_compared_by_group_too() {
        let golden = golden();
        let targets = Targets {
            task: Task::ValenceArousal,
            names: vec!["valence".to_owned()],
            values: golden.scores.clone(),
            known: vec![true; golden.scores.len()],
        };
        let answers = said(targets, golden.outputs.clone(), Vec::new());
        let rows = rows_of(&golden, &answers, Task::ValenceArousal, 20, 0);
        for row in rows.iter().filter(|row| row.metric == "rmse_v") {
            let theirs = row
                .part
                .as_ref()
                .map_or(golden.rmse.difference, |part| golden.rmse.by_group[part]);
            assert!((row.value - theirs).abs() < 1e-10, "{row:?} against {theirs}");
        }
    }

    #[test]
    fn small_groups_and_samples_without_a_value_stay_out_of_the_gap() {
        let golden = golden();
        let answers = classes(&golden, Vec::new());
        let dark = golden.groups.iter().skip(5).filter(|group| *group == "dark").count();
        let rows = rows_of(&golden, &answers, Task::Expression, dark as u32 + 1, 5);
        let acc: Vec<&SubgroupRow> = rows.iter().filter(|row| row.metric == "acc").collect();
        let told: Vec<(Option<&str>, bool)> = acc.iter().map(|row| (row.part.as_deref(), row.counted)).collect();
        assert_eq!(
            told,
            [
                (Some("dark"), false),
                (Some("light"), true),
                (Some("medium"), true),
                (None, false),
                (None, true)
            ]
        );
        assert_eq!(acc[3].n, 5);
        assert_eq!(
            acc.iter()
                .filter(|row| row.kind == "group")
                .map(|row| row.n)
                .sum::<i64>(),
            300
        );
        assert!((acc[4].value - (acc[1].value - acc[2].value).abs()).abs() < 1e-12);
        // Recall of a class rests on the samples that carry it: with as many samples in all, too few of one class.
        let one = rows_of(&golden, &answers, Task::Expression, 1000, 0);
        assert!(one.iter().all(|row| !row.counted && row.kind == "group"));
    }

    #[test]
    fn a_group_of_one_person_has_no_interval() {
        let golden = golden();
        let subject = |(i, group): (usize, &String)| {
            Some(if group == "dark" {
                "only".to_owned()
            } else {
                format!("P{}", i % 40)
            })
        };
        let subjects = golden.groups.iter().enumerate().map(subject).collect();
        let rows = rows_of(&golden, &classes(&golden, subjects), Task::Expression, 20, 0);
        for row in rows.iter().filter(|row| row.metric == "acc") {
            let alone = row.kind == "gap" || row.part.as_deref() == Some("dark");
            assert_eq!(row.low.is_none(), alone, "{row:?}");
            assert!(row.kind == "gap" || (row.clusters == 1) == alone, "{row:?}");
        }
    }
}
