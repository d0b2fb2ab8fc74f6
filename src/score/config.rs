//! How the predictions of a tool are read: the recipe's section `[score]`, and the mappings in `mappings/`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::action_unit::ActionUnit;
use crate::document::invalid::Invalid;
use crate::feature::threshold::AuThreshold;
use crate::spelling::same_class;

/// The `[score]` section: which columns of a file of predictions mean what. What is left open is what the tool's mapping says, else
/// what the columns are called.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScoreConfig {
    /// The tool: the name of a mapping that the program carries (`py-feat`, `openface2`, …), the path of a TOML file with keys of
    /// this section, or any other name, under which the tables show it. Default: the mapping whose columns are there, else the
    /// name of the file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tool: String,
    /// How a row is matched with its sample. Default: by the first of these whose columns are there.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub by: Option<Match>,
    /// Column with the sample's identifier, as in the samples table.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sample_id: String,
    /// Column with the image: its path, or the end of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub image: String,
    /// Column with the person, or the video. Default: the name of the file, where rows are frames.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// Column with the frame of the video.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub frame: String,
    /// What the tool calls the first frame of a video, 0 or 1. Default: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_base: Option<i32>,
    /// Column with the fold that the sample was tested in.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fold: String,
    /// Column with the training seed, where the file holds the predictions of several.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub seed: String,
    /// Column that is 0 (or false) where the tool found no face: such a row is no prediction.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub found: String,
    /// Column with how sure the tool is that there is a face.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub confidence: String,
    /// Which row counts where an image has several faces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub faces: Option<Faces>,
    /// Column of each class: `{ happiness = "Happy" }`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub classes: BTreeMap<String, String>,
    /// Column with all scores of a row, as a list in the order of `class_order`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scores: String,
    /// Column with the predicted class, by name or by its place in `class_order`, from 0.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub prediction: String,
    /// The classes in the tool's order, for class numbers and lists of scores.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub class_order: Vec<String>,
    /// Orders for lists of scores of different lengths, where a tool has several models: that counts which is as long as the list. Values
    /// that are no classes are named too: `valence`, `arousal`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub class_orders: Vec<Vec<String>>,
    /// Orders by card, where a tool is trained anew for each database: `{ rafdb = ["surprise", …] }`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub class_order_of: BTreeMap<String, Vec<String>>,
    /// What scores of classes are. Default: probabilities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scores_are: Option<Scores>,
    /// What is done about classes of the tool that are none of the protocol's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_classes: Option<OtherClasses>,
    /// Whether the order of the classes is right although another would fit the labels far better.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_is_right: Option<bool>,
    /// Column with valence.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub valence: String,
    /// Column with arousal.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub arousal: String,
    /// The ends of the tool's scale of valence and arousal, which become −1 and 1. Default: [−1, 1].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<[f64; 2]>,
    /// Column of each action unit: `{ au12 = "AU12_r" }`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub units: BTreeMap<String, String>,
    /// Column with all units of a row, as a list in the order of `unit_order`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub unit_list: String,
    /// The units of such a list, as `["au01", "au02"]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unit_order: Vec<String>,
    /// What the columns of action units hold. Default: seen in the values, where these allow one only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units_are: Option<Units>,
    /// From which intensity on a unit is called active. Default: the protocol's own threshold, by which the labels are read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit_threshold: Option<AuThreshold>,
    /// Columns that this tool's files have and others do not, by which the mapping is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub known_by: Vec<String>,
    /// Title of the tool, for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Where the form of its files is described, and what was looked at.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
}

/// How a row is matched with its sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Match {
    /// By the sample's identifier.
    SampleId,
    /// By the image: its path, or as much of the end of it as names one image alone.
    Image,
    /// By person (or video) and frame.
    Frame,
    /// By their order: the test samples in the order of the samples table, all of them. Nothing then shows a row that is missing.
    Order,
}

/// Which row counts where an image has several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Faces {
    /// A second row of a sample is an error.
    #[default]
    Error,
    /// The one that stands first.
    First,
    /// The one whose `confidence` is largest; the first of equals.
    MostConfident,
}

/// What scores of classes are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scores {
    /// Probabilities, from 0 to 1.
    #[default]
    Probabilities,
    /// Percentages, from 0 to 100.
    Percentages,
    /// What a softmax makes probabilities of.
    Logits,
}

/// What is done about classes of the tool that are none of the protocol's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OtherClasses {
    /// They are refused: what is done about them decides the numbers.
    #[default]
    Error,
    /// The tool is asked among the protocol's classes alone: the others' scores are taken away.
    Restrict,
    /// A sample that is given such a class counts as `protocol.missing = "wrong"` says.
    Wrong,
}

/// What the columns of action units hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Units {
    /// Probabilities, from 0 to 1: active from one half on.
    Probabilities,
    /// 0 or 1.
    Binary,
    /// Intensities, from 0 to 5: active by `unit_threshold`.
    Intensities,
}

impl ScoreConfig {
    /// Checks values that types cannot.
    ///
    /// # Errors
    /// Key below `[score]` and what was expected.
    pub fn validate(&self) -> Result<(), Invalid> {
        let fail = |key: &str, message: String| Err((key.to_owned(), message));
        if self.frame_base.is_some_and(|base| !(0..=1).contains(&base)) {
            return fail("frame_base", "expected 0 or 1".to_owned());
        }
        if let Some([low, high]) = self.range
            && !(low.is_finite() && high.is_finite() && low < high)
        {
            return fail(
                "range",
                "expected the two ends of a scale, the lower first, as [1, 9]".to_owned(),
            );
        }
        if let Some(unknown) = self.units.keys().find(|name| ActionUnit::named(name).is_none()) {
            return fail(
                "units",
                format!("`{unknown}` is no action unit; expected names such as au12"),
            );
        }
        if let Some(unknown) = self.unit_order.iter().find(|name| ActionUnit::named(name).is_none()) {
            return fail(
                "unit_order",
                format!("`{unknown}` is no action unit; expected names such as au12"),
            );
        }
        if let Some((one, other)) = same_class(&self.class_order) {
            return fail("class_order", format!("`{one}` and `{other}` are one class"));
        }
        Ok(())
    }

    /// The order of classes that holds for a list of `width` scores (or for numbers, without a list) of the database of this card;
    /// empty where none is stated.
    pub fn order(&self, card: &str, width: Option<usize>) -> &[String] {
        if !self.class_order.is_empty() {
            return &self.class_order;
        }
        let of_card = self.class_order_of.get(card);
        let by_width = || {
            self.class_orders
                .iter()
                .find(|order| width.is_none_or(|width| order.len() == width))
        };
        of_card.or_else(by_width).map_or(&[], Vec::as_slice)
    }

    /// The same without columns that are not in a file: a mapping names those of every form in which its tool writes.
    #[must_use]
    pub fn within(mut self, there: impl Fn(&str) -> bool) -> Self {
        for column in [
            &mut self.sample_id,
            &mut self.image,
            &mut self.subject,
            &mut self.frame,
            &mut self.fold,
            &mut self.seed,
            &mut self.found,
            &mut self.confidence,
            &mut self.scores,
            &mut self.prediction,
            &mut self.valence,
            &mut self.arousal,
            &mut self.unit_list,
        ] {
            if !there(column) {
                column.clear();
            }
        }
        self.classes.retain(|_, column| there(column));
        self.units.retain(|_, column| there(column));
        self
    }

    /// This over `below`: what this leaves open is as below, columns of classes and units one by one.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        let text = |own: String, below: String| if own.is_empty() { below } else { own };
        let list = |own: Vec<String>, below: Vec<String>| if own.is_empty() { below } else { own };
        let map = |own: BTreeMap<String, String>, mut below: BTreeMap<String, String>| {
            below.extend(own);
            below
        };
        Self {
            tool: text(self.tool, below.tool),
            by: self.by.or(below.by),
            sample_id: text(self.sample_id, below.sample_id),
            image: text(self.image, below.image),
            subject: text(self.subject, below.subject),
            frame: text(self.frame, below.frame),
            frame_base: self.frame_base.or(below.frame_base),
            fold: text(self.fold, below.fold),
            seed: text(self.seed, below.seed),
            found: text(self.found, below.found),
            confidence: text(self.confidence, below.confidence),
            faces: self.faces.or(below.faces),
            classes: map(self.classes, below.classes),
            scores: text(self.scores, below.scores),
            prediction: text(self.prediction, below.prediction),
            class_order: list(self.class_order, below.class_order),
            class_orders: if self.class_orders.is_empty() {
                below.class_orders
            } else {
                self.class_orders
            },
            class_order_of: if self.class_order_of.is_empty() {
                below.class_order_of
            } else {
                self.class_order_of
            },
            scores_are: self.scores_are.or(below.scores_are),
            other_classes: self.other_classes.or(below.other_classes),
            order_is_right: self.order_is_right.or(below.order_is_right),
            valence: text(self.valence, below.valence),
            arousal: text(self.arousal, below.arousal),
            range: self.range.or(below.range),
            units: map(self.units, below.units),
            unit_list: text(self.unit_list, below.unit_list),
            unit_order: list(self.unit_order, below.unit_order),
            units_are: self.units_are.or(below.units_are),
            unit_threshold: self.unit_threshold.or(below.unit_threshold),
            known_by: list(self.known_by, below.known_by),
            title: text(self.title, below.title),
            source: text(self.source, below.source),
        }
    }
}
