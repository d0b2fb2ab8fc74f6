//! What `run` prints at the end: the result table, or one JSON object.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use schemars::JsonSchema;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::check::compare::RivalStanding;
use crate::check::names::{of_row, on};
use crate::check::standing;
use crate::error::{Error, Result};
use crate::metric::seeds::OverSeeds;
use crate::naming;
use crate::query::context::QueryContext;
use crate::recipe::Recipe;
use crate::run::folder::RunFolder;
use crate::run::manifest::{Manifest, OtherTest, Relabelled, StageRecord};

/// The outcome of a run. Fractions, never per cent.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Summary {
    /// Version of this object.
    pub schema: u32,
    /// Name of the run folder.
    pub run: String,
    /// The run folder.
    pub run_dir: String,
    /// The report's page.
    pub report: String,
    /// Card of the database.
    pub dataset: String,
    /// The task.
    pub task: String,
    /// True if the faces were generated: the numbers then say nothing about the database.
    pub stand_in: bool,
    /// The encoder, and that its weights are random where they are: the features then mean nothing.
    pub encoder: Option<String>,
    /// Device that computed.
    pub device: String,
    /// Folds that a metric is the mean of; empty without folds.
    pub folds: Vec<i32>,
    /// Seeds of this call.
    pub seeds: Vec<u64>,
    /// AURA's metrics on the test split, on other databases (`acc@rafdb`), and those of its dictionary.
    pub metrics: BTreeMap<String, OverSeeds>,
    /// Every method's metrics on the same.
    pub methods: BTreeMap<String, BTreeMap<String, OverSeeds>>,
    /// Other databases that were tested on: what is asked there, and of how many samples.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<OtherTest>,
    /// What was reviewed of the labels, where the protocol names a list of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relabelled: Option<Relabelled>,
    /// How AURA's read-outs stand against each rival on each test set, over all seeds that the folder holds.
    pub standings: Vec<RivalStanding>,
    /// Stages in their order: seconds, and whether they were cached.
    #[serde(serialize_with = "stages_by_name")]
    #[schemars(with = "BTreeMap<String, StageTime>")]
    pub stages: Vec<StageRecord>,
    #[serde(skip)]
    pub(super) random_weights: bool,
    #[serde(skip)]
    primary: &'static str,
    #[serde(skip)]
    title: String,
    /// A test sample to begin with: one that the first seed gets wrong, where a prediction can be right or wrong.
    #[serde(skip)]
    pub(crate) sample: Option<String>,
}

/// Collects the summary from the run folder's tables.
pub(super) fn summarise(
    recipe: &Recipe,
    folder: &RunFolder,
    manifest: &Manifest,
    report: &Path,
    stages: Vec<StageRecord>,
) -> Result<Summary> {
    let seeds = &recipe.protocol.seeds;
    let context = QueryContext::open(&[folder.path().to_owned()])?;
    let rows = standing::read(&context.query("SELECT * FROM standings ORDER BY read_out, lead, method")?);
    let table = context.query(
        "SELECT method, split, metric, seed, value FROM seed_metrics WHERE epoch IS NULL \
         AND (split IN ('test', 'all') OR starts_with(split, 'test@')) ORDER BY method, metric, split, seed",
    )?;
    let mut values: BTreeMap<(String, String), BTreeMap<u64, f64>> = BTreeMap::new();
    for row in &table.rows {
        let text = |column| table.get(row, column).as_str().unwrap_or_default().to_owned();
        let seed = table
            .get(row, "seed")
            .as_i64()
            .and_then(|seed| u64::try_from(seed).ok());
        let (Some(seed), Some(value)) = (seed, table.get(row, "value").as_f64()) else {
            continue;
        };
        let metric = of_row(&text("metric"), &text("split"));
        values.entry((text("method"), metric)).or_default().insert(seed, value);
    }
    let mut methods: BTreeMap<String, BTreeMap<String, OverSeeds>> = BTreeMap::new();
    for ((method, metric), by_seed) in values {
        let found: Vec<f64> = seeds.iter().filter_map(|seed| by_seed.get(seed).copied()).collect();
        // A metric that some seed lacks has no mean: it is missing, not averaged over the rest.
        if let Some(over_seeds) = OverSeeds::of(&found).filter(|_| found.len() == seeds.len()) {
            methods.entry(method).or_default().insert(metric, over_seeds);
        }
    }
    let first = context.query(
        "SELECT sample_id FROM predictions WHERE method = 'aura' AND split = 'test' \
         ORDER BY fold, seed, correct, sample_id LIMIT 1",
    )?;
    let primary = recipe.protocol.task.primary_metric();
    let metrics = methods.get("aura").cloned().unwrap_or_default();
    if !metrics.contains_key(primary) {
        return Err(Error::data(format!(
            "the run folder {} has no `{primary}` for every seed",
            folder.path().display()
        )));
    }
    Ok(Summary {
        schema: 1,
        run: manifest.run.clone(),
        run_dir: folder.path().display().to_string(),
        report: report.display().to_string(),
        dataset: manifest.dataset.clone(),
        task: manifest.task.clone(),
        stand_in: manifest.stand_in,
        encoder: naming::title(&manifest.encoder),
        device: manifest.device.clone(),
        folds: manifest.folds.clone(),
        seeds: seeds.clone(),
        metrics,
        methods,
        tests: manifest.tests.clone(),
        relabelled: manifest.relabelled.clone(),
        standings: rows.iter().map(RivalStanding::from).collect(),
        stages,
        random_weights: naming::is_random(&manifest.encoder),
        primary,
        title: recipe.card.title.clone(),
        sample: first
            .rows
            .first()
            .and_then(|row| first.get(row, "sample_id").as_str().map(str::to_owned)),
    })
}

/// What the summary says of a stage.
#[derive(Serialize, JsonSchema)]
struct StageTime {
    /// Seconds of this call.
    seconds: f64,
    /// Whether everything was there already.
    cached: bool,
}

/// `{"convert": {"seconds": 1.2, "cached": false}, …}` in the order of the chain.
pub(super) fn stages_by_name<S: Serializer>(
    stages: &[StageRecord],
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(stages.len()))?;
    for stage in stages {
        map.serialize_entry(
            &stage.name,
            &StageTime {
                seconds: stage.seconds,
                cached: stage.cached,
            },
        )?;
    }
    map.end()
}

impl Summary {
    /// The result table for a person.
    pub fn to_text(&self) -> String {
        let columns: Vec<&str> = match self.task.as_str() {
            "expression" => vec!["acc", "balanced_acc", "f1_macro"],
            "valence_arousal" => vec!["ccc_va", "ccc_v", "ccc_a"],
            _ => vec!["f1_avg", "acc_avg"],
        };
        // With one dimension alone there is nothing of the other.
        let mut columns: Vec<String> = columns
            .into_iter()
            .filter(|column| self.methods.values().any(|metrics| metrics.contains_key(*column)))
            .map(str::to_owned)
            .collect();
        columns.extend(self.tests.iter().map(|test| on(self.primary, &test.name)));
        let widths: Vec<usize> = columns.iter().map(|column| column.len().max(14) + 2).collect();
        let seeds: Vec<String> = self.seeds.iter().map(u64::to_string).collect();
        let mut out = String::new();
        if self.stand_in {
            let _ = writeln!(out, "STAND-IN FACES: these numbers say nothing about {}", self.title);
        }
        if self.random_weights {
            let _ = writeln!(out, "{}", naming::RANDOM_WARNING);
        }
        let tested = if self.folds.is_empty() {
            "test split".to_owned()
        } else {
            let folds: Vec<String> = self.folds.iter().map(i32::to_string).collect();
            format!("mean over test folds {}", folds.join(", "))
        };
        let _ = writeln!(
            out,
            "{}, {}, {tested}, in per cent, seeds {}",
            self.title,
            self.task,
            seeds.join(", ")
        );
        let _ = write!(out, "{:<16}", "method");
        for (column, width) in columns.iter().zip(&widths) {
            let _ = write!(out, "{column:>width$}");
        }
        out.push('\n');
        let mut order: Vec<&String> = self.methods.keys().collect();
        order.sort_by_key(|name| (!name.starts_with("aura"), name.as_str()));
        for method in order {
            let _ = write!(out, "{method:<16}");
            for (column, width) in columns.iter().zip(&widths) {
                let cell = self.methods[method].get(column).map_or_else(|| "—".to_owned(), cell);
                let _ = write!(out, "{cell:>width$}");
            }
            out.push('\n');
        }
        for test in &self.tests {
            let _ = writeln!(out, "@{}: {}", test.name, test.described());
        }
        out.push_str(&self.standing(self.primary));
        for test in &self.tests {
            out.push_str(&self.standing(&on(self.primary, &test.name)));
        }
        let _ = write!(out, "report  {}", self.report);
        out
    }

    /// The task's primary metric.
    pub(super) fn primary(&self) -> &'static str {
        self.primary
    }

    /// The best of the rivals by the primary metric, and its mean.
    pub(super) fn best_rival(&self) -> Option<(&str, f64)> {
        self.methods
            .iter()
            .filter(|(name, _)| !name.starts_with("aura"))
            .filter_map(|(name, metrics)| Some((name.as_str(), metrics.get(self.primary)?.mean)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// How the read-outs stand against every rival in one metric, a line a rival; nothing without rivals.
    fn standing(&self, metric: &str) -> String {
        let mut rivals: Vec<&str> = Vec::new();
        let here: Vec<&RivalStanding> = self.standings.iter().filter(|row| row.metric == metric).collect();
        for row in &here {
            if !rivals.contains(&row.method.as_str()) {
                rivals.push(&row.method);
            }
        }
        if rivals.is_empty() {
            return String::new();
        }
        let read_outs: Vec<&str> = standing::READ_OUTS
            .into_iter()
            .filter(|read_out| here.iter().any(|row| row.read_out == *read_out))
            .collect();
        let mut out = format!(
            "AURA's lead in points of {metric}, all seeds of the folder, 95 % interval, Holm over the rivals\n{:<16}",
            "against"
        );
        for read_out in &read_outs {
            let _ = write!(out, "  {read_out:>26}");
        }
        out.push('\n');
        for rival in rivals {
            let _ = write!(out, "{rival:<16}");
            for read_out in read_outs.iter().copied() {
                let row = here.iter().find(|row| row.method == rival && row.read_out == read_out);
                let _ = write!(
                    out,
                    "  {:>26}",
                    row.map_or_else(
                        || "—".to_owned(),
                        |r| standing::phrase(r.lead, r.low, r.high, &r.verdict)
                    )
                );
            }
            out.push('\n');
        }
        out
    }
}

/// "mean ± sd" in per cent.
pub(super) fn cell(metric: &OverSeeds) -> String {
    match metric.sd {
        Some(sd) => format!("{:.2} ± {:.2}", metric.mean * 100.0, sd * 100.0),
        None => format!("{:.2}", metric.mean * 100.0),
    }
}
