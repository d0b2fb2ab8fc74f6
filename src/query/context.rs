//! A `DataFusion` session over every run's tables.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use datafusion::catalog::TableProvider;
use datafusion::common::{DataFusionError, SchemaError, TableReference};
use datafusion::datasource::MemTable;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SQLOptions, SessionContext};
use datafusion::scalar::ScalarValue;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::resolve::resolve_table_references;
use datafusion::sql::sqlparser;
use indicatif::HumanBytes;

use crate::action_unit::ActionUnit;
use crate::disk::guard::guarded;
use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;

use super::bins::Bins;
use super::derived;
use super::discover::{FoundRun, discover, fetch};
use super::engine::{Engine, Stopped};
use super::files;
use super::functions;
use super::statement;
use super::value::{self, Table, Value};
use super::views::{self, VIEWS};

/// The resolved recipe in a run folder.
const RECIPE: &str = "recipe.toml";

/// A read-only SQL session over run folders.
pub struct QueryContext {
    engine: Engine,
    runs: Vec<FoundRun>,
    warnings: Vec<String>,
    bins: Bins,
    /// Views are opened when first named: a listing of a thousand runs reads no Parquet file. The flag says whether the
    /// view has rows, or its columns alone.
    opened: Mutex<BTreeMap<&'static str, bool>>,
    /// Held while a view is opened: another query that needs it finds it open then.
    opening: Mutex<()>,
}

impl std::fmt::Debug for QueryContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QueryContext")
            .field("runs", &self.runs.len())
            .finish_non_exhaustive()
    }
}

impl QueryContext {
    /// Opens every run folder at or below `paths`. No run at all is fine: the views are then empty.
    ///
    /// # Errors
    /// [`Error::Data`] if a path does not exist or the manifest of a run that was named itself cannot be read.
    pub fn open(paths: &[PathBuf]) -> Result<Self> {
        Self::open_heeding(paths, &Interrupt::default())
    }

    /// As [`Self::open`]; once `interrupt` is raised, what comes from elsewhere is no longer waited for, and queries end.
    ///
    /// # Errors
    /// As [`Self::open`]; [`Error::Interrupted`].
    pub fn open_heeding(paths: &[PathBuf], interrupt: &Interrupt) -> Result<Self> {
        let (runs, warnings) = discover(paths, interrupt)?;
        let mut context = Self::of(runs)?.with_interrupt(interrupt);
        context.warnings.splice(0..0, warnings);
        Ok(context)
    }

    /// A session over runs that were found before.
    ///
    /// # Errors
    /// [`Error::Data`] if the system grants no threads for it.
    pub(crate) fn of(runs: Vec<FoundRun>) -> Result<Self> {
        let warnings = runs.iter().filter_map(FoundRun::lacks).collect();
        Ok(Self {
            engine: Engine::start()?,
            runs,
            warnings,
            bins: Bins::default(),
            opened: Mutex::new(BTreeMap::new()),
            opening: Mutex::new(()),
        }
        .with_bins(Bins::default()))
    }

    /// The same with bins of one's own in the views `bins` and `bin_allocation`; to be said before the first query.
    #[must_use]
    pub(crate) fn with_bins(mut self, bins: Bins) -> Self {
        for function in functions::of_bins(&bins) {
            self.session().register_udf(function);
        }
        self.bins = bins;
        self
    }

    /// The same, whose queries end once `interrupt` is raised.
    #[must_use]
    pub fn with_interrupt(mut self, interrupt: &Interrupt) -> Self {
        self.engine.heed(interrupt.clone());
        self
    }

    fn session(&self) -> &SessionContext {
        self.engine.session()
    }

    /// The runs, sorted by name.
    pub(crate) fn runs(&self) -> &[FoundRun] {
        &self.runs
    }

    /// The one run of AURA that `folder` holds.
    ///
    /// # Errors
    /// [`Error::Data`] if there is none; [`Error::Usage`] if there are several, or its predictions were made elsewhere.
    pub(crate) fn only_run(&self, folder: &Path) -> Result<FoundRun> {
        match self.runs() {
            [] => Err(Error::data(format!("no run folder at or below {}", folder.display()))),
            [run] => match &run.manifest.scored {
                None => Ok(run.clone()),
                Some(scored) => Err(Error::Usage(format!(
                    "{} holds predictions that {} made elsewhere: there are no archetypes and no model in it; a run of AURA has them",
                    run.run, scored.tool
                ))),
            },
            runs => {
                let names: Vec<String> = runs.iter().map(FoundRun::place).collect();
                Err(Error::Usage(format!(
                    "{} holds {} runs; name one of them: {}",
                    folder.display(),
                    names.len(),
                    names.join(", ")
                )))
            }
        }
    }

    /// What was passed over: folders whose manifest cannot be read, and tables that a run lacks.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Runs one query.
    ///
    /// # Errors
    /// [`Error::Usage`] if the text is not one read-only query, or names an unknown view or column (the nearest names
    /// are in the message); [`Error::Data`] if a file behind a view cannot be read.
    pub fn query(&self, sql: &str) -> Result<Table> {
        self.query_with(sql, &[])
    }

    /// Runs one query with named parameters (`$name` in the text).
    ///
    /// # Errors
    /// As [`QueryContext::query`]; a parameter without a value is a usage error.
    pub fn query_with(&self, sql: &str, parameters: &[(&str, Value)]) -> Result<Table> {
        let (schema, batches) = self.collect(sql, parameters)?;
        // Texts that are no longer shared between rows may be longer than a column can be; arrow does not return then.
        guarded(Path::new("the result"), || Table::from_batches(&schema, &batches))
    }

    /// Runs one query and writes its rows as Parquet, with the types that they have.
    ///
    /// # Errors
    /// As [`QueryContext::query_with`]; also if the file cannot be written.
    pub fn query_to_parquet(&self, sql: &str, parameters: &[(&str, Value)], path: &Path) -> Result<()> {
        crate::disk::parquet::write_batch(path, &self.batch(sql, parameters)?, &[])
    }

    /// The rows of one query with the types that they have, every column's name once.
    ///
    /// # Errors
    /// As [`QueryContext::query_with`].
    pub(crate) fn batch(&self, sql: &str, parameters: &[(&str, Value)]) -> Result<RecordBatch> {
        let (schema, batches) = self.collect(sql, parameters)?;
        let names = value::unique_names(&schema);
        let fields: Vec<_> = schema
            .fields()
            .iter()
            .zip(names)
            .map(|(field, name)| field.as_ref().clone().with_name(name))
            .collect();
        let result = Path::new("the result");
        let batch = arrow::compute::concat_batches(&schema, &batches).at("encode", result)?;
        let renamed = Arc::new(Schema::new(fields));
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(renamed, batch.columns().to_vec(), &options).at("encode", result)
    }

    /// The columns of every view.
    ///
    /// # Errors
    /// [`Error::Data`] if a file behind a view cannot be read.
    pub fn columns(&self) -> Result<BTreeMap<String, Vec<String>>> {
        let table = self.query(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' \
             ORDER BY table_name, ordinal_position",
        )?;
        let mut columns: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in &table.rows {
            if let [Value::Text(view), Value::Text(column)] = row.as_slice() {
                columns.entry(view.clone()).or_default().push(column.clone());
            }
        }
        Ok(columns)
    }

    /// Every derived view that the queries are made from, however deep, with its own query.
    ///
    /// # Errors
    /// [`Error::Usage`] if a text is not a query.
    pub(crate) fn behind(&self, queries: &[&str]) -> Result<BTreeMap<&'static str, &'static str>> {
        let mut found = BTreeMap::new();
        let mut open = queries.to_vec();
        while let Some(query) = open.pop() {
            let (_, tables) = self.parse(query).map_err(|stopped| self.why(stopped, not_a_query))?;
            for table in &tables {
                if let Some(view) = derived::view(table.table())
                    && let Some(below) = derived::sql(view)
                    && found.insert(view, below).is_none()
                {
                    open.push(below);
                }
            }
        }
        Ok(found)
    }

    /// A statement and the tables that it names.
    fn parse(&self, sql: &str) -> std::result::Result<(Parsed, Vec<TableReference>), Stopped> {
        let (session, sql) = (self.session().clone(), sql.to_owned());
        self.engine.run(async move {
            let dialect = datafusion::config::Dialect::Generic;
            let statement = session.state().sql_to_statement(&sql, &dialect)?;
            let (tables, _) = resolve_table_references(&statement, true)?;
            Ok((statement, tables))
        })
    }

    fn collect(&self, sql: &str, parameters: &[(&str, Value)]) -> Result<(SchemaRef, Vec<RecordBatch>)> {
        statement::check(sql)?;
        let (statement, tables) = self.parse(sql).map_err(|stopped| self.why(stopped, not_a_query))?;
        let reads = match &statement {
            Parsed::Statement(inner) => matches!(**inner, sqlparser::ast::Statement::Query(_)),
            Parsed::Explain(_) => true,
            _ => false,
        };
        if !reads {
            return Err(Error::Usage(
                "a query only reads: expected one SELECT, WITH, VALUES or EXPLAIN".to_owned(),
            ));
        }
        for table in &tables {
            if table.schema() == Some("information_schema") {
                for view in VIEWS {
                    self.register(view, false)?;
                }
            } else if let Some(view) = derived::view(table.table()) {
                self.register(view, true)?;
            } else {
                return Err(Error::Usage(format!(
                    "no view named `{}`{}; views: {}",
                    table.table(),
                    did_you_mean(table.table(), VIEWS.into_iter()),
                    VIEWS.join(", ")
                )));
            }
        }
        let values: Vec<(String, ScalarValue)> = parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), scalar(value)))
            .collect();
        let session = self.session().clone();
        let planned = self.engine.run(async move {
            let plan = session.state().statement_to_plan(statement).await?;
            let allowed = SQLOptions::new()
                .with_allow_ddl(false)
                .with_allow_dml(false)
                .with_allow_statements(false);
            if let Err(error) = allowed.verify_plan(&plan) {
                return Ok(Err(Error::Usage(format!(
                    "a query only reads (SELECT, WITH, VALUES): {}",
                    message(&error)
                ))));
            }
            match bind(plan, values) {
                Ok(plan) => session.execute_logical_plan(plan).await.map(Ok),
                Err(error) => Ok(Err(error)),
            }
        });
        let frame = planned.map_err(|stopped| self.why(stopped, explain))??;
        self.engine.collect(frame).map_err(|stopped| self.why(stopped, explain))
    }

    /// Why there is no answer, `explain` where the engine itself says so.
    fn why(&self, stopped: Stopped, explain: impl FnOnce(&DataFusionError) -> Error) -> Error {
        match stopped {
            Stopped::Failed(error) => match error.find_root() {
                DataFusionError::ResourcesExhausted(_) => Error::data(format!(
                    "the query needs more than {} of memory, half of what was free: ask for fewer rows (WHERE, LIMIT) or columns, \
                     or join on more of them",
                    HumanBytes(self.engine.memory())
                )),
                _ => match explain(&error) {
                    // It says less well than the file's own reader which file it is, and what is wrong with it.
                    error @ Error::Data { .. } => self.broken_file().unwrap_or(error),
                    error => error,
                },
            },
            Stopped::GaveUp => self.broken_file().unwrap_or_else(|| {
                Error::Usage("the query cannot be answered: the engine gave up on it; ask in a simpler way".to_owned())
            }),
            Stopped::Interrupted => Error::Interrupted,
        }
    }

    /// The file behind a view that no reader gets through.
    fn broken_file(&self) -> Option<Error> {
        let opened: Vec<&str> = {
            let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
            opened.keys().copied().collect()
        };
        let mut files = opened.into_iter().filter(|view| derived::sql(view).is_none());
        files.find_map(|view| files::read_through(view, &self.runs).err())
    }

    /// Opens a view, unless it is open; `rows`: with its rows, not with its columns alone. Queries of several threads may ask for it.
    fn register(&self, view: &'static str, rows: bool) -> Result<()> {
        if self.is_open(view, rows).0 {
            return Ok(());
        }
        let _one = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        self.register_now(view, rows)
    }

    /// Whether a view is open as it is needed, and how it is open.
    fn is_open(&self, view: &str, rows: bool) -> (bool, Option<bool>) {
        let known = self
            .opened
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(view)
            .copied();
        // What is not derived is opened lazily in any case, and so with its rows.
        let rows = rows || derived::sql(view).is_none();
        (known == Some(true) || known == Some(rows), known)
    }

    /// As [`Self::register`], while no other thread opens one.
    fn register_now(&self, view: &'static str, rows: bool) -> Result<()> {
        let query = derived::sql(view);
        let rows = rows || query.is_none();
        let (open, known) = self.is_open(view, rows);
        if open {
            return Ok(());
        }
        let failed =
            |error: DataFusionError| Error::data(format!("failed to open the view `{view}`: {}", message(&error)));
        let table = match query {
            Some(query) => self.derive(view, query, rows),
            None if view == "units" => self.units(),
            None => self.base(view),
        };
        let table = table?;
        if known.is_some() {
            self.session().deregister_table(view).map_err(failed)?;
        }
        self.session().register_table(view, table).map_err(failed)?;
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.insert(view, rows);
        Ok(())
    }

    /// A view that is made from others. Most are computed once and kept: the statistics of a report share a few of them.
    fn derive(&self, view: &str, query: &str, rows: bool) -> Result<Arc<dyn TableProvider>> {
        let of_view =
            |error: &DataFusionError| Error::data(format!("failed to compute the view `{view}`: {}", message(error)));
        let failed = |error: DataFusionError| of_view(&error);
        let (_, tables) = self.parse(query).map_err(|stopped| self.why(stopped, of_view))?;
        for table in &tables {
            if let Some(below) = derived::view(table.table()) {
                self.register_now(below, rows)?;
            }
        }
        let (session, text) = (self.session().clone(), query.to_owned());
        let frame = self
            .engine
            .run(async move { session.sql(&text).await })
            .map_err(|stopped| self.why(stopped, of_view))?;
        if !rows || !derived::kept(view) {
            return Ok(frame.into_view());
        }
        // What a plan says of its columns is not quite what its batches are: some are null where none should be, and texts come
        // in another of arrow's three forms.
        let nullable = |field: &Arc<Field>| field.as_ref().clone().with_nullable(true);
        let schema = Arc::new(Schema::new(
            frame.schema().fields().iter().map(nullable).collect::<Vec<_>>(),
        ));
        let (_, batches) = self
            .engine
            .collect(frame)
            .map_err(|stopped| self.why(stopped, of_view))?;
        let batches = batches
            .iter()
            .map(|batch| as_declared(batch, &schema))
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|error| failed(error.into()))?;
        let table = MemTable::try_new(schema, vec![batches]).map_err(failed)?;
        Ok(Arc::new(table))
    }

    /// A view that shows files or manifests.
    fn base(&self, view: &str) -> Result<Arc<dyn TableProvider>> {
        let failed =
            |error: DataFusionError| Error::data(format!("failed to open the view `{view}`: {}", message(&error)));
        let in_memory = |schema, batches| -> Result<Arc<dyn TableProvider>> {
            Ok(Arc::new(MemTable::try_new(schema, vec![batches]).map_err(failed)?))
        };
        let made = match view {
            "runs" => Some(views::runs_batch(&self.runs)),
            "classes" => Some(views::classes_batch(&self.runs)),
            "settings" => {
                fetch(&self.runs, |name| name == RECIPE)?;
                Some(views::settings_batch(&self.runs))
            }
            "stages" => Some(views::stages_batch(&self.runs)),
            "warnings" => Some(views::warnings_batch(&self.runs)),
            "bins" => Some(views::bins_batch(&self.bins)),
            _ => None,
        };
        if let Some(batch) = made {
            let batch = batch.map_err(|error| failed(error.into()))?;
            return in_memory(batch.schema(), vec![batch]);
        }
        let files = files::RunFiles::open(view, &self.runs)?;
        let loaded = if matches!(view, "metrics" | "resets" | "flows" | "separability") {
            files.load()?
        } else {
            None
        };
        match loaded {
            Some(batches) => in_memory(files.schema(), batches),
            None => Ok(Arc::new(files)),
        }
    }
}

#[cfg(test)]
impl QueryContext {
    /// As [`Self::open`], on so many threads, with views read in parts from so many bytes on.
    pub(super) fn open_on(paths: &[PathBuf], threads: usize, parted: usize) -> Result<Self> {
        let mut context = Self::open(paths)?;
        context.engine = Engine::with(threads, parted)?;
        Ok(context.with_bins(Bins::default()))
    }
}

impl QueryContext {
    /// The view `units`: every known action unit of `samples` and `truth` as a row of its own.
    fn units(&self) -> Result<Arc<dyn TableProvider>> {
        self.register_now("samples", true)?;
        self.register_now("truth", true)?;
        let session = self.session().clone();
        let made = self.engine.run(async move {
            let mut parts = Vec::new();
            for source in ["samples", "truth"] {
                let table = session.table_provider(source).await?;
                for field in table.schema().fields() {
                    let unit = field.name();
                    if ActionUnit::of_column(unit).is_some() {
                        parts.push(format!(
                            "SELECT run, sample_id, '{source}' AS source, '{unit}' AS unit, CAST({unit} AS DOUBLE) AS value \
                             FROM {source} WHERE {unit} IS NOT NULL"
                        ));
                    }
                }
            }
            if parts.is_empty() {
                parts.push(
                    "SELECT run, sample_id, '' AS source, '' AS unit, CAST(NULL AS DOUBLE) AS value FROM samples WHERE false"
                        .to_owned(),
                );
            }
            Ok(session.sql(&parts.join(" UNION ALL ")).await?.into_view())
        });
        made.map_err(|stopped| {
            self.why(stopped, |error| {
                Error::data(format!("failed to open the view `units`: {}", message(error)))
            })
        })
    }
}

/// The batch with the types of `schema`.
pub(crate) fn as_declared(batch: &RecordBatch, schema: &SchemaRef) -> std::result::Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().zip(schema.fields());
    let cast = columns.map(|(column, field)| arrow::compute::cast(column, field.data_type()));
    RecordBatch::try_new(Arc::clone(schema), cast.collect::<std::result::Result<_, _>>()?)
}

pub(crate) fn bind(plan: LogicalPlan, values: Vec<(String, ScalarValue)>) -> Result<LogicalPlan> {
    let wanted = plan.get_parameter_names().map_err(|error| explain(&error))?;
    let missing: BTreeSet<String> = wanted
        .into_iter()
        .filter(|name| values.iter().all(|(given, _)| format!("${given}") != *name))
        .collect();
    if let Some(name) = missing.first() {
        return Err(Error::Usage(format!("no value given for the parameter {name}")));
    }
    if values.is_empty() {
        return Ok(plan);
    }
    let values: std::collections::HashMap<String, ScalarValue> = values.into_iter().collect();
    plan.with_param_values(values).map_err(|error| explain(&error))
}

pub(crate) fn scalar(value: &Value) -> ScalarValue {
    match value {
        Value::Null => ScalarValue::Null,
        Value::Bool(value) => ScalarValue::Boolean(Some(*value)),
        Value::Int(value) => ScalarValue::Int64(Some(*value)),
        Value::Float(value) => ScalarValue::Float64(Some(*value)),
        Value::Text(value) => ScalarValue::Utf8(Some(value.clone())),
        Value::List(values) => {
            let items: Vec<ScalarValue> = values.iter().map(scalar).collect();
            let kind = items
                .first()
                .map_or(arrow::datatypes::DataType::Float64, ScalarValue::data_type);
            ScalarValue::List(ScalarValue::new_list_nullable(&items, &kind))
        }
    }
}

pub(crate) fn not_a_query(error: &DataFusionError) -> Error {
    Error::Usage(format!("not a query: {}", message(error)))
}

pub(crate) fn message(error: &DataFusionError) -> String {
    let mut text = error.find_root().strip_backtrace();
    // The library's own prefixes say nothing to the reader.
    for prefix in [
        "Error during planning: ",
        "SQL error: ",
        "Schema error: ",
        "This feature is not implemented: ",
    ] {
        if let Some(rest) = text.strip_prefix(prefix) {
            text = rest.to_owned();
        }
    }
    if let Some(inner) = text
        .strip_prefix("ParserError(\"")
        .and_then(|rest| rest.strip_suffix("\")"))
    {
        text = inner.to_owned();
    }
    text.replace('\n', " ")
}

pub(crate) fn explain(error: &DataFusionError) -> Error {
    match error.find_root() {
        DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
            SchemaError::FieldNotFound { field, valid_fields } => {
                let names: BTreeSet<&str> = valid_fields.iter().map(|column| column.name.as_str()).collect();
                let all: Vec<&str> = names.iter().copied().collect();
                Error::Usage(format!(
                    "no column named `{}`{}; columns here: {}",
                    field.name,
                    did_you_mean(&field.name, names.into_iter()),
                    if all.is_empty() {
                        "none".to_owned()
                    } else {
                        all.join(", ")
                    }
                ))
            }
            _ => Error::Usage(message(error)),
        },
        DataFusionError::Plan(_)
        | DataFusionError::SQL(..)
        | DataFusionError::NotImplemented(_)
        | DataFusionError::Configuration(_) => Error::Usage(message(error)),
        _ => Error::data(format!("the query failed: {}", message(error))),
    }
}

/// Up to three names near `name`, as a question, or nothing.
pub(crate) fn did_you_mean<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    let name = name.to_lowercase();
    let mut near: Vec<(f64, &str)> = names
        .map(|candidate| (strsim::jaro_winkler(&name, &candidate.to_lowercase()), candidate))
        .filter(|(score, _)| *score > 0.75)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    let near: Vec<String> = near
        .iter()
        .take(3)
        .map(|(_, candidate)| format!("`{candidate}`"))
        .collect();
    if near.is_empty() {
        String::new()
    } else {
        format!(": did you mean {}?", near.join(" or "))
    }
}
