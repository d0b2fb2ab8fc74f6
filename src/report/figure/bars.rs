//! Archetypes of each class: bars of the mean over seeds, a ring for each seed.

use plotters::prelude::*;

use crate::query::{Table, Value};
use crate::report::cells::{fixed, thousands};

use super::canvas::{
    Align, COLUMN, Canvas, Drawn, GRID, INK, MUTED, Picture, SERIES, SMALL, TEXT, TINY, fit, ticks, width,
};

struct Bars {
    /// Name, archetypes by seed, samples.
    classes: Vec<(String, Vec<f64>, f64)>,
    left: i32,
    /// Right edge of the bars.
    right: i32,
    /// Right edge of the column of means.
    means: i32,
}

/// From the rows of one run: `class, class_name, seed, archetypes, samples`, ordered by class.
pub(in crate::report) fn bars(table: &Table, rows: &[&Vec<Value>]) -> Option<impl Picture + use<>> {
    let mut classes: Vec<(String, Vec<f64>, f64)> = Vec::new();
    let mut current = None;
    for row in rows {
        let class = table.get(row, "class").as_i64();
        if class != current || classes.is_empty() {
            current = class;
            let name = table.get(row, "class_name").as_str().unwrap_or("?").to_owned();
            classes.push((name, Vec::new(), table.get(row, "samples").as_f64().unwrap_or(0.0)));
        }
        classes
            .last_mut()?
            .1
            .push(table.get(row, "archetypes").as_f64().unwrap_or(0.0));
    }
    let widest = classes.iter().map(|(name, ..)| width(name, SMALL)).max()?.min(280);
    let samples = classes
        .iter()
        .map(|(.., samples)| width(&thousands(*samples), SMALL))
        .max()?;
    Some(Bars {
        classes,
        left: widest + 28,
        right: COLUMN as i32 - samples.max(width("samples", TINY)) - 36 - 104,
        means: COLUMN as i32 - samples.max(width("samples", TINY)) - 36,
    })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

const ROW: i32 = 62;
const TOP: i32 = 52;

impl Picture for Bars {
    fn size(&self) -> (u32, u32) {
        (COLUMN, (TOP + ROW * self.classes.len() as i32 + 112) as u32)
    }

    fn alt(&self) -> String {
        let seeds = self
            .classes
            .iter()
            .map(|(_, counts, _)| counts.len())
            .max()
            .unwrap_or(0);
        let parts: Vec<String> = self
            .classes
            .iter()
            .map(|(name, counts, samples)| {
                let digits = usize::from(counts.len() > 1);
                format!(
                    "{name} {} of {} samples",
                    fixed(mean(counts), digits),
                    thousands(*samples)
                )
            })
            .collect();
        let plural = if seeds == 1 { "" } else { "s" };
        format!(
            "Bar chart of kept archetypes by class, mean over {seeds} seed{plural}: {}.",
            parts.join(", ")
        )
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>) -> Drawn<B> {
        let most = self
            .classes
            .iter()
            .flat_map(|(_, counts, _)| counts)
            .fold(1.0f64, |most, &count| most.max(count));
        let bottom = TOP + ROW * self.classes.len() as i32;
        let x = |count: f64| self.left + (f64::from(self.right - self.left) * count / most).round() as i32;
        let (marks, _) = ticks(0.0, most, 5);
        for mark in marks.iter().filter(|mark| mark.fract() == 0.0) {
            canvas.line(vec![(x(*mark), TOP - 6), (x(*mark), bottom)], GRID.into(), 2)?;
            canvas.text(&thousands(*mark), (x(*mark), bottom + 26), SMALL, MUTED, Align::Center)?;
        }
        let several = self.classes.iter().any(|(_, counts, _)| counts.len() > 1);
        let digits = usize::from(several);
        canvas.text(
            if several { "mean" } else { "count" },
            (self.means, 22),
            TINY,
            MUTED,
            Align::Right,
        )?;
        canvas.text("samples", (COLUMN as i32 - 8, 22), TINY, MUTED, Align::Right)?;
        for (i, (name, counts, samples)) in self.classes.iter().enumerate() {
            let y = TOP + ROW * i as i32 + ROW / 2;
            canvas.text(&fit(name, SMALL, 280), (self.left - 16, y), SMALL, INK, Align::Right)?;
            let average = mean(counts);
            canvas.fill((self.left, y - 19), (x(average).max(self.left + 2), y + 19), SERIES[0])?;
            if counts.len() > 1 {
                for &count in counts {
                    canvas.dot((x(count), y), 9, super::canvas::PAPER)?;
                    canvas.ring((x(count), y), 9, INK, 3)?;
                }
            }
            canvas.text(&fixed(average, digits), (self.means, y), SMALL, INK, Align::Right)?;
            canvas.text(&thousands(*samples), (COLUMN as i32 - 8, y), SMALL, MUTED, Align::Right)?;
        }
        canvas.line(vec![(self.left, TOP - 6), (self.left, bottom)], INK.into(), 2)?;
        canvas.text(
            "archetypes",
            (i32::midpoint(self.left, self.right), bottom + 78),
            TEXT,
            MUTED,
            Align::Center,
        )
    }
}
