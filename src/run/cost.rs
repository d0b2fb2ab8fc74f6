//! What a run cost, in a form that can be compared between machines.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Cost of the call that trained, and the speed of the machine at that time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Cost {
    /// Training samples that went through the model, each as often as there were epochs, over the seeds of the call.
    pub train_samples: u64,
    /// Seconds that took.
    pub train_seconds: f64,
    /// Speed of the machine just before: products of two 256 × 256 matrices a second, on the device that trained.
    pub calibration_per_second: f64,
    /// Largest resident memory of the process in bytes, where the system says.
    pub peak_memory_bytes: Option<u64>,
}

impl Cost {
    /// Training samples a calibration product: the machine's own speed is divided out. `None` if nothing was measured.
    pub fn train_speed(&self) -> Option<f64> {
        let speed = self.train_samples as f64 / self.train_seconds / self.calibration_per_second;
        (speed.is_finite() && speed > 0.0).then_some(speed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_is_a_ratio_to_the_calibration() {
        let slow = Cost {
            train_samples: 1_000,
            train_seconds: 2.0,
            calibration_per_second: 100.0,
            peak_memory_bytes: None,
        };
        let fast = Cost {
            train_seconds: 1.0,
            calibration_per_second: 200.0,
            ..slow
        };
        assert_eq!(slow.train_speed(), Some(5.0));
        assert_eq!(slow.train_speed(), fast.train_speed(), "a machine twice as fast");
        assert_eq!(Cost::default().train_speed(), None);
    }
}
