//! What a training needs besides data, and what it leaves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::fitting::config::FittingConfig;
use crate::model::config::ModelConfig;
use crate::model::loss::config::LossConfig;
use crate::record::{ArchetypeRow, AssignmentRow, FlowRow, MetricRow, PredictionRow, ResetRow};
use crate::sets::{FeatureSet, SplitSets};
use crate::task::Task;

use super::config::{Sampling, Selection, TrainConfig};
use super::data;
use super::trained::Trained;

/// Which AURA is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// What the paper gives, and the rest as `docs/method.md` infers it: the read-outs `aura` and `aura_mixture`.
    #[default]
    Paper,
    /// The same training, and beside the paper's read-outs the one that does best on held-out training samples: `aura_tuned`.
    Tuned,
}

/// What is trained and how: the recipe's sections and the protocol's selection rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// The task; must be that of the targets.
    pub task: Task,
    /// Which AURA.
    pub method: Method,
    /// `[model]`.
    pub model: ModelConfig,
    /// `[loss]`.
    pub loss: LossConfig,
    /// `[train]`.
    pub train: TrainConfig,
    /// Which epoch is reported.
    pub selection: Selection,
    /// How the samples of an epoch are drawn.
    pub sampling: Sampling,
    /// `[fitting]`.
    pub fitting: FittingConfig,
}

/// Everything that one seed leaves behind.
#[derive(Debug, Clone)]
pub struct SeedOutcome {
    /// Training curves, and final values (epoch null).
    pub metrics: Vec<MetricRow>,
    /// Predictions of both read-outs on every split.
    pub predictions: Vec<PredictionRow>,
    /// Matched archetypes of every sample.
    pub assignments: Vec<AssignmentRow>,
    /// The whole dictionary, kept and pruned.
    pub archetypes: Vec<ArchetypeRow>,
    /// Every reset.
    pub resets: Vec<ResetRow>,
    /// What moved between archetypes over training.
    pub flows: Vec<FlowRow>,
    /// Samples that went through training, each as often as there were epochs, those of held-out parts among them.
    pub trained_on: u64,
    /// The frozen model.
    pub model: Trained,
}

impl Setup {
    /// Checks every section.
    ///
    /// # Errors
    /// [`Error::Usage`] with the recipe key.
    pub fn validate(&self) -> Result<()> {
        let usage = |section: &str| {
            let section = section.to_owned();
            move |(key, message): (String, String)| Error::Usage(format!("{section}.{key}: {message}"))
        };
        self.model.validate().map_err(usage("model"))?;
        self.loss.validate().map_err(usage("loss"))?;
        self.train.validate().map_err(usage("train"))?;
        self.fitting.validate().map_err(usage("fitting"))?;
        if self.sampling == Sampling::Balanced && self.task != Task::Expression {
            return Err(Error::Usage(
                "protocol.sampling: \"balanced\" needs classes; only protocol.task = \"expression\" has them".into(),
            ));
        }
        Ok(())
    }

    /// Digest of everything that the trained model depends on.
    pub(crate) fn digest(&self, data: &SplitSets, seed: u64) -> String {
        let mut hasher = blake3::Hasher::new();
        // Debug output of f64 is the shortest text that reads back to the same number: equal text, equal settings.
        hasher.update(format!("{self:?} {seed} {}", env!("CARGO_PKG_VERSION")).as_bytes());
        for set in [Some(&data.train), data.val.as_ref(), Some(&data.test)]
            .into_iter()
            .flatten()
        {
            hash_set(&mut hasher, set, self);
        }
        hasher.finalize().to_hex().to_string()
    }
}

pub(crate) fn hash_set(hasher: &mut blake3::Hasher, set: &FeatureSet, setup: &Setup) {
    hasher.update(format!("{} {:?}", set.len(), set.targets.names).as_bytes());
    for id in &set.sample_ids {
        hasher.update(id.as_bytes());
        hasher.update(&[0]);
    }
    if let Ok((values, _)) = data::features(set, setup.model.level_for(setup.task)) {
        hasher.update(values.digest().as_bytes());
    }
    for chunk in set.targets.values.chunks(1 << 14) {
        let bytes: Vec<u8> = chunk.iter().flat_map(|v| v.to_le_bytes()).collect();
        hasher.update(&bytes);
    }
    let known: Vec<u8> = set.targets.known.iter().map(|&k| u8::from(k)).collect();
    hasher.update(&known);
}
