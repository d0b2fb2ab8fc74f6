//! Eyes, brows and glasses.

use std::f32::consts::PI;

use tiny_skia::Mask;

use super::canvas::{Xy, curve, mix, scale};
use super::face::{BLACK, Face, WHITE};
use super::identity::Glasses;
use super::rig::{Eye, SIDES};

impl Face<'_> {
    /// Vertical furrows of AU 4 and wrinkles of AU 9 at the root of the nose.
    pub(crate) fn between_brows(&mut self) {
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

    pub(crate) fn eye(&mut self, index: usize) {
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

    pub(crate) fn brow(&mut self, index: usize) {
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

    pub(crate) fn glasses(&mut self) {
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
