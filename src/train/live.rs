//! The curves of a training that goes on, in a small file beside its checkpoints, for those who watch. It is no part of the run: it
//! goes when the seed is whole, and nothing reads it but `view`.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::disk::atomic;
use crate::regular;

use super::checkpoint::{CURVES, Position};

/// One number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LivePoint {
    /// 1-based epoch.
    pub epoch: usize,
    /// `train`, `val`, `test` or `all`.
    pub split: String,
    /// Name of the metric.
    pub metric: String,
    /// Its value; nothing where it is no number.
    pub value: Option<f64>,
}

/// How far a training is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curves {
    /// Epochs done.
    pub epoch: usize,
    /// Epochs that the recipe asks for.
    pub epochs: usize,
    /// What training is judged by.
    pub metric: String,
    /// All numbers so far.
    pub points: Vec<LivePoint>,
}

impl Curves {
    /// The state of a training.
    pub(super) fn of(position: &Position, epochs: usize, metric: &str) -> Self {
        Self {
            epoch: position.epoch,
            epochs,
            metric: metric.to_owned(),
            points: position
                .history
                .iter()
                .map(|point| LivePoint {
                    epoch: point.epoch,
                    split: point.split.clone(),
                    metric: point.metric.clone(),
                    value: Some(point.value()).filter(|value| value.is_finite()),
                })
                .collect(),
        }
    }

    /// Leaves it in the folder of a seed. Watching is no part of the work: where it cannot be written, training goes on.
    pub(super) fn leave(&self, folder: &Path) {
        if let Ok(text) = serde_json::to_vec(self) {
            let _ = atomic::write(&folder.join(CURVES), &text);
        }
    }

    /// What lies at `path`; nothing where nothing can be read.
    pub fn read(path: &Path) -> Option<Self> {
        serde_json::from_str(&regular::text(path).ok()?).ok()
    }
}
