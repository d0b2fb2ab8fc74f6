//! Predictions as JSON: an object a line, or one list of objects. Objects within are columns of their own: `emotion.happy`.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use serde_json::{Deserializer, Map, Value};

use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;
use crate::regular;

use super::frame::{Frame, Kind, Offer, Values};

/// Objects after which Ctrl-C is looked at.
const BETWEEN: usize = 1 << 12;
/// Objects whose keys are looked at to know the columns.
const LOOKED_AT: usize = 1000;

/// The columns that the first objects of a file have.
///
/// # Errors
/// [`Error::Io`] if it cannot be read; [`Error::Data`] if it is no JSON, or holds something else than objects.
pub fn offer(path: &Path) -> Result<Offer> {
    let mut offer = Offer::new();
    each(path, &Interrupt::default(), &mut |row, flat| {
        for (name, value) in flat {
            if !offer.iter().any(|(there, _)| there == name) {
                let kind = match value {
                    Value::Array(values) => Kind::List(values.len()),
                    _ => Kind::One,
                };
                offer.push((name.clone(), kind));
            }
        }
        Ok(row + 1 < LOOKED_AT)
    })?;
    if offer.is_empty() {
        return Err(Error::unusable_table(format!(
            "{}: the file holds no objects; expected one JSON object a prediction, as {{\"image\": \"a.jpg\", \"happiness\": 0.9, …}}",
            path.display()
        )));
    }
    Ok(offer)
}

/// Some columns of a file.
///
/// # Errors
/// As [`offer`]; [`Error::Data`] with the object's number if its lists are not as long as the first one's.
pub fn read(path: &Path, wanted: &[String], offer: &Offer, interrupt: &Interrupt) -> Result<Frame> {
    let mut columns: BTreeMap<String, Values> = wanted
        .iter()
        .map(|name| {
            let kind = offer.iter().find(|(there, _)| there == name).map(|(_, kind)| *kind);
            let values = match kind {
                Some(Kind::List(width)) => Values::Lists(width, Vec::new()),
                _ => Values::Texts(Vec::new()),
            };
            (name.clone(), values)
        })
        .collect();
    let mut rows = 0;
    each(path, interrupt, &mut |row, flat| {
        rows = row + 1;
        for (name, values) in &mut columns {
            let value = flat.get(name);
            match values {
                Values::Lists(width, data) => {
                    let list = value.and_then(Value::as_array);
                    if let Some(list) = list.filter(|list| list.len() != *width) {
                        return Err(Error::unusable_table(format!(
                            "{}, object {}: `{name}` holds {} values, those before hold {width}",
                            path.display(),
                            row + 1,
                            list.len()
                        )));
                    }
                    let number = |value: &Value| value.as_f64().map_or(f32::NAN, |number| number as f32);
                    match list {
                        Some(list) => data.extend(list.iter().map(number)),
                        None => data.extend(std::iter::repeat_n(f32::NAN, *width)),
                    }
                }
                Values::Texts(texts) => texts.push(match value {
                    None | Some(Value::Null | Value::Array(_) | Value::Object(_)) => None,
                    Some(Value::String(text)) => Some(text.trim().into()),
                    Some(other) => Some(other.to_string().into()),
                }),
                Values::Numbers(_) => {}
            }
        }
        Ok(true)
    })?;
    Ok(Frame::new(path, rows, columns, Vec::new()))
}

/// What is done with an object, by its number from 0. Whether to go on.
type Each<'a> = dyn FnMut(usize, &BTreeMap<String, Value>) -> Result<bool> + 'a;

/// Hands on the objects of a file, flat, until `found` wants no more.
fn each(path: &Path, interrupt: &Interrupt, found: &mut Each<'_>) -> Result<()> {
    let mut text = Vec::new();
    regular::open(path)
        .at("read", path)?
        .read_to_end(&mut text)
        .at("read", path)?;
    let wrong = |what: &str| {
        Error::unusable_table(format!(
            "{}: {what}; expected one JSON object a line, or one list of objects",
            path.display()
        ))
    };
    let mut row = 0;
    let mut hand_on = |object: Value| -> Result<bool> {
        let Value::Object(object) = object else {
            return Err(wrong(&format!("value {} is no object", row + 1)));
        };
        if row % BETWEEN == 0 {
            interrupt.check()?;
        }
        let mut flat = BTreeMap::new();
        flatten(object, "", &mut flat);
        row += 1;
        found(row - 1, &flat)
    };
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    for value in Deserializer::from_slice(text).into_iter::<Value>() {
        match value.map_err(|error| wrong(&error.to_string()))? {
            Value::Array(values) => {
                for value in values {
                    if !hand_on(value)? {
                        return Ok(());
                    }
                }
            }
            value => {
                if !hand_on(value)? {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

fn flatten(object: Map<String, Value>, before: &str, to: &mut BTreeMap<String, Value>) {
    for (key, value) in object {
        let name = if before.is_empty() {
            key
        } else {
            format!("{before}.{key}")
        };
        match value {
            Value::Object(inner) => flatten(inner, &name, to),
            value => {
                to.insert(name, value);
            }
        }
    }
}
