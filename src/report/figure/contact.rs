//! The contact sheet: archetypes as rows, their nearest training images as columns.

use std::path::Path;

use plotters::prelude::*;
use rayon::prelude::*;
use serde::Serialize;

use crate::query::{Table, Value};
use crate::report::cells::thousands;
use crate::report::tile::Tile;

use super::canvas::{ALERT, Align, Canvas, Drawn, GRID, INK, MUTED, Picture, Placed, SMALL, TEXT, TINY, fit};
use super::tiles;

/// Side of a tile.
const TILE: i32 = 150;
const STEP: i32 = TILE + 14;
const LEFT: i32 = 330;
const ROW: i32 = TILE + 58;

/// One archetype and its nearest images.
#[derive(Debug, Serialize)]
pub(in crate::report) struct ContactRow {
    pub(in crate::report) archetype: i64,
    /// What it is called.
    pub(in crate::report) name: String,
    /// Training samples matched with it.
    pub(in crate::report) uses: String,
    pub(in crate::report) tiles: Vec<Tile>,
}

/// From the rows of one run: `archetype, name, uses` and those of a [`Tile`], ordered by archetype and place. Images are read
/// from below `root`.
pub(in crate::report) fn contact_rows(table: &Table, rows: &[&Vec<Value>], root: Option<&Path>) -> Vec<ContactRow> {
    let tiles: Vec<Option<Tile>> = rows
        .par_iter()
        .map(|row| Tile::of_row(table, row, root, TILE as u32))
        .collect();
    let mut out: Vec<ContactRow> = Vec::new();
    for (row, tile) in rows.iter().zip(tiles) {
        let archetype = table.get(row, "archetype").as_i64().unwrap_or(-1);
        if out.last().is_none_or(|last| last.archetype != archetype) {
            out.push(ContactRow {
                archetype,
                name: table.get(row, "name").as_str().unwrap_or("archetype").to_owned(),
                uses: thousands(table.get(row, "uses").as_f64().unwrap_or(0.0)),
                tiles: Vec::new(),
            });
        }
        if let Some(last) = out.last_mut() {
            last.tiles.extend(tile);
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

    /// Every tile with its upper left corner.
    fn tiles(&self) -> impl Iterator<Item = ((i32, i32), &Tile)> {
        self.rows.iter().enumerate().flat_map(|(i, row)| {
            let tiles = row.tiles.iter().enumerate();
            tiles.map(move |(j, tile)| (Self::place(i, j), tile))
        })
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
        let parts: Vec<String> = self
            .rows
            .iter()
            .map(|row| {
                let contradicting = row.tiles.iter().filter(|tile| tile.contradicts).count();
                let otherwise = if contradicting > 0 {
                    format!(", {contradicting} of its images labelled otherwise")
                } else {
                    String::new()
                };
                format!(
                    "archetype {} ({}), {} samples{otherwise}",
                    row.archetype, row.name, row.uses
                )
            })
            .collect();
        format!(
            "Contact sheet of the nearest training images of {} archetypes: {}.{}",
            self.rows.len(),
            parts.join("; "),
            tiles::missing(self.tiles().map(|(_, tile)| tile))
        )
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>) -> Drawn<B> {
        for (i, row) in self.rows.iter().enumerate() {
            let (_, y) = Self::place(i, 0);
            if i > 0 {
                let (width, _) = self.size();
                canvas.line(vec![(8, y - 9), (width as i32 - 8, y - 9)], GRID.into(), 2)?;
            }
            canvas.bold(&fit(&row.name, TEXT, LEFT - 40), (12, y + 40), TEXT, INK, Align::Left)?;
            for (line, text) in [format!("archetype {}", row.archetype), format!("{} samples", row.uses)]
                .iter()
                .enumerate()
            {
                canvas.text(text, (12, y + 82 + 38 * line as i32), SMALL, MUTED, Align::Left)?;
            }
        }
        for ((x, y), tile) in self.tiles() {
            tiles::ground(canvas, tile, (x, y), TILE)?;
            let below = (x + TILE / 2, y + TILE + 26);
            match &tile.label {
                Some(label) if tile.contradicts => {
                    canvas.bold(&fit(label, TINY, TILE), below, TINY, ALERT, Align::Center)?;
                }
                _ => canvas.text(&tile.numbers(), below, TINY, MUTED, Align::Center)?,
            }
        }
        Ok(())
    }

    fn images(&self) -> Vec<Placed<'_>> {
        tiles::placed(self.tiles())
    }
}
