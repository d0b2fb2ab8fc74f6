//! Panels of images side by side: on the left what an archetype stands for, on the right what it took besides.

use std::path::Path;

use plotters::prelude::*;
use rayon::prelude::*;

use super::{ALERT, Align, Canvas, Drawn, GRID, INK, MUTED, Picture, Placed, SMALL, TEXT, TINY, fit};
use crate::query::{Table, Value};
use crate::report::cells::fixed;
use crate::report::thumbnail::Thumbnail;

/// Side of a tile.
const TILE: i32 = 170;
const STEP: i32 = TILE + 16;
/// Between the two sides.
const GAP: i32 = 70;
/// Height of the headings above the tiles.
const HEAD: i32 = 92;
const ROW: i32 = HEAD + TILE + 100;

/// Two groups of images that belong together.
#[derive(Debug, Clone, Default)]
pub(in crate::report) struct Panel {
    pub(in crate::report) left: Side,
    pub(in crate::report) right: Side,
}

/// One group.
#[derive(Debug, Clone, Default)]
pub(in crate::report) struct Side {
    pub(in crate::report) heading: String,
    pub(in crate::report) note: String,
    pub(in crate::report) tiles: Vec<PanelTile>,
}

/// One image.
#[derive(Debug, Clone)]
pub(in crate::report) struct PanelTile {
    pub(in crate::report) sample_id: String,
    pub(in crate::report) label: String,
    pub(in crate::report) contradicts: bool,
    pub(in crate::report) similarity: Option<f64>,
    pub(in crate::report) margin: Option<f64>,
    pub(in crate::report) picture: Thumbnail,
}

impl PanelTile {
    /// Similarity and margin, short enough to stand below the image.
    pub(in crate::report) fn numbers(&self) -> String {
        let parts: Vec<String> = [self.similarity, self.margin]
            .iter()
            .flatten()
            .map(|value| fixed(*value, 2))
            .collect();
        parts.join(" · ")
    }
}

/// From the rows of one run: `panel, side` (`left` or `right`), `heading, note, sample_id, label, similarity, margin,
/// contradicts` and those of the picture, ordered by panel, side and place. A row without a sample is a side without images.
pub(in crate::report) fn panel_rows(table: &Table, rows: &[&Vec<Value>], root: Option<&Path>) -> Vec<Panel> {
    let tiles: Vec<Option<PanelTile>> = rows
        .par_iter()
        .map(|row| {
            let sample_id = table.get(row, "sample_id").as_str()?;
            Some(PanelTile {
                sample_id: sample_id.to_owned(),
                label: table.get(row, "label").as_str().unwrap_or_default().to_owned(),
                contradicts: *table.get(row, "contradicts") == Value::Bool(true),
                similarity: table.get(row, "similarity").as_f64(),
                margin: table.get(row, "margin").as_f64(),
                picture: Thumbnail::of_row(table, row, root, TILE as u32),
            })
        })
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
            table
                .get(row, "heading")
                .as_str()
                .unwrap_or_default()
                .clone_into(&mut side.heading);
            table
                .get(row, "note")
                .as_str()
                .unwrap_or_default()
                .clone_into(&mut side.note);
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

    fn tiles(&self) -> impl Iterator<Item = (i32, i32, &PanelTile)> {
        self.panels.iter().enumerate().flat_map(move |(i, panel)| {
            [(&panel.left, false), (&panel.right, true)]
                .into_iter()
                .flat_map(move |(side, right)| {
                    side.tiles
                        .iter()
                        .enumerate()
                        .map(move |(j, tile)| (self.left(right) + STEP * j as i32, Self::top(i) + HEAD, tile))
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
                match labels.iter_mut().find(|(label, _)| *label == tile.label) {
                    Some((_, count)) => *count += 1,
                    None => labels.push((&tile.label, 1)),
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
        let missing = self
            .tiles()
            .filter(|(_, _, tile)| tile.picture.missing.is_some())
            .count();
        format!(
            "{} of images. {}.{}",
            if self.panels.len() == 1 {
                "One panel".to_owned()
            } else {
                format!("{} panels", self.panels.len())
            },
            parts.join(". "),
            if missing > 0 {
                format!(" {missing} images could not be shown.")
            } else {
                String::new()
            }
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
        for (x, y, tile) in self.tiles() {
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
            let middle = x + TILE / 2;
            if tile.contradicts {
                canvas.frame((x - 5, y - 5), (x + TILE + 5, y + TILE + 5), ALERT, 5)?;
            }
            let color = if tile.contradicts { ALERT } else { INK };
            canvas.bold(
                &fit(&tile.label, TINY, TILE),
                (middle, y + TILE + 28),
                TINY,
                color,
                Align::Center,
            )?;
            canvas.text(&tile.numbers(), (middle, y + TILE + 60), TINY, MUTED, Align::Center)?;
        }
        Ok(())
    }

    fn images(&self) -> Vec<Placed<'_>> {
        self.tiles()
            .filter(|(_, _, tile)| tile.picture.missing.is_none())
            .map(|(x, y, tile)| Placed {
                x,
                y,
                image: &tile.picture.image,
                jpeg: &tile.picture.jpeg,
            })
            .collect()
    }
}
