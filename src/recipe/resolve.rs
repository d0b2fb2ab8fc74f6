//! From a tree of what was written to a [`Recipe`] in which nothing is left open.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::check::ExpectConfig;
use crate::dataset::{Card, DatasetConfig, FrameBase};
use crate::digest::Digest;
use crate::document::invalid::Invalid;
use crate::document::mistake::Mistake;
use crate::document::tree::{Node, OVERRIDE};
use crate::encoder::config::{EncoderConfig, EncoderKind};
use crate::error::{Error, Result};
use crate::feature::{FeaturesConfig, TokenGrid};
use crate::fitting::config::FittingConfig;
use crate::model::ModelConfig;
use crate::model::config::{Level, Standardise};
use crate::model::loss::config::LossConfig;
use crate::report::ReportConfig;
use crate::rival::config::RivalConfig;
use crate::rival::finetune::config::FinetuneConfig;
use crate::score::config::ScoreConfig;
use crate::task::Task;
use crate::train::TrainConfig;
use crate::train::setup::Method;

use super::embedded::asked;
use super::load::{RecipeOptions, laid, load, stem};
use super::protocol;
use super::protocol::config::Protocol;
use super::stand_in::StandInConfig;
use super::test_set::{self, Database, TestSet};
use super::written::Written;

/// Version of the recipe format that this program reads.
const SCHEMA: u32 = 1;

/// A recipe that can be run. It is only made by [`Recipe::load`], which has read, merged and checked everything.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Recipe {
    /// Version of the format.
    pub schema: u32,
    /// Short name.
    pub name: String,
    /// Title for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Which AURA.
    pub method: Method,
    /// The database.
    pub dataset: DatasetConfig,
    /// The encoder.
    pub encoder: EncoderConfig,
    /// The feature table.
    pub features: FeaturesConfig,
    /// The protocol.
    pub protocol: Protocol,
    /// AURA's parts.
    pub model: ModelConfig,
    /// AURA's losses.
    pub loss: LossConfig,
    /// Optimisation.
    pub train: TrainConfig,
    /// How settings are chosen and outputs fitted.
    pub fitting: FittingConfig,
    /// The rivals.
    pub baselines: RivalConfig,
    /// The rival that trains the encoder itself.
    pub finetune: FinetuneConfig,
    /// How predictions made elsewhere are read.
    #[serde(skip)]
    pub score: ScoreConfig,
    /// The report.
    pub report: ReportConfig,
    /// What the numbers are expected to be.
    #[serde(skip_serializing_if = "ExpectConfig::is_empty")]
    pub expect: ExpectConfig,
    /// Generated faces; present only in a run on them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stand_in: Option<StandInConfig>,
    /// Further databases to test on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<TestSet>,
    /// The database's card.
    #[serde(skip)]
    pub card: Card,
    /// The file that was read.
    #[serde(skip)]
    pub file: PathBuf,
}

impl Recipe {
    /// Reads, merges and checks a recipe.
    ///
    /// # Errors
    /// A [`Mistake`] with file, line and advice (exit 2).
    pub fn load(path: &Path, options: &RecipeOptions) -> Result<Self> {
        let path = &asked(path);
        let tree = load(path, options)?;
        // The overrides for generated faces are checked in every run, so that a mistake in them shows at once.
        if let (false, Some(overrides)) = (options.stand_in, tree.get("stand_in").and_then(|s| s.get("override"))) {
            resolve(path, laid(tree.clone(), overrides.clone()), true)?;
        }
        Ok(resolve(path, tree, options.stand_in)?)
    }

    /// As [`Self::load`], of the recipe in a run folder, by somebody who asks about its model and not about what it was tested on: the
    /// files that other databases name, and the list of reviewed labels, need not be there.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn of_run(path: &Path, stand_in: bool) -> Result<Self> {
        let options = RecipeOptions {
            stand_in,
            set: Vec::new(),
        };
        let mut tree = load(path, &options)?;
        tree.remove("test");
        tree.remove("expect");
        for key in ["relabel", "relabel_digest"] {
            tree.remove_at("protocol", key);
        }
        Ok(resolve(path, tree, stand_in)?)
    }

    /// What it says of its own database.
    fn database(&self) -> Database {
        Database {
            dataset: self.dataset.clone(),
            protocol: self.protocol.clone(),
            features: self.features.clone(),
            stand_in: self.stand_in.clone(),
            card: self.card.clone(),
        }
    }

    /// The same recipe without further test sets.
    #[must_use]
    pub fn alone(&self) -> Self {
        Self {
            test: Vec::new(),
            ..self.clone()
        }
    }

    /// The same recipe with the database of a test set in place of its own.
    #[must_use]
    pub fn on(&self, test: &TestSet) -> Self {
        let Database {
            dataset,
            protocol,
            features,
            stand_in,
            card,
        } = test.database.clone();
        Self {
            dataset,
            features,
            protocol,
            stand_in,
            card,
            ..self.alone()
        }
    }

    /// The recipe as TOML, with every value spelled out.
    ///
    /// # Errors
    /// If it cannot be written as TOML, which is a defect of this program.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::data(format!("cannot write the recipe as TOML: {error}")))
    }

    /// Digest of everything that shapes the numbers of one seed: not the seeds, not the report or
    /// what is expected of them, not where the data lie.
    ///
    /// # Errors
    /// As [`Self::to_toml`].
    pub fn digest(&self) -> Result<String> {
        let mut recipe = self.clone();
        recipe.protocol.seeds.clear();
        // By its digest alone.
        recipe.protocol.relabel = recipe.protocol.relabel.map(|_| "list".to_owned());
        recipe.report = ReportConfig::default();
        recipe.expect = ExpectConfig::default();
        recipe.title = None;
        recipe.dataset = recipe.dataset.without_places();
        for test in &mut recipe.test {
            *test = test.without_places();
        }
        Ok(Digest::new("recipe").part("toml", recipe.to_toml()?).finish())
    }

    /// Digest under which results may be ranked side by side: database, protocol, and whether the faces are generated. Further test
    /// sets have digests of their own (`TestSet::digest`) and change nothing about these.
    ///
    /// # Errors
    /// If the protocol cannot be encoded, which is a defect of this program.
    pub fn protocol_digest(&self) -> Result<String> {
        // How the folder lies on disk says nothing about what is measured; its release is part of the protocol.
        let dataset = DatasetConfig {
            card: self.card.id.clone(),
            layout: "auto".to_owned(),
            frame_base: FrameBase::Auto,
            ..self.dataset.without_places()
        };
        let encode = |value: serde_json::Result<String>| {
            value.map_err(|error| Error::data(format!("cannot encode the protocol: {error}")))
        };
        Ok(Digest::new("protocol")
            .part("dataset", encode(serde_json::to_string(&dataset))?)
            .part("protocol", encode(serde_json::to_string(&self.protocol.comparable()))?)
            .part("stand_in", encode(serde_json::to_string(&self.stand_in))?)
            .finish())
    }
}

/// The JSON Schema of recipes, for editors.
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(Written).to_value()
}

/// Checks a whole tree and leaves nothing open.
///
/// # Errors
/// The first mistake, with its place.
pub fn resolve(path: &Path, mut tree: Node, stand_in: bool) -> Result<Recipe, Box<Mistake>> {
    tree.remove_at("stand_in", "override");
    let place = |key: &str| tree.place_of(key, false);
    gone(&tree)?;
    let mut written: Written = tree.read()?;
    if written.schema != SCHEMA {
        return Err(place("schema").error(
            format!(
                "this program reads recipes of schema {SCHEMA}, this one has {}",
                written.schema
            ),
            "unknown version",
            Some(format!(
                "set schema = {SCHEMA} and check the keys with `aura-bench validate`"
            )),
        ));
    }
    if written.sweep.is_some() {
        return Err(tree.place_of("sweep", true).error(
            "this recipe is a study, and one run is asked for",
            "a study",
            Some("`aura-bench run` runs all its points".to_owned()),
        ));
    }
    let name = match &written.name {
        Some(name) => name.clone(),
        None => stem(path),
    };
    if name.is_empty() || name.len() > 80 || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
        return Err(place("name").error(
            format!("`{name}` cannot be the name of a run"),
            "letters, digits, '-' and '_' only",
            Some("set `name` in the recipe".to_owned()),
        ));
    }
    check(&tree, "dataset", written.dataset.validate())?;
    check(&tree, "encoder", written.encoder.validate())?;
    check(&tree, "features", written.features.validate())?;
    check(&tree, "protocol", written.protocol.validate())?;
    check(&tree, "model", written.model.validate())?;
    check(&tree, "loss", written.loss.validate())?;
    check(&tree, "train", written.train.validate())?;
    check(&tree, "fitting", written.fitting.validate())?;
    check(&tree, "baselines", written.baselines.validate())?;
    check(&tree, "finetune", written.finetune.validate())?;
    if written.finetune.enabled && written.encoder.kind == EncoderKind::Hog {
        return Err(place("finetune.enabled").error(
            "`hog` has no weights that could be fine-tuned",
            "needs an encoder that can be trained",
            Some("set encoder.kind to \"clip\", \"dino\" or \"dinov2\"".to_owned()),
        ));
    }
    check(&tree, "report", written.report.validate())?;
    check(&tree, "score", written.score.validate())?;
    check(&tree, "expect", written.expect.validate())?;
    check(&tree, "stand_in", written.stand_in.validate())?;

    if !tree.has("dataset.card") {
        return Err(place("dataset").error(
            "`dataset.card` is missing",
            "names no database",
            Some(format!("built-in cards: {}", Card::names().join(", "))),
        ));
    }
    let card = written.dataset.load_card().map_err(|error| card_error(&tree, error))?;
    if card.is_table() {
        made_elsewhere(path, &tree, &mut written, stand_in)?;
    }
    written.encoder = if card.is_table() {
        EncoderConfig::default()
    } else {
        written.encoder.completed()
    };
    let protocol = protocol::resolve(&tree, &written.protocol, &card)?;
    let mut features = features(&tree, written.features, &written.model, protocol.task)?;
    features.max_pixels = written.dataset.max_pixels;
    let mut recipe = Recipe {
        schema: SCHEMA,
        name,
        title: written.title,
        method: written.method,
        dataset: written.dataset,
        encoder: written.encoder,
        features,
        protocol,
        model: written.model,
        loss: written.loss,
        train: written.train,
        fitting: written.fitting,
        baselines: written.baselines,
        finetune: written.finetune,
        score: written.score,
        report: written.report,
        expect: written.expect,
        stand_in: stand_in.then_some(written.stand_in),
        test: Vec::new(),
        card,
        file: path.to_owned(),
    };
    let of_test = |tree| resolve(path, tree, stand_in).map(|recipe| recipe.database());
    recipe.test = test_set::resolve_all(&tree, &written.test, &recipe.database(), &of_test)?;
    let tests: Vec<&str> = recipe.test.iter().map(|test| test.name.as_str()).collect();
    check(&tree, "expect", recipe.expect.fits(recipe.protocol.task, &tests))?;
    Ok(recipe)
}

/// Keys that recipes once had, or that are easily written for others, with what to write instead.
fn gone(tree: &Node) -> Result<(), Box<Mistake>> {
    if tree.get("test").is_some_and(|test| test.get("dataset").is_some()) {
        return Err(tree.place_of("test", true).error(
            "there may be several test sets: they are a list",
            "one table",
            Some("write [[test]] above, and [test.dataset] below it".to_owned()),
        ));
    }
    let key = "features.max_megapixels";
    if !tree.has(key) {
        return Ok(());
    }
    let pixels = tree
        .get("features")
        .and_then(|section| section.get("max_megapixels"))
        .and_then(|value| value.to_value().as_integer())
        .map_or_else(|| "N".to_owned(), |millions| (millions << 20).to_string());
    Err(tree.place_of(key, true).error(
        format!("`{key}` is gone: one limit holds for conversion and extraction"),
        "no key any more",
        Some(format!("set dataset.max_pixels = {pixels}")),
    ))
}

/// A mistake in a card is shown where it stands; a card that is not there, where it is named.
fn card_error(tree: &Node, error: Error) -> Box<Mistake> {
    match error {
        Error::Document(mistake) => mistake,
        error => tree
            .place_of("dataset.card", false)
            .error(error.to_string(), "no such card", None),
    }
}

/// What makes no sense with features made elsewhere. The encoder of a recipe that is extended is left aside.
fn made_elsewhere(path: &Path, tree: &Node, written: &mut Written, stand_in: bool) -> Result<(), Box<Mistake>> {
    if stand_in {
        return Err(tree.place_of("dataset.card", false).error(
            "features made elsewhere have no stand-in: no faces are read",
            "reads a table of features",
            Some("run it on the features, without a stand-in".to_owned()),
        ));
    }
    let encoder = tree.place_of("encoder.kind", false);
    let own = encoder.file() == OVERRIDE || Path::new(encoder.file()) == path;
    if own && written.encoder != EncoderConfig::default() {
        return Err(encoder.error(
            "features made elsewhere are not encoded again",
            "has no effect with dataset.card = \"table\"",
            Some("remove the section; dataset.table.encoder names the model that made the features".to_owned()),
        ));
    }
    // Most such tables hold one vector a sample: tokens are read where the recipe speaks of them.
    let named = written.features.tokens != TokenGrid::None || !written.dataset.table.tokens.is_empty();
    if !named && written.model.level.is_none() {
        written.model.level = Some(Level::Global);
    }
    // Columns of a table may have any units.
    if !tree.has("model.standardise") {
        written.model.standardise = Standardise::Dimension;
    }
    Ok(())
}

fn check(tree: &Node, section: &str, found: Result<(), Invalid>) -> Result<(), Box<Mistake>> {
    found.map_err(|(key, message)| tree.invalid(&(format!("{section}.{key}"), message)))
}

/// A model of patch tokens needs them in the table: all, unless the recipe says otherwise.
fn features(
    tree: &Node,
    mut features: FeaturesConfig,
    model: &ModelConfig,
    task: Task,
) -> Result<FeaturesConfig, Box<Mistake>> {
    if model.level_for(task) == Level::Global || features.tokens != TokenGrid::None {
        return Ok(features);
    }
    if tree.has("features.tokens") {
        return Err(tree.place_of("features.tokens", false).error(
            "the model reads patch tokens, and the feature table shall have none",
            "no tokens",
            Some("set features.tokens = \"all\" or a grid like \"7x7\", or model.level = \"global\"".to_owned()),
        ));
    }
    features.tokens = TokenGrid::All;
    Ok(features)
}
