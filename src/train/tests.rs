//! Whole runs on drawn features: what is learned, what is reported, and that a stopped run ends as an unbroken one.

use std::path::Path;

use burn::tensor::Device;

use crate::error::{Context, Error, Result};
use crate::fitting::config::FittingConfig;
use crate::interrupt::Interrupt;
use crate::metric::{self, evaluate};
use crate::model::loss::config::LossConfig;
use crate::model::math::{Purpose, host, stream};
use crate::model::{ModelConfig, kmeans};
use crate::progress::Progress;
use crate::record::MetricRow;
use crate::sets::{FeatureSet, Matrix, SplitSets};
use crate::task::Task;

use super::checkpoint::{self, Loaded};
use super::config::Schedule;
use super::departure;
use super::setup::{Method, SeedOutcome, Setup};
use super::synth::{Planted, nmi, planted};
use super::{Seeds, Selection, TrainConfig, Trained};
use crate::model::standardise::Standardiser;
mod flows;

fn small(task: Task) -> Setup {
    let mut model = ModelConfig {
        k_max: 40,
        width: 32,
        hidden: 64,
        ..ModelConfig::default()
    };
    model.reset.warmup = 12;
    model.reset.interval = 3;
    Setup {
        task,
        method: Method::Paper,
        model,
        loss: LossConfig::default(),
        train: TrainConfig {
            epochs: 20,
            batch: Some(100),
            lr: 2e-3,
            schedule: Schedule::Cosine,
            checkpoint_every: 7,
            ..TrainConfig::default()
        },
        selection: Selection::Last,
        sampling: crate::train::config::Sampling::Plain,
        fitting: FittingConfig::default(),
    }
}

fn train(sets: &SplitSets, setup: &Setup, folder: &Path) -> Result<SeedOutcome> {
    let device = Device::flex();
    Seeds::new(sets, setup, &device, Progress::hidden(), &Interrupt::default()).train(0, folder)
}

fn last(outcome: &SeedOutcome, split: &str, metric: &str) -> f64 {
    let is = |m: &&MetricRow| m.method == "aura" && m.split == split && m.metric == metric && m.epoch.is_none();
    outcome.metrics.iter().find(is).map_or(f64::NAN, |m| m.value)
}

fn last_of(outcome: &SeedOutcome, method: &str, metric: &str) -> f64 {
    let is = |m: &&MetricRow| m.method == method && m.metric == metric && m.epoch.is_none();
    outcome.metrics.iter().find(is).map_or(f64::NAN, |m| m.value)
}

fn folder() -> Result<tempfile::TempDir> {
    tempfile::tempdir().at("create a folder in", &std::env::temp_dir())
}

fn assigned(outcome: &SeedOutcome) -> Vec<usize> {
    let train = outcome.assignments.iter().filter(|a| a.split == "train");
    train.map(|a| a.archetype as usize).collect()
}

/// Standardised unit vectors of the features: what the rivals see.
fn units(planted: &Planted) -> (Vec<Vec<f32>>, Vec<Vec<f32>>) {
    let train = &planted.sets.train.global;
    let (how, stop) = (crate::model::config::Standardise::Global, Interrupt::default());
    let standardiser = Standardiser::fit(train, train.cols(), how, &stop).unwrap();
    let all = |set: &FeatureSet| {
        let mut values = standardiser.narrow(set.global.all().unwrap());
        for row in values.chunks_mut(train.cols()) {
            kmeans::normalise(row);
        }
        values.chunks(train.cols()).map(<[f32]>::to_vec).collect()
    };
    (all(&planted.sets.train), all(&planted.sets.test))
}

/// Accuracy of giving each test sample the label distribution of the centre nearest to it.
fn by_centres(planted: &Planted, centres: &[Vec<f32>], owners: Option<&[usize]>) -> f64 {
    let (train, test) = units(planted);
    let o = planted.sets.train.targets.outputs();
    let nearest = |x: &Vec<f32>| {
        let cosines: Vec<f32> = centres
            .iter()
            .map(|c| c.iter().zip(x).map(|(a, b)| a * b).sum())
            .collect();
        metric::expression::argmax(&cosines)
    };
    let mut votes = vec![vec![0.0_f32; o]; centres.len()];
    for (row, x) in train.iter().enumerate() {
        let centre = owners.map_or_else(|| nearest(x), |owners| owners[row]);
        for (vote, y) in votes[centre].iter_mut().zip(planted.sets.train.targets.row(row)) {
            *vote += y;
        }
    }
    let outputs: Vec<f32> = test.iter().flat_map(|x| votes[nearest(x)].clone()).collect();
    let targets = &planted.sets.test.targets;
    let outputs = Matrix {
        rows: targets.len(),
        cols: o,
        data: outputs,
    };
    evaluate::primary(targets, &outputs).unwrap_or_default()
}

#[test]
fn expressions_beat_prototypes_and_archetypes_follow_planted_modes() -> Result<()> {
    let planted = planted(Task::Expression, 1200, 400, 48, 1);
    let folder = folder()?;
    let outcome = train(&planted.sets, &small(Task::Expression), folder.path())?;
    let acc = last(&outcome, "test", "acc");

    let (train, _) = units(&planted);
    let classes = planted.sets.train.targets.outputs();
    let labels: Vec<usize> = (0..train.len())
        .filter_map(|i| planted.sets.train.targets.class(i))
        .collect();
    let mut means = vec![vec![0.0_f32; 48]; classes];
    for (x, &label) in train.iter().zip(&labels) {
        for (mean, value) in means[label].iter_mut().zip(x) {
            *mean += value;
        }
    }
    for mean in &mut means {
        kmeans::normalise(mean);
    }
    let class_means = by_centres(&planted, &means, Some(&labels));
    let z = crate::sets::Matrix {
        rows: train.len(),
        cols: 48,
        data: train.concat(),
    };
    let centres = kmeans::spherical(&z, 40, &mut stream(1, Purpose::Dictionary, 0, 0), &Device::flex())?;
    let codebook = by_centres(
        &planted,
        &centres.chunks(48).map(<[f32]>::to_vec).collect::<Vec<_>>(),
        None,
    );
    let knn = by_centres(&planted, &train, Some(&(0..train.len()).collect::<Vec<_>>()));
    assert!(
        acc > class_means + 0.05 && acc > codebook + 0.2 && acc > knn + 0.02,
        "aura {acc:.3}, class means {class_means:.3}, k-means {codebook:.3}, nearest neighbour {knn:.3}"
    );

    let archetypes = assigned(&outcome);
    let (mode, person) = (nmi(&archetypes, &planted.modes), nmi(&archetypes, &planted.people));
    assert!(
        mode > 0.5 && mode > 2.0 * person,
        "NMI with modes {mode:.3}, with people {person:.3}"
    );
    let kept = last(&outcome, "all", "k_stable");
    assert!((12.0..=40.0).contains(&kept), "{kept} archetypes are kept");
    assert!(last(&outcome, "all", "matched_share") > 0.99);
    tables_agree(&outcome, &planted);
    Ok(())
}

/// The tables of a seed say the same thing in different words.
fn tables_agree(outcome: &SeedOutcome, planted: &Planted) {
    let kept: Vec<_> = outcome.archetypes.iter().filter(|a| a.active).collect();
    assert!((kept.len() as f64 - last(outcome, "all", "k_stable")).abs() < 0.5);
    assert_eq!(
        kept.iter().map(|a| a.uses).sum::<i64>(),
        planted.sets.train.len() as i64
    );
    assert!(
        outcome
            .archetypes
            .iter()
            .filter(|a| !a.active)
            .all(|a| a.uses == 0 && a.nearest.is_empty())
    );
    for row in &outcome.assignments {
        assert!(outcome.archetypes[row.archetype as usize].active);
        assert_eq!(row.top_archetypes[0], row.archetype);
        assert!(row.top_similarities.is_sorted_by(|a, b| a >= b));
        assert!(row.similarity <= 1.0 + 1e-5);
    }
    let test = outcome
        .predictions
        .iter()
        .filter(|p| p.method == "aura" && p.split == "test");
    let right: Vec<bool> = test.filter_map(|p| p.correct).collect();
    let share = right.iter().filter(|&&r| r).count() as f64 / right.len() as f64;
    assert!((share - last(outcome, "test", "acc")).abs() < 1e-9);
    // The primal read-out is the value of the archetype that the assignment names.
    let first = outcome.assignments.iter().find(|a| a.split == "test");
    let output = outcome
        .predictions
        .iter()
        .find(|p| p.method == "aura" && p.split == "test");
    assert_eq!(
        first.map(|a| outcome.archetypes[a.archetype as usize].value.clone()),
        output.map(|p| p.output.clone())
    );
}

fn bytes(outcome: &SeedOutcome, folder: &Path) -> Result<Vec<u8>> {
    let file = folder.join("model.safetensors");
    outcome.model.save(&file)?;
    std::fs::read(&file).at("read", &file)
}

#[test]
fn a_stopped_run_ends_with_the_same_bytes() -> Result<()> {
    let planted = planted(Task::Expression, 300, 60, 24, 2);
    let mut setup = small(Task::Expression);
    setup.selection = Selection::BestOnTest;
    let (whole, killed, stopped) = (folder()?, folder()?, folder()?);
    let unbroken = train(&planted.sets, &setup, whole.path())?;
    let expected = bytes(&unbroken, whole.path())?;

    // Killed after epoch 14 of 20: what is left is the checkpoint of that epoch.
    let state = "checkpoint/state.safetensors";
    std::fs::create_dir_all(killed.path().join("checkpoint")).at("create", killed.path())?;
    std::fs::copy(whole.path().join(state), killed.path().join(state)).at("copy", killed.path())?;
    let resumed = train(&planted.sets, &setup, killed.path())?;
    assert!(bytes(&resumed, killed.path())? == expected);
    assert_eq!(flows::tables(&resumed), flows::tables(&unbroken));

    // Stopped by Ctrl-C again and again: within epochs, between them, and in what comes after, which each call does anew.
    let device = Device::flex();
    let mut stops = 0;
    let outcome = loop {
        let interrupt = Interrupt::at_look(7 << (stops / 8));
        let seeds = Seeds::new(&planted.sets, &setup, &device, Progress::hidden(), &interrupt);
        let result = seeds.train(0, stopped.path());
        match result {
            Err(Error::Interrupted) => stops += 1,
            other => break other?,
        }
        assert!(stops < 60, "no progress between stops");
    };
    assert!(stops > 5, "only {stops} stops");
    assert!(bytes(&outcome, stopped.path())? == expected, "after {stops} stops");
    assert_eq!(flows::tables(&outcome), flows::tables(&unbroken));
    Ok(())
}

#[test]
fn a_checkpoint_of_other_settings_is_not_used() -> Result<()> {
    let planted = planted(Task::Expression, 120, 40, 12, 3);
    let mut setup = small(Task::Expression);
    setup.train.epochs = 8;
    let (one, two) = (folder()?, folder()?);
    train(&planted.sets, &setup, one.path())?;
    setup.train.lr = 1e-3;
    let after = train(&planted.sets, &setup, one.path())?;
    let clean = train(&planted.sets, &setup, two.path())?;
    assert_eq!(after.metrics, clean.metrics);
    Ok(())
}

#[test]
fn a_model_file_comes_back_and_a_damaged_one_is_refused() -> Result<()> {
    let planted = planted(Task::Expression, 200, 60, 16, 4);
    let mut setup = small(Task::Expression);
    setup.train.epochs = 3;
    let folder = folder()?;
    let outcome = train(&planted.sets, &setup, folder.path())?;
    let content = bytes(&outcome, folder.path())?;
    let file = folder.path().join("model.safetensors");
    let model = Trained::load(&file, &Device::flex())?;
    let z = model.project(&planted.sets.test, &Interrupt::default())?;
    let outputs = model
        .read_outs(&planted.sets.test, &z, &Interrupt::default())?
        .remove(0)
        .1;
    let rows = outcome
        .predictions
        .iter()
        .filter(|p| p.method == "aura" && p.split == "test");
    assert_eq!(outputs, rows.flat_map(|p| p.output.clone()).collect::<Vec<_>>());

    for length in [0, 7, 8, 100, content.len() / 2, content.len() - 1] {
        std::fs::write(&file, &content[..length]).at("write", &file)?;
        assert!(
            Trained::load(&file, &Device::flex()).is_err(),
            "{length} bytes were accepted"
        );
    }
    let mut other = planted.sets.test.clone();
    other.global = crate::sets::Matrix {
        rows: 60,
        cols: 15,
        data: vec![0.0; 900],
    }
    .into();
    assert!(model.project(&other, &Interrupt::default()).is_err());
    Ok(())
}

#[test]
fn a_model_file_from_before_outputs_were_fitted_is_read() -> Result<()> {
    let planted = planted(Task::ValenceArousal, 200, 60, 16, 4);
    let mut setup = small(Task::ValenceArousal);
    setup.train.epochs = 3;
    let folder = folder()?;
    let outcome = train(&planted.sets, &setup, folder.path())?;
    let file = folder.path().join("model.safetensors");
    outcome.model.save(&file)?;
    let loaded = Loaded::read(&file)?;
    let mut description: serde_json::Value = serde_json::from_str(&loaded.json).expect("JSON");
    let fits = description.as_object_mut().and_then(|fields| fields.remove("fits"));
    assert!(fits.is_some(), "{description}");
    let tensors = loaded
        .shapes()
        .map(|(name, dims)| Ok((name.to_owned(), loaded.tensor(name, dims, &Device::flex())?)))
        .collect::<Result<Vec<_>>>()?;
    let old = checkpoint::encode(&tensors, description.to_string(), &file)?;
    std::fs::write(&file, old).at("write", &file)?;

    let model = Trained::load(&file, &Device::flex())?;
    let z = model.project(&planted.sets.test, &Interrupt::default())?;
    let read = |model: &Trained| model.read_outs(&planted.sets.test, &z, &Interrupt::default());
    let fitted = read(&outcome.model)?.remove(0).1;
    let plain = read(&model)?.remove(0).1;
    assert_ne!(plain, fitted, "nothing is stretched without a fit");
    let values = host(model.value.clone())?;
    assert!(
        plain.chunks(2).all(|pair| values.chunks(2).any(|value| value == pair)),
        "every output is an archetype's value as it is"
    );
    Ok(())
}

#[test]
fn impossible_data_are_refused_with_a_reason() -> Result<()> {
    let folder = folder()?;
    let planted = planted(Task::Expression, 50, 20, 12, 5);
    let mut setup = small(Task::Expression);
    setup.selection = Selection::BestOnVal;
    let message = |sets: &SplitSets, setup: &Setup| match train(sets, setup, folder.path()) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    };
    assert!(message(&planted.sets, &setup).contains("best_on_val"));
    setup.selection = Selection::Last;
    let mut broken = planted.sets.clone();
    let mut values = broken.train.global.all()?;
    values.data[13] = f32::NAN;
    broken.train.global = values.into();
    assert!(message(&broken, &setup).contains("train_00001"));
    let mut narrow = planted.sets.clone();
    narrow.test = narrow.test.select(&[]);
    narrow.train = narrow.train.select(&[0]);
    assert!(message(&narrow, &setup).contains("at least 2"));
    setup.model.level = Some(crate::model::config::Level::Patch);
    let mut without = planted.sets.clone();
    without.train.tokens = None;
    assert!(message(&without, &setup).contains("features.tokens"));
    Ok(())
}

#[test]
fn every_alternative_trains() -> Result<()> {
    use crate::model::config::{Among, Init, Level, Pooling, Readout, Routing, Semantic, Standardise, Value};
    use crate::model::loss::config::{Separate, VasForm};
    type Change = fn(&mut Setup);
    let variants: Vec<(Task, Change)> = vec![
        (Task::Expression, |s| s.model.routing = Routing::Strict),
        (Task::Expression, |s| s.model.routing = Routing::Open),
        (Task::Expression, |s| s.model.value = Value::Learned),
        (Task::ActionUnits, |s| s.model.value = Value::Learned),
        (Task::ValenceArousal, |s| s.model.value = Value::Head),
        (Task::ValenceArousal, |s| {
            s.model.value = Value::Learned;
            s.model.init = Init::Stratified;
            s.loss.separate = Separate::Unlike;
        }),
        (Task::Expression, |s| {
            s.model.init = Init::Random;
            s.loss.separate = Separate::Unlike;
            s.sampling = crate::train::config::Sampling::Balanced;
        }),
        (Task::Expression, |s| {
            s.model.init = Init::Stratified;
            s.model.readout = Readout::Mixture;
            s.model.standardise = Standardise::Dimension;
            s.loss.vas = VasForm::Mixture;
        }),
        (Task::ActionUnits, |s| {
            s.model.pooling = Pooling::OutputAttention;
            s.model.contextualization.semantic = Semantic::Patches;
            s.loss.separate = Separate::Unlike;
            s.model.init = Init::Stratified;
        }),
        (Task::ActionUnits, |s| {
            s.model.pooling = Pooling::Mean;
            s.model.contextualization.semantic = Semantic::Outputs;
            s.model.routing = Routing::Open;
        }),
        (Task::Expression, |s| {
            s.model.level = Some(Level::Patch);
            s.model.standardise = Standardise::None;
            s.model.prune.every = 2;
            s.model.reset.warmup = 2;
            s.model.reset.interval = 1;
            s.model.reset.threshold = crate::model::config::Threshold::Share;
            s.loss.vas = VasForm::StraightThrough;
        }),
        (Task::ActionUnits, |s| {
            s.model.contextualization.among = Among::Archetypes;
            s.model.contextualization.semantic = Semantic::Outputs;
            s.model.prune.every = 2;
        }),
        (Task::ValenceArousal, |s| {
            s.model.contextualization.among = Among::Archetypes;
            s.model.routing = Routing::Open;
        }),
        (Task::Expression, |s| {
            s.model.contextualization.enabled = false;
            s.model.assignment_gamma = 0.0;
            s.model.assignment_balance = 0.0;
            s.model.dropout = 0.0;
        }),
    ];
    for (index, (task, change)) in variants.into_iter().enumerate() {
        let planted = planted(task, 160, 60, 12, 6);
        let mut setup = small(task);
        setup.model.k_max = 20;
        setup.model.width = 16;
        setup.model.hidden = 24;
        setup.train.epochs = 6;
        setup.train.batch = Some(20);
        setup.model.contextualization.start_epoch = Some(3);
        change(&mut setup);
        let folder = folder()?;
        let outcome = train(&planted.sets, &setup, folder.path())?;
        let curve: Vec<f64> = outcome
            .metrics
            .iter()
            .filter(|m| m.metric == "loss_vas")
            .map(|m| m.value)
            .collect();
        assert!(curve[curve.len() - 1] < curve[0], "variant {index}: {curve:?}");
    }
    Ok(())
}

/// With attention among archetypes the frozen dictionary is what comes out of it, not the mean directions that joining leaves;
/// before it was ever trained, it has no say.
#[test]
fn attention_among_archetypes_is_frozen_into_the_dictionary() -> Result<()> {
    use crate::model::config::Among;
    let planted = planted(Task::Expression, 400, 200, 24, 3);
    let run = |among: Among, start: usize| -> Result<(f32, f64)> {
        let mut setup = small(Task::Expression);
        setup.model.k_max = 40;
        setup.train.epochs = 12;
        setup.model.contextualization.among = among;
        setup.model.contextualization.start_epoch = Some(start);
        let folder = folder()?;
        let outcome = train(&planted.sets, &setup, folder.path())?;
        let z = outcome.model.project(&planted.sets.train, &Interrupt::default())?;
        let mut farthest = 1.0_f32;
        let nearest = assigned(&outcome);
        for archetype in outcome.archetypes.iter().filter(|archetype| archetype.active) {
            let own = (0..z.rows).filter(|&row| nearest[row] == archetype.archetype as usize);
            let mut mean = own.fold(vec![0.0; z.cols], |sum: Vec<f32>, row| {
                sum.iter().zip(z.row(row)).map(|(a, b)| a + b).collect()
            });
            kmeans::normalise(&mut mean);
            let cosine = archetype.embedding.iter().zip(&mean).map(|(a, b)| a * b).sum();
            farthest = farthest.min(cosine);
        }
        let file = folder.path().join("model.safetensors");
        outcome.model.save(&file)?;
        let said = |model: &Trained| model.of_archetypes(&z, &Interrupt::default());
        assert_eq!(said(&outcome.model)?, said(&Trained::load(&file, &Device::flex())?)?);
        assert!(last(&outcome, "all", "gflops_contextualization") > 0.0);
        Ok((farthest, last(&outcome, "test", "acc")))
    };
    let (mean, plain) = run(Among::Sample, 3)?;
    let (moved, frozen) = run(Among::Archetypes, 3)?;
    let (untrained, _) = run(Among::Archetypes, 13)?;
    assert!(mean > 0.999 && untrained > 0.999, "{mean} {untrained}");
    assert!(moved < 0.999, "{moved}");
    assert!(frozen > plain - 0.1 && frozen > 0.4, "{frozen} against {plain}");
    Ok(())
}

#[test]
fn the_number_of_archetypes_does_not_follow_k_max() -> Result<()> {
    let planted = planted(Task::Expression, 800, 200, 48, 2);
    let folder = folder()?;
    let run = |k_max: usize| -> Result<(f64, f64, f64)> {
        let mut setup = small(Task::Expression);
        setup.model.k_max = k_max;
        setup.model.contextualization.enabled = false;
        setup.train.epochs = 12;
        let outcome = train(&planted.sets, &setup, &folder.path().join(k_max.to_string()))?;
        let all = |metric| last(&outcome, "all", metric);
        assert!(all("matched_share") >= 0.99, "{}", all("matched_share"));
        Ok((all("k_before_merge"), all("k_stable"), last(&outcome, "test", "acc")))
    };
    let (few, many) = (run(50)?, run(150)?);
    assert!(many.0 > 1.5 * few.0, "{few:?} {many:?}");
    let (least, most) = (few.1.min(many.1), few.1.max(many.1));
    assert!(most <= 1.25 * least && least >= 5.0, "{few:?} {many:?}");
    assert!((few.2 - many.2).abs() < 0.1, "{few:?} {many:?}");
    Ok(())
}

#[test]
fn scores_and_action_units_beat_the_nearest_neighbour_without_collapse() -> Result<()> {
    for task in [Task::ValenceArousal, Task::ActionUnits] {
        let planted = planted(task, 1200, 400, 48, 7);
        let folder = folder()?;
        let mut setup = small(task);
        // The neighbours see the global vectors: so must the model. Labels that are not exclusive need longer.
        setup.model.level = Some(crate::model::config::Level::Global);
        setup.model.reset.warmup = 28;
        setup.train.epochs = 40;
        let outcome = train(&planted.sets, &setup, folder.path())?;
        let metric = last(&outcome, "test", task.primary_metric());
        let (neighbours, _) = units(&planted);
        let knn = by_centres(&planted, &neighbours, Some(&(0..neighbours.len()).collect::<Vec<_>>()));
        assert!(
            metric > knn + 0.02,
            "{task:?}: aura {metric:.3}, nearest neighbour {knn:.3}"
        );
        let kept = last(&outcome, "all", "k_stable_at_0.005");
        assert!(
            kept >= 12.0,
            "{task:?}: {kept} of 40 archetypes have half a percent of the samples"
        );
        assert!(last(&outcome, "all", "matched_share") > 0.95, "{task:?}");
        let fits = |method: &str| {
            let of = outcome
                .metrics
                .iter()
                .filter(|m| m.method == method && m.split == "all");
            of.filter(|m| m.metric.starts_with("fit_") && m.value.is_finite())
                .count()
        };
        let numbers = planted.sets.train.targets.outputs() * if task == Task::ValenceArousal { 2 } else { 1 };
        assert_eq!((fits("aura"), fits("aura_mixture")), (numbers, numbers), "{task:?}");
    }
    Ok(())
}

/// Every read-out is fitted on parts that its model has not seen; what the parts' models said is found again by the next call,
/// and the model file gives back what it said.
#[test]
fn read_outs_are_fitted_on_held_out_parts() -> Result<()> {
    let planted = planted(Task::ValenceArousal, 200, 60, 16, 4);
    let mut setup = small(Task::ValenceArousal);
    setup.method = Method::Tuned;
    setup.train.epochs = 3;
    setup.fitting.folds = 3;
    let folder = folder()?;
    let outcome = train(&planted.sets, &setup, folder.path())?;
    for method in ["aura", "aura_mixture", "aura_tuned"] {
        let has = |metric: &str| {
            outcome
                .metrics
                .iter()
                .any(|row| row.method == method && row.metric == metric)
        };
        assert!(
            has("held_out_ccc_va") && has("fit_factor_v") && has("ccc_va"),
            "{method}"
        );
    }
    // Three models of two thirds and one of all, three epochs each.
    assert_eq!(outcome.trained_on, 3 * (3 * 200 - 200) + 3 * 200);

    let said = folder.path().join("checkpoint/part-2/read-outs.safetensors");
    let before = std::fs::read(&said).at("read", &said)?;
    let again = train(&planted.sets, &setup, folder.path())?;
    assert_eq!(outcome.predictions, again.predictions);
    assert_eq!(std::fs::read(&said).at("read", &said)?, before);

    let file = folder.path().join("model.safetensors");
    outcome.model.save(&file)?;
    let model = Trained::load(&file, &Device::flex())?;
    let test = &planted.sets.test;
    let z = model.project(test, &Interrupt::default())?;
    let read = |model: &Trained| model.read_outs(test, &z, &Interrupt::default());
    assert_eq!(read(&model)?, read(&outcome.model)?);
    // A strength says how much of the archetypes' own say is added to the regression.
    let departure = model.departure.as_ref().expect("tuned");
    assert_eq!(
        departure.strength.to_bits(),
        last_of(&outcome, "aura_tuned", "setting_strength").to_bits()
    );
    assert!(departure::STRENGTHS.contains(&departure.strength));
    let at = model.departures(departure, &[0.0, 0.5, 1.0], test, &z, &Interrupt::default())?;
    let all = at[0].iter().zip(&at[1]).zip(&at[2]);
    let inside = all.filter(|((none, half), whole)| [**none, **half, **whole].iter().all(|v| v.abs() < 1.0));
    let mut differ = false;
    for ((none, half), whole) in inside {
        assert!((0.5 * (none + whole) - half).abs() < 1e-5);
        differ |= (whole - none).abs() > 1e-3;
    }
    assert!(differ);
    Ok(())
}

/// What is chosen on held-out parts is chosen once: the second seed trains no further model for it and is fitted alike.
#[test]
fn parts_are_asked_once_for_all_seeds() -> Result<()> {
    let planted = planted(Task::ValenceArousal, 200, 60, 16, 4);
    let mut setup = small(Task::ValenceArousal);
    setup.train.epochs = 2;
    setup.fitting.folds = 2;
    let (folder, device, interrupt) = (folder()?, Device::flex(), Interrupt::default());
    let seeds = Seeds::new(&planted.sets, &setup, &device, Progress::hidden(), &interrupt);
    let first = seeds.train(3, &folder.path().join("3"))?;
    let second = seeds.train(4, &folder.path().join("4"))?;
    assert_eq!((first.trained_on, second.trained_on), (2 * 200 + 2 * 200, 2 * 200));
    let alone = train(&planted.sets, &setup, &folder.path().join("0"))?;
    for metric in ["held_out_ccc_va", "fit_factor_v", "fit_shift_a"] {
        let of = |outcome: &SeedOutcome| last_of(outcome, "aura", metric).to_bits();
        assert_eq!((of(&first), of(&second)), (of(&alone), of(&alone)), "{metric}");
    }
    assert!(first.predictions != second.predictions);
    Ok(())
}

#[test]
fn a_tuned_read_out_of_classes_gives_shares_and_needs_no_further_model() -> Result<()> {
    let planted = planted(Task::Expression, 200, 60, 16, 4);
    let mut setup = small(Task::Expression);
    setup.method = Method::Tuned;
    setup.train.epochs = 3;
    let folder = folder()?;
    let outcome = train(&planted.sets, &setup, folder.path())?;
    assert_eq!(outcome.trained_on, 3 * 200);
    let tuned = outcome.predictions.iter().filter(|row| row.method == "aura_tuned");
    let mut rows = 0;
    for row in tuned {
        rows += 1;
        let sum: f32 = row.output.iter().sum();
        assert!(
            (sum - 1.0).abs() < 1e-5 && row.output.iter().all(|&p| p >= 0.0),
            "{row:?}"
        );
    }
    assert_eq!(rows, 260);
    Ok(())
}
