//! What `score` prints at the end: the numbers of the tool, or one JSON object.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::Result;
use crate::metric::seeds::OverSeeds;
use crate::query::context::QueryContext;
use crate::run::folder::RunFolder;
use crate::run::manifest::{Manifest, Relabelled, Scored};

use super::summary::cell;

/// The outcome of scoring. Fractions, never per cent.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ScoreSummary {
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
    /// The tool, as the tables call its method.
    pub tool: String,
    /// How rows were matched with samples: `sample_id`, `image`, `frame` or `order`.
    pub matched: String,
    /// Test samples, over all folds.
    pub samples: u64,
    /// Those without a prediction, of the seed that has most.
    pub missing_samples: u64,
    /// What they count as: `error`, `wrong` or `left_out`.
    pub missing: String,
    /// Folds that a metric is the mean of; empty without folds.
    pub folds: Vec<i32>,
    /// Seeds that the files hold.
    pub seeds: Vec<i64>,
    /// The tool's metrics on the test samples.
    pub metrics: BTreeMap<String, OverSeeds>,
    /// 95 % interval of the primary metric given the test samples, mean over seeds; null in a run with folds.
    pub interval: Option<[f64; 2]>,
    /// What was reviewed of the labels, where the protocol names a list of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relabelled: Option<Relabelled>,
    /// What changes what is measured, and was not asked for.
    pub warnings: Vec<String>,
    #[serde(skip)]
    title: String,
}

impl ScoreSummary {
    /// Collects the summary from the run folder's tables; `database` is its title.
    ///
    /// # Errors
    /// If a table cannot be read.
    pub(super) fn of(folder: &RunFolder, manifest: &Manifest, report: &Path, database: &str) -> Result<Self> {
        let context = QueryContext::open(&[folder.path().to_owned()])?;
        let table = context.query(
            "SELECT metric, seed, value, low, high FROM seed_metrics WHERE epoch IS NULL AND split = 'test' ORDER BY metric, seed",
        )?;
        let mut values: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        let (mut low, mut high) = (Vec::new(), Vec::new());
        for row in &table.rows {
            let metric = table.get(row, "metric").as_str().unwrap_or_default().to_owned();
            if let Some(value) = table.get(row, "value").as_f64() {
                values.entry(metric).or_default().push(value);
            }
            low.extend(table.get(row, "low").as_f64());
            high.extend(table.get(row, "high").as_f64());
        }
        let mean = |of: &[f64]| OverSeeds::of(of).map(|over| over.mean);
        let record = manifest.scored.clone().unwrap_or_default();
        let Scored {
            tool,
            matched,
            missing,
            missing_samples,
            samples,
            ..
        } = record;
        Ok(Self {
            schema: 1,
            run: manifest.run.clone(),
            run_dir: folder.path().display().to_string(),
            report: report.display().to_string(),
            dataset: manifest.dataset.clone(),
            task: manifest.task.clone(),
            stand_in: manifest.stand_in,
            tool,
            matched,
            samples,
            missing_samples,
            missing,
            folds: manifest.folds.clone(),
            seeds: manifest.seeds.clone(),
            metrics: values
                .into_iter()
                .filter_map(|(metric, values)| Some((metric, OverSeeds::of(&values)?)))
                .collect(),
            // That of a mean over folds is not the mean of their intervals.
            interval: mean(&low)
                .zip(mean(&high))
                .filter(|_| manifest.folds.is_empty())
                .map(|(low, high)| [low, high]),
            relabelled: manifest.relabelled.clone(),
            warnings: manifest.warnings.clone(),
            title: database.to_owned(),
        })
    }

    /// The numbers for a person.
    pub fn to_text(&self) -> String {
        let columns: &[&str] = match self.task.as_str() {
            "expression" => &["acc", "balanced_acc", "f1_macro"],
            "valence_arousal" => &["ccc_va", "ccc_v", "ccc_a"],
            _ => &["f1_avg", "acc_avg"],
        };
        let mut out = String::new();
        if self.stand_in {
            let _ = writeln!(out, "STAND-IN FACES: these numbers say nothing about {}", self.title);
        }
        let tested = match self.folds.len() {
            0 => "test split".to_owned(),
            folds => format!("mean over {folds} test folds"),
        };
        let _ = writeln!(out, "{}, {}, {tested}, in per cent", self.title, self.task);
        let _ = write!(out, "{:<16}", "tool");
        let columns: Vec<&&str> = columns
            .iter()
            .filter(|column| self.metrics.contains_key(**column))
            .collect();
        for column in &columns {
            let _ = write!(out, "{column:>16}");
        }
        let _ = write!(out, "\n{:<16}", self.tool);
        for column in &columns {
            let _ = write!(
                out,
                "{:>16}",
                self.metrics.get(**column).map_or_else(|| "—".to_owned(), cell)
            );
        }
        if let (Some([low, high]), Some(primary)) = (self.interval, columns.first()) {
            let _ = write!(
                out,
                "\n{primary}: 95 % interval {:.2} to {:.2}",
                100.0 * low,
                100.0 * high
            );
        }
        let matched = match self.matched.as_str() {
            "sample_id" => "their identifiers",
            "image" => "their images",
            "frame" => "person and frame",
            _ => "their order alone",
        };
        let missing = match (self.missing_samples, self.missing.as_str()) {
            (0, _) => "every one has a prediction".to_owned(),
            (n, "wrong") => format!("{n} have none and count as wrong"),
            (n, "left_out") => format!("{n} have none and are left out"),
            (n, _) => format!("{n} have a class that is none of the protocol's and count as wrong"),
        };
        let _ = write!(
            out,
            "\n{} test samples, found by {matched}; {missing}\nreport  {}",
            self.samples, self.report
        );
        out
    }
}
