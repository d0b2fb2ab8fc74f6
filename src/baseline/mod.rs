//! Rivals on the same features and the same protocol: nearest neighbours, linear and neural probes, class means, k-means.
//!
//! All see features standardised by the training split. Every setting that is chosen is chosen on the validation split, or,
//! where the protocol has none, on a seeded part of the training split; never on the test split.

mod class_means;
mod holdout;
mod input;
mod kmeans;
mod knn;
mod lbfgs;
mod linear;
mod mlp;
mod objective;
mod prototypes;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Instant;

use burn::tensor::Device;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::feature::{FeatureSet, Matrix, SplitSets};
use crate::interrupt::Interrupt;
use crate::metric::{self, Bootstrap, Intervals, Options};
use crate::model::readout::{Fit, ReadoutFit};
use crate::progress::Progress;
use crate::run::tables::{MetricRow, PredictionRow};
use crate::task::{Split, Targets, Task};

pub use class_means::ClassMeansConfig;
pub use input::{Features, Input, Standardise, Standardiser};
pub use kmeans::{Clustering, KmeansConfig, cluster};
pub use knn::{KnnConfig, Weights};
pub use linear::LinearConfig;
pub use mlp::MlpConfig;
pub use prototypes::Prototypes;

/// Recipe section `[baselines]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BaselineConfig {
    /// Whether baselines are run at all.
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

impl Default for BaselineConfig {
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

impl BaselineConfig {
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

    fn baseline(&self, kind: Kind) -> Box<dyn Baseline + '_> {
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
    fn methods_for(&self, task: Task, tokens: bool) -> Vec<Method> {
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

/// Kind of baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Knn,
    Linear,
    LinearCcc,
    ClassMeans,
    Kmeans,
    Mlp,
}

impl Kind {
    const ALL: [Self; 6] = [
        Self::Knn,
        Self::Linear,
        Self::LinearCcc,
        Self::ClassMeans,
        Self::Kmeans,
        Self::Mlp,
    ];

    fn serves(self, task: Task) -> bool {
        self != Self::LinearCcc || task == Task::ValenceArousal
    }
}

/// A kind of baseline on one input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Method {
    kind: Kind,
    input: Input,
}

impl Method {
    fn parse(name: &str) -> Option<Self> {
        // `_mean_tokens` ends in `_tokens` too, so it is tried first.
        let (base, input) = [Input::MeanTokens, Input::Tokens]
            .into_iter()
            .find_map(|input| name.strip_suffix(input.suffix()).map(|base| (base, input)))
            .unwrap_or((name, Input::Global));
        let kind = match base {
            "knn" => Kind::Knn,
            "linear" | "logistic" | "ridge" => Kind::Linear,
            "linear_ccc" => Kind::LinearCcc,
            "class_means" => Kind::ClassMeans,
            "kmeans" => Kind::Kmeans,
            "mlp" => Kind::Mlp,
            _ => return None,
        };
        Some(Self { kind, input })
    }

    fn name(self, task: Task) -> String {
        let base = match (self.kind, task) {
            (Kind::Knn, _) => "knn",
            (Kind::Linear, Task::ValenceArousal) => "ridge",
            (Kind::Linear, _) => "logistic",
            (Kind::LinearCcc, _) => "linear_ccc",
            (Kind::ClassMeans, _) => "class_means",
            (Kind::Kmeans, _) => "kmeans",
            (Kind::Mlp, _) => "mlp",
        };
        format!("{base}{}", self.input.suffix())
    }
}

/// What a baseline is fitted on.
#[derive(Debug, Clone, Copy)]
pub struct Training<'a> {
    /// Standardised features of the training split, n × D.
    pub x: &'a Features,
    /// Its targets.
    pub targets: &'a Targets,
    /// Subject of each sample, counted from 0, where every sample names one.
    pub groups: Option<&'a [usize]>,
    /// The validation split, where the protocol has one.
    pub validation: Option<(&'a Features, &'a Targets)>,
}

/// What fitting needs besides data.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Seed of everything random.
    pub seed: u64,
    /// Share held out to choose settings.
    pub holdout: f64,
    /// Asked in every loop.
    pub interrupt: &'a Interrupt,
}

/// A rival that can be fitted.
pub trait Baseline {
    /// Fits on the training split.
    ///
    /// # Errors
    /// [`Error::Interrupted`], or a failing device.
    fn fit(&self, training: &Training<'_>, context: &Context<'_>) -> Result<Box<dyn Fitted>>;
}

/// A rival that was fitted.
pub trait Fitted {
    /// n × O outputs for n standardised feature vectors: probabilities, or (valence, arousal).
    ///
    /// # Errors
    /// [`Error::Interrupted`], or a failing device.
    fn predict(&self, x: &Features) -> Result<Matrix>;

    /// Which settings were chosen, in a few words.
    fn note(&self) -> String;
}

/// What one baseline achieved.
#[derive(Debug, Clone, PartialEq)]
pub struct BaselineOutcome {
    /// Name as in every table: `knn`, `logistic`, `ridge`, `linear_ccc`, `class_means`, `kmeans`, `mlp`, perhaps with `_tokens` or
    /// `_mean_tokens`.
    pub method: String,
    /// Its outputs on the validation split (where there is one) and the test split.
    pub predictions: Vec<PredictionRow>,
    /// Its metrics on the same splits, the primary one with a 95 % interval.
    pub metrics: Vec<MetricRow>,
    /// Which settings were chosen, in a few words.
    pub note: String,
    /// Wall time of fitting and predicting.
    pub seconds: f64,
}

/// Fits every baseline of the configuration on the training split and applies it to the others.
///
/// The training split itself is not reported: nearest neighbours would find each sample's own label. Same data, settings and
/// seed give the same numbers on the CPU, with any number of threads.
///
/// # Errors
/// [`Error::Data`] if a split is empty, features do not fit together, are not finite or lack the tokens that a method reads;
/// [`Error::Interrupted`] on Ctrl-C.
pub fn run_all(
    data: &SplitSets,
    config: &BaselineConfig,
    seed: u64,
    device: &Device,
    progress: &Progress,
    interrupt: &Interrupt,
) -> Result<Vec<BaselineOutcome>> {
    if !config.enabled {
        return Ok(Vec::new());
    }
    let task = data.train.targets.task;
    let methods = config.methods_for(task, data.train.tokens.is_some());
    if let Some(method) = methods.iter().find(|method| !method.kind.serves(task)) {
        return Err(Error::data(format!(
            "`{}` predicts valence and arousal only; take it out of `baselines.methods`",
            method.name(task)
        )));
    }
    let groups = metric::groups(Some(&data.train.subjects), data.train.len())?;
    let bar = progress.bar("baselines", methods.len() as u64, "methods");
    // Methods in order, inputs grouped: each input is standardised once and freed before the next.
    let mut outcomes: Vec<Option<BaselineOutcome>> = methods.iter().map(|_| None).collect();
    for input in Input::ALL {
        if !methods.iter().any(|method| method.input == input) {
            continue;
        }
        let standardiser = Standardiser::fit(input, config.standardise, &data.train)?;
        let train = standardiser.apply(&data.train, device)?;
        let val = data
            .val
            .as_ref()
            .filter(|set| !set.is_empty())
            .map(|set| Ok::<_, Error>((set, standardiser.apply(set, device)?)))
            .transpose()?;
        let test = standardiser.apply(&data.test, device)?;
        let training = Training {
            x: &train,
            targets: &data.train.targets,
            groups: groups.as_deref(),
            validation: val.as_ref().map(|(set, x)| (x, &set.targets)),
        };
        for (method, slot) in methods
            .iter()
            .zip(&mut outcomes)
            .filter(|(method, _)| method.input == input)
        {
            let name = method.name(task);
            bar.message(name.clone());
            let started = Instant::now();
            let context = Context {
                seed,
                holdout: config.holdout,
                interrupt,
            };
            let baseline = config.baseline(method.kind);
            let fitted = baseline.fit(&training, &context)?;
            let readout = fit_readout(config.readout_fit, &*baseline, &*fitted, &training, &context)?;
            let predict = |x: &Features| {
                let mut outputs = fitted.predict(x)?;
                readout.apply(&mut outputs.data);
                Ok::<_, Error>(outputs)
            };
            let mut outcome = BaselineOutcome {
                predictions: Vec::new(),
                metrics: readout.rows(&name, &data.train.targets.names),
                note: fitted.note(),
                seconds: 0.0,
                method: name,
            };
            if let Some((set, x)) = &val {
                outcome.add(Split::Val, set, &predict(x)?, seed)?;
            }
            outcome.add(Split::Test, &data.test, &predict(&test)?, seed)?;
            outcome.seconds = started.elapsed().as_secs_f64();
            *slot = Some(outcome);
            bar.inc(1);
        }
    }
    Ok(outcomes.into_iter().flatten().collect())
}

/// The map of a rival's outputs, from samples that it has not seen: the validation split, or a part of the training split on the
/// rest of which it is fitted once more.
fn fit_readout(
    how: ReadoutFit,
    baseline: &dyn Baseline,
    fitted: &dyn Fitted,
    training: &Training<'_>,
    context: &Context<'_>,
) -> Result<Fit> {
    if how == ReadoutFit::None || training.targets.task == Task::Expression {
        return Ok(Fit::None);
    }
    if let Some((x, targets)) = training.validation {
        return Ok(Fit::new(how, targets, &fitted.predict(x)?.data));
    }
    let (kept, held) = holdout::split(training.targets, training.groups, context.holdout, context.seed);
    if kept.is_empty() || held.is_empty() {
        return Ok(Fit::None);
    }
    let groups: Option<Vec<usize>> = training
        .groups
        .map(|groups| kept.iter().map(|&row| groups[row]).collect());
    let rest = Training {
        x: &training.x.select(&kept),
        targets: &training.targets.select(&kept),
        groups: groups.as_deref(),
        validation: None,
    };
    let outputs = baseline.fit(&rest, context)?.predict(&training.x.select(&held))?;
    Ok(Fit::new(how, &training.targets.select(&held), &outputs.data))
}

impl BaselineOutcome {
    pub(crate) fn add(&mut self, split: Split, set: &FeatureSet, outputs: &Matrix, seed: u64) -> Result<()> {
        let options = Options {
            subjects: Some(&set.subjects),
            intervals: Intervals::Primary,
            bootstrap: Bootstrap {
                seed,
                ..Bootstrap::default()
            },
        };
        let values = metric::evaluate_with(&set.targets, outputs, &options)?;
        self.metrics
            .extend(metric::rows(&self.method, split.as_str(), None, &values));
        self.predictions
            .extend(metric::prediction_rows(&self.method, split, set, outputs)?);
        Ok(())
    }
}
