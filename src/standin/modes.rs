//! Emotions as sets of planted modes: patterns of action units after EMFACS.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::action_units::Expression;
use super::random::bell;

/// The eight expressions of `AffectNet` and what annotators call none of them; RAF-DB has all but contempt and none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Emotion {
    Neutral,
    Happiness,
    Sadness,
    Surprise,
    Fear,
    Disgust,
    Anger,
    Contempt,
    /// None of the others: tired, puzzled, in pain.
    Other,
}

impl Emotion {
    /// All of them.
    #[cfg(test)]
    pub const ALL: [Self; 9] = [
        Self::Neutral,
        Self::Happiness,
        Self::Sadness,
        Self::Surprise,
        Self::Fear,
        Self::Disgust,
        Self::Anger,
        Self::Contempt,
        Self::Other,
    ];

    /// The name in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Happiness => "happiness",
            Self::Sadness => "sadness",
            Self::Surprise => "surprise",
            Self::Fear => "fear",
            Self::Disgust => "disgust",
            Self::Anger => "anger",
            Self::Contempt => "contempt",
            Self::Other => "none",
        }
    }

    /// The expressions that annotators confuse with this one, and to which a label may be flipped. Symmetric.
    pub fn neighbours(self) -> &'static [Self] {
        match self {
            Self::Neutral => &[Self::Sadness, Self::Happiness, Self::Contempt, Self::Other],
            Self::Happiness | Self::Sadness | Self::Other => &[Self::Neutral],
            Self::Surprise => &[Self::Fear],
            Self::Fear => &[Self::Surprise],
            Self::Disgust => &[Self::Anger, Self::Contempt],
            Self::Anger => &[Self::Disgust],
            Self::Contempt => &[Self::Neutral, Self::Disgust],
        }
    }

    /// The neighbours that a card with these classes has.
    pub(crate) fn neighbours_among(self, classes: &[Self]) -> impl Iterator<Item = Self> {
        self.neighbours()
            .iter()
            .copied()
            .filter(|neighbour| classes.contains(neighbour))
    }

    /// The planted modes, most frequent first.
    pub fn modes(self) -> &'static [Mode] {
        match self {
            Self::Neutral => &NEUTRAL,
            Self::Happiness => &HAPPINESS,
            Self::Sadness => &SADNESS,
            Self::Surprise => &SURPRISE,
            Self::Fear => &FEAR,
            Self::Disgust => &DISGUST,
            Self::Anger => &ANGER,
            Self::Contempt => &CONTEMPT,
            Self::Other => &OTHER,
        }
    }
}

/// One way to show an emotion.
#[derive(Debug, Clone, Copy)]
pub struct Mode {
    /// Name within the emotion.
    pub name: &'static str,
    /// Probability within the emotion.
    pub share: f32,
    /// Mean intensities, 0–5.
    pub units: &'static [(u8, f32)],
    /// Whether the mouth's units show on one side only.
    pub one_sided: bool,
}

const fn mode(name: &'static str, share: f32, units: &'static [(u8, f32)]) -> Mode {
    Mode {
        name,
        share,
        units,
        one_sided: false,
    }
}

static NEUTRAL: [Mode; 6] = [
    mode("relaxed", 0.38, &[]),
    mode("lips_parted", 0.20, &[(25, 3.0)]),
    mode("heavy_lids", 0.13, &[(43, 2.2)]),
    mode("focused", 0.12, &[(4, 1.8), (7, 3.2)]),
    mode("attentive", 0.10, &[(1, 1.8), (2, 2.4)]),
    mode("lips_pressed", 0.07, &[(24, 4.0)]),
];
static HAPPINESS: [Mode; 8] = [
    mode("open_smile", 0.24, &[(6, 3.0), (12, 4.0), (25, 3.6)]),
    mode("polite_smile", 0.18, &[(12, 2.4)]),
    mode("posed_grin", 0.15, &[(12, 3.6), (25, 4.0), (20, 1.2)]),
    mode("duchenne_closed", 0.13, &[(6, 3.6), (12, 3.6)]),
    mode("laugh", 0.12, &[(6, 3.8), (12, 4.5), (25, 4.0), (26, 4.0)]),
    mode(
        "happily_surprised",
        0.08,
        &[(1, 3.0), (2, 3.6), (5, 3.2), (12, 3.6), (25, 3.2), (26, 2.6)],
    ),
    mode(
        "laugh_eyes_shut",
        0.06,
        &[(6, 4.6), (12, 4.6), (25, 3.6), (26, 3.0), (43, 5.0)],
    ),
    mode("bittersweet_smile", 0.04, &[(1, 3.2), (4, 1.8), (12, 3.0), (24, 1.6)]),
];
static SADNESS: [Mode; 4] = [
    mode("oblique_brows", 0.36, &[(1, 3.8), (4, 2.6), (15, 2.6)]),
    mode("pout", 0.27, &[(1, 1.4), (15, 4.0), (17, 4.0)]),
    mode("downcast", 0.22, &[(1, 3.0), (4, 1.8), (15, 3.2), (43, 4.6)]),
    mode(
        "crying",
        0.15,
        &[(1, 3.8), (4, 3.4), (6, 2.6), (15, 2.2), (20, 3.0), (25, 4.0), (43, 3.2)],
    ),
];
static SURPRISE: [Mode; 4] = [
    mode(
        "open_mouth",
        0.40,
        &[(1, 3.8), (2, 4.0), (5, 3.0), (25, 2.4), (26, 4.2)],
    ),
    mode("gasp", 0.24, &[(1, 4.6), (2, 4.6), (5, 4.4), (25, 3.0), (27, 4.4)]),
    mode("lips_parted", 0.20, &[(1, 3.0), (2, 3.2), (5, 2.2), (25, 2.8)]),
    mode("brows_only", 0.16, &[(1, 4.2), (2, 4.6), (5, 3.4)]),
];
static FEAR: [Mode; 3] = [
    mode(
        "stretched",
        0.46,
        &[(1, 4.0), (2, 2.6), (4, 3.2), (5, 4.4), (20, 4.2), (25, 3.6)],
    ),
    mode(
        "tense",
        0.30,
        &[(1, 3.4), (2, 1.6), (4, 3.0), (5, 3.6), (7, 2.0), (20, 2.6)],
    ),
    mode(
        "scream",
        0.24,
        &[(1, 4.2), (2, 3.2), (4, 3.6), (5, 4.8), (20, 3.4), (25, 4.0), (27, 3.6)],
    ),
];
static DISGUST: [Mode; 3] = [
    mode(
        "nose_wrinkle",
        0.44,
        &[(4, 2.2), (7, 2.4), (9, 4.2), (10, 2.2), (17, 2.6)],
    ),
    mode("lip_raise", 0.32, &[(7, 1.8), (9, 2.6), (10, 4.4), (25, 3.4)]),
    mode(
        "recoil",
        0.24,
        &[
            (4, 2.6),
            (6, 2.2),
            (7, 2.8),
            (9, 4.4),
            (10, 3.4),
            (15, 2.6),
            (16, 2.0),
            (25, 3.0),
            (26, 2.6),
        ],
    ),
];
static ANGER: [Mode; 4] = [
    mode("glare", 0.38, &[(4, 4.6), (5, 3.0), (7, 2.2), (23, 4.0), (24, 2.6)]),
    mode(
        "bared_teeth",
        0.25,
        &[(4, 4.6), (5, 1.8), (7, 3.0), (10, 2.8), (16, 3.4), (20, 1.8), (25, 4.0)],
    ),
    mode(
        "shout",
        0.20,
        &[(4, 4.6), (5, 2.8), (7, 2.4), (10, 2.4), (16, 2.4), (25, 4.0), (27, 3.6)],
    ),
    mode("frown", 0.17, &[(4, 4.2), (7, 2.8), (15, 1.4), (17, 2.8), (24, 3.6)]),
];
static CONTEMPT: [Mode; 2] = [
    Mode {
        name: "dimple",
        share: 0.60,
        units: &[(7, 1.4), (12, 1.8), (14, 4.4)],
        one_sided: true,
    },
    Mode {
        name: "sneer",
        share: 0.40,
        units: &[(2, 1.0), (7, 1.8), (10, 4.0), (12, 2.6), (14, 2.0)],
        one_sided: true,
    },
];
static OTHER: [Mode; 4] = [
    mode("drowsy", 0.34, &[(15, 0.8), (43, 3.0)]),
    mode("puzzled", 0.30, &[(1, 0.8), (2, 2.8), (4, 2.4), (7, 2.2), (24, 1.6)]),
    mode("yawn", 0.18, &[(4, 1.0), (25, 2.6), (27, 4.4), (43, 4.6)]),
    mode(
        "in_pain",
        0.18,
        &[(4, 3.4), (6, 3.2), (7, 3.4), (10, 2.2), (25, 3.0), (43, 3.6)],
    ),
];

impl Mode {
    /// One occurrence: every unit of the mode stronger or weaker, and traces of others.
    pub(crate) fn sample(&self, rng: &mut ChaCha8Rng) -> Expression {
        let mut expression = Expression::default();
        // Low-level activity that belongs to no emotion.
        for unit in [1, 2, 4, 6, 7, 12, 15, 17, 24, 25] {
            let trace = 1.1 * rng.random::<f32>().powi(3);
            expression.set(unit, trace);
        }
        // People differ in how much they show; within one face the units go together.
        let vigour = 1.0 + 0.27 * bell(rng);
        for &(unit, mean) in self.units {
            let value = mean * (vigour + 0.16 * bell(rng)) + 0.35 * bell(rng);
            expression.set(unit, value.max(0.3));
        }
        if self.one_sided {
            let side = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
            expression.set_lean(side * (0.85 + 0.15 * rng.random::<f32>()));
        }
        expression
    }
}

/// The mode at this place, from 0 to 1, in the order of their shares.
pub(crate) fn draw_mode(modes: &'static [Mode], uniform: f32) -> &'static Mode {
    let mut left = uniform * modes.iter().map(|mode| mode.share).sum::<f32>();
    for mode in modes {
        if left < mode.share {
            return mode;
        }
        left -= mode.share;
    }
    &modes[0]
}
