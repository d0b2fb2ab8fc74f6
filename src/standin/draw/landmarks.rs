//! The 68 landmarks of a drawn face, in the order of the iBUG scheme: jaw, brows, nose, eyes, mouth.

use crate::standin::action_units::Expression;

use super::canvas::{View, Xy, curve};
use super::identity::{Identity, Shot};
use super::rig::{Eye, Rig};

/// How many there are.
pub(crate) const COUNT: usize = 68;

/// Points at even steps along a line of many points.
fn resample(line: &[Xy], n: usize) -> impl Iterator<Item = Xy> {
    let last = line.len() - 1;
    (0..n).map(move |i| {
        let at = i as f32 * last as f32 / (n - 1) as f32;
        let (low, high) = (at.floor() as usize, at.ceil() as usize);
        let t = at - low as f32;
        (
            line[low].0 + t * (line[high].0 - line[low].0),
            line[low].1 + t * (line[high].1 - line[low].1),
        )
    })
}

/// Corner, two points of the upper lid, the other corner, two of the lower lid; clockwise from the left of the image.
fn eye(eye: &Eye) -> [Xy; 6] {
    // `t` runs from the inner to the outer corner, which lies left in the left eye.
    let t = |x: f32| x * eye.side;
    [
        eye.upper_at(t(-1.0)),
        eye.upper_at(t(-0.35)),
        eye.upper_at(t(0.35)),
        eye.upper_at(t(1.0)),
        eye.lower_at(t(0.35)),
        eye.lower_at(t(-0.35)),
    ]
}

/// Pixels of all landmarks in an image of `side` pixels.
pub(crate) fn landmarks(who: &Identity, expression: &Expression, shot: &Shot, side: u32) -> Vec<(f32, f32)> {
    let view = View::new(shot.yaw, shot.pitch, shot.roll, shot.zoom, shot.shift, side);
    let rig = Rig::new(who, expression, shot);
    let mut points: Vec<Xy> = Vec::with_capacity(COUNT);

    let (w, jaw) = (who.width, rig.jaw);
    let half = [
        (w, -0.12),
        (w * 0.97, 0.16),
        (f32::midpoint(who.jaw, w * 0.90), 0.38 + 0.3 * jaw),
        (who.jaw * 0.84, 0.58 + 0.7 * jaw),
        (who.chin + 0.03, 0.78 + jaw),
        (who.chin * 0.45, 0.845 + jaw),
    ];
    let mut outline: Vec<Xy> = half.iter().map(|&(x, y)| (-x, y)).collect();
    outline.extend(half.iter().rev());
    points.extend(resample(&curve(&outline, false, 5), 17));

    // Brows run from the inner to the outer end.
    let mut left = rig.brows[0].line;
    left.reverse();
    points.extend(resample(&curve(&left, false, 6), 5));
    points.extend(resample(&curve(&rig.brows[1].line, false, 6), 5));

    let tip = 0.20 + who.nose_length;
    points.extend((0..4).map(|i| (0.0, who.eye_y + (tip - who.eye_y) * i as f32 / 3.0)));
    for (i, x) in [-0.13, -0.065, 0.0, 0.065, 0.13].into_iter().enumerate() {
        let lift = match i {
            0 => rig.wings[0],
            4 => rig.wings[1],
            _ => 0.0,
        };
        points.push((x * who.nose_width, tip + 0.06 - lift));
    }

    for one in &rig.eyes {
        points.extend(eye(one));
    }

    let m = &rig.mouth;
    points.push(m.left);
    points.extend([-0.62, -0.28, 0.0, 0.28, 0.62].map(|t| m.outer_upper(t)));
    points.push(m.right);
    points.extend([0.62, 0.28, 0.0, -0.28, -0.62].map(|t| m.outer_lower(t)));
    points.push(m.inner_upper(-0.92));
    points.extend([-0.4, 0.0, 0.4].map(|t| m.inner_upper(t)));
    points.push(m.inner_upper(0.92));
    points.extend([0.4, 0.0, -0.4].map(|t| m.inner_lower(t)));

    points
        .into_iter()
        .map(|point| {
            let pixel = view.map(point);
            (pixel.x, pixel.y)
        })
        .collect()
}
