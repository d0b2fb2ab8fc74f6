//! The samples of a run as one Parquet file, as programs that show embeddings and datasets open it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, RecordBatch, StringBuilder, StructArray};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields, Float64Type, Schema};
use rayon::prelude::*;

use crate::disk::parquet;
use crate::error::{Context, Error, Result};
use crate::image::FaceBox;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::query::context::QueryContext;
use crate::query::{FoundRun, Value};
use crate::report::catalog::ReportFiles;
use crate::report::thumbnail::Thumbnail;

/// The query behind the file.
const SQL: &str = "sql/atlas.sql";
/// Metadata key of the file: what its rows are of.
const KEY: &str = "aura-bench.atlas";
/// Side of a picture.
const SIDE: u32 = 112;

/// What of a run is written.
#[derive(Debug)]
pub struct AtlasOptions<'a> {
    /// Seed of the model; the run's first.
    pub seed: Option<i64>,
    /// Fold of the model, in a run with folds; the run's first.
    pub fold: Option<i32>,
    /// Whether small pictures are in the file.
    pub images: bool,
    /// The file.
    pub out: &'a Path,
    /// Shows how far the pictures are.
    pub progress: Progress,
    /// Asked between pictures.
    pub interrupt: &'a Interrupt,
}

/// What was written.
#[derive(Debug)]
pub struct Atlas {
    /// Rows of the file.
    pub rows: usize,
    /// What is to be said: the faces are generated, there is no map, pictures are missing.
    pub notes: Vec<String>,
}

/// Writes one row for each sample of a model of the run at `run`.
///
/// # Errors
/// [`Error::Data`] if there is no run, a table cannot be read, or the images of a run with pictures lie nowhere; [`Error::Usage`] if there
/// is no such seed or fold, or the file would lie within the run; [`Error::Io`]; [`Error::Interrupted`].
pub fn export(run: &Path, options: &AtlasOptions<'_>) -> Result<Atlas> {
    let query = QueryContext::open_heeding(&[run.to_owned()], options.interrupt)?;
    let run = query.only_run(run)?;
    let (fold, seed) = run.model(options.fold, options.seed)?;
    outside(options.out, &run)?;
    let root = run.manifest.data_root.as_deref().map(absolute).transpose()?;
    if options.images && root.as_ref().is_none_or(|root| !root.is_dir()) {
        let place = root.map_or_else(|| "nowhere".to_owned(), |root| format!("in {}", root.display()));
        return Err(Error::data(format!(
            "the images of {} lie {place}, which is not there: no pictures can be made; bring the folder back, or leave them out",
            run.run
        )));
    }
    let shown = root.as_ref().map(|root| root.display().to_string());
    let parameters = [
        ("seed", Value::Int(seed)),
        ("fold", fold.map_or(Value::Null, |fold| Value::Int(i64::from(fold)))),
        ("root", shown.map_or(Value::Null, Value::Text)),
    ];
    let text = ReportFiles::new(None)?.text(SQL)?;
    let all = query.batch(&wide(&text, &run), &parameters)?;
    let mut notes = Vec::new();
    if run.manifest.stand_in {
        notes.push(format!(
            "the faces of {} are generated: the column stand_in says so in every row",
            run.run
        ));
    }
    if all.column_by_name("x").is_none_or(|x| x.null_count() == x.len()) {
        notes.push("this model has no map (the run's first seed has): x and y are null".to_owned());
    }
    let place = all.schema().index_of("image_path").at("read", options.out)?;
    let mut table = all.project(&(0..place).collect::<Vec<_>>()).at("encode", options.out)?;
    if options.images {
        let (pictures, missing) = pictures(&all, root.as_deref(), options)?;
        if missing > 0 {
            notes.push(format!(
                "{missing} of {} pictures could not be read and are null",
                all.num_rows()
            ));
        }
        table = with_column(&table, "image", pictures).at("encode", options.out)?;
    }
    let about = serde_json::json!({
        "run": run.run,
        "seed": seed,
        "fold": fold,
        "task": run.manifest.task,
        "dataset": run.manifest.dataset,
        "protocol_digest": run.manifest.protocol_digest,
        "stand_in": run.manifest.stand_in,
    });
    parquet::write_batch(options.out, &table, &[(KEY, about.to_string())])?;
    Ok(Atlas {
        rows: table.num_rows(),
        notes,
    })
}

/// A file within the run would be taken for one of its own, or stand in the place of one.
fn outside(out: &Path, run: &FoundRun) -> Result<()> {
    let whole = |path: &Path| std::fs::canonicalize(path).ok();
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = whole(folder.unwrap_or(Path::new(".")));
    match (folder, whole(&run.path)) {
        (Some(folder), Some(run)) if folder.starts_with(&run) => Err(Error::Usage(format!(
            "{} lies in the run itself, whose files are its own; name a file elsewhere",
            out.display()
        ))),
        _ => Ok(()),
    }
}

fn absolute(root: &str) -> Result<PathBuf> {
    std::path::absolute(root).at("find", Path::new(root))
}

/// The query with one column an output, where outputs are numbers; what only pictures need comes last.
fn wide(text: &str, run: &FoundRun) -> String {
    let outputs = &run.manifest.classes;
    let at = |i: usize, list: &str| format!("CAST(array_element({list}, {}) AS REAL)", i + 1);
    let mut known = String::new();
    let correct = match run.manifest.task.as_str() {
        "expression" => {
            known.push_str("label, prediction");
            "correct".to_owned()
        }
        task => {
            let columns = outputs.iter().enumerate().map(|(i, name)| {
                let (target, output) = (at(i, "target"), at(i, "output"));
                let name = name.replace('"', "\"\"");
                format!("{target} AS \"{name}\", {output} AS \"{name}_prediction\"")
            });
            known.push_str(&columns.collect::<Vec<_>>().join(", "));
            if task == "action_units" {
                let right = (0..outputs.len()).map(|i| {
                    let (target, output) = (at(i, "target"), at(i, "output"));
                    format!("coalesce(({output} >= 0.5) = ({target} > 0.5), true)")
                });
                right.collect::<Vec<_>>().join(" AND ")
            } else {
                "CAST(NULL AS BOOLEAN)".to_owned()
            }
        }
    };
    let mut sql = format!("SELECT sample_id, split, subject, {known}, {correct} AS correct, ");
    let _ = write!(
        sql,
        "archetype, archetype_name, similarity, second, margin, label_suspected, x, y, x_encoder, y_encoder, filepath, run, seed, fold, \
         stand_in, image_path, bbox_x, bbox_y, bbox_w, bbox_h FROM (\n{text}\n) ORDER BY split, sample_id"
    );
    sql
}

/// A struct of `bytes` and `path` for each row, as Hugging Face's datasets and embedding-atlas know pictures, and how many are missing.
fn pictures(all: &RecordBatch, root: Option<&Path>, options: &AtlasOptions<'_>) -> Result<(ArrayRef, usize)> {
    let column = |name: &str, kind: &DataType| {
        let found = all
            .column_by_name(name)
            .ok_or_else(|| Error::data(format!("no column {name}")))?;
        cast(found, kind).at("read", options.out)
    };
    let paths = column("image_path", &DataType::Utf8)?;
    let paths = paths.as_string::<i32>();
    let sides = ["bbox_x", "bbox_y", "bbox_w", "bbox_h"]
        .iter()
        .map(|name| column(name, &DataType::Float64))
        .collect::<Result<Vec<_>>>()?;
    let bar = options.progress.bar("pictures", all.num_rows() as u64, "images");
    let made: Vec<Option<Vec<u8>>> = (0..all.num_rows())
        .into_par_iter()
        .map(|row| {
            options.interrupt.check()?;
            let side = |i: usize| {
                let side = sides[i].as_primitive::<Float64Type>();
                side.is_valid(row).then(|| side.value(row) as f32)
            };
            let face = match (side(0), side(1), side(2), side(3)) {
                (Some(x), Some(y), Some(width), Some(height)) => Some(FaceBox { x, y, width, height }),
                _ => None,
            };
            let path = paths.is_valid(row).then(|| paths.value(row));
            let picture = Thumbnail::of(root, path, face, SIDE).into_jpeg().ok();
            bar.inc(1);
            Ok(picture)
        })
        .collect::<Result<_>>()?;
    let (mut bytes, mut names) = (BinaryBuilder::new(), StringBuilder::new());
    for (row, picture) in made.iter().enumerate() {
        bytes.append_option(picture.as_deref());
        names.append_option(paths.is_valid(row).then(|| paths.value(row)));
    }
    let fields = Fields::from(vec![
        Field::new("bytes", DataType::Binary, true),
        Field::new("path", DataType::Utf8, true),
    ]);
    let there = made.iter().map(Option::is_some).collect::<NullBuffer>();
    let missing = there.null_count();
    let pictures = StructArray::try_new(
        fields,
        vec![Arc::new(bytes.finish()), Arc::new(names.finish())],
        Some(there),
    );
    Ok((Arc::new(pictures.at("encode", options.out)?), missing))
}

fn with_column(
    table: &RecordBatch,
    name: &str,
    column: ArrayRef,
) -> std::result::Result<RecordBatch, arrow::error::ArrowError> {
    let mut fields: Vec<Arc<Field>> = table.schema().fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new(name, column.data_type().clone(), true)));
    let mut columns = table.columns().to_vec();
    columns.push(column);
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}
