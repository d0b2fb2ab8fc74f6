//! A run as a file store of `MLflow` (`mlruns/`): one run for the recipe with means and standard deviations, and below it one
//! for each seed (and fold) with final values and training curves.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::check::facts::Facts;
use crate::digest::Digest;
use crate::disk::atomic;
use crate::error::{Context, Error, Result};
use crate::metric::seeds::OverSeeds;
use crate::naming;
use crate::query::context::QueryContext;

/// Longest value of a parameter that the store accepts.
const LONGEST: usize = 6_000;

/// Points (step, value) by the name of the series.
type Series = BTreeMap<String, Vec<(i64, f64)>>;

/// One run of the store.
struct Entry<'a> {
    folder: PathBuf,
    id: String,
    experiment: &'a str,
    name: String,
    milliseconds: u64,
}

/// Writes `run` into the file store at `store` (by custom a folder named `mlruns`) and returns the store's address.
///
/// Identifiers come from the run's own: exporting a run again replaces it.
///
/// # Errors
/// If the run cannot be read or a file cannot be written.
pub fn export(run: &Facts, store: &Path) -> Result<String> {
    std::fs::create_dir_all(store).at("create the folder", store)?;
    let store = store.canonicalize().at("open", store)?;
    let manifest = &run.manifest;
    let milliseconds = humantime::parse_rfc3339(&manifest.created)
        .ok()
        .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
        .map_or(0, |time| time.as_millis() as u64);
    let experiment = experiment(&store, run, milliseconds)?;
    let parent = Entry::new(&store, &experiment, &manifest.run, &manifest.run, milliseconds)?;
    parent.begin(run, None)?;
    for (key, value) in &run.settings {
        parent.parameter(key, value)?;
    }
    for (metric, by_seed) in &run.values {
        let whole = manifest.seeds.iter().all(|seed| by_seed.contains_key(seed));
        let values: Vec<f64> = by_seed.values().copied().collect();
        if let Some(summary) = OverSeeds::of(&values).filter(|_| whole) {
            parent.metric(metric, &[(0, summary.mean)])?;
            if let Some(sd) = summary.sd {
                parent.metric(&format!("{metric}.sd"), &[(0, sd)])?;
            }
        }
    }
    for name in ["recipe.toml", "manifest.json"] {
        let from = run.path.join(name);
        if from.is_file() {
            let bytes = std::fs::read(&from).at("read", &from)?;
            atomic::write(&parent.folder.join("artifacts").join(name), &bytes)?;
        }
    }
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
            "aura" => String::new(),
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
    for ((fold, seed), metrics) in units {
        let name = match fold {
            Some(fold) => format!("{} fold {fold} seed {seed}", manifest.run),
            None => format!("{} seed {seed}", manifest.run),
        };
        let child = Entry::new(&store, &experiment, &name, &name, milliseconds)?;
        child.begin(run, Some(&parent.id))?;
        child.parameter("seed", &seed.to_string())?;
        if let Some(fold) = fold {
            child.parameter("fold", &fold.to_string())?;
        }
        for (metric, points) in &metrics {
            child.metric(metric, points)?;
        }
    }
    address(&store)
}

fn address(path: &Path) -> Result<String> {
    let text = path.to_str().ok_or_else(|| {
        Error::Usage(format!(
            "{} is not UTF-8, which addresses of the store must be",
            path.display()
        ))
    })?;
    let mut out = String::from("file://");
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    Ok(out)
}

/// A YAML string in single quotes.
fn quoted(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("'{}'", line.replace('\'', "''"))
}

/// The experiment of a database and task; its folder is made if it is not there.
fn experiment(store: &Path, run: &Facts, milliseconds: u64) -> Result<String> {
    let name = format!("{} {}", run.manifest.dataset, run.manifest.task);
    let digest = Digest::new("mlflow experiment").part("name", &name).finish();
    let number = u64::from_str_radix(digest.get(..15).unwrap_or("0"), 16).unwrap_or(0);
    let id = (number % 1_000_000_000_000_000_000).to_string();
    let meta = store.join(&id).join("meta.yaml");
    if !meta.is_file() {
        let text = format!(
            "artifact_location: {}\ncreation_time: {milliseconds}\nexperiment_id: '{id}'\nlast_update_time: {milliseconds}\n\
             lifecycle_stage: active\nname: {}\n",
            quoted(&address(&store.join(&id))?),
            quoted(&name)
        );
        atomic::write(&meta, text.as_bytes())?;
    }
    Ok(id)
}

impl<'a> Entry<'a> {
    fn new(store: &Path, experiment: &'a str, key: &str, name: &str, milliseconds: u64) -> Result<Self> {
        let digest = Digest::new("mlflow run").part("key", key).finish();
        let id = digest.get(..32).unwrap_or(&digest).to_owned();
        let folder = store.join(experiment).join(&id);
        if folder.is_dir() {
            std::fs::remove_dir_all(&folder).at("remove", &folder)?;
        }
        for part in ["metrics", "params", "tags", "artifacts"] {
            let part = folder.join(part);
            std::fs::create_dir_all(&part).at("create the folder", &part)?;
        }
        Ok(Self {
            folder,
            id,
            experiment,
            name: name.to_owned(),
            milliseconds,
        })
    }

    fn begin(&self, run: &Facts, parent: Option<&str>) -> Result<()> {
        let text = format!(
            "artifact_uri: {}\nend_time: {t}\nentry_point_name: ''\nexperiment_id: '{}'\nlifecycle_stage: active\nrun_id: {}\n\
             run_name: {}\nrun_uuid: {}\nsource_name: ''\nsource_type: 4\nsource_version: ''\nstart_time: {t}\nstatus: 3\n\
             tags: []\nuser_id: aura-bench\n",
            quoted(&address(&self.folder.join("artifacts"))?),
            self.experiment,
            self.id,
            quoted(&self.name),
            self.id,
            t = self.milliseconds,
        );
        atomic::write(&self.folder.join("meta.yaml"), text.as_bytes())?;
        let manifest = &run.manifest;
        let commit = manifest.git.get("commit").and_then(serde_json::Value::as_str);
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
        let tags = [
            ("mlflow.runName", Some(self.name.as_str())),
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
        ];
        for (name, value) in tags {
            if let Some(value) = value {
                atomic::write(&self.folder.join("tags").join(name), value.as_bytes())?;
            }
        }
        Ok(())
    }

    fn parameter(&self, key: &str, value: &str) -> Result<()> {
        let value: String = value.chars().take(LONGEST).collect();
        atomic::write(&self.folder.join("params").join(legal(key)), value.as_bytes())
    }

    fn metric(&self, name: &str, points: &[(i64, f64)]) -> Result<()> {
        let mut text = String::new();
        for (step, value) in points {
            let _ = writeln!(text, "{} {value:?} {step}", self.milliseconds);
        }
        atomic::write(&self.folder.join("metrics").join(legal(name)), text.as_bytes())
    }
}

/// A name that the store accepts, and that is no path: letters, digits, `_`, `-`, `.` and spaces. One that is changed for it ends in
/// its digest, so that two names stay two.
fn legal(name: &str) -> String {
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
    if plain == name && !name.chars().all(|c| c == '.') {
        return plain;
    }
    let digest = Digest::new("mlflow name").part("name", name).finish();
    format!("{}-{}", plain.replace("..", "_"), &digest[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_the_folder() {
        assert_eq!(legal("model.k_max"), "model.k_max");
        assert!(legal("../../x").starts_with("____x-"), "{}", legal("../../x"));
        assert!(legal("..").starts_with("_-"));
        assert_ne!(legal("f1_\u{e9}"), legal("f1_\u{e8}"));
        let long = "a".repeat(300);
        assert_ne!(legal(&long), legal(&format!("{long}b")));
        assert_eq!(quoted("it's\nso"), "'it''s so'");
        assert_eq!(address(Path::new("/a b/ü")).unwrap(), "file:///a%20b/%C3%BC");
    }
}
