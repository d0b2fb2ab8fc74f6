//! Settings of the kernel machines: widths of the kernel, and for each of them strengths of the penalty.

/// Widths tried, in units of 1 / D.
const GAMMAS: [f64; 2] = [0.3, 1.0];

/// Values of held-out samples as a width describes them that are kept from one strength to the next.
pub const KEPT: usize = 1 << 25;

/// Widths by strengths; what is 0 is chosen.
#[derive(Debug, Clone, Copy)]
pub struct Grid<'a> {
    pub gamma: f64,
    pub strength: f64,
    /// Strengths tried where none is given.
    pub strengths: &'a [f64],
    pub exact: usize,
    pub landmarks: usize,
}

impl Grid<'_> {
    fn strengths(&self) -> &[f64] {
        if self.strength > 0.0 {
            std::slice::from_ref(&self.strength)
        } else {
            self.strengths
        }
    }

    fn gammas(&self) -> &[f64] {
        if self.gamma > 0.0 {
            std::slice::from_ref(&self.gamma)
        } else {
            &GAMMAS
        }
    }

    /// Width and strength of setting number `at`; all strengths of one width follow one another.
    pub fn setting(&self, at: usize) -> Option<(f64, f64)> {
        let strengths = self.strengths();
        let gamma = self.gammas().get(at / strengths.len())?;
        Some((*gamma, strengths[at % strengths.len()]))
    }

    /// How many settings there are.
    pub fn settings(&self) -> usize {
        self.gammas().len() * self.strengths().len()
    }

    /// Checks every value of `[baselines.<section>]`.
    pub fn validate(&self, section: &str, strength: &str) -> Result<(), (String, String)> {
        for (key, value) in [("gamma", self.gamma), (strength, self.strength)] {
            if !(value.is_finite() && value >= 0.0) {
                let expected = "expected a number above 0, or 0 to choose it";
                return Err((format!("{section}.{key}"), expected.to_owned()));
            }
        }
        for (key, value) in [("exact", self.exact), ("landmarks", self.landmarks)] {
            if !(1..=50_000).contains(&value) {
                return Err((format!("{section}.{key}"), "expected 1 to 50000 samples".to_owned()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_comes_once_and_given_values_stay() {
        let grid = Grid {
            gamma: 0.0,
            strength: 0.0,
            strengths: &[1.0, 2.0],
            exact: 10,
            landmarks: 5,
        };
        let all: Vec<_> = (0..grid.settings()).filter_map(|at| grid.setting(at)).collect();
        assert_eq!(all, [(0.3, 1.0), (0.3, 2.0), (1.0, 1.0), (1.0, 2.0)]);
        let fixed = Grid {
            gamma: 0.5,
            strength: 4.0,
            ..grid
        };
        assert_eq!((fixed.settings(), fixed.setting(0)), (1, Some((0.5, 4.0))));
        assert_eq!(grid.validate("svm", "c"), Ok(()));
        let wrong = Grid { landmarks: 0, ..grid };
        assert_eq!(wrong.validate("svm", "c").unwrap_err().0, "svm.landmarks");
    }
}
