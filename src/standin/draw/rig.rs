//! From a subject and action units to the shapes of brows, eyes and mouth.
//!
//! Displacements follow the appearance changes of the FACS manual; their sizes are chosen so that each unit can be seen in
//! a face 100 pixels wide, where a full contraction moves a landmark by about five pixels.

use crate::standin::action_units::Expression;

use super::canvas::Xy;
use super::identity::{Identity, Shot};

/// One brow: inner end, two middle points, outer end.
#[derive(Debug, Clone)]
pub(crate) struct Brow {
    pub line: [Xy; 4],
    pub thick: f32,
}

/// One eye. `side` is -1 for the left of the image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Eye {
    pub side: f32,
    pub centre: Xy,
    pub half: f32,
    pub upper: f32,
    pub lower: f32,
    pub tilt: f32,
    /// Lifts the inner part of the upper lid: the sad eye.
    pub inner_lift: f32,
    /// 0 open, 1 closed.
    pub shut: f32,
    /// How far a closed lid bulges downwards (rest) or upwards (laughing).
    pub squeeze: f32,
}

impl Eye {
    /// Where the lids meet at `t` (-1 inner, 1 outer corner).
    fn base(&self, t: f32) -> Xy {
        (self.centre.0 + self.side * t * self.half, self.centre.1 - self.tilt * t)
    }

    /// The upper lid's edge.
    pub fn upper_at(&self, t: f32) -> Xy {
        let (x, y) = self.base(t);
        let profile = (1.0 - t.abs().powf(2.4)).max(0.0);
        let skew = 1.0 - 0.16 * t;
        let lift = self.inner_lift * (-((t + 0.45) / 0.45).powi(2)).exp();
        let drop = self.shut * self.rest() * profile;
        (x, y - self.upper * profile * skew - lift * (1.0 - self.shut) + drop)
    }

    /// The lower lid's edge.
    pub fn lower_at(&self, t: f32) -> Xy {
        let (x, y) = self.base(t);
        let profile = (1.0 - t.abs().powf(2.2)).max(0.0);
        let skew = 1.0 + 0.14 * t;
        (x, y + self.lower * profile * skew + self.shut * self.rest() * profile)
    }

    fn rest(&self) -> f32 {
        0.035 - 0.060 * self.squeeze
    }

    /// The opening as a polygon.
    pub fn outline(&self) -> Vec<Xy> {
        let steps = 14;
        let t = |i: usize| -1.0 + 2.0 * i as f32 / steps as f32;
        let mut points: Vec<Xy> = (0..=steps).map(|i| self.upper_at(t(i))).collect();
        points.extend((1..steps).rev().map(|i| self.lower_at(t(i))));
        points
    }
}

/// The mouth as four curves over t from -1 (left corner) to 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mouth {
    pub left: Xy,
    pub right: Xy,
    /// How far the middle lies below the line between the corners.
    pub bend: f32,
    /// How far the lips part above and below that curve.
    pub up: f32,
    pub down: f32,
    pub thick_upper: f32,
    pub thick_lower: f32,
    /// Exponent of the opening's profile: 2 round, 5 square.
    pub square: f32,
    /// Raises the upper lip beside the middle, on each side.
    pub sneer: [f32; 2],
    pub open: f32,
    pub teeth_upper: f32,
    pub teeth_lower: f32,
    pub tongue: f32,
}

impl Mouth {
    fn base(&self, t: f32) -> Xy {
        let k = f32::midpoint(t, 1.0);
        let x = self.left.0 + (self.right.0 - self.left.0) * k;
        let y = self.left.1 + (self.right.1 - self.left.1) * k;
        (x, y + self.bend * (1.0 - t.abs().powf(2.1)))
    }

    fn opening(&self, t: f32) -> f32 {
        (1.0 - t.abs().powf(self.square)).max(0.0).powf(0.75)
    }

    /// Lower edge of the upper lip.
    pub fn inner_upper(&self, t: f32) -> Xy {
        let (x, y) = self.base(t);
        let sneer = self.sneer[usize::from(t > 0.0)] * (-((t.abs() - 0.40) / 0.42).powi(2)).exp();
        (x, y - self.up * self.opening(t) - sneer)
    }

    /// Upper edge of the lower lip.
    pub fn inner_lower(&self, t: f32) -> Xy {
        let (x, y) = self.base(t);
        let (_, top) = self.inner_upper(t);
        (x, (y + self.down * self.opening(t)).max(top))
    }

    /// Upper edge of the upper lip, with Cupid's bow.
    pub fn outer_upper(&self, t: f32) -> Xy {
        let (x, y) = self.inner_upper(t);
        let bow = 1.0 + 0.22 * (-((t.abs() - 0.26) / 0.16).powi(2)).exp() - 0.25 * (-(t / 0.12).powi(2)).exp();
        (x, y - self.thick_upper * bow * (1.0 - t.abs().powf(1.9)).max(0.0))
    }

    /// Lower edge of the lower lip.
    pub fn outer_lower(&self, t: f32) -> Xy {
        let (x, y) = self.inner_lower(t);
        (x, y + self.thick_lower * (1.0 - t.abs().powf(2.3)).max(0.0))
    }

    /// The middle of the opening.
    pub fn centre(&self) -> Xy {
        let (x, top) = self.inner_upper(0.0);
        let (_, bottom) = self.inner_lower(0.0);
        (x, f32::midpoint(top, bottom))
    }
}

/// The polygon between two of the mouth's curves.
pub(crate) fn between(above: impl Fn(f32) -> Xy, below: impl Fn(f32) -> Xy) -> Vec<Xy> {
    let steps = 24;
    let t = |i: usize| -1.0 + 2.0 * i as f32 / steps as f32;
    let mut points: Vec<Xy> = (0..=steps).map(|i| above(t(i))).collect();
    points.extend((1..steps).rev().map(|i| below(t(i))));
    points
}

/// All moving parts of a face at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Rig {
    pub brows: [Brow; 2],
    pub eyes: [Eye; 2],
    pub mouth: Mouth,
    /// How far the chin has dropped.
    pub jaw: f32,
    /// How far the wings of the nose are lifted, on each side.
    pub wings: [f32; 2],
}

/// The two sides of the image: left, right.
pub(crate) const SIDES: [f32; 2] = [-1.0, 1.0];

impl Rig {
    /// Poses `who` with `expression`.
    pub fn new(who: &Identity, expression: &Expression, shot: &Shot) -> Self {
        let a = |unit| expression.of(unit);
        Self {
            brows: SIDES.map(|side| brow(who, expression, 1.0 + shot.asymmetry * side, side)),
            eyes: SIDES.map(|side| eye(who, expression, side)),
            mouth: mouth(who, expression),
            jaw: who.length + 0.085 * a(26) + 0.15 * a(27) - 0.02 * a(17),
            wings: SIDES.map(|side| 0.045 * a(9) + 0.030 * expression.on(10, side)),
        }
    }
}

fn brow(who: &Identity, expression: &Expression, gain: f32, side: f32) -> Brow {
    let a = |unit| expression.of(unit) * gain;
    let y = who.brow_y;
    // With the corrugator (AU 4) at work the frontalis still lifts the inner end, obliquely: the sad and the fearful brow.
    let inner =
        y + 0.002 + who.brow_tilt - 0.125 * a(1) - 0.035 * a(2) + 0.095 * a(4) * (1.0 - 0.55 * a(1)) + 0.045 * a(9);
    let near = y - 0.014 - 0.075 * a(1) - 0.055 * a(2) + 0.075 * a(4) + 0.03 * a(9);
    let far = y - 0.012 - who.brow_arch - 0.022 * a(1) - 0.110 * a(2) + 0.045 * a(4) + 0.01 * a(9);
    let outer = y + 0.040 - who.brow_tilt - 0.120 * a(2) + 0.018 * a(4) + 0.01 * a(6);
    let gap = who.eye_gap - 0.315;
    let squeeze = 0.050 * a(4) + 0.015 * a(9);
    Brow {
        line: [
            (side * (0.125 + gap - squeeze), inner),
            (side * (0.235 + gap - 0.7 * squeeze), near),
            (side * (0.375 + gap - 0.3 * squeeze), far),
            (side * (0.500 + gap), outer),
        ],
        thick: 0.050 * who.brow_thick * (1.0 + 0.12 * a(4)),
    }
}

fn eye(who: &Identity, expression: &Expression, side: f32) -> Eye {
    let a = |unit| expression.of(unit);
    let shut = ((a(43) - 0.15) / 0.75).clamp(0.0, 1.0);
    let size = who.eye_size;
    let open = 0.072 * size * who.eye_open;
    let upper = (open + 0.062 * a(5) - 0.022 * a(7) - 0.018 * a(6) - 0.020 * a(9) - 0.016 * a(4)).max(0.018);
    let lower = (0.040 * size - 0.024 * a(6) - 0.022 * a(7) - 0.014 * a(9) + 0.010 * a(5)).max(0.004);
    let closing = (1.0 - 0.55 * a(43).min(0.4) / 0.4 * (1.0 - shut)) * (1.0 - shut);
    Eye {
        side,
        centre: (side * who.eye_gap, who.eye_y),
        half: 0.150 * size,
        upper: upper * closing,
        lower: lower * (1.0 - shut),
        tilt: who.eye_tilt - 0.010 * a(1) * (1.0 - a(2)),
        inner_lift: 0.020 * a(1) * (1.0 - a(5)),
        shut,
        squeeze: (a(6) * 1.1).min(1.0),
    }
}

fn mouth(who: &Identity, expression: &Expression) -> Mouth {
    let a = |unit| expression.of(unit);
    let pressed = (a(24) * 0.9 + a(23) * 0.4).min(1.0);
    let parted = (2.2 * (a(25) + a(26) + 1.2 * a(27))).min(1.0);
    let open = (0.062 * a(25) + 0.115 * a(26) + 0.250 * a(27)) * (1.0 - 0.6 * a(24));
    let half = 0.225 * who.mouth_width - 0.055 * a(27) - 0.020 * a(26) - 0.030 * a(23) - 0.020 * a(24) - 0.010 * a(17);
    let corner = |side: f32| {
        let on = |unit| expression.on(unit, side);
        (
            side * (half + 0.085 * on(12) + 0.090 * a(20) + 0.020 * on(14) + 0.012 * a(15)),
            who.mouth_y + side * who.mouth_tilt - 0.098 * on(12) + 0.095 * a(15) + 0.022 * a(20) - 0.030 * on(14)
                + 0.035 * a(26)
                + 0.085 * a(27)
                + 0.012 * a(16),
        )
    };
    let (left, right) = (corner(-1.0), corner(1.0));
    let middle = who.mouth_y + 0.006 + 0.030 * a(26) + 0.070 * a(27) - 0.050 * a(17) - 0.020 * a(10) - 0.012 * a(15)
        + 0.014 * a(12)
        - 0.015 * a(9);
    let lift10 = 0.045 * a(10) + 0.012 * a(9);
    let up = 0.30 * open + parted * (lift10 + 0.020 * a(12) + 0.006 * a(20));
    let down = 0.70 * open + parted * (0.055 * a(16) + 0.012 * a(20) + 0.006 * a(12));
    let thin = (1.0 - 0.28 * a(12) - 0.32 * a(20)) * (1.0 - 0.45 * a(23)) * (1.0 - 0.75 * a(24));
    let full = up + down;
    Mouth {
        left,
        right,
        bend: middle - f32::midpoint(left.1, right.1),
        up,
        down,
        thick_upper: 0.052 * who.lip_upper * thin * (1.0 - 0.2 * a(10)) * (1.0 - 0.15 * a(27)),
        thick_lower: 0.074 * who.lip_lower * thin * (1.0 + 0.25 * a(17)) * (1.0 - 0.15 * a(27)) * (1.0 - 0.15 * a(15)),
        square: 2.0 + 3.0 * (a(20) + 0.6 * a(16) + 0.6 * a(10) + 0.25 * a(12)).min(1.0) * (1.0 - 0.6 * a(27)),
        sneer: SIDES.map(|side| {
            let on = |unit| expression.on(unit, side);
            (0.034 - 0.010 * pressed) * on(10) + 0.014 * a(9)
        }),
        open: full,
        teeth_upper: parted * (0.016 + 0.060 * a(12) + 0.050 * a(10) + 0.035 * a(20) + 0.012 * a(25)),
        teeth_lower: parted * (0.060 * a(16) + 0.030 * a(20) + 0.016 * a(27)),
        tongue: ((full - 0.10) / 0.12).clamp(0.0, 1.0),
    }
}
