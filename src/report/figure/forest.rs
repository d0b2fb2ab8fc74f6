//! Forest plot: every method's number with its interval, one under the other.

use std::collections::BTreeMap;

use plotters::prelude::*;

use crate::query::{Table, Value};
use crate::report::cells::{fixed, label};

use super::canvas::{
    Align, COLUMN, Canvas, Drawn, GRID, INK, MUTED, Picture, SERIES, SMALL, TEXT, fit, fixed_label, ticks, width,
};

/// One method.
struct Line {
    name: String,
    mean: f64,
    /// The 95 % interval, where there is one.
    interval: Option<(f64, f64)>,
    seeds: Vec<f64>,
    /// 0: what the run is about; 1: another read-out of it; 2: a rival.
    kind: i64,
}

struct Forest {
    metric: String,
    /// Accuracy and F1 are shown in per cent, concordance is not.
    percent: bool,
    lines: Vec<Line>,
}

/// From the rows of one run: `metric, method, mean, low, high, seeds, kind`, as they are shown; `labels` name methods.
pub(in crate::report) fn forest(
    table: &Table,
    rows: &[&Vec<Value>],
    labels: &BTreeMap<String, String>,
) -> Option<impl Picture + use<>> {
    let metric = table.get(rows.first()?, "metric").as_str()?;
    let percent = !metric.starts_with("ccc");
    let scale = if percent { 100.0 } else { 1.0 };
    let lines: Vec<Line> = rows
        .iter()
        .filter_map(|row| {
            let number = |name: &str| table.get(row, name).as_f64().map(|value| value * scale);
            Some(Line {
                name: label(table.get(row, "method").as_str()?, labels),
                mean: number("mean").filter(|mean| mean.is_finite())?,
                interval: number("low").zip(number("high")),
                seeds: match table.get(row, "seeds") {
                    Value::List(seeds) => seeds
                        .iter()
                        .filter_map(Value::as_f64)
                        .map(|seed| seed * scale)
                        .collect(),
                    _ => Vec::new(),
                },
                kind: table.get(row, "kind").as_i64().unwrap_or(2),
            })
        })
        .collect();
    (!lines.is_empty()).then(|| Forest {
        metric: label(metric, labels),
        percent,
        lines,
    })
}

/// The whole figure is two columns of text wide: it stands at the head of a page.
const WIDE: i32 = 2 * COLUMN as i32 - 160;
const STEP: i32 = 54;
const TOP: i32 = 18;
/// Where the numbers stand.
const NUMBERS: i32 = 430;
const RIVAL: RGBColor = RGBColor(0x5A, 0x64, 0x70);

impl Forest {
    fn left(&self) -> i32 {
        let widest = self
            .lines
            .iter()
            .map(|line| width(&line.name, SMALL))
            .max()
            .unwrap_or(0);
        widest.min(620) + 40
    }

    /// The ends of the axis: all that is drawn, and a little air.
    fn span(&self) -> (f64, f64) {
        let all = self.lines.iter().flat_map(|line| {
            let ends = line.interval.map_or([line.mean, line.mean], |(low, high)| [low, high]);
            ends.into_iter().chain([line.mean]).chain(line.seeds.iter().copied())
        });
        let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let air = ((high - low) * 0.05).max(if self.percent { 0.5 } else { 0.005 });
        (low - air, high + air)
    }

    fn digits(&self) -> usize {
        if self.percent { 1 } else { 3 }
    }

    fn numbers(&self, line: &Line) -> String {
        let digits = self.digits();
        let mean = fixed(line.mean, digits);
        match line.interval {
            Some((low, high)) => format!("{mean} [{}, {}]", fixed(low, digits), fixed(high, digits)),
            None => mean,
        }
    }
}

impl Picture for Forest {
    fn size(&self) -> (u32, u32) {
        (WIDE as u32, (TOP + STEP * self.lines.len() as i32 + 130) as u32)
    }

    fn alt(&self) -> String {
        let lines: Vec<String> = self
            .lines
            .iter()
            .map(|line| format!("{} {}", line.name, self.numbers(line)))
            .collect();
        format!(
            "Every method with its {} on the test split and the 95 % interval: {}.",
            self.metric,
            lines.join("; ")
        )
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>) -> Drawn<B> {
        let (left, right) = (self.left(), WIDE - NUMBERS);
        let (low, high) = self.span();
        let x = |value: f64| left + ((value - low) / (high - low) * f64::from(right - left)).round() as i32;
        let bottom = TOP + STEP * self.lines.len() as i32;
        let (marks, digits) = ticks(low, high, 6);
        for mark in marks {
            canvas.line(vec![(x(mark), TOP), (x(mark), bottom)], GRID.into(), 2)?;
            canvas.text(
                &fixed_label(mark, digits),
                (x(mark), bottom + 34),
                SMALL,
                INK,
                Align::Center,
            )?;
        }
        if let Some(own) = self.lines.iter().find(|line| line.kind == 0) {
            let at = x(own.mean);
            for y in (TOP..bottom).step_by(20) {
                canvas.line(vec![(at, y), (at, (y + 11).min(bottom))], SERIES[0].into(), 2)?;
            }
        }
        for (i, line) in self.lines.iter().enumerate() {
            let y = TOP + STEP * i as i32 + STEP / 2;
            let color = if line.kind == 2 { RIVAL } else { SERIES[0] };
            let name = fit(&line.name, SMALL, left - 40);
            if line.kind == 0 {
                canvas.bold(&name, (left - 26, y), SMALL, INK, Align::Right)?;
            } else {
                canvas.text(&name, (left - 26, y), SMALL, INK, Align::Right)?;
            }
            if let Some((from, to)) = line.interval {
                canvas.line(vec![(x(from), y), (x(to), y)], color.into(), 5)?;
                for end in [from, to] {
                    canvas.line(vec![(x(end), y - 9), (x(end), y + 9)], color.into(), 4)?;
                }
            }
            if line.seeds.len() > 1 {
                for seed in &line.seeds {
                    canvas.ring((x(*seed), y), 7, color, 2)?;
                }
            }
            let r = if line.kind == 0 { 13 } else { 10 };
            canvas.fill((x(line.mean) - r, y - r), (x(line.mean) + r, y + r), color)?;
            let numbers = self.numbers(line);
            if line.kind == 0 {
                canvas.bold(&numbers, (WIDE - 10, y), SMALL, INK, Align::Right)?;
            } else {
                canvas.text(&numbers, (WIDE - 10, y), SMALL, MUTED, Align::Right)?;
            }
        }
        canvas.line(vec![(left, bottom), (right, bottom)], INK.into(), 2)?;
        let unit = if self.percent { " (%)" } else { "" };
        let middle = i32::midpoint(left, right);
        canvas.text(
            &format!("{}{unit}", self.metric),
            (middle, bottom + 90),
            TEXT,
            MUTED,
            Align::Center,
        )
    }
}
