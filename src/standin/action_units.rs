//! Facial action units (Ekman & Friesen's FACS) as numbers, and valence and arousal as functions of them.

/// The action units that the renderer knows, ascending.
pub const ACTION_UNITS: [u8; 20] = [1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 16, 17, 20, 23, 24, 25, 26, 27, 43];

/// How many of them there are.
pub const COUNT: usize = ACTION_UNITS.len();

/// The largest intensity: FACS level E.
pub const MAX_INTENSITY: f32 = 5.0;

/// Intensities of all [`ACTION_UNITS`], and how one-sided the mouth's units are.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Expression {
    intensity: [f32; COUNT],
    lean: f32,
}

impl Expression {
    /// An expression with these (unit, intensity) pairs; units unknown to the renderer are ignored.
    #[cfg(test)]
    pub fn new(pairs: &[(u8, f32)]) -> Self {
        let mut expression = Self::default();
        for &(unit, intensity) in pairs {
            expression.set(unit, intensity);
        }
        expression
    }

    /// Sets one unit, clamped to 0–5.
    pub fn set(&mut self, unit: u8, intensity: f32) {
        if let Ok(i) = ACTION_UNITS.binary_search(&unit) {
            self.intensity[i] = intensity.clamp(0.0, MAX_INTENSITY);
        }
    }

    /// Makes AU 10, 12 and 14 one-sided: 1 shows them only on the right of the image, -1 only on the left.
    pub fn set_lean(&mut self, lean: f32) {
        self.lean = lean.clamp(-1.0, 1.0);
    }

    /// Intensity 0–5 of one unit; 0 for units unknown to the renderer.
    pub fn get(&self, unit: u8) -> f32 {
        ACTION_UNITS.binary_search(&unit).map_or(0.0, |i| self.intensity[i])
    }

    /// Between this face and another, of which it has `share`.
    pub(crate) fn mixed(&self, other: &Self, share: f32) -> Self {
        let between = |own: f32, other: f32| own + share * (other - own);
        Self {
            intensity: std::array::from_fn(|i| between(self.intensity[i], other.intensity[i])),
            lean: between(self.lean, other.lean),
        }
    }

    /// Contraction 0–1 of one unit.
    pub(crate) fn of(&self, unit: u8) -> f32 {
        self.get(unit) / MAX_INTENSITY
    }

    /// As [`Self::of`], but half of a one-sided smile's AU 12: a smile on one side is no joy.
    fn both(&self, unit: u8) -> f32 {
        if unit == 12 {
            f32::midpoint(self.on(12, -1.0), self.on(12, 1.0))
        } else {
            self.of(unit)
        }
    }

    /// Contraction 0–1 of one unit on one side (-1 left, 1 right of the image).
    pub(crate) fn on(&self, unit: u8, side: f32) -> f32 {
        let gain = match unit {
            10 | 12 | 14 => 1.0 - (-self.lean * side).max(0.0),
            _ => 1.0,
        };
        self.of(unit) * gain
    }

    /// Valence in [-1, 1], from contractions a = intensity / 5:
    ///
    /// tanh(1.6 a12 + 0.5 a6 a12 - 0.6 (1 - a12) a6 - 0.25 a1 a4 - 1.1 a4 - 0.15 a5 a4 - 0.9 a9 - 0.6 a10 - 0.7 a14
    ///      - 1.2 a15 - 0.2 a16 - 0.5 a17 - 0.8 a20 - 0.4 a23 - 0.2 a24)
    ///
    /// The signs follow the emotions that each unit belongs to in EMFACS; the weights are ours. AU 6 is pleasant only
    /// together with AU 12 (the Duchenne smile), else it belongs to pain and crying. a12 is the mean of both sides.
    pub fn valence(&self) -> f32 {
        let a = |unit| self.both(unit);
        (1.6 * a(12) + 0.5 * a(6) * a(12)
            - 0.6 * (1.0 - a(12)) * a(6)
            - 0.25 * a(1) * a(4)
            - 1.1 * a(4)
            - 0.15 * a(5) * a(4)
            - 0.9 * a(9)
            - 0.6 * a(10)
            - 0.7 * a(14)
            - 1.2 * a(15)
            - 0.2 * a(16)
            - 0.5 * a(17)
            - 0.8 * a(20)
            - 0.4 * a(23)
            - 0.2 * a(24))
        .tanh()
    }

    /// Arousal in [-1, 1], from contractions a = intensity / 5:
    ///
    /// tanh(-0.15 + 0.2 a1 + 0.4 a2 + 0.35 a4 + 0.8 a5 + 0.25 a6 + 0.2 a7 + 0.4 a9 + 0.3 a10 + 0.35 a12 - 0.4 a15
    ///      + 0.2 a16 - 0.1 a17 + 0.4 a20 + 0.35 a23 + 0.1 a24 + 0.2 a25 + 0.45 a26 + 0.8 a27 - 0.8 a43)
    ///
    /// Wide eyes and an open mouth are aroused, lowered lids and lip corners are not; the weights are ours.
    pub fn arousal(&self) -> f32 {
        let a = |unit| self.both(unit);
        (-0.15
            + 0.2 * a(1)
            + 0.4 * a(2)
            + 0.35 * a(4)
            + 0.8 * a(5)
            + 0.25 * a(6)
            + 0.2 * a(7)
            + 0.4 * a(9)
            + 0.3 * a(10)
            + 0.35 * a(12)
            - 0.4 * a(15)
            + 0.2 * a(16)
            - 0.1 * a(17)
            + 0.4 * a(20)
            + 0.35 * a(23)
            + 0.1 * a(24)
            + 0.2 * a(25)
            + 0.45 * a(26)
            + 0.8 * a(27)
            - 0.8 * a(43))
        .tanh()
    }
}
