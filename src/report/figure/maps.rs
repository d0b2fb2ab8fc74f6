//! Maps: points in the plane, by class or by score.

use plotters::prelude::*;

use crate::query::{Table, Value};
use crate::report::cells::{fixed, thousands};

use super::canvas::{Align, Canvas, Drawn, GRID, INK, MUTED, PAPER, Picture, SMALL, TEXT, fit, width};

/// Side of a map.
const SIDE: i32 = 770;
const GAP: i32 = 40;
/// Height of the title above a map.
const HEAD: i32 = 62;
/// Blank at the edges of a map.
const PAD: i32 = 34;
/// Radius of a sample.
const SAMPLE: i32 = 6;
/// Samples drawn on a map at most, evenly over those that it has: a drawing of more is slow to show, and they hide each other.
const DRAWN: usize = 5000;

/// Okabe–Ito with black; together with a shape each, so that no class is known by its colour alone.
const CLASSES: [RGBColor; 8] = [
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x56, 0xB4, 0xE9),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0x80, 0x80, 0x80),
    RGBColor(0xB8, 0xA9, 0x00),
];

/// Cividis (Nuñez, Anderton and Renslow 2018): even in lightness, the same for all kinds of colour vision.
const CIVIDIS: [(u8, u8, u8); 9] = [
    (0x00, 0x22, 0x4E),
    (0x12, 0x35, 0x70),
    (0x3B, 0x49, 0x6C),
    (0x57, 0x5D, 0x6D),
    (0x70, 0x71, 0x73),
    (0x8A, 0x86, 0x78),
    (0xA5, 0x9C, 0x74),
    (0xC3, 0xB3, 0x69),
    (0xFE, 0xE8, 0x38),
];

fn cividis(share: f64) -> RGBColor {
    let at = share.clamp(0.0, 1.0) * (CIVIDIS.len() - 1) as f64;
    let i = (at.floor() as usize).min(CIVIDIS.len() - 2);
    let t = at - i as f64;
    let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * t).round() as u8;
    let (a, b) = (CIVIDIS[i], CIVIDIS[i + 1]);
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

/// A point of a map.
struct Point {
    x: f64,
    y: f64,
    /// Uses of an archetype; nothing for a sample.
    uses: Option<f64>,
}

/// Places points in a square whose upper left corner is at `corner`, keeping the proportions of the map.
fn place(points: &[Point], corner: (i32, i32)) -> Vec<(i32, i32)> {
    let bounds = |get: fn(&Point) -> f64| {
        let low = points.iter().map(get).fold(f64::INFINITY, f64::min);
        let high = points.iter().map(get).fold(f64::NEG_INFINITY, f64::max);
        (low, high)
    };
    let ((x0, x1), (y0, y1)) = (bounds(|p| p.x), bounds(|p| p.y));
    let span = (x1 - x0).max(y1 - y0).max(1e-9);
    let inner = f64::from(SIDE - 2 * PAD);
    let at = |value: f64, low: f64, high: f64| {
        f64::from(PAD) + inner / 2.0 + (value - f64::midpoint(low, high)) / span * inner
    };
    points
        .iter()
        .map(|p| {
            (
                corner.0 + at(p.x, x0, x1).round() as i32,
                corner.1 + SIDE - at(p.y, y0, y1).round() as i32,
            )
        })
        .collect()
}

/// Radius of an archetype by its uses: the area follows them.
fn radius(uses: f64, most: f64) -> i32 {
    (8.0 + 13.0 * (uses.max(0.0) / most.max(1.0)).sqrt()).round() as i32
}

/// A filled mark, another one for each of eight classes: circle, square, diamond, triangle up and down, plus, cross, bar.
fn mark<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    shape: usize,
    (x, y): (i32, i32),
    radius: i32,
    color: RGBColor,
) -> Drawn<B> {
    let r = radius;
    let long = (f64::from(r) * 1.3).round() as i32;
    match shape % 8 {
        0 => canvas.dot((x, y), r, color),
        1 => canvas.fill((x - r, y - r), (x + r, y + r), color),
        2 => canvas.polygon(vec![(x, y - long), (x + long, y), (x, y + long), (x - long, y)], color),
        3 => canvas.polygon(vec![(x, y - long), (x + long, y + r), (x - long, y + r)], color),
        4 => canvas.polygon(vec![(x, y + long), (x + long, y - r), (x - long, y - r)], color),
        5 | 6 => {
            // The outline of a plus, from its upper left inner corner; a cross is the same, turned by an eighth.
            let (arm, half) = (f64::from(r) * 1.25, f64::from(r) * 0.45);
            let outline = [
                (-half, -half),
                (-half, -arm),
                (half, -arm),
                (half, -half),
                (arm, -half),
                (arm, half),
                (half, half),
                (half, arm),
                (-half, arm),
                (-half, half),
                (-arm, half),
                (-arm, -half),
            ];
            let turn = if shape % 8 == 6 {
                std::f64::consts::FRAC_1_SQRT_2
            } else {
                0.0
            };
            let points = outline
                .iter()
                .map(|&(a, b)| {
                    let (a, b) = if turn > 0.0 {
                        ((a - b) * turn, (a + b) * turn)
                    } else {
                        (a, b)
                    };
                    (x + a.round() as i32, y + b.round() as i32)
                })
                .collect();
            canvas.polygon(points, color)
        }
        _ => canvas.fill((x - long, y - r / 2), (x + long, y + r / 2), color),
    }
}

fn frame<B: DrawingBackend>(canvas: &Canvas<'_, B>, (x, y): (i32, i32)) -> Drawn<B> {
    let corners = vec![(x, y), (x + SIDE, y), (x + SIDE, y + SIDE), (x, y + SIDE), (x, y)];
    canvas.line(corners, GRID.into(), 3)
}

/// Two maps a row.
fn corner(i: usize, below: i32) -> (i32, i32) {
    (
        10 + (i as i32 % 2) * (SIDE + GAP),
        HEAD + (i as i32 / 2) * (HEAD + SIDE + below),
    )
}

fn rows(maps: usize) -> i32 {
    maps.div_ceil(2) as i32
}

struct ClassMap {
    title: String,
    points: Vec<Point>,
    classes: Vec<Option<usize>>,
    /// Samples that the map has, drawn or not.
    samples: usize,
    silhouette: Option<f64>,
    purity: Option<f64>,
    trustworthiness: Option<f64>,
}

struct ClassMaps {
    maps: Vec<ClassMap>,
    names: Vec<(usize, String)>,
}

/// From the rows of one run: `place, title, archetype, x, y, uses, class, class_name, silhouette, purity, trustworthiness`,
/// ordered by map, samples first.
pub(in crate::report) fn class_maps(table: &Table, rows: &[&Vec<Value>]) -> Option<impl Picture + use<>> {
    let mut maps: Vec<ClassMap> = Vec::new();
    let mut names: std::collections::BTreeMap<usize, String> = std::collections::BTreeMap::new();
    let mut current = None;
    for row in rows {
        let number = |name: &str| table.get(row, name).as_f64();
        let place = table.get(row, "place").as_i64();
        if place != current || maps.is_empty() {
            current = place;
            maps.push(ClassMap {
                title: table.get(row, "title").as_str().unwrap_or("?").to_owned(),
                points: Vec::new(),
                classes: Vec::new(),
                samples: 0,
                silhouette: number("silhouette"),
                purity: number("purity"),
                trustworthiness: number("trustworthiness"),
            });
        }
        let class = table
            .get(row, "class")
            .as_i64()
            .and_then(|class| usize::try_from(class).ok());
        if let (Some(class), Some(name)) = (class, table.get(row, "class_name").as_str()) {
            names.entry(class).or_insert_with(|| name.to_owned());
        }
        let (Some(x), Some(y), Some(map)) = (number("x"), number("y"), maps.last_mut()) else {
            continue;
        };
        let uses = table.get(row, "archetype").as_i64().and(number("uses"));
        map.points.push(Point { x, y, uses });
        map.classes.push(class);
    }
    for map in &mut maps {
        map.thin(DRAWN);
    }
    (!maps.is_empty()).then(|| ClassMaps {
        maps,
        names: names.into_iter().collect(),
    })
}

impl ClassMap {
    /// Leaves so many samples at most.
    fn thin(&mut self, most: usize) {
        let n = self.points.iter().filter(|point| point.uses.is_none()).count();
        self.samples = n;
        let mut at = 0;
        let stays: Vec<bool> = self
            .points
            .iter()
            .map(|point| {
                let sample = point.uses.is_none();
                at += usize::from(sample);
                !sample || n <= most || at * most / n > (at - 1) * most / n
            })
            .collect();
        let mut kept = stays.iter();
        self.points.retain(|_| kept.next().is_some_and(|&stays| stays));
        let mut kept = stays.iter();
        self.classes.retain(|_| kept.next().is_some_and(|&stays| stays));
    }
}

/// Two lines of numbers below a map.
const NUMBERS: i32 = 112;

impl ClassMaps {
    fn legend_lines(&self) -> i32 {
        let (mut at, mut lines) = (10, 1);
        for (_, name) in &self.names {
            let wide = 84 + width(&fit(name, SMALL, 360), SMALL);
            if at > 10 && at + wide > 2 * SIDE + GAP {
                at = 10;
                lines += 1;
            }
            at += wide;
        }
        lines
    }
}

impl Picture for ClassMaps {
    fn size(&self) -> (u32, u32) {
        let height = rows(self.maps.len()) * (HEAD + SIDE + NUMBERS) + 50 * self.legend_lines() + 16;
        ((20 + 2 * SIDE + GAP) as u32, height as u32)
    }

    fn alt(&self) -> String {
        let parts: Vec<String> = self
            .maps
            .iter()
            .map(|map| {
                let archetypes = map.points.iter().filter(|point| point.uses.is_some()).count();
                let drawn = map.points.len() - archetypes;
                let mut what = Vec::new();
                if drawn > 0 {
                    let of = if drawn < map.samples {
                        format!(" of {}", thousands(map.samples as f64))
                    } else {
                        String::new()
                    };
                    what.push(format!("{}{of} samples", thousands(drawn as f64)));
                }
                if archetypes > 0 {
                    what.push(format!("{archetypes} archetypes"));
                }
                let numbers: Vec<String> = [
                    ("silhouette", map.silhouette),
                    ("neighbour purity", map.purity),
                    ("trustworthiness", map.trustworthiness),
                ]
                .iter()
                .filter_map(|(name, value)| value.map(|value| format!("{name} {}", fixed(value, 2))))
                .collect();
                format!("{}: {}; {}", map.title, what.join(" and "), numbers.join(", "))
            })
            .collect();
        let names: Vec<&str> = self.names.iter().map(|(_, name)| name.as_str()).collect();
        format!(
            "Maps in which near points are alike, by class ({}). {}.",
            names.join(", "),
            parts.join(". ")
        )
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>) -> Drawn<B> {
        let look = |class: Option<usize>| {
            let place = class.and_then(|class| self.names.iter().position(|(known, _)| *known == class));
            place.map_or((0, MUTED), |place| (place, CLASSES[place % CLASSES.len()]))
        };
        for (i, map) in self.maps.iter().enumerate() {
            let (x, y) = corner(i, NUMBERS);
            canvas.bold(&fit(&map.title, TEXT, SIDE), (x, y - 28), TEXT, INK, Align::Left)?;
            frame(canvas, (x, y))?;
            let most = map.points.iter().filter_map(|p| p.uses).fold(0.0, f64::max);
            for ((point, at), class) in map.points.iter().zip(place(&map.points, (x, y))).zip(&map.classes) {
                let (shape, color) = look(*class);
                if let Some(uses) = point.uses {
                    let r = radius(uses, most);
                    mark(canvas, shape, at, r + 4, INK)?;
                    mark(canvas, shape, at, r, color)?;
                } else {
                    mark(canvas, shape, at, SAMPLE, color)?;
                }
            }
            let mut first = Vec::new();
            if let Some(value) = map.silhouette {
                first.push(format!("silhouette {}", fixed(value, 2)));
            }
            if let Some(value) = map.purity {
                first.push(format!("neighbours of the class {} %", fixed(value * 100.0, 0)));
            }
            canvas.text(&first.join(" · "), (x, y + SIDE + 28), SMALL, INK, Align::Left)?;
            if let Some(value) = map.trustworthiness {
                let text = format!("trustworthiness of the map {}", fixed(value, 2));
                canvas.text(&text, (x, y + SIDE + 66), SMALL, MUTED, Align::Left)?;
            }
        }
        let top = rows(self.maps.len()) * (HEAD + SIDE + NUMBERS) + 18;
        let (mut at, mut line) = (10, 0);
        for (place, (_, name)) in self.names.iter().enumerate() {
            let name = fit(name, SMALL, 360);
            let wide = 84 + width(&name, SMALL);
            if at > 10 && at + wide > 2 * SIDE + GAP {
                at = 10;
                line += 1;
            }
            let y = top + 50 * line;
            mark(canvas, place, (at + 16, y), 13, CLASSES[place % CLASSES.len()])?;
            canvas.text(&name, (at + 44, y), SMALL, INK, Align::Left)?;
            at += wide;
        }
        Ok(())
    }
}

struct ScoreMap {
    title: String,
    points: Vec<Point>,
    values: Vec<f64>,
    scale: (f64, f64),
    /// Lower and upper end of each range with its archetypes, ascending.
    ranges: Vec<(f64, f64, usize)>,
}

struct ScoreMaps {
    maps: Vec<ScoreMap>,
}

/// From the rows of one run: `panel, title, x, y, uses, value, scale_low, scale_high, low, high`, ordered by panel.
pub(in crate::report) fn score_maps(table: &Table, rows: &[&Vec<Value>]) -> Option<impl Picture + use<>> {
    let mut maps: Vec<ScoreMap> = Vec::new();
    let mut current = None;
    for row in rows {
        let number = |name: &str| table.get(row, name).as_f64();
        let panel = table.get(row, "panel").as_i64();
        if panel != current || maps.is_empty() {
            current = panel;
            maps.push(ScoreMap {
                title: table.get(row, "title").as_str().unwrap_or("?").to_owned(),
                points: Vec::new(),
                values: Vec::new(),
                scale: (number("scale_low").unwrap_or(0.0), number("scale_high").unwrap_or(1.0)),
                ranges: Vec::new(),
            });
        }
        let (Some(x), Some(y), Some(value), Some(map)) = (number("x"), number("y"), number("value"), maps.last_mut())
        else {
            continue;
        };
        map.points.push(Point {
            x,
            y,
            uses: Some(number("uses").unwrap_or(0.0)),
        });
        map.values.push(value);
        if let (Some(low), Some(high)) = (number("low"), number("high")) {
            match map
                .ranges
                .iter_mut()
                .find(|(known, ..)| known.to_bits() == low.to_bits())
            {
                Some((.., count)) => *count += 1,
                None => map.ranges.push((low, high, 1)),
            }
        }
    }
    for map in &mut maps {
        map.ranges.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    (!maps.is_empty()).then_some(ScoreMaps { maps })
}

impl ScoreMaps {
    /// The colour bar and the ranges below a map.
    fn below(&self) -> i32 {
        let most = self.maps.iter().map(|map| map.ranges.len()).max().unwrap_or(0) as i32;
        96 + 44 * (most + 1) / 2 + 40
    }
}

impl Picture for ScoreMaps {
    fn size(&self) -> (u32, u32) {
        let columns = self.maps.len().min(2) as i32;
        (
            (20 + columns * SIDE + (columns - 1) * GAP) as u32,
            (rows(self.maps.len()) * (HEAD + SIDE + self.below())) as u32,
        )
    }

    fn alt(&self) -> String {
        let parts: Vec<String> = self
            .maps
            .iter()
            .map(|map| {
                let ranges: Vec<String> = map
                    .ranges
                    .iter()
                    .map(|(low, high, count)| format!("{count} from {} to {}", fixed(*low, 1), fixed(*high, 1)))
                    .collect();
                format!("{}: {} archetypes, {}", map.title, map.points.len(), ranges.join(", "))
            })
            .collect();
        format!(
            "Maps of the archetypes, near ones alike, coloured by score. {}.",
            parts.join(". ")
        )
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>) -> Drawn<B> {
        let below = self.below();
        for (i, map) in self.maps.iter().enumerate() {
            let (x, y) = corner(i, below);
            canvas.bold(&fit(&map.title, TEXT, SIDE), (x, y - 28), TEXT, INK, Align::Left)?;
            frame(canvas, (x, y))?;
            let share = |value: f64| (value - map.scale.0) / (map.scale.1 - map.scale.0).max(1e-9);
            let most = map.points.iter().filter_map(|p| p.uses).fold(0.0, f64::max);
            // Small ones over large ones.
            let mut order: Vec<usize> = (0..map.points.len()).collect();
            let uses = |i: usize| map.points[i].uses.unwrap_or(0.0);
            order.sort_by(|&a, &b| uses(b).total_cmp(&uses(a)).then(a.cmp(&b)));
            let places = place(&map.points, (x, y));
            for j in order {
                let r = radius(uses(j), most);
                canvas.dot(places[j], r + 4, PAPER)?;
                canvas.dot(places[j], r + 2, INK)?;
                canvas.dot(places[j], r, cividis(share(map.values[j])))?;
            }
            let bar = y + SIDE + 22;
            let steps = 64;
            for step in 0..steps {
                let from = x + SIDE * step / steps;
                let to = x + SIDE * (step + 1) / steps;
                let color = cividis((f64::from(step) + 0.5) / f64::from(steps));
                canvas.fill((from, bar), (to, bar + 22), color)?;
            }
            for (at, align, value) in [
                (x, Align::Left, map.scale.0),
                (x + SIDE / 2, Align::Center, f64::midpoint(map.scale.0, map.scale.1)),
                (x + SIDE, Align::Right, map.scale.1),
            ] {
                canvas.text(&fixed(value, 1), (at, bar + 46), SMALL, MUTED, align)?;
            }
            for (j, (low, high, count)) in map.ranges.iter().enumerate() {
                let left = x + (j as i32 % 2) * SIDE / 2;
                let row = bar + 92 + 44 * (j as i32 / 2);
                canvas.dot((left + 14, row), 14, INK)?;
                canvas.dot((left + 14, row), 12, cividis(share(f64::midpoint(*low, *high))))?;
                let text = format!("{} to {}: {count}", fixed(*low, 1), fixed(*high, 1));
                canvas.text(&text, (left + 42, row), SMALL, INK, Align::Left)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_samples_some_are_drawn_and_all_archetypes() {
        let point = |i: usize| Point {
            x: i as f64,
            y: 0.0,
            uses: (i >= 1000).then_some(1.0),
        };
        let map = |most| {
            let mut map = ClassMap {
                title: String::new(),
                points: (0..1007).map(point).collect(),
                classes: (0..1007).map(Some).collect(),
                samples: 0,
                silhouette: None,
                purity: None,
                trustworthiness: None,
            };
            map.thin(most);
            map
        };
        let thinned = map(300);
        assert_eq!((thinned.points.len(), thinned.samples), (307, 1000));
        let classes = thinned.points.iter().map(|point| Some(point.x as usize));
        assert!(classes.eq(thinned.classes.iter().copied()));
        assert!(thinned.points.windows(2).all(|pair| pair[1].x - pair[0].x <= 4.0));
        assert_eq!(map(1000).points.len(), 1007);
    }
}
