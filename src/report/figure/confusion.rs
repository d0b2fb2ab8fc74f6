//! The confusion matrix: share of the row by shade and number, count below it.

use plotters::prelude::*;

use crate::query::Table;
use crate::report::cells::{fixed, thousands};

use super::canvas::{Align, COLUMN, Canvas, Drawn, INK, MUTED, Picture, SMALL, TEXT, TINY, fit, width};

struct Confusion {
    names: Vec<String>,
    /// Samples and share of the row; label by prediction.
    cells: Vec<Vec<(f64, Option<f64>)>>,
    left: i32,
    top: i32,
    cell: i32,
}

/// From the rows of one run: `label, label_name, prediction, samples, share`, complete and in order.
pub(in crate::report) fn confusion(table: &Table, rows: &[&Vec<crate::query::Value>]) -> Option<impl Picture + use<>> {
    let mut names: Vec<String> = Vec::new();
    let mut cells: Vec<Vec<(f64, Option<f64>)>> = Vec::new();
    let mut current = None;
    for row in rows {
        let label = table.get(row, "label").as_i64();
        if label != current {
            current = label;
            names.push(table.get(row, "label_name").as_str().unwrap_or("?").to_owned());
            cells.push(Vec::new());
        }
        let samples = table.get(row, "samples").as_f64().unwrap_or(0.0);
        cells.last_mut()?.push((samples, table.get(row, "share").as_f64()));
    }
    if names.is_empty() || cells.iter().any(|row| row.len() != names.len()) {
        return None;
    }
    let widest = names.iter().map(|name| width(name, SMALL)).max().unwrap_or(0).min(260);
    let left = widest + 74;
    let cell = ((COLUMN as i32 - left - 8) / names.len() as i32).min(200);
    Some(Confusion {
        names,
        cells,
        left,
        top: 12,
        cell,
    })
}

/// From white to a dark blue, lightness falling evenly (CIE L* 100 to 27).
fn shade(share: f64) -> RGBColor {
    let stops = [
        (255.0, 255.0, 255.0),
        (206.0, 224.0, 240.0),
        (139.0, 184.0, 219.0),
        (62.0, 134.0, 187.0),
        (8.0, 65.0, 117.0),
    ];
    let at = share.clamp(0.0, 1.0) * 4.0;
    let i = (at.floor() as usize).min(3);
    let t = at - i as f64;
    let mix = |a: f64, b: f64| (a + (b - a) * t).round() as u8;
    let (a, b) = (stops[i], stops[i + 1]);
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

impl Picture for Confusion {
    fn size(&self) -> (u32, u32) {
        let longest = self
            .names
            .iter()
            .map(|name| width(name, SMALL))
            .max()
            .unwrap_or(0)
            .min(260);
        let height = self.top + self.cell * self.names.len() as i32 + longest + 86;
        (COLUMN, height as u32)
    }

    fn alt(&self) -> String {
        let mut correct = Vec::new();
        let mut worst: Option<(f64, usize, usize)> = None;
        for (i, row) in self.cells.iter().enumerate() {
            for (j, (_, share)) in row.iter().enumerate() {
                let Some(share) = *share else { continue };
                if i == j {
                    correct.push(format!("{} {} %", self.names[i], fixed(share * 100.0, 1)));
                } else if share > 0.0 && worst.is_none_or(|(most, ..)| share > most) {
                    worst = Some((share, i, j));
                }
            }
        }
        let mut text = format!(
            "Confusion matrix of {} classes. Share of each class predicted correctly: {}.",
            self.names.len(),
            correct.join(", ")
        );
        match worst {
            Some((share, i, j)) => {
                text.push_str(&format!(
                    " Most frequent confusion: {} taken for {} in {} % of its samples.",
                    self.names[i],
                    self.names[j],
                    fixed(share * 100.0, 1)
                ));
            }
            None => text.push_str(" No confusions."),
        }
        text
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>) -> Drawn<B> {
        let n = self.names.len() as i32;
        let (left, top, cell) = (self.left, self.top, self.cell);
        let em = if cell >= 96 { SMALL } else { (cell / 4).clamp(12, SMALL) };
        for (i, row) in self.cells.iter().enumerate() {
            let y = top + cell * i as i32;
            canvas.text(
                &fit(&self.names[i], SMALL, 260),
                (left - 16, y + cell / 2),
                SMALL,
                INK,
                Align::Right,
            )?;
            for (j, (samples, share)) in row.iter().enumerate() {
                let x = left + cell * j as i32;
                let value = share.unwrap_or(0.0);
                canvas.fill((x, y), (x + cell, y + cell), shade(value))?;
                // Black and white of their own, which do not follow the page's light or dark theme: the shades do not.
                let ink = if value > 0.55 {
                    RGBColor(0xFF, 0xFF, 0xFF)
                } else {
                    RGBColor(0, 0, 0)
                };
                let middle = y + cell / 2;
                match share {
                    Some(share) if *samples > 0.0 => {
                        let text = fixed(share * 100.0, 1);
                        if cell >= 70 {
                            canvas.bold(&text, (x + cell / 2, middle - em / 2 - 3), em, ink, Align::Center)?;
                            canvas.text(
                                &thousands(*samples),
                                (x + cell / 2, middle + em / 2 + 7),
                                em.min(TINY),
                                ink,
                                Align::Center,
                            )?;
                        } else {
                            canvas.text(&text, (x + cell / 2, middle), em, ink, Align::Center)?;
                        }
                    }
                    Some(_) => canvas.text(
                        "0",
                        (x + cell / 2, middle),
                        em,
                        RGBColor(0x60, 0x60, 0x60),
                        Align::Center,
                    )?,
                    None => canvas.text(
                        "—",
                        (x + cell / 2, middle),
                        em,
                        RGBColor(0x60, 0x60, 0x60),
                        Align::Center,
                    )?,
                }
            }
        }
        let (right, bottom) = (left + cell * n, top + cell * n);
        for i in 0..=n {
            let grid = super::canvas::GRID.into();
            canvas.line(vec![(left, top + cell * i), (right, top + cell * i)], grid, 2)?;
            canvas.line(vec![(left + cell * i, top), (left + cell * i, bottom)], grid, 2)?;
        }
        let mut longest = 0;
        for (j, name) in self.names.iter().enumerate() {
            let name = fit(name, SMALL, 260);
            longest = longest.max(width(&name, SMALL));
            canvas.upright(
                &name,
                (left + cell * j as i32 + cell / 2, bottom + 16),
                SMALL,
                INK,
                Align::Right,
            )?;
        }
        canvas.text(
            "prediction",
            (i32::midpoint(left, right), bottom + longest + 54),
            TEXT,
            MUTED,
            Align::Center,
        )?;
        canvas.upright("label", (22, i32::midpoint(top, bottom)), TEXT, MUTED, Align::Center)
    }
}
