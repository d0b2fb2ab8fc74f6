//! How far two devices may be apart, and whether they are.

use serde::Serialize;

use crate::error::{Error, Result};

/// Largest allowed difference of forward values, relative to the largest value.
pub(crate) const FORWARD: f64 = 5e-3;

/// Largest allowed relative difference of a loss.
pub(crate) const LOSS: f64 = 5e-3;

/// Largest allowed difference of a gradient, relative in norm.
pub(crate) const GRADIENT: f64 = 5e-2;

/// Largest allowed difference of one optimizer step along the same gradient, relative to the step.
pub(crate) const OPTIMIZER: f64 = 2e-3;

/// Largest allowed difference after a reset from the same projections, relative to the largest value.
pub(crate) const RESET: f64 = 1e-4;

/// Largest allowed relative difference of a loss averaged over the training steps.
pub(crate) const STEP_LOSS: f64 = 2e-2;

/// Largest allowed difference of a parameter after the training steps, relative in norm.
pub(crate) const STEP_PARAMETER: f64 = 1e-1;

/// Gradients below this share of the largest one's norm are compared with that share instead of with themselves.
pub(crate) const GRADIENT_FLOOR: f64 = 1e-4;

/// What a part of the suite compares, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Projections, cosines, values, both read-outs.
    Forward,
    /// Every loss of a step.
    Losses,
    /// The gradient of every parameter.
    Gradients,
    /// One AdamW step of every parameter along the same gradient.
    Optimizer,
    /// Replacement of under-used archetypes.
    Reset,
    /// Losses and parameters of consecutive training steps.
    Steps,
}

impl Part {
    pub(crate) const ALL: [Self; 6] = [
        Self::Forward,
        Self::Losses,
        Self::Gradients,
        Self::Optimizer,
        Self::Reset,
        Self::Steps,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Losses => "losses",
            Self::Gradients => "gradients",
            Self::Optimizer => "optimizer step",
            Self::Reset => "reset",
            Self::Steps => "training steps",
        }
    }
}

/// One compared tensor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Name of the model variant.
    pub case: &'static str,
    /// The part.
    pub part: Part,
    /// What was compared.
    pub name: String,
    /// The relative difference; infinite where one side is not a finite number.
    #[serde(serialize_with = "finite_or_text")]
    pub difference: f64,
    /// What is allowed.
    pub tolerance: f64,
    /// Whether the difference is within it.
    pub passed: bool,
}

/// The result of the suite.
#[derive(Debug, Clone, Serialize)]
pub struct Parity {
    /// The device that is taken as right.
    pub reference: String,
    /// The device that was compared with it.
    pub device: String,
    /// Whether all differences are within their tolerances.
    pub passed: bool,
    /// Wall time in seconds.
    pub seconds: f64,
    /// Every comparison.
    pub comparisons: Vec<Comparison>,
}

/// JSON has no infinity.
pub(crate) fn finite_or_text<S: serde::Serializer>(value: &f64, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    if value.is_finite() {
        serializer.serialize_f64(*value)
    } else {
        serializer.serialize_str("not a number")
    }
}

impl Parity {
    /// A table of the largest difference of each part, and every comparison that failed.
    pub fn to_text(&self) -> String {
        let mut text = format!("reference  {}\ndevice     {}\n\n", self.reference, self.device);
        text += &format!(
            "{:<28} {:<15} {:>8}  {:>10}  {:>9}  {}\n",
            "model", "part", "compared", "largest", "allowed", "at"
        );
        let mut cases: Vec<&str> = self.comparisons.iter().map(|c| c.case).collect();
        cases.dedup();
        for case in cases {
            for part in Part::ALL {
                let of: Vec<&Comparison> = self
                    .comparisons
                    .iter()
                    .filter(|c| c.case == case && c.part == part)
                    .collect();
                // Tolerances differ within a part: the comparison nearest to its own is the one to show.
                let share = |c: &Comparison| c.difference / c.tolerance;
                if let Some(worst) = of.iter().max_by(|a, b| share(a).total_cmp(&share(b))) {
                    text += &format!(
                        "{case:<28} {:<15} {:>8}  {:>10.1e}  {:>9.0e}  {}{}\n",
                        part.name(),
                        of.len(),
                        worst.difference,
                        worst.tolerance,
                        worst.name,
                        if worst.passed { "" } else { "  FAILED" }
                    );
                }
            }
        }
        let failed: Vec<&Comparison> = self.comparisons.iter().filter(|c| !c.passed).collect();
        text += &format!(
            "\n{} of {} comparisons within their tolerances, {:.0} s\n",
            self.comparisons.len() - failed.len(),
            self.comparisons.len(),
            self.seconds
        );
        for c in failed {
            text += &format!(
                "FAILED {} {} {}: {:.2e}, allowed {:.0e}\n",
                c.case,
                c.part.name(),
                c.name,
                c.difference,
                c.tolerance
            );
        }
        text
    }

    /// The verdict as a result.
    ///
    /// # Errors
    /// [`Error::Check`] (exit 1) if a comparison failed.
    pub fn verdict(&self) -> Result<()> {
        let failed = self.comparisons.iter().filter(|c| !c.passed).count();
        if failed == 0 {
            return Ok(());
        }
        Err(Error::Check(format!(
            "{failed} of {} comparisons of {} with {} are outside their tolerances",
            self.comparisons.len(),
            self.device,
            self.reference
        )))
    }
}

/// Collects the comparisons of a case.
pub(crate) struct Table {
    pub(crate) case: &'static str,
    pub(crate) rows: Vec<Comparison>,
}

impl Table {
    pub(crate) fn add(&mut self, part: Part, name: impl Into<String>, difference: f64, tolerance: f64) {
        self.rows.push(Comparison {
            case: self.case,
            part,
            name: name.into(),
            difference,
            tolerance,
            // False for what is not a number.
            passed: difference <= tolerance,
        });
    }
}

/// Largest |a − b|, relative to the largest |a|; infinite if anything is not a finite number.
pub(crate) fn by_largest(a: &[f32], b: &[f32]) -> f64 {
    let mut scale = 0.0_f64;
    let mut difference = 0.0_f64;
    for (&a, &b) in a.iter().zip(b) {
        if !a.is_finite() || !b.is_finite() {
            return f64::INFINITY;
        }
        scale = scale.max(f64::from(a).abs());
        difference = difference.max((f64::from(a) - f64::from(b)).abs());
    }
    ratio(difference, scale, a.len() == b.len())
}

/// ‖a − b‖ / max(‖a‖, `least`); infinite if anything is not a finite number.
pub(crate) fn by_norm(a: &[f32], b: &[f32], least: f64) -> f64 {
    let squared: f64 = a
        .iter()
        .zip(b)
        .map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2))
        .sum();
    let difference = squared.sqrt();
    if difference.is_finite() {
        ratio(difference, norm(a).max(least), a.len() == b.len())
    } else {
        f64::INFINITY
    }
}

pub(crate) fn norm(a: &[f32]) -> f64 {
    a.iter().map(|&a| f64::from(a).powi(2)).sum::<f64>().sqrt()
}

pub(crate) fn ratio(difference: f64, scale: f64, same_length: bool) -> f64 {
    if !same_length {
        f64::INFINITY
    } else if difference <= 0.0 {
        0.0
    } else {
        difference / scale
    }
}
