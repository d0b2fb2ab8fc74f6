//! Recipe section `[protocol]`, as written and as resolved.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::action_unit::{self, ActionUnit};
use crate::dataset::options::ConvertOptions;
use crate::dataset::options::TEST_SHARE;
use crate::dataset::unknown::UnknownLabels;
use crate::dataset::{Camera, DatasetConfig, Frames, Images};
use crate::feature::duplicates::DuplicateRule;
use crate::feature::threshold::AuThreshold;
use crate::feature::training::Training;
use crate::score::missing::Missing;
use crate::task::Task;
use crate::train::{Sampling, Selection};

/// The `[protocol]` section as written. A key that the task or the database does not offer is refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProtocolConfig {
    /// What is predicted. Default: the card's first task.
    pub task: Option<Task>,
    /// Labelled expressions that take part, by their names on the card; samples of other classes are left out. For
    /// expressions these are the classes, for valence and arousal the images whose expression is one of these.
    /// Default: all of the card.
    pub classes: Option<Vec<String>>,
    /// Labelled expressions that are taken out of `classes`: `["none"]` leaves out the images without expression.
    pub exclude_classes: Vec<String>,
    /// Which of `valence` and `arousal` are predicted. Default: both. With one alone `ccc_va` is that one's CCC.
    pub dimensions: Option<Vec<String>>,
    /// Action units that take part. Default: the card's choice (DISFA: the paper's eight).
    pub action_units: Option<Vec<u8>>,
    /// From which intensity on an action unit is active: "> 2" (appendix A.1, the default), ">= 2", ">= 1".
    /// Only for databases with intensities.
    pub au_threshold: Option<AuThreshold>,
    /// Numbers that stand for an unknown label of the task, beside nothing, `NULL`, `NaN`, 999 of action units and -2 of valence and
    /// arousal, which always do: `[-1, 9]`. What they stand for is left out or masked, and counts neither as right nor as wrong.
    pub unknown: Vec<f64>,
    /// Release of the database (`AffectNet`: `first` or `march_2021`; or the name of a layout). A folder of another
    /// release is refused. Default: whatever the folder holds; the protocol's digest then says what it was.
    pub release: Option<String>,
    /// Aligned faces (default) or original images, where a database has both (RAF-DB).
    pub images: Option<Images>,
    /// Frames that take part: `all` (default) or `without_bad`, where a database has an error log (DISFA).
    pub frames: Option<Frames>,
    /// Camera whose frames are read, where a database has two (DISFA). Default: `left`.
    pub camera: Option<Camera>,
    /// Subject-exclusive folds that are tested on, each after training on all others; a metric is their mean.
    /// Default: all folds of `fold_list`.
    pub folds: Option<Vec<i32>>,
    /// Which person belongs to which fold: the name of the card's division (DISFA: `three_fold`, the default), or the
    /// path of a file with lines `subject,fold`.
    pub fold_list: Option<String>,
    /// Digest that the folds must have; filled in when the recipe is resolved.
    pub fold_list_digest: Option<String>,
    /// Path of a file with lines `name,split` that says which images are train, val and test, where a database has no
    /// public official split (`EmotioNet`). Default: a seeded hash of the image's name.
    pub split_list: Option<String>,
    /// Digest that this file must have; filled in when the recipe is resolved.
    pub split_list_digest: Option<String>,
    /// Seed of the hash that splits a database without official split. Default: 0.
    pub split_seed: Option<u64>,
    /// Share of images that this hash makes the test set. Default: 0.2.
    pub test_share: Option<f64>,
    /// Path of a file with lines `sample_id,output,from,decision,to`, relative to the recipe: labels that somebody has looked at
    /// again. Those of the decision `change` are exchanged, of training, validation and test samples alike. Counts by its content.
    /// Default: none; the database's labels as they are.
    pub relabel: Option<String>,
    /// Digest that this file must have; filled in when the recipe is resolved.
    pub relabel_digest: Option<String>,
    /// How the training samples of an epoch are drawn.
    pub sampling: Sampling,
    /// Which epoch's model is reported.
    pub selection: Selection,
    /// Share of the training samples held out as validation data, by a seeded hash of the sample id, per class; where the
    /// database has folds, whole persons by a seeded hash of the person.
    pub validation: f64,
    /// Seed of that hash: the held-out samples are the same for every training seed.
    pub validation_seed: u64,
    /// Share of the training samples that are learned from, above 0 to 1: drawn by a seeded hash, class by class (cell of a grid over
    /// valence and arousal, pattern of units); where the database has folds, that share of the persons. A small share is within
    /// every larger one of the same seed. Validation and test samples stay as they are.
    pub train_share: f64,
    /// Share of the training labels that are exchanged at random, 0 to 1, drawn by a seeded hash: a class for any of the others;
    /// valence and arousal among the samples drawn; of every action unit that share of its known labels for the opposite.
    /// Validation and test labels stay as they are.
    pub label_noise: f64,
    /// Seed of `train_share` and `label_noise`: the same samples and labels for every training seed.
    pub draw_seed: u64,
    /// What is done about pictures that two splits share (equal image files, or equal features): `report` counts and lists them,
    /// `drop_train` takes them out of what is learned from, `fail` refuses the run.
    pub duplicates: DuplicateRule,
    /// What a test sample counts as of which predictions made elsewhere (`aura-bench score`) say nothing: `error` refuses them,
    /// `wrong` takes it as the answer farthest from the label, `left_out` does not ask it.
    pub missing: Missing,
    /// Training seeds; every result is reported over all of them. Not part of the protocol's digest: a further seed
    /// sharpens a mean and changes nothing about what is measured.
    pub seeds: Vec<u64>,
}

impl Default for ProtocolConfig {
    fn default() -> Self {
        Self {
            task: None,
            classes: None,
            exclude_classes: Vec::new(),
            dimensions: None,
            action_units: None,
            au_threshold: None,
            unknown: Vec::new(),
            release: None,
            images: None,
            frames: None,
            camera: None,
            folds: None,
            fold_list: None,
            fold_list_digest: None,
            split_list: None,
            split_list_digest: None,
            split_seed: None,
            test_share: None,
            relabel: None,
            relabel_digest: None,
            sampling: Sampling::Plain,
            selection: Selection::default(),
            validation: 0.0,
            validation_seed: 0,
            train_share: 1.0,
            label_noise: 0.0,
            draw_seed: 0,
            duplicates: DuplicateRule::default(),
            missing: Missing::default(),
            seeds: vec![0, 1, 2],
        }
    }
}

impl ProtocolConfig {
    /// Checks values that types cannot.
    ///
    /// # Errors
    /// Key below `[protocol]` and what was expected.
    pub fn validate(&self) -> Result<(), (String, String)> {
        let fail = |key: &str, message: &str| Err((key.to_owned(), message.to_owned()));
        if !(0.0..=0.5).contains(&self.validation) {
            return fail("validation", "the share held out is between 0 and 0.5");
        }
        if !(self.train_share > 0.0 && self.train_share <= 1.0) {
            return fail("train_share", "the share learned from is above 0 and at most 1");
        }
        if !(0.0..=1.0).contains(&self.label_noise) {
            return fail("label_noise", "the share of labels exchanged is between 0 and 1");
        }
        if self.selection == Selection::BestOnVal && self.validation == 0.0 {
            return fail(
                "selection",
                "`best_on_val` needs validation data: set protocol.validation, for example to 0.1",
            );
        }
        if self.test_share.is_some_and(|share| !(share > 0.0 && share < 1.0)) {
            return fail("test_share", "expected a share between 0 and 1");
        }
        if self.unknown.iter().any(|value| !value.is_finite()) {
            return fail("unknown", "expected numbers; `NaN` means unknown in any case");
        }
        if self.seeds.is_empty() {
            return fail("seeds", "at least one seed is needed");
        }
        if twice(&self.seeds) {
            return fail("seeds", "a seed is named twice");
        }
        if self.folds.as_ref().is_some_and(Vec::is_empty) {
            return fail(
                "folds",
                "at least one fold is needed; leave the key out for all of them",
            );
        }
        if self.folds.as_deref().is_some_and(twice) {
            return fail("folds", "a fold is named twice");
        }
        Ok(())
    }
}

pub(crate) fn twice<T: Ord + Clone>(values: &[T]) -> bool {
    let mut seen = values.to_vec();
    seen.sort_unstable();
    seen.dedup();
    seen.len() != values.len()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_one(value: &f64) -> bool {
    *value >= 1.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

/// A protocol with nothing left open. What task or database do not offer is empty.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Protocol {
    /// What is predicted.
    pub task: Task,
    /// Labelled expressions that take part, in the card's order; empty for action units.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// Dimensions that are predicted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dimensions: Vec<String>,
    /// Action units that take part, ascending.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub action_units: Vec<u8>,
    /// Binarisation of intensities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub au_threshold: Option<AuThreshold>,
    /// Numbers that stand for an unknown label, ascending.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<f64>,
    /// Release asked for; in a run, the one that was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// Aligned or original images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<Images>,
    /// Frames that take part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames: Option<Frames>,
    /// Camera whose frames are read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub camera: Option<Camera>,
    /// Folds that are tested on, ascending; empty for a database with one division into train and test.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub folds: Vec<i32>,
    /// Where the folds come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fold_list: Option<String>,
    /// Digest of who belongs to which fold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fold_list_digest: Option<String>,
    /// The file with the split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split_list: Option<String>,
    /// Digest of its bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split_list_digest: Option<String>,
    /// Seed of the splitting hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split_seed: Option<u64>,
    /// Share of the test set under it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_share: Option<f64>,
    /// The file with reviewed labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relabel: Option<String>,
    /// Digest of its bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relabel_digest: Option<String>,
    /// How training samples are drawn.
    pub sampling: Sampling,
    /// Which epoch's model is reported.
    pub selection: Selection,
    /// Share of the training samples held out.
    pub validation: f64,
    /// Seed of the held-out choice.
    pub validation_seed: u64,
    /// Share of the training samples that are learned from.
    #[serde(skip_serializing_if = "is_one")]
    pub train_share: f64,
    /// Share of the training labels that are exchanged.
    #[serde(skip_serializing_if = "is_zero")]
    pub label_noise: f64,
    /// Seed of both; `None` where all is learned as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draw_seed: Option<u64>,
    /// What is done about pictures that two splits share.
    #[serde(skip_serializing_if = "DuplicateRule::is_report")]
    pub duplicates: DuplicateRule,
    /// What a test sample without a prediction counts as.
    #[serde(skip_serializing_if = "Missing::is_error")]
    pub missing: Missing,
    /// Training seeds, ascending.
    pub seeds: Vec<u64>,
    /// Whether `fold_list` is a file and not the card's division.
    #[serde(skip)]
    pub folds_from_file: bool,
    /// Whether `classes` leaves any of the card's out.
    #[serde(skip)]
    pub some_classes: bool,
}

impl Protocol {
    /// Names of the model's outputs, as columns of the feature table: classes, dimensions or action units.
    pub fn outputs(&self) -> Vec<String> {
        match self.task {
            Task::Expression => self.classes.clone(),
            Task::ValenceArousal => self.dimensions.clone(),
            Task::ActionUnits => action_unit::columns(&self.action_units),
        }
    }

    /// Fills in the outputs where only the data knew them (features made elsewhere).
    pub fn complete(&mut self, outputs: &[String]) {
        if !self.outputs().is_empty() {
            return;
        }
        match self.task {
            Task::Expression => self.classes = outputs.to_vec(),
            Task::ValenceArousal => self.dimensions = outputs.to_vec(),
            Task::ActionUnits => {
                let unit = |name: &String| Some(ActionUnit::of_column(name)?.number());
                self.action_units = outputs.iter().filter_map(unit).collect();
            }
        }
    }

    /// The folds to compute: those of the protocol, or one without number.
    pub fn units(&self) -> Vec<Option<i32>> {
        if self.folds.is_empty() {
            vec![None]
        } else {
            self.folds.iter().copied().map(Some).collect()
        }
    }

    /// What is done to the training samples; `persons`: of a database with folds.
    pub fn training(&self, persons: bool) -> Training {
        Training {
            share: self.train_share,
            by_subject: persons,
            label_noise: self.label_noise,
            seed: self.draw_seed.unwrap_or_default(),
        }
    }

    /// What the conversion needs to know of dataset and protocol.
    pub fn convert_options(&self, dataset: &DatasetConfig) -> ConvertOptions {
        ConvertOptions {
            images: self.images.unwrap_or_default(),
            frames: self.frames.unwrap_or_default(),
            camera: self.camera.unwrap_or_default(),
            folds: self.fold_list.as_ref().filter(|_| self.folds_from_file).map(Into::into),
            split_list: self.split_list.as_ref().map(Into::into),
            split_seed: self.split_seed.unwrap_or_default(),
            test_share: self.test_share.unwrap_or(TEST_SHARE),
            release: self.release.clone(),
            unknown: (!self.unknown.is_empty()).then(|| UnknownLabels {
                task: self.task,
                values: self.unknown.iter().map(|value| *value as f32).collect(),
            }),
            ..ConvertOptions::from(dataset)
        }
    }

    /// The part that decides whether numbers may be compared: no seeds, and lists by their content, not by their path.
    #[must_use]
    pub fn comparable(&self) -> Self {
        let list = |path: &Option<String>| path.as_ref().map(|_| "list".to_owned());
        Self {
            seeds: Vec::new(),
            fold_list: list(&self.fold_list),
            split_list: list(&self.split_list),
            relabel: list(&self.relabel),
            ..self.clone()
        }
    }

    /// As a manifest and a page show it: where reviewed labels lie on one machine is of no use on another.
    #[must_use]
    pub fn shown(&self) -> Self {
        let name = |path: &String| Some(Path::new(path).file_name()?.to_string_lossy().into_owned());
        Self {
            relabel: self.relabel.as_ref().and_then(name),
            ..self.clone()
        }
    }
}
