//! Panels of images side by side: on the left what an archetype stands for, on the right what it took besides.

use std::path::Path;

use plotters::prelude::*;
use rayon::prelude::*;
use serde::Serialize;

use crate::query::{Table, Value};
use crate::report::tile::Tile;

use super::canvas::{ALERT, Align, Canvas, Drawn, GRID, INK, MUTED, Picture, Placed, SMALL, TEXT, TINY, fit};
use super::tiles;

/// Side of a tile.
const TILE: i32 = 170;
const STEP: i32 = TILE + 16;
/// Between the two sides.
const GAP: i32 = 70;
/// Height of the headings above the tiles.
const HEAD: i32 = 92;
const ROW: i32 = HEAD + TILE + 100;

/// Two groups of images that belong together.
#[derive(Debug, Clone, Default, Serialize)]
pub(in crate::report) struct Panel {
    pub(in crate::report) left: Side,
    pub(in crate::report) right: Side,
}

/// One group.
#[derive(Debug, Clone, Default, Serialize)]
pub(in crate::report) struct Side {
    pub(in crate::report) heading: String,
    pub(in crate::report) note: String,
    pub(in crate::report) tiles: Vec<Tile>,
}

impl Panel {
    /// The same with at most so many images on each side.
    pub(in crate::report) fn first(&self, images: usize) -> Self {
        let mut panel = self.clone();
        panel.left.tiles.truncate(images);
        panel.right.tiles.truncate(images);
        panel
    }

    /// The images of both sides.
    pub(in crate::report) fn all_tiles(&self) -> impl Iterator<Item = &Tile> {
        self.left.tiles.iter().chain(&self.right.tiles)
    }
}

/// From the rows of one run: `panel, side` (`left` or `right`), `heading, note` and those of a [`Tile`], ordered by panel,
/// side and place. A row without a sample is a side without images.
pub(in crate::report) fn panel_rows(table: &Table, rows: &[&Vec<Value>], root: Option<&Path>) -> Vec<Panel> {
    let tiles: Vec<Option<Tile>> = rows
        .par_iter()
        .map(|row| Tile::of_row(table, row, root, TILE as u32))
        .collect();
    let mut out: Vec<Panel> = Vec::new();
    let mut current = None;
    for (row, tile) in rows.iter().zip(tiles) {
        let panel = table.get(row, "panel").as_i64();
        if panel != current || out.is_empty() {
            current = panel;
            out.push(Panel::default());
        }
        let Some(last) = out.last_mut() else { continue };
        let side = if table.get(row, "side").as_str() == Some("right") {
            &mut last.right
        } else {
            &mut last.left
        };
        if side.heading.is_empty() {
            for (name, place) in [("heading", &mut side.heading), ("note", &mut side.note)] {
                table.get(row, name).as_str().unwrap_or_default().clone_into(place);
            }
        }
        side.tiles.extend(tile);
    }
    out
}

struct Panels<'a> {
    panels: &'a [Panel],
    /// Tiles on the fuller side.
    columns: i32,
}

/// The panels as a picture.
pub(in crate::report) fn panels(panels: &[Panel]) -> Option<impl Picture> {
    let columns = panels
        .iter()
        .map(|panel| panel.left.tiles.len().max(panel.right.tiles.len()))
        .max()?;
    Some(Panels {
        panels,
        columns: i32::try_from(columns).ok()?.max(3),
    })
}

impl Panels<'_> {
    fn side_width(&self) -> i32 {
        STEP * self.columns
    }

    /// Left edge of a side.
    fn left(&self, right: bool) -> i32 {
        12 + if right { self.side_width() + GAP } else { 0 }
    }

    fn top(row: usize) -> i32 {
        10 + ROW * row as i32
    }

    /// Every tile with its upper left corner.
    fn tiles(&self) -> impl Iterator<Item = ((i32, i32), &Tile)> {
        self.panels.iter().enumerate().flat_map(move |(i, panel)| {
            [(&panel.left, false), (&panel.right, true)]
                .into_iter()
                .flat_map(move |(side, right)| {
                    side.tiles
                        .iter()
                        .enumerate()
                        .map(move |(j, tile)| ((self.left(right) + STEP * j as i32, Self::top(i) + HEAD), tile))
                })
        })
    }
}

impl Picture for Panels<'_> {
    fn size(&self) -> (u32, u32) {
        (
            (24 + 2 * self.side_width() + GAP) as u32,
            (10 + ROW * self.panels.len() as i32) as u32,
        )
    }

    fn alt(&self) -> String {
        let describe = |side: &Side| {
            let mut labels: Vec<(&str, usize)> = Vec::new();
            for tile in &side.tiles {
                let name = tile.label.as_deref().unwrap_or("nothing");
                match labels.iter_mut().find(|(label, _)| *label == name) {
                    Some((_, count)) => *count += 1,
                    None => labels.push((name, 1)),
                }
            }
            let labels: Vec<String> = labels
                .iter()
                .map(|(label, count)| format!("{count} labelled {label}"))
                .collect();
            let shown = if labels.is_empty() {
                "no images".to_owned()
            } else {
                labels.join(", ")
            };
            format!("{} ({}): {shown}", side.heading, side.note)
        };
        let parts: Vec<String> = self
            .panels
            .iter()
            .enumerate()
            .map(|(i, panel)| format!("{}. {}; {}", i + 1, describe(&panel.left), describe(&panel.right)))
            .collect();
        format!(
            "{} of images. {}.{}",
            if self.panels.len() == 1 {
                "One panel".to_owned()
            } else {
                format!("{} panels", self.panels.len())
            },
            parts.join(". "),
            tiles::missing(self.tiles().map(|(_, tile)| tile))
        )
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>) -> Drawn<B> {
        let (width, _) = self.size();
        for (i, panel) in self.panels.iter().enumerate() {
            let top = Self::top(i);
            if i > 0 {
                canvas.line(vec![(8, top - 2), (width as i32 - 8, top - 2)], GRID.into(), 2)?;
            }
            let middle = self.left(true) - GAP / 2 - 8;
            canvas.line(vec![(middle, top + 16), (middle, top + ROW - 24)], GRID.into(), 2)?;
            for (side, right) in [(&panel.left, false), (&panel.right, true)] {
                let x = self.left(right);
                let most = self.side_width() - 16;
                canvas.bold(&fit(&side.heading, TEXT, most), (x, top + 28), TEXT, INK, Align::Left)?;
                canvas.text(&fit(&side.note, SMALL, most), (x, top + 66), SMALL, MUTED, Align::Left)?;
            }
        }
        for ((x, y), tile) in self.tiles() {
            tiles::ground(canvas, tile, (x, y), TILE)?;
            let middle = x + TILE / 2;
            let color = if tile.contradicts { ALERT } else { INK };
            if let Some(label) = &tile.label {
                let label = fit(label, TINY, TILE);
                canvas.bold(&label, (middle, y + TILE + 28), TINY, color, Align::Center)?;
            }
            canvas.text(&tile.numbers(), (middle, y + TILE + 60), TINY, MUTED, Align::Center)?;
        }
        Ok(())
    }

    fn images(&self) -> Vec<Placed<'_>> {
        tiles::placed(self.tiles())
    }
}
