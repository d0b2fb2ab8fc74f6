//! How plainly a photograph shows its emotion: at which strength, and whether it leans to another one.
//!
//! Without these an encoder could be wrong about a face for one reason only, that its label was changed. People smile
//! faintly, and look neither quite afraid nor quite surprised.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::action_units::Expression;
use super::modes::{Emotion, Mode, draw_mode};

/// Strengths of faces: three of four lie above 0.9, one in eleven below 0.7. With fainter ones (from 0.4 on, and one in eight
/// ambiguous) a logistic regression on HOG found 74 of 100 labels, of which 95 can be found.
pub(crate) const STRENGTH: (f32, f32) = (0.55, 1.15);

/// Share of the faces that lean to a neighbouring expression.
pub(crate) const AMBIGUOUS: f32 = 0.08;

/// How much of an ambiguous face is the neighbour's; never half, so that the label is right.
pub(crate) const LEANING: (f32, f32) = (0.2, 0.4);

/// What an ambiguous face leans to, and how far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Blend {
    pub towards: Emotion,
    /// The neighbour's share of every action unit, below one half.
    pub share: f32,
}

/// One occurrence of a mode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shown {
    pub expression: Expression,
    /// Factor on the mode's action units; 1 is the mode as it is planted.
    pub strength: f32,
    pub blend: Option<Blend>,
}

/// One occurrence of a mode of `emotion` as it is met on the web: plain, mild, or leaning to a neighbour among `classes`.
pub(crate) fn occurrence(emotion: Emotion, mode: &Mode, classes: &[Emotion], rng: &mut ChaCha8Rng) -> Shown {
    let (expression, strength) = at_some_strength(mode, rng);
    let neighbours: Vec<Emotion> = emotion.neighbours_among(classes).collect();
    // Drawn whether or not it is used: what follows in the stream must not hang on it.
    let (ambiguous, share, which) = (
        rng.random::<f32>(),
        rng.random_range(LEANING.0..LEANING.1),
        rng.random::<f32>(),
    );
    if ambiguous >= AMBIGUOUS || neighbours.is_empty() {
        return Shown {
            expression,
            strength,
            blend: None,
        };
    }
    let towards = neighbours[((which * neighbours.len() as f32) as usize).min(neighbours.len() - 1)];
    let (other, _) = at_some_strength(draw_mode(towards.modes(), rng.random()), rng);
    Shown {
        expression: expression.mixed(&other, share),
        strength,
        blend: Some(Blend { towards, share }),
    }
}

/// A mode and how strongly it shows.
fn at_some_strength(mode: &Mode, rng: &mut ChaCha8Rng) -> (Expression, f32) {
    let mut expression = mode.sample(rng);
    let strength = STRENGTH.1 - (STRENGTH.1 - STRENGTH.0) * rng.random::<f32>().powi(3);
    for &(unit, _) in mode.units {
        expression.set(unit, expression.get(unit) * strength);
    }
    (expression, strength)
}
