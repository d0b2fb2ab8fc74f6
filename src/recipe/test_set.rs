//! `[[test]]`: other databases that the models of a run are tested on.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use crate::dataset::{Card, DatasetConfig, FrameBase};
use crate::digest::Digest;
use crate::document::mistake::Mistake;
use crate::document::tree::Node;
use crate::error::{Error, Result};
use crate::feature::FeaturesConfig;
use crate::run::manifest::split_of;
use crate::task::Task;

use super::protocol::config::{Protocol, ProtocolConfig};
use super::shared::Shared;
use super::stand_in::StandInConfig;

/// Keys of a protocol that say what of a database is tested; the others say how models are made, and are `[protocol]`'s.
const KEYS: [&str; 18] = [
    "action_units",
    "au_threshold",
    "camera",
    "classes",
    "dimensions",
    "exclude_classes",
    "fold_list",
    "fold_list_digest",
    "folds",
    "frames",
    "images",
    "release",
    "split_list",
    "split_list_digest",
    "split_seed",
    "task",
    "test_share",
    "unknown",
];

/// Sections of a recipe that are not a test set's own.
const NOT_OF_A_TEST: [&str; 5] = ["test", "sweep", "expect", "score", "dataset"];

/// Which classes may be the answer to a face of another database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answers {
    /// Those that both databases have.
    #[default]
    Shared,
    /// All that were trained: one that the other database does not have is a wrong answer.
    All,
}

/// A further database to test on, as written: `[[test]]`, with `[test.dataset]` and `[test.protocol]` of its own. Nothing is trained or
/// chosen on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestConfig {
    /// Its name behind the `@` of metrics and splits (`acc@rafdb`): letters, digits, `-` and `_`. Default: that of its card.
    pub name: Option<String>,
    /// The database.
    pub dataset: DatasetConfig,
    /// What of it is tested: its task is that of the recipe. Of a database with folds, all samples of `folds`.
    #[serde(default)]
    pub protocol: ProtocolConfig,
    /// Expressions: whether the answer is one of the classes that both databases have, or any that was trained.
    #[serde(default)]
    pub answers: Option<Answers>,
    /// What its classes or action units are called where the models are trained: `{ Other = "", "au26" = "au25" }`; nothing leaves it
    /// out. Those that are not named are found by their name, classes by the usual words for one as well.
    #[serde(default)]
    pub names: BTreeMap<String, String>,
    /// How its faces are generated, where they are. Default: as many as of the recipe's own database, of another seed.
    #[serde(default)]
    pub stand_in: Option<StandInConfig>,
}

/// A further database to test on, with nothing left open.
#[derive(Debug, Clone, PartialEq)]
pub struct TestSet {
    /// Its name behind the `@` of metrics and splits.
    pub name: String,
    /// Which classes may be the answer; `None` where there are no classes.
    pub answers: Option<Answers>,
    /// What its outputs are called here.
    pub names: BTreeMap<String, String>,
    /// The database.
    pub database: Database,
}

/// What a recipe says of a database, with nothing left open.
#[derive(Debug, Clone, PartialEq)]
pub struct Database {
    /// Where it lies.
    pub dataset: DatasetConfig,
    /// What of it takes part.
    pub protocol: Protocol,
    /// Its feature table.
    pub features: FeaturesConfig,
    /// Its generated faces; present only in a run on them.
    pub stand_in: Option<StandInConfig>,
    /// Its card.
    pub card: Card,
}

/// As a resolved recipe shows it.
#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    answers: Option<Answers>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    names: &'a BTreeMap<String, String>,
    dataset: DatasetConfig,
    protocol: serde_json::Map<String, serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stand_in: Option<&'a StandInConfig>,
}

impl Serialize for TestSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.shown(&self.database.dataset, false).serialize(serializer)
    }
}

impl TestSet {
    fn shown(&self, dataset: &DatasetConfig, comparable: bool) -> Shown<'_> {
        let protocol = if comparable {
            self.database.protocol.comparable()
        } else {
            self.database.protocol.clone()
        };
        let mut protocol = match serde_json::to_value(&protocol) {
            Ok(serde_json::Value::Object(keys)) => keys,
            _ => serde_json::Map::new(),
        };
        protocol.retain(|key, _| KEYS.contains(&key.as_str()));
        Shown {
            name: &self.name,
            answers: self.answers,
            names: &self.names,
            dataset: dataset.clone(),
            protocol,
            stand_in: self.database.stand_in.as_ref(),
        }
    }

    /// The same without what says where files lie: what shapes the numbers.
    #[must_use]
    pub fn without_places(&self) -> Self {
        let mut here = self.clone();
        here.database.dataset = here.database.dataset.without_places();
        here
    }

    /// The name that rows of this test set have for a split.
    pub fn split(&self) -> String {
        split_of(&self.name)
    }

    /// Digest under which numbers on this test set may be ranked side by side, beside the protocol's own: what is tested, by which rule.
    /// `release` is the one that was read.
    ///
    /// # Errors
    /// If it cannot be encoded, which is a defect of this program.
    pub fn digest(&self, release: Option<&str>) -> Result<String> {
        let dataset = DatasetConfig {
            card: self.database.card.id.clone(),
            layout: "auto".to_owned(),
            frame_base: FrameBase::Auto,
            ..self.database.dataset.without_places()
        };
        let mut here = self.clone();
        here.database.protocol.release = release.map(str::to_owned);
        // What it is called says nothing about what is measured.
        let shown = Shown {
            name: "",
            ..here.shown(&dataset, true)
        };
        let text = serde_json::to_string(&shown)
            .map_err(|error| Error::data(format!("cannot encode the test set: {error}")))?;
        Ok(Digest::new("test set").part("test", text).finish())
    }

    /// Where its outputs, of these names, lie among those that are trained.
    ///
    /// # Errors
    /// As [`Shared::of`].
    pub fn shared(&self, ours: &[String], theirs: &[String]) -> Result<Shared, String> {
        Shared::of(ours, theirs, &self.names, self.database.protocol.task)
    }

    /// Positions of the outputs that are asked, of `outputs` that are trained.
    pub fn asked(&self, shared: &Shared, outputs: usize) -> Vec<usize> {
        match self.answers {
            Some(Answers::All) => (0..outputs).collect(),
            Some(Answers::Shared) | None => shared.both.clone(),
        }
    }
}

/// Resolves a tree in which a test set's database stands in place of the recipe's own.
pub(super) type Resolve<'a> = &'a dyn Fn(Node) -> Result<Database, Box<Mistake>>;

/// Resolves every `[[test]]` of a recipe, whose own database is `main`.
///
/// # Errors
/// The first mistake, with its place.
pub(super) fn resolve_all(
    tree: &Node,
    written: &[TestConfig],
    main: &Database,
    resolve: Resolve<'_>,
) -> Result<Vec<TestSet>, Box<Mistake>> {
    let mut tests: Vec<TestSet> = Vec::new();
    let entries = tree.get("test").map_or(&[][..], Node::items);
    for (at, (entry, config)) in entries.iter().zip(written).enumerate() {
        let test = one(tree, entry, config, at, main, resolve)?;
        // Files are called after them, which some systems tell apart by letters alone.
        if tests.iter().any(|there| there.name.eq_ignore_ascii_case(&test.name)) {
            return Err(entry.place_of("name", false).error(
                format!("two test sets are called `{}`", test.name),
                "the second",
                Some("give one of them a `name`".to_owned()),
            ));
        }
        tests.push(test);
    }
    Ok(tests)
}

fn one(
    tree: &Node,
    entry: &Node,
    config: &TestConfig,
    at: usize,
    main: &Database,
    resolve: Resolve<'_>,
) -> Result<TestSet, Box<Mistake>> {
    let wrong = |key: &str, message: String, label: &str, advice: &str| {
        Err(entry
            .place_of(key, false)
            .error(message, label, Some(advice.to_owned())))
    };
    let protocol = entry.get("protocol");
    let keys = protocol.map(Node::leaves).unwrap_or_default();
    if let Some((key, _)) = keys.iter().find(|(key, _)| !KEYS.contains(&key.as_str())) {
        return Err(entry.place_of(&format!("protocol.{key}"), true).error(
            format!("`{key}` says nothing about what is tested"),
            "how models are made and reported",
            Some(format!(
                "write it into [protocol]; keys of a test set: {}",
                KEYS.join(", ")
            )),
        ));
    }
    if entry.has("dataset.attributes") {
        return wrong(
            "dataset.attributes",
            "attributes are those of the recipe's own database".to_owned(),
            "of a test set",
            "take it out",
        );
    }
    let task = main.protocol.task;
    if config.answers.is_some() && task != Task::Expression {
        return wrong(
            "answers",
            "`answers` means nothing here: only expressions have classes".to_owned(),
            "this key",
            "take it out",
        );
    }
    // What is wrong with the card itself is told where recipes are.
    let card = config.dataset.load_card().ok();
    if card.is_some_and(|card| card.is_table() != main.card.is_table()) {
        return wrong(
            "dataset.card",
            "features made elsewhere and images cannot stand in one run: they would be of two encoders".to_owned(),
            "the other kind",
            "make a table of features of both databases, or name two databases of images",
        );
    }
    let mut own = tree.clone();
    for key in NOT_OF_A_TEST {
        own.remove(key);
    }
    if let Some(dataset) = entry.get("dataset") {
        own.put("dataset", dataset.clone());
    }
    let asked = Node::leaf_at("task", toml::Value::String(task.name().to_owned()), &entry.place);
    own.put(
        "protocol",
        protocol.map_or(asked.clone(), |protocol| asked.overlaid(protocol.clone())),
    );
    // Other faces than those that are learned from, of a size of its own; checked in every run, so that a mistake shows at once.
    let base = main.stand_in.as_ref().map_or(0, |config| config.seed);
    let seed = toml::Value::Integer(i64::try_from(base).unwrap_or(0).wrapping_add(at as i64 + 1));
    let seed = Node::leaf_at("seed", seed, &entry.place);
    let mut drawn = own.get("stand_in").cloned().unwrap_or_else(|| seed.clone());
    for key in ["layout", "size", "override"] {
        drawn.remove(key);
    }
    drawn = drawn.overlaid(seed);
    if let Some(said) = entry.get("stand_in") {
        drawn = drawn.overlaid(said.clone());
    }
    own.put("stand_in", drawn);
    let database = resolve(own)?;
    if database.protocol.task != task {
        return wrong(
            "protocol.task",
            format!(
                "models of {} are not asked for {}",
                task.name(),
                database.protocol.task.name()
            ),
            "another task",
            "take it out: a test set has the task of the recipe",
        );
    }
    let name = config.name.clone().unwrap_or_else(|| database.card.id.clone());
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 40 || !name.chars().all(plain) {
        return wrong(
            "name",
            format!("`{name}` cannot be the name of a test set"),
            "letters, digits, '-' and '_' only",
            "set `name` in this [[test]]",
        );
    }
    let mut test = TestSet {
        name,
        answers: (task == Task::Expression).then(|| config.answers.unwrap_or_default()),
        names: config.names.clone(),
        database,
    };
    let (ours, theirs) = (main.protocol.outputs(), test.database.protocol.outputs());
    // Features made elsewhere may say what they label only when they are read.
    if !ours.is_empty() && !theirs.is_empty() {
        match test.shared(&ours, &theirs) {
            Ok(shared) => test.names = shared.said(&ours, &theirs, task),
            Err(message) => {
                return wrong(
                    "names",
                    message,
                    "here",
                    "say in `names` what its outputs are called in the recipe's own database",
                );
            }
        }
    }
    Ok(test)
}
