//! The contact sheet: archetypes as rows, their nearest training images as columns.

use std::path::Path;

use plotters::prelude::*;
use rayon::prelude::*;

use super::{ALERT, Align, Canvas, Drawn, GRID, INK, MUTED, Picture, Placed, SMALL, TEXT, TINY, fit};
use crate::query::{Table, Value};
use crate::report::cells::{fixed, thousands};
use crate::report::thumbnail::Thumbnail;

/// Side of a tile.
const TILE: i32 = 150;
const STEP: i32 = TILE + 14;
const LEFT: i32 = 330;
const ROW: i32 = TILE + 58;

/// One archetype and its nearest images.
pub(in crate::report) struct ContactRow {
    pub(in crate::report) archetype: i64,
    pub(in crate::report) class: Option<String>,
    pub(in crate::report) uses: i64,
    pub(in crate::report) tiles: Vec<Tile>,
}

/// One image of the sheet.
pub(in crate::report) struct Tile {
    pub(in crate::report) sample_id: String,
    pub(in crate::report) label: Option<String>,
    /// Whether the label is another class than the archetype's.
    pub(in crate::report) contradicts: bool,
    pub(in crate::report) similarity: Option<f64>,
    pub(in crate::report) picture: Thumbnail,
}

/// From the rows of one run: `archetype, label, label_name, uses, sample_id, similarity, image_path,
/// expression_name, contradicts` and those of the picture, ordered by archetype and place. Images are read from below `root`.
pub(in crate::report) fn contact_rows(table: &Table, rows: &[&Vec<Value>], root: Option<&Path>) -> Vec<ContactRow> {
    let tiles: Vec<Tile> = rows
        .par_iter()
        .map(|row| Tile {
            sample_id: table.get(row, "sample_id").as_str().unwrap_or_default().to_owned(),
            label: table.get(row, "expression_name").as_str().map(str::to_owned),
            contradicts: *table.get(row, "contradicts") == Value::Bool(true),
            similarity: table.get(row, "similarity").as_f64(),
            picture: Thumbnail::of_row(table, row, root, TILE as u32),
        })
        .collect();
    let mut out: Vec<ContactRow> = Vec::new();
    for (row, tile) in rows.iter().zip(tiles) {
        let archetype = table.get(row, "archetype").as_i64().unwrap_or(-1);
        if out.last().is_none_or(|last| last.archetype != archetype) {
            out.push(ContactRow {
                archetype,
                class: table.get(row, "label_name").as_str().map(str::to_owned),
                uses: table.get(row, "uses").as_i64().unwrap_or(0),
                tiles: Vec::new(),
            });
        }
        if let Some(last) = out.last_mut() {
            last.tiles.push(tile);
        }
    }
    out
}

struct Contact<'a> {
    rows: &'a [ContactRow],
    columns: i32,
}

/// The sheet as a picture.
pub(in crate::report) fn contact(rows: &[ContactRow]) -> Option<impl Picture> {
    let columns = rows.iter().map(|row| row.tiles.len()).max()?;
    Some(Contact {
        rows,
        columns: i32::try_from(columns).ok()?,
    })
}

impl Contact<'_> {
    fn place(row: usize, column: usize) -> (i32, i32) {
        (LEFT + STEP * column as i32, 12 + ROW * row as i32)
    }
}

impl Picture for Contact<'_> {
    fn size(&self) -> (u32, u32) {
        (
            (LEFT + STEP * self.columns.max(4)) as u32,
            (12 + ROW * self.rows.len() as i32) as u32,
        )
    }

    fn alt(&self) -> String {
        let tiles = || self.rows.iter().flat_map(|row| &row.tiles);
        let parts: Vec<String> = self
            .rows
            .iter()
            .map(|row| {
                let contradicting = row.tiles.iter().filter(|tile| tile.contradicts).count();
                format!(
                    "archetype {}{}, {} samples{}",
                    row.archetype,
                    row.class
                        .as_ref()
                        .map(|class| format!(" ({class})"))
                        .unwrap_or_default(),
                    thousands(row.uses as f64),
                    if contradicting > 0 {
                        format!(", {contradicting} of its images labelled otherwise")
                    } else {
                        String::new()
                    }
                )
            })
            .collect();
        let missing = tiles().filter(|tile| tile.picture.missing.is_some()).count();
        format!(
            "Contact sheet of the nearest training images of {} archetypes: {}.{}",
            self.rows.len(),
            parts.join("; "),
            if missing > 0 {
                format!(" {missing} images could not be shown.")
            } else {
                String::new()
            }
        )
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>) -> Drawn<B> {
        for (i, row) in self.rows.iter().enumerate() {
            let (_, y) = Self::place(i, 0);
            if i > 0 {
                let (width, _) = self.size();
                canvas.line(vec![(8, y - 9), (width as i32 - 8, y - 9)], GRID.into(), 2)?;
            }
            let class = row.class.as_deref().unwrap_or("archetype");
            canvas.bold(&fit(class, TEXT, LEFT - 40), (12, y + 40), TEXT, INK, Align::Left)?;
            canvas.text(
                &format!("archetype {}", row.archetype),
                (12, y + 82),
                SMALL,
                MUTED,
                Align::Left,
            )?;
            canvas.text(
                &format!("{} samples", thousands(row.uses as f64)),
                (12, y + 120),
                SMALL,
                MUTED,
                Align::Left,
            )?;
            for (j, tile) in row.tiles.iter().enumerate() {
                let (x, y) = Self::place(i, j);
                if let Some(reason) = tile.picture.missing {
                    canvas.fill((x, y), (x + TILE, y + TILE), RGBColor(200, 204, 209))?;
                    let words: Vec<&str> = reason.split(' ').collect();
                    for (k, word) in words.iter().enumerate() {
                        let offset = 30 * k as i32 - 15 * (words.len() as i32 - 1);
                        canvas.text(
                            word,
                            (x + TILE / 2, y + TILE / 2 + offset),
                            TINY,
                            RGBColor(0x30, 0x34, 0x3A),
                            Align::Center,
                        )?;
                    }
                }
                if tile.contradicts {
                    canvas.frame((x - 5, y - 5), (x + TILE + 5, y + TILE + 5), ALERT, 5)?;
                }
                let similarity = tile.similarity.map(|value| fixed(value, 2)).unwrap_or_default();
                match (&tile.label, tile.contradicts) {
                    (Some(label), true) => {
                        let text = fit(label, TINY, TILE);
                        canvas.bold(&text, (x + TILE / 2, y + TILE + 26), TINY, ALERT, Align::Center)?;
                    }
                    _ => canvas.text(&similarity, (x + TILE / 2, y + TILE + 26), TINY, MUTED, Align::Center)?,
                }
            }
        }
        Ok(())
    }

    fn images(&self) -> Vec<Placed<'_>> {
        let mut placed = Vec::new();
        for (i, row) in self.rows.iter().enumerate() {
            for (j, tile) in row
                .tiles
                .iter()
                .enumerate()
                .filter(|(_, tile)| tile.picture.missing.is_none())
            {
                let (x, y) = Self::place(i, j);
                placed.push(Placed {
                    x,
                    y,
                    image: &tile.picture.image,
                    jpeg: &tile.picture.jpeg,
                });
            }
        }
        placed
    }
}
