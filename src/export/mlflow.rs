//! A run on a tracking server of `MLflow`: one run for the recipe with means and standard deviations, and below it one for each
//! seed (and fold) with final values and training curves.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::check::facts::Facts;
use crate::digest::Digest;
use crate::error::{Context, Result};
use crate::metric::seeds::OverSeeds;
use crate::naming;
use crate::query::context::QueryContext;

use super::mlflow_server::Server;

/// Longest value of a parameter that a server takes.
const LONGEST: usize = 6_000;

/// The tag by which all runs of an export are found again: the name of the run folder.
const OWNER: &str = "aura_bench.run";

/// Points (step, value) by the name of the series.
type Series = BTreeMap<String, Vec<(i64, f64)>>;

/// A run that is being written.
struct Entry<'a> {
    server: &'a Server,
    id: String,
    milliseconds: u64,
}

/// What was exported.
#[derive(Debug)]
pub struct Exported {
    /// Address of the run's page.
    pub page: String,
    /// What the server could not be given, and why.
    pub warning: Option<String>,
}

/// Writes `run` to the server. What an earlier export of the same run wrote is deleted once the new one is whole.
///
/// # Errors
/// If the run cannot be read, or the server does not answer or refuses.
pub fn export(run: &Facts, server: &Server) -> Result<Exported> {
    let manifest = &run.manifest;
    let milliseconds = humantime::parse_rfc3339(&manifest.created)
        .ok()
        .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
        .map_or(0, |time| time.as_millis() as u64);
    let experiment = server.experiment(&format!("{} {}", manifest.dataset, manifest.task))?;
    let before = server.runs_with_tag(&experiment, OWNER, &manifest.run)?;

    let entry = |name: &str, parent: Option<&str>| -> Result<Entry<'_>> {
        let id = server.create_run(&experiment, name, milliseconds, &tags(run, parent))?;
        Ok(Entry {
            server,
            id,
            milliseconds,
        })
    };
    let parent = entry(&manifest.run, None)?;
    parent.parameters(run.settings.iter().map(|(key, value)| (key.as_str(), value.as_str())))?;
    let mut means = Series::new();
    for (metric, by_seed) in &run.values {
        let whole = manifest.seeds.iter().all(|seed| by_seed.contains_key(seed));
        let values: Vec<f64> = by_seed.values().copied().collect();
        if let Some(summary) = OverSeeds::of(&values).filter(|_| whole) {
            means.insert(metric.clone(), vec![(0, summary.mean)]);
            if let Some(sd) = summary.sd {
                means.insert(format!("{metric}.sd"), vec![(0, sd)]);
            }
        }
    }
    parent.metrics(&means)?;
    let mut warning = None;
    for name in ["recipe.toml", "manifest.json"] {
        let from = run.path.join(name);
        if from.is_file() {
            let bytes = std::fs::read(&from).at("read", &from)?;
            warning = server.put_artifact(&parent.id, name, &bytes)?.or(warning);
        }
    }
    for ((fold, seed), metrics) in curves(run)? {
        let name = match fold {
            Some(fold) => format!("{} fold {fold} seed {seed}", manifest.run),
            None => format!("{} seed {seed}", manifest.run),
        };
        let child = entry(&name, Some(&parent.id))?;
        let fold = fold.map(|fold| fold.to_string());
        let seed = seed.to_string();
        child.parameters(
            [("seed", seed.as_str())]
                .into_iter()
                .chain(fold.as_deref().map(|fold| ("fold", fold))),
        )?;
        child.metrics(&metrics)?;
        child.finish()?;
    }
    parent.finish()?;
    for id in before {
        server.delete_run(&id)?;
    }
    Ok(Exported {
        page: server.page(&experiment, &parent.id),
        warning,
    })
}

/// Final values and curves of every fold and seed.
fn curves(run: &Facts) -> Result<BTreeMap<(Option<i64>, i64), Series>> {
    let context = QueryContext::open(std::slice::from_ref(&run.path))?;
    let table = context.query(
        "SELECT fold, seed, method, split, metric, epoch, value FROM metrics \
         ORDER BY fold, seed, method, split, metric, epoch",
    )?;
    let mut units: BTreeMap<(Option<i64>, i64), Series> = BTreeMap::new();
    for row in &table.rows {
        let text = |column| table.get(row, column).as_str().unwrap_or_default();
        let (Some(seed), Some(value)) = (table.get(row, "seed").as_i64(), table.get(row, "value").as_f64()) else {
            continue;
        };
        let method = match text("method") {
            own if own == run.manifest.method() => String::new(),
            other => format!("{other}."),
        };
        let epoch = table.get(row, "epoch").as_i64();
        // Curves and final values are different series: the final one is taken after pruning.
        let series = if epoch.is_some() { "epoch." } else { "" };
        let name = format!("{series}{method}{}.{}", text("split"), text("metric"));
        units
            .entry((table.get(row, "fold").as_i64(), seed))
            .or_default()
            .entry(name)
            .or_default()
            .push((epoch.unwrap_or(0), value));
    }
    Ok(units)
}

/// What is said of every run of an export.
fn tags(run: &Facts, parent: Option<&str>) -> Vec<Value> {
    let manifest = &run.manifest;
    let commit = manifest.git.get("commit").and_then(Value::as_str);
    let stand_in = manifest.stand_in.to_string();
    let encoder = naming::title(&manifest.encoder);
    let stand_in_note = format!("Stand-in faces: these numbers say nothing about {}.", manifest.dataset);
    let random_note = "Random weights: the encoder was drawn, not trained; its features mean nothing.";
    let notes: Vec<&str> = [
        (manifest.stand_in, stand_in_note.as_str()),
        (naming::is_random(&manifest.encoder), random_note),
    ]
    .into_iter()
    .filter_map(|(applies, note)| applies.then_some(note))
    .collect();
    let note = (!notes.is_empty()).then(|| notes.join(" "));
    [
        (OWNER, Some(manifest.run.as_str())),
        ("mlflow.user", Some("aura-bench")),
        ("mlflow.source.name", manifest.recipe_file.as_deref()),
        ("mlflow.source.type", Some("LOCAL")),
        ("mlflow.source.git.commit", commit),
        ("mlflow.parentRunId", parent),
        ("mlflow.note.content", note.as_deref()),
        ("aura_bench.stand_in", Some(stand_in.as_str())),
        ("aura_bench.encoder", encoder.as_deref()),
        ("aura_bench.protocol_digest", Some(manifest.protocol_digest.as_str())),
        ("aura_bench.recipe_digest", Some(manifest.recipe_digest.as_str())),
        ("aura_bench.device", Some(manifest.device.as_str())),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some(json!({ "key": key, "value": value? })))
    .collect()
}

impl Entry<'_> {
    fn parameters<'p>(&self, parameters: impl IntoIterator<Item = (&'p str, &'p str)>) -> Result<()> {
        let rows: Vec<Value> = parameters
            .into_iter()
            .map(|(key, value)| {
                let value: String = value.chars().take(LONGEST).collect();
                json!({ "key": legal(key), "value": value })
            })
            .collect();
        self.server.log(&self.id, "params", &rows)
    }

    fn metrics(&self, series: &Series) -> Result<()> {
        let points = series
            .iter()
            .flat_map(|(name, points)| points.iter().map(move |point| (name, point)));
        let rows: Vec<Value> = points
            .filter(|(_, (_, value))| value.is_finite())
            .map(|(name, (step, value))| {
                json!({ "key": legal(name), "value": value, "timestamp": self.milliseconds, "step": step })
            })
            .collect();
        self.server.log(&self.id, "metrics", &rows)
    }

    fn finish(&self) -> Result<()> {
        self.server.finish_run(&self.id, self.milliseconds)
    }
}

/// A name that a server accepts, which none takes for a path: letters, digits, `_`, `-`, `.` and spaces. One that is changed for it ends in
/// its digest, so that two names stay two.
fn legal(name: &str) -> String {
    // `acc@rafdb`
    let name = &name.replace('@', "-at-");
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "_-. ".contains(c) {
                c
            } else {
                '_'
            }
        })
        .take(200)
        .collect();
    if plain == *name && !name.chars().all(|c| c == '.') {
        return plain;
    }
    let digest = Digest::new("mlflow name").part("name", name).finish();
    format!("{}-{}", plain.replace("..", "_"), &digest[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_paths_and_stay_two() {
        assert_eq!(legal("model.k_max"), "model.k_max");
        assert!(legal("../../x").starts_with("____x-"), "{}", legal("../../x"));
        assert!(legal("..").starts_with("_-"));
        assert_ne!(legal("f1_\u{e9}"), legal("f1_\u{e8}"));
        let long = "a".repeat(300);
        assert_ne!(legal(&long), legal(&format!("{long}b")));
    }
}
