//! The rows of a list: delimited text or Parquet, as text cells.

use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;

use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::disk::guard::{self, guarded};
use crate::error::{Context, Error, Result};
use crate::intake::fields::{clean_name, fields};
use crate::intake::paths::has_extension;
use crate::regular;

/// Longest line of a list, in bytes.
const LONGEST: u64 = 1 << 20;
/// Rows of Parquet read at once.
const ROWS: usize = 4096;

/// A row of a list.
#[derive(Debug)]
pub enum Row<'a> {
    /// Names of the columns.
    Header(&'a [String]),
    /// Its 1-based line or row, and its cells.
    Cells(usize, &'a [String]),
    /// A line that is no row, and why.
    Broken(usize, &'static str),
}

/// Hands out the header and then every row of the list at `path`.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, [`Error::Data`] if it is empty or no list; whatever `each` returns.
pub fn each_row(path: &Path, each: impl FnMut(Row<'_>) -> Result<()>) -> Result<()> {
    if has_extension(&path.to_string_lossy(), &["parquet"]) {
        parquet(path, each)
    } else {
        text(path, each)
    }
}

fn text(path: &Path, mut each: impl FnMut(Row<'_>) -> Result<()>) -> Result<()> {
    let mut input = BufReader::new(regular::open(path).at("read", path)?);
    let mut separator = None;
    let mut line = 0;
    loop {
        let mut bytes = Vec::new();
        let read = input
            .by_ref()
            .take(LONGEST)
            .read_until(b'\n', &mut bytes)
            .at("read", path)?;
        if read == 0 {
            break;
        }
        line += 1;
        if read as u64 == LONGEST && bytes.last() != Some(&b'\n') {
            return Err(Error::unusable_table(format!(
                "{}:{line}: the line is longer than {LONGEST} bytes; is it really a list of faces?",
                path.display()
            )));
        }
        let Ok(text) = std::str::from_utf8(&bytes) else {
            if separator.is_none() {
                return Err(Error::unusable_table(format!(
                    "{}: the first line is not UTF-8; expected a list with the names of its columns in the first line",
                    path.display()
                )));
            }
            each(Row::Broken(line, "the line is not UTF-8"))?;
            continue;
        };
        let text = text.trim_end_matches(['\n', '\r']);
        if text.trim().is_empty() {
            continue;
        }
        if let Some(separator) = separator {
            match fields(text, separator) {
                Some(cells) => {
                    let cells: Vec<String> = cells.iter().map(|cell| cell.trim().to_owned()).collect();
                    each(Row::Cells(line, &cells))?;
                }
                None => each(Row::Broken(line, "a quote is left open"))?,
            }
        } else {
            let of = |separator: char| text.matches(separator).count();
            let found = [',', '\t', ';'].into_iter().max_by_key(|&mark| (of(mark), mark == ','));
            let mark = found.unwrap_or(',');
            let names = fields(text, mark).unwrap_or_else(|| text.split(mark).map(str::to_owned).collect());
            let names: Vec<String> = names.iter().map(|name| clean_name(name)).collect();
            each(Row::Header(&names))?;
            separator = Some(mark);
        }
    }
    if separator.is_none() {
        return Err(Error::unusable_table(format!(
            "{} is empty; expected a list with the names of its columns in the first line",
            path.display()
        )));
    }
    Ok(())
}

fn parquet(path: &Path, mut each: impl FnMut(Row<'_>) -> Result<()>) -> Result<()> {
    let builder = guard::open(path)?;
    let names: Vec<String> = builder
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    each(Row::Header(&names))?;
    let mut reader = guarded(path, || builder.with_batch_size(ROWS).build().at("read", path))?;
    let options = FormatOptions::default();
    let mut line = 0;
    while let Some(batch) = guarded(path, || reader.next().transpose().at("read", path))? {
        let columns = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options))
            .collect::<std::result::Result<Vec<_>, _>>()
            .at("read", path)?;
        for row in 0..batch.num_rows() {
            line += 1;
            let cells: Vec<String> = columns.iter().map(|column| column.value(row).to_string()).collect();
            each(Row::Cells(line, &cells))?;
        }
    }
    Ok(())
}
