//! Labels in a CSV or TSV file.

use std::collections::BTreeMap;
use std::path::Path;

use crate::dataset::table::TableConfig;
use crate::error::{Error, Result};
use crate::intake::fields;
use crate::intake::reject::Reason;
use crate::intake::text;

use super::columns::{Columns, Offer, Roles};

/// Reads a CSV or TSV file whose first line names the columns. A line that has not the fields of the header, or is no text, is a
/// row that holds nothing and says why ([`Columns::unusable`]): were it lost, all labels after it would shift.
///
/// # Errors
/// [`Error::Io`] if it cannot be read; [`Error::Data`] with file and line if there is no header, or if a quote is left open: then
/// nobody knows where the row ends.
pub(crate) fn read_csv(path: &Path, config: &TableConfig) -> Result<(Roles, Columns)> {
    let name = path.display().to_string();
    let mut separator_line: Option<char> = None;
    let mut header: Option<Header> = None;
    let mut roles = Roles::default();
    let mut columns = Columns::default();
    text::each_line(path, &name, |line, text| {
        let place = || format!("{name}:{line}");
        let Some(Header {
            separator,
            fields,
            wanted,
        }) = &header
        else {
            let text = text.map_err(|reason| Error::unusable_table(format!("{}: {reason}", place())))?;
            if line == 1
                && let Some(separator) = fields::said_separator(text)
            {
                separator_line = Some(separator);
                return Ok(());
            }
            let (separator, names) = fields::header(text, separator_line).ok_or_else(|| open_quote(&place()))?;
            let offer = Offer {
                names: names.clone(),
                others: BTreeMap::new(),
            };
            roles = Roles::find(&offer, config, path)?;
            columns = Columns::new(&roles);
            let mut left = roles.names();
            header = Some(Header {
                separator,
                fields: names.len(),
                wanted: names.iter().map(|name| left.take(name)).collect(),
            });
            return Ok(());
        };
        let row = columns.begin_line(line);
        let found = match text {
            Err(reason) => Err(reason),
            Ok(text) => {
                let found = fields::fields(text, *separator).ok_or_else(|| open_quote(&place()))?;
                match found.len() {
                    number if number == *fields => Ok(found),
                    number => Err(Reason::MalformedLine(format!(
                        "{fields} fields as in the header, found {number}"
                    ))),
                }
            }
        };
        match found {
            Ok(found) => {
                for (field, wanted) in found.iter().zip(wanted) {
                    if let Some(name) = wanted {
                        columns.push(name, Some(fields::unquoted(field)));
                    }
                }
            }
            Err(reason) => {
                for name in wanted.iter().flatten() {
                    columns.push(name, None);
                }
                columns.give_up(row, reason);
                if let Some((rows, first)) = columns.all_unusable() {
                    text::bound(rows, path, first)?;
                }
            }
        }
        Ok(())
    })?;
    if header.is_none() {
        return Err(Error::unusable_table(format!(
            "{name}: the file is empty; expected a line with the names of the columns, then one line a sample"
        )));
    }
    Ok((roles, columns))
}

/// What the first line of a text file says of the others.
struct Header {
    separator: char,
    fields: usize,
    /// The column that each field belongs to; `None` if it is not read.
    wanted: Vec<Option<String>>,
}

fn open_quote(place: &str) -> Error {
    Error::unusable_table(format!(
        "{place}: a quote is left open; fields that hold line breaks are not read"
    ))
}
