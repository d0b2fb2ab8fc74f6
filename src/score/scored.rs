//! Predictions of a tool, held against what a protocol tests on.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::feature::tested::Tested;
use crate::feature::threshold::AuThreshold;
use crate::interrupt::Interrupt;
use crate::record::{MissingRow, PredictionRow};
use crate::sets::Matrix;
use crate::task::{Split, Targets, Task};

use super::answer::Reading;
use super::config::{Faces, Match, ScoreConfig, Units};
use super::files;
use super::frame::{Frame, Offer};
use super::gathered::{Gathered, Reason, Word};
use super::known::Known;
use super::mapping;
use super::match_rows::by;
use super::missing::Missing;
use super::order;
use super::roles::{Asked, Key, Place, Roles, Said, other_classes};

/// What is scored, on what.
#[derive(Debug)]
pub struct Request<'a> {
    /// Files and folders of predictions.
    pub paths: &'a [PathBuf],
    /// The recipe's section `[score]`.
    pub config: &'a ScoreConfig,
    /// What the database is called in messages.
    pub dataset: &'a str,
    /// Its card.
    pub card: &'a str,
    /// The samples table.
    pub samples: &'a Path,
    /// The test samples of each fold, or of the one division.
    pub tests: &'a [(Option<i32>, Tested)],
    /// From which intensity on a label is active, where the protocol says.
    pub threshold: Option<AuThreshold>,
    /// What a test sample without a prediction counts as.
    pub missing: Missing,
    pub interrupt: &'a Interrupt,
}

/// What a tool says of the test samples.
#[derive(Debug)]
pub struct Scored {
    /// The section with the tool's mapping below it: what was read, and how.
    pub config: ScoreConfig,
    /// The files that were read.
    pub files: Vec<PathBuf>,
    /// How rows were matched with samples.
    pub by: Match,
    /// What is worth a word.
    pub warnings: Vec<String>,
    /// What the tool says, as the manifest calls it.
    pub outputs: &'static str,
    seeds: BTreeMap<u64, HashMap<String, Word>>,
}

/// Reads the predictions and holds them against the test samples.
///
/// # Errors
/// [`Error::Data`] if they are not of these samples, not of these classes, not what they are said to be, or missing where the protocol
/// allows none; [`Error::Io`]; [`Error::Interrupted`].
pub fn score(request: &Request<'_>) -> Result<Scored> {
    let Some((_, first)) = request.tests.first() else {
        return Err(Error::unusable_table("the protocol tests on nothing"));
    };
    let (task, outputs) = (first.targets.task, first.targets.names.as_slice());
    let paths = files::all(request.paths)?;
    let mut offers: Vec<(&PathBuf, Offer)> = Vec::with_capacity(paths.len());
    for path in &paths {
        request.interrupt.check()?;
        offers.push((path, files::offer(path)?));
    }
    let config = with_mapping(request.config, &offers)?;
    if config.faces == Some(Faces::MostConfident) && config.confidence.is_empty() {
        return Err(Error::unusable_table(
            "score.faces = \"most_confident\" needs to know how sure the tool is of a face: name the column, as score.confidence = \"NAME\"",
        ));
    }
    let asked = Asked {
        task,
        outputs,
        card: request.card,
    };
    let mut warnings = Vec::new();
    let mut frames: Vec<(Frame, Roles)> = Vec::with_capacity(paths.len());
    for (path, offer) in &offers {
        let stated = files::class_order(path, offer, request.interrupt)?;
        let roles = Roles::find(path, offer, &config, asked, stated)?;
        other_classes(path, &roles.said, &config, outputs)?;
        if frames.is_empty() {
            warnings.extend(absent_classes(&roles.said, outputs));
        }
        let frame = files::read(path, &roles.columns(), offer, request.interrupt)?;
        frames.push((frame, roles));
    }
    let known = Known::read(request.samples)?;
    let units = units(&config, task, &frames, &mut warnings)?;
    let threshold = threshold(&config, request.threshold, task, units)?;
    let said = outputs_are(task, units, frames.first().map(|(_, roles)| &roles.said));
    let mut gathered = Gathered::new(request.tests, &known, request.interrupt)?;
    let mut key: Option<Key> = None;
    for (frame, roles) in &frames {
        let reading = Reading {
            task,
            outputs,
            said: &roles.said,
            scores: config.scores_are.unwrap_or_default(),
            other_classes: config.other_classes.unwrap_or_default(),
            range: config.range.unwrap_or([-1.0, 1.0]),
            units,
            threshold,
        };
        gathered.file(frame, roles, &config, &reading, &mut key)?;
    }
    let key = key.unwrap_or(Key::Order);
    gathered
        .tally
        .check(request.dataset, &known, &key, gathered.order.len())?;
    warnings.extend(gathered.words());
    let scored = Scored {
        seeds: gathered.finish(),
        config,
        files: paths,
        by: by(&key),
        warnings,
        outputs: said,
    };
    scored.complete(request)?;
    scored.in_order(request.tests, outputs)?;
    Ok(scored)
}

/// The section over the mapping of its tool, or of the tool whose columns are there.
fn with_mapping(config: &ScoreConfig, offers: &[(&PathBuf, Offer)]) -> Result<ScoreConfig> {
    let Some((path, offer)) = offers.first() else {
        return Ok(config.clone());
    };
    let there = |name: &str| {
        offers
            .iter()
            .any(|(_, offer)| offer.iter().any(|(column, _)| column == name))
    };
    let below = if config.tool.is_empty() {
        mapping::recognised(offer)?
    } else {
        mapping::of_tool(&config.tool)?
    };
    Ok(match below {
        Some(below) => ScoreConfig {
            tool: below.tool.clone(),
            ..config.clone().over(below.within(there))
        },
        None if config.tool.is_empty() => ScoreConfig {
            tool: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            ..config.clone()
        },
        None => config.clone(),
    })
}

/// What the tool says, as the manifest calls it.
fn outputs_are(task: Task, units: Units, said: Option<&Said>) -> &'static str {
    match (task, said) {
        (Task::Expression, Some(Said::Class { .. })) => "classes",
        (Task::Expression, _) => "probabilities",
        (Task::ValenceArousal, _) => "scores",
        (Task::ActionUnits, _) => match units {
            Units::Probabilities => "probabilities",
            Units::Binary => "binary",
            Units::Intensities => "intensities",
        },
    }
}

/// A word on classes that the tool never says.
fn absent_classes(said: &Said, outputs: &[String]) -> Option<String> {
    let there: BTreeSet<usize> = match said {
        Said::Scores { columns, .. } => columns.iter().map(|(class, _)| *class).collect(),
        Said::List { places, .. } => places
            .iter()
            .filter_map(|place| match place {
                Place::Class(class) => Some(*class),
                Place::Other(_) | Place::Aside => None,
            })
            .collect(),
        _ => return None,
    };
    let absent: Vec<&str> = (0..outputs.len())
        .filter(|class| !there.contains(class))
        .map(|class| outputs[class].as_str())
        .collect();
    (!absent.is_empty()).then(|| {
        format!(
            "the tool has no scores of {}: every sample of such a class counts as wrong",
            absent.join(", ")
        )
    })
}

/// What the columns of units hold: as is said, or as the values show.
fn units(config: &ScoreConfig, task: Task, frames: &[(Frame, Roles)], warnings: &mut Vec<String>) -> Result<Units> {
    if task != Task::ActionUnits {
        return Ok(Units::Probabilities);
    }
    if let Some(units) = config.units_are {
        return Ok(units);
    }
    let (mut most, mut binary) = (0.0_f64, true);
    for (frame, roles) in frames {
        let mut look = |value: f64| {
            most = most.max(value);
            binary &= [0.0, 1.0].contains(&value);
        };
        for row in 0..frame.rows() {
            match &roles.said {
                Said::Numbers(columns) => {
                    for column in columns {
                        if let Some(value) = frame.number(column, row)? {
                            look(value);
                        }
                    }
                }
                Said::NumberList { column, .. } => {
                    for &value in frame.list(column, row)?.into_iter().flatten() {
                        look(f64::from(value));
                    }
                }
                _ => {}
            }
        }
    }
    Ok(if binary {
        Units::Binary
    } else if most <= 1.0 {
        warnings.push(
            "no action unit is above 1: the columns are read as probabilities (score.units_are says what they hold)"
                .to_owned(),
        );
        Units::Probabilities
    } else {
        Units::Intensities
    })
}

/// From which intensity on a unit of the tool is active.
fn threshold(config: &ScoreConfig, of_labels: Option<AuThreshold>, task: Task, units: Units) -> Result<AuThreshold> {
    if task != Task::ActionUnits || units != Units::Intensities {
        return Ok(AuThreshold::default());
    }
    config.unit_threshold.or(of_labels).ok_or_else(|| {
        Error::unusable_table(
            "the tool says intensities of units, the database whether they are active, and nothing says from which intensity on one is: \
             state it, as score.unit_threshold = \">= 1\"",
        )
    })
}

impl Scored {
    /// The seeds that the files hold; 0 alone where they name none.
    pub fn seeds(&self) -> Vec<u64> {
        self.seeds.keys().copied().collect()
    }

    /// The test samples of a division that have no prediction of this seed, and why.
    pub fn missing(&self, seed: u64, tested: &Tested) -> Vec<MissingRow> {
        let of_seed = self.seeds.get(&seed);
        let lacking = tested.sample_ids.iter().filter_map(|id| {
            let reason = match of_seed.and_then(|said| said.get(id)) {
                Some(Word::Outputs(_)) => return None,
                Some(Word::Lacks(reason)) => *reason,
                None => Reason::NoRow,
            };
            Some(MissingRow {
                sample_id: id.clone(),
                reason: reason.name().to_owned(),
            })
        });
        lacking.collect()
    }

    /// What the metrics are of: samples, targets and outputs of one seed, and a row for each.
    ///
    /// # Errors
    /// [`Error::Data`] if no sample is left.
    pub fn tested(&self, seed: u64, tested: &Tested, missing: Missing, method: &str) -> Result<Evaluated> {
        let empty = HashMap::new();
        let of_seed = self.seeds.get(&seed).unwrap_or(&empty);
        let (mut kept, mut data, mut predicted) = (Vec::new(), Vec::new(), Vec::new());
        for (i, id) in tested.sample_ids.iter().enumerate() {
            match of_seed.get(id) {
                Some(Word::Outputs(outputs)) => {
                    data.extend_from_slice(outputs);
                    predicted.push(true);
                }
                // A class that is none of the protocol's is an answer, and a wrong one, whatever is done about those that are missing.
                Some(Word::Lacks(Reason::OtherClass)) => {
                    data.extend(farthest(&tested.targets, i));
                    predicted.push(false);
                }
                _ if missing == Missing::Wrong => {
                    data.extend(farthest(&tested.targets, i));
                    predicted.push(false);
                }
                _ => continue,
            }
            kept.push(i);
        }
        if kept.is_empty() {
            return Err(Error::unusable_table(
                "no test sample has a prediction: nothing is left to be scored",
            ));
        }
        let targets = tested.targets.select(&kept);
        let outputs = Matrix {
            rows: kept.len(),
            cols: targets.outputs(),
            data,
        };
        let ids: Vec<String> = kept.iter().map(|&i| tested.sample_ids[i].clone()).collect();
        let mut rows =
            crate::metric::evaluate::prediction_rows(method, Split::Test.as_str(), &ids, &targets, &outputs, None)?;
        for (row, predicted) in rows.iter_mut().zip(predicted) {
            if !predicted {
                row.prediction = None;
            }
        }
        Ok(Evaluated {
            subjects: kept.iter().map(|&i| tested.subjects[i].clone()).collect(),
            targets,
            outputs,
            rows,
        })
    }

    /// Refuses what is missing where the protocol allows nothing to be, and seeds that have nothing.
    fn complete(&self, request: &Request<'_>) -> Result<()> {
        for seed in self.seeds() {
            let mut counts: BTreeMap<Reason, usize> = BTreeMap::new();
            let (mut named, mut all) = (Vec::new(), 0);
            for (_, tested) in request.tests {
                all += tested.sample_ids.len();
                for row in self.missing(seed, tested) {
                    let reason = [Reason::NoRow, Reason::NoFace, Reason::NoValues, Reason::OtherClass]
                        .into_iter()
                        .find(|reason| reason.name() == row.reason);
                    if let Some(reason) = reason.filter(|reason| *reason != Reason::OtherClass) {
                        *counts.entry(reason).or_default() += 1;
                        if named.len() < 3 {
                            named.push(row.sample_id);
                        }
                    }
                }
            }
            let missing: usize = counts.values().sum();
            if missing == 0 || request.missing != Missing::Error {
                continue;
            }
            let why: Vec<String> = counts
                .iter()
                .map(|(reason, n)| format!("{n} {}", reason.words()))
                .collect();
            return Err(Error::unusable_table(format!(
                "{missing} of {all} test samples have no prediction ({}), first {}; the protocol says what they count as: \
                 protocol.missing = \"wrong\" as wrong answers, \"left_out\" as not asked, either of which is another protocol",
                why.join(", "),
                named.join(", ")
            )));
        }
        Ok(())
    }

    /// Refuses classes that were read in another order than the tool's.
    fn in_order(&self, tests: &[(Option<i32>, Tested)], outputs: &[String]) -> Result<()> {
        if self.config.order_is_right == Some(true) {
            return Ok(());
        }
        let Some((_, of_seed)) = self.seeds.first_key_value() else {
            return Ok(());
        };
        let Some((_, first)) = tests
            .first()
            .filter(|(_, first)| first.targets.task == Task::Expression)
        else {
            return Ok(());
        };
        let mut targets = Targets {
            values: Vec::new(),
            known: Vec::new(),
            ..first.targets.clone()
        };
        let mut answers = Vec::new();
        for (_, tested) in tests {
            targets.values.extend_from_slice(&tested.targets.values);
            targets.known.extend_from_slice(&tested.targets.known);
            answers.extend(tested.sample_ids.iter().map(|id| match of_seed.get(id) {
                Some(Word::Outputs(outputs)) => Some(outputs.clone()),
                _ => None,
            }));
        }
        let Some(mended) = order::mended(&targets, &answers) else {
            return Ok(());
        };
        let changes: Vec<String> = mended
            .read_as
            .iter()
            .enumerate()
            .filter(|(class, read_as)| class != *read_as)
            .map(|(class, &read_as)| format!("{} is {}", outputs[class], outputs[read_as]))
            .collect();
        Err(Error::unusable_table(format!(
            "the classes are in another order than they are read in: of {} samples {} are right, and {} would be if what is read as {}; \
             correct score.class_order or score.classes, or say score.order_is_right = true if the tool is really that wrong",
            mended.of,
            mended.right,
            mended.would_be,
            changes.join(", what is read as ")
        )))
    }
}

/// What the metrics of one division and seed are made of.
#[derive(Debug)]
pub struct Evaluated {
    pub subjects: Vec<Option<String>>,
    pub targets: Targets,
    pub outputs: Matrix,
    pub rows: Vec<PredictionRow>,
}

/// The answer that is farthest from the label of a sample: the next class, the far end of the scale, the opposite of every known unit.
fn farthest(targets: &Targets, sample: usize) -> Vec<f32> {
    let o = targets.outputs();
    let known = &targets.known[sample * o..(sample + 1) * o];
    let row = targets.row(sample);
    match targets.task {
        Task::Expression => {
            let wrong = targets.class(sample).map_or(0, |label| (label + 1) % o.max(1));
            (0..o).map(|class| f32::from(class == wrong)).collect()
        }
        Task::ValenceArousal => row.iter().map(|&value| if value > 0.0 { -1.0 } else { 1.0 }).collect(),
        Task::ActionUnits => row
            .iter()
            .zip(known)
            .map(|(&active, &known)| f32::from(known && active <= 0.5))
            .collect(),
    }
}
