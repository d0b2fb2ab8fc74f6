//! Against peers (golden values of scikit-learn, scipy and statsmodels, `tests/peers/metric/golden.py`), and properties.

use proptest::prelude::*;
use serde_json::Value;

use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::sets::Matrix;
use crate::task::{Targets, Task};

use super::compare::{Answers, Paired, holm, mcnemar, paired_bootstrap};
use super::evaluate::{self, Options};
use super::interval::{Bootstrap, Contributions, Interval, bca, wilson};
use super::named::{NamedValue, info};
use super::seeds::OverSeeds;
use super::special::{binomial_half_cdf, chi2_1_upper, normal_cdf, normal_quantile, t_quantile};
use super::tally::{Measure, Tally};
use super::valence_arousal::Agreement;
use super::{action_units, clustering, expression, retrieval, seeds, valence_arousal};

fn golden() -> Value {
    serde_json::from_str(include_str!("../../tests/peers/metric/golden.json")).expect("golden.json is JSON")
}

fn floats(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .expect("list")
        .iter()
        .map(|v| v.as_f64().expect("number"))
        .collect()
}

fn singles(value: &Value) -> Vec<f32> {
    floats(value).into_iter().map(|v| v as f32).collect()
}

fn bools(value: &Value) -> Vec<bool> {
    value
        .as_array()
        .expect("list")
        .iter()
        .map(|v| v.as_bool().expect("flag"))
        .collect()
}

fn indices(value: &Value) -> Vec<usize> {
    floats(value).into_iter().map(|v| v as usize).collect()
}

#[track_caller]
fn close(ours: f64, peer: f64) {
    assert!(
        (ours - peer).abs() <= 1e-10 * peer.abs().max(1.0),
        "{ours} against {peer}"
    );
}

/// Equal but for rounding.
fn same(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12)
}

fn value(values: &[NamedValue], name: &str) -> f64 {
    values
        .iter()
        .find(|v| v.name == name)
        .unwrap_or_else(|| panic!("{name} is there"))
        .value
}

fn classes(count: usize, labels: &[usize]) -> Targets {
    let mut values = vec![0.0; labels.len() * count];
    for (i, &label) in labels.iter().enumerate() {
        values[i * count + label] = 1.0;
    }
    Targets {
        task: Task::Expression,
        names: (0..count).map(|c| format!("Class {c}")).collect(),
        known: vec![true; values.len()],
        values,
    }
}

fn scores(rows: usize, data: Vec<f32>) -> Matrix {
    Matrix {
        rows,
        cols: data.len() / rows.max(1),
        data,
    }
}

/// Every metric, with an interval of few resamples.
fn evaluated(targets: &Targets, outputs: &Matrix) -> Result<Vec<NamedValue>> {
    let bootstrap = Bootstrap {
        resamples: 999,
        ..Bootstrap::default()
    };
    evaluate::evaluate(
        targets,
        outputs,
        &Options {
            subjects: None,
            bootstrap,
        },
    )
}

/// Agreement of two series, as one dimension of a tally.
fn agreement(targets: &[f64], outputs: &[f64]) -> Agreement {
    let centre = valence_arousal::centre(targets.iter().copied(), outputs.iter().copied());
    let mut sums = [0.0; valence_arousal::SUMS];
    for (&x, &y) in targets.iter().zip(outputs) {
        for (sum, term) in sums.iter_mut().zip(valence_arousal::terms(x, y, centre)) {
            *sum += term;
        }
    }
    valence_arousal::from_sums(&sums, centre)
}

/// Difference of two models with one seed each on one test set.
fn paired(metric: &str, targets: &Targets, first: &Matrix, second: &Matrix) -> Result<Paired> {
    let answers = Answers {
        targets,
        first: vec![first],
        second: vec![second],
        subjects: &[],
    };
    paired_bootstrap(metric, &[answers], &Bootstrap::default())
}

fn va(data: Vec<f32>) -> Targets {
    Targets {
        task: Task::ValenceArousal,
        names: vec!["valence".to_owned(), "arousal".to_owned()],
        known: vec![true; data.len()],
        values: data,
    }
}

#[test]
fn expression_agrees_with_scikit_learn() {
    let golden = &golden()["expression"];
    let labels = indices(&golden["label"]);
    let targets = classes(7, &labels);
    let outputs = scores(labels.len(), singles(&golden["score"]));
    let values = evaluated(&targets, &outputs).expect("shapes fit");
    for name in ["acc", "balanced_acc", "f1_macro"] {
        close(value(&values, name), golden[name].as_f64().expect("number"));
    }
    for (kind, peer) in [("f1", floats(&golden["f1"])), ("recall", floats(&golden["recall"]))] {
        for (c, peer) in peer.into_iter().enumerate() {
            close(value(&values, &format!("{kind}_class_{c}")), peer);
        }
    }
    let confusion = Tally::new(&targets, &outputs).expect("shapes fit").total();
    assert_eq!(confusion, floats(&golden["confusion"]));
    let wilson = values[0].interval.expect("accuracy has an interval");
    let peer = floats(&golden["wilson"]);
    close(wilson.low, peer[0]);
    close(wilson.high, peer[1]);
    assert_eq!((values[0].name.as_str(), values[0].n), ("acc", 400));
}

#[test]
fn valence_arousal_agrees_with_scipy() {
    let golden = &golden()["valence_arousal"];
    let targets = va(singles(&golden["target"]));
    let outputs = scores(targets.len(), singles(&golden["output"]));
    let values = evaluated(&targets, &outputs).expect("shapes fit");
    for name in ["ccc", "pcc", "rmse", "sagr"] {
        let peer = floats(&golden[name]);
        close(value(&values, &format!("{name}_v")), peer[0]);
        close(value(&values, &format!("{name}_a")), peer[1]);
        close(value(&values, &format!("{name}_va")), 0.5 * (peer[0] + peer[1]));
    }
    // torchmetrics' ddof = 1 is another number, and larger.
    assert!(floats(&golden["ccc_ddof1"])[0] > value(&values, "ccc_v") + 1e-6);
}

#[test]
fn torchmetrics_example_shows_the_ddof() {
    // The docstring example of `ConcordanceCorrCoef`: 0.97773 there, 0.97679 with moments divided by n.
    let agreement = agreement(&[3.0, -0.5, 2.0, 7.0], &[2.5, 0.0, 2.0, 8.0]);
    assert!((agreement.ccc - 0.976_79).abs() < 1e-5, "{}", agreement.ccc);
}

#[test]
fn constant_series_are_degenerate() {
    for offset in [0.0, 0.1, -0.7, 1e6] {
        let constant = vec![offset; 37];
        let moving: Vec<f64> = (0..37).map(|i| f64::from(i) * 0.05 - 0.9).collect();
        for (x, y) in [(&constant, &moving), (&moving, &constant), (&constant, &constant)] {
            let agreement = agreement(x, y);
            assert!(agreement.degenerate, "{offset}");
            assert_eq!((agreement.ccc, agreement.pcc), (0.0, 0.0));
        }
    }
}

#[test]
fn a_unit_without_labels_is_no_part_of_a_mean() {
    let targets = Targets {
        task: Task::ActionUnits,
        names: ["au01", "au12"].map(str::to_owned).to_vec(),
        values: vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        known: vec![true, false, true, false, true, false],
    };
    let values = evaluated(&targets, &scores(3, vec![0.9, 0.9, 0.9, 0.1, 0.9, 0.9])).expect("shapes fit");
    close(value(&values, "f1_au01"), 0.8);
    close(value(&values, "f1_avg"), 0.8);
    close(value(&values, "acc_avg"), value(&values, "acc_au01"));
    let nothing = values.iter().find(|v| v.name == "f1_au12").expect("is there");
    assert!(nothing.degenerate && nothing.n == 0);
}

#[test]
fn action_units_agree_with_scikit_learn() {
    let golden = &golden()["action_units"];
    let targets = Targets {
        task: Task::ActionUnits,
        names: ["au01", "au02", "au04", "au05", "au06"].map(str::to_owned).to_vec(),
        values: singles(&golden["label"]),
        known: bools(&golden["known"]),
    };
    let outputs = scores(targets.len(), singles(&golden["prob"]));
    let values = evaluated(&targets, &outputs).expect("shapes fit");
    for kind in ["f1", "acc"] {
        close(
            value(&values, &format!("{kind}_avg")),
            golden[format!("{kind}_avg")].as_f64().expect("number"),
        );
        for (unit, peer) in targets.names.iter().zip(floats(&golden[kind])) {
            close(value(&values, &format!("{kind}_{unit}")), peer);
        }
    }
    let undefined = values.iter().find(|v| v.name == "f1_au06").expect("is there");
    assert!(undefined.degenerate, "0/0 is reported");
    let interval = values[0].interval.expect("the primary metric has an interval");
    assert!(interval.contains(values[0].value) && interval.high - interval.low > 0.01);
    assert_eq!(action_units::outcome(true, 0.5), 0, "half is a detection");
}

#[test]
fn clusterings_agree_with_scikit_learn() {
    let golden = &golden()["clustering"];
    let (truth, cluster) = (indices(&golden["truth"]), indices(&golden["cluster"]));
    let ours = clustering::agreement(&truth, &cluster).expect("equal length");
    for (name, value) in [
        ("nmi", ours.nmi),
        ("ami", ours.ami),
        ("homogeneity", ours.homogeneity),
        ("completeness", ours.completeness),
        ("v_measure", ours.v_measure),
        ("purity", ours.purity),
    ] {
        close(value, golden[name].as_f64().expect("number"));
    }
    let mut counts = vec![0.0; 12];
    for c in cluster {
        counts[c] += 1.0;
    }
    close(
        clustering::perplexity(counts),
        golden["perplexity"].as_f64().expect("number"),
    );
    let single = clustering::agreement(&[1, 1, 1], &[0, 0, 0]).expect("equal length");
    assert_eq!((single.nmi, single.homogeneity, single.completeness), (1.0, 1.0, 1.0));
    let lumped = clustering::agreement(&[0, 1, 2], &[0, 0, 0]).expect("equal length");
    assert_eq!((lumped.nmi, lumped.homogeneity, lumped.completeness), (0.0, 0.0, 1.0));
}

#[test]
fn retrieval_agrees_with_scikit_learn() {
    let golden = &golden()["retrieval"];
    let ours = retrieval::retrieval(
        &bools(&golden["wanted"]),
        &bools(&golden["flagged"]),
        &floats(&golden["scores"]),
    )
    .expect("equal length");
    for (name, value) in [
        ("precision", ours.precision),
        ("recall", ours.recall),
        ("average_precision", ours.average_precision),
    ] {
        close(value.expect("defined"), golden[name].as_f64().expect("number"));
    }
}

#[test]
fn bca_agrees_with_scipy() {
    let all = golden();
    let golden = &all["bca"];
    let estimate = golden["estimate"].as_f64().expect("number");
    let mut distribution = floats(&golden["distribution"]);
    let interval = bca(estimate, &mut distribution, &floats(&golden["left_out"]), 0.95);
    close(interval.low, golden["low"].as_f64().expect("number"));
    close(interval.high, golden["high"].as_f64().expect("number"));

    // With resamples of our own the ends agree up to the noise of 9,999 resamples.
    let sample = floats(&golden["sample"]);
    let rows = Contributions::new(sample.len(), 3, None, |i, sink| {
        sink(0, 1.0);
        sink(1, sample[i]);
        sink(2, sample[i] * sample[i]);
    });
    let variance = |sums: &[f64]| sums[2] / sums[0] - (sums[1] / sums[0]).powi(2);
    let interval = |rows| Bootstrap::default().interval(rows, variance).expect("not interrupted");
    let near = |ours: Interval, peer: &[f64]| {
        let width = peer[1] - peer[0];
        assert!(
            (ours.low - peer[0]).abs() < 0.03 * width && (ours.high - peer[1]).abs() < 0.03 * width,
            "{ours:?} {peer:?}"
        );
    };
    let ours = interval(&rows).expect("40 clusters");
    near(ours, &floats(&golden["full"]));
    assert_eq!(Some(ours), interval(&rows), "same seed, same interval");

    // Many samples go into groups by lot.
    let cube = |i: usize| (i as f64 * 0.618_033_988_749_894_9 % 1.0).powi(3);
    let rows = Contributions::new(40_000, 3, None, |i, sink| {
        sink(0, 1.0);
        sink(1, cube(i));
        sink(2, cube(i) * cube(i));
    });
    assert!(rows.clusters() < 40_000);
    near(interval(&rows).expect("groups"), &floats(&all["bca_many"]));

    let stop = Interrupt::default();
    stop.raise();
    assert!(Bootstrap::hearing(&stop).interval(&rows, variance).is_err());
}

#[test]
fn tests_agree_with_statsmodels() {
    let golden = golden();
    for case in golden["mcnemar"].as_array().expect("list") {
        let (b, c) = (case["b"].as_u64().expect("count"), case["c"].as_u64().expect("count"));
        let first: Vec<bool> = (0..b + c).map(|i| i < b).collect();
        let second: Vec<bool> = first.iter().map(|x| !x).collect();
        let ours = mcnemar(&first, &second).expect("equal length");
        assert_eq!((ours.only_first, ours.only_second), (b, c));
        close(ours.p_exact, case["exact"].as_f64().expect("number"));
        close(ours.chi2, case["chi2"].as_f64().expect("number"));
        close(ours.p_chi2, case["p"].as_f64().expect("number"));
    }
    for (ours, peer) in holm(&floats(&golden["holm"]["p"]))
        .into_iter()
        .zip(floats(&golden["holm"]["adjusted"]))
    {
        close(ours, peer);
    }
    let seeds = &golden["seeds"];
    let summary = OverSeeds::of(&floats(&seeds["values"])).expect("five seeds");
    close(summary.mean, seeds["mean"].as_f64().expect("number"));
    close(summary.sd.expect("several"), seeds["sd"].as_f64().expect("number"));
}

#[test]
fn welch_agrees_with_scipy() {
    let seeds = &golden()["seeds"];
    let (first, second) = (floats(&seeds["values"]), floats(&seeds["other"]));
    let (interval, peer) = (
        seeds::welch(&first, &second, 0.95).expect("several"),
        floats(&seeds["welch"]),
    );
    close(interval.low, peer[0]);
    close(interval.high, peer[1]);
    assert_eq!(seeds::welch(&first, &[0.8], 0.95), None);
}

#[test]
fn distributions_agree_with_scipy() {
    let golden = &golden()["special"];
    let each = |name: &str, check: &dyn Fn(&[f64])| {
        for case in golden[name].as_array().expect("list") {
            check(&floats(case));
        }
    };
    each("normal_quantile", &|c| close(normal_quantile(c[0]), c[1]));
    each("normal_cdf", &|c| close(normal_cdf(c[0]) / c[1], 1.0));
    each("chi2", &|c| close(chi2_1_upper(c[0]) / c[1], 1.0));
    each("t", &|c| close(t_quantile(0.975, c[0]), c[1]));
    each("binomial", &|c| {
        close(binomial_half_cdf(c[0] as u64, c[1] as u64) / c[2], 1.0);
    });
}

#[test]
fn convergence_is_the_first_epoch_within_a_tenth_of_a_point() {
    let curve = [(1, 0.5), (2, 0.898), (3, 0.899), (4, 0.9), (5, 0.9)];
    assert_eq!(seeds::convergence_epoch(&curve), Some(3));
    assert_eq!(seeds::convergence_epoch(&[]), None);
    assert_eq!(OverSeeds::of(&[0.5]).expect("one").sd, None);
}

#[test]
fn subjects_widen_the_interval() {
    // Ten people, all frames of a person alike: ten independent observations, not four hundred.
    let labels: Vec<usize> = (0..400).map(|i| i % 2).collect();
    let data: Vec<f32> = (0..400)
        .flat_map(|i| {
            let right = (i / 40) % 3 != 0;
            let class = if right { i % 2 } else { 1 - i % 2 };
            [f32::from(class == 0), f32::from(class == 1)]
        })
        .collect();
    let subjects: Vec<Option<String>> = (0..400).map(|i| Some(format!("S{}", i / 40))).collect();
    let (targets, outputs) = (classes(2, &labels), scores(400, data));
    let width = |subjects| {
        let options = Options {
            subjects,
            ..Options::default()
        };
        let interval = evaluate::evaluate(&targets, &outputs, &options).expect("shapes fit")[0]
            .interval
            .expect("primary");
        interval.high - interval.low
    };
    assert!(width(Some(&subjects[..])) > 3.0 * width(None));
}

#[test]
fn a_real_difference_is_found_and_none_is_not() {
    let labels: Vec<usize> = (0..600).map(|i| (i * 7) % 3).collect();
    let answer = |wrong: &dyn Fn(usize) -> bool| {
        let mut data = vec![0.0_f32; 1800];
        for (i, &label) in labels.iter().enumerate() {
            data[i * 3 + if wrong(i) { (label + 1) % 3 } else { label }] = 1.0;
        }
        scores(600, data)
    };
    let targets = classes(3, &labels);
    let (good, bad) = (answer(&|i| i % 10 == 0), answer(&|i| i % 5 == 0));
    for metric in ["acc", "f1_macro", "balanced_acc"] {
        let difference = paired(metric, &targets, &bad, &good).expect("shapes fit");
        assert!(
            difference.p < 0.001 && difference.interval.expect("many samples").low > 0.0,
            "{metric}: {difference:?}"
        );
        let same = paired(metric, &targets, &bad, &bad).expect("shapes fit");
        assert_eq!((same.difference, same.p), (0.0, 1.0));
    }
    assert!(paired("ccc_v", &targets, &bad, &good).is_err());
}

#[test]
fn bad_input_is_an_error_not_a_panic() {
    let targets = classes(2, &[0, 1]);
    assert!(evaluated(&targets, &scores(1, vec![1.0, 0.0])).is_err());
    assert!(evaluated(&targets, &scores(2, vec![1.0, 0.0, f32::NAN, 0.0])).is_err());
    let nothing = evaluated(
        &classes(2, &[]),
        &Matrix {
            rows: 0,
            cols: 2,
            data: Vec::new(),
        },
    )
    .expect("no samples is fine");
    assert_eq!((nothing[0].value, nothing[0].n, nothing[0].interval), (0.0, 0, None));
    let short = [Some("a".to_owned())];
    let options = Options {
        subjects: Some(&short),
        ..Options::default()
    };
    assert!(evaluate::evaluate(&targets, &scores(2, vec![1.0, 0.0, 0.0, 1.0]), &options).is_err());
}

#[test]
fn every_metric_of_every_task_is_registered() {
    for (task, names) in [
        (Task::Expression, vec!["Surprise".to_owned(), "Fear".to_owned()]),
        (Task::ValenceArousal, vec!["valence".to_owned(), "arousal".to_owned()]),
        (Task::ActionUnits, vec!["au01".to_owned(), "au12".to_owned()]),
    ] {
        let all = Measure::all(task, &names);
        assert_eq!(all[0].0, task.primary_metric());
        for (name, _) in all {
            assert_eq!(info(&name).and_then(|i| i.task), Some(task), "{name}");
        }
    }
    assert_eq!(info("nonsense"), None);
    assert_eq!(info("rmse_v").and_then(|i| i.higher_is_better), Some(false));
}

proptest! {
    #[test]
    fn classification_measures_are_bounded_and_blind_to_order(
        pairs in prop::collection::vec((0..4_usize, 0..4_usize), 1..60),
        rotation in 0..60_usize,
    ) {
        let measure = |pairs: &[(usize, usize)]| {
            let mut counts = [0.0; 16];
            for (label, prediction) in pairs {
                counts[label * 4 + prediction] += 1.0;
            }
            let c = expression::Confusion::from_counts(4, &counts);
            [c.accuracy(), c.balanced_accuracy(), c.f1_macro()]
        };
        let before = measure(&pairs);
        let mut turned = pairs.clone();
        turned.rotate_left(rotation % pairs.len());
        prop_assert!(same(&before, &measure(&turned)));
        prop_assert!(before.iter().all(|v| (0.0..=1.0).contains(v)));
        let perfect: Vec<_> = pairs.iter().map(|&(label, _)| (label, label)).collect();
        prop_assert!(same(&measure(&perfect), &[1.0; 3]));
    }

    #[test]
    fn ccc_is_symmetric_bounded_and_below_pcc(
        pairs in prop::collection::vec((-1.0..1.0_f64, -1.0..1.0_f64), 2..50),
        shift in -3.0..3.0_f64,
    ) {
        let (x, y): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let a = agreement(&x, &y);
        let b = agreement(&y, &x);
        prop_assert!((a.ccc - b.ccc).abs() < 1e-12 && (a.pcc - b.pcc).abs() < 1e-12);
        prop_assert!(a.ccc.abs() <= a.pcc.abs() + 1e-12 && a.pcc.abs() <= 1.0);
        let same = agreement(&x, &x);
        prop_assert!(same.degenerate || (same.ccc - 1.0).abs() < 1e-12);
        // A common shift changes nothing.
        let moved = |v: &[f64]| v.iter().map(|u| u + shift).collect::<Vec<_>>();
        let c = agreement(&moved(&x), &moved(&y));
        prop_assert!((a.ccc - c.ccc).abs() < 1e-9);
    }

    #[test]
    fn clusterings_are_bounded_and_blind_to_names(
        pairs in prop::collection::vec((0..5_u8, 0..5_u8), 1..60),
    ) {
        let (labels, clusters): (Vec<u8>, Vec<u8>) = pairs.into_iter().unzip();
        let a = clustering::agreement(&labels, &clusters).expect("equal length");
        let renamed: Vec<u8> = clusters.iter().map(|c| 9 - c).collect();
        let b = clustering::agreement(&labels, &renamed).expect("equal length");
        let swapped = clustering::agreement(&clusters, &labels).expect("equal length");
        prop_assert!((a.nmi - b.nmi).abs() < 1e-12 && (a.nmi - swapped.nmi).abs() < 1e-12);
        prop_assert!((a.ami - b.ami).abs() < 1e-9 && (a.ami - swapped.ami).abs() < 1e-9 && a.ami <= 1.0 + 1e-9);
        prop_assert!((a.homogeneity - swapped.completeness).abs() < 1e-12);
        for v in [a.nmi, a.homogeneity, a.completeness, a.v_measure, a.purity] {
            prop_assert!((0.0..=1.0).contains(&v));
        }
        let own = clustering::agreement(&labels, &labels).expect("equal length");
        prop_assert!((own.nmi - 1.0).abs() < 1e-9 && (own.purity - 1.0).abs() < 1e-12);
    }

    #[test]
    fn wilson_holds_the_share_and_stays_in_bounds(n in 1..5000_u64, share in 0.0..=1.0_f64) {
        let k = (share * n as f64).round() as u64;
        let interval = wilson(k, n, 0.95).expect("n > 0");
        prop_assert!(interval.contains(k as f64 / n as f64));
        prop_assert!(interval.low >= 0.0 && interval.high <= 1.0);
    }

    #[test]
    fn holm_never_lowers_a_p_value(p in prop::collection::vec(0.0..=1.0_f64, 0..12)) {
        for (raw, adjusted) in p.iter().zip(holm(&p)) {
            prop_assert!(adjusted >= *raw && adjusted <= 1.0);
        }
    }
}

#[test]
fn every_class_has_metrics_of_its_own() {
    let names = |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    for (classes, keys) in [
        (&["Anger", "joy"] as &[&str], &["anger", "joy"] as &[&str]),
        (&["very happy", "very_happy"], &["very_happy_2", "very_happy"]),
        (
            &["very happy", "very-happy", "very_happy_2"],
            &["very_happy", "very_happy_3", "very_happy_2"],
        ),
        (
            &["macro", "avg", "au12", "au123"],
            &["class_macro", "class_avg", "class_au12", "au123"],
        ),
        (&["!", "?", "\u{1f600}"], &["class_0", "class_1", "class_2"]),
        (&["\u{c4}rger", "A\u{308}rger 2"], &["\u{e4}rger", "\u{e4}rger_2"]),
        (&["None", "NA"], &["none", "na"]),
    ] {
        assert_eq!(super::tally::class_keys(&names(classes)), keys);
    }
}

proptest! {
    #[test]
    fn metric_names_are_one_to_one_with_classes(names in proptest::collection::btree_set("\\PC{0,4}|macro|avg|au0?1|a[ _-]b", 0..12)) {
        let names: Vec<String> = names.into_iter().collect();
        let all = Measure::all(Task::Expression, &names);
        let distinct: std::collections::BTreeSet<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        prop_assert_eq!(distinct.len(), 3 + 2 * names.len());
        for (name, _) in &all {
            prop_assert_eq!(info(name).and_then(|info| info.task), Some(Task::Expression), "{}", name);
        }
    }
}
