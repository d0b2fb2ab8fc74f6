//! The sections `[model]` and `[loss]` of a recipe. Defaults are the paper's where it gives a value; everything that the
//! available text leaves open is a key here, with its alternatives.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::invalid::{Invalid, not_negative, positive, require};
use crate::task::Task;

/// Which features are projected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// One vector an image.
    Global,
    /// The patch tokens of an image, projected one by one and pooled to one vector.
    Patch,
}

/// How projected patch tokens become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Attention with `pooling_queries` learned queries.
    Attention,
    /// Attention with one learned query an output (class, dimension or action unit).
    OutputAttention,
    /// The mean of the tokens.
    Mean,
}

/// How features are centred and scaled before the projector, with statistics of the training split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standardise {
    /// Subtract the mean of each dimension, divide by one standard deviation over all of them.
    Global,
    /// Subtract the mean and divide by the standard deviation of each dimension; one that is constant in training is 0.
    #[serde(alias = "per_dimension")]
    Dimension,
    /// Leave the features as they are.
    None,
}

/// Where the archetypes start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// Cosine k-means++ and Lloyd steps on the training features under the untrained projector.
    Kmeans,
    /// The same within each label group, archetypes shared out by the square root of the group's size.
    Stratified,
    /// Random unit vectors.
    Random,
}

/// What an archetype says about the label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// The smoothed mean label of the samples assigned to it.
    Counts,
    /// A free parameter, learned through the mixture term of the projection loss.
    Learned,
    /// The task head's answer for the archetype's vector.
    Head,
}

/// Which parameters each loss may move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Routing {
    /// Disjoint subsets, as appendix G.1 has it: projection loss to the projector, archetype loss to the dictionary,
    /// contextual loss to the attention module; no commitment, no influence of contextualization on inference.
    Strict,
    /// As `strict`, but the commitment half and the contextual distillation reach the projector.
    Routed,
    /// Nothing is held back but labels and teachers.
    Open,
}

/// How archetypes become a prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Readout {
    /// The value of the nearest archetype.
    Primal,
    /// The values of all, weighted by similarity.
    Mixture,
}

/// What the attention module sees beside the sample and its archetypes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Semantic {
    /// `semantic_tokens` learned vectors.
    Learned,
    /// One vector an output: the task head's column for that class, dimension or action unit.
    Outputs,
    /// The projected patch tokens of the image (needs `level = "patch"`).
    Patches,
}

/// Among whom attention is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Among {
    /// Each sample, semantic tokens and the sample's `top_k` nearest archetypes; in training only.
    Sample,
    /// All archetypes and semantic tokens, without samples. After training it is computed once: the archetypes that come out are
    /// the frozen dictionary.
    Archetypes,
}

/// How an archetype is found to be under-used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Threshold {
    /// Usage share below `value` / number of archetypes.
    Relative,
    /// Usage share below `value`.
    Share,
}

/// `[model.contextualization]`: attention among archetypes, semantic tokens and perhaps a sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ContextualizationConfig {
    /// Whether the module is trained at all.
    pub enabled: bool,
    /// Among whom attention is paid.
    pub among: Among,
    /// Nearest archetypes that take part (with `among = "sample"`; among archetypes all do).
    pub top_k: usize,
    /// What else takes part.
    pub semantic: Semantic,
    /// Number of learned semantic tokens (with `semantic = "learned"`).
    pub semantic_tokens: usize,
    /// Attention heads; must divide `model.width`.
    pub heads: usize,
    /// Width of the feed-forward part as a multiple of `model.width`.
    pub feed_forward: usize,
    /// Start value of the gains on both residual branches.
    pub residual: f64,
    /// First epoch (1-based) in which its loss counts; default: the one after the reset warm-up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_epoch: Option<usize>,
    /// Whether the projector is trained towards the contextualized similarities (the distillation term).
    pub distil: bool,
}

impl Default for ContextualizationConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            among: Among::Sample,
            top_k: 8,
            semantic: Semantic::Learned,
            semantic_tokens: 4,
            heads: 4,
            feed_forward: 2,
            residual: 0.1,
            start_epoch: None,
            distil: true,
        }
    }
}

/// `[model.reset]`: replacement of under-used archetypes (appendix B).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResetConfig {
    /// Last epoch with a reset (appendix E: the first 20–30 epochs); 0 switches resets off.
    pub warmup: usize,
    /// Epochs between resets.
    pub interval: usize,
    /// What `value` is a share of.
    pub threshold: Threshold,
    /// The threshold τ: 0.1 of the even share by default; the paper's literal value is 0.01 with `threshold = "share"`.
    pub value: f64,
    /// Standard deviation σ of the noise added to the drawn feature.
    pub noise: f64,
}

impl Default for ResetConfig {
    fn default() -> Self {
        Self {
            warmup: 25,
            interval: 5,
            threshold: Threshold::Relative,
            value: 0.1,
            noise: 0.01,
        }
    }
}

/// `[model.merge]`: archetypes that say the same become one, after training and before pruning. What decides is a share of
/// the spread of the data and not a number of archetypes: so `k_max` hardly matters to the number that stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MergeConfig {
    /// Two groups of samples are joined while that loses less than this share of the spread of the projected training
    /// samples (with `label_weight`, of spread and label information); 0: none are joined.
    pub tolerance: f64,
    /// The least share in samples: a join that loses less than so many samples at the average distance is made in any case,
    /// since so few could lie where they do by chance. What counts in small data, as `tolerance` does in large.
    pub samples: f64,
    /// Weight η of the label information lost by a join, as a share of all of it, beside the spread, which weighs 1; 0:
    /// geometry alone decides. Default by task: 3 for valence and arousal, else 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_weight: Option<f64>,
    /// Steps at most, before and after joining, that move each archetype to the mean direction of the samples nearest to it.
    pub refine: usize,
}

impl Default for MergeConfig {
    fn default() -> Self {
        Self {
            tolerance: 5e-4,
            samples: 2.0,
            label_weight: None,
            refine: 20,
        }
    }
}

impl MergeConfig {
    /// The weight η, with the task's default.
    pub fn label_weight_for(&self, task: Task) -> f64 {
        self.label_weight.unwrap_or(match task {
            Task::Expression | Task::ActionUnits => 0.0,
            Task::ValenceArousal => 3.0,
        })
    }
}

/// `[model.prune]`: which archetypes are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PruneConfig {
    /// Smallest share of the training samples with which an archetype is kept at inference.
    pub share: f64,
    /// Also prune during training, every so many epochs after the reset warm-up; 0: only at the end.
    pub every: usize,
}

impl Default for PruneConfig {
    fn default() -> Self {
        Self { share: 5e-4, every: 0 }
    }
}

/// Vectors with fewer values have constants beside them by default.
const NARROW: usize = 128;

/// `[model]`: projector, dictionary, assignment, read-out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModelConfig {
    /// Size of the dictionary before pruning, `K_max` (appendix E: 150–400).
    pub k_max: usize,
    /// Features used; default by task: `patch` for action units (of features made elsewhere, if the recipe speaks of
    /// tokens), else `global`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Dimension d of the archetype space.
    pub width: usize,
    /// Hidden units of the projector.
    pub hidden: usize,
    /// Dropout rate of the projector (appendix A.2: 0.2).
    pub dropout: f64,
    /// Pooling of patch tokens.
    pub pooling: Pooling,
    /// Learned queries of `pooling = "attention"`.
    pub pooling_queries: usize,
    /// Standard deviation of the start values of what each query prefers by position, which is learned; 0: queries see what
    /// a token shows, but not where.
    pub pooling_spread: f64,
    /// Standardisation of the features; by default `global`, and `dimension` for features made elsewhere.
    pub standardise: Standardise,
    /// Whether two constants, 1 and −1, are normalised together with the standardised features, so that mean and length of
    /// a vector survive the layer normalisation. Of a few values they are a large part. Default: for one vector an image of
    /// fewer than 128 values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchors: Option<bool>,
    /// Temperature T of the soft assignment.
    pub temperature: f64,
    /// Start of the dictionary.
    pub init: Init,
    /// Training samples used at most by `init`.
    pub init_samples: usize,
    /// What an archetype's value is.
    pub value: Value,
    /// Weight κ of the training prior in a counted value, in samples.
    pub prior_samples: f64,
    /// Decay ρ of the running counts.
    pub decay: f64,
    /// Weight γ of the label likelihood in the training assignment; 0: plain nearest archetype.
    pub assignment_gamma: f64,
    /// Weight ω with which archetypes that already have many samples are held back in the training assignment; 0: not.
    pub assignment_balance: f64,
    /// Standard deviation of the label likelihood for valence and arousal.
    pub assignment_sigma: f64,
    /// Which parameters each loss may move.
    pub routing: Routing,
    /// The read-out that training curves and the selection of the epoch use; both are reported at the end.
    pub readout: Readout,
    /// Temperature of the mixture read-out.
    pub readout_temperature: f64,
    /// Scale s of the task head's logits.
    pub head_scale: f64,
    /// Contextualization.
    pub contextualization: ContextualizationConfig,
    /// Reset of under-used archetypes.
    pub reset: ResetConfig,
    /// Joining of archetypes that say the same.
    pub merge: MergeConfig,
    /// Pruning.
    pub prune: PruneConfig,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            k_max: 150,
            level: None,
            width: 256,
            hidden: 512,
            dropout: 0.2,
            pooling: Pooling::Attention,
            pooling_queries: 16,
            pooling_spread: 4.0,
            standardise: Standardise::Global,
            anchors: None,
            temperature: 0.1,
            init: Init::Kmeans,
            init_samples: 50_000,
            value: Value::Counts,
            prior_samples: 1.0,
            decay: 0.99,
            assignment_gamma: 1.0,
            assignment_balance: 0.3,
            assignment_sigma: 0.2,
            routing: Routing::Routed,
            readout: Readout::Primal,
            readout_temperature: 0.05,
            head_scale: 8.0,
            contextualization: ContextualizationConfig::default(),
            reset: ResetConfig::default(),
            merge: MergeConfig::default(),
            prune: PruneConfig::default(),
        }
    }
}

impl ModelConfig {
    /// The feature level, with the task's default.
    pub fn level_for(&self, task: Task) -> Level {
        self.level.unwrap_or(match task {
            Task::ActionUnits => Level::Patch,
            Task::Expression | Task::ValenceArousal => Level::Global,
        })
    }

    /// Whether constants stand beside `input` features of `patches` tokens.
    pub fn anchored(&self, input: usize, patches: usize) -> bool {
        self.anchors.unwrap_or(patches == 1 && input < NARROW)
    }

    /// First epoch (1-based) in which contextualization counts.
    pub fn contextualization_start(&self) -> usize {
        self.contextualization.start_epoch.unwrap_or(self.reset.warmup + 1)
    }

    /// Checks every value.
    ///
    /// # Errors
    /// The dotted key below `[model]` and what was expected.
    pub fn validate(&self) -> Result<(), Invalid> {
        require(
            (2..=65_536).contains(&self.k_max),
            "k_max",
            "expected 2 to 65536 archetypes",
        )?;
        require((2..=8192).contains(&self.width), "width", "expected 2 to 8192")?;
        require((1..=65_536).contains(&self.hidden), "hidden", "expected 1 to 65536")?;
        require((0.0..=0.95).contains(&self.dropout), "dropout", "expected 0 to 0.95")?;
        require(
            (1..=256).contains(&self.pooling_queries),
            "pooling_queries",
            "expected 1 to 256",
        )?;
        require(
            not_negative(self.pooling_spread) && self.pooling_spread <= 100.0,
            "pooling_spread",
            "expected 0 to 100",
        )?;
        require(positive(self.temperature), "temperature", "expected a number above 0")?;
        require(self.init_samples >= 2, "init_samples", "expected at least 2")?;
        require(
            positive(self.prior_samples),
            "prior_samples",
            "expected a number above 0",
        )?;
        require((0.0..1.0).contains(&self.decay), "decay", "expected 0 to less than 1")?;
        require(
            not_negative(self.assignment_gamma),
            "assignment_gamma",
            "expected 0 or more",
        )?;
        require(
            not_negative(self.assignment_balance),
            "assignment_balance",
            "expected 0 or more",
        )?;
        require(
            positive(self.assignment_sigma),
            "assignment_sigma",
            "expected a number above 0",
        )?;
        require(
            positive(self.readout_temperature),
            "readout_temperature",
            "expected a number above 0",
        )?;
        require(positive(self.head_scale), "head_scale", "expected a number above 0")?;
        self.validate_contextualization()?;
        require(self.reset.interval >= 1, "reset.interval", "expected at least 1 epoch")?;
        require(
            (0.0..=1.0).contains(&self.reset.value),
            "reset.value",
            "expected 0 to 1",
        )?;
        require(
            not_negative(self.reset.noise) && self.reset.noise <= 1.0,
            "reset.noise",
            "expected 0 to 1",
        )?;
        require(
            (0.0..1.0).contains(&self.merge.tolerance),
            "merge.tolerance",
            "expected 0 to less than 1",
        )?;
        require(not_negative(self.merge.samples), "merge.samples", "expected 0 or more")?;
        require(
            self.merge.label_weight.is_none_or(not_negative),
            "merge.label_weight",
            "expected 0 or more",
        )?;
        require(self.merge.refine <= 100, "merge.refine", "expected 0 to 100 steps")?;
        require(
            (0.0..1.0).contains(&self.prune.share),
            "prune.share",
            "expected 0 to less than 1",
        )
    }

    fn validate_contextualization(&self) -> Result<(), Invalid> {
        let c = &self.contextualization;
        let key = |name: &str| format!("contextualization.{name}");
        require(
            (2..=self.k_max).contains(&c.top_k),
            &key("top_k"),
            "expected 2 to model.k_max archetypes",
        )?;
        require(
            (1..=256).contains(&c.semantic_tokens),
            &key("semantic_tokens"),
            "expected 1 to 256",
        )?;
        require(
            c.heads >= 1 && self.width.is_multiple_of(c.heads),
            &key("heads"),
            &format!("expected a divisor of model.width = {}", self.width),
        )?;
        require(
            (1..=16).contains(&c.feed_forward),
            &key("feed_forward"),
            "expected 1 to 16",
        )?;
        require(c.residual.is_finite(), &key("residual"), "expected a finite number")?;
        require(c.start_epoch != Some(0), &key("start_epoch"), "epochs count from 1")?;
        require(
            !(c.enabled && c.semantic == Semantic::Patches && self.level == Some(Level::Global)),
            &key("semantic"),
            "patch tokens need model.level = \"patch\"",
        )?;
        require(
            !(c.semantic == Semantic::Patches && c.among == Among::Archetypes),
            &key("semantic"),
            "patch tokens belong to a sample, and among = \"archetypes\" looks at none; take \"learned\" or \"outputs\"",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::loss::config::LossConfig;

    #[test]
    fn defaults_hold() {
        assert_eq!(ModelConfig::default().validate(), Ok(()));
        assert_eq!(LossConfig::default().validate(), Ok(()));
    }

    #[test]
    fn mistakes_name_their_key() {
        let key = |model: ModelConfig| model.validate().err().map(|(key, _)| key);
        let with = |change: fn(&mut ModelConfig)| {
            let mut model = ModelConfig::default();
            change(&mut model);
            key(model)
        };
        assert_eq!(with(|m| m.k_max = 1).as_deref(), Some("k_max"));
        assert_eq!(with(|m| m.temperature = f64::NAN).as_deref(), Some("temperature"));
        assert_eq!(
            with(|m| m.contextualization.heads = 3).as_deref(),
            Some("contextualization.heads")
        );
        assert_eq!(with(|m| m.reset.interval = 0).as_deref(), Some("reset.interval"));
        let loss = LossConfig {
            margin: Some(0.0),
            ..LossConfig::default()
        };
        assert_eq!(loss.validate().err().map(|(key, _)| key).as_deref(), Some("margin"));
    }

    #[test]
    fn sections_round_trip_through_toml() {
        let model = ModelConfig::default();
        let text = toml::to_string(&model).unwrap_or_default();
        assert_eq!(toml::from_str::<ModelConfig>(&text).ok(), Some(model));
        assert!(toml::from_str::<ModelConfig>("k_maxx = 3").is_err());
    }
}
