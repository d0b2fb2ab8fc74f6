//! The views: their columns, the files behind them, and the tables made from the manifests.

use std::collections::BTreeSet;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int32Builder, Int64Array, Int64Builder, ListBuilder, RecordBatch,
    StringArray, StringBuilder,
};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use arrow::error::ArrowError;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use rayon::prelude::*;

use crate::action_unit::ActionUnit;
use crate::columns;
use crate::disk::guard::{self, guarded};
use crate::error::{Context, Error, Result};
use crate::naming;
use crate::record::{
    ArchetypeRow, AssignmentRow, DuplicateRow, FlowRow, MapRow, MetricRow, MissingRow, PredictionRow, RelabelRow,
    ResetRow, SeparabilityRow, StandingRow, Table,
};
use crate::regular;
use crate::served::{AttributeRow, SubgroupRow};
use crate::there;

use super::bins::Bins;
use super::discover::{FoundRun, fetch};

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

/// The views that show files.
const FILES: [&str; 16] = [
    "archetypes",
    "assignments",
    "attributes",
    "duplicates",
    "flows",
    "maps",
    "metrics",
    "missing",
    "predictions",
    "relabelled",
    "resets",
    "samples",
    "separability",
    "standings",
    "subgroups",
    "truth",
];

/// A view over many Parquet files of one kind, each with its run (and fold and seed) as constant leading columns.
///
/// The constants are `DataFusion`'s partition columns: nothing is copied, a filter on `run` or `seed` skips whole files,
/// and only the columns that a query names are decoded.
#[derive(Debug)]
pub(super) struct RunFiles {
    /// `run`, maybe `fold` and `seed`, then the columns of the files.
    schema: SchemaRef,
    files: TableSchema,
    parts: Vec<PartitionedFile>,
    /// The paths of the parts.
    paths: Vec<PathBuf>,
}

/// Fold, where the run has folds, and seed of a file.
type Unit = (Option<i32>, i64);

/// Views whose files are at most so many bytes together may be held in memory.
const IN_MEMORY: u64 = 64 << 20;

impl RunFiles {
    /// The view `name` over `runs`.
    pub(super) fn open(name: &str, runs: &[FoundRun]) -> Result<Self> {
        let per_seed = !matches!(
            name,
            "samples" | "truth" | "standings" | "duplicates" | "attributes" | "subgroups" | "relabelled"
        );
        let mut found: Vec<(String, Option<Unit>, PathBuf)> = Vec::new();
        for run in runs {
            if per_seed {
                for fold in run.folds() {
                    for &seed in &run.manifest.seeds {
                        let path = run.seed_dir(fold, seed).join(format!("{name}.parquet"));
                        found.push((run.run.clone(), Some((fold, seed)), path));
                    }
                }
            } else {
                found.push((run.run.clone(), None, run.path.join(format!("{name}.parquet"))));
            }
        }
        let file = format!("{name}.parquet");
        fetch(runs, |written| written.rsplit('/').next() == Some(&file))?;
        let found: Vec<_> = found
            .into_par_iter()
            .map(|(run, unit, path)| {
                let there = there::metadata(&path)?.filter(std::fs::Metadata::is_file);
                Ok(there.map(|metadata| (run, unit, path, metadata.len())))
            })
            .collect::<Result<Vec<_>>>()?
            .into_iter()
            .flatten()
            .collect();
        // What came from elsewhere was looked at when it came.
        let local = runs.par_iter().filter(|run| !run.is_remote());
        local.try_for_each(|run| {
            let of_run = found.iter().filter(|(name, ..)| *name == run.run);
            run.verify(of_run.map(|(_, _, path, _)| path.as_path()))
        })?;
        // Digests say what a file was, not that its rows are no more than can be.
        found
            .par_iter()
            .try_for_each(|(_, _, path, _)| guard::open(path).map(drop))?;
        let columns = file_columns(
            name,
            &found.iter().map(|(.., path, _)| path.clone()).collect::<Vec<_>>(),
        )?;
        let mut leading = vec![Arc::new(Field::new("run", DataType::Utf8, false))];
        if per_seed {
            leading.push(Arc::new(Field::new("fold", DataType::Int32, true)));
            leading.push(Arc::new(Field::new("seed", DataType::Int64, false)));
        }
        let schema = Schema::new(
            leading
                .iter()
                .cloned()
                .chain(columns.iter().cloned())
                .collect::<Vec<_>>(),
        );
        let mut parts = Vec::with_capacity(found.len());
        let paths = found.iter().map(|(.., path, _)| path.clone()).collect();
        for (run, unit, path, length) in found {
            let location = datafusion::object_store::path::Path::from_absolute_path(&path).at("open", &path)?;
            let mut file = PartitionedFile::new(String::new(), length);
            file.object_meta.location = location;
            let mut constants = vec![ScalarValue::Utf8(Some(run))];
            if let Some((fold, seed)) = unit {
                constants.extend([ScalarValue::Int32(fold), ScalarValue::Int64(Some(seed))]);
            }
            parts.push(file.with_partition_values(constants));
        }
        Ok(Self {
            schema: Arc::new(schema),
            files: TableSchema::builder(Arc::new(Schema::new(columns)))
                .with_table_partition_cols(leading)
                .build(),
            parts,
            paths,
        })
    }

    /// Reads every file into memory if they are small together: thousands of small files are read at once several times
    /// faster than they are scanned, and a statistic often names a view more than once.
    pub(super) fn load(&self) -> Result<Option<Vec<RecordBatch>>> {
        let bytes: u64 = self.parts.iter().map(|part| part.object_meta.size).sum();
        if bytes > IN_MEMORY {
            return Ok(None);
        }
        let batches: Vec<Vec<RecordBatch>> = self
            .paths
            .par_iter()
            .zip(&self.parts)
            .map(|(path, part)| self.read(path, part))
            .collect::<Result<_>>()?;
        Ok(Some(batches.into_iter().flatten().collect()))
    }

    fn read(&self, path: &Path, part: &PartitionedFile) -> Result<Vec<RecordBatch>> {
        guarded(path, || self.read_unguarded(path, part))
    }

    fn read_unguarded(&self, path: &Path, part: &PartitionedFile) -> Result<Vec<RecordBatch>> {
        let reader = guard::open(path)?.build().at("read", path)?;
        let mut out = Vec::new();
        for batch in reader {
            let batch = batch.at("read", path)?;
            let mut columns = Vec::with_capacity(self.schema.fields().len());
            for constant in &part.partition_values {
                columns.push(constant.to_array_of_size(batch.num_rows()).at("read", path)?);
            }
            for field in self.files.file_schema().fields() {
                columns.push(match batch.column_by_name(field.name()) {
                    Some(column) if column.data_type() == field.data_type() => Arc::clone(column),
                    Some(column) => arrow::compute::cast(column, field.data_type()).at("read", path)?,
                    None => arrow::array::new_null_array(field.data_type(), batch.num_rows()),
                });
            }
            out.push(RecordBatch::try_new(Arc::clone(&self.schema), columns).at("read", path)?);
        }
        Ok(out)
    }

    fn plan(
        &self,
        partitions: usize,
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
    ) -> std::result::Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        if self.parts.is_empty() {
            let schema = match projection {
                Some(wanted) => Arc::new(self.schema.project(wanted)?),
                None => Arc::clone(&self.schema),
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        // DataFusion counts the constants behind the files' columns; here they lead.
        let leading = self.files.table_partition_cols().len();
        let own = self.files.file_schema().fields().len();
        let place = |i: usize| if i < leading { own + i } else { i - leading };
        let indices: Vec<usize> = match projection {
            Some(wanted) => wanted.iter().map(|&i| place(i)).collect(),
            None => (0..self.schema.fields().len()).map(place).collect(),
        };
        let groups = FileGroup::new(self.parts.clone()).split_files(partitions.max(1));
        let source = Arc::new(ParquetSource::new(self.files.clone()));
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), source)
            .with_file_groups(groups)
            .with_projection_indices(Some(indices))?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

impl TableProvider for RunFiles {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn scan<'a, 'b, 'c, 'd, 'async_trait>(
        &'a self,
        state: &'b dyn Session,
        projection: Option<&'c Vec<usize>>,
        _filters: &'d [Expr],
        limit: Option<usize>,
    ) -> Pin<Box<dyn Future<Output = std::result::Result<Arc<dyn ExecutionPlan>, DataFusionError>> + Send + 'async_trait>>
    where
        'a: 'async_trait,
        'b: 'async_trait,
        'c: 'async_trait,
        'd: 'async_trait,
        Self: 'async_trait,
    {
        let plan = self.plan(state.config().target_partitions(), projection, limit);
        Box::pin(std::future::ready(plan))
    }
}

/// Columns of the files behind view `name`: the documented ones, and for samples and truth whatever action units occur.
fn file_columns(name: &str, files: &[PathBuf]) -> Result<Vec<Arc<Field>>> {
    let documented = match name {
        "metrics" => schema_of(MetricRow::batch(&[])),
        "predictions" => schema_of(PredictionRow::batch(&[])),
        "assignments" => schema_of(AssignmentRow::batch(&[])),
        "archetypes" => schema_of(ArchetypeRow::batch(&[])),
        "resets" => schema_of(ResetRow::batch(&[])),
        "flows" => schema_of(FlowRow::batch(&[])),
        "maps" => schema_of(MapRow::batch(&[])),
        "separability" => schema_of(SeparabilityRow::batch(&[])),
        "duplicates" => schema_of(DuplicateRow::batch(&[])),
        "relabelled" => schema_of(RelabelRow::batch(&[])),
        "standings" => schema_of(StandingRow::batch(&[])),
        "missing" => schema_of(MissingRow::batch(&[])),
        "attributes" => schema_of(AttributeRow::batch(&[])),
        "subgroups" => schema_of(SubgroupRow::batch(&[])),
        "samples" => Ok(columns::fields(&columns::SAMPLES)),
        "truth" => Ok(columns::fields(&columns::TRUTH)),
        _ => Err(Error::Usage(format!("no view {name}"))),
    }?;
    // A file of another version may lack a column: nulls then stand for it, so every column may be null.
    let mut fields: Vec<Arc<Field>> = documented
        .iter()
        .map(|field| Arc::new(field.as_ref().clone().with_nullable(true)))
        .collect();
    if matches!(name, "samples" | "truth") {
        let found: Vec<SchemaRef> = files.par_iter().map(|path| read_schema(path)).collect::<Result<_>>()?;
        let mut extra = BTreeSet::new();
        for schema in &found {
            for field in schema.fields() {
                extra.extend(ActionUnit::of_column(field.name()));
            }
        }
        fields.extend(
            extra
                .into_iter()
                .map(|unit| Arc::new(Field::new(unit.column(), columns::UNIT.0.arrow(), true))),
        );
    }
    Ok(fields)
}

fn schema_of(batch: std::result::Result<RecordBatch, ArrowError>) -> Result<Fields> {
    batch
        .map(|batch| batch.schema().fields().clone())
        .map_err(|error| Error::data(format!("the columns of a table do not fit together: {error}")))
}

fn read_schema(path: &Path) -> Result<SchemaRef> {
    Ok(Arc::clone(guard::open(path)?.schema()))
}

/// Reads the files behind a view one after the other, to name the one that cannot be.
pub(super) fn read_through(view: &str, runs: &[FoundRun]) -> Result<()> {
    if !FILES.contains(&view) {
        return Ok(());
    }
    let files = RunFiles::open(view, runs)?;
    files.paths.iter().try_for_each(|path| {
        guarded(path, || {
            let mut batches = guard::open(path)?.build().at("read", path)?;
            batches.try_for_each(|batch| batch.map(drop)).at("read", path)
        })
    })
}

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
