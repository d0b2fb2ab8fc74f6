//! Predictions as `NumPy` writes them: an archive of arrays of one length, or one array without a name.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::path::Path;

use crate::error::{Context, Error, Result};
use crate::intake::npy::{self, Header};
use crate::intake::npz::Archive;
use crate::interrupt::Interrupt;
use crate::regular;

use super::frame::{Frame, Kind, Offer, Values};

/// What the array of a `.npy` file is called.
pub const ONLY: &str = "arr_0";

/// The arrays of an archive that have rows.
///
/// # Errors
/// [`Error::Io`] if it cannot be read; [`Error::Data`] if it is no archive.
pub fn offer_npz(path: &Path) -> Result<Offer> {
    let mut archive = Archive::open(path)?;
    let names = archive.names();
    Ok(names
        .into_iter()
        .filter_map(|name| Some((name.clone(), kind(&archive.header(&name).ok()?)?)))
        .collect())
}

/// The one array of a file.
///
/// # Errors
/// As [`offer_npz`].
pub fn offer_npy(path: &Path) -> Result<Offer> {
    let header = npy::read_header(&mut open(path)?).map_err(|error| wrong(path, ONLY, &error))?;
    Ok(kind(&header).map(|kind| (ONLY.to_owned(), kind)).into_iter().collect())
}

/// Some arrays of an archive.
///
/// # Errors
/// As [`offer_npz`]; [`Error::Data`] if their lengths differ.
pub fn read_npz(path: &Path, wanted: &[String], interrupt: &Interrupt) -> Result<Frame> {
    let mut archive = Archive::open(path)?;
    let mut columns = BTreeMap::new();
    let mut first: Option<(String, usize)> = None;
    for name in wanted {
        interrupt.check()?;
        let (header, mut input) = archive.array(name)?;
        let (rows, values) = values(&mut input, &header).map_err(|error| wrong(path, name, &error))?;
        let (before, expected) = first.get_or_insert((name.clone(), rows));
        if *expected != rows {
            return Err(Error::unusable_table(format!(
                "{}: the arrays do not belong together: `{before}` has {expected} rows, `{name}` {rows}",
                path.display()
            )));
        }
        columns.insert(name.clone(), values);
    }
    let rows = first.map_or(0, |(_, rows)| rows);
    Ok(Frame::new(path, rows, columns, Vec::new()))
}

/// The one array of a file.
///
/// # Errors
/// As [`offer_npz`].
pub fn read_npy(path: &Path) -> Result<Frame> {
    let mut input = open(path)?;
    let header = npy::read_header(&mut input).map_err(|error| wrong(path, ONLY, &error))?;
    let (rows, values) = values(&mut input, &header).map_err(|error| wrong(path, ONLY, &error))?;
    Ok(Frame::new(
        path,
        rows,
        BTreeMap::from([(ONLY.to_owned(), values)]),
        Vec::new(),
    ))
}

fn open(path: &Path) -> Result<impl Read> {
    Ok(BufReader::new(regular::open(path).at("read", path)?))
}

fn wrong(path: &Path, name: &str, error: &str) -> Error {
    Error::unusable_table(format!("{}: {name}: {error}", path.display()))
}

/// What the rows of an array hold; `None` of a single value, or of a table of texts.
fn kind(header: &Header) -> Option<Kind> {
    match (header.shape.len(), header.rows_and_columns().1) {
        (0, _) => None,
        (1, 1) => Some(Kind::One),
        (_, width) => header.is_numeric().then_some(Kind::List(width)),
    }
}

fn values(input: &mut impl Read, header: &Header) -> Result<(usize, Values), String> {
    if let Some(Kind::List(width)) = kind(header) {
        let mut data = Vec::new();
        npy::rows(input, header, |row| {
            data.extend_from_slice(row);
            Ok(())
        })?;
        return Ok((data.len() / width.max(1), Values::Lists(width, data)));
    }
    let values = npy::column(input, header)?;
    let texts: Vec<Option<Box<str>>> = values
        .into_iter()
        .map(|value| Some(value.map_or_else(|shown| shown, |value| value.to_text()).trim().into()))
        .collect();
    Ok((texts.len(), Values::Texts(texts)))
}
