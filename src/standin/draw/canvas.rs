//! Drawing in face coordinates: x right, y down, the unit square [-1, 1]² is the image of a face seen straight on.
//!
//! Every point passes through [`View::map`], which turns the head as a shallow ellipsoid: yaw, pitch and roll come out
//! as consistent shifts of all parts without any three-dimensional model.

use tiny_skia::{
    Color, FillRule, GradientStop, LinearGradient, Mask, Paint, Path, PathBuilder, Pixmap, Point, RadialGradient,
    Shader, SpreadMode, Transform,
};

/// A colour, sRGB in [0, 1].
pub(crate) type Rgb = [f32; 3];

/// A point in face coordinates.
pub(crate) type Xy = (f32, f32);

/// `a` at `t` = 0, `b` at `t` = 1.
pub(crate) fn mix(a: Rgb, b: Rgb, t: f32) -> Rgb {
    [
        a[0] + (b[0] - a[0]) * t,
        a[1] + (b[1] - a[1]) * t,
        a[2] + (b[2] - a[2]) * t,
    ]
}

/// The colour `k` times as bright.
pub(crate) fn scale(colour: Rgb, k: f32) -> Rgb {
    colour.map(|c| (c * k).clamp(0.0, 1.0))
}

fn color(rgb: Rgb, alpha: f32) -> Color {
    let c = rgb.map(|c| c.clamp(0.0, 1.0));
    Color::from_rgba(c[0], c[1], c[2], alpha.clamp(0.0, 1.0)).unwrap_or(Color::TRANSPARENT)
}

/// How the head stands in the image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    yaw: (f32, f32),
    pitch: (f32, f32),
    roll: (f32, f32),
    zoom: f32,
    shift: Xy,
    half: f32,
}

impl View {
    /// Angles in radians, `zoom` around 1, `shift` in face units, `side` of the canvas in pixels.
    pub fn new(yaw: f32, pitch: f32, roll: f32, zoom: f32, shift: Xy, side: u32) -> Self {
        Self {
            yaw: yaw.sin_cos(),
            pitch: pitch.sin_cos(),
            roll: roll.sin_cos(),
            zoom,
            shift,
            half: side as f32 / 2.0,
        }
    }

    /// Face coordinates to pixels.
    pub fn map(&self, (x, y): Xy) -> Point {
        let inside = 1.0 - (x / 0.85).powi(2) - ((y + 0.05) / 1.2).powi(2);
        let nose = 0.14 * (-(x / 0.13).powi(2) - ((y - 0.1) / 0.22).powi(2)).exp();
        let z = 0.62 * inside.max(0.0).sqrt() - 0.36 + nose;
        let x1 = x * self.yaw.1 + z * self.yaw.0;
        let y1 = y * self.pitch.1 - z * self.pitch.0;
        let x2 = x1 * self.roll.1 - y1 * self.roll.0;
        let y2 = x1 * self.roll.0 + y1 * self.roll.1;
        Point::from_xy(
            (1.0 + x2 * self.zoom + self.shift.0) * self.half,
            (1.0 + y2 * self.zoom + self.shift.1) * self.half,
        )
    }

    /// The affine map that takes the unit circle to the ellipse of radii `rx`, `ry` around `centre`.
    fn frame(&self, centre: Xy, rx: f32, ry: f32, angle: f32) -> Transform {
        let (sin, cos) = angle.sin_cos();
        let c = self.map(centre);
        // Small steps: the tangent plane at the centre, so that an ellipse stays one.
        let h = 0.02;
        let u = self.map((centre.0 + h, centre.1));
        let v = self.map((centre.0, centre.1 + h));
        let (ux, uy) = ((u.x - c.x) / h, (u.y - c.y) / h);
        let (vx, vy) = ((v.x - c.x) / h, (v.y - c.y) / h);
        Transform::from_row(
            rx * (cos * ux + sin * vx),
            rx * (cos * uy + sin * vy),
            ry * (-sin * ux + cos * vx),
            ry * (-sin * uy + cos * vy),
            c.x,
            c.y,
        )
    }
}

/// Points of the Catmull–Rom curve through `points`, `steps` a segment.
pub(crate) fn curve(points: &[Xy], closed: bool, steps: usize) -> Vec<Xy> {
    let n = points.len();
    if n < 3 {
        return points.to_vec();
    }
    let at = |i: isize| {
        let last = n as isize;
        if closed {
            points[i.rem_euclid(last) as usize]
        } else {
            points[i.clamp(0, last - 1) as usize]
        }
    };
    let segments = if closed { n } else { n - 1 };
    let mut out = Vec::with_capacity(segments * steps + 1);
    for segment in 0..segments {
        let i = segment as isize;
        let (a, b, c, d) = (at(i - 1), at(i), at(i + 1), at(i + 2));
        for step in 0..steps {
            let t = step as f32 / steps as f32;
            let w = [
                ((-0.5 * t + 1.0) * t - 0.5) * t,
                (1.5 * t - 2.5) * t * t + 1.0,
                ((-1.5 * t + 2.0) * t + 0.5) * t,
                (0.5 * t - 0.5) * t * t,
            ];
            out.push((
                w[0] * a.0 + w[1] * b.0 + w[2] * c.0 + w[3] * d.0,
                w[0] * a.1 + w[1] * b.1 + w[2] * c.1 + w[3] * d.1,
            ));
        }
    }
    if !closed {
        out.push(points[n - 1]);
    }
    out
}

/// A pixmap with a view onto it.
pub(crate) struct Canvas {
    pixmap: Pixmap,
    /// The head's pose.
    pub view: View,
}

impl Canvas {
    /// A blank canvas of `side` × `side` pixels; `None` if that is 0 or too large to allocate.
    pub fn new(side: u32, view: View) -> Option<Self> {
        Some(Self {
            pixmap: Pixmap::new(side, side)?,
            view,
        })
    }

    /// The picture: RGBA, 8 bit.
    pub fn into_rgba(self) -> Vec<u8> {
        self.pixmap.take()
    }

    /// The closed polygon through `points`.
    pub fn polygon(&self, points: &[Xy]) -> Option<Path> {
        let mut builder = PathBuilder::with_capacity(points.len() + 1, points.len());
        for (i, &point) in points.iter().enumerate() {
            let p = self.view.map(point);
            if i == 0 {
                builder.move_to(p.x, p.y);
            } else {
                builder.line_to(p.x, p.y);
            }
        }
        builder.close();
        builder.finish()
    }

    /// What lies inside `points`, to draw within.
    pub fn clip(&self, points: &[Xy]) -> Option<Mask> {
        let path = self.polygon(points)?;
        let mut mask = Mask::new(self.pixmap.width(), self.pixmap.height())?;
        mask.fill_path(&path, FillRule::Winding, true, Transform::identity());
        Some(mask)
    }

    fn paint(&mut self, path: &Path, shader: Shader<'_>, transform: Transform, clip: Option<&Mask>) {
        let paint = Paint {
            shader,
            ..Paint::default()
        };
        self.pixmap.fill_path(path, &paint, FillRule::Winding, transform, clip);
    }

    /// Fills the polygon through `points`.
    pub fn fill(&mut self, points: &[Xy], rgb: Rgb, alpha: f32, clip: Option<&Mask>) {
        if alpha <= 0.003 {
            return;
        }
        if let Some(path) = self.polygon(points) {
            self.paint(
                &path,
                Shader::SolidColor(color(rgb, alpha)),
                Transform::identity(),
                clip,
            );
        }
    }

    /// Fills the polygon with a gradient from `from` to `to` along the line between two face points.
    pub fn fill_linear(
        &mut self,
        points: &[Xy],
        line: (Xy, Xy),
        from: (Rgb, f32),
        to: (Rgb, f32),
        clip: Option<&Mask>,
    ) {
        let shader = LinearGradient::new(
            self.view.map(line.0),
            self.view.map(line.1),
            vec![
                GradientStop::new(0.0, color(from.0, from.1)),
                GradientStop::new(1.0, color(to.0, to.1)),
            ],
            SpreadMode::Pad,
            Transform::identity(),
        );
        if let (Some(path), Some(shader)) = (self.polygon(points), shader) {
            self.paint(&path, shader, Transform::identity(), clip);
        }
    }

    /// Darkens or lightens towards the edge: `alpha` at distance 1 and beyond, nothing within `start`.
    pub fn vignette(&mut self, points: &[Xy], centre: Xy, radii: Xy, start: f32, rgb: Rgb, alpha: f32) {
        let shader = RadialGradient::new(
            Point::zero(),
            0.0,
            Point::zero(),
            1.0,
            vec![
                GradientStop::new(start, color(rgb, 0.0)),
                GradientStop::new(1.0, color(rgb, alpha)),
            ],
            SpreadMode::Pad,
            self.view.frame(centre, radii.0, radii.1, 0.0),
        );
        if let (Some(path), Some(shader)) = (self.polygon(points), shader) {
            self.paint(&path, shader, Transform::identity(), None);
        }
    }

    /// A solid ellipse.
    pub fn ellipse(&mut self, centre: Xy, radii: Xy, angle: f32, rgb: Rgb, alpha: f32, clip: Option<&Mask>) {
        if alpha <= 0.003 || radii.0 <= 0.0 || radii.1 <= 0.0 {
            return;
        }
        let transform = self.view.frame(centre, radii.0, radii.1, angle);
        if let Some(path) = PathBuilder::from_circle(0.0, 0.0, 1.0) {
            self.paint(&path, Shader::SolidColor(color(rgb, alpha)), transform, clip);
        }
    }

    /// A soft ellipse: `alpha` in the centre, nothing at the edge. Shadows, highlights and blush are made of these.
    pub fn blob(&mut self, centre: Xy, radii: Xy, angle: f32, rgb: Rgb, alpha: f32, clip: Option<&Mask>) {
        if alpha <= 0.003 || radii.0 <= 0.0 || radii.1 <= 0.0 {
            return;
        }
        let transform = self.view.frame(centre, radii.0, radii.1, angle);
        let shader = RadialGradient::new(
            Point::zero(),
            0.0,
            Point::zero(),
            1.0,
            vec![
                GradientStop::new(0.0, color(rgb, alpha)),
                GradientStop::new(0.45, color(rgb, alpha * 0.6)),
                GradientStop::new(1.0, color(rgb, 0.0)),
            ],
            SpreadMode::Pad,
            Transform::identity(),
        );
        if let (Some(path), Some(shader)) = (PathBuilder::from_circle(0.0, 0.0, 1.0), shader) {
            self.paint(&path, shader, transform, clip);
        }
    }

    /// A line along the curve through `points`, as wide as `width(t)` for t from 0 to 1.
    pub fn ribbon(&mut self, points: &[Xy], width: impl Fn(f32) -> f32, rgb: Rgb, alpha: f32, clip: Option<&Mask>) {
        if alpha <= 0.003 {
            return;
        }
        let line = curve(points, false, 6);
        let n = line.len();
        if n < 2 {
            return;
        }
        let mut upper = Vec::with_capacity(2 * n);
        let mut lower = Vec::with_capacity(n);
        for i in 0..n {
            let (a, b) = (line[i.saturating_sub(1)], line[(i + 1).min(n - 1)]);
            let (dx, dy) = (b.0 - a.0, b.1 - a.1);
            let length = dx.hypot(dy).max(1e-6);
            let half = width(i as f32 / (n - 1) as f32) / 2.0;
            let (nx, ny) = (-dy / length * half, dx / length * half);
            upper.push((line[i].0 + nx, line[i].1 + ny));
            lower.push((line[i].0 - nx, line[i].1 - ny));
        }
        upper.extend(lower.into_iter().rev());
        self.fill(&upper, rgb, alpha, clip);
    }

    /// A line that thins out at both ends.
    pub fn stroke(&mut self, points: &[Xy], width: f32, rgb: Rgb, alpha: f32, clip: Option<&Mask>) {
        self.ribbon(
            points,
            |t| width * (0.25 + 0.75 * (t * std::f32::consts::PI).sin()),
            rgb,
            alpha,
            clip,
        );
    }

    /// A fold of the skin: a soft wide shadow, a thin dark core, and a faint light edge below it.
    pub fn crease(&mut self, points: &[Xy], width: f32, skin: Rgb, strength: f32, clip: Option<&Mask>) {
        let strength = strength.min(1.2);
        if strength <= 0.02 {
            return;
        }
        let dark = [skin[0] * 0.42, skin[1] * 0.33, skin[2] * 0.30];
        self.stroke(points, width * 2.6, dark, 0.22 * strength, clip);
        self.stroke(points, width, dark, 0.62 * strength, clip);
        let below: Vec<Xy> = points.iter().map(|&(x, y)| (x, y + width * 1.5)).collect();
        self.stroke(&below, width * 1.2, mix(skin, [1.0; 3], 0.35), 0.22 * strength, clip);
    }
}
