//! Which subject is in which fold.

use std::collections::BTreeMap;
use std::path::Path;

use crate::dataset::source::Source;
use crate::error::{Context, Error, Result};
use crate::intake::line_ends::lines_of;
use crate::spelling::integer;

use super::names::subject_in;

/// The fold of every subject: the card's, or those of the file that the recipe names.
pub(crate) fn folds(source: &Source<'_>) -> Result<BTreeMap<String, i32>> {
    match &source.options.folds {
        Some(file) => read_folds(file),
        None => Ok(source.card.fold_of_subjects()),
    }
}

/// Reads a file with lines `subject,fold` (comma, semicolon, tab or space; folds count from 1; the first line may be a header).
///
/// # Errors
/// [`Error::Io`] if it cannot be read, [`Error::Data`] with the line that is no subject and fold, or names one twice.
pub fn read_folds(file: &Path) -> Result<BTreeMap<String, i32>> {
    let mut folds = BTreeMap::new();
    let text = std::fs::read_to_string(file).at("read the folds", file)?;
    for (i, line) in lines_of(&text).enumerate() {
        let fields: Vec<&str> = line
            .split([',', ';', '\t', ' '])
            .map(|field| field.trim().trim_matches(['"', '\'']))
            .filter(|field| !field.is_empty())
            .collect();
        let parsed = match fields[..] {
            [] => continue,
            [subject, fold] => subject_in(subject).zip(integer(fold).filter(|fold| *fold > 0)),
            _ => None,
        };
        match parsed {
            Some((subject, fold)) => {
                if folds.insert(subject.clone(), fold).is_some() {
                    return Err(Error::unusable_table(format!(
                        "{}:{}: {subject} occurs twice",
                        file.display(),
                        i + 1
                    )));
                }
            }
            None if i == 0 && fields.first().is_none_or(|field| subject_in(field).is_none()) => {}
            None => {
                return Err(Error::unusable_table(format!(
                    "{}:{}: expected a subject and a fold from 1, such as `SN001,1`, found `{line}`",
                    file.display(),
                    i + 1
                )));
            }
        }
    }
    Ok(folds)
}
