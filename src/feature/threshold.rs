//! From which intensity an action unit counts as active.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which intensities count as an active action unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ThresholdRule {
    /// Active if intensity > value.
    Gt,
    /// Active if intensity ≥ value.
    #[default]
    Ge,
}

/// The binarisation of action-unit intensities. Papers differ (> 2, ≥ 2, ≥ 1), so it goes with every number. Written as
/// text: "> 2", ">= 2", ">= 1".
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct AuThreshold {
    /// Whether the value itself counts as active.
    pub rule: ThresholdRule,
    /// The intensity, 0 to 5; databases with 0/1 labels use ≥ 1.
    pub value: f32,
}

impl TryFrom<String> for AuThreshold {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        let (rule, number) = match text.strip_prefix(">=") {
            Some(number) => (ThresholdRule::Ge, number),
            None => (ThresholdRule::Gt, text.strip_prefix('>').unwrap_or_default()),
        };
        let value = number.trim().parse().ok().filter(|value| (0.0..=5.0).contains(value));
        let threshold = value.map(|value| Self { rule, value });
        threshold
            .filter(|threshold| threshold.active(5.0) && !threshold.active(0.0))
            .ok_or_else(|| {
                format!(
                    "\"{text}\" is no threshold of an intensity from 0 to 5, expected \"> 2\", \">= 2\" or \">= 1\""
                )
            })
    }
}

impl From<AuThreshold> for String {
    fn from(threshold: AuThreshold) -> Self {
        threshold.to_string()
    }
}

impl std::fmt::Display for AuThreshold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = match self.rule {
            ThresholdRule::Gt => ">",
            ThresholdRule::Ge => ">=",
        };
        write!(f, "{sign} {}", self.value)
    }
}

impl Default for AuThreshold {
    fn default() -> Self {
        Self {
            rule: ThresholdRule::Ge,
            value: 1.0,
        }
    }
}

impl AuThreshold {
    /// Intensities greater than 2 (appendix A.1).
    pub const PAPER: Self = Self {
        rule: ThresholdRule::Gt,
        value: 2.0,
    };

    /// The number that stands for a label of 0 or 1 in a column of intensities: 0, or the least whole intensity that is active.
    pub fn intensity(&self, active: bool) -> f32 {
        let whole = [1.0, 2.0, 3.0, 4.0, 5.0];
        let least = whole.into_iter().find(|&intensity| self.active(intensity));
        if active { least.unwrap_or(5.0) } else { 0.0 }
    }

    /// Whether `intensity` counts as active.
    pub fn active(&self, intensity: f32) -> bool {
        match self.rule {
            ThresholdRule::Gt => intensity > self.value,
            ThresholdRule::Ge => intensity >= self.value,
        }
    }
}
