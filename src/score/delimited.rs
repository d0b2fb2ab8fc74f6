//! Predictions in CSV and TSV files, whose first line names the columns.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Error, Result};
use crate::intake::{fields, text};
use crate::interrupt::Interrupt;

use super::frame::{Frame, Kind, Offer, Values, brief};

/// Lines between two looks at Ctrl-C.
const BETWEEN: usize = 1 << 14;
/// Lines that are looked at to know which columns hold lists.
const LOOKED_AT: usize = 1000;

/// The columns of a file. A field in brackets holds a list, `[0.1, 0.9]`, and lists within it count as one.
///
/// # Errors
/// [`Error::Io`] if it cannot be read; [`Error::Data`] if it is empty, or no text.
pub fn offer(path: &Path) -> Result<Offer> {
    let mut offer: Option<Offer> = None;
    let mut looked_at = 0;
    let read = walk(path, &mut |header, _, found| {
        let offer = offer.get_or_insert_with(|| header.iter().map(|name| (name.clone(), Kind::One)).collect());
        for ((_, kind), field) in offer.iter_mut().zip(found.unwrap_or_default()) {
            if let (Kind::One, Some(list)) = (*kind, list(field)) {
                *kind = Kind::List(list.len());
            }
        }
        looked_at += 1;
        Ok(looked_at < LOOKED_AT)
    });
    match (offer, read) {
        (Some(offer), Ok(()) | Err(Stop::Enough)) => Ok(offer),
        (_, Err(Stop::Failed(error))) => Err(error),
        _ => Err(Error::unusable_table(format!(
            "{}: the file is empty; expected a line with the names of the columns, then one line a prediction",
            path.display()
        ))),
    }
}

/// The numbers of a field in brackets, those of lists within it one after another; NaN for what is no number.
fn list(field: &str) -> Option<Vec<f32>> {
    let inner = field.trim().strip_prefix('[')?.strip_suffix(']')?;
    let words = inner.split(|c: char| c == ',' || c == '[' || c == ']' || c.is_whitespace());
    let numbers = words.filter(|word| !word.is_empty());
    Some(numbers.map(|word| word.parse().unwrap_or(f32::NAN)).collect())
}

/// Some columns of a file.
///
/// # Errors
/// As [`offer`]; [`Error::Data`] with file and line if a line has not the fields of the header, a list is longer or shorter than
/// the others, or columns of one name differ.
pub fn read(path: &Path, wanted: &[String], offer: &Offer, interrupt: &Interrupt) -> Result<Frame> {
    let place = |name: &String| -> Vec<usize> { (0..offer.len()).filter(|&place| offer[place].0 == *name).collect() };
    let places: Vec<Vec<usize>> = wanted.iter().map(place).collect();
    let mut columns: Vec<Values> = places
        .iter()
        .map(|places| match places.first().map(|&place| offer[place].1) {
            Some(Kind::List(width)) => Values::Lists(width, Vec::new()),
            _ => Values::Texts(Vec::new()),
        })
        .collect();
    let mut lines = Vec::new();
    let read = walk(path, &mut |header, line, found| {
        let Some(found) = found else { return Ok(true) };
        if lines.len() % BETWEEN == 0 {
            interrupt.check()?;
        }
        lines.push(line);
        for (column, places) in columns.iter_mut().zip(&places) {
            let mut fields = places.iter().filter_map(|&place| found.get(place));
            let field = fields
                .next()
                .map(|field| fields::unquoted(field))
                .filter(|field| !field.is_empty());
            let bad = |what: String| {
                let name = places
                    .first()
                    .and_then(|&place| header.get(place))
                    .map_or("", String::as_str);
                Error::unusable_table(format!("{}:{line}: `{name}` {what}", path.display()))
            };
            if let Some(other) = fields.find(|other| fields::unquoted(other) != field.unwrap_or_default()) {
                return Err(bad(format!(
                    "names two columns, which hold `{}` and `{}`; rename the one that is not meant",
                    brief(field.unwrap_or_default()),
                    brief(other)
                )));
            }
            match column {
                Values::Texts(texts) => texts.push(field.map(Into::into)),
                Values::Lists(width, data) => match field.map(|field| list(field).ok_or(field)) {
                    None => data.extend(std::iter::repeat_n(f32::NAN, *width)),
                    Some(Ok(list)) if list.len() == *width => data.extend(list),
                    Some(Ok(list)) => {
                        return Err(bad(format!(
                            "holds {} values, those of other lines {width}",
                            list.len()
                        )));
                    }
                    Some(Err(other)) => {
                        return Err(bad(format!(
                            "is `{}`; expected a list in brackets, as on other lines",
                            brief(other)
                        )));
                    }
                },
                Values::Numbers(_) => {}
            }
        }
        Ok(true)
    });
    match read {
        Ok(()) | Err(Stop::Enough) => {}
        Err(Stop::Failed(error)) => return Err(error),
    }
    let columns: BTreeMap<String, Values> = wanted.iter().cloned().zip(columns).collect();
    Ok(Frame::new(path, lines.len(), columns, lines))
}

/// Why a file is read no further.
enum Stop {
    /// What was looked for is found.
    Enough,
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// What is done with a line: the names of the columns, the line's number, its fields (`None` for the header itself). Whether to go on.
type Each<'a> = dyn FnMut(&[String], u32, Option<&[String]>) -> Result<bool> + 'a;

fn walk(path: &Path, each: &mut Each<'_>) -> Result<(), Stop> {
    let name = path.display().to_string();
    let mut said = None;
    let mut header: Option<(char, Vec<String>)> = None;
    let mut enough = false;
    let read = text::each_line(path, &name, |line, text| {
        let bad = |reason: String| Error::unusable_table(format!("{name}:{line}: {reason}"));
        let open = || bad("a quote is left open; fields that hold line breaks are not read".to_owned());
        let text = text.map_err(|reason| bad(reason.to_string()))?;
        let goes_on = match &header {
            None => {
                if line == 1
                    && let Some(separator) = fields::said_separator(text)
                {
                    said = Some(separator);
                    return Ok(());
                }
                let (separator, names) = fields::header(text, said).ok_or_else(open)?;
                let goes_on = each(&names, line, None)?;
                header = Some((separator, names));
                goes_on
            }
            Some((separator, names)) => {
                let found = fields::fields(text, *separator).ok_or_else(open)?;
                if found.len() != names.len() {
                    return Err(bad(format!(
                        "{} fields, where the header names {}: `{}`",
                        found.len(),
                        names.len(),
                        brief(text)
                    )));
                }
                each(names, line, Some(&found))?
            }
        };
        enough = !goes_on;
        // Reading ends by an error alone.
        if enough { Err(Error::Interrupted) } else { Ok(()) }
    });
    match read {
        Err(_) if enough => Err(Stop::Enough),
        read => Ok(read?),
    }
}
