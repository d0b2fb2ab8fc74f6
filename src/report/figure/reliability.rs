//! Reliability diagram: how often what was said to be probable was so.

use std::collections::BTreeMap;

use plotters::prelude::*;

use crate::query::{Table, Value};
use crate::report::cells::thousands;

use super::canvas::{
    Align, COLUMN, Canvas, Drawn, GRID, INK, Key, MUTED, Picture, SERIES, SMALL, TEXT, fixed_label, legend,
    legend_lines,
};

/// One bin of a method.
#[derive(Debug, Clone, Copy)]
struct Bin {
    confidence: f64,
    accuracy: f64,
    n: f64,
}

struct Reliability {
    /// Each method by its name for people, with its bins from low to high.
    methods: Vec<(String, Vec<Bin>)>,
}

/// From the rows of one run: `method, bin, n, confidence, accuracy`, ordered by method and bin; `labels` name methods.
pub(in crate::report) fn reliability(
    table: &Table,
    rows: &[&Vec<Value>],
    labels: &BTreeMap<String, String>,
) -> Option<impl Picture + use<>> {
    let mut methods: Vec<(String, Vec<Bin>)> = Vec::new();
    for row in rows {
        let method = table.get(row, "method").as_str()?;
        let name = labels.get(method).map_or(method, String::as_str);
        let number = |column: &str| table.get(row, column).as_f64();
        let bin = Bin {
            confidence: number("confidence")?,
            accuracy: number("accuracy")?,
            n: number("n")?,
        };
        match methods.last_mut().filter(|(last, _)| last == name) {
            Some((_, bins)) => bins.push(bin),
            None => methods.push((name.to_owned(), vec![bin])),
        }
    }
    (!methods.is_empty()).then_some(Reliability { methods })
}

const LEFT: i32 = 150;
const PLOT: i32 = 760;
const RIGHT: i32 = LEFT + PLOT;
/// Radius of the fullest bin's dot.
const LARGEST: f64 = 20.0;

impl Reliability {
    fn keys(&self) -> Vec<Key> {
        let named = self.methods.iter().enumerate();
        named
            .map(|(i, (name, _))| Key {
                name: name.clone(),
                color: SERIES[i % SERIES.len()],
            })
            .collect()
    }

    fn top(&self) -> i32 {
        40 + 44 * legend_lines(&self.keys(), LEFT, COLUMN as i32 - 20)
    }
}

impl Picture for Reliability {
    fn size(&self) -> (u32, u32) {
        (COLUMN, (self.top() + PLOT + 112) as u32)
    }

    fn alt(&self) -> String {
        let parts: Vec<String> = self
            .methods
            .iter()
            .map(|(name, bins)| {
                let samples: f64 = bins.iter().map(|bin| bin.n).sum();
                let fullest = bins.iter().max_by(|a, b| a.n.total_cmp(&b.n));
                let said = fullest.map_or_else(String::new, |bin| {
                    format!(
                        "; in the fullest bin {} where {} was said",
                        fixed_label(bin.accuracy, 2),
                        fixed_label(bin.confidence, 2)
                    )
                });
                format!(
                    "{name}: {} answers in {} of 15 bins{said}",
                    thousands(samples),
                    bins.len()
                )
            })
            .collect();
        format!(
            "Share of right answers by the probability that was given. {}.",
            parts.join(". ")
        )
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>) -> Drawn<B> {
        legend(canvas, &self.keys(), (LEFT, 26), COLUMN as i32 - 20)?;
        let top = self.top();
        let bottom = top + PLOT;
        let along = |share: f64| (f64::from(PLOT) * share.clamp(0.0, 1.0)).round() as i32;
        let place = |x: f64, y: f64| (LEFT + along(x), bottom - along(y));
        for mark in [0.0, 0.2, 0.4, 0.6, 0.8, 1.0] {
            let (x, y) = place(mark, mark);
            canvas.line(vec![(LEFT, y), (RIGHT, y)], GRID.into(), 2)?;
            canvas.text(&fixed_label(mark, 1), (LEFT - 14, y), SMALL, MUTED, Align::Right)?;
            canvas.line(vec![(x, bottom), (x, bottom + 8)], INK.into(), 2)?;
            canvas.text(&fixed_label(mark, 1), (x, bottom + 30), SMALL, MUTED, Align::Center)?;
        }
        canvas.line(vec![place(0.0, 0.0), place(1.0, 1.0)], MUTED.into(), 2)?;
        for (i, (_, bins)) in self.methods.iter().enumerate() {
            let color = SERIES[i % SERIES.len()];
            let most = bins.iter().map(|bin| bin.n).fold(1.0, f64::max);
            let points: Vec<_> = bins.iter().map(|bin| place(bin.confidence, bin.accuracy)).collect();
            canvas.line(points.clone(), color.into(), 4)?;
            for (point, bin) in points.into_iter().zip(bins) {
                let radius = (LARGEST * (bin.n / most).sqrt()).round() as i32;
                canvas.dot(point, radius.max(5), color)?;
            }
        }
        canvas.line(vec![(LEFT, top), (LEFT, bottom), (RIGHT, bottom)], INK.into(), 2)?;
        let middle = i32::midpoint(LEFT, RIGHT);
        canvas.text("probability given", (middle, bottom + 80), TEXT, MUTED, Align::Center)?;
        let beside = (22, i32::midpoint(top, bottom));
        canvas.upright("share that was so", beside, TEXT, MUTED, Align::Center)
    }
}
