//! Recipe section `[baselines]`.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::config::Standardise;
use crate::task::Task;

use super::class_means::ClassMeansConfig;
use super::fit::Rival;
use super::input::Input;
use super::kernel_ridge::KernelRidgeConfig;
use super::kmeans::KmeansConfig;
use super::knn::KnnConfig;
use super::lda::LdaConfig;
use super::linear::{Aim, Linear, LinearConfig};
use super::method::{Kind, Method};
use super::mlp::MlpConfig;
use super::svm::SvmConfig;

/// Recipe section `[baselines]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RivalConfig {
    /// Whether rivals are run at all.
    pub enabled: bool,
    /// Which: `knn`, `logistic` (expressions and action units), `ridge` (valence–arousal and action units), `linear_ccc`
    /// (valence–arousal, trained for concordance), `lda` (expressions), `kernel_ridge` (valence–arousal and action units),
    /// `svm` (expressions and action units), `class_means`, `kmeans`, `mlp`, each on the global vector, or with `_mean_tokens`
    /// or `_tokens` behind its name on patch tokens; `linear` is `logistic`, or `ridge` for valence–arousal. Empty: all that
    /// serve the task on the global vector (but no `svm` for action units), and for action units `logistic` on tokens too (on all
    /// of them only where the global vector is not just that).
    pub methods: Vec<String>,
    /// How features are centred and scaled, by the samples that a rival is fitted on. By default every rival chooses between
    /// `dimension` and `global` with its other settings.
    pub standardise: Option<Standardise>,
    /// Settings of `knn`.
    pub knn: KnnConfig,
    /// Settings of `logistic`, `ridge` and `linear_ccc`.
    pub linear: LinearConfig,
    /// Settings of `lda`.
    pub lda: LdaConfig,
    /// Settings of `kernel_ridge`.
    pub kernel_ridge: KernelRidgeConfig,
    /// Settings of `svm`.
    pub svm: SvmConfig,
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
            standardise: None,
            knn: KnnConfig::default(),
            linear: LinearConfig::default(),
            lda: LdaConfig::default(),
            kernel_ridge: KernelRidgeConfig::default(),
            svm: SvmConfig::default(),
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
            let Some(method) = Method::parse(name, Task::Expression) else {
                return Err((
                    format!("methods[{at}]"),
                    format!(
                        "expected one of {}, with `_mean_tokens` or `_tokens` behind it to read patch tokens; found `{name}`",
                        Kind::ALL.map(|kind| format!("`{}`", kind.name())).join(", ")
                    ),
                ));
            };
            if !seen.insert(method) {
                return Err((format!("methods[{at}]"), format!("`{name}` is named twice")));
            }
        }
        self.knn.validate()?;
        self.linear.validate()?;
        self.lda.validate()?;
        self.kernel_ridge.validate()?;
        self.svm.validate()?;
        self.class_means.validate()?;
        self.kmeans.validate()?;
        self.mlp.validate()
    }

    pub(crate) fn rival(&self, kind: Kind) -> Box<dyn Rival + '_> {
        match kind {
            Kind::Knn => Box::new(self.knn.clone()),
            Kind::Logistic => self.linear(Aim::Likelihood),
            Kind::Ridge => self.linear(Aim::Squares),
            Kind::LinearCcc => self.linear(Aim::Concordance),
            Kind::Lda => Box::new(self.lda.clone()),
            Kind::KernelRidge => Box::new(self.kernel_ridge.clone()),
            Kind::Svm => Box::new(self.svm.clone()),
            Kind::ClassMeans => Box::new(self.class_means.clone()),
            Kind::Kmeans => Box::new(self.kmeans.clone()),
            Kind::Mlp => Box::new(self.mlp.clone()),
        }
    }

    /// Scales among which a rival chooses.
    pub(crate) fn scales(&self) -> &[Standardise] {
        match &self.standardise {
            Some(how) => std::slice::from_ref(how),
            None => &[Standardise::Dimension, Standardise::Global],
        }
    }

    fn linear(&self, aim: Aim) -> Box<dyn Rival + '_> {
        Box::new(Linear {
            config: &self.linear,
            aim,
        })
    }

    /// The methods to run, in order, where `patches` may be read beside the global vector.
    pub(crate) fn methods_for(&self, task: Task, patches: &[Input]) -> Vec<Method> {
        if !self.methods.is_empty() {
            return self
                .methods
                .iter()
                .filter_map(|name| Method::parse(name, task))
                .collect();
        }
        let mut methods: Vec<Method> = Kind::ALL
            .into_iter()
            .filter(|kind| kind.by_default(task))
            .map(|kind| Method {
                kind,
                input: Input::Global,
            })
            .collect();
        if task == Task::ActionUnits {
            // Where an action unit shows is lost in a global vector: the strongest rival reads every token.
            methods.extend(patches.iter().map(|&input| Method {
                kind: Kind::Logistic,
                input,
            }));
        }
        methods
    }
}
