//! Draws one face, layer by layer from the background to the spectacles.

use std::f32::consts::PI;

use tiny_skia::Mask;

use super::action_units::Expression;
use super::canvas::{Canvas, Rgb, View, Xy, curve, mix, scale};
use super::identity::{Glasses, Hair, Identity, Shot};
use super::rig::{Eye, Mouth, Rig, SIDES, between};

/// Beyond the edges of every image, however small the face in it.
const EVERYWHERE: [Xy; 4] = [(-5.0, -5.0), (5.0, -5.0), (5.0, 5.0), (-5.0, 5.0)];

pub(super) const WHITE: Rgb = [1.0, 1.0, 1.0];
pub(super) const BLACK: Rgb = [0.0, 0.0, 0.0];

/// Draws `who` with `expression` as photographed by `shot` on a square canvas of `side` pixels; RGBA, row by row.
///
/// `None` only if the canvas cannot be allocated.
pub(super) fn draw(who: &Identity, expression: &Expression, shot: &Shot, side: u32) -> Option<Vec<u8>> {
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
pub(super) fn draw_scenery(who: &Identity, shot: &Shot, side: u32) -> Option<Vec<u8>> {
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
pub(super) struct Face<'a> {
    pub(super) canvas: Canvas,
    pub(super) who: &'a Identity,
    pub(super) expression: &'a Expression,
    pub(super) shot: &'a Shot,
    pub(super) rig: Rig,
    pub(super) head: Vec<Xy>,
    pub(super) shadow: Rgb,
    pub(super) light: Rgb,
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

    fn a(&self, unit: u8) -> f32 {
        self.expression.of(unit)
    }

    fn on(&self, unit: u8, side: f32) -> f32 {
        self.expression.on(unit, side)
    }

    pub(super) fn random(&self, i: usize) -> f32 {
        self.who.texture[i % self.who.texture.len()]
    }

    fn crease(&mut self, points: &[Xy], width: f32, strength: f32) {
        self.canvas.crease(points, width, self.who.skin, strength, None);
    }

    pub(super) fn shade(&mut self, centre: Xy, radii: Xy, angle: f32, alpha: f32) {
        self.canvas.blob(centre, radii, angle, self.shadow, alpha, None);
    }

    /// The colour of blood below the skin.
    fn blush(&self) -> Rgb {
        let red = scale([0.86, 0.25, 0.22], 0.30 + 0.70 * self.who.skin[0]);
        mix(self.who.skin, red, 0.6)
    }

    /// A highlight; dark skin reflects less of the light that models it.
    pub(super) fn glow(&mut self, centre: Xy, radii: Xy, angle: f32, alpha: f32) {
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

    /// Vertical furrows of AU 4 and wrinkles of AU 9 at the root of the nose.
    fn between_brows(&mut self) {
        let frown = self.a(4);
        let wrinkle = self.a(9);
        let y = self.who.brow_y;
        self.shade((0.0, y + 0.05), (0.13, 0.13), 0.0, 0.30 * frown + 0.25 * wrinkle);
        for side in SIDES {
            // With AU 1 the furrows lean inwards at the top.
            let lean = 0.012 - 0.020 * self.a(1);
            self.crease(
                &[
                    (side * (0.040 + lean), y - 0.055),
                    (side * 0.043, y + 0.015),
                    (side * 0.034, y + 0.095),
                ],
                0.020,
                1.15 * frown + 0.35 * wrinkle + 0.12 * (self.who.age - 0.6).max(0.0),
            );
            for k in 0..3 {
                let yk = -0.175 + 0.062 * k as f32;
                self.crease(
                    &[
                        (side * 0.018, yk - 0.012),
                        (side * 0.065, yk + 0.004),
                        (side * 0.125, yk + 0.046),
                    ],
                    0.018,
                    1.15 * wrinkle,
                );
            }
        }
        self.crease(
            &[(-0.06, -0.215), (0.0, -0.225), (0.06, -0.215)],
            0.020,
            0.9 * wrinkle + 0.25 * frown,
        );
    }

    /// Folds around mouth and chin.
    fn lower_face_folds(&mut self) {
        let mouth = self.rig.mouth;
        let age = self.who.age;
        for (i, side) in SIDES.into_iter().enumerate() {
            let (cx, cy) = if i == 0 { mouth.left } else { mouth.right };
            let (smile, dimple, lift) = (self.on(12, side), self.on(14, side), self.on(10, side));
            let wing = self.rig.wings[i];
            let fold =
                0.10 + 0.42 * (age - 0.15).max(0.0) + 0.68 * smile + 0.80 * lift + 0.60 * self.a(9) + 0.15 * self.a(15);
            let start = (side * 0.150 * self.who.nose_width, 0.135 - wing);
            let end = (
                cx + side * (0.055 + 0.020 * smile),
                cy + 0.050 * smile - 0.01 + 0.02 * self.a(15),
            );
            let out = 0.030 + 0.004 * smile + 0.020 * lift;
            self.crease(
                &[
                    start,
                    (
                        start.0 * 0.66 + end.0 * 0.34 + side * out,
                        start.1 * 0.66 + end.1 * 0.34 - 0.012,
                    ),
                    (
                        start.0 * 0.28 + end.0 * 0.72 + side * out,
                        start.1 * 0.28 + end.1 * 0.72,
                    ),
                    end,
                ],
                0.024,
                fold.min(1.15),
            );
            self.shade((cx + side * 0.012, cy), (0.045, 0.045), 0.0, 0.30 + 0.25 * smile);
            // AU 14 pulls the corner in against the teeth: a pit beside it.
            self.shade((cx + side * 0.055, cy - 0.005), (0.080, 0.090), 0.0, 0.55 * dimple);
            self.crease(
                &[
                    (cx + side * 0.035, cy - 0.075),
                    (cx + side * 0.068, cy - 0.010),
                    (cx + side * 0.045, cy + 0.065),
                ],
                0.022,
                0.85 * dimple,
            );
            // AU 15 folds the skin below the corner, AU 20 stretches it sideways.
            let droop = self.a(15);
            self.shade((cx + side * 0.02, cy + 0.05), (0.09, 0.08), 0.0, 0.40 * droop);
            self.crease(
                &[
                    (cx + side * 0.008, cy + 0.005),
                    (cx + side * 0.042, cy + 0.060),
                    (cx + side * 0.030, cy + 0.130),
                ],
                0.022,
                0.95 * droop + 0.25 * (age - 0.5).max(0.0),
            );
            let stretch = self.a(20);
            for k in 0..2 {
                let x = cx + side * (0.045 + 0.050 * k as f32);
                let r = 0.075 + 0.02 * k as f32;
                self.crease(
                    &[
                        (x - side * 0.02, cy - r),
                        (x + side * 0.012, cy),
                        (x - side * 0.02, cy + r),
                    ],
                    0.017,
                    stretch * (0.95 - 0.3 * k as f32),
                );
            }
        }
        self.chin();
    }

    /// The chin boss: AU 17 pushes it up and dimples it.
    fn chin(&mut self) {
        let push = self.a(17);
        let (_, lip) = self.rig.mouth.outer_lower(0.0);
        let y = lip + 0.045;
        self.shade((0.0, y), (0.17, 0.055), 0.0, 0.42 + 0.2 * push);
        self.crease(
            &[
                (-0.145, y + 0.050),
                (-0.07, y + 0.008),
                (0.0, y - 0.004),
                (0.07, y + 0.008),
                (0.145, y + 0.050),
            ],
            0.022,
            1.1 * push + 0.12,
        );
        self.glow((0.0, y + 0.095), (0.14, 0.085), 0.0, 0.38 * push);
        for k in 0..9 {
            let angle = k as f32 * 2.4;
            let r = 0.028 * (k as f32).sqrt();
            self.shade(
                (1.35 * r * angle.cos(), y + 0.10 + r * angle.sin()),
                (0.034, 0.028),
                0.0,
                0.55 * push,
            );
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

    fn mouth(&mut self) {
        let m = self.rig.mouth;
        let upper_colour = scale(self.who.lip, 0.86);
        let lower_colour = self.who.lip;
        let whole = between(|t| m.outer_upper(t), |t| m.outer_lower(t));
        // A seat of shadow keeps the lips from floating on the skin.
        let (cx, cy) = m.centre();
        self.shade(
            (cx, cy + 0.01),
            ((m.right.0 - m.left.0) * 0.62, 0.10 + m.open * 0.6),
            0.0,
            0.16,
        );
        self.canvas.fill(&whole, lower_colour, 0.95, None);
        let upper = between(|t| m.outer_upper(t), |t| m.inner_upper(t));
        self.canvas.fill(&upper, upper_colour, 1.0, None);
        if let Some(lips) = self.canvas.clip(&whole) {
            let (_, y) = m.inner_lower(0.0);
            let shine = mix(self.who.lip, WHITE, 0.55);
            self.canvas.blob(
                (cx - 0.03, y + m.thick_lower * 0.50),
                (0.12, m.thick_lower * 0.40),
                0.0,
                shine,
                0.55,
                Some(&lips),
            );
            self.canvas.blob(
                (cx, y + m.thick_lower),
                (0.20, m.thick_lower * 0.45),
                0.0,
                self.shadow,
                0.45,
                Some(&lips),
            );
        }
        if m.open > 0.012 {
            self.inside_mouth(&m);
        } else {
            let t = |i: usize| -1.0 + i as f32 / 4.0;
            let line: Vec<Xy> = (0..=8).map(|i| m.inner_lower(t(i))).collect();
            let press = self.a(24).max(0.6 * self.a(23));
            let dark = [self.shadow[0] * 0.55, self.shadow[1] * 0.40, self.shadow[2] * 0.42];
            self.canvas.stroke(&line, 0.026 + 0.010 * press, dark, 0.85, None);
        }
        let (press, tight) = (self.a(24), self.a(23));
        if press + tight > 0.05 {
            let (_, top) = m.outer_upper(0.0);
            let (_, bottom) = m.outer_lower(0.0);
            self.glow((0.0, top - 0.035), (0.17, 0.036), 0.0, 0.50 * press);
            self.glow((0.0, bottom + 0.030), (0.16, 0.034), 0.0, 0.50 * press);
            for k in 0..5 {
                let x = (k as f32 - 2.0) * 0.062;
                self.crease(
                    &[(x, top - 0.055), (x * 0.97, top - 0.030), (x * 0.95, top - 0.006)],
                    0.011,
                    0.45 * tight,
                );
                self.crease(
                    &[
                        (x * 0.95, bottom + 0.006),
                        (x * 0.97, bottom + 0.025),
                        (x, bottom + 0.045),
                    ],
                    0.011,
                    0.40 * tight,
                );
            }
        }
    }

    fn inside_mouth(&mut self, m: &Mouth) {
        let hole = between(|t| m.inner_upper(t), |t| m.inner_lower(t));
        let Some(clip) = self.canvas.clip(&hole) else { return };
        let clip = Some(&clip);
        self.canvas.fill(&hole, [0.20, 0.055, 0.06], 1.0, None);
        let (cx, bottom) = m.inner_lower(0.0);
        let (_, top) = m.inner_upper(0.0);
        let half = (m.right.0 - m.left.0) / 2.0;
        if m.tongue > 0.0 {
            let r = 0.30 * (bottom - top);
            self.canvas.ellipse(
                (cx, bottom + 0.25 * r),
                (half * 0.70, r),
                0.0,
                [0.66, 0.27, 0.28],
                m.tongue,
                clip,
            );
            self.canvas.blob(
                (cx, bottom - 0.2 * r),
                (half * 0.5, r * 0.6),
                0.0,
                [0.85, 0.48, 0.46],
                0.6 * m.tongue,
                clip,
            );
        }
        let ivory = mix([0.95, 0.93, 0.88], [0.86, 0.80, 0.66], 0.55 * self.who.age);
        let height = m.teeth_upper.min(m.open * 0.92);
        if height > 0.008 {
            let edge = |t: f32| {
                let (x, y) = m.inner_upper(t);
                (x, y + height * (1.0 - 0.35 * t * t))
            };
            let row = between(|t| m.inner_upper(t), edge);
            self.canvas.fill(&row, ivory, 1.0, clip);
            for k in -4_i16..=4 {
                let t = (f32::from(k) + 0.5) / 5.0;
                let (a, b) = (m.inner_upper(t), edge(t));
                self.canvas.stroke(&[a, b], 0.008, [0.50, 0.42, 0.38], 0.35, clip);
            }
        }
        let low = m.teeth_lower.min((m.open - height).max(0.0) * 0.95);
        if low > 0.008 {
            let edge = |t: f32| {
                let (x, y) = m.inner_lower(t);
                (x, y - low * (1.0 - 0.3 * t * t))
            };
            let row = between(edge, |t| m.inner_lower(t));
            self.canvas.fill(&row, scale(ivory, 0.93), 1.0, clip);
            for k in -3_i16..=3 {
                let t = (f32::from(k) + 0.5) / 5.5;
                let (a, b) = (edge(t), m.inner_lower(t));
                self.canvas.stroke(&[a, b], 0.008, [0.50, 0.42, 0.38], 0.35, clip);
            }
        }
        // The upper lip's shadow on the teeth, and the dark corners.
        let shade = between(
            |t| m.inner_upper(t),
            |t| {
                let (x, y) = m.inner_upper(t);
                (x, y + 0.014)
            },
        );
        self.canvas.fill(&shade, BLACK, 0.30, clip);
        for (x, y) in [m.left, m.right] {
            self.canvas
                .blob((x, y), (half * 0.35, 0.09), 0.0, [0.10, 0.02, 0.02], 0.85, clip);
        }
    }

    fn eye(&mut self, index: usize) {
        let eye = self.rig.eyes[index];
        let side = eye.side;
        let (ex, ey) = eye.centre;
        let steps = |n: usize| (0..=n).map(move |i| -1.0 + 2.0 * i as f32 / n as f32);
        let upper: Vec<Xy> = steps(8).map(|t| eye.upper_at(t)).collect();
        let lower: Vec<Xy> = steps(8).map(|t| eye.lower_at(t)).collect();
        if eye.shut < 0.98 {
            let outline = eye.outline();
            if let Some(clip) = self.canvas.clip(&outline) {
                self.eyeball(&eye, &outline, &clip);
            }
        } else {
            // The lid over the ball.
            self.glow((ex, ey - 0.005), (0.12, 0.055), 0.0, 0.35);
        }
        let lash = mix(scale(self.who.brow_colour, 0.45), BLACK, 0.3);
        let line = 0.022 + 0.014 * self.who.lashes + 0.006 * eye.shut;
        self.canvas.ribbon(
            &upper,
            |t| line * (0.35 + 0.65 * (t * 2.6).sin().max(0.0)),
            lash,
            0.92,
            None,
        );
        self.canvas
            .stroke(&lower, 0.013, mix(self.shadow, lash, 0.4), 0.65, None);
        if self.who.lashes > 0.5 {
            let (x, y) = eye.upper_at(0.88);
            self.canvas.stroke(
                &[
                    (x - side * 0.02, y),
                    (x + side * 0.03, y - 0.022),
                    (x + side * 0.05, y - 0.045),
                ],
                0.018,
                lash,
                0.8,
                None,
            );
        }
        // The lid's crease vanishes as AU 5 pulls the lid under the orbit, and hangs low under AU 4.
        let gap = (0.040 - 0.030 * self.a(5) + 0.012 * self.a(2)).max(0.012);
        let crease: Vec<Xy> = [-0.92, -0.5, 0.0, 0.5, 0.95]
            .iter()
            .map(|&t| {
                let (x, y) = eye.upper_at(t);
                (x, y - gap * (1.0 + 0.4 * eye.shut))
            })
            .collect();
        self.crease(&crease, 0.016, 0.62 * (1.0 - 0.6 * self.a(5)) + 0.2 * self.a(4));
        let tight = self.a(7);
        if tight > 0.05 {
            let bag: Vec<Xy> = [-0.8, -0.3, 0.3, 0.8]
                .iter()
                .map(|&t| {
                    let (x, y) = eye.lower_at(t);
                    (x, y + 0.026)
                })
                .collect();
            self.crease(&bag, 0.015, 0.85 * tight);
        }
    }

    fn eyeball(&mut self, eye: &Eye, outline: &[Xy], clip: &Mask) {
        let (ex, ey) = eye.centre;
        let clip = Some(clip);
        self.canvas.fill(outline, [0.93, 0.92, 0.91], 1.0, None);
        for (x, y) in [eye.upper_at(-1.0), eye.upper_at(1.0)] {
            self.canvas
                .blob((x, y), (0.07, 0.06), 0.0, [0.72, 0.50, 0.46], 0.65, clip);
        }
        let centre = (ex + self.shot.gaze.0, ey - 0.010 + self.shot.gaze.1);
        let r = 0.069 * self.who.eye_size;
        let iris = self.who.iris;
        self.canvas.ellipse(centre, (r, r), 0.0, scale(iris, 0.50), 1.0, clip);
        self.canvas.ellipse(centre, (r * 0.86, r * 0.86), 0.0, iris, 1.0, clip);
        self.canvas.blob(
            (centre.0, centre.1 + r * 0.45),
            (r * 0.7, r * 0.45),
            0.0,
            mix(iris, WHITE, 0.45),
            0.5,
            clip,
        );
        self.canvas
            .ellipse(centre, (r * 0.46, r * 0.46), 0.0, [0.03, 0.03, 0.03], 1.0, clip);
        let glint = if self.shot.light_angle.cos() >= 0.0 { 1.0 } else { -1.0 };
        self.canvas.ellipse(
            (centre.0 + glint * 0.024, centre.1 - 0.026),
            (0.016, 0.016),
            0.0,
            WHITE,
            0.92,
            clip,
        );
        // The upper lid throws a shadow on the ball.
        let steps = 10;
        let t = |i: usize| -1.0 + 2.0 * i as f32 / steps as f32;
        let mut band: Vec<Xy> = (0..=steps).map(|i| eye.upper_at(t(i))).collect();
        band.extend((0..=steps).rev().map(|i| {
            let (x, y) = eye.upper_at(t(i));
            (x, y + 0.026)
        }));
        self.canvas.fill(&band, [0.12, 0.08, 0.08], 0.35, clip);
    }

    fn brow(&mut self, index: usize) {
        let brow = self.rig.brows[index].clone();
        let colour = self.who.brow_colour;
        let thick = brow.thick;
        let profile = |t: f32| thick * (0.62 + 0.75 * t - 1.18 * t * t).max(0.12);
        self.canvas.ribbon(
            &brow.line,
            |t| profile(t) * 1.35,
            mix(colour, self.who.skin, 0.3),
            0.35,
            None,
        );
        self.canvas.ribbon(&brow.line, profile, colour, 0.88, None);
        // Single hairs, for images large enough to show them.
        let side = if index == 0 { -1.0 } else { 1.0 };
        let line = curve(&brow.line, false, 4);
        for (k, &(x, y)) in line.iter().enumerate() {
            let lift = 0.5 + 0.5 * self.random(k + 17 * index);
            self.canvas.stroke(
                &[(x, y + thick * 0.30), (x + side * 0.020, y - thick * 0.62 * lift)],
                0.010,
                scale(colour, 0.75),
                0.55,
                None,
            );
        }
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

    fn glasses(&mut self) {
        let (rx, ry, line, power) = match self.who.glasses {
            Glasses::None => return,
            Glasses::Round => (0.205, 0.175, 0.020, 2.0),
            Glasses::Square => (0.225, 0.155, 0.034, 3.6),
        };
        let colour = self.who.glasses_colour;
        let gap = self.who.eye_gap + 0.012;
        let y = self.who.eye_y + 0.015;
        for side in SIDES {
            let rim = |grow: f32| -> Vec<Xy> {
                (0..40)
                    .map(|i| {
                        let (sin, cos) = (i as f32 / 40.0 * 2.0 * PI).sin_cos();
                        let f = |v: f32| v.signum() * v.abs().powf(2.0 / power);
                        (side * gap + (rx + grow) * f(cos), y + (ry + grow) * f(sin))
                    })
                    .collect()
            };
            self.canvas.fill(&rim(0.0), [0.85, 0.92, 1.0], 0.10, None);
            let mut ring = rim(line * 0.5);
            ring.push(ring[0]);
            let mut inner = rim(-line * 0.5);
            inner.push(inner[0]);
            ring.extend(inner.into_iter().rev());
            self.canvas.fill(&ring, colour, 0.95, None);
            self.canvas.ribbon(
                &[
                    (side * (gap + rx), y - 0.03),
                    (side * (self.who.width + 0.02), y - 0.05),
                ],
                |_| line,
                colour,
                0.9,
                None,
            );
            self.canvas.ribbon(
                &[(side * gap - 0.10, y + 0.05), (side * gap - 0.03, y - 0.07)],
                |_| 0.03,
                WHITE,
                0.22,
                None,
            );
        }
        self.canvas.ribbon(
            &[(-gap + rx, y - 0.02), (0.0, y - 0.05), (gap - rx, y - 0.02)],
            |_| line,
            colour,
            0.95,
            None,
        );
    }
}
