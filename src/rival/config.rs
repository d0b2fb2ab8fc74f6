//! Recipe section `[baselines]`.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::readout::ReadoutFit;
use crate::task::Task;

use super::class_means::ClassMeansConfig;
use super::fit::Rival;
use super::input::{Input, Standardise};
use super::kmeans::KmeansConfig;
use super::knn::KnnConfig;
use super::linear::{self, LinearConfig};
use super::method::{Kind, Method};
use super::mlp::MlpConfig;

/// Recipe section `[baselines]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RivalConfig {
    /// Whether rivals are run at all.
    pub enabled: bool,
    /// Which: `knn`, `linear` (in tables `logistic`, or `ridge` for valence–arousal), `linear_ccc` (valence–arousal only,
    /// trained for concordance), `class_means`, `kmeans`, `mlp`, each on the global vector, or with `_mean_tokens` or `_tokens` behind its name on patch tokens. Empty: all on the global
    /// vector, and for action units the linear probe on tokens too.
    pub methods: Vec<String>,
    /// How features are brought to scale.
    pub standardise: Standardise,
    /// Share of the training split that is held out to choose settings where there is no validation split.
    pub holdout: f64,
    /// Whether outputs are fitted to how the task is judged, as those of AURA are (`model.readout_fit`), on the validation split
    /// or the held-out part.
    pub readout_fit: ReadoutFit,
    /// Settings of `knn`.
    pub knn: KnnConfig,
    /// Settings of `linear`.
    pub linear: LinearConfig,
    /// Settings of `class_means`.
    pub class_means: ClassMeansConfig,
    /// Settings of `kmeans`.
    pub kmeans: KmeansConfig,
    /// Settings of `mlp`.
    pub mlp: MlpConfig,
}

impl Default for RivalConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            methods: Vec::new(),
            standardise: Standardise::default(),
            holdout: 0.2,
            readout_fit: ReadoutFit::Task,
            knn: KnnConfig::default(),
            linear: LinearConfig::default(),
            class_means: ClassMeansConfig::default(),
            kmeans: KmeansConfig::default(),
            mlp: MlpConfig::default(),
        }
    }
}

impl RivalConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// The dotted key below `[baselines]`, and what was expected.
    pub fn validate(&self) -> std::result::Result<(), (String, String)> {
        let mut seen = BTreeSet::new();
        for (at, name) in self.methods.iter().enumerate() {
            let Some(method) = Method::parse(name) else {
                return Err((
                    format!("methods[{at}]"),
                    format!(
                        "expected `knn`, `linear`, `linear_ccc`, `class_means`, `kmeans` or `mlp`, with `_mean_tokens` or `_tokens` behind \
                         it to read patch tokens; found `{name}`"
                    ),
                ));
            };
            if !seen.insert(method) {
                return Err((format!("methods[{at}]"), format!("`{name}` is named twice")));
            }
        }
        if !(self.holdout > 0.0 && self.holdout <= 0.5) {
            return Err((
                "holdout".to_owned(),
                "expected a share above 0 and at most 0.5".to_owned(),
            ));
        }
        self.knn.validate()?;
        self.linear.validate()?;
        self.class_means.validate()?;
        self.kmeans.validate()?;
        self.mlp.validate()
    }

    pub(crate) fn rival(&self, kind: Kind) -> Box<dyn Rival + '_> {
        match kind {
            Kind::Knn => Box::new(self.knn.clone()),
            Kind::Linear => Box::new(self.linear.clone()),
            Kind::LinearCcc => Box::new(linear::Concordance(&self.linear)),
            Kind::ClassMeans => Box::new(self.class_means.clone()),
            Kind::Kmeans => Box::new(self.kmeans.clone()),
            Kind::Mlp => Box::new(self.mlp.clone()),
        }
    }

    /// The methods to run, in order.
    pub(crate) fn methods_for(&self, task: Task, tokens: bool) -> Vec<Method> {
        if !self.methods.is_empty() {
            return self.methods.iter().filter_map(|name| Method::parse(name)).collect();
        }
        let mut methods: Vec<Method> = Kind::ALL
            .into_iter()
            .filter(|kind| kind.serves(task))
            .map(|kind| Method {
                kind,
                input: Input::Global,
            })
            .collect();
        if tokens && task == Task::ActionUnits {
            // Where an action unit shows is lost in a global vector: the strongest rival reads every token.
            methods.extend([Input::MeanTokens, Input::Tokens].map(|input| Method {
                kind: Kind::Linear,
                input,
            }));
        }
        methods
    }
}
