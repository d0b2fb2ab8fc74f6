//! Views over the files of runs: one kind of Parquet file of every run, with the run, the fold and the seed as leading columns.

use std::collections::BTreeSet;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use arrow::error::ArrowError;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileGroupPartitioner, FileScanConfigBuilder, ParquetSource};
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
use crate::record::{
    ArchetypeRow, AssignmentRow, DuplicateRow, FlowRow, MapRow, MetricRow, MissingRow, PredictionRow, RelabelRow,
    ResetRow, SeparabilityRow, StandingRow, Table,
};
use crate::served::{AttributeRow, SubgroupRow};
use crate::there;

use super::discover::{FoundRun, fetch};

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

/// Parts of a view: more than there are threads, so that none waits long for the one before it.
const PARTS: usize = 32;

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
        parted: usize,
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
        // Parts of about one size, in the order of the files. How many there are depends on the files alone, so that an answer has the
        // same bytes on any number of threads.
        let whole = [FileGroup::new(self.parts.clone())];
        let groups = FileGroupPartitioner::new()
            .with_target_partitions(PARTS)
            .with_repartition_file_min_size(parted)
            .repartition_file_groups(&whole)
            .unwrap_or_else(|| whole.to_vec());
        let source = Arc::new(ParquetSource::new(self.files.clone()));
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), source)
            .with_file_groups(groups)
            .with_projection_indices(Some(indices))?
            .with_limit(limit)
            // Else a stream that has nothing more to do takes files from those beside it.
            .with_preserve_order(true)
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
        let parted = state.config_options().optimizer.repartition_file_min_size;
        let plan = self.plan(parted, projection, limit);
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
