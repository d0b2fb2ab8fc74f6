//! What the rows of all files say, sample by sample.

use std::collections::{BTreeMap, HashMap};

use crate::error::{Error, Result};
use crate::feature::tested::Tested;
use crate::interrupt::Interrupt;
use crate::task::Split;

use super::answer::{Answer, Reading, Seen};
use super::config::{Faces, ScoreConfig};
use super::frame::Frame;
use super::known::Known;
use super::match_rows::{Matcher, Tally};
use super::roles::{Key, Roles};

/// What is known of one sample.
#[derive(Debug, Clone, PartialEq)]
pub enum Word {
    Outputs(Vec<f32>),
    Lacks(Reason),
}

/// Why a test sample has no prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    NoRow,
    NoFace,
    NoValues,
    OtherClass,
}

impl Reason {
    pub fn name(self) -> &'static str {
        match self {
            Self::NoRow => "no_row",
            Self::NoFace => "no_face",
            Self::NoValues => "no_values",
            Self::OtherClass => "other_class",
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::NoRow => "no row",
            Self::NoFace => "no face found",
            Self::NoValues => "values missing",
            Self::OtherClass => "a class that is none of the protocol's",
        }
    }
}

/// Rows between two looks at Ctrl-C.
const BETWEEN: usize = 1 << 14;

/// A row that stands for a sample.
struct Standing {
    place: String,
    confidence: f64,
    said: Word,
}

/// What the files say, sample by sample.
pub struct Gathered<'a> {
    known: &'a Known,
    interrupt: &'a Interrupt,
    /// The test samples in the order of the table, by their places among those known; and their folds.
    pub order: Vec<usize>,
    folds: HashMap<usize, Option<i32>>,
    seeds: BTreeMap<u64, HashMap<usize, Standing>>,
    pub tally: Tally,
    seen: Seen,
    /// Rows that gave way to another of the same image.
    other_faces: usize,
}

impl<'a> Gathered<'a> {
    pub fn new(tests: &[(Option<i32>, Tested)], known: &'a Known, interrupt: &'a Interrupt) -> Result<Self> {
        let mut folds = HashMap::new();
        for (fold, tested) in tests {
            for id in &tested.sample_ids {
                let at = known
                    .by_id(id)
                    .map_err(|_| Error::unusable_table(format!("sample {id} is not in the samples table")))?;
                folds.insert(at, *fold);
            }
        }
        let order = (0..known.len()).filter(|at| folds.contains_key(at)).collect();
        Ok(Self {
            known,
            interrupt,
            order,
            folds,
            seeds: BTreeMap::new(),
            tally: Tally::default(),
            seen: Seen::default(),
            other_faces: 0,
        })
    }

    /// Reads the rows of one file.
    pub fn file(
        &mut self,
        frame: &Frame,
        roles: &Roles,
        config: &ScoreConfig,
        reading: &Reading<'_>,
        key: &mut Option<Key>,
    ) -> Result<()> {
        let order = std::mem::take(&mut self.order);
        let matcher = Matcher {
            known: self.known,
            config,
            tested: &order,
            before: self.tally.rows,
        };
        let key = match key {
            Some(key) => key,
            None => key.insert(matcher.key(&roles.keys, frame)?.clone()),
        };
        for row in 0..frame.rows() {
            if row % BETWEEN == 0 {
                self.interrupt.check()?;
            }
            self.tally.rows += 1;
            match matcher.row(key, frame, row)? {
                Ok(sample) => self.row(sample, frame, row, roles, config, reading)?,
                Err(stray) => {
                    self.tally.strays += 1;
                    self.tally.first_stray.get_or_insert_with(|| (frame.place(row), stray));
                }
            }
        }
        self.order = order;
        Ok(())
    }

    fn row(
        &mut self,
        sample: usize,
        frame: &Frame,
        row: usize,
        roles: &Roles,
        config: &ScoreConfig,
        reading: &Reading<'_>,
    ) -> Result<()> {
        let Some(fold) = self.folds.get(&sample) else {
            let split = self.known.split(sample);
            *self
                .tally
                .aside
                .entry(split.filter(|split| *split != Split::Test))
                .or_default() += 1;
            return Ok(());
        };
        if let Some(column) = &roles.fold
            && let Some(said) = frame.whole(column, row)?
            && fold.or_else(|| self.known.fold(sample)).is_some_and(|own| own != said)
        {
            return Err(Error::unusable_table(format!(
                "{}: the row is of fold {said}, and the protocol tests sample {} in fold {}: the predictions are of another division",
                frame.place(row),
                self.known.id(sample),
                fold.or_else(|| self.known.fold(sample)).unwrap_or_default()
            )));
        }
        let seed = match &roles.seed {
            Some(column) => frame
                .whole(column, row)?
                .and_then(|seed| u64::try_from(seed).ok())
                .ok_or_else(|| {
                    Error::unusable_table(format!(
                        "{}: `{column}` is no seed; expected a whole number, 0 or more",
                        frame.place(row)
                    ))
                })?,
            None => 0,
        };
        let found = match &roles.found {
            Some(column) => is_found(frame, column, row)?,
            None => true,
        };
        let said = if found {
            match reading.row(frame, row, &mut self.seen)? {
                Answer::Outputs(outputs) => Word::Outputs(outputs),
                Answer::Nothing => Word::Lacks(Reason::NoValues),
                Answer::OtherClass => Word::Lacks(Reason::OtherClass),
            }
        } else {
            Word::Lacks(Reason::NoFace)
        };
        let confidence = match &roles.confidence {
            Some(column) => frame.number(column, row)?.unwrap_or(f64::NEG_INFINITY),
            None => f64::NEG_INFINITY,
        };
        let standing = Standing {
            place: frame.place(row),
            confidence,
            said,
        };
        self.tally.tested += 1;
        let of_seed = self.seeds.entry(seed).or_default();
        let Some(before) = of_seed.get_mut(&sample) else {
            of_seed.insert(sample, standing);
            return Ok(());
        };
        let faces = config.faces.unwrap_or_default();
        // A row without a prediction gives way to one with, whichever stands first.
        let lacks = |of: &Standing| matches!(of.said, Word::Lacks(Reason::NoFace | Reason::NoValues));
        let better = match faces {
            Faces::Error => {
                return Err(Error::unusable_table(format!(
                    "{}: a second prediction of sample {}, of which {} has one; where an image has several faces, score.faces says which \
                     counts (\"first\", \"most_confident\")",
                    standing.place,
                    self.known.id(sample),
                    before.place
                )));
            }
            Faces::First => lacks(before) && !lacks(&standing),
            Faces::MostConfident => {
                (lacks(before) && !lacks(&standing))
                    || (lacks(before) == lacks(&standing) && standing.confidence > before.confidence)
            }
        };
        self.other_faces += 1;
        if better {
            *before = standing;
        }
        Ok(())
    }

    /// What is worth a word.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let aside: usize = self.tally.aside.values().sum();
        if aside > 0 {
            words.push(format!(
                "{aside} of {} rows are of samples that are not tested on under this protocol, and are set aside",
                self.tally.rows
            ));
        }
        if self.other_faces > 0 {
            words.push(format!(
                "{} rows are of further faces in an image that has a row already, and are set aside by score.faces",
                self.other_faces
            ));
        }
        if self.seen.not_normalised > 0 {
            words.push(format!(
                "the probabilities of {} rows do not sum to 1, and were divided by their sum",
                self.seen.not_normalised
            ));
        }
        if self.seen.beyond > 0 {
            words.push(format!(
                "{} values lie beyond the ends of the scale, and were kept as they are",
                self.seen.beyond
            ));
        }
        words
    }

    pub fn finish(self) -> BTreeMap<u64, HashMap<String, Word>> {
        let known = self.known;
        self.seeds
            .into_iter()
            .map(|(seed, said)| {
                let by_id = said
                    .into_iter()
                    .map(|(sample, standing)| (known.id(sample).to_owned(), standing.said));
                (seed, by_id.collect())
            })
            .collect()
    }
}

/// Whether the tool found a face: a number other than 0, or `true`.
fn is_found(frame: &Frame, column: &str, row: usize) -> Result<bool> {
    match frame.text(column, row).as_deref() {
        Some(word) if word.eq_ignore_ascii_case("true") => Ok(true),
        Some(word) if word.eq_ignore_ascii_case("false") => Ok(false),
        Some(_) => Ok(frame.number(column, row)?.is_some_and(|found| found != 0.0)),
        None => Ok(false),
    }
}
