//! Mouth and chin.

use super::canvas::{Xy, mix, scale};
use super::face::{BLACK, Face, WHITE};
use super::rig::{Mouth, SIDES, between};

impl Face<'_> {
    /// Folds around mouth and chin.
    pub(crate) fn lower_face_folds(&mut self) {
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

    pub(crate) fn mouth(&mut self) {
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
}
