//! Which column of a file means what.

use std::path::Path;

use crate::action_unit::ActionUnit;
use crate::error::{Error, Result};
use crate::task::Task;

use super::config::{Match, OtherClasses, ScoreConfig, Scores};
use super::frame::{Kind, Offer};
use super::mapping::{bare, class_of, is_class, unit_of, usual};

/// The columns of one file.
#[derive(Debug, Clone, PartialEq)]
pub struct Roles {
    /// How rows may find their samples, the surest first.
    pub keys: Vec<Key>,
    pub fold: Option<String>,
    pub seed: Option<String>,
    pub found: Option<String>,
    pub confidence: Option<String>,
    pub said: Said,
}

/// What names the sample of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// A column of identifiers.
    SampleId(String),
    /// A column of images.
    Image(String),
    /// A column of people or videos (else the file's name) and one of frames.
    Frame(Option<String>, String),
    /// The file's name is that of the image.
    File,
    /// The order of the rows.
    Order,
}

/// Where the predictions stand.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// A column a class: the protocol's by their places, and others.
    Scores {
        columns: Vec<(usize, String)>,
        others: Vec<String>,
    },
    /// A list a row, and what each of its values is.
    List { column: String, places: Vec<Place> },
    /// The predicted class, by name or number.
    Class { column: String, order: Vec<String> },
    /// A column a dimension or unit, in the protocol's order.
    Numbers(Vec<String>),
    /// A list a row, for each of the protocol's outputs the place in it.
    NumberList { column: String, places: Vec<usize> },
}

/// What a value of a list is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The score of a class of the protocol.
    Class(usize),
    /// The score of another class, by its name.
    Other(String),
    /// Something else.
    Aside,
}

/// What the columns are of.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub task: Task,
    /// Names of the protocol's outputs.
    pub outputs: &'a [String],
    /// The database's card.
    pub card: &'a str,
}

impl Roles {
    /// Finds the columns of `path` among those of `offer`. `stated` is the order of classes that the file itself states.
    ///
    /// # Errors
    /// [`Error::Data`] if a column that is named is not there, or nothing is found that could be predictions.
    pub fn find(
        path: &Path,
        offer: &Offer,
        config: &ScoreConfig,
        asked: Asked<'_>,
        stated: Vec<String>,
    ) -> Result<Self> {
        let finder = Finder {
            path,
            offer,
            config,
            outputs: asked.outputs,
            card: asked.card,
            stated,
        };
        let roles = Self {
            keys: finder.keys()?,
            fold: finder.one("fold", &config.fold, "fold")?,
            seed: finder.one("seed", &config.seed, "seed")?,
            found: finder.named("found", &config.found)?,
            confidence: finder.named("confidence", &config.confidence)?,
            said: match asked.task {
                Task::Expression => finder.classes()?,
                Task::ValenceArousal => finder.dimensions()?,
                Task::ActionUnits => finder.units()?,
            },
        };
        Ok(roles)
    }

    /// The columns that are read.
    pub fn columns(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for key in &self.keys {
            match key {
                Key::SampleId(column) | Key::Image(column) => all.push(column.clone()),
                Key::Frame(subject, frame) => {
                    all.extend(subject.clone());
                    all.push(frame.clone());
                }
                Key::File | Key::Order => {}
            }
        }
        all.extend(
            [&self.fold, &self.seed, &self.found, &self.confidence]
                .into_iter()
                .flatten()
                .cloned(),
        );
        match &self.said {
            Said::Scores { columns, others } => {
                all.extend(columns.iter().map(|(_, column)| column.clone()));
                all.extend(others.iter().cloned());
            }
            Said::List { column, .. } | Said::Class { column, .. } | Said::NumberList { column, .. } => {
                all.push(column.clone());
            }
            Said::Numbers(columns) => all.extend(columns.iter().cloned()),
        }
        all.sort();
        all.dedup();
        all
    }
}

/// What a list may hold beside the scores of classes.
const DIMENSIONS: [&str; 2] = ["valence", "arousal"];

struct Finder<'a> {
    path: &'a Path,
    offer: &'a Offer,
    config: &'a ScoreConfig,
    outputs: &'a [String],
    card: &'a str,
    stated: Vec<String>,
}

impl Finder<'_> {
    fn wrong(&self, what: impl std::fmt::Display) -> Error {
        Error::unusable_table(format!("{}: {what}", self.path.display()))
    }

    fn there(&self) -> String {
        const SHOWN: usize = 20;
        let names: Vec<&str> = self.offer.iter().map(|(name, _)| name.as_str()).collect();
        match names.len() {
            0 => "it has no columns".to_owned(),
            n if n > SHOWN => format!("its {n} columns begin with {}", names[..SHOWN].join(", ")),
            _ => format!("its columns are {}", names.join(", ")),
        }
    }

    /// The column that is named for `key`, which has to be there, once.
    fn named(&self, key: &str, name: &str) -> Result<Option<String>> {
        if name.is_empty() {
            return Ok(None);
        }
        // Columns of one name are held against each other when they are read.
        if self.offer.iter().any(|(there, _)| there == name) {
            return Ok(Some(name.to_owned()));
        }
        Err(self.wrong(format!("score.{key} = \"{name}\" is no column of it; {}", self.there())))
    }

    /// The column that is named for `key`, or one with a usual name.
    fn one(&self, key: &str, name: &str, meaning: &str) -> Result<Option<String>> {
        Ok(self.named(key, name)?.or_else(|| usual(self.offer, meaning, false)))
    }

    fn keys(&self) -> Result<Vec<Key>> {
        let config = self.config;
        let id = self.one("sample_id", &config.sample_id, "sample_id")?;
        let image = self.one("image", &config.image, "image")?;
        let subject = self
            .one("subject", &config.subject, "subject")?
            .or_else(|| image.clone());
        let frame = self.one("frame", &config.frame, "frame")?;
        let mut keys: Vec<Key> = Vec::new();
        let asked = |by: Match| config.by.is_none_or(|asked| asked == by);
        if asked(Match::SampleId) {
            keys.extend(id.map(Key::SampleId));
        }
        if asked(Match::Image) {
            keys.extend(image.clone().map(Key::Image));
        }
        if asked(Match::Frame) {
            keys.extend(frame.map(|frame| Key::Frame(subject, frame)));
        }
        if asked(Match::Image) && image.is_none() {
            keys.push(Key::File);
        }
        if config.by == Some(Match::Order) {
            keys = vec![Key::Order];
        }
        if keys.is_empty() {
            let key = match config.by {
                Some(Match::SampleId) => "sample_id",
                Some(Match::Frame) => "frame",
                _ => "image",
            };
            return Err(self.wrong(format!(
                "no column names the samples; say which one does, as score.{key} = \"NAME\"; {}",
                self.there()
            )));
        }
        Ok(keys)
    }

    /// The protocol's class that a word means.
    fn class(&self, word: &str) -> Option<usize> {
        let meant = class_of(word);
        self.outputs.iter().position(|class| class_of(class) == meant)
    }

    fn classes(&self) -> Result<Said> {
        let config = self.config;
        let named = !config.classes.is_empty();
        if named || (config.scores.is_empty() && config.prediction.is_empty()) {
            let said = if named {
                self.mapped_scores()?
            } else {
                self.usual_scores()?
            };
            if let Some(said) = said {
                return Ok(said);
            }
        }
        if config.prediction.is_empty()
            && let Some(column) = self.list_of("scores", &config.scores, "scores")?
        {
            return self.list(column);
        }
        let Some(column) = self.one("prediction", &config.prediction, "prediction")? else {
            return Err(self.wrong(format!(
                "no predictions of the classes {} are found: expected a column a class, a column `prediction`, or a list `probabilities`; \
                 say which column is meant, as score.classes.{} = \"NAME\"; {}",
                self.outputs.join(", "),
                self.outputs.first().map_or("happiness", String::as_str),
                self.there()
            )));
        };
        let order = self.order(None);
        self.known_order(order)?;
        Ok(Said::Class {
            column,
            order: order.to_vec(),
        })
    }

    /// The columns that the mapping names, those of other classes among them.
    fn mapped_scores(&self) -> Result<Option<Said>> {
        let (mut columns, mut others) = (Vec::new(), Vec::new());
        for (class, column) in &self.config.classes {
            let key = format!("classes.{class}");
            match self.class(class) {
                Some(place) => {
                    let found = self.named(&key, column)?;
                    columns.extend(found.map(|column| (place, column)));
                }
                None if is_class(class) => others.extend(self.named(&key, column)?),
                None => {
                    return Err(self.wrong(format!(
                        "score.{key}: `{class}` is no class of the protocol, whose classes are {}",
                        self.outputs.join(", ")
                    )));
                }
            }
        }
        self.once(columns, others).map(Some)
    }

    /// The columns that are called after classes.
    fn usual_scores(&self) -> Result<Option<Said>> {
        let (mut columns, mut others) = (Vec::new(), Vec::new());
        for (name, kind) in self.offer {
            if *kind != Kind::One {
                continue;
            }
            let words = bare(name);
            if let Some(place) = words.iter().find_map(|word| self.class(word)) {
                columns.push((place, name.clone()));
            } else if words.iter().any(|word| is_class(word)) {
                others.push(name.clone());
            }
        }
        if columns.len() < 2 {
            return Ok(None);
        }
        self.once(columns, others).map(Some)
    }

    fn once(&self, mut columns: Vec<(usize, String)>, others: Vec<String>) -> Result<Said> {
        columns.sort();
        if let Some([one, other]) = columns.array_windows().find(|[one, other]| one.0 == other.0) {
            return Err(self.wrong(format!(
                "the columns `{}` and `{}` both mean {}; name the one that is meant as score.classes.{}",
                one.1, other.1, self.outputs[one.0], self.outputs[one.0]
            )));
        }
        Ok(Said::Scores { columns, others })
    }

    fn list_of(&self, key: &str, name: &str, meaning: &str) -> Result<Option<String>> {
        let found = self.named(key, name)?.or_else(|| usual(self.offer, meaning, true));
        match &found {
            Some(column) if self.width(column).is_none() => Err(self.wrong(format!(
                "score.{key} = \"{column}\" holds one value a row; expected a list of them"
            ))),
            _ => Ok(found),
        }
    }

    fn width(&self, column: &str) -> Option<usize> {
        self.offer.iter().find_map(|(name, kind)| match kind {
            Kind::List(width) if name == column => Some(*width),
            _ => None,
        })
    }

    /// The order of classes that holds: the recipe's, the file's own, the tool's.
    fn order(&self, width: Option<usize>) -> &[String] {
        if self.config.class_order.is_empty() && !self.stated.is_empty() {
            return &self.stated;
        }
        self.config.order(self.card, width)
    }

    fn list(&self, column: String) -> Result<Said> {
        let width = self.width(&column).unwrap_or(0);
        let order = self.order(Some(width));
        if order.len() != width {
            let example: Vec<String> = self.outputs.iter().map(|class| format!("\"{class}\"")).collect();
            return Err(self.wrong(if order.is_empty() {
                format!(
                    "`{column}` holds {width} scores a row, and nothing says which class is which: state the tool's own order, as \
                     score.class_order = [{}]",
                    example.join(", ")
                )
            } else {
                format!(
                    "`{column}` holds {width} scores a row, and score.class_order names {}: {}",
                    order.len(),
                    order.join(", ")
                )
            }));
        }
        self.known_order(order)?;
        let place = |word: &String| match self.class(word) {
            Some(class) => Place::Class(class),
            None if DIMENSIONS.contains(&word.to_lowercase().as_str()) => Place::Aside,
            None => Place::Other(word.clone()),
        };
        Ok(Said::List {
            places: order.iter().map(place).collect(),
            column,
        })
    }

    /// Refuses an order with a word that is no class of anything: a slip of the pen would else be another class.
    fn known_order(&self, order: &[String]) -> Result<()> {
        match order.iter().find(|word| {
            self.class(word).is_none() && !is_class(word) && !DIMENSIONS.contains(&word.to_lowercase().as_str())
        }) {
            None => Ok(()),
            Some(word) => Err(self.wrong(format!(
                "score.class_order: `{word}` is no class of the protocol ({}), nor another expression that is known",
                self.outputs.join(", ")
            ))),
        }
    }

    fn dimensions(&self) -> Result<Said> {
        let config = self.config;
        let mut columns = Vec::new();
        for dimension in self.outputs {
            let name = if dimension == "valence" {
                &config.valence
            } else {
                &config.arousal
            };
            let found = self.named(dimension, name)?.or_else(|| {
                usual(self.offer, dimension, false).or_else(|| {
                    let fits = |name: &&String| bare(name).iter().any(|bare| bare.eq_ignore_ascii_case(dimension));
                    let mut fitting = self.offer.iter().map(|(name, _)| name).filter(fits);
                    fitting.next().cloned()
                })
            });
            columns.extend(found);
        }
        if columns.len() == self.outputs.len() {
            return Ok(Said::Numbers(columns));
        }
        if let Some(column) = self.list_of("scores", &config.scores, "scores")? {
            let order = self.order(self.width(&column));
            let place = |name: &String| order.iter().position(|own| own.eq_ignore_ascii_case(name));
            let places: Vec<usize> = self.outputs.iter().filter_map(place).collect();
            if places.len() == self.outputs.len() && self.width(&column) == Some(order.len()) {
                return Ok(Said::NumberList { column, places });
            }
            return Err(self.wrong(format!(
                "`{column}` holds {} numbers a row, and nothing says which is which: state them, as score.class_order = [\"valence\", \
                 \"arousal\"]",
                self.width(&column).unwrap_or(0)
            )));
        }
        Err(self.wrong(format!(
            "no predictions of {} are found; say which columns are meant, as score.valence = \"NAME\"; {}",
            self.outputs.join(" and "),
            self.there()
        )))
    }

    fn units(&self) -> Result<Said> {
        let config = self.config;
        let mut columns = Vec::new();
        let mut missing: Vec<String> = Vec::new();
        let mut predicted: Vec<ActionUnit> = Vec::new();
        let of_unit = |unit: ActionUnit| -> Result<Option<String>> {
            let key = config
                .units
                .iter()
                .find(|(name, _)| ActionUnit::named(name) == Some(unit));
            if let Some((key, column)) = key {
                return self.named(&format!("units.{key}"), column);
            }
            if !config.units.is_empty() {
                return Ok(None);
            }
            let mut fitting = self
                .offer
                .iter()
                .filter(|(name, kind)| *kind == Kind::One && unit_of(name) == Some(unit))
                .map(|(name, _)| name);
            match (fitting.next(), fitting.next()) {
                (Some(one), Some(other)) => Err(self.wrong(format!(
                    "the columns `{one}` and `{other}` both mean {unit}; name the one that is meant as score.units.{}",
                    unit.column()
                ))),
                (one, _) => Ok(one.cloned()),
            }
        };
        for output in self.outputs {
            let Some(unit) = ActionUnit::of_column(output) else {
                continue;
            };
            match of_unit(unit)? {
                Some(column) => {
                    columns.push(column);
                    predicted.push(unit);
                }
                None => missing.push(unit.to_string()),
            }
        }
        if missing.is_empty() {
            return Ok(Said::Numbers(columns));
        }
        if columns.is_empty()
            && let Some(column) = self.list_of("unit_list", &config.unit_list, "scores")?
        {
            let order: Vec<Option<ActionUnit>> = config.unit_order.iter().map(|name| ActionUnit::named(name)).collect();
            let place = |name: &String| order.iter().position(|unit| *unit == ActionUnit::of_column(name));
            let places: Vec<usize> = self.outputs.iter().filter_map(place).collect();
            if self.width(&column) != Some(order.len()) {
                return Err(self.wrong(format!(
                    "`{column}` holds {} numbers a row, and score.unit_order names {} units: state which number is which unit",
                    self.width(&column).unwrap_or(0),
                    order.len()
                )));
            }
            if places.len() == self.outputs.len() {
                return Ok(Said::NumberList { column, places });
            }
            missing.retain(|name| !order.iter().flatten().any(|unit| unit.to_string() == *name));
            predicted = self
                .outputs
                .iter()
                .filter_map(|name| ActionUnit::of_column(name))
                .collect();
            predicted.retain(|unit| order.contains(&Some(*unit)));
        }
        let numbers: Vec<String> = predicted.iter().map(|unit| unit.number().to_string()).collect();
        Err(self.wrong(format!(
            "no predictions of {} are found{}; {}",
            missing.join(", "),
            if predicted.is_empty() {
                format!("; say which columns are meant, as score.units.{} = \"NAME\"", self.outputs.first().map_or("au12", String::as_str))
            } else {
                format!(
                    ", which the protocol asks for; where the tool has none, ask for the others alone: protocol.action_units = [{}] \
                     (another protocol, whose numbers compare with its own kind)",
                    numbers.join(", ")
                )
            },
            self.there()
        )))
    }
}

/// Refuses classes of the tool that are none of the protocol's, unless it is stated what is done about them.
///
/// # Errors
/// [`Error::Data`].
pub fn other_classes(path: &Path, said: &Said, config: &ScoreConfig, outputs: &[String]) -> Result<()> {
    let others: Vec<&str> = match said {
        Said::Scores { others, .. } => others.iter().map(String::as_str).collect(),
        Said::List { places, .. } => places
            .iter()
            .filter_map(|place| match place {
                Place::Other(name) => Some(name.as_str()),
                Place::Class(_) | Place::Aside => None,
            })
            .collect(),
        _ => Vec::new(),
    };
    if others.is_empty() || config.other_classes.unwrap_or_default() != OtherClasses::Error {
        return Ok(());
    }
    Err(Error::unusable_table(format!(
        "{}: the tool has scores of {}, which are none of the protocol's classes ({}), and what is done about them decides the \
         numbers: say score.other_classes = \"restrict\" (the tool is asked among the protocol's classes alone) or \"wrong\" (a \
         sample that is given another class counts as wrong)",
        path.display(),
        others.join(", "),
        outputs.join(", ")
    )))
}

/// How a kind of scores is called in messages.
pub fn called(scores: Scores) -> &'static str {
    match scores {
        Scores::Probabilities => "probabilities",
        Scores::Percentages => "percentages",
        Scores::Logits => "logits",
    }
}
