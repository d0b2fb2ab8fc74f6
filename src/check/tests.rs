//! Whole checks: on drawn runs, for the rate of false alarms; on trained ones, for the verdicts on runs degraded on purpose.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};

use crate::disk::parquet;
use crate::fitting::config::FittingConfig;
use crate::interrupt::Interrupt;
use crate::metric::Bootstrap;
use crate::metric::evaluate;
use crate::metric::tally::Tally;
use crate::model::ModelConfig;
use crate::model::loss::config::LossConfig;
use crate::progress::Progress;
use crate::record::Origin;
use crate::run::manifest::Manifest;
use crate::sets::{Matrix, SplitSets};
use crate::task::{Targets, Task};
use crate::train::setup::{Method, Setup};
use crate::train::synth::planted;
use crate::train::{Sampling, Seeds, Selection, TrainConfig};

use super::answers::{FoldPredictions, Predictions};
use super::baseline::{Baseline, SaveOptions};
use super::compare::{CompareOptions, compare};
use super::expect::ExpectConfig;
use super::facts::Facts;
use super::judge::{CheckOptions, RunReport, check};
use super::names::{CLASSES_WITHOUT_ARCHETYPE, NOT_FINITE, RESETS_AFTER_WARMUP};
use super::verdict::Verdict;

const CLASSES: usize = 5;

fn judge(run: &Facts, baseline: Baseline, resamples: usize) -> RunReport {
    let options = CheckOptions {
        baseline: Some(baseline),
        bootstrap: Bootstrap {
            resamples,
            ..Bootstrap::default()
        },
        ..CheckOptions::default()
    };
    let runs = std::slice::from_ref(run);
    check(runs, &options, |_| Ok(None)).unwrap().runs.remove(0)
}

fn baseline(run: &Facts) -> Baseline {
    Baseline::of(run, &ExpectConfig::default(), &SaveOptions::default()).unwrap()
}

fn verdict(report: &RunReport, metric: &str) -> Verdict {
    let found = report.findings.iter().find(|finding| finding.metric == metric);
    found.unwrap_or_else(|| panic!("no {metric} in {report:?}")).verdict
}

/// A test set: how hard each sample is.
struct Test {
    targets: Targets,
    hardness: Vec<f64>,
}

impl Test {
    fn new(n: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let hard = Normal::new(0.0, 1.0).unwrap();
        let labels: Vec<usize> = (0..n).map(|_| rng.random_range(0..CLASSES)).collect();
        Self {
            targets: Targets {
                task: Task::Expression,
                names: (0..CLASSES).map(|c| format!("c{c}")).collect(),
                values: labels
                    .iter()
                    .flat_map(|&label| (0..CLASSES).map(move |c| f32::from(u8::from(c == label))))
                    .collect(),
                known: vec![true; n * CLASSES],
            },
            hardness: (0..n).map(|_| hard.sample(&mut rng)).collect(),
        }
    }

    /// A run whose seeds differ in skill (standard deviation 0.1) and in luck with every sample.
    fn run(&self, rng: &mut ChaCha8Rng, skill: f64, seeds: usize) -> Facts {
        let n = self.hardness.len();
        let (by_seed, luck) = (Normal::new(skill, 0.1).unwrap(), Normal::new(0.0, 0.7).unwrap());
        let size = Normal::new(98.0, 2.0).unwrap();
        let mut values: BTreeMap<String, BTreeMap<i64, f64>> = BTreeMap::new();
        let mut structure: BTreeMap<String, BTreeMap<i64, f64>> = BTreeMap::new();
        let mut outputs = BTreeMap::new();
        for seed in 0..seeds as i64 {
            let skill = by_seed.sample(rng);
            let mut data = vec![0.0_f32; n * CLASSES];
            for i in 0..n {
                let label = self.targets.class(i).unwrap();
                let right = skill + luck.sample(rng) > self.hardness[i];
                let wrong = (label + rng.random_range(1..CLASSES)) % CLASSES;
                data[i * CLASSES + if right { label } else { wrong }] = 1.0;
            }
            let matrix = Matrix {
                rows: n,
                cols: CLASSES,
                data,
            };
            for value in evaluate::values(&Tally::new(&self.targets, &matrix).unwrap()) {
                values.entry(value.name).or_default().insert(seed, value.value);
            }
            let k: f64 = size.sample(rng);
            values.entry("k_stable".to_owned()).or_default().insert(seed, k.round());
            for fact in [CLASSES_WITHOUT_ARCHETYPE, RESETS_AFTER_WARMUP, NOT_FINITE] {
                structure.entry(fact.to_owned()).or_default().insert(seed, 0.0);
            }
            outputs.insert(seed, matrix);
        }
        Facts {
            place: "run".to_owned(),
            path: PathBuf::from("drawn"),
            manifest: Manifest {
                run: "drawn".to_owned(),
                task: "expression".to_owned(),
                classes: self.targets.names.clone(),
                seeds: (0..seeds as i64).collect(),
                ..Manifest::default()
            },
            task: Task::Expression,
            settings: BTreeMap::new(),
            values,
            structure,
            cost: BTreeMap::new(),
            expect: ExpectConfig::default(),
            standings: Vec::new(),
            elsewhere: BTreeMap::new(),
            predictions: Predictions {
                folds: BTreeMap::from([(
                    None,
                    FoldPredictions {
                        sample_ids: (0..n).map(|i| format!("s{i:05}")).collect(),
                        subjects: Vec::new(),
                        targets: self.targets.clone(),
                        outputs,
                    },
                )]),
            },
        }
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "the rate is what the test is for")]
fn an_unchanged_recipe_with_other_seeds_fails_at_most_at_the_stated_rate() {
    let test = Test::new(300);
    let mut rng = ChaCha8Rng::seed_from_u64(17);
    let mut rate = |trials: usize, before: usize, after: usize, skill: f64, samples: bool| {
        let failed = (0..trials).filter(|_| {
            let mut reference = baseline(&test.run(&mut rng, 0.9, before));
            if !samples {
                reference.answers = None;
            }
            judge(&test.run(&mut rng, skill, after), reference, 99).failed
        });
        let share = failed.count() as f64 / trials as f64;
        println!("{trials} checks, {before} seeds against {after}, skill {skill}, by samples {samples}: {share} fail");
        share
    };
    // 5 % are stated; three standard errors of 300 trials are 3.8 %.
    for (before, after) in [(3, 3), (5, 5), (5, 1)] {
        assert!(rate(300, before, after, 0.9, false) < 0.088);
    }
    assert!(rate(60, 5, 5, 0.9, true) <= 0.10);
    // Power: a loss of about a dozen points is seen nearly always.
    assert!(rate(40, 5, 5, 0.4, true) > 0.9);
}

#[test]
fn a_saved_baseline_passes_the_run_that_it_was_saved_from() {
    let test = Test::new(300);
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let (first, second) = (test.run(&mut rng, 0.9, 3), test.run(&mut rng, 0.9, 3));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("base.toml");
    // Rules that somebody edited: a dictionary of other size, a wider tolerance, a lower bound that still holds.
    let mut edited = baseline(&first);
    let k_stable = edited.metrics.get_mut("k_stable").unwrap();
    (k_stable.min, k_stable.max) = (Some(41.0), Some(51.0));
    let acc = edited.metrics.get_mut("acc").unwrap();
    (acc.tolerance, acc.min) = (0.25, Some(0.1));
    edited.save(&path, false).unwrap();

    let saved = baseline(&second).save(&path, false).unwrap();
    assert_eq!(saved.notes.len(), 1, "{:?}", saved.notes);
    assert!(saved.notes[0].starts_with("k_stable: "), "{:?}", saved.notes);
    let there = Baseline::read(&path).unwrap();
    assert_eq!(
        (there.metrics["acc"].tolerance, there.metrics["acc"].min),
        (0.25, Some(0.1))
    );
    assert!(!judge(&second, there, 99).failed);

    // Rules of another protocol were made for other numbers.
    let mut other = second.clone();
    other.manifest.protocol_digest = "another".to_owned();
    let saved = baseline(&other).save(&path, false).unwrap();
    assert!(saved.notes[0].contains("another protocol"), "{:?}", saved.notes);
    let there = Baseline::read(&path).unwrap();
    assert_eq!(there.metrics, baseline(&other).metrics);
}

#[test]
fn comparisons_find_the_better_run_and_leave_equals_undecided() {
    let test = Test::new(300);
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut runs: Vec<Facts> = [0.9, 0.9, 0.3].iter().map(|&s| test.run(&mut rng, s, 4)).collect();
    let options = CompareOptions {
        metrics: Vec::new(),
        force: false,
        bootstrap: Bootstrap {
            resamples: 399,
            ..Bootstrap::default()
        },
    };
    let comparison = compare(&runs, &options).unwrap();
    let acc = &comparison.metrics[0];
    assert_eq!(
        (acc.metric.as_str(), acc.not_told_from_best.clone()),
        ("acc", vec![0, 1])
    );
    let pair = |a, b| {
        let mut pairs = comparison.pairs.iter();
        pairs
            .find(|p| p.metric == "acc" && (p.first, p.second) == (a, b))
            .unwrap()
    };
    assert!(!pair(0, 1).significant && pair(0, 2).significant && pair(1, 2).significant);
    for pair in &comparison.pairs {
        assert!(
            pair.p_holm >= pair.p,
            "a correction never makes a difference more certain"
        );
    }
    let mcnemar = pair(0, 2).mcnemar.as_ref().unwrap();
    assert!(mcnemar.only_first > mcnemar.only_second && mcnemar.p_holm < 0.05);

    runs[1].settings = BTreeMap::from([("protocol.selection".to_owned(), "best_on_test".to_owned())]);
    runs[1].manifest.protocol_digest = "other".to_owned();
    let refused = compare(&runs, &options).unwrap_err();
    assert_eq!(refused.exit_code(), 2);
    assert!(
        refused
            .to_string()
            .contains("protocol.selection: — in drawn, best_on_test in drawn"),
        "{refused}"
    );
    let forced = compare(&runs, &CompareOptions { force: true, ..options }).unwrap();
    assert!(!forced.comparable && forced.forced);
    assert!(forced.to_text().starts_with("NOT COMPARABLE") && forced.to_markdown().contains("NOT COMPARABLE"));
    assert!(!forced.to_text().contains('▲'), "nothing is ranked");
}

/// Trains a small model on `sets` for each seed and writes a run folder as the chain does.
fn trained(folder: &Path, sets: &SplitSets, seeds: &[u64]) -> Facts {
    let mut model = ModelConfig {
        k_max: 24,
        width: 24,
        hidden: 48,
        ..ModelConfig::default()
    };
    model.reset.warmup = 6;
    model.reset.interval = 3;
    let setup = Setup {
        task: Task::Expression,
        method: Method::Paper,
        model,
        loss: LossConfig::default(),
        train: TrainConfig {
            epochs: 16,
            batch: Some(100),
            lr: 4e-3,
            ..TrainConfig::default()
        },
        selection: Selection::Last,
        sampling: Sampling::Plain,
        fitting: FittingConfig::default(),
    };
    let mut names = Vec::new();
    let (device, interrupt) = (Device::flex(), Interrupt::default());
    let trainer = Seeds::new(sets, &setup, &device, Progress::hidden(), &interrupt);
    for &seed in seeds {
        let here = folder.join(format!("seed-{seed}"));
        let outcome = trainer.train(seed, &here).unwrap();
        parquet::write(&here.join("metrics.parquet"), &outcome.metrics, &Origin::default()).unwrap();
        parquet::write(
            &here.join("predictions.parquet"),
            &outcome.predictions,
            &Origin::default(),
        )
        .unwrap();
        parquet::write(
            &here.join("archetypes.parquet"),
            &outcome.archetypes,
            &Origin::default(),
        )
        .unwrap();
        parquet::write(&here.join("resets.parquet"), &outcome.resets, &Origin::default()).unwrap();
        names.clone_from(&sets.train.targets.names);
    }
    std::fs::write(folder.join("recipe.toml"), "[model.reset]\nwarmup = 6\n").unwrap();
    Manifest {
        schema: 1,
        run: folder.file_name().unwrap().to_string_lossy().into_owned(),
        task: "expression".to_owned(),
        classes: names,
        seeds: seeds.iter().map(|&seed| seed as i64).collect(),
        ..Manifest::default()
    }
    .write(folder)
    .unwrap();
    Facts::one(folder).unwrap()
}

fn noisy(sets: &SplitSets, sd: f32) -> SplitSets {
    let mut rng = ChaCha8Rng::seed_from_u64(23);
    let noise = Normal::new(0.0_f32, sd).unwrap();
    let mut sets = sets.clone();
    for set in [&mut sets.train, &mut sets.test] {
        let mut values = set.global.all().unwrap();
        for value in &mut values.data {
            *value += noise.sample(&mut rng);
        }
        set.global = values.into();
    }
    sets
}

fn without_class(sets: &SplitSets, lost: usize) -> SplitSets {
    let train = &sets.train;
    let mut sets = sets.clone();
    let kept: Vec<usize> = (0..train.len())
        .filter(|&i| train.targets.class(i) != Some(lost))
        .collect();
    sets.train.sample_ids = kept.iter().map(|&i| train.sample_ids[i].clone()).collect();
    sets.train.subjects = kept.iter().map(|&i| train.subjects[i].clone()).collect();
    sets.train.global = train.global.select(&kept);
    sets.train.tokens = None;
    sets.train.targets = train.targets.select(&kept);
    sets.test.tokens = None;
    sets
}

#[test]
fn runs_degraded_on_purpose_get_the_verdict_of_a_careful_reviewer() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let sets = planted(Task::Expression, 700, 300, 32, 1).sets;
    let good = trained(&at("good"), &sets, &[0, 1, 2, 3]);
    let reference = baseline(&good);
    assert!(reference.metrics["acc"].mean > 0.7, "{:?}", reference.metrics["acc"]);
    assert_eq!(reference.metrics[CLASSES_WITHOUT_ARCHETYPE].max, Some(0.0));

    let again = judge(&good, reference.clone(), 199);
    assert!(!again.failed, "{again:?}");
    assert!(
        again.notes.iter().any(|note| note.contains("bit by bit")),
        "{:?}",
        again.notes
    );

    let other = judge(&trained(&at("other"), &sets, &[7, 8]), reference.clone(), 199);
    assert!(!other.failed, "other seeds: {other:?}");

    let noise = judge(
        &trained(&at("noise"), &noisy(&sets, 6.0), &[0, 1]),
        reference.clone(),
        199,
    );
    assert_eq!(verdict(&noise, "acc"), Verdict::Regressed, "{noise:?}");

    let lost = judge(
        &trained(&at("lost"), &without_class(&sets, 2), &[0, 1]),
        reference.clone(),
        199,
    );
    assert_eq!(
        verdict(&lost, CLASSES_WITHOUT_ARCHETYPE),
        Verdict::Regressed,
        "{lost:?}"
    );
    assert_eq!(verdict(&lost, "acc"), Verdict::Regressed, "{lost:?}");
    assert_eq!(verdict(&lost, "f1_macro"), Verdict::Regressed, "{lost:?}");

    let elsewhere = planted(Task::Expression, 700, 300, 32, 2).sets;
    let split = judge(&trained(&at("split"), &elsewhere, &[0]), reference.clone(), 199);
    assert_eq!(verdict(&split, "acc"), Verdict::NotComparable);
    assert!(split.failed);

    // A seed that is not whole: its numbers are missing, not averaged over the others.
    std::fs::remove_file(at("good").join("seed-1").join("metrics.parquet")).unwrap();
    let broken = judge(&Facts::one(&at("good")).unwrap(), reference, 199);
    assert_eq!(verdict(&broken, "acc"), Verdict::Missing);
    assert!(broken.failed);
}
