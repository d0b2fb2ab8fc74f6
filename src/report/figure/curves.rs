//! Training curves: loss terms, the primary metric by split, dictionary in use.

use std::collections::BTreeMap;

use plotters::prelude::*;

use crate::query::{Table, Value};
use crate::report::cells::fixed;

use super::canvas::{
    Align, COLUMN, Canvas, Drawn, GRID, INK, Key, MUTED, Picture, SERIES, SMALL, TEXT, fit, fixed_label, legend,
    legend_lines, ticks,
};

/// One line of a panel: values by epoch for each seed.
struct Line {
    name: String,
    seeds: BTreeMap<i64, Vec<(i64, f64)>>,
}

pub(crate) struct Panel {
    title: &'static str,
    lines: Vec<Line>,
    from_nought: bool,
}

struct Curves {
    panels: Vec<Panel>,
    epochs: i64,
}

const LOSSES: [(&str, &str); 4] = [
    ("loss", "total"),
    ("loss_vas", "VAS"),
    ("loss_arc", "Arc"),
    ("loss_contx", "Contx"),
];
/// The three terms of the archetype loss (appendix G.1).
const TERMS: [(&str, &str); 3] = [("loss_assign", "Assign"), ("loss_dis", "Dis"), ("loss_reg", "Reg")];
const PRIMARY: [(&str, &str); 3] = [("acc", "accuracy"), ("ccc_va", "CCC"), ("f1_avg", "mean F1")];
const DICTIONARY: [(&str, &str); 2] = [
    ("codebook_active", "archetypes in use"),
    ("codebook_perplexity", "perplexity"),
];

/// From the rows of one run: `seed, metric, split, epoch, value`, ordered by epoch within a seed.
/// Points (epoch, value) of each seed.
type Series = BTreeMap<i64, Vec<(i64, f64)>>;

pub(in crate::report) fn curves(table: &Table, rows: &[&Vec<Value>]) -> Option<impl Picture + use<>> {
    // (metric, split) → seed → points.
    let mut values: BTreeMap<(String, String), Series> = BTreeMap::new();
    let mut epochs = 1;
    for row in rows {
        let epoch = table.get(row, "epoch").as_i64()?;
        let value = table.get(row, "value").as_f64()?;
        if !value.is_finite() {
            continue;
        }
        epochs = epochs.max(epoch);
        let key = (
            table.get(row, "metric").as_str()?.to_owned(),
            table.get(row, "split").as_str()?.to_owned(),
        );
        let seed = table.get(row, "seed").as_i64()?;
        values
            .entry(key)
            .or_default()
            .entry(seed)
            .or_default()
            .push((epoch, value));
    }
    let mut take = |metric: &str, split: &str, name: String| {
        let seeds = values.remove(&(metric.to_owned(), split.to_owned()))?;
        Some(Line { name, seeds })
    };
    let mut loss_lines = |names: &[(&str, &str)]| -> Vec<Line> {
        let find = |(metric, name): &(&str, &str)| {
            ["train", "all"]
                .into_iter()
                .find_map(|split| take(metric, split, (*name).to_owned()))
        };
        names.iter().filter_map(find).collect()
    };
    let losses = loss_lines(&LOSSES);
    let terms = loss_lines(&TERMS);
    let mut quality = Vec::new();
    let mut title = "";
    for (metric, name) in PRIMARY {
        for split in ["train", "val", "test"] {
            if let Some(line) = take(metric, split, split.to_owned()) {
                title = name;
                quality.push(line);
            }
        }
    }
    let dictionary: Vec<Line> = DICTIONARY
        .iter()
        .filter_map(|(metric, name)| take(metric, "all", (*name).to_owned()))
        .collect();
    let panels: Vec<Panel> = [
        ("loss", losses, true),
        ("terms of Arc", terms, true),
        (title, quality, false),
        ("archetypes", dictionary, true),
    ]
    .into_iter()
    .filter(|(_, lines, _)| !lines.is_empty())
    .map(|(title, lines, from_nought)| Panel {
        title,
        lines,
        from_nought,
    })
    .collect();
    (!panels.is_empty()).then_some(Curves { panels, epochs })
}

impl Line {
    /// The mean over seeds at every epoch that all of them reached.
    fn mean(&self) -> Vec<(i64, f64)> {
        let mut sums: BTreeMap<i64, (usize, f64)> = BTreeMap::new();
        for points in self.seeds.values() {
            for (epoch, value) in points {
                let sum = sums.entry(*epoch).or_default();
                sum.0 += 1;
                sum.1 += value;
            }
        }
        let seeds = self.seeds.len();
        sums.into_iter()
            .filter(|(_, (count, _))| *count == seeds)
            .map(|(epoch, (count, sum))| (epoch, sum / count as f64))
            .collect()
    }
}

impl Panel {
    fn keys(&self) -> Vec<Key> {
        self.lines
            .iter()
            .enumerate()
            .map(|(i, line)| Key {
                name: line.name.clone(),
                color: SERIES[i % SERIES.len()],
            })
            .collect()
    }

    fn head(&self) -> i32 {
        26 + 44 * legend_lines(&self.keys(), LEFT, RIGHT)
    }

    fn range(&self) -> (f64, f64) {
        let all = || {
            self.lines
                .iter()
                .flat_map(|line| line.seeds.values().flatten().map(|(_, value)| *value))
        };
        let low = all().fold(f64::INFINITY, f64::min);
        let high = all().fold(f64::NEG_INFINITY, f64::max);
        let pad = ((high - low) * 0.05).max(high.abs() * 0.005).max(1e-6);
        // Losses and counts start at nought if that costs little room.
        let low = if self.from_nought && low >= 0.0 && low < 0.5 * high {
            0.0
        } else {
            low - pad
        };
        (low, high + pad)
    }
}

const LEFT: i32 = 150;
const RIGHT: i32 = COLUMN as i32 - 32;
const PLOT: i32 = 300;
const GAP: i32 = 34;

impl Picture for Curves {
    fn size(&self) -> (u32, u32) {
        let panels: i32 = self.panels.iter().map(|panel| panel.head() + PLOT + GAP).sum();
        (COLUMN, (panels + 84) as u32)
    }

    fn alt(&self) -> String {
        let mut parts = Vec::new();
        for panel in &self.panels {
            for line in &panel.lines {
                let mean = line.mean();
                if let (Some((first, start)), Some((last, end))) = (mean.first(), mean.last()) {
                    let digits = if start.abs().max(end.abs()) >= 10.0 { 1 } else { 3 };
                    parts.push(format!(
                        "{} ({}) goes from {} at epoch {first} to {} at epoch {last}",
                        line.name,
                        panel.title,
                        fixed(*start, digits),
                        fixed(*end, digits)
                    ));
                }
            }
        }
        format!(
            "Training curves over {} epochs, means over seeds: {}.",
            self.epochs,
            parts.join("; ")
        )
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>) -> Drawn<B> {
        let mut at = 0;
        let last = self.epochs.max(2);
        let x = |epoch: i64| LEFT + (f64::from(RIGHT - LEFT) * (epoch - 1) as f64 / (last - 1) as f64).round() as i32;
        let (marks, _) = ticks(1.0, last as f64, 6);
        let marks: Vec<i64> = std::iter::once(1)
            .chain(
                marks
                    .into_iter()
                    .filter(|mark| *mark > 1.5 && mark.fract() == 0.0)
                    .map(|mark| mark as i64),
            )
            .collect();
        let mut bottom = 0;
        for panel in &self.panels {
            let keys = panel.keys();
            legend(canvas, &keys, (LEFT, at + 26), RIGHT)?;
            let top = at + panel.head();
            bottom = top + PLOT;
            let (low, high) = panel.range();
            let y = |value: f64| bottom - (f64::from(PLOT) * (value - low) / (high - low)).round() as i32;
            let (levels, digits) = ticks(low, high, 6);
            for level in levels {
                canvas.line(vec![(LEFT, y(level)), (RIGHT, y(level))], GRID.into(), 2)?;
                canvas.text(
                    &fixed_label(level, digits),
                    (LEFT - 14, y(level)),
                    SMALL,
                    MUTED,
                    Align::Right,
                )?;
            }
            for (line, key) in panel.lines.iter().zip(&keys) {
                if line.seeds.len() > 1 {
                    for points in line.seeds.values() {
                        let points = points.iter().map(|(epoch, value)| (x(*epoch), y(*value))).collect();
                        canvas.line(points, key.color.mix(0.35), 2)?;
                    }
                }
                let mean: Vec<_> = line
                    .mean()
                    .iter()
                    .map(|(epoch, value)| (x(*epoch), y(*value)))
                    .collect();
                if let [only] = mean[..] {
                    canvas.dot(only, 8, key.color)?;
                }
                canvas.line(mean, key.color.into(), 5)?;
            }
            canvas.line(vec![(LEFT, top), (LEFT, bottom), (RIGHT, bottom)], INK.into(), 2)?;
            for mark in &marks {
                canvas.line(vec![(x(*mark), bottom), (x(*mark), bottom + 8)], INK.into(), 2)?;
            }
            canvas.upright(
                &fit(panel.title, TEXT, PLOT),
                (22, i32::midpoint(top, bottom)),
                TEXT,
                MUTED,
                Align::Center,
            )?;
            at = bottom + GAP;
        }
        for mark in &marks {
            canvas.text(&mark.to_string(), (x(*mark), bottom + 30), SMALL, MUTED, Align::Center)?;
        }
        canvas.text(
            "epoch",
            (i32::midpoint(LEFT, RIGHT), bottom + 76),
            TEXT,
            MUTED,
            Align::Center,
        )
    }
}
