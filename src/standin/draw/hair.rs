//! Hair, head-gear and beards: the part of [`Face`] that says who somebody is and nothing about what they feel.

use std::f32::consts::PI;

use tiny_skia::Mask;

use super::canvas::{Xy, curve, mix, scale};
use super::face::{BLACK, Face, WHITE};
use super::identity::{Beard, Hair, Identity};
use super::rig::Rig;

/// Where the hair ends on the forehead, on one side from the ear to the middle: x = `a` half widths of the head + `b`.
fn hairline(hair: Hair) -> &'static [(f32, f32, f32)] {
    match hair {
        Hair::Bald | Hair::Crop => &[
            (0.93, 0.0, -0.34),
            (0.84, 0.0, -0.58),
            (0.0, 0.30, -0.72),
            (0.0, 0.0, -0.74),
        ],
        Hair::SidePart => &[
            (0.93, 0.0, -0.34),
            (0.84, 0.0, -0.60),
            (0.0, 0.30, -0.72),
            (0.0, 0.0, -0.70),
        ],
        Hair::Receding => &[
            (0.96, 0.0, -0.30),
            (0.88, 0.0, -0.62),
            (0.0, 0.38, -0.90),
            (0.0, 0.14, -0.80),
            (0.0, 0.0, -0.78),
        ],
        Hair::Afro => &[
            (0.95, 0.0, -0.28),
            (0.86, 0.0, -0.58),
            (0.0, 0.32, -0.72),
            (0.0, 0.0, -0.75),
        ],
        Hair::Long => &[
            (0.97, 0.0, 0.10),
            (0.92, 0.0, -0.25),
            (0.72, 0.0, -0.62),
            (0.0, 0.06, -0.92),
        ],
        Hair::Bob => &[
            (0.97, 0.0, 0.20),
            (0.90, 0.0, -0.25),
            (0.70, 0.0, -0.56),
            (0.0, 0.15, -0.84),
        ],
        Hair::Fringe => &[
            (0.97, 0.0, 0.20),
            (0.88, 0.0, -0.28),
            (0.70, 0.0, -0.50),
            (0.0, 0.30, -0.545),
            (0.0, 0.0, -0.555),
        ],
        Hair::Bun => &[
            (0.97, 0.0, -0.20),
            (0.88, 0.0, -0.52),
            (0.0, 0.36, -0.78),
            (0.0, 0.0, -0.84),
        ],
        Hair::Scarf => &[
            (0.93, 0.0, 0.50),
            (0.93, 0.0, -0.10),
            (0.80, 0.0, -0.50),
            (0.0, 0.34, -0.66),
            (0.0, 0.0, -0.69),
        ],
        Hair::Cap => &[
            (1.02, 0.0, -0.40),
            (0.80, 0.0, -0.52),
            (0.0, 0.30, -0.58),
            (0.0, 0.0, -0.60),
        ],
    }
}

/// The hair, scarf or cap seen from the front: over the top from left to right, and back along the hairline.
fn front_outline(who: &Identity) -> Vec<Xy> {
    let w = who.width;
    let lift = match who.hair {
        Hair::Long | Hair::Bob | Hair::Fringe | Hair::Scarf => 0.05,
        Hair::SidePart => 0.07,
        Hair::Afro => 0.10,
        _ => 0.0,
    };
    let hanging = match who.hair {
        Hair::Long => Some(1.6),
        Hair::Bob | Hair::Fringe | Hair::Scarf => Some(0.64),
        _ => None,
    };
    let mut half = vec![
        (-0.28, -1.08 - lift),
        (-w * 0.80, -0.96 - lift),
        (-w * 1.06, -0.62),
        (-w * 1.03, -0.30),
    ];
    half.extend(hanging.into_iter().flat_map(|y| [(-w * 1.14, -0.05), (-w * 1.10, y)]));
    let mut shape: Vec<Xy> = half.iter().rev().copied().collect();
    shape.extend(half.iter().map(|&(x, y)| (-x, y)));
    // A parting moves the middle aside, or cuts the hair higher on its side.
    let shift = match who.hair {
        Hair::Long => 0.10,
        Hair::Bob => 0.15,
        _ => 0.0,
    } * who.parting;
    let slope = if who.hair == Hair::SidePart {
        -0.33 * who.parting
    } else {
        0.0
    };
    let place = |side: f32, &(a, b, y): &(f32, f32, f32)| {
        let x = side * (a * w + b);
        let middle = if a == 0.0 { shift } else { 0.0 };
        let cut = if y < -0.5 {
            slope * x * if a == 0.0 { 1.0 } else { 0.3 }
        } else {
            0.0
        };
        (x + middle, y + cut)
    };
    let line = hairline(who.hair);
    shape.extend(line.iter().map(|point| place(1.0, point)));
    let mirrored = line.iter().rev().skip_while(|&&(a, b, _)| a == 0.0 && b == 0.0);
    shape.extend(mirrored.map(|point| place(-1.0, point)));
    shape
}

/// Moustache, full beard and goatee of a face: they follow lips and chin.
fn beard_outlines(who: &Identity, rig: &Rig) -> [Vec<Xy>; 3] {
    let mouth = rig.mouth;
    let jaw = rig.jaw;
    let w = who.width;
    let (_, lip_top) = mouth.outer_upper(0.0);
    let lip_top = lip_top.min(0.40);
    let (_, lip_bottom) = mouth.outer_lower(0.0);
    let reach = (mouth.right.0 - mouth.left.0) / 2.0 + 0.06;
    let corner = f32::midpoint(mouth.left.1, mouth.right.1);
    let moustache = [
        (-reach, corner + 0.02),
        (-reach * 0.62, lip_top - 0.055),
        (-0.05, lip_top - 0.085),
        (0.0, lip_top - 0.070),
        (0.05, lip_top - 0.085),
        (reach * 0.62, lip_top - 0.055),
        (reach, corner + 0.02),
        (reach * 0.55, corner - 0.015),
        (0.0, lip_top + 0.015),
        (-reach * 0.55, corner - 0.015),
    ];
    let full = [
        (-w * 0.985, -0.05),
        (-w * 0.97, 0.16),
        (-f32::midpoint(who.jaw, w * 0.90), 0.39 + 0.3 * jaw),
        (-who.jaw * 0.86, 0.60 + 0.7 * jaw),
        (-who.chin - 0.04, 0.82 + jaw),
        (0.0, 0.90 + jaw),
        (who.chin + 0.04, 0.82 + jaw),
        (who.jaw * 0.86, 0.60 + 0.7 * jaw),
        (f32::midpoint(who.jaw, w * 0.90), 0.39 + 0.3 * jaw),
        (w * 0.97, 0.16),
        (w * 0.985, -0.05),
        (w * 0.84, 0.18),
        (reach + 0.13, corner - 0.04),
        (reach * 0.62, lip_top - 0.055),
        (0.0, lip_top - 0.075),
        (-reach * 0.62, lip_top - 0.055),
        (-reach - 0.13, corner - 0.04),
        (-w * 0.84, 0.18),
    ];
    let goatee = [
        (-reach - 0.015, corner),
        (-reach * 0.8, lip_bottom + 0.05),
        (-who.chin * 0.85, 0.76 + jaw),
        (0.0, 0.875 + jaw),
        (who.chin * 0.85, 0.76 + jaw),
        (reach * 0.8, lip_bottom + 0.05),
        (reach + 0.015, corner),
        (reach * 0.55, lip_bottom + 0.035),
        (0.0, lip_bottom + 0.05),
        (-reach * 0.55, lip_bottom + 0.035),
    ];
    [
        curve(&moustache, true, 4),
        curve(&full, true, 4),
        curve(&goatee, true, 4),
    ]
}

impl Face<'_> {
    pub(crate) fn hair_behind(&mut self) {
        let w = self.who.width;
        let colour = self.who.hair_colour;
        let dark = scale(colour, 0.62);
        match self.who.hair {
            Hair::Long => {
                let shape = [
                    (0.0, -1.14),
                    (w + 0.10, -0.85),
                    (w + 0.22, -0.2),
                    (w + 0.26, 0.6),
                    (w + 0.22, 1.5),
                    (-w - 0.22, 1.5),
                    (-w - 0.26, 0.6),
                    (-w - 0.22, -0.2),
                    (-w - 0.10, -0.85),
                ];
                self.canvas.fill(&curve(&shape, true, 5), dark, 1.0, None);
            }
            Hair::Bob | Hair::Fringe => {
                let shape = [
                    (0.0, -1.14),
                    (w + 0.12, -0.85),
                    (w + 0.24, -0.1),
                    (w + 0.22, 0.55),
                    (w - 0.10, 0.72),
                    (-w + 0.10, 0.72),
                    (-w - 0.22, 0.55),
                    (-w - 0.24, -0.1),
                    (-w - 0.12, -0.85),
                ];
                self.canvas.fill(&curve(&shape, true, 5), dark, 1.0, None);
            }
            Hair::Afro => {
                self.canvas
                    .ellipse((0.0, -0.42), (w + 0.30, 0.86), 0.0, dark, 1.0, None);
                for i in 0..18 {
                    let angle = PI * (i as f32 / 17.0 * 1.24 - 1.12);
                    let centre = ((w + 0.26) * angle.cos(), -0.42 + 0.80 * angle.sin());
                    let r = 0.11 + 0.05 * self.random(i);
                    self.canvas.ellipse(centre, (r, r), 0.0, colour, 1.0, None);
                }
            }
            Hair::Bun => {
                self.canvas
                    .ellipse((0.12 * self.who.parting, -1.0), (0.26, 0.20), 0.0, dark, 1.0, None);
                self.canvas
                    .ellipse((0.0, -0.42), (w + 0.04, 0.66), 0.0, dark, 1.0, None);
            }
            Hair::Scarf => {
                let shape = [
                    (0.0, -1.16),
                    (w + 0.10, -0.85),
                    (w + 0.20, -0.1),
                    (w + 0.16, 0.6),
                    (w + 0.40, 1.3),
                    (-w - 0.40, 1.3),
                    (-w - 0.16, 0.6),
                    (-w - 0.20, -0.1),
                    (-w - 0.10, -0.85),
                ];
                let cloth = self.who.cloth;
                let points = curve(&shape, true, 5);
                self.canvas.fill(&points, cloth, 1.0, None);
                self.canvas
                    .fill_linear(&points, ((-0.9, 0.0), (0.9, 0.3)), (BLACK, 0.05), (BLACK, 0.4), None);
            }
            Hair::Crop | Hair::SidePart | Hair::Receding | Hair::Cap => {
                self.canvas
                    .ellipse((0.0, -0.46), (w + 0.045, 0.62), 0.0, dark, 1.0, None);
            }
            Hair::Bald => {}
        }
    }

    pub(crate) fn hair_front(&mut self) {
        let p = self.who.parting;
        let colour = self.who.hair_colour;
        if self.who.hair == Hair::Bald {
            self.glow((p * 0.15, -0.82), (0.30, 0.13), 0.0, 0.45);
            return;
        }
        let shape = front_outline(self.who);
        let outline = curve(&shape, true, 5);
        let fabric = matches!(self.who.hair, Hair::Scarf | Hair::Cap);
        let fill = if fabric { self.who.cloth } else { colour };
        // A shadow on the forehead below the hair.
        let below: Vec<Xy> = outline.iter().map(|&(x, y)| (x * 0.985, y + 0.035)).collect();
        let head = self.head.clone();
        if let Some(clip) = self.canvas.clip(&head) {
            self.canvas.fill(&below, self.shadow, 0.32, Some(&clip));
        }
        self.canvas.fill(&outline, fill, 1.0, None);
        self.canvas.fill_linear(
            &outline,
            ((-0.5 * p, -1.0), (0.5 * p, -0.2)),
            (WHITE, 0.14),
            (BLACK, 0.24),
            None,
        );
        if let Some(clip) = self.canvas.clip(&outline) {
            self.hair_texture(&clip);
        }
    }

    /// Strands, curls, and the folds of cloth.
    fn hair_texture(&mut self, clip: &Mask) {
        let w = self.who.width;
        let p = self.who.parting;
        let colour = self.who.hair_colour;
        let clip = Some(clip);
        match self.who.hair {
            Hair::Cap => {
                self.canvas.stroke(
                    &[(-w * 1.05, -0.50), (-0.3, -0.70), (0.3, -0.70), (w * 1.05, -0.50)],
                    0.05,
                    BLACK,
                    0.35,
                    clip,
                );
            }
            Hair::Scarf => {
                self.canvas
                    .stroke(&[(-w, -0.3), (-0.4, -0.78), (0.2, -0.9)], 0.04, BLACK, 0.25, clip);
                self.canvas
                    .stroke(&[(w, -0.3), (0.4, -0.74), (0.0, -0.98)], 0.04, BLACK, 0.20, clip);
            }
            Hair::Long | Hair::Bob | Hair::Bun | Hair::Receding => {
                self.strands(
                    ((-0.05, -1.1), (0.05, -1.1)),
                    ((-w * 1.1, -0.1), (w * 1.1, -0.1)),
                    1.5,
                    26,
                    clip,
                );
            }
            Hair::Fringe => {
                self.strands(
                    ((-0.25, -1.1), (0.25, -1.1)),
                    ((-w * 1.05, -0.42), (w * 1.05, -0.42)),
                    0.5,
                    24,
                    clip,
                );
            }
            Hair::Afro => {
                for k in 0..30 {
                    let at = ((self.random(k) - 0.5) * 2.0 * w, -0.62 - 0.5 * self.random(k + 31));
                    self.canvas
                        .ellipse(at, (0.045, 0.045), 0.0, mix(colour, WHITE, 0.14), 0.35, clip);
                }
            }
            Hair::SidePart => {
                self.strands(
                    ((p * 0.45, -1.1), (p * 0.35, -0.8)),
                    ((-p * w * 1.1, -0.9), (-p * w * 0.9, -0.45)),
                    0.3,
                    22,
                    clip,
                );
            }
            Hair::Crop | Hair::Bald => {
                self.strands(
                    ((-w, -0.9), (w, -0.9)),
                    ((-w * 0.9, -0.6), (w * 0.9, -0.6)),
                    0.2,
                    26,
                    clip,
                );
            }
        }
    }

    fn strands(&mut self, from: (Xy, Xy), to: (Xy, Xy), bend: f32, count: usize, clip: Option<&Mask>) {
        let colour = self.who.hair_colour;
        for k in 0..count {
            let t = (k as f32 + self.random(k)) / count as f32;
            let a = (
                from.0.0 + (from.1.0 - from.0.0) * t,
                from.0.1 + (from.1.1 - from.0.1) * t,
            );
            let b = (to.0.0 + (to.1.0 - to.0.0) * t, to.0.1 + (to.1.1 - to.0.1) * t);
            let middle = (f32::midpoint(a.0, b.0) + bend * (t - 0.5), f32::midpoint(a.1, b.1));
            let tint = if k % 2 == 0 {
                mix(colour, WHITE, 0.22)
            } else {
                scale(colour, 0.6)
            };
            self.canvas.stroke(&[a, middle, b], 0.030, tint, 0.38, clip);
        }
    }

    pub(crate) fn beard(&mut self) {
        if self.who.beard == Beard::None {
            return;
        }
        let jaw = self.rig.jaw;
        let colour = scale(self.who.hair_colour, 0.85);
        let [moustache, full, goatee] = beard_outlines(self.who, &self.rig);
        match self.who.beard {
            Beard::None => {}
            Beard::Stubble => self.canvas.fill(&full, mix(colour, self.who.skin, 0.25), 0.26, None),
            Beard::Moustache => self.canvas.fill(&moustache, colour, 0.88, None),
            Beard::Goatee => {
                self.canvas.fill(&moustache, colour, 0.85, None);
                self.canvas.fill(&goatee, colour, 0.85, None);
            }
            Beard::Full => {
                self.canvas.fill(&full, colour, 0.80, None);
                let (_, y) = self.rig.mouth.outer_lower(0.0);
                self.canvas
                    .blob((0.0, y + 0.035), (0.10, 0.035), 0.0, self.who.skin, 0.45, None);
                for k in 0..24 {
                    let x = (k as f32 / 23.0 - 0.5) * 2.0 * self.who.jaw * 0.9;
                    let y = 0.70 + jaw - 0.45 * (x / self.who.jaw).powi(2) + 0.10 * (self.random(k) - 0.5);
                    let tint = if k % 2 == 0 {
                        scale(colour, 1.35)
                    } else {
                        scale(colour, 0.7)
                    };
                    self.canvas.stroke(
                        &[(x, y), (x * 1.02, y + 0.05), (x * 1.0, y + 0.10)],
                        0.014,
                        tint,
                        0.5,
                        None,
                    );
                }
            }
        }
    }
}
