//! A tiny run folder whose statistics can be worked out by hand. For tests only.
//!
//! 40 samples: 24 train (12 / 8 / 4 of the three classes), 16 test (8 / 5 / 3). Two seeds:
//! - seed 0 keeps archetypes 0 (class 0, 7 uses), 1 (class 0, 4), 2 (class 1, 8), 3 (class 2, 3), 5 (class 0, 2);
//!   archetype 4 is pruned. So class 0: 3 archetypes, 2–7, 13 matched; class 1: 1, 8–8, 8; class 2: 1, 3–3, 3.
//! - seed 1 keeps archetypes 0, 1, 2 of classes 0, 1, 2, each matched with all samples of its class: 12, 8, 4.
//!
//! These are the rows of `tests/golden/sql/table1_expression.csv`. AURA's accuracy is 15 of 16, then 16 of 16; `knn` has the same
//! in both seeds; `logistic` has one seed only, so that its mean must stay missing (`results_expression.csv`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float32Array, Int8Array, Int32Array, RecordBatch, StringArray};

use crate::disk::parquet;
use crate::record::{
    ArchetypeRow, AssignmentRow, DuplicateRow, FlowRow, MapRow, MetricRow, Origin, PredictionRow, RelabelRow, ResetRow,
    SeparabilityRow, StandingRow,
};

mod scores;
mod served;

pub(crate) use scores::scores;

/// The class names when a test does not bring its own.
pub(crate) const CLASSES: [&str; 3] = ["happiness", "neutral", "sadness"];

/// What a fabricated run looks like.
pub(crate) struct Fixture<'a> {
    pub(crate) run: &'a str,
    pub(crate) classes: [&'a str; 3],
    pub(crate) stand_in: bool,
    /// Whether the images exist below the data root.
    pub(crate) images: bool,
    /// Whether there is what only some statistics ask for: the truth's action units, the mixture's outputs, maps, and a test
    /// sample (`test_00001`, in seed 0) matched with an archetype of another class.
    pub(crate) rich: bool,
}

impl Default for Fixture<'_> {
    fn default() -> Self {
        Self {
            run: "tiny-0a1b2c3d",
            classes: CLASSES,
            stand_in: true,
            images: false,
            rich: false,
        }
    }
}

struct Sample {
    pub(crate) id: String,
    pub(crate) split: &'static str,
    label: usize,
    pub(crate) image: String,
}

fn samples() -> Vec<Sample> {
    let mut out = Vec::new();
    for (split, counts) in [("train", [12, 8, 4]), ("test", [8, 5, 3])] {
        let mut i = 0;
        for (label, count) in counts.into_iter().enumerate() {
            for _ in 0..count {
                i += 1;
                let id = format!("{split}_{i:05}");
                let image = format!("Image/aligned/{id}_aligned.png");
                out.push(Sample {
                    id,
                    split,
                    label,
                    image,
                });
            }
        }
    }
    out
}

/// One label is flipped: the twelfth training sample of class 0 is truly of class 1.
fn truly(sample: &Sample) -> usize {
    if sample.id == "train_00012" { 1 } else { sample.label }
}

impl Fixture<'_> {
    /// Writes the run folder below `runs` and returns its path.
    pub(crate) fn write(&self, runs: &Path) -> PathBuf {
        let folder = runs.join(self.run.replace(['<', '>', '/', '"'], "_"));
        let root = runs.join("data");
        std::fs::create_dir_all(&folder).unwrap();
        let manifest = serde_json::json!({
            "schema": 1, "run": self.run, "name": "tiny", "dataset": "rafdb", "task": "expression",
            "stand_in": self.stand_in, "encoder": {"kind": "hog", "cells": 8},
            "protocol": {"task": "expression", "selection": "last", "label_filter": "none"},
            "protocol_digest": "p0p1p2p3", "recipe_digest": "0a1b2c3d", "device": "cpu (flex)",
            "classes": self.classes, "data_root": root, "seeds": [0, 1],
            "versions": {"aura-bench": "0.1.0", "burn": "0.22.1"},
            "git": {"commit": "0123456789abcdef", "dirty": false},
            "stages": [
                {"name": "convert", "seconds": 0.25, "cached": true, "digest": "aa"},
                {"name": "train", "seconds": 61.5, "cached": false, "digest": "bb"}
            ],
            "created": "2026-01-02T03:04:05Z"
        });
        std::fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
        let samples = samples();
        self.write_samples(&folder, &samples);
        if self.stand_in {
            self.write_truth(&folder, &samples);
        }
        let standing = |method: &str, lead: f64, verdict: &str| StandingRow {
            read_out: "aura".to_owned(),
            method: method.to_owned(),
            metric: "acc".to_owned(),
            lead,
            low: Some(lead - 0.1),
            high: Some(lead + 0.1),
            p: Some(0.01),
            p_holm: Some(0.02),
            verdict: verdict.to_owned(),
            clusters: 16,
        };
        let mut standings = vec![standing("knn", 0.21875, "above"), standing("logistic", 0.05, "level")];
        if self.rich {
            standings.push(StandingRow {
                metric: "acc@there".to_owned(),
                ..standing("knn", -0.2, "below")
            });
        }
        parquet::write(&folder.join("standings.parquet"), &standings, &Origin::default()).unwrap();
        if self.rich {
            let row = |sample_id: &str, decision: &str, to: Option<&str>| RelabelRow {
                sample_id: sample_id.to_owned(),
                split: Some("train".to_owned()),
                output: "expression".to_owned(),
                from: Some(self.classes[1].to_owned()),
                decision: decision.to_owned(),
                to: to.map(str::to_owned),
            };
            let rows = [
                row("train_00001", "change", Some(self.classes[0])),
                row("train_00015", "keep", None),
            ];
            parquet::write(&folder.join("relabelled.parquet"), &rows, &Origin::default()).unwrap();
        }
        let duplicates = [
            ("train", "train_00001", "test_00002", "bytes"),
            ("train", "train_00003", "test_00000", "features"),
        ];
        let duplicates = duplicates.map(|(split, sample_id, same_as, same)| DuplicateRow {
            fold: None,
            sample_id: sample_id.to_owned(),
            split: split.to_owned(),
            same_as: same_as.to_owned(),
            same_split: "test".to_owned(),
            same: same.to_owned(),
            dropped: false,
        });
        parquet::write(&folder.join("duplicates.parquet"), &duplicates, &Origin::default()).unwrap();
        if self.rich {
            served::write(&folder, &samples.iter().map(|s| s.id.as_str()).collect::<Vec<_>>());
        }
        for seed in [0, 1] {
            self.write_seed(&folder.join(format!("seed-{seed}")), seed, &samples);
        }
        if self.images {
            for (i, sample) in samples.iter().enumerate() {
                let path = root.join(&sample.image);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                let shade = (i * 6) as u8;
                image::RgbImage::from_fn(20, 20, |x, y| image::Rgb([shade, (x * 12) as u8, (y * 12) as u8]))
                    .save(&path)
                    .unwrap();
            }
        }
        folder
    }

    fn write_samples(&self, folder: &Path, samples: &[Sample]) {
        let n = samples.len();
        let text = |get: &dyn Fn(&Sample) -> String| -> ArrayRef {
            Arc::new(samples.iter().map(|sample| Some(get(sample))).collect::<StringArray>())
        };
        let batch = RecordBatch::try_from_iter_with_nullable([
            ("sample_id", text(&|s| s.id.clone()), true),
            ("dataset", text(&|_| "rafdb".to_owned()), true),
            ("split", text(&|s| s.split.to_owned()), true),
            ("subject", Arc::new(StringArray::new_null(n)) as ArrayRef, true),
            ("frame", Arc::new(Int32Array::new_null(n)), true),
            ("fold", Arc::new(Int32Array::new_null(n)), true),
            ("image_path", text(&|s| s.image.clone()), true),
            ("bbox_x", Arc::new(Float32Array::new_null(n)), true),
            ("bbox_y", Arc::new(Float32Array::new_null(n)), true),
            ("bbox_w", Arc::new(Float32Array::new_null(n)), true),
            ("bbox_h", Arc::new(Float32Array::new_null(n)), true),
            (
                "expression",
                Arc::new(Int8Array::from_iter_values(samples.iter().map(|s| s.label as i8))),
                true,
            ),
            ("expression_name", text(&|s| self.classes[s.label].to_owned()), true),
            ("valence", Arc::new(Float32Array::new_null(n)), true),
            ("arousal", Arc::new(Float32Array::new_null(n)), true),
            ("au12", Arc::new(Float32Array::new_null(n)), true),
        ])
        .unwrap();
        parquet::write_batch(&folder.join("samples.parquet"), &batch, &[]).unwrap();
    }

    fn write_truth(&self, folder: &Path, samples: &[Sample]) {
        let text = |get: &dyn Fn(&Sample) -> String| -> ArrayRef {
            Arc::new(samples.iter().map(|sample| Some(get(sample))).collect::<StringArray>())
        };
        // Intensities of two action units by the true class.
        let unit = |values: [f32; 3]| -> ArrayRef {
            Arc::new(Float32Array::from_iter_values(samples.iter().map(|s| values[truly(s)])))
        };
        let mut units = vec![
            ("au04", unit([0.0, 0.0, 3.0]), true),
            ("au12", unit([4.0, 0.0, 1.0]), true),
        ];
        units.retain(|_| self.rich);
        let columns = [
            ("sample_id", text(&|s| s.id.clone()), true),
            ("image_path", text(&|s| s.image.clone()), true),
            ("split", text(&|s| s.split.to_owned()), true),
            ("subject", text(&|s| format!("subject-{}", s.label)), true),
            ("mode", text(&|s| format!("{}/mild", self.classes[truly(s)])), true),
            (
                "expression",
                Arc::new(Int8Array::from_iter_values(samples.iter().map(|s| truly(s) as i8))) as ArrayRef,
                true,
            ),
            ("expression_name", text(&|s| self.classes[truly(s)].to_owned()), true),
            (
                "label",
                Arc::new(Int8Array::from_iter_values(samples.iter().map(|s| s.label as i8))) as ArrayRef,
                true,
            ),
            (
                "flipped",
                Arc::new(
                    samples
                        .iter()
                        .map(|s| Some(truly(s) != s.label))
                        .collect::<BooleanArray>(),
                ) as ArrayRef,
                true,
            ),
        ];
        let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().chain(units)).unwrap();
        parquet::write_batch(&folder.join("truth.parquet"), &batch, &[]).unwrap();
    }

    fn write_seed(&self, folder: &Path, seed: usize, samples: &[Sample]) {
        // (archetype, class, uses); uses of class 0 run over its samples in order, and so on.
        let kept: Vec<(i32, usize, usize)> = if seed == 0 {
            vec![(0, 0, 7), (1, 0, 4), (2, 1, 8), (3, 2, 3), (5, 0, 2)]
        } else {
            vec![(0, 0, 12), (1, 1, 8), (2, 2, 4)]
        };
        let train: Vec<&Sample> = samples.iter().filter(|sample| sample.split == "train").collect();
        // Seed 0: 0 ×7, 1 ×4, then train_00012 goes to archetype 2 (class 1), eight of it; 3 ×3; 5 ×2.
        let order: Vec<i32> = if seed == 0 {
            [vec![0; 7], vec![1; 4], vec![2; 8], vec![5; 2], vec![3; 3]].concat()
        } else {
            [vec![0; 12], vec![1; 8], vec![2; 4]].concat()
        };
        let mut assignments = Vec::new();
        for (sample, archetype) in train.iter().zip(&order) {
            assignments.push(assignment(sample, *archetype));
        }
        for sample in samples.iter().filter(|sample| sample.split == "test") {
            let own = [0, if seed == 0 { 2 } else { 1 }, if seed == 0 { 3 } else { 2 }][sample.label];
            // The archetype of the wrong prediction below.
            let failure = self.rich && seed == 0 && sample.id == "test_00001";
            assignments.push(assignment(sample, if failure { 2 } else { own }));
        }
        parquet::write(&folder.join("assignments.parquet"), &assignments, &Origin::default()).unwrap();
        let mut archetypes: Vec<ArchetypeRow> = kept
            .iter()
            .map(|&(archetype, class, uses)| {
                let own: Vec<String> = assignments
                    .iter()
                    .filter(|row| row.archetype == archetype && row.split == "train")
                    .map(|row| row.sample_id.clone())
                    .take(3)
                    .collect();
                ArchetypeRow {
                    archetype,
                    active: true,
                    uses: uses as i64,
                    alpha: uses as f64 / 24.0,
                    label: Some(class as i32),
                    label_name: Some(self.classes[class].to_owned()),
                    value: (0..3).map(|c| if c == class { 0.8 } else { 0.1 }).collect(),
                    output: (0..3).map(|c| if c == class { 0.8 } else { 0.1 }).collect(),
                    embedding: vec![1.0, 0.0],
                    nearest_similarity: (0..own.len()).map(|i| 0.95 - 0.05 * i as f32).collect(),
                    nearest: own,
                }
            })
            .collect();
        if seed == 0 {
            archetypes.insert(
                4,
                ArchetypeRow {
                    archetype: 4,
                    active: false,
                    uses: 0,
                    alpha: 0.0,
                    ..archetypes[0].clone()
                },
            );
        }
        parquet::write(&folder.join("archetypes.parquet"), &archetypes, &Origin::default()).unwrap();
        parquet::write(&folder.join("metrics.parquet"), &self.metrics(seed), &Origin::default()).unwrap();
        let mut predictions: Vec<PredictionRow> = samples
            .iter()
            .filter(|sample| sample.split == "test")
            .map(|sample| {
                // Seed 0 takes one sample of class 0 for class 1; seed 1 is right throughout.
                let prediction = if seed == 0 && sample.id == "test_00001" {
                    1
                } else {
                    sample.label
                };
                PredictionRow {
                    method: "aura".to_owned(),
                    sample_id: sample.id.clone(),
                    split: "test".to_owned(),
                    label: Some(sample.label as i32),
                    prediction: Some(prediction as i32),
                    correct: Some(prediction == sample.label),
                    target: (0..3).map(|c| Some(f32::from(u8::from(c == sample.label)))).collect(),
                    output: (0..3).map(|c| if c == prediction { 0.8 } else { 0.1 }).collect(),
                }
            })
            .collect();
        if self.rich {
            predictions.extend(samples.iter().map(mixed));
            if seed == 0 {
                write_maps(folder, &[0, 1, 2, 3, 5], &["test_00001", "test_00009", "test_00014"]);
            }
        }
        parquet::write(&folder.join("predictions.parquet"), &predictions, &Origin::default()).unwrap();
        let resets = vec![ResetRow {
            epoch: 5,
            archetype: 4,
            alpha: 0.001,
            sample_id: "train_00003".to_owned(),
        }];
        parquet::write(&folder.join("resets.parquet"), &resets, &Origin::default()).unwrap();
        // Seed 0: two samples of 4 went to 5 and one of 2 to 0 in training, the last one of 4 to 0 when it was joined to it.
        let moves: &[(i32, Option<i32>, i32, i32, &str)] = match seed {
            0 => &[
                (5, None, 0, 5, "start"),
                (5, None, 1, 4, "start"),
                (5, None, 2, 9, "start"),
                (5, None, 3, 3, "start"),
                (5, None, 4, 3, "start"),
                (10, Some(2), 0, 1, "training"),
                (10, Some(4), 5, 2, "training"),
                (10, Some(4), 0, 1, "freezing"),
            ],
            _ => &[
                (5, None, 0, 12, "start"),
                (5, None, 1, 8, "start"),
                (5, None, 2, 4, "start"),
            ],
        };
        let flow = |&(epoch, from, to, n, cause): &(i32, Option<i32>, i32, i32, &str)| FlowRow {
            epoch,
            from,
            to,
            n,
            cause: cause.to_owned(),
        };
        let flows: Vec<FlowRow> = moves.iter().map(flow).collect();
        parquet::write(&folder.join("flows.parquet"), &flows, &Origin::default()).unwrap();
    }

    fn metrics(&self, seed: usize) -> Vec<MetricRow> {
        let mut rows = Vec::new();
        let mut push =
            |method: &str, split: &str, epoch: Option<i32>, metric: &str, value: f64, interval: Option<(f64, f64)>| {
                rows.push(MetricRow {
                    method: method.to_owned(),
                    split: split.to_owned(),
                    epoch,
                    metric: metric.to_owned(),
                    value,
                    low: interval.map(|(low, _)| low),
                    high: interval.map(|(_, high)| high),
                    n: (split == "test").then_some(16),
                    higher_is_better: Some(true),
                });
            };
        let acc = [0.9375, 1.0][seed];
        push(
            "aura",
            "test",
            None,
            "acc",
            acc,
            Some(([0.7, 0.8][seed], [0.98, 1.0][seed])),
        );
        push("aura", "test", None, "balanced_acc", [0.95, 1.0][seed], None);
        push("aura", "test", None, "f1_macro", [0.94, 1.0][seed], None);
        push("aura", "train", None, "acc", 1.0, None);
        push("knn", "test", None, "acc", 0.75, Some((0.5, 0.9)));
        // A method that has only one of the two seeds: its mean must stay missing.
        if seed == 0 {
            push("logistic", "test", None, "acc", 0.8, None);
        }
        for epoch in 1..=6 {
            let t = f64::from(epoch);
            let shift = seed as f64 * 0.05;
            push("aura", "train", Some(epoch), "loss", 3.0 / t + shift, None);
            push("aura", "train", Some(epoch), "loss_vas", 1.5 / t + shift, None);
            push("aura", "train", Some(epoch), "loss_arc", 1.0 / t + shift, None);
            push("aura", "train", Some(epoch), "loss_contx", 0.5 / t + shift, None);
            push("aura", "train", Some(epoch), "acc", 1.0 - 0.5 / t, None);
            push("aura", "test", Some(epoch), "acc", 0.95 - 0.5 / t - shift, None);
            push(
                "aura",
                "all",
                Some(epoch),
                "codebook_active",
                6.0 - f64::from(u8::from(epoch > 3)),
                None,
            );
            push("aura", "all", Some(epoch), "codebook_perplexity", 4.0 + 0.1 * t, None);
        }
        push("aura", "all", None, "convergence_epoch", 4.0 + seed as f64, None);
        push("aura", "all", None, "matched_share", 1.0, None);
        if self.stand_in {
            push("aura", "train", None, "nmi_mode", 0.8 + 0.1 * seed as f64, None);
            push("aura", "train", None, "homogeneity_mode", 0.9, None);
            push("aura", "train", None, "completeness_mode", 0.7, None);
            push("aura", "train", None, "nmi_subject", 0.2, None);
            push("aura", "train", None, "flip_precision", 0.5, None);
            push("aura", "train", None, "flip_recall", 1.0, None);
        }
        rows
    }
}

/// What the mixture says of a sample: mostly the true class, a little the label.
fn mixed(sample: &Sample) -> PredictionRow {
    let mut output = vec![0.1; 3];
    output[sample.label] = 0.2;
    output[truly(sample)] = 0.7;
    PredictionRow {
        method: "aura_mixture".to_owned(),
        sample_id: sample.id.clone(),
        split: sample.split.to_owned(),
        label: Some(sample.label as i32),
        prediction: Some(truly(sample) as i32),
        correct: Some(truly(sample) == sample.label),
        target: (0..3).map(|c| Some(f32::from(u8::from(c == sample.label)))).collect(),
        output,
    }
}

/// Maps of archetypes alone and, where samples are named, of these with the archetypes and in the encoder's features, with
/// what is measured on them. Point `i` of a space lies at (i, -i).
pub(crate) fn write_maps(seed: &Path, archetypes: &[i32], samples: &[&str]) {
    let archetypes: Vec<(Option<i32>, Option<&str>)> = archetypes.iter().map(|&k| (Some(k), None)).collect();
    let samples: Vec<(Option<i32>, Option<&str>)> = samples.iter().map(|&id| (None, Some(id))).collect();
    let both = [archetypes.clone(), samples.clone()].concat();
    let mut rows = Vec::new();
    let mut measures = Vec::new();
    for (place, (space, points)) in [("archetypes", archetypes), ("aura", both), ("encoder", samples.clone())]
        .into_iter()
        .enumerate()
    {
        if place > 0 && samples.is_empty() {
            break;
        }
        let place = place as i32;
        for (i, (archetype, sample)) in points.iter().enumerate() {
            rows.push(MapRow {
                place,
                space: space.to_owned(),
                sample_id: sample.map(str::to_owned),
                archetype: *archetype,
                x: i as f32,
                y: -(i as f32),
            });
        }
        for (i, measure) in [
            "silhouette",
            "purity",
            "silhouette_map",
            "purity_map",
            "trustworthiness",
        ]
        .into_iter()
        .enumerate()
        {
            measures.push(SeparabilityRow {
                place,
                space: space.to_owned(),
                measure: measure.to_owned(),
                value: 0.9 - 0.1 * i as f64 - 0.01 * f64::from(place),
                n: points.len() as i64,
            });
        }
    }
    parquet::write(&seed.join("maps.parquet"), &rows, &Origin::default()).unwrap();
    parquet::write(&seed.join("separability.parquet"), &measures, &Origin::default()).unwrap();
}

fn assignment(sample: &Sample, archetype: i32) -> AssignmentRow {
    AssignmentRow {
        sample_id: sample.id.clone(),
        split: sample.split.to_owned(),
        archetype,
        similarity: 0.9,
        second: Some((archetype + 1) % 3),
        margin: Some(if sample.id == "train_00012" { 0.3 } else { 0.1 }),
        top_archetypes: vec![archetype, (archetype + 1) % 3],
        top_similarities: vec![0.9, 0.8],
    }
}

/// A run of a study, with just what the tables of studies need: settings, final metrics and dictionaries.
pub(crate) struct Point<'a> {
    pub(crate) run: &'a str,
    pub(crate) dataset: &'a str,
    pub(crate) task: &'a str,
    pub(crate) encoder: &'a str,
    /// Where its weights come from, if the manifest says so.
    pub(crate) weights: Option<&'a str>,
    pub(crate) study: Option<&'a str>,
    pub(crate) stand_in: bool,
    pub(crate) seeds: &'a [i64],
    pub(crate) classes: &'a [&'a str],
    /// The resolved recipe.
    pub(crate) recipe: &'a str,
    /// Archetypes offered.
    pub(crate) k_max: usize,
    /// Seed by seed, the class of each archetype that is kept. Each is matched with one training sample of its own.
    pub(crate) kept: &'a [&'a [i32]],
    /// Method, split, metric, and the value of each seed; a seed without a value lacks it.
    pub(crate) metrics: &'a [(&'a str, &'a str, &'a str, &'a [Option<f64>])],
}

impl Default for Point<'_> {
    fn default() -> Self {
        Self {
            run: "point",
            dataset: "rafdb",
            task: "expression",
            encoder: "clip",
            weights: None,
            study: None,
            stand_in: false,
            seeds: &[0, 1],
            classes: &CLASSES,
            recipe: "",
            k_max: 4,
            kept: &[&[0, 1], &[0, 0, 2]],
            metrics: &[],
        }
    }
}

impl Point<'_> {
    pub(crate) fn write(&self, runs: &Path) -> PathBuf {
        let folder = runs.join(self.run);
        std::fs::create_dir_all(&folder).unwrap();
        let mut manifest = serde_json::json!({
            "schema": 1, "run": self.run, "name": self.run, "dataset": self.dataset, "task": self.task,
            "stand_in": self.stand_in, "encoder": {"kind": self.encoder}, "classes": self.classes, "seeds": self.seeds,
        });
        if let Some(weights) = self.weights {
            manifest["encoder"]["weights"] = weights.into();
        }
        if let Some(study) = self.study {
            manifest["sweep"] = serde_json::json!({"name": study, "point": {}});
        }
        std::fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
        let offered = format!("[model]\nk_max = {}\n", self.k_max);
        let recipe = if self.recipe.contains("[model]\n") {
            self.recipe.replace("[model]\n", &offered)
        } else {
            format!("{}\n{offered}", self.recipe)
        };
        std::fs::write(folder.join("recipe.toml"), recipe).unwrap();
        for (i, seed) in self.seeds.iter().enumerate() {
            let stable = self.kept.get(i).map(|kept| kept.len() as f64);
            let metrics: Vec<MetricRow> = self
                .metrics
                .iter()
                .map(|(method, split, metric, values)| (*method, *split, *metric, values[i]))
                .chain([("aura", "all", "k_stable", stable)])
                .filter_map(|(method, split, metric, value)| {
                    Some(MetricRow {
                        method: method.to_owned(),
                        split: split.to_owned(),
                        epoch: None,
                        metric: metric.to_owned(),
                        value: value?,
                        low: None,
                        high: None,
                        n: None,
                        higher_is_better: None,
                    })
                })
                .collect();
            let folder = folder.join(format!("seed-{seed}"));
            parquet::write(&folder.join("metrics.parquet"), &metrics, &Origin::default()).unwrap();
            let Some(kept) = self.kept.get(i) else { continue };
            let archetypes: Vec<ArchetypeRow> = (0..self.k_max)
                .map(|k| ArchetypeRow {
                    archetype: k as i32,
                    active: k < kept.len(),
                    uses: i64::from(k < kept.len()),
                    alpha: 0.0,
                    label: kept.get(k).copied(),
                    label_name: kept.get(k).map(|&class| self.classes[class as usize].to_owned()),
                    value: vec![0.0; self.classes.len()],
                    output: vec![0.0; self.classes.len()],
                    embedding: vec![1.0],
                    nearest: Vec::new(),
                    nearest_similarity: Vec::new(),
                })
                .collect();
            let assignments: Vec<AssignmentRow> = (0..kept.len())
                .map(|k| AssignmentRow {
                    sample_id: format!("s{k}"),
                    split: "train".to_owned(),
                    archetype: k as i32,
                    similarity: 0.9,
                    second: None,
                    margin: None,
                    top_archetypes: vec![k as i32],
                    top_similarities: vec![0.9],
                })
                .collect();
            parquet::write(&folder.join("archetypes.parquet"), &archetypes, &Origin::default()).unwrap();
            parquet::write(&folder.join("assignments.parquet"), &assignments, &Origin::default()).unwrap();
        }
        folder
    }
}
