//! The views: their columns, the files behind them, and the tables made from the manifests.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int32Builder, Int64Array, Int64Builder, ListBuilder, RecordBatch,
    StringArray, StringBuilder,
};
use arrow::error::ArrowError;
use rayon::prelude::*;

use crate::naming;
use crate::regular;

use super::bins::Bins;
use super::discover::FoundRun;

/// Names of all views, as documented in `docs/tables.md`.
pub const VIEWS: [&str; 48] = [
    "archetype_names",
    "archetype_uses",
    "archetypes",
    "assignments",
    "attributes",
    "bin_allocation",
    "bin_allocation_seeds",
    "bins",
    "calibration",
    "class_allocation",
    "class_allocation_seeds",
    "classes",
    "contradictions",
    "duplicates",
    "first_seeds",
    "flows",
    "label_doubts",
    "label_doubts_au",
    "label_doubts_va",
    "label_issues",
    "label_issues_au",
    "label_issues_va",
    "label_review",
    "leads",
    "mapped_archetypes",
    "maps",
    "metrics",
    "missing",
    "outcomes",
    "predictions",
    "primary_metrics",
    "relabelled",
    "reliability",
    "resets",
    "run_settings",
    "runs",
    "samples",
    "scores",
    "seed_metrics",
    "separability",
    "settings",
    "stages",
    "standings",
    "subgroups",
    "truth",
    "units",
    "varied_settings",
    "warnings",
];

/// Text of a JSON member, empty members and nulls as nothing.
fn member(json: &serde_json::Value, key: &str) -> Option<String> {
    match json.get(key)? {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

/// One row a run, from the manifests.
pub(super) fn runs_batch(runs: &[FoundRun]) -> std::result::Result<RecordBatch, ArrowError> {
    let mut classes = ListBuilder::new(StringBuilder::new());
    let mut folds = ListBuilder::new(Int32Builder::new());
    let mut seeds = ListBuilder::new(Int64Builder::new());
    for run in runs {
        for class in &run.manifest.classes {
            classes.values().append_value(class);
        }
        classes.append(true);
        folds.values().append_slice(&run.manifest.folds);
        folds.append(true);
        seeds.values().append_slice(&run.manifest.seeds);
        seeds.append(true);
    }
    let paths: Vec<String> = runs.iter().map(FoundRun::place).collect();
    let encoders: Vec<Option<String>> = runs.iter().map(|run| naming::title(&run.manifest.encoder)).collect();
    let details: Vec<String> = runs.iter().map(|run| run.manifest.encoder.to_string()).collect();
    let protocols: Vec<String> = runs.iter().map(|run| run.manifest.protocol.to_string()).collect();
    let versions: Vec<Option<String>> = runs
        .iter()
        .map(|run| match run.manifest.versions.get("aura-bench") {
            Some(serde_json::Value::String(text)) => Some(text.clone()),
            _ => None,
        })
        .collect();
    let commits: Vec<Option<String>> = runs.iter().map(|run| member(&run.manifest.git, "commit")).collect();
    let text =
        |get: fn(&FoundRun) -> &str| texts(runs.iter().map(|run| Some(get(run)).filter(|text| !text.is_empty())));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("run", text(|run| &run.run)),
        ("name", text(|run| &run.manifest.name)),
        ("dataset", text(|run| &run.manifest.dataset)),
        ("task", text(|run| &run.manifest.task)),
        (
            "stand_in",
            Arc::new(
                runs.iter()
                    .map(|run| Some(run.manifest.stand_in))
                    .collect::<BooleanArray>(),
            ),
        ),
        ("method", text(|run| run.manifest.method())),
        (
            "probabilities",
            Arc::new(
                runs.iter()
                    .map(|run| Some(run.manifest.says_probabilities()))
                    .collect::<BooleanArray>(),
            ),
        ),
        ("encoder", texts(encoders.iter().map(Option::as_deref))),
        ("encoder_json", texts(details.iter().map(|text| Some(text.as_str())))),
        ("protocol_json", texts(protocols.iter().map(|text| Some(text.as_str())))),
        ("protocol_digest", text(|run| &run.manifest.protocol_digest)),
        ("recipe_digest", text(|run| &run.manifest.recipe_digest)),
        ("device", text(|run| &run.manifest.device)),
        ("classes", Arc::new(classes.finish())),
        ("folds", Arc::new(folds.finish())),
        ("seeds", Arc::new(seeds.finish())),
        (
            "study",
            texts(
                runs.iter()
                    .map(|run| run.manifest.sweep.as_ref().map(|sweep| sweep.name.as_str())),
            ),
        ),
        (
            "data_root",
            texts(runs.iter().map(|run| run.manifest.data_root.as_deref())),
        ),
        ("version", texts(versions.iter().map(Option::as_deref))),
        ("git_commit", texts(commits.iter().map(Option::as_deref))),
        (
            "git_dirty",
            Arc::new(
                runs.iter()
                    .map(|run| run.manifest.git.get("dirty").and_then(serde_json::Value::as_bool))
                    .collect::<BooleanArray>(),
            ),
        ),
        (
            "test_looks",
            Arc::new(
                runs.iter()
                    .map(|run| run.manifest.test_looks.and_then(|looks| i64::try_from(looks).ok()))
                    .collect::<Int64Array>(),
            ),
        ),
        ("created", text(|run| &run.manifest.created)),
        (
            "seconds",
            Arc::new(Float64Array::from_iter_values(
                runs.iter()
                    .map(|run| run.manifest.stages.iter().map(|stage| stage.seconds).sum()),
            )),
        ),
        ("path", texts(paths.iter().map(|text| Some(text.as_str())))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
}

/// One row a class (or dimension, or action unit) of a run.
pub(super) fn classes_batch(runs: &[FoundRun]) -> std::result::Result<RecordBatch, ArrowError> {
    let rows = || {
        runs.iter().flat_map(|run| {
            let names = run.manifest.classes.iter().enumerate();
            names.map(move |(i, name)| (run.run.as_str(), i as i32, name.as_str()))
        })
    };
    RecordBatch::try_from_iter_with_nullable([
        ("run", texts(rows().map(|(run, ..)| Some(run))), true),
        (
            "class",
            Arc::new(Int32Array::from_iter_values(rows().map(|(_, i, _)| i))) as ArrayRef,
            true,
        ),
        ("class_name", texts(rows().map(|(.., name)| Some(name))), true),
    ])
}

/// One row a bin of a dimension of a task.
pub(super) fn bins_batch(bins: &Bins) -> std::result::Result<RecordBatch, ArrowError> {
    let affect = ["valence", "arousal"].map(|name| ("valence_arousal", name, bins.affect.as_slice()));
    let units = bins
        .units
        .iter()
        .map(|name| ("action_units", name.as_str(), bins.activation.as_slice()));
    let rows: Vec<(&str, &str, usize, f64, f64, bool)> = affect
        .into_iter()
        .chain(units)
        .flat_map(|(task, dimension, edges)| {
            let pairs = edges.windows(2).enumerate();
            pairs.map(move |(i, pair)| (task, dimension, i, pair[0], pair[1], i + 2 == edges.len()))
        })
        .collect();
    RecordBatch::try_from_iter_with_nullable([
        ("task", texts(rows.iter().map(|row| Some(row.0))), true),
        ("dimension", texts(rows.iter().map(|row| Some(row.1))), true),
        (
            "position",
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.2 as i64))) as ArrayRef,
            true,
        ),
        (
            "low",
            Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.3))) as ArrayRef,
            true,
        ),
        (
            "high",
            Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.4))) as ArrayRef,
            true,
        ),
        (
            "last",
            Arc::new(rows.iter().map(|row| Some(row.5)).collect::<BooleanArray>()) as ArrayRef,
            true,
        ),
    ])
}

/// One row a stage of a run.
pub(super) fn warnings_batch(runs: &[FoundRun]) -> std::result::Result<RecordBatch, ArrowError> {
    let rows: Vec<(&str, i64, &str)> = runs
        .iter()
        .flat_map(|run| {
            let warnings = run.manifest.warnings.iter().zip(0..);
            warnings.map(|(text, at)| (run.run.as_str(), at, text.as_str()))
        })
        .collect();
    RecordBatch::try_from_iter_with_nullable([
        ("run", texts(rows.iter().map(|(run, ..)| Some(*run))), true),
        (
            "position",
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|(_, at, _)| *at))) as ArrayRef,
            true,
        ),
        ("warning", texts(rows.iter().map(|(.., text)| Some(*text))), true),
    ])
}

pub(super) fn stages_batch(runs: &[FoundRun]) -> std::result::Result<RecordBatch, ArrowError> {
    let rows = || {
        runs.iter().flat_map(|run| {
            let stages = run.manifest.stages.iter().enumerate();
            stages.map(move |(i, stage)| (run.run.as_str(), i as i64, stage))
        })
    };
    RecordBatch::try_from_iter_with_nullable([
        ("run", texts(rows().map(|(run, ..)| Some(run))), true),
        (
            "position",
            Arc::new(Int64Array::from_iter_values(rows().map(|(_, i, _)| i))) as ArrayRef,
            true,
        ),
        (
            "stage",
            texts(rows().map(|(.., stage)| Some(stage.name.as_str()))),
            true,
        ),
        (
            "seconds",
            Arc::new(Float64Array::from_iter_values(rows().map(|(.., stage)| stage.seconds))) as ArrayRef,
            true,
        ),
        (
            "cached",
            Arc::new(rows().map(|(.., stage)| Some(stage.cached)).collect::<BooleanArray>()) as ArrayRef,
            true,
        ),
        ("digest", texts(rows().map(|(.., stage)| stage.digest.as_deref())), true),
    ])
}

/// One row a key of a run's resolved recipe, by its dotted name. A run without a recipe, or with one that is no TOML, has
/// no rows.
pub(super) fn settings_batch(runs: &[FoundRun]) -> std::result::Result<RecordBatch, ArrowError> {
    let rows: Vec<(&str, String, String)> = runs
        .par_iter()
        .flat_map_iter(|run| {
            let text = regular::text(&run.path.join("recipe.toml")).unwrap_or_default();
            let mut found = Vec::new();
            if let Ok(recipe) = text.parse::<toml::Table>() {
                for (key, value) in &recipe {
                    flatten(key.clone(), value, &mut found);
                }
            }
            found.into_iter().map(|(key, value)| (run.run.as_str(), key, value))
        })
        .collect();
    RecordBatch::try_from_iter_with_nullable([
        ("run", texts(rows.iter().map(|(run, ..)| Some(*run))), true),
        ("key", texts(rows.iter().map(|(_, key, _)| Some(key.as_str()))), true),
        (
            "value",
            texts(rows.iter().map(|(.., value)| Some(value.as_str()))),
            true,
        ),
    ])
}

fn flatten(key: String, value: &toml::Value, out: &mut Vec<(String, String)>) {
    match value {
        toml::Value::Table(table) => {
            for (name, value) in table {
                flatten(format!("{key}.{name}"), value, out);
            }
        }
        // Entries of a list of tables by the name that they have in the run: `test.rafdb.answers`.
        toml::Value::Array(entries) if entries.iter().any(toml::Value::is_table) => {
            for (at, entry) in entries.iter().enumerate() {
                let name = entry.get("name").and_then(toml::Value::as_str);
                flatten(
                    name.map_or_else(|| format!("{key}[{at}]"), |name| format!("{key}.{name}")),
                    entry,
                    out,
                );
            }
        }
        toml::Value::String(text) => out.push((key, text.clone())),
        other => out.push((key, other.to_string())),
    }
}
