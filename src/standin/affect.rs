//! Valence and arousal that are distributed as in `AffectNet`, read off the drawn action units.
//!
//! A face's raw valence and arousal are smooth functions of its action units ([`Expression::valence`],
//! [`Expression::arousal`]). One increasing function for each axis takes them to the scale of the annotators: it maps the
//! quantiles of a reference population to the quantiles of Table 1 of the paper. So pixels determine the true values, and
//! many faces together have the table's histogram.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::action_units::Expression;
use super::axis::Axis;
use super::modes::{Emotion, Mode, draw_mode};
use super::plan::stream;
use super::random::bell;
use super::shades::Shown;

/// Edges of the bins of Table 1.
pub(crate) const EDGES: [f32; 8] = [-1.0, -0.7, -0.4, -0.1, 0.1, 0.4, 0.7, 1.0];

/// Samples in each bin of valence, Table 1.
pub(crate) const VALENCE: [f64; 7] = [17_989.0, 31_838.0, 36_753.0, 50_891.0, 29_866.0, 66_280.0, 60_793.0];

/// Samples in each bin of arousal, Table 1.
pub(crate) const AROUSAL: [f64; 7] = [3_716.0, 12_372.0, 52_069.0, 99_781.0, 74_212.0, 30_415.0, 21_845.0];

/// Faces in the reference population, and knots of the functions fitted to it.
const REFERENCE: usize = 16_384;
const KNOTS: usize = 129;

/// How far annotators move a face in the order of all faces: the standard deviation is a third of it.
const DISAGREEMENT: f32 = 0.06;

/// One occurrence of a mode at any strength, with more or less tension and pleasure than the mode itself has.
///
/// Emotions shade into each other: a trace of happiness is nearly neutral, and a neutral face may lean to either side.
pub(crate) fn occurrence(mode: &Mode, rng: &mut ChaCha8Rng) -> Shown {
    let mut face = mode.sample(rng);
    let strength = 0.25 + 0.85 * rng.random::<f32>();
    for &(unit, _) in mode.units {
        face.set(unit, face.get(unit) * strength);
    }
    let has = |unit: u8| mode.units.iter().any(|&(own, _)| own == unit);
    let tension = bell(rng);
    if tension > 0.0 {
        let lids = if has(43) { 0.0 } else { 2.6 };
        face.set(5, face.get(5) + lids * tension);
        face.set(2, face.get(2) + 1.4 * tension);
        if !has(23) && !has(24) && !has(17) {
            face.set(25, face.get(25) + 1.8 * tension);
            face.set(26, face.get(26) + 2.2 * tension);
        }
    } else {
        let lids = if has(5) { 0.8 } else { 1.9 };
        face.set(43, face.get(43) - lids * tension);
        for unit in [2, 5, 26, 27] {
            face.set(unit, face.get(unit) * (1.0 + 0.7 * tension));
        }
    }
    let pleasure = bell(rng);
    let lean = match mode_lean(mode) {
        Lean::Free => 1.0,
        Lean::Bound => 0.35,
    };
    if pleasure > 0.0 {
        face.set(12, face.get(12) + 2.6 * lean * pleasure);
        face.set(6, face.get(6) + 0.9 * lean * pleasure);
        for unit in [4, 15] {
            face.set(unit, face.get(unit) * (1.0 - 0.5 * pleasure));
        }
    } else {
        face.set(4, face.get(4) - 1.7 * lean * pleasure);
        face.set(15, face.get(15) - 1.7 * lean * pleasure);
        face.set(12, face.get(12) * (1.0 + 0.4 * pleasure));
    }
    Shown {
        expression: face,
        strength,
        blend: None,
    }
}

/// Whether a mode says where it lies in valence.
enum Lean {
    Free,
    Bound,
}

fn mode_lean(mode: &Mode) -> Lean {
    const TELLING: [u8; 7] = [9, 10, 12, 14, 15, 20, 23];
    if mode.units.iter().any(|(unit, _)| TELLING.contains(unit)) {
        Lean::Bound
    } else {
        Lean::Free
    }
}

/// The two functions from raw values to the annotators' scale.
pub(crate) struct Scale {
    valence: Axis,
    arousal: Axis,
}

impl Scale {
    /// Fits both functions to a population with this many images of each emotion; the same on every call.
    pub fn new(shares: &[(Emotion, usize)]) -> Self {
        let total: usize = shares.iter().map(|(_, n)| n).sum();
        let mut raw = (Vec::with_capacity(REFERENCE), Vec::with_capacity(REFERENCE));
        let mut emotions = shares.iter();
        let mut current = emotions.next();
        let mut below = 0;
        for i in 0..REFERENCE {
            // The i-th face of the population, ordered by emotion.
            while let Some((_, n)) = current
                && (below + n) * REFERENCE <= i * total
            {
                below += n;
                current = emotions.next();
            }
            let Some((emotion, _)) = current else { break };
            let mut rng = stream(0, "reference population", i as u64);
            let mode = draw_mode(emotion.modes(), rng.random());
            let face = occurrence(mode, &mut rng).expression;
            raw.0.push(face.valence());
            raw.1.push(face.arousal());
        }
        Self {
            valence: Axis::new(raw.0, Some(KNOTS), &EDGES, &VALENCE),
            arousal: Axis::new(raw.1, Some(KNOTS), &EDGES, &AROUSAL),
        }
    }

    /// True valence and arousal of a face.
    pub fn truth(&self, face: &Expression) -> (f32, f32) {
        (self.valence.at(face.valence()), self.arousal.at(face.arousal()))
    }

    /// What an annotator writes. Ranks are moved and reflected at both ends, which leaves an even distribution even: labels
    /// have the same histogram as the truth.
    pub fn label(&self, face: &Expression, rng: &mut ChaCha8Rng) -> (f32, f32) {
        let mut of = |axis: &Axis, raw| {
            let moved = axis.rank(raw) + DISAGREEMENT * bell(rng);
            let inside = moved.abs();
            axis.value(if inside > 1.0 { 2.0 - inside } else { inside })
        };
        let valence = of(&self.valence, face.valence());
        let arousal = of(&self.arousal, face.arousal());
        (valence, arousal)
    }
}
