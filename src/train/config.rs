//! The section `[train]` of a recipe, and the rule that selects the epoch.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::invalid::{Invalid, require};
use crate::model::adamw::AdamW;
use crate::task::Task;

/// Which epoch's model is reported: part of the protocol, since it decides what numbers may be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// The last epoch.
    #[default]
    Last,
    /// The epoch with the best primary metric on the validation split.
    BestOnVal,
    /// The epoch with the best primary metric on the test split: optimistic, but what much of the literature reports.
    BestOnTest,
}

/// How the samples of an epoch are drawn: part of the protocol, as balanced draws train on another distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// Every sample once, in random order.
    #[default]
    Plain,
    /// As many draws with replacement, every class equally often (expressions only).
    Balanced,
}

/// How the learning rate goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// The same throughout (appendix A.2).
    Constant,
    /// Half a cosine from the full rate to zero.
    Cosine,
}

/// `[train]`: the optimisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Passes over the training split.
    pub epochs: usize,
    /// Samples a step; default by task: 128 for expressions, 512 for action units, 1024 for valence and arousal, but no more
    /// than a sixteenth of the training samples, and at least 32: small data need steps before they need large batches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
    /// Learning rate of `AdamW` (appendix A.2: 1e-4).
    pub lr: f64,
    /// Learning rate of the dictionary; default: `lr`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dictionary_lr: Option<f64>,
    /// Course of the learning rates.
    pub schedule: Schedule,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Weight decay of the networks' matrices; offsets, gains and archetypes have none.
    pub weight_decay: f64,
    /// Stop after so many epochs without a better selection metric; 0: never. Without a selection metric
    /// (`selection = "last"`) training never stops early.
    pub patience: usize,
    /// Epochs between checkpoints; 0: only when interrupted.
    pub checkpoint_every: usize,
    /// Epochs between evaluations on the training split, for the curves; 0: none.
    pub train_metric_every: usize,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 200,
            batch: None,
            lr: 1e-4,
            dictionary_lr: None,
            schedule: Schedule::Constant,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.01,
            patience: 30,
            checkpoint_every: 10,
            train_metric_every: 5,
        }
    }
}

impl TrainConfig {
    /// Samples a step of `samples` for training, with the task's default.
    pub fn batch_for(&self, task: Task, samples: usize) -> usize {
        let full: usize = match task {
            Task::Expression => 128,
            Task::ActionUnits => 512,
            Task::ValenceArousal => 1024,
        };
        self.batch.unwrap_or(full.min((samples / 16).max(32)))
    }

    /// The optimiser's settings at `done` of `total` steps, for the dictionary or for the networks.
    pub fn adam(&self, dictionary: bool, done: usize, total: usize) -> AdamW {
        let full = if dictionary {
            self.dictionary_lr.unwrap_or(self.lr)
        } else {
            self.lr
        };
        let course = match self.schedule {
            Schedule::Constant => 1.0,
            Schedule::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * done as f64 / total.max(1) as f64).cos()),
        };
        AdamW {
            lr: full * course,
            beta1: self.beta1,
            beta2: self.beta2,
            eps: self.eps,
            weight_decay: self.weight_decay,
        }
    }

    /// Checks every value.
    ///
    /// # Errors
    /// The key and what was expected.
    pub fn validate(&self) -> Result<(), Invalid> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        require(
            (1..=1_000_000).contains(&self.epochs),
            "epochs",
            "expected 1 to 1000000 epochs",
        )?;
        require(
            self.batch.is_none_or(|b| (2..=1_048_576).contains(&b)),
            "batch",
            "expected 2 to 1048576 samples",
        )?;
        require(
            positive(self.lr) && self.lr <= 10.0,
            "lr",
            "expected more than 0, at most 10",
        )?;
        require(
            self.dictionary_lr.is_none_or(|lr| positive(lr) && lr <= 10.0),
            "dictionary_lr",
            "expected more than 0, at most 10",
        )?;
        for (value, key) in [(self.beta1, "beta1"), (self.beta2, "beta2")] {
            require(value > 0.0 && value < 1.0, key, "expected more than 0, less than 1")?;
        }
        require(positive(self.eps), "eps", "expected a number above 0")?;
        require(
            (0.0..=1.0).contains(&self.weight_decay),
            "weight_decay",
            "expected 0 to 1",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_hold_and_mistakes_name_their_key() {
        assert_eq!(TrainConfig::default().validate(), Ok(()));
        let wrong = TrainConfig {
            lr: 0.0,
            ..TrainConfig::default()
        };
        assert_eq!(wrong.validate().err().map(|(key, _)| key).as_deref(), Some("lr"));
    }

    #[test]
    fn the_cosine_ends_at_zero() {
        let train = TrainConfig {
            schedule: Schedule::Cosine,
            dictionary_lr: Some(1e-2),
            ..TrainConfig::default()
        };
        assert!((train.adam(true, 0, 10).lr - 1e-2).abs() < 1e-12);
        assert!((train.adam(false, 5, 10).lr - 0.5e-4).abs() < 1e-12);
        assert!(train.adam(false, 10, 10).lr.abs() < 1e-12);
    }
}
