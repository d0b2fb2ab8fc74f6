//! Use of the archetypes, sorted, on a logarithmic scale.

use plotters::prelude::*;

use crate::query::{Table, Value};
use crate::report::cells::thousands;

use super::canvas::{
    Align, COLUMN, Canvas, Drawn, GRID, INK, Key, MUTED, Picture, SERIES, SMALL, TEXT, legend, legend_lines, ticks,
};

struct Usage {
    /// Seed and uses, most used first.
    seeds: Vec<(i64, Vec<f64>)>,
}

/// From the rows of one run: `seed, rank, uses`, ordered by seed and rank.
pub(in crate::report) fn usage(table: &Table, rows: &[&Vec<Value>]) -> Option<impl Picture + use<>> {
    let mut seeds: Vec<(i64, Vec<f64>)> = Vec::new();
    for row in rows {
        let seed = table.get(row, "seed").as_i64()?;
        if seeds.last().is_none_or(|(last, _)| *last != seed) {
            seeds.push((seed, Vec::new()));
        }
        seeds.last_mut()?.1.push(table.get(row, "uses").as_f64().unwrap_or(0.0));
    }
    (!seeds.is_empty()).then_some(Usage { seeds })
}

const LEFT: i32 = 150;
const RIGHT: i32 = COLUMN as i32 - 20;
const PLOT: i32 = 480;

impl Usage {
    fn keys(&self) -> Vec<Key> {
        self.seeds
            .iter()
            .enumerate()
            .map(|(i, (seed, uses))| Key {
                name: format!("seed {seed} ({} kept)", uses.len()),
                color: SERIES[i % SERIES.len()],
            })
            .collect()
    }

    fn top(&self) -> i32 {
        34 + 44 * legend_lines(&self.keys(), LEFT, RIGHT)
    }
}

impl Picture for Usage {
    fn size(&self) -> (u32, u32) {
        (COLUMN, (self.top() + PLOT + 112) as u32)
    }

    fn alt(&self) -> String {
        let parts: Vec<String> = self
            .seeds
            .iter()
            .map(|(seed, uses)| {
                let total: f64 = uses.iter().sum();
                let half = {
                    let mut sum = 0.0;
                    uses.iter()
                        .take_while(|count| {
                            let before = sum;
                            sum += **count;
                            before < total / 2.0
                        })
                        .count()
                };
                format!(
                    "seed {seed}: {} archetypes, from {} down to {} samples, {half} of them hold half of the samples",
                    uses.len(),
                    thousands(uses.first().copied().unwrap_or(0.0)),
                    thousands(uses.last().copied().unwrap_or(0.0))
                )
            })
            .collect();
        format!("Uses of the archetypes, most used first. {}.", parts.join("; "))
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>) -> Drawn<B> {
        let keys = self.keys();
        legend(canvas, &keys, (LEFT, 26), RIGHT)?;
        let top = self.top();
        let bottom = top + PLOT;
        let all = || self.seeds.iter().flat_map(|(_, uses)| uses.iter().copied());
        let most = all().fold(1.0, f64::max);
        let count = self.seeds.iter().map(|(_, uses)| uses.len()).max().unwrap_or(1).max(2);
        let decades = most.log10().max(0.3) * 1.04;
        let x = |rank: usize| {
            LEFT + (f64::from(RIGHT - LEFT - 12) * (rank - 1) as f64 / (count - 1) as f64).round() as i32 + 6
        };
        let y = |uses: f64| bottom - (f64::from(PLOT) * uses.max(1.0).log10() / decades).round() as i32;
        let mut decade = 1.0;
        while decade <= most {
            for factor in [1.0, 2.0, 5.0] {
                let mark = decade * factor;
                if mark > 10f64.powf(decades) {
                    break;
                }
                canvas.line(vec![(LEFT, y(mark)), (RIGHT, y(mark))], GRID.into(), 2)?;
                if factor < 1.5 || decades < 2.2 {
                    canvas.text(&thousands(mark), (LEFT - 14, y(mark)), SMALL, MUTED, Align::Right)?;
                }
            }
            decade *= 10.0;
        }
        for (i, (_, uses)) in self.seeds.iter().enumerate() {
            let color = SERIES[i % SERIES.len()];
            let points: Vec<_> = uses.iter().enumerate().map(|(j, &uses)| (x(j + 1), y(uses))).collect();
            canvas.line(points.clone(), color.into(), 4)?;
            for point in points {
                canvas.dot(point, if count > 60 { 5 } else { 8 }, color)?;
            }
        }
        canvas.line(vec![(LEFT, top), (LEFT, bottom), (RIGHT, bottom)], INK.into(), 2)?;
        let (marks, _) = ticks(1.0, count as f64, 5);
        for mark in [1.0]
            .into_iter()
            .chain(marks.into_iter().filter(|mark| *mark > 1.5 && mark.fract() == 0.0))
        {
            canvas.line(
                vec![(x(mark as usize), bottom), (x(mark as usize), bottom + 8)],
                INK.into(),
                2,
            )?;
            canvas.text(
                &thousands(mark),
                (x(mark as usize), bottom + 30),
                SMALL,
                MUTED,
                Align::Center,
            )?;
        }
        canvas.text(
            "archetypes by rank",
            (i32::midpoint(LEFT, RIGHT), bottom + 80),
            TEXT,
            MUTED,
            Align::Center,
        )?;
        canvas.upright(
            "training samples",
            (22, i32::midpoint(top, bottom)),
            TEXT,
            MUTED,
            Align::Center,
        )
    }
}
