//! The pass after training: the model is frozen, its read-outs are fitted, and every table of the seed is made.

use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::metric::evaluate::{self, Said};
use crate::metric::{self, Bootstrap, seeds};
use crate::model::config::{Among, Semantic};
use crate::model::flops::{Attention, Inference};
use crate::model::math::host;
use crate::record::{ArchetypeRow, AssignmentRow, MetricRow, ResetRow};
use crate::sets::{FeatureSet, Matrix, SplitSets, TestSet};
use crate::task::{Split, Task};

use super::checkpoint::{Point, Position};
use super::departure::{STRENGTHS, Tuned};
use super::flow::{Flows, Look};
use super::freeze::{Frozen, count, freeze};
use super::held_out::{Choices, HeldOut};
use super::run::{Ended, Job};
use super::setup::{SeedOutcome, Setup};
use super::trained::Trained;

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

/// Freezes the model, fits its read-outs on the validation split or as `chosen` says, and makes the seed's tables.
///
/// # Errors
/// [`crate::error::Error::Device`] if the device fails.
pub(super) fn finish(
    job: &Job<'_>,
    ended: &Ended,
    tuned: Option<Tuned<'_>>,
    chosen: Option<&Choices>,
) -> Result<SeedOutcome> {
    let (data, setup) = (job.data, job.setup);
    let position = &ended.position;
    let Frozen {
        mut trained,
        z,
        alpha,
        kept,
        uses,
        before,
        nearest,
    } = freeze(job, ended, tuned)?;
    let of_validation = match data.val.as_ref().filter(|set| !set.is_empty()) {
        Some(val) => HeldOut::of_validation(job, &trained, val)?,
        None => None,
    };
    let of_validation = of_validation.map(|held_out| held_out.choose(setup)).transpose()?;
    let mut metrics = curves(&position.history, setup.task);
    if let Some(choices) = of_validation.as_ref().or(chosen) {
        for (method, choice) in choices.clone() {
            metrics.extend(choice.rows(method, &data.train.targets));
            match (method, &mut trained.departure) {
                ("aura", _) => trained.fits.primal = choice.fit,
                ("aura_mixture", _) => trained.fits.mixture = choice.fit,
                (_, Some(departure)) => {
                    departure.strength = STRENGTHS.get(choice.at).copied().unwrap_or(STRENGTHS[0]);
                    departure.fit = choice.fit;
                }
                (_, None) => {}
            }
        }
    }
    if let Some(departure) = &trained.departure {
        for (name, value) in [("lambda", departure.penalty), ("strength", departure.strength)] {
            metrics.push(MetricRow::of_no_split(
                "aura_tuned",
                &format!("setting_{name}"),
                value,
                None,
            ));
        }
    }

    let used = count(&before, kept.len()).into_iter().filter(|&uses| uses > 0).count();
    let flows = Flows {
        moves: &position.moves,
        look: ended.look.as_ref(),
        trained: Look {
            epoch: ended.epoch,
            nearest: before,
        },
        frozen: nearest,
    };
    let mut outcome = SeedOutcome {
        metrics,
        predictions: Vec::new(),
        assignments: Vec::new(),
        archetypes: archetypes(job, &trained, &z, &alpha, &uses, &kept)?,
        resets: resets(data, position),
        flows: flows.rows(),
        trained_on: (data.train.len() * position.epoch) as u64,
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
                outcome.model.project(set, job.interrupt)?
            };
            judge(&mut outcome, split, set, &z, job.interrupt)?;
        }
    }
    for other in &data.others {
        judge_other(&mut outcome, other, job.interrupt)?;
    }
    let matched: f64 = alpha.iter().zip(&kept).filter(|(_, keep)| **keep).map(|(a, _)| a).sum();
    let dictionary = Dictionary {
        alpha: &alpha,
        kept: &kept,
        matched,
        before: used,
    };
    dictionary_metrics(&mut outcome.metrics, setup, position, &dictionary);
    cost_metrics(&mut outcome, &kept)?;
    Ok(outcome)
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
    job: &Job<'_>,
    trained: &Trained,
    z: &Matrix,
    alpha: &[f64],
    uses: &[usize],
    kept: &[bool],
) -> Result<Vec<ArchetypeRow>> {
    let data = job.data;
    let targets = &data.train.targets;
    let o = targets.outputs();
    let d = trained.config.width;
    let values = host(trained.value.clone())?;
    let outputs = trained.outputs()?;
    let embeddings = host(trained.dictionary.clone())?;
    let mut near: Vec<Nearest> = vec![Nearest::default(); alpha.len()];
    trained.cosines(z, job.interrupt, |rows, cosines| {
        let cosines = host(cosines)?;
        for (row, similarities) in rows.zip(cosines.chunks_exact(alpha.len())) {
            for (near, &similarity) in near.iter_mut().zip(similarities) {
                near.see(row, similarity);
            }
        }
        Ok(())
    })?;
    Ok((0..alpha.len())
        .map(|k| {
            let value = &values[k * o..(k + 1) * o];
            let label = (targets.task == Task::Expression).then(|| metric::expression::argmax(value));
            let nearest = if kept[k] { near[k].0.as_slice() } else { &[] };
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
                nearest_similarity: nearest.iter().map(|near| near.1).collect(),
                nearest: nearest
                    .iter()
                    .map(|near| data.train.sample_ids[near.0].clone())
                    .collect(),
            }
        })
        .collect())
}

/// The samples nearest to an archetype with their similarities, nearest first; equal ones in the order of the split.
#[derive(Debug, Clone, Default)]
struct Nearest(Vec<(usize, f32)>);

impl Nearest {
    /// Takes a sample in, if it is among the nearest; samples come in ascending order.
    fn see(&mut self, row: usize, similarity: f32) {
        let further = |(_, other): &(usize, f32)| other.total_cmp(&similarity).is_lt();
        if self.0.len() < NEAREST || self.0.last().is_some_and(further) {
            let at = self.0.partition_point(|other| !further(other));
            self.0.insert(at, (row, similarity));
            self.0.truncate(NEAREST);
        }
    }
}

/// Assignments, predictions and final metrics of one split.
fn judge(outcome: &mut SeedOutcome, split: Split, set: &FeatureSet, z: &Matrix, interrupt: &Interrupt) -> Result<()> {
    for (id, top) in set
        .sample_ids
        .iter()
        .zip(outcome.model.nearest_of_each(z, LISTED, interrupt)?)
    {
        let (archetype, similarity) = top[0];
        outcome.assignments.push(AssignmentRow {
            sample_id: id.clone(),
            split: split.to_string(),
            archetype: archetype as i32,
            similarity,
            second: top.get(1).map(|&(i, _)| i as i32),
            margin: top.get(1).map(|&(_, second)| similarity - second),
            top_archetypes: top.iter().map(|&(i, _)| i as i32).collect(),
            top_similarities: top.iter().map(|&(_, cosine)| cosine).collect(),
        });
    }
    for (method, outputs) in outcome.model.read_outs(set, z, interrupt)? {
        let outputs = Matrix {
            rows: set.len(),
            cols: set.targets.outputs(),
            data: outputs,
        };
        let split = split.as_str();
        if split == Split::Train.as_str() {
            // Nobody reads an interval of the split that the model was fitted to.
            let values = evaluate::plain(&set.targets, &outputs)?;
            outcome.metrics.extend(evaluate::rows(method, split, None, &values));
            let (ids, targets) = (&set.sample_ids, &set.targets);
            let rows = evaluate::prediction_rows(method, split, ids, targets, &outputs, None)?;
            outcome.predictions.extend(rows);
            continue;
        }
        let said = Said {
            method,
            split,
            set,
            outputs: &outputs,
            asked: None,
        };
        extend(outcome, &said, interrupt)?;
    }
    Ok(())
}

/// Predictions and final metrics on another database.
fn judge_other(outcome: &mut SeedOutcome, other: &TestSet, interrupt: &Interrupt) -> Result<()> {
    let set = &other.set;
    let z = outcome.model.project(set, interrupt)?;
    for (method, data) in outcome.model.read_outs(set, &z, interrupt)? {
        let outputs = Matrix {
            rows: set.len(),
            cols: set.targets.outputs(),
            data,
        };
        let said = Said {
            method,
            split: &other.split,
            set,
            outputs: &outputs,
            asked: Some(&other.asked),
        };
        extend(outcome, &said, interrupt)?;
    }
    Ok(())
}

fn extend(outcome: &mut SeedOutcome, said: &Said<'_>, interrupt: &Interrupt) -> Result<()> {
    let (metrics, predictions) = said.rows(Bootstrap::hearing(interrupt))?;
    outcome.metrics.extend(metrics);
    outcome.predictions.extend(predictions);
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
    // By validation samples where there are any, else by training samples; never by test samples.
    let metric = setup.task.primary_metric();
    let epoch = ["val", "train"]
        .into_iter()
        .find_map(|split| convergence(&position.history, split, metric));
    if let Some(epoch) = epoch {
        push("convergence_epoch", f64::from(epoch), Some(false));
    }
    if let Some(best) = &position.best {
        push("selected_epoch", best.epoch as f64, None);
    }
}

/// `gflops_contextualization`: one pass of contextualization, of an image in training or of the dictionary with K max archetypes.
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
    let config = &model.config.contextualization;
    let semantic = match config.semantic {
        Semantic::Learned => config.semantic_tokens,
        Semantic::Outputs => model.names.len(),
        Semantic::Patches => model.patches,
    };
    let others = match config.among {
        Among::Sample => 1 + config.top_k,
        Among::Archetypes => kept.len(),
    };
    let attention = Attention {
        tokens: (semantic + others) as u64,
        width: model.config.width as u64,
        heads: config.heads as u64,
        feed_forward: config.feed_forward as u64,
    };
    let attention = config.enabled.then(|| ("gflops_contextualization", attention.gflops()));
    let counted = [("gflops", inference.gflops()), ("gflops_pruned", pruned.gflops())];
    for (metric, value) in counted.into_iter().chain(attention) {
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
    fn convergence_is_the_first_epoch_near_the_best() {
        let history: Vec<Point> = [0.5, 0.8993, 0.9, 0.85]
            .iter()
            .enumerate()
            .map(|(i, &v)| Point::new(i + 1, "test", "acc", v))
            .collect();
        assert_eq!(convergence(&history, "test", "acc"), Some(2));
        assert_eq!(convergence(&history, "val", "acc"), None);
    }
}
