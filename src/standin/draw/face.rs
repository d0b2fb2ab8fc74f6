//! Draws one face, layer by layer from the background to the spectacles.

use crate::standin::action_units::Expression;

use super::canvas::{Canvas, Rgb, View, Xy, curve, mix, scale};
use super::identity::{Hair, Identity, Shot};
use super::rig::{Rig, SIDES};

/// Beyond the edges of every image, however small the face in it.
const EVERYWHERE: [Xy; 4] = [(-5.0, -5.0), (5.0, -5.0), (5.0, 5.0), (-5.0, 5.0)];

pub(crate) const WHITE: Rgb = [1.0, 1.0, 1.0];
pub(crate) const BLACK: Rgb = [0.0, 0.0, 0.0];

/// Draws `who` with `expression` as photographed by `shot` on a square canvas of `side` pixels; RGBA, row by row.
///
/// `None` only if the canvas cannot be allocated.
pub(crate) fn draw(who: &Identity, expression: &Expression, shot: &Shot, side: u32) -> Option<Vec<u8>> {
    let mut face = Face::new(who, expression, shot, side)?;
    face.background();
    face.hair_behind();
    face.neck();
    face.ears();
    face.skin();
    face.cheeks();
    face.forehead();
    face.lower_face_folds();
    face.beard();
    face.nose();
    face.mouth();
    for side in 0..2 {
        face.eye(side);
    }
    face.between_brows();
    face.hair_front();
    for side in 0..2 {
        face.brow(side);
    }
    face.illuminate();
    face.glasses();
    Some(face.canvas.into_rgba())
}

/// As [`draw`], but nobody is there; RGBA, row by row.
pub(crate) fn draw_scenery(who: &Identity, shot: &Shot, side: u32) -> Option<Vec<u8>> {
    let nothing = Expression::default();
    let mut face = Face::new(who, &nothing, shot, side)?;
    face.background();
    face.illuminate();
    Some(face.canvas.into_rgba())
}

/// The outline of the head, clockwise from the top.
fn head(who: &Identity, jaw: f32) -> Vec<Xy> {
    let w = who.width;
    let half = [
        (0.22, -0.97),
        (w * 0.72, -0.84),
        (w * 0.96, -0.52),
        (w, -0.12),
        (w * 0.97, 0.16),
        (f32::midpoint(who.jaw, w * 0.90), 0.38 + 0.3 * jaw),
        (who.jaw * 0.84, 0.58 + 0.7 * jaw),
        (who.chin + 0.03, 0.78 + jaw),
        (who.chin * 0.45, 0.845 + jaw),
    ];
    let mut points: Vec<Xy> = half.to_vec();
    points.extend(half.iter().rev().map(|&(x, y)| (-x, y)));
    curve(&points, true, 5)
}

/// A face being drawn.
pub(crate) struct Face<'a> {
    pub(crate) canvas: Canvas,
    pub(crate) who: &'a Identity,
    pub(crate) expression: &'a Expression,
    pub(crate) shot: &'a Shot,
    pub(crate) rig: Rig,
    pub(crate) head: Vec<Xy>,
    pub(crate) shadow: Rgb,
    pub(crate) light: Rgb,
}

impl<'a> Face<'a> {
    fn new(who: &'a Identity, expression: &'a Expression, shot: &'a Shot, side: u32) -> Option<Self> {
        let view = View::new(shot.yaw, shot.pitch, shot.roll, shot.zoom, shot.shift, side);
        let canvas = Canvas::new(side, view)?;
        let rig = Rig::new(who, expression, shot);
        Some(Self {
            canvas,
            who,
            expression,
            shot,
            head: head(who, rig.jaw),
            shadow: [who.skin[0] * 0.46, who.skin[1] * 0.36, who.skin[2] * 0.33],
            light: mix(who.skin, [1.0, 0.97, 0.92], 0.55),
            rig,
        })
    }

    pub(crate) fn a(&self, unit: u8) -> f32 {
        self.expression.of(unit)
    }

    pub(crate) fn on(&self, unit: u8, side: f32) -> f32 {
        self.expression.on(unit, side)
    }

    pub(crate) fn random(&self, i: usize) -> f32 {
        self.who.texture[i % self.who.texture.len()]
    }

    pub(crate) fn crease(&mut self, points: &[Xy], width: f32, strength: f32) {
        self.canvas.crease(points, width, self.who.skin, strength, None);
    }

    pub(crate) fn shade(&mut self, centre: Xy, radii: Xy, angle: f32, alpha: f32) {
        self.canvas.blob(centre, radii, angle, self.shadow, alpha, None);
    }

    /// The colour of blood below the skin.
    fn blush(&self) -> Rgb {
        let red = scale([0.86, 0.25, 0.22], 0.30 + 0.70 * self.who.skin[0]);
        mix(self.who.skin, red, 0.6)
    }

    /// A highlight; dark skin reflects less of the light that models it.
    pub(crate) fn glow(&mut self, centre: Xy, radii: Xy, angle: f32, alpha: f32) {
        let alpha = alpha * (0.35 + 0.75 * self.who.skin[1]).min(1.0);
        self.canvas.blob(centre, radii, angle, self.light, alpha, None);
    }

    fn background(&mut self) {
        let all = EVERYWHERE;
        let [top, bottom, spot] = self.shot.background;
        self.canvas.fill(&all, top, 1.0, None);
        self.canvas
            .fill_linear(&all, ((-0.6, -1.0), (0.6, 1.0)), (top, 1.0), (bottom, 1.0), None);
        for (x, y, r) in self.shot.spots {
            self.canvas.blob((x, y), (r, r), 0.0, spot, 0.5, None);
        }
    }

    fn neck(&mut self) {
        let w = 0.62 * self.who.jaw + 0.04;
        let body = [
            (-1.5, 4.0),
            (-1.3, 1.5),
            (-1.15, 1.16),
            (-w, 0.98),
            (w, 0.98),
            (1.15, 1.16),
            (1.3, 1.5),
            (1.5, 4.0),
        ];
        let neck = [(-w, 0.3), (-w, 1.05), (-0.16, 1.25), (0.16, 1.25), (w, 1.05), (w, 0.3)];
        let skin = scale(self.who.skin, 0.80);
        self.canvas.fill(&body, self.who.cloth, 1.0, None);
        self.canvas.fill(&neck, skin, 1.0, None);
        let chin = 0.84 + self.rig.jaw;
        if let Some(clip) = self.canvas.clip(&neck) {
            self.canvas
                .blob((0.0, chin + 0.02), (0.62, 0.26), 0.0, self.shadow, 0.65, Some(&clip));
        }
        if self.who.hair == Hair::Scarf {
            let cloth = scale(self.who.cloth, 0.78);
            let wrap = [
                (-0.8, 0.62),
                (0.0, 0.93 + self.rig.jaw),
                (0.8, 0.62),
                (1.2, 1.5),
                (-1.2, 1.5),
            ];
            self.canvas.fill(&wrap, cloth, 1.0, None);
        }
    }

    fn ears(&mut self) {
        if matches!(self.who.hair, Hair::Long | Hair::Bob | Hair::Fringe | Hair::Scarf) {
            return;
        }
        for side in SIDES {
            let x = side * (self.who.width + 0.025);
            let skin = mix(scale(self.who.skin, 0.86), [0.8, 0.35, 0.3], 0.08);
            self.canvas
                .ellipse((x, -0.04), (0.075, 0.165), 0.12 * side, skin, 1.0, None);
            self.shade((x - side * 0.01, -0.03), (0.045, 0.11), 0.12 * side, 0.5);
            if self.who.earrings {
                self.canvas
                    .ellipse((x, 0.15), (0.026, 0.034), 0.0, [0.90, 0.80, 0.45], 1.0, None);
            }
        }
    }

    fn skin(&mut self) {
        let head = self.head.clone();
        self.canvas.fill(&head, self.who.skin, 1.0, None);
        self.canvas.vignette(
            &head,
            (0.0, -0.05),
            (self.who.width * 1.12, 1.05),
            0.58,
            self.shadow,
            0.62,
        );
        // Sockets, temples, the hollow below the cheekbone, the plane below the lip.
        for side in SIDES {
            let x = side * self.who.eye_gap;
            self.shade((x - side * 0.02, self.who.eye_y - 0.04), (0.24, 0.17), 0.0, 0.26);
            self.shade((x + side * 0.17, 0.34), (0.17, 0.32), side * 0.5, 0.15);
            self.glow((x + side * 0.07, 0.07), (0.19, 0.13), -side * 0.4, 0.26);
            let red = self.blush();
            self.canvas.blob(
                (x + side * 0.08, 0.14),
                (0.23, 0.20),
                0.0,
                red,
                self.who.blush * 1.6,
                None,
            );
        }
        self.glow((0.0, -0.55), (0.42, 0.22), 0.0, 0.22);
        self.glow((0.0, 0.72 + self.rig.jaw), (0.17, 0.10), 0.0, 0.22);
        let who = self.who;
        for &(x, y, r) in &who.freckles {
            self.canvas
                .ellipse((x, y), (r, r), 0.0, scale(who.skin, 0.66), 0.55, None);
        }
    }

    /// Cheeks pushed up by AU 6 and AU 12, crow's feet, folds below the eye.
    fn cheeks(&mut self) {
        let age = self.who.age;
        for (i, side) in SIDES.into_iter().enumerate() {
            let eye = self.rig.eyes[i];
            let (ex, ey) = eye.centre;
            let raise = self.a(6);
            let smile = self.on(12, side);
            let bulge = (0.75 * raise + 0.55 * smile).min(1.2);
            let up = 0.05 * raise;
            self.glow((ex + side * 0.06, 0.085 - up), (0.21, 0.14), -side * 0.25, 0.42 * bulge);
            let red = self.blush();
            self.canvas.blob(
                (ex + side * 0.07, 0.12 - up),
                (0.21, 0.16),
                0.0,
                red,
                0.20 * bulge,
                None,
            );
            self.shade((ex + side * 0.04, 0.245 - up), (0.20, 0.06), -side * 0.35, 0.30 * bulge);
            // The infraorbital furrow deepens under AU 6 and 7; with age it never leaves.
            let fold = 0.10 + 0.35 * age + 0.85 * raise + 0.30 * self.a(7) + 0.25 * self.a(9);
            let y = ey + 0.075 - 0.020 * raise;
            self.crease(
                &[
                    (ex - side * 0.13, y - 0.010),
                    (ex - side * 0.03, y + 0.028),
                    (ex + side * 0.08, y + 0.020),
                    (ex + side * 0.165, y - 0.022),
                ],
                0.017,
                fold * 0.8,
            );
            if age > 0.5 {
                self.shade(
                    (ex - side * 0.01, ey + 0.095),
                    (0.13, 0.04),
                    0.0,
                    0.35 * (age - 0.5) * 2.0,
                );
            }
            let feet = (raise * 1.15 + 0.28 * (age - 0.35).max(0.0)).min(1.1);
            let x0 = ex + side * (eye.half + 0.025);
            for (k, &(dx, dy)) in [(0.105, -0.085), (0.13, -0.03), (0.125, 0.03), (0.10, 0.09)]
                .iter()
                .enumerate()
            {
                let y0 = ey - 0.025 + 0.018 * k as f32;
                self.crease(
                    &[
                        (x0, y0),
                        (x0 + side * dx * 0.5, y0 + dy * 0.42),
                        (x0 + side * dx, y0 + dy),
                    ],
                    0.014,
                    feet * 0.95,
                );
            }
        }
    }

    /// Horizontal lines of the forehead: AU 1 in the middle, AU 2 above the outer brows.
    fn forehead(&mut self) {
        let (inner, outer, age) = (self.a(1), self.a(2), self.who.age);
        for k in 0..3 {
            let y = -0.515 - 0.070 * k as f32 - 0.015 * inner.max(outer);
            let rank = 1.0 - 0.14 * k as f32;
            let base = 0.30 * (age - 0.45).max(0.0);
            let middle = (0.95 * inner + base) * rank;
            self.crease(
                &[
                    (-0.20, y + 0.022),
                    (-0.10, y + 0.004),
                    (0.0, y + 0.010),
                    (0.10, y + 0.004),
                    (0.20, y + 0.022),
                ],
                0.017,
                middle,
            );
            let lateral = (0.95 * outer + base) * rank;
            for side in SIDES {
                self.crease(
                    &[
                        (side * 0.16, y + 0.012),
                        (side * 0.27, y - 0.018),
                        (side * 0.38, y - 0.008),
                        (side * 0.47, y + 0.040),
                    ],
                    0.017,
                    lateral,
                );
            }
        }
    }

    fn nose(&mut self) {
        let w = self.who.nose_width;
        let tip = 0.125 + self.who.nose_length - 0.012 * self.a(9);
        let y = tip + 0.065;
        // The side away from the light is in shadow.
        let lit = if self.shot.light_angle.cos() >= 0.0 { 1.0 } else { -1.0 };
        self.shade((-lit * 0.075, 0.0), (0.055, 0.20), lit * 0.12, 0.34);
        self.shade((lit * 0.080, 0.0), (0.045, 0.18), -lit * 0.12, 0.14);
        self.glow((lit * 0.008, -0.03), (0.036, 0.21), 0.0, 0.50);
        self.glow((0.0, tip), (0.062, 0.052), 0.0, 0.50);
        self.shade((0.0, y + 0.035), (0.17 * w, 0.055), 0.0, 0.48);
        for (i, side) in SIDES.into_iter().enumerate() {
            let wing = self.rig.wings[i];
            let x = side * (0.118 * w + 0.20 * wing);
            self.shade((x, tip + 0.035 - wing), (0.042, 0.060), 0.0, 0.22);
            self.crease(
                &[
                    (x - side * 0.012, tip - 0.025 - wing),
                    (x + side * 0.012, tip + 0.025 - wing),
                    (x - side * 0.004, tip + 0.065 - 0.8 * wing),
                    (x - side * 0.035, tip + 0.080 - 0.6 * wing),
                ],
                0.019,
                0.80 + 2.0 * wing,
            );
            let nostril = scale(self.shadow, 0.45);
            self.canvas.ellipse(
                (side * 0.055 * w, y + 0.006 - 0.5 * wing),
                (0.032 * w + 0.2 * wing, 0.017 + 0.15 * wing),
                -side * 0.35,
                nostril,
                0.85,
                None,
            );
        }
        self.crease(&[(-0.03, y + 0.028), (0.0, y + 0.034), (0.03, y + 0.028)], 0.016, 0.45);
        // Philtrum.
        let (_, lip) = self.rig.mouth.outer_upper(0.0);
        let middle = f32::midpoint(lip, y + 0.04);
        self.shade((0.0, middle), (0.026, (lip - y - 0.02).max(0.02) * 0.6), 0.0, 0.28);
    }

    /// Light from one side, over everything but the spectacles.
    fn illuminate(&mut self) {
        let (sin, cos) = self.shot.light_angle.sin_cos();
        let strength = self.shot.light_strength;
        let all = EVERYWHERE;
        let lit = (cos * 0.9, sin * 0.9);
        let dark = (-cos * 0.9, -sin * 0.9);
        self.canvas.fill_linear(
            &all,
            (dark, (0.15 * cos, 0.15 * sin)),
            ([0.04, 0.03, 0.05], 0.58 * strength),
            ([0.04, 0.03, 0.05], 0.0),
            None,
        );
        self.canvas.fill_linear(
            &all,
            ((0.0, 0.0), lit),
            ([1.0, 0.96, 0.88], 0.0),
            ([1.0, 0.96, 0.88], 0.26 * strength),
            None,
        );
    }
}
