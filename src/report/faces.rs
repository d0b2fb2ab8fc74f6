//! Faces that a run predicted, each beside the support of its primal archetype, as one self-contained page.

use std::collections::BTreeMap;
use std::path::PathBuf;

use minijinja::context;
use serde::Serialize;

use crate::error::Result;
use crate::image::FaceBox;
use crate::naming;
use crate::query::context::QueryContext;
use crate::query::{FoundRun, Value};

use super::catalog::ReportFiles;
use super::cells::{MISSING, fixed};
use super::explain::sample::words;
use super::page::{environment, fill, frame, serial};
use super::provenance;
use super::thumbnail::Thumbnail;
use super::tile::Tile;

/// What the page asks the run.
const SQL: &str = "sql/predict_support.sql";
/// Support images of an archetype.
const SUPPORT: i64 = 6;
/// Side of a picture.
const SIDE: u32 = 150;

/// A face that was predicted.
#[derive(Debug, Clone)]
pub struct Face {
    /// Its identifier.
    pub id: String,
    /// The folder that its image lies below, where there is one.
    pub root: Option<PathBuf>,
    /// Its image below the root.
    pub path: Option<String>,
    /// Where the face is in the image.
    pub bbox: Option<FaceBox>,
    /// The O outputs.
    pub outputs: Vec<Option<f64>>,
    /// Its primal archetype.
    pub archetype: i64,
    /// What that is called.
    pub name: String,
    /// Cosine similarity with it.
    pub similarity: Option<f64>,
    /// That less the similarity with the second.
    pub margin: Option<f64>,
}

/// What a page is about.
#[derive(Debug)]
pub struct Page<'a> {
    /// The run.
    pub run: &'a FoundRun,
    /// Fold of the model.
    pub fold: Option<i32>,
    /// Seed of the model.
    pub seed: i64,
    /// The read-out.
    pub method: &'a str,
    /// Faces that were predicted, those that are not on the page among them.
    pub of: usize,
    /// The run's tables.
    pub query: &'a QueryContext,
}

/// A face as the template sees it.
#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    prediction: String,
    archetype: i64,
    name: &'a str,
    similarity: String,
    margin: Option<String>,
    picture: String,
    missing: Option<&'static str>,
    tiles: &'a [Tile],
}

impl Page<'_> {
    /// The page of these faces.
    ///
    /// # Errors
    /// [`crate::Error::Data`] if the run's tables cannot be read; [`crate::Error::Usage`] if a template is wrong, a defect of this
    /// program.
    pub fn to_html(&self, faces: &[Face]) -> Result<String> {
        let assets = ReportFiles::new(None)?;
        let env = environment(
            &assets,
            &["head.html", "provenance.html", "tiles.html", "predicted.html"],
        )?;
        let sql = assets.text(SQL)?;
        let support = self.support(&sql, faces)?;
        let manifest = &self.run.manifest;
        let number = |value: Option<f64>| value.map_or_else(|| MISSING.to_owned(), |value| fixed(value, 3));
        let rows: Vec<Row<'_>> = faces
            .iter()
            .map(|face| {
                let picture = Thumbnail::of(face.root.as_deref(), face.path.as_deref(), face.bbox, SIDE);
                Row {
                    id: &face.id,
                    prediction: words(&manifest.task, &manifest.classes, &face.outputs)
                        .unwrap_or_else(|| MISSING.to_owned()),
                    archetype: face.archetype,
                    name: &face.name,
                    similarity: number(face.similarity),
                    margin: face.margin.map(|margin| fixed(margin, 3)),
                    picture: picture.source(),
                    missing: picture.missing,
                    tiles: support.get(&face.archetype).map_or(&[], Vec::as_slice),
                }
            })
            .collect();
        let content = context! {
            title => format!("Faces as {} sees them", self.run.run),
            stand_in => manifest.stand_in,
            run => self.run.run.clone(),
            fold => self.fold,
            seed => self.seed,
            method => self.method,
            encoder => naming::title(&manifest.encoder),
            of => self.of,
            shown => rows.len(),
            faces => serial(&rows),
            sql => serial([(SQL, &sql)]),
            provenance => serial(provenance::block(std::slice::from_ref(self.run))),
            ..frame(&assets)?
        };
        fill(&env, "predicted.html", &content)
    }

    /// The support of the archetypes of these faces.
    fn support(&self, sql: &str, faces: &[Face]) -> Result<BTreeMap<i64, Vec<Tile>>> {
        let root = self.run.manifest.data_root.as_ref().map(PathBuf::from);
        let rows = self.query.query_with(
            sql,
            &[
                ("seed", Value::Int(self.seed)),
                (
                    "fold",
                    self.fold.map_or(Value::Null, |fold| Value::Int(i64::from(fold))),
                ),
                ("images", Value::Int(SUPPORT)),
            ],
        )?;
        let mut tiles: BTreeMap<i64, Vec<Tile>> = faces.iter().map(|face| (face.archetype, Vec::new())).collect();
        for row in &rows.rows {
            let archetype = rows.get(row, "archetype").as_i64().unwrap_or(-1);
            if let Some(tiles) = tiles.get_mut(&archetype)
                && let Some(tile) = Tile::of_row(&rows, row, root.as_deref(), SIDE)
            {
                tiles.push(tile);
            }
        }
        Ok(tiles)
    }
}
