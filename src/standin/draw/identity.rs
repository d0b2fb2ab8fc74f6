//! Who is seen, and how: what stays the same over all images of a subject, and what changes with every photograph.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::standin::plan::stream;
use crate::standin::random::{bell, pick};

use super::canvas::{Rgb, mix, scale};
use super::frame::Frame;

/// Hair cuts and head-gear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hair {
    /// None.
    Bald,
    /// Short all round.
    Crop,
    /// Parted at one side.
    SidePart,
    /// High temples.
    Receding,
    /// A round cloud of curls.
    Afro,
    /// To the shoulders, parted in the middle.
    Long,
    /// To the chin.
    Bob,
    /// To the chin, cut straight across the forehead.
    Fringe,
    /// Pulled back to a knot.
    Bun,
    /// A scarf around head and neck.
    Scarf,
    /// A knitted cap.
    Cap,
}

/// What grows on the lower face.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beard {
    /// Nothing.
    None,
    /// A shadow of a few days.
    Stubble,
    /// The upper lip only.
    Moustache,
    /// Around the mouth.
    Goatee,
    /// From ear to ear.
    Full,
}

/// What sits on the nose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Glasses {
    /// Nothing.
    None,
    /// Round, thin rims.
    Round,
    /// Rectangular, thick rims.
    Square,
}

/// A subject. Lengths are in face coordinates or factors around 1.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub width: f32,
    pub jaw: f32,
    pub chin: f32,
    pub length: f32,
    pub skin: Rgb,
    /// Place of the skin among [`SKINS`].
    pub tone: usize,
    pub hair: Hair,
    pub hair_colour: Rgb,
    pub parting: f32,
    pub cloth: Rgb,
    pub beard: Beard,
    pub glasses: Glasses,
    pub glasses_colour: Rgb,
    pub age: f32,
    pub iris: Rgb,
    pub eye_gap: f32,
    pub eye_size: f32,
    pub eye_open: f32,
    pub eye_tilt: f32,
    pub eye_y: f32,
    pub lashes: f32,
    pub brow_colour: Rgb,
    pub brow_thick: f32,
    pub brow_arch: f32,
    pub brow_tilt: f32,
    pub brow_y: f32,
    pub nose_width: f32,
    pub nose_length: f32,
    pub mouth_width: f32,
    pub mouth_y: f32,
    pub mouth_tilt: f32,
    pub lip_upper: f32,
    pub lip_lower: f32,
    pub lip: Rgb,
    pub blush: f32,
    pub freckles: Vec<(f32, f32, f32)>,
    pub earrings: bool,
    /// Fixed random numbers for strands of hair and the like: the same in all images of the subject.
    pub texture: [f32; 64],
}

const SKINS: [Rgb; 9] = [
    [0.97, 0.85, 0.77],
    [0.95, 0.80, 0.70],
    [0.92, 0.75, 0.63],
    [0.88, 0.69, 0.55],
    [0.80, 0.61, 0.46],
    [0.70, 0.50, 0.37],
    [0.58, 0.40, 0.29],
    [0.46, 0.31, 0.23],
    [0.36, 0.24, 0.18],
];
const HAIRS: [Rgb; 9] = [
    [0.07, 0.06, 0.06],
    [0.12, 0.09, 0.07],
    [0.20, 0.13, 0.09],
    [0.30, 0.20, 0.13],
    [0.42, 0.28, 0.17],
    [0.55, 0.40, 0.22],
    [0.75, 0.60, 0.36],
    [0.84, 0.72, 0.50],
    [0.52, 0.24, 0.12],
];
const IRISES: [Rgb; 5] = [
    [0.20, 0.12, 0.07],
    [0.30, 0.18, 0.09],
    [0.36, 0.30, 0.16],
    [0.28, 0.42, 0.32],
    [0.30, 0.45, 0.60],
];

fn spot(rng: &mut ChaCha8Rng) -> (f32, f32, f32) {
    (
        rng.random_range(-1.0..1.0),
        rng.random_range(-1.0..1.0),
        rng.random_range(0.2..0.8),
    )
}

fn vivid(rng: &mut ChaCha8Rng) -> Rgb {
    let base: Rgb = [rng.random(), rng.random(), rng.random()];
    let grey = rng.random_range(0.1..0.9);
    mix([grey; 3], base, 0.42)
}

fn hair(rng: &mut ChaCha8Rng, feminine: bool, age: f32) -> Hair {
    let women = [
        (Hair::Long, 0.30),
        (Hair::Bob, 0.20),
        (Hair::Fringe, 0.16),
        (Hair::Bun, 0.14),
        (Hair::Scarf, 0.07),
        (Hair::Afro, 0.06),
        (Hair::Crop, 0.05),
        (Hair::Cap, 0.02),
    ];
    let men = [
        (Hair::Crop, 0.34),
        (Hair::SidePart, 0.24),
        (Hair::Receding, 0.06 + 0.20 * age),
        (Hair::Bald, 0.05 + 0.10 * age),
        (Hair::Afro, 0.05),
        (Hair::Cap, 0.06),
        (Hair::Long, 0.04),
    ];
    pick(rng, if feminine { &women } else { &men }, Hair::Crop)
}

fn beard(rng: &mut ChaCha8Rng, feminine: bool, age: f32) -> Beard {
    if feminine || age < 0.08 {
        return Beard::None;
    }
    let table = [
        (Beard::None, 0.55),
        (Beard::Stubble, 0.20),
        (Beard::Moustache, 0.07),
        (Beard::Goatee, 0.07),
        (Beard::Full, 0.11),
    ];
    pick(rng, &table, Beard::None)
}

fn glasses(rng: &mut ChaCha8Rng, age: f32) -> Glasses {
    let table = [
        (Glasses::None, 0.84 - 0.12 * age),
        (Glasses::Round, 0.06 + 0.05 * age),
        (Glasses::Square, 0.08 + 0.07 * age),
    ];
    pick(rng, &table, Glasses::None)
}

impl Identity {
    /// The subject of this number in a tree drawn from `seed`.
    pub fn of(seed: u64, subject: u32) -> Self {
        Self::sample(&mut stream(seed, "subject", u64::from(subject)))
    }

    /// The skin in a word: three of the eight tones are light, three medium, two dark.
    pub fn skin_name(&self) -> &'static str {
        match self.tone {
            0..=2 => "light",
            3..=5 => "medium",
            _ => "dark",
        }
    }

    /// Draws a subject.
    pub fn sample(rng: &mut ChaCha8Rng) -> Self {
        let feminine = rng.random_bool(0.5);
        let age: f32 = rng.random::<f32>().powf(1.4);
        let tone = rng.random_range(0..SKINS.len() - 1);
        let skin = mix(SKINS[tone], SKINS[tone + 1], rng.random());
        let skin = [
            skin[0],
            skin[1] * (1.0 + 0.025 * bell(rng)),
            skin[2] * (1.0 + 0.05 * bell(rng)),
        ];
        let darkness = tone as f32 / (SKINS.len() - 1) as f32;
        let shades = if darkness > 0.45 { 3 } else { HAIRS.len() };
        let natural = HAIRS[rng.random_range(0..shades)];
        let grey = ((age - 0.6) * 2.5).clamp(0.0, 1.0) * rng.random::<f32>().sqrt();
        let hair_colour = mix(natural, [0.75, 0.74, 0.72], grey);
        let hair = hair(rng, feminine, age);
        let beard = beard(rng, feminine, age);
        let glasses = glasses(rng, age);
        let natural_lip = [(skin[0] * 0.86).min(0.85), skin[1] * 0.60, skin[2] * 0.62];
        let painted = feminine && rng.random_bool(0.4);
        let lip = if painted {
            mix(
                natural_lip,
                [0.70 + 0.15 * bell(rng), 0.14, 0.24],
                0.35 + 0.4 * rng.random::<f32>(),
            )
        } else {
            natural_lip
        };
        let freckled = darkness < 0.5 && rng.random_bool(0.12);
        let freckles = (0..if freckled {
            26
        } else {
            usize::from(rng.random_bool(0.15))
        })
            .map(|_| {
                (
                    0.5 * bell(rng),
                    0.12 + 0.28 * bell(rng),
                    0.007 + 0.006 * rng.random::<f32>(),
                )
            })
            .collect();
        let mut texture = [0.0; 64];
        for value in &mut texture {
            *value = rng.random();
        }
        let soft = if feminine { 1.0 } else { 0.0 };
        Self {
            width: 0.705 - 0.025 * soft + 0.055 * bell(rng),
            jaw: 0.59 - 0.05 * soft + 0.06 * bell(rng),
            chin: 0.27 - 0.05 * soft + 0.05 * bell(rng),
            length: 0.05 * bell(rng),
            skin,
            tone,
            hair,
            hair_colour,
            parting: if rng.random_bool(0.5) { 1.0 } else { -1.0 },
            cloth: vivid(rng),
            beard,
            glasses,
            glasses_colour: mix([0.08, 0.08, 0.09], vivid(rng), 0.35 * rng.random::<f32>()),
            age,
            iris: scale(
                IRISES[rng.random_range(0..if darkness > 0.5 { 2 } else { IRISES.len() })],
                1.0 + 0.15 * bell(rng),
            ),
            eye_gap: 0.315 + 0.025 * bell(rng),
            eye_size: 1.0 + 0.10 * bell(rng) + 0.04 * soft,
            eye_open: 1.0 + 0.20 * bell(rng),
            eye_tilt: 0.014 + 0.018 * bell(rng),
            eye_y: -0.175 + 0.025 * bell(rng),
            lashes: if feminine {
                0.6 + 0.4 * rng.random::<f32>()
            } else {
                0.25 * rng.random::<f32>()
            },
            brow_colour: mix(scale(hair_colour, 0.75), [0.13, 0.09, 0.07], 0.45),
            brow_thick: 1.15 - 0.35 * soft + 0.25 * bell(rng),
            brow_arch: 0.008 + 0.012 * soft + 0.016 * bell(rng),
            brow_tilt: 0.016 * bell(rng),
            brow_y: -0.365 + 0.022 * bell(rng),
            nose_width: 1.0 - 0.08 * soft + 0.16 * bell(rng),
            nose_length: 0.025 * bell(rng),
            mouth_width: 1.0 + 0.11 * bell(rng),
            mouth_y: 0.425 + 0.025 * bell(rng),
            mouth_tilt: 0.012 * bell(rng),
            lip_upper: 0.95 + 0.15 * soft + 0.28 * bell(rng) + 0.25 * darkness,
            lip_lower: 0.95 + 0.12 * soft + 0.25 * bell(rng) + 0.20 * darkness,
            lip,
            blush: 0.10 + 0.14 * rng.random::<f32>() * soft,
            freckles,
            earrings: feminine && rng.random_bool(0.3),
            texture,
        }
    }
}

/// One photograph: everything that changes from image to image and says nothing about the expression.
#[derive(Debug, Clone)]
pub(crate) struct Shot {
    pub yaw: f32,
    pub pitch: f32,
    pub roll: f32,
    pub zoom: f32,
    pub shift: (f32, f32),
    pub gaze: (f32, f32),
    pub light_angle: f32,
    pub light_strength: f32,
    pub exposure: f32,
    pub contrast: f32,
    pub warmth: f32,
    pub saturation: f32,
    pub blur: f32,
    pub noise: f32,
    pub background: [Rgb; 3],
    pub spots: [(f32, f32, f32); 3],
    /// Small left-right differences of the face at this moment.
    pub asymmetry: f32,
}

impl Shot {
    /// Draws a photograph.
    pub fn sample(rng: &mut ChaCha8Rng) -> Self {
        let grey = rng.random_bool(0.12);
        let soft_focus = rng.random_bool(0.25);
        let yaw_wide = rng.random_bool(0.3);
        Self {
            yaw: if yaw_wide { 0.62 } else { 0.28 } * bell(rng),
            pitch: 0.28 * bell(rng),
            roll: 0.20 * bell(rng),
            zoom: 1.05 + 0.12 * bell(rng),
            shift: (0.10 * bell(rng), 0.10 * bell(rng)),
            gaze: (0.030 * bell(rng), 0.014 * bell(rng)),
            light_angle: rng.random_range(-std::f32::consts::PI..0.4),
            light_strength: rng.random::<f32>().powf(1.3),
            exposure: 1.06 + 0.22 * bell(rng),
            contrast: 1.0 + 0.22 * bell(rng),
            warmth: 0.09 * bell(rng),
            saturation: if grey { 0.0 } else { (1.0 + 0.35 * bell(rng)).min(1.25) },
            blur: if soft_focus {
                0.45 + 0.5 * rng.random::<f32>()
            } else {
                0.3 * rng.random::<f32>()
            },
            noise: 0.004 + 0.022 * rng.random::<f32>().powi(2),
            background: [vivid(rng), vivid(rng), vivid(rng)],
            spots: std::array::from_fn(|_| spot(rng)),
            asymmetry: 0.10 * bell(rng),
        }
    }

    /// The same photograph with the face at another place and size.
    #[must_use]
    pub fn framed(mut self, frame: &Frame) -> Self {
        if frame.studio {
            self.yaw *= 0.25;
            self.pitch *= 0.4;
            self.roll *= 0.4;
            self.light_strength *= 0.4;
            self.blur *= 0.5;
            self.saturation = self.saturation.max(0.8);
        }
        let [yaw, pitch, roll] = frame.turn;
        self.yaw += yaw;
        self.pitch += pitch;
        self.roll += roll;
        self.zoom *= frame.scale;
        self.shift = (
            frame.centre.0 + self.shift.0 * frame.scale,
            frame.centre.1 + self.shift.1 * frame.scale,
        );
        self
    }

    /// Straight on, even light, no noise: what tests and action-unit charts want.
    #[cfg(test)]
    pub fn plain() -> Self {
        Self {
            yaw: 0.0,
            pitch: 0.0,
            roll: 0.0,
            zoom: 1.0,
            shift: (0.0, 0.0),
            gaze: (0.0, 0.0),
            light_angle: -2.0,
            light_strength: 0.2,
            exposure: 1.0,
            contrast: 1.0,
            warmth: 0.0,
            saturation: 1.0,
            blur: 0.0,
            noise: 0.0,
            background: [[0.55, 0.60, 0.66]; 3],
            spots: [(0.0, 0.0, 0.5); 3],
            asymmetry: 0.0,
        }
    }
}
