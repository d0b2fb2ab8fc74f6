//! Features of a piece, read block by block from the parts of a feature table.

use std::path::Path;

use ::parquet::arrow::ProjectionMask;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float16Type, Float32Type, Int32Type};

use crate::disk::guard::{self, guarded};
use crate::error::{Context, Error, Result};
use crate::feature::FeatureMetadata;
use crate::feature::table::{GLOBAL, TOKENS, part_path};
use crate::image::FaceBox;
use crate::sets::{FeatureSet, Matrix, Tokens};
use crate::task::Targets;

use super::model::RunModel;

/// Bytes of features held at once, or one row.
const BYTES: usize = 64 << 20;
/// Rows held at once at most.
const ROWS: usize = 512;
/// What a row says beside its features, where the table has it.
const NAMED: [&str; 9] = [
    "sample_id",
    "image_path",
    "image",
    "frame",
    "face",
    "bbox_x",
    "bbox_y",
    "bbox_w",
    "bbox_h",
];

/// Where one row of features is from.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Its identifier.
    pub id: String,
    /// Image below the root of its piece.
    pub path: Option<String>,
    /// What the image is called in tables.
    pub image: Option<String>,
    /// Frame of the video.
    pub frame: Option<i32>,
    /// Number of the face in image or frame, from 1.
    pub face: Option<i32>,
    /// Where the face is.
    pub bbox: Option<FaceBox>,
}

/// Hands out `rows` rows of part `part` of the table in `folder` from row `first` on, some at a time.
///
/// # Errors
/// [`Error::Data`] if the part is not of a feature table or holds numbers that are not finite; [`Error::Io`] if it cannot be read;
/// whatever `each` returns.
pub fn each_block(
    (folder, part): (&Path, usize),
    (first, rows): (usize, usize),
    metadata: &FeatureMetadata,
    run: &RunModel,
    mut each: impl FnMut(Vec<Source>, &FeatureSet) -> Result<()>,
) -> Result<()> {
    let path = part_path(folder, part);
    let patch = run.trained.patches > 1 || metadata.tokens.is_some() && reads_tokens(run);
    let builder = guard::open(&path)?;
    let wanted: Vec<&str> = NAMED
        .into_iter()
        .chain([GLOBAL])
        .chain(patch.then_some(TOKENS))
        .filter(|name| builder.schema().field_with_name(name).is_ok())
        .collect();
    let mask = ProjectionMask::columns(builder.parquet_schema(), wanted.iter().copied());
    let at_once = (BYTES / metadata.row_bytes().max(1)).clamp(1, ROWS);
    let reader = builder
        .with_projection(mask)
        .with_offset(first)
        .with_limit(rows)
        .with_batch_size(at_once);
    let mut reader = guarded(&path, || reader.build().at("read the feature table", &path))?;
    while let Some(batch) = guarded(&path, || reader.next().transpose().at("read the feature table", &path))? {
        let sources = sources(&batch, &path)?;
        let set = FeatureSet {
            sample_ids: sources.iter().map(|source| source.id.clone()).collect(),
            subjects: vec![None; sources.len()],
            global: values(&batch, GLOBAL, metadata.global_dim, &path)?.into(),
            tokens: match metadata.tokens.filter(|_| patch) {
                Some(shape) => Some(Tokens {
                    count: shape.count(),
                    width: shape.width,
                    values: values(&batch, TOKENS, shape.values(), &path)?.into(),
                }),
                None => None,
            },
            targets: Targets {
                task: run.trained.task,
                names: run.trained.names.clone(),
                values: Vec::new(),
                known: Vec::new(),
            },
        };
        each(sources, &set)?;
    }
    Ok(())
}

fn reads_tokens(run: &RunModel) -> bool {
    run.trained.config.level_for(run.trained.task) == crate::model::config::Level::Patch
}

fn sources(batch: &RecordBatch, path: &Path) -> Result<Vec<Source>> {
    let text = |name: &str| {
        batch
            .column_by_name(name)
            .and_then(|column| column.as_string_opt::<i32>())
    };
    let whole = |name: &str| {
        batch
            .column_by_name(name)
            .and_then(|column| column.as_primitive_opt::<Int32Type>())
    };
    let number = |name: &str| {
        batch
            .column_by_name(name)
            .and_then(|column| column.as_primitive_opt::<Float32Type>())
    };
    let Some(ids) = text("sample_id") else {
        return Err(Error::unusable_table(format!(
            "{} has no text column `sample_id`; expected a part of a feature table",
            path.display()
        )));
    };
    let (paths, images, frames, faces) = (text("image_path"), text("image"), whole("frame"), whole("face"));
    let sides = ["bbox_x", "bbox_y", "bbox_w", "bbox_h"].map(number);
    Ok((0..batch.num_rows())
        .map(|row| {
            let said = |column: Option<&arrow::array::StringArray>| {
                column.filter(|c| c.is_valid(row)).map(|c| c.value(row).to_owned())
            };
            let int =
                |column: Option<&arrow::array::Int32Array>| column.filter(|c| c.is_valid(row)).map(|c| c.value(row));
            let [x, y, width, height] = sides.map(|side| side.filter(|c| c.is_valid(row)).map(|c| c.value(row)));
            let bbox = match (x, y, width, height) {
                (Some(x), Some(y), Some(width), Some(height)) => Some(FaceBox { x, y, width, height }),
                _ => None,
            };
            Source {
                id: ids.value(row).to_owned(),
                path: said(paths),
                image: said(images).or_else(|| said(paths)),
                frame: int(frames),
                face: int(faces),
                bbox,
            }
        })
        .collect())
}

/// A feature column as a matrix.
fn values(batch: &RecordBatch, name: &str, cols: usize, path: &Path) -> Result<Matrix> {
    let wrong = |what: String| Error::unusable_table(format!("{}: column `{name}` {what}", path.display()));
    let list = batch
        .column_by_name(name)
        .and_then(|column| column.as_fixed_size_list_opt())
        .ok_or_else(|| wrong("is no list of numbers of one length".to_owned()))?;
    if usize::try_from(list.value_length()).ok() != Some(cols) || list.null_count() > 0 {
        return Err(wrong(format!("holds lists of other than {cols} numbers")));
    }
    let from = list.value_offset(0) as usize;
    let items = list.values().slice(from, list.len() * cols);
    let data: Vec<f32> = if let Some(halves) = items.as_primitive_opt::<Float16Type>() {
        halves.values().iter().map(|value| value.to_f32()).collect()
    } else if let Some(singles) = items.as_primitive_opt::<Float32Type>() {
        singles.values().to_vec()
    } else {
        return Err(wrong("holds no numbers of half or single precision".to_owned()));
    };
    if let Some(at) = data.iter().position(|value| !value.is_finite()) {
        return Err(wrong(format!(
            "holds a value that is not a finite number in row {} of a block",
            at / cols.max(1)
        )));
    }
    Ok(Matrix {
        rows: list.len(),
        cols,
        data,
    })
}
