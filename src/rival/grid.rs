//! Settings of the kernel machines: kernels, and for each of them strengths of the penalty.

use crate::solver::kernel::Shape;

use super::fit::enough;

/// Kernels by strengths; what is 0 is chosen.
#[derive(Debug, Clone, Copy)]
pub struct Grid<'a> {
    pub gamma: f64,
    /// Weight of a linear part beside a given width.
    pub linear: f64,
    /// Kernels tried where no width is given.
    pub shapes: &'a [Shape],
    pub strength: f64,
    /// Strengths tried where none is given.
    pub strengths: &'a [f64],
    pub exact: usize,
    pub landmarks: usize,
    /// Nyström features of all samples that may be held together; fewer landmarks where there are more samples.
    pub held: usize,
    /// Samples that a setting is chosen on.
    pub choose_on: usize,
}

impl Grid<'_> {
    /// Landmarks for `n` samples; 0 where the kernel is exact.
    pub fn landmarks(&self, n: usize) -> usize {
        if n <= self.exact {
            return 0;
        }
        self.landmarks.min((self.held / n).max(1))
    }

    /// The strengths tried with each kernel.
    pub fn strengths(&self) -> &[f64] {
        if self.strength > 0.0 {
            std::slice::from_ref(&self.strength)
        } else {
            self.strengths
        }
    }

    fn shape(&self, at: usize) -> Option<Shape> {
        if self.gamma > 0.0 {
            (at == 0).then_some(Shape {
                gamma: self.gamma,
                linear: self.linear,
            })
        } else {
            self.shapes.get(at).copied()
        }
    }

    /// Kernel and strength of setting number `at`; all strengths of one kernel follow one another.
    pub fn setting(&self, at: usize) -> Option<(Shape, f64)> {
        let strengths = self.strengths();
        let shape = self.shape(at / strengths.len())?;
        Some((shape, strengths[at % strengths.len()]))
    }

    /// How many settings there are.
    pub fn settings(&self) -> usize {
        let shapes = if self.gamma > 0.0 { 1 } else { self.shapes.len() };
        shapes * self.strengths().len()
    }

    /// Checks every value of `[baselines.<section>]`.
    pub fn validate(&self, section: &str, strength: &str) -> Result<(), (String, String)> {
        for (key, value) in [("gamma", self.gamma), (strength, self.strength)] {
            if !(value.is_finite() && value >= 0.0) {
                let expected = "expected a number above 0, or 0 to choose it";
                return Err((format!("{section}.{key}"), expected.to_owned()));
            }
        }
        if !(self.linear.is_finite() && self.linear >= 0.0) {
            return Err((format!("{section}.linear"), "expected a number, 0 or above".to_owned()));
        }
        for (key, value) in [("exact", self.exact), ("landmarks", self.landmarks)] {
            if !(1..=50_000).contains(&value) {
                return Err((format!("{section}.{key}"), "expected 1 to 50000 samples".to_owned()));
            }
        }
        enough(section, self.choose_on)?;
        if self.choose_on <= self.exact {
            // Else many samples would be chosen for with exact kernels, and fitted with features.
            let expected = format!(
                "expected more than `exact` ({}): raise it, or lower `exact`",
                self.exact
            );
            return Err((format!("{section}.choose_on"), expected));
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
            linear: 0.0,
            shapes: &[Shape::rbf(0.3), Shape::MIXED],
            strength: 0.0,
            strengths: &[1.0, 2.0],
            exact: 10,
            landmarks: 5,
            held: 60,
            choose_on: 100,
        };
        let all: Vec<_> = (0..grid.settings()).filter_map(|at| grid.setting(at)).collect();
        let narrow = Shape::rbf(0.3);
        let expected = [(narrow, 1.0), (narrow, 2.0), (Shape::MIXED, 1.0), (Shape::MIXED, 2.0)];
        assert_eq!(all, expected);
        assert_eq!(grid.setting(4), None);
        let fixed = Grid {
            gamma: 0.5,
            strength: 4.0,
            ..grid
        };
        let only = Some((Shape::rbf(0.5), 4.0));
        assert_eq!((fixed.settings(), fixed.setting(0), fixed.setting(1)), (1, only, None));
        assert_eq!(grid.validate("svm", "c"), Ok(()));
        let other = Grid { exact: 100, ..grid };
        assert_eq!(other.validate("svm", "c").unwrap_err().0, "svm.choose_on");
        let wrong = Grid { landmarks: 0, ..grid };
        assert_eq!(wrong.validate("svm", "c").unwrap_err().0, "svm.landmarks");
    }

    #[test]
    fn landmarks_stay_within_what_may_be_held() {
        let grid = Grid {
            gamma: 0.0,
            linear: 0.0,
            shapes: &[],
            strength: 0.0,
            strengths: &[],
            exact: 10,
            landmarks: 5,
            held: 60,
            choose_on: 100,
        };
        assert_eq!([10, 11, 12, 20, 100].map(|n| grid.landmarks(n)), [0, 5, 5, 3, 1]);
    }
}
