//! The page of faces beside the archetypes that they are taken for.

use std::path::{Path, PathBuf};

use crate::disk::{atomic, parquet};
use crate::error::Result;
use crate::image::FaceBox;
use crate::interrupt::Interrupt;
use crate::query::{Table, Value};
use crate::report::faces::{Face, Page};

use super::model::RunModel;
use super::piece::{Origin, Piece};
use super::row::PATH;
use super::work::Work;

/// Faces on a page at most.
pub const FACES: usize = 60;

/// Writes the page of the first faces; `of` is how many there are, `images` where those of a feature table lie.
///
/// # Errors
/// [`crate::Error::Io`] if rows cannot be read or the page not be written; [`crate::Error::Interrupted`].
pub fn write(
    file: &Path,
    run: &RunModel,
    (work, pieces): (&Work, &[Piece]),
    method: &str,
    of: usize,
    images: Option<&Path>,
    interrupt: &Interrupt,
) -> Result<()> {
    let mut faces = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        interrupt.check()?;
        let root = match &piece.origin {
            Origin::Faces { root, .. } => Some(root.clone()),
            Origin::Table { .. } => images
                .map(Path::to_owned)
                .or_else(|| run.run.manifest.data_root.as_ref().map(PathBuf::from)),
        };
        let batch = parquet::read(&work.rows(at))?;
        let rows = Table::from_batches(&batch.schema(), &[batch])?;
        for row in &rows.rows {
            if rows.get(row, "method").as_str() == Some(method) && faces.len() < FACES {
                faces.push(face(run, &rows, row, root.clone()));
            }
        }
        if faces.len() == FACES {
            break;
        }
    }
    let page = Page {
        run: &run.run,
        fold: run.fold,
        seed: run.seed,
        method,
        of,
        query: &run.query,
    };
    atomic::write(file, page.to_html(&faces)?.as_bytes())
}

fn face(run: &RunModel, rows: &Table, row: &[Value], root: Option<PathBuf>) -> Face {
    let text = |name: &str| rows.get(row, name).as_str().map(str::to_owned);
    let number = |name: &str| rows.get(row, name).as_f64();
    let side = |name: &str| number(name).map(|value| value as f32);
    let bbox = match (side("bbox_x"), side("bbox_y"), side("bbox_w"), side("bbox_h")) {
        (Some(x), Some(y), Some(width), Some(height)) => Some(FaceBox { x, y, width, height }),
        _ => None,
    };
    let outputs = match rows.get(row, "output") {
        Value::List(items) => items.iter().map(Value::as_f64).collect(),
        _ => Vec::new(),
    };
    Face {
        id: text("sample_id").unwrap_or_default(),
        root,
        path: text(PATH),
        bbox: bbox.filter(|_| run.recipe.features.crop),
        outputs,
        archetype: rows.get(row, "archetype").as_i64().unwrap_or(-1),
        name: text("archetype_name").unwrap_or_default(),
        similarity: number("similarity"),
        margin: number("margin"),
    }
}
