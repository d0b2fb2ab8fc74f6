//! From the values of a row to the protocol's outputs.

use crate::error::{Error, Result};
use crate::feature::threshold::AuThreshold;
use crate::metric::expression::argmax;
use crate::spelling::integer;
use crate::task::Task;

use super::config::{OtherClasses, Scores, Units};
use super::frame::{Frame, brief};
use super::mapping::{class_of, is_class};
use super::roles::{Place, Said, called};

/// What a row says.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Of each of the protocol's outputs: probabilities, scores from −1 to 1, or from 0 to 1 with one half as the threshold.
    Outputs(Vec<f32>),
    /// Nothing: values are missing.
    Nothing,
    /// A class that is none of the protocol's.
    OtherClass,
}

/// How rows are read.
#[derive(Debug, Clone)]
pub struct Reading<'a> {
    pub task: Task,
    /// Names of the protocol's outputs.
    pub outputs: &'a [String],
    pub said: &'a Said,
    pub scores: Scores,
    pub other_classes: OtherClasses,
    pub range: [f64; 2],
    pub units: Units,
    /// From which intensity on a unit is active; of no use otherwise.
    pub threshold: AuThreshold,
}

/// What was seen that is worth a word, though no reason to refuse.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Rows whose probabilities do not sum to 1, and were divided by their sum.
    pub not_normalised: usize,
    /// Values of valence or arousal beyond the ends of the scale.
    pub beyond: usize,
}

/// How far the sum of probabilities may be from 1 for what is written with two decimals.
const ROUNDING: f64 = 0.05;
/// How far beyond the ends of a scale of width 2 a value is taken for one of this scale: a regression may overshoot.
const OVERSHOOT: f64 = 0.5;

impl Reading<'_> {
    /// Reads one row.
    ///
    /// # Errors
    /// [`Error::Data`] with the place, if a value cannot be what it is said to be.
    pub fn row(&self, frame: &Frame, row: usize, seen: &mut Seen) -> Result<Answer> {
        match self.said {
            Said::Scores { columns, others } => {
                let mut scores = Vec::with_capacity(columns.len() + others.len());
                let own = columns.iter().map(|(class, column)| (Some(*class), column));
                for (class, column) in own.chain(others.iter().map(|column| (None, column))) {
                    let Some(score) = frame.number(column, row)? else {
                        return Ok(Answer::Nothing);
                    };
                    scores.push((class, score));
                }
                self.classes(&scores, frame, row, seen)
            }
            Said::List { column, places } => {
                let Some(values) = frame.list(column, row)? else {
                    return Ok(Answer::Nothing);
                };
                let scores: Vec<(Option<usize>, f64)> = places
                    .iter()
                    .zip(values)
                    .filter_map(|(place, &value)| match place {
                        Place::Class(class) => Some((Some(*class), f64::from(value))),
                        Place::Other(_) => Some((None, f64::from(value))),
                        Place::Aside => None,
                    })
                    .collect();
                self.classes(&scores, frame, row, seen)
            }
            Said::Class { column, order } => self.class(column, order, frame, row),
            Said::Numbers(columns) => {
                let mut values = Vec::with_capacity(columns.len());
                for column in columns {
                    let Some(value) = frame.number(column, row)? else {
                        return Ok(Answer::Nothing);
                    };
                    values.push(self.number(value, column, frame, row, seen)?);
                }
                Ok(Answer::Outputs(values))
            }
            Said::NumberList { column, places } => {
                let Some(list) = frame.list(column, row)? else {
                    return Ok(Answer::Nothing);
                };
                let values: Vec<f32> = places
                    .iter()
                    .filter_map(|&place| list.get(place))
                    .map(|&value| self.number(f64::from(value), column, frame, row, seen))
                    .collect::<Result<_>>()?;
                Ok(Answer::Outputs(values))
            }
        }
    }

    /// Probabilities of the protocol's classes from the scores of the tool's.
    fn classes(&self, scores: &[(Option<usize>, f64)], frame: &Frame, row: usize, seen: &mut Seen) -> Result<Answer> {
        let mut probabilities: Vec<f64> = scores.iter().map(|(_, score)| *score).collect();
        match self.scores {
            Scores::Logits => {
                let most = probabilities.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                for value in &mut probabilities {
                    *value = (*value - most).exp();
                }
            }
            Scores::Percentages => {
                for value in &mut probabilities {
                    *value /= 100.0;
                }
            }
            Scores::Probabilities => {}
        }
        let range = -1e-6..=1.0 + 1e-3;
        if let Some(bad) = probabilities.iter().position(|value| !range.contains(value)) {
            return Err(Error::unusable_table(format!(
                "{}: a class has the score {}, where score.scores_are = \"{}\" expects 0 to {}; say what the scores are: \"logits\", \
                 \"percentages\" or \"probabilities\"",
                frame.place(row),
                scores[bad].1,
                called(self.scores),
                if self.scores == Scores::Percentages { 100 } else { 1 }
            )));
        }
        for value in &mut probabilities {
            *value = value.max(0.0);
        }
        let sum: f64 = probabilities.iter().sum();
        if sum <= 0.0 {
            return Ok(Answer::Nothing);
        }
        if (sum - 1.0).abs() > ROUNDING && self.scores != Scores::Logits {
            seen.not_normalised += 1;
        }
        let as_f32: Vec<f32> = probabilities.iter().map(|&value| value as f32).collect();
        if self.other_classes == OtherClasses::Wrong && scores[argmax(&as_f32)].0.is_none() {
            return Ok(Answer::OtherClass);
        }
        // What other classes have is taken away where the tool is asked among the protocol's alone, and stays theirs where it is not.
        let whole = match self.other_classes {
            OtherClasses::Restrict => {
                let own = scores
                    .iter()
                    .zip(&probabilities)
                    .filter(|((class, _), _)| class.is_some());
                own.map(|(_, value)| value).sum()
            }
            OtherClasses::Error | OtherClasses::Wrong => sum,
        };
        if whole <= 0.0 {
            return Ok(Answer::OtherClass);
        }
        // Rounding is no reason to change what a tool wrote.
        let divide = if (whole - 1.0).abs() > ROUNDING || self.scores == Scores::Logits {
            whole
        } else {
            1.0
        };
        let mut outputs = vec![0.0; self.outputs.len()];
        for ((class, _), value) in scores.iter().zip(&probabilities) {
            if let Some(class) = class {
                outputs[*class] = (value / divide) as f32;
            }
        }
        Ok(Answer::Outputs(outputs))
    }

    /// The class that a row names, as a probability of 1.
    fn class(&self, column: &str, order: &[String], frame: &Frame, row: usize) -> Result<Answer> {
        let Some(text) = frame.text(column, row) else {
            return Ok(Answer::Nothing);
        };
        let wrong = |expected: String| {
            Err(Error::unusable_table(format!(
                "{}: `{column}` is `{}`; expected {expected}",
                frame.place(row),
                brief(&text)
            )))
        };
        let place = |word: &str| {
            let meant = class_of(word);
            self.outputs.iter().position(|class| class_of(class) == meant)
        };
        let word = match (place(&text), integer(&text)) {
            (Some(_), _) | (None, None) => text.clone(),
            (None, Some(_)) if order.is_empty() => {
                return wrong(
                    "the name of a class; numbers stand for places in the tool's own list of classes: state it, as score.class_order"
                        .to_owned(),
                );
            }
            (None, Some(number)) => match usize::try_from(number).ok().and_then(|number| order.get(number)) {
                Some(word) => word.clone(),
                None => return wrong(format!("a number from 0 to {} (score.class_order)", order.len() - 1)),
            },
        };
        match place(&word) {
            Some(class) => {
                let mut outputs = vec![0.0; self.outputs.len()];
                outputs[class] = 1.0;
                Ok(Answer::Outputs(outputs))
            }
            None if !is_class(&word) => wrong(format!("one of {}", self.outputs.join(", "))),
            None => match self.other_classes {
                OtherClasses::Wrong => Ok(Answer::OtherClass),
                OtherClasses::Error => wrong(format!(
                    "one of {}; say score.other_classes = \"wrong\" where another class counts as a wrong answer",
                    self.outputs.join(", ")
                )),
                OtherClasses::Restrict => wrong(format!(
                    "one of {}: which of them comes next after another class, a file without scores does not say; score.other_classes \
                     may be \"wrong\"",
                    self.outputs.join(", ")
                )),
            },
        }
    }

    /// Valence or arousal on the scale from −1 to 1, or how active a unit is from 0 to 1.
    fn number(&self, value: f64, column: &str, frame: &Frame, row: usize, seen: &mut Seen) -> Result<f32> {
        let wrong = |expected: String| {
            Err(Error::unusable_table(format!(
                "{}: `{column}` is {value}; expected {expected}",
                frame.place(row)
            )))
        };
        if self.task == Task::ValenceArousal {
            let [low, high] = self.range;
            let scaled = 2.0 * (value - low) / (high - low) - 1.0;
            if scaled.abs() > 1.0 + OVERSHOOT {
                return wrong(format!(
                    "{low} to {high}; where the tool's scale is another, state its ends, as score.range = [-10, 10]"
                ));
            }
            seen.beyond += usize::from(scaled.abs() > 1.0);
            return Ok(scaled as f32);
        }
        match self.units {
            Units::Binary if ![0.0, 1.0].contains(&value) => wrong(
                "0 or 1; say what the columns hold: score.units_are = \"probabilities\" or \"intensities\"".to_owned(),
            ),
            Units::Probabilities if !(0.0..=1.0 + 1e-6).contains(&value) => wrong(
                "a probability from 0 to 1; where these are intensities, say score.units_are = \"intensities\""
                    .to_owned(),
            ),
            Units::Intensities if !(-1e-6..=5.0 + 1e-3).contains(&value) => {
                wrong("an intensity from 0 to 5".to_owned())
            }
            Units::Binary | Units::Probabilities => Ok(value as f32),
            Units::Intensities => Ok(activity(value.clamp(0.0, 5.0) as f32, self.threshold)),
        }
    }
}

/// An intensity from 0 to 5 on a scale from 0 to 1 of which one half is the threshold, in the same order: what is active by `threshold`
/// is at least one half, what is not is less.
pub fn activity(intensity: f32, threshold: AuThreshold) -> f32 {
    let at = threshold.value;
    if threshold.active(intensity) {
        let above = if at < 5.0 { (intensity - at) / (5.0 - at) } else { 0.0 };
        0.5 + 0.5 * above
    } else {
        let below = if at > 0.0 { 0.5 * intensity / at } else { 0.0 };
        below.min(0.5_f32.next_down())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metric::action_units::THRESHOLD;

    proptest! {
        #[test]
        fn activity_keeps_the_order_and_the_threshold(a in 0.0_f32..=5.0, b in 0.0_f32..=5.0, value in 0.01_f32..4.9, strict: bool) {
            let text = if strict { format!("> {value}") } else { format!(">= {value}") };
            let threshold = AuThreshold::try_from(text).unwrap();
            for intensity in [a, b, value] {
                let active = activity(intensity, threshold);
                prop_assert!((0.0..=1.0).contains(&active));
                prop_assert_eq!(active >= THRESHOLD, threshold.active(intensity));
            }
            if a < b {
                prop_assert!(activity(a, threshold) <= activity(b, threshold));
            }
        }
    }
}
