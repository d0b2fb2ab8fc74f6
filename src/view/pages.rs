//! The pages: the list of runs, and the explorer of one or of two.

use minijinja::{Value as Json, context};
use serde::Serialize;

use crate::error::Result;
use crate::query::{FoundRun, Value};
use crate::report::answer::number_of;
use crate::report::cells::{MISSING, label};
use crate::report::page::{environment, fill, frame, raw, script, serial};

use super::answer::Answer;
use super::live::trainings;
use super::site::{Opened, Site, key};

/// What a page may do that is served: ask its own server, and nobody else.
const POLICY: &str = "default-src 'none'; connect-src 'self'; img-src 'self' data:; font-src data:; style-src 'unsafe-inline'; \
                      script-src 'unsafe-inline'; form-action 'self'";

/// What is told of the runs in the list.
const SQL: &str = "sql/view_runs.sql";

/// A run in the list.
#[derive(Debug, Serialize)]
struct Row {
    key: String,
    run: String,
    dataset: String,
    task: String,
    stand_in: bool,
    seeds: usize,
    created: String,
    /// `61.2 %`, with what it is.
    value: String,
    what: String,
    /// Whether its report lies in its folder.
    report: bool,
}

impl Site {
    /// Whether a run has a report that may be shown: it holds images, unless its recipe left them out.
    fn has_report(&self, run: &FoundRun) -> bool {
        self.options.images && run.has("report/report.html")
    }

    fn rows(&self) -> Result<(Vec<Row>, Vec<String>)> {
        let query = self.query()?;
        let labels = self.assets.labels()?;
        let told = query
            .query(&self.assets.text(SQL)?)
            .map_err(|error| error.within(SQL))?;
        let of_run = |run: &str| told.rows.iter().find(|row| told.get(row, "run").as_str() == Some(run));
        let rows = query.runs().iter().map(|run| {
            let row = of_run(&run.run);
            let text = |name: &str| row.and_then(|row| told.get(row, name).as_str()).unwrap_or_default();
            let mean = row.and_then(|row| told.get(row, "mean").as_f64());
            Row {
                key: key(&run.path),
                dataset: run.manifest.dataset.clone(),
                task: run.manifest.task.replace('_', " "),
                stand_in: run.manifest.stand_in,
                seeds: run.manifest.seeds.len(),
                created: run
                    .manifest
                    .created
                    .chars()
                    .take(16)
                    .collect::<String>()
                    .replace('T', " "),
                value: mean.map_or_else(|| MISSING.to_owned(), |mean| number_of(text("metric"), mean)),
                what: format!("{}, {}", label(text("metric"), &labels), label(text("method"), &labels)),
                report: self.has_report(run),
                run: run.run.clone(),
            }
        });
        Ok((rows.collect(), query.warnings().to_vec()))
    }

    /// The list of runs.
    pub(super) fn index(&self) -> Result<Answer> {
        let env = environment(&self.assets, &["head.html", "view.html"])?;
        let (rows, warnings) = self.rows()?;
        let folders: Vec<String> = self
            .options
            .runs
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let page = context! {
            csp => POLICY,
            title => "Runs",
            folders => serial(&folders),
            runs => serial(&rows),
            warnings => serial(&warnings),
            view_js => raw(&self.assets, "templates/view.js")?,
            ..frame(&self.assets)?
        };
        Ok(Answer::html(fill(&env, "view.html", &page)?))
    }

    /// What changes while one looks: the runs that are there, and the curves of those in training.
    pub(super) fn state(&self) -> Result<Answer> {
        let query = self.query()?;
        let runs: Vec<Value> = query.runs().iter().map(|run| Value::Text(key(&run.path))).collect();
        let keys: Vec<&str> = runs.iter().filter_map(Value::as_str).collect();
        let state = serde_json::json!({ "runs": keys, "training": trainings(&self.options.runs) });
        Ok(Answer::json(&state.to_string()))
    }

    /// The explorer of a run, or of two; its data is fetched by the page.
    pub(super) fn explorer(&self, this: &Opened, other: Option<&Opened>) -> Result<Answer> {
        let env = environment(&self.assets, &["head.html", "explorer.html", "view_run.html"])?;
        let manifest = &this.run.manifest;
        let title = match other {
            None => this.run.run.clone(),
            Some(other) => format!("{} beside {}", this.run.run, other.run.run),
        };
        let page = context! {
            csp => POLICY,
            title,
            run => this.run.run.clone(),
            key => key(&this.run.path),
            other => other.map(|other| other.run.run.clone()),
            report => other.is_none() && self.has_report(&this.run),
            stand_in => manifest.stand_in,
            licence => manifest.licence.clone().filter(|_| self.options.images),
            explorer_css => raw(&self.assets, "css/explorer.css")?,
            explorer_js => script(&self.assets)?,
            source => Json::from("data.json"),
            ..frame(&self.assets)?
        };
        Ok(Answer::html(fill(&env, "view_run.html", &page)?))
    }
}
