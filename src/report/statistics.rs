//! The statistics of the catalogue, computed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::query::Table;
use crate::query::context::QueryContext;
use crate::query::engine::threads;
use crate::threads::side_by_side;

use super::catalog::{Entry, ReportFiles};
use super::config::{self, ReportConfig, ReportOptions};
use super::wide;

/// What `leave_out` calls the explorer, which is no entry of the catalogue.
pub(crate) const EXPLORER: &str = "explorer";

/// The statistics behind a report, computed and not yet laid out.
pub struct Statistics<'a> {
    pub(crate) assets: ReportFiles,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) query: QueryContext,
    pub(crate) config: ReportConfig,
    pub(crate) options: &'a ReportOptions,
    pub(crate) results: Vec<Statistic>,
    /// What the page says about itself.
    pub(crate) notes: Vec<String>,
}

/// One entry of the catalogue with the result of its SQL.
pub(crate) struct Statistic {
    pub(crate) entry: Entry,
    /// The SQL's file.
    pub(crate) name: String,
    pub(crate) sql: String,
    pub(crate) table: Table,
}

/// Runs every statistic of the catalogue that applies to the task of any run at or below `runs`.
///
/// # Errors
/// As [`build`].
pub fn compute<'a>(runs: &[PathBuf], options: &'a ReportOptions) -> Result<Statistics<'a>> {
    let query = QueryContext::open_heeding(runs, &options.interrupt)?;
    if query.runs().is_empty() {
        let paths: Vec<String> = runs.iter().map(|path| path.display().to_string()).collect();
        return Err(Error::data(format!("no run folder at or below {}", paths.join(", "))));
    }
    let mut notes = Vec::new();
    let config = match &options.config {
        Some(config) => config.clone(),
        None => config::of_runs(query.runs())?.unwrap_or_else(|| {
            notes.push(
                "The recipes of these runs ask for different reports ([report]): this one has the defaults.".to_owned(),
            );
            ReportConfig::default()
        }),
    };
    if let Err((key, expected)) = config.validate() {
        return Err(Error::Usage(format!("report.{key}: {expected}")));
    }
    let mut config = config.with_units_of(query.runs());
    config.images &= !options.no_images;
    let query = query.with_bins(config.bins());
    let assets = ReportFiles::new(options.reports.as_deref())?;
    let catalog = assets.catalog()?;
    for id in &config.leave_out {
        if id != EXPLORER && catalog.entry.iter().all(|entry| entry.id != *id) {
            let ids = catalog.entry.iter().map(|entry| entry.id.as_str());
            let known: Vec<&str> = ids.chain([EXPLORER]).collect();
            return Err(Error::Usage(format!(
                "report.leave_out: no table or figure `{id}`; there are {}",
                known.join(", ")
            )));
        }
    }
    let mut chosen = Vec::new();
    let count = query.runs().len();
    let mut too_many = Vec::new();
    for entry in catalog.entry {
        if count < 2 && entry.several_runs {
            continue;
        }
        let applies = entry.tasks.is_empty() || query.runs().iter().any(|run| entry.tasks.contains(&run.manifest.task));
        if applies && entry.runs_at_most.is_some_and(|most| count > most) {
            too_many.push(entry.title.clone());
        } else if applies && !config.leave_out.contains(&entry.id) {
            chosen.push(entry);
        }
    }
    let bar = options.progress.bar("statistics", chosen.len() as u64, "tables");
    let results = side_by_side_in_order(&chosen, |entry| {
        options.interrupt.check()?;
        let computed = Statistic::of(entry.clone(), &assets, &catalog.labels, &query, &config)?;
        bar.inc(1);
        Ok(computed)
    })?;
    if !too_many.is_empty() {
        notes.push(format!(
            "Left out, because they look at single samples, epochs or archetypes and there are {count} runs: {}. A report of \
             fewer runs has them.",
            too_many.join("; ")
        ));
    }
    Ok(Statistics {
        assets,
        labels: catalog.labels,
        query,
        config,
        options,
        results,
        notes,
    })
}

/// What `of` makes of every entry, in their order, several at once.
fn side_by_side_in_order(entries: &[Entry], of: impl Fn(&Entry) -> Result<Statistic> + Sync) -> Result<Vec<Statistic>> {
    let made: Vec<Mutex<Option<Result<Statistic>>>> = entries.iter().map(|_| Mutex::default()).collect();
    let next = AtomicUsize::new(0);
    side_by_side(threads().min(entries.len()), || {
        let one = || {
            let at = next.fetch_add(1, Ordering::SeqCst);
            entries.get(at).zip(made.get(at))
        };
        while let Some((entry, made)) = one() {
            *made.lock().unwrap_or_else(PoisonError::into_inner) = Some(of(entry));
        }
    });
    let made = made
        .into_iter()
        .map(|made| made.into_inner().unwrap_or_else(PoisonError::into_inner));
    entries
        .iter()
        .zip(made)
        .map(|(entry, made)| match made {
            Some(Ok(statistic)) => Ok(statistic),
            Some(Err(Error::Interrupted)) => Err(Error::Interrupted),
            // Those beside it may have taken the memory that it needs: alone it has all of it.
            Some(Err(_)) | None => of(entry),
        })
        .collect()
}

impl Statistic {
    fn of(
        mut entry: Entry,
        assets: &ReportFiles,
        labels: &BTreeMap<String, String>,
        query: &QueryContext,
        config: &ReportConfig,
    ) -> Result<Self> {
        let name = format!("sql/{}", entry.sql);
        let sql = assets.text(&name)?;
        let parameters = config.parameters(entry.page.is_some());
        let table = query
            .query_with(&sql, &parameters)
            .map_err(|error| error.within(&format!("{name} of `{}`", entry.id)))?;
        if table.column("run").is_none() {
            return Err(Error::Usage(format!(
                "{name} of `{}`: the result has no column `run`",
                entry.id
            )));
        }
        let (table, columns) = wide::widen(table, &entry.columns, labels)
            .map_err(|what| Error::Usage(format!("{name} of `{}`: {what}", entry.id)))?;
        entry.columns = columns;
        Ok(Self {
            entry,
            name,
            sql,
            table,
        })
    }
}

impl Statistics<'_> {
    /// How many statistics were computed.
    pub fn count(&self) -> usize {
        self.results.len()
    }
}
