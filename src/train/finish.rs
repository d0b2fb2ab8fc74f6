//! The pass after training: hard assignment of the training split, pruning, exact values, and every table of the seed.

use crate::error::Result;
use crate::metric::{self, evaluate, seeds};
use crate::model::aura::Aura;
use crate::model::config::Value;
use crate::model::flops::Inference;
use crate::model::math::{host, host_indices, matrix};
use crate::model::params::Leaves;
use crate::model::predict::largest;
use crate::model::standardise::Standardiser;
use crate::record::{ArchetypeRow, AssignmentRow, MetricRow, ResetRow};
use crate::sets::{FeatureSet, Matrix, SplitSets};
use crate::task::{Split, Targets, Task};

use super::checkpoint::{Point, Position};
use super::config::Selection;
use super::data;
use super::merge;
use super::setup::{SeedOutcome, Setup};
use super::trained::{Fits, Trained};

/// Shares at which the number of archetypes is always reported (appendix B and E name 0.01).
const REPORTED_SHARES: [(&str, f64); 5] = [
    ("k_stable_at_0.0005", 0.0005),
    ("k_stable_at_0.001", 0.001),
    ("k_stable_at_0.002", 0.002),
    ("k_stable_at_0.005", 0.005),
    ("k_stable_at_0.01", 0.01),
];

/// Archetypes listed for a sample, and samples listed for an archetype.
const LISTED: usize = 8;
const NEAREST: usize = 12;

/// Freezes the model and makes the seed's tables.
///
/// # Errors
/// [`crate::error::Error::Device`] if the device fails.
pub fn finish(
    data: &SplitSets,
    setup: &Setup,
    model: &Aura,
    standardiser: Standardiser,
    position: &Position,
) -> Result<SeedOutcome> {
    let mut trained = unpruned(data, setup, model, standardiser)?;
    let k = setup.model.k_max;
    let z = trained.project(&data.train)?;
    let before = merge::consolidate(&mut trained, &z, &data.train.targets)?;

    let first = host_indices(trained.cosines(&z).argmax(1))?;
    let alpha: Vec<f64> = count(&first, k)
        .into_iter()
        .map(|uses| uses as f64 / first.len() as f64)
        .collect();
    let kept = keep(&alpha, setup.model.prune.share);
    let flags = kept.iter().map(|&keep| if keep { 1.0 } else { 0.0 }).collect();
    trained.alive = matrix(flags, 1, k, &trained.device);

    let cosines = trained.cosines(&z);
    let uses = count(&host_indices(cosines.clone().argmax(1))?, k);
    if setup.model.value == Value::Counts {
        let nearest = host_indices(cosines.clone().argmax(1))?;
        trained.value = matrix(
            exact_value(&data.train.targets, &nearest, k, setup.model.prior_samples),
            k,
            data.train.targets.outputs(),
            &trained.device,
        );
    }

    trained.fit_readouts(&cosines, &data.train.targets)?;
    let mut metrics = curves(&position.history, setup.task);
    metrics.extend(trained.fits.primal.rows("aura", &trained.names));
    metrics.extend(trained.fits.mixture.rows("aura_mixture", &trained.names));

    let mut outcome = SeedOutcome {
        metrics,
        predictions: Vec::new(),
        assignments: Vec::new(),
        archetypes: archetypes(data, &trained, &z, &alpha, &uses, &kept)?,
        resets: resets(data, position),
        model: trained,
    };
    let splits = [
        (Split::Train, Some(&data.train)),
        (Split::Val, data.val.as_ref()),
        (Split::Test, Some(&data.test)),
    ];
    for (split, set) in splits {
        if let Some(set) = set.filter(|set| !set.is_empty()) {
            let z = if split == Split::Train {
                z.clone()
            } else {
                outcome.model.project(set)?
            };
            judge(&mut outcome, split, set, &z)?;
        }
    }
    let matched: f64 = alpha.iter().zip(&kept).filter(|(_, keep)| **keep).map(|(a, _)| a).sum();
    let dictionary = Dictionary {
        alpha: &alpha,
        kept: &kept,
        matched,
        before,
    };
    dictionary_metrics(&mut outcome.metrics, setup, position, &dictionary);
    cost_metrics(&mut outcome, &kept)?;
    Ok(outcome)
}

/// The model as training left it, every living archetype still there.
fn unpruned(data: &SplitSets, setup: &Setup, model: &Aura, standardiser: Standardiser) -> Result<Trained> {
    let mut leaves = Leaves::default();
    for (name, value) in model.store.iter() {
        if name.starts_with("projector.") || name.starts_with("head.") {
            leaves.insert(name.clone(), value.clone());
        }
    }
    Ok(Trained {
        task: setup.task,
        names: data.train.targets.names.clone(),
        config: setup.model.clone(),
        standardiser,
        patches: model.sizes.patches,
        leaves,
        dictionary: model.dictionary()?,
        alive: model.buffers.alive.clone(),
        value: model.value()?,
        fits: Fits::default(),
        device: model.device().clone(),
    })
}

fn count(indices: &[usize], k: usize) -> Vec<usize> {
    let mut counts = vec![0; k];
    for &index in indices {
        counts[index] += 1;
    }
    counts
}

/// Archetypes with at least `share` of the training samples; the most used one in any case.
fn keep(alpha: &[f64], share: f64) -> Vec<bool> {
    let mut kept: Vec<bool> = alpha.iter().map(|&a| a > 0.0 && a >= share).collect();
    if !kept.contains(&true) {
        let mut best = 0;
        for (index, &a) in alpha.iter().enumerate() {
            if a > alpha[best] {
                best = index;
            }
        }
        kept[best] = true;
    }
    kept
}

/// `V_k` = (Σ y + κ ȳ) / (n + κ) over the samples assigned to k, known labels only; K × O.
fn exact_value(targets: &Targets, nearest: &[usize], k: usize, kappa: f64) -> Vec<f32> {
    let o = targets.outputs();
    let prior = data::prior(targets);
    let mut sums = vec![0.0_f64; k * o];
    let mut counts = vec![0.0_f64; k * o];
    for (row, &archetype) in nearest.iter().enumerate() {
        for output in 0..o {
            if targets.known[row * o + output] {
                sums[archetype * o + output] += f64::from(targets.values[row * o + output]);
                counts[archetype * o + output] += 1.0;
            }
        }
    }
    (0..k * o)
        .map(|i| ((sums[i] + kappa * f64::from(prior[i % o])) / (counts[i] + kappa)) as f32)
        .collect()
}

fn higher_is_better(metric: &str, task: Task) -> Option<bool> {
    if metric.starts_with("loss") {
        Some(false)
    } else if metric == task.primary_metric() {
        Some(true)
    } else {
        None
    }
}

fn curves(history: &[Point], task: Task) -> Vec<MetricRow> {
    history
        .iter()
        .map(|point| MetricRow {
            method: "aura".into(),
            split: point.split.clone(),
            epoch: Some(point.epoch as i32),
            metric: point.metric.clone(),
            value: point.value(),
            low: None,
            high: None,
            n: None,
            higher_is_better: higher_is_better(&point.metric, task),
        })
        .collect()
}

fn resets(data: &SplitSets, position: &Position) -> Vec<ResetRow> {
    position
        .resets
        .iter()
        .map(|record| ResetRow {
            epoch: record.epoch as i32,
            archetype: record.archetype as i32,
            alpha: f64::from_bits(record.alpha_bits),
            sample_id: data.train.sample_ids[record.row].clone(),
        })
        .collect()
}

/// One row an archetype, with the training samples nearest to the kept ones.
fn archetypes(
    data: &SplitSets,
    trained: &Trained,
    z: &Matrix,
    alpha: &[f64],
    uses: &[usize],
    kept: &[bool],
) -> Result<Vec<ArchetypeRow>> {
    let targets = &data.train.targets;
    let o = targets.outputs();
    let d = trained.config.width;
    let values = host(trained.value.clone())?;
    let outputs = trained.outputs()?;
    let embeddings = host(trained.dictionary.clone())?;
    // Transposed: one row an archetype.
    let similarities = host(trained.cosines(z).transpose())?;
    let n = z.rows;
    Ok((0..alpha.len())
        .map(|k| {
            let value = &values[k * o..(k + 1) * o];
            let label = (targets.task == Task::Expression).then(|| metric::expression::argmax(value));
            let row = &similarities[k * n..(k + 1) * n];
            let nearest = if kept[k] { largest(row, NEAREST) } else { Vec::new() };
            ArchetypeRow {
                archetype: k as i32,
                active: kept[k],
                uses: uses[k] as i64,
                alpha: alpha[k],
                label: label.map(|l| l as i32),
                label_name: label.map(|l| targets.names[l].clone()),
                value: value.to_vec(),
                output: outputs[k * o..(k + 1) * o].to_vec(),
                embedding: embeddings[k * d..(k + 1) * d].to_vec(),
                nearest_similarity: nearest.iter().map(|&i| row[i]).collect(),
                nearest: nearest.into_iter().map(|i| data.train.sample_ids[i].clone()).collect(),
            }
        })
        .collect())
}

/// Assignments, predictions and final metrics of one split.
fn judge(outcome: &mut SeedOutcome, split: Split, set: &FeatureSet, z: &Matrix) -> Result<()> {
    let cosines = outcome.model.cosines(z);
    let k = outcome.model.config.k_max;
    for (row, similarities) in host(cosines.clone())?.chunks_exact(k).enumerate() {
        // Pruned archetypes lie far below any cosine.
        let top: Vec<usize> = largest(similarities, LISTED)
            .into_iter()
            .filter(|&i| similarities[i] > -2.0)
            .collect();
        outcome.assignments.push(AssignmentRow {
            sample_id: set.sample_ids[row].clone(),
            split: split.to_string(),
            archetype: top[0] as i32,
            similarity: similarities[top[0]],
            second: top.get(1).map(|&i| i as i32),
            margin: top.get(1).map(|&i| similarities[top[0]] - similarities[i]),
            top_similarities: top.iter().map(|&i| similarities[i]).collect(),
            top_archetypes: top.into_iter().map(|i| i as i32).collect(),
        });
    }
    let read_outs = [
        ("aura", outcome.model.primal(&cosines)?),
        ("aura_mixture", outcome.model.mixture(&cosines)?),
    ];
    for (method, outputs) in read_outs {
        let outputs = Matrix {
            rows: set.len(),
            cols: set.targets.outputs(),
            data: outputs,
        };
        let options = evaluate::Options {
            subjects: Some(&set.subjects),
            ..evaluate::Options::default()
        };
        let values = evaluate::evaluate(&set.targets, &outputs, &options)?;
        outcome
            .metrics
            .extend(evaluate::rows(method, split.as_str(), None, &values));
        outcome
            .predictions
            .extend(evaluate::prediction_rows(method, split, set, &outputs)?);
    }
    Ok(())
}

/// What became of the archetypes.
struct Dictionary<'a> {
    /// Share of the training samples of each archetype, before pruning.
    alpha: &'a [f64],
    /// Whether it survived pruning.
    kept: &'a [bool],
    /// Share of the training samples whose archetype survived.
    matched: f64,
    /// Archetypes with samples before any were joined.
    before: usize,
}

/// The number of archetypes before any were joined, `K_stable` at the pruning share and at the reported ones, the share of
/// training samples whose archetype was kept, and the convergence epoch.
fn dictionary_metrics(metrics: &mut Vec<MetricRow>, setup: &Setup, position: &Position, dictionary: &Dictionary) {
    let Dictionary {
        alpha,
        kept,
        matched,
        before,
    } = *dictionary;
    let mut push = |metric: &str, value: f64, higher_is_better: Option<bool>| {
        metrics.push(MetricRow::of_no_split("aura", metric, value, higher_is_better));
    };
    push("k_before_merge", before as f64, None);
    push("k_stable", kept.iter().filter(|&&keep| keep).count() as f64, None);
    for (name, share) in REPORTED_SHARES {
        push(name, alpha.iter().filter(|&&a| a >= share).count() as f64, None);
    }
    push("matched_share", matched, Some(true));
    let split = if setup.selection == Selection::BestOnVal {
        "val"
    } else {
        "test"
    };
    if let Some(epoch) = convergence(&position.history, split, setup.task.primary_metric()) {
        push("convergence_epoch", f64::from(epoch), Some(false));
    }
    if let Some(best) = &position.best {
        push("selected_epoch", best.epoch as f64, None);
    }
}

/// `gflops`: inference on one image's features with the dictionary of K max, as in Table 2; `gflops_pruned`: with what is
/// kept of it.
fn cost_metrics(outcome: &mut SeedOutcome, kept: &[bool]) -> Result<()> {
    let model = &outcome.model;
    let queries = if model.leaves.contains("projector.queries") {
        Some(model.leaves.get("projector.queries")?.dims()[0] as u64)
    } else {
        None
    };
    let inference = Inference {
        tokens: model.patches as u64,
        input: model.leaves.get("projector.w1")?.dims()[0] as u64,
        anchors: model.leaves.contains("projector.anchor_w1"),
        hidden: model.config.hidden as u64,
        width: model.config.width as u64,
        queries,
        archetypes: kept.len() as u64,
    };
    let pruned = Inference {
        archetypes: kept.iter().filter(|&&keep| keep).count() as u64,
        ..inference
    };
    for (metric, value) in [("gflops", inference.gflops()), ("gflops_pruned", pruned.gflops())] {
        let row = MetricRow::of_no_split("aura", metric, value, Some(false));
        outcome.metrics.push(row);
    }
    Ok(())
}

/// The epoch from which the curve of `metric` on `split` has converged.
fn convergence(history: &[Point], split: &str, metric: &str) -> Option<i32> {
    let curve: Vec<(i32, f64)> = history
        .iter()
        .filter(|point| point.split == split && point.metric == metric)
        .map(|point| (point.epoch as i32, point.value()))
        .collect();
    seeds::convergence_epoch(&curve)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pruning_keeps_at_least_one() {
        assert_eq!(keep(&[0.5, 0.0004, 0.0, 0.4996], 5e-4), [true, false, false, true]);
        assert_eq!(keep(&[0.4, 0.6], 0.9), [false, true]);
        assert_eq!(keep(&[0.4, 0.0, 0.6], 0.0), [true, false, true]);
    }

    #[test]
    fn convergence_is_the_first_epoch_near_the_best() {
        let history: Vec<Point> = [0.5, 0.8993, 0.9, 0.85]
            .iter()
            .enumerate()
            .map(|(i, &v)| Point::new(i + 1, "test", "acc", v))
            .collect();
        assert_eq!(convergence(&history, "test", "acc"), Some(2));
        assert_eq!(convergence(&history, "val", "acc"), None);
    }

    #[test]
    fn exact_values_smooth_with_the_prior() {
        let targets = Targets {
            task: Task::Expression,
            names: vec!["a".into(), "b".into()],
            values: vec![1.0, 0.0, 1.0, 0.0, 0.0, 1.0],
            known: vec![true; 6],
        };
        let v = exact_value(&targets, &[0, 0, 1], 3, 1.0);
        assert!((v[0] - (2.0 + 2.0 / 3.0) / 3.0).abs() < 1e-6);
        assert!(
            (v[4] - 2.0 / 3.0).abs() < 1e-6,
            "an archetype without samples has the prior"
        );
    }
}
