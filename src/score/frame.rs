//! One file of predictions: some of its columns, and where each row stands.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::spelling::integer;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One text or number a row.
    One,
    /// As many numbers in every row.
    List(usize),
}

/// The columns of a file, in its order.
pub type Offer = Vec<(String, Kind)>;

/// The values of one column.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// As they are written; nothing where nothing is.
    Texts(Vec<Option<Box<str>>>),
    /// Numbers; NaN where nothing is.
    Numbers(Vec<f64>),
    /// n × width numbers.
    Lists(usize, Vec<f32>),
}

/// Some columns of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    path: PathBuf,
    rows: usize,
    columns: BTreeMap<String, Values>,
    /// 1-based line of each row of a text file; empty where rows have none.
    lines: Vec<u32>,
}

impl Frame {
    /// Columns of `rows` values each.
    pub fn new(path: &Path, rows: usize, columns: BTreeMap<String, Values>, lines: Vec<u32>) -> Self {
        Self {
            path: path.to_owned(),
            rows,
            columns,
            lines,
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Where a row stands, for messages: `preds.csv:12`, `preds.parquet, row 12`.
    pub fn place(&self, row: usize) -> String {
        match self.lines.get(row) {
            Some(line) => format!("{}:{line}", self.path.display()),
            None => format!("{}, row {}", self.path.display(), row + 1),
        }
    }

    /// The text in a column; `None` where it is empty, or says that nothing is there.
    pub fn text(&self, column: &str, row: usize) -> Option<String> {
        match self.columns.get(column)? {
            Values::Texts(texts) => texts
                .get(row)?
                .as_deref()
                .filter(|text| !is_empty(text))
                .map(str::to_owned),
            Values::Numbers(numbers) => {
                let number = *numbers.get(row)?;
                number.is_finite().then(|| number.to_string())
            }
            Values::Lists(..) => None,
        }
    }

    /// The number in a column; `None` where it is empty or NaN.
    ///
    /// # Errors
    /// [`Error::Data`] with the place, if it is no finite number.
    pub fn number(&self, column: &str, row: usize) -> Result<Option<f64>> {
        let wrong = |found: &str| {
            Error::unusable_table(format!(
                "{}: `{column}` is `{}`; expected a number",
                self.place(row),
                brief(found)
            ))
        };
        match self.columns.get(column) {
            Some(Values::Texts(texts)) => match texts.get(row).and_then(|text| text.as_deref()) {
                Some(text) if !is_empty(text) => {
                    let number: f64 = text.parse().map_err(|_| wrong(text))?;
                    if number.is_finite() {
                        Ok(Some(number))
                    } else {
                        Err(wrong(text))
                    }
                }
                _ => Ok(None),
            },
            Some(Values::Numbers(numbers)) => match numbers.get(row) {
                Some(number) if number.is_infinite() => Err(wrong(&number.to_string())),
                Some(number) if number.is_nan() => Ok(None),
                Some(number) => Ok(Some(*number)),
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// The whole number in a column; `None` where it is empty.
    ///
    /// # Errors
    /// [`Error::Data`] with the place, if it is none.
    pub fn whole(&self, column: &str, row: usize) -> Result<Option<i32>> {
        let Some(text) = self.text(column, row) else {
            return Ok(None);
        };
        integer(&text).map(Some).ok_or_else(|| {
            Error::unusable_table(format!(
                "{}: `{column}` is `{}`; expected a whole number",
                self.place(row),
                brief(&text)
            ))
        })
    }

    /// The list in a column; `None` where any of it is NaN.
    ///
    /// # Errors
    /// [`Error::Data`] with the place, if a value is infinite.
    pub fn list(&self, column: &str, row: usize) -> Result<Option<&[f32]>> {
        let Some(Values::Lists(width, data)) = self.columns.get(column) else {
            return Ok(None);
        };
        let values = data.get(row * width..(row + 1) * width).unwrap_or_default();
        if values.iter().any(|value| value.is_infinite()) {
            return Err(Error::unusable_table(format!(
                "{}: `{column}` holds an infinite number",
                self.place(row)
            )));
        }
        Ok((!values.is_empty() && values.iter().all(|value| value.is_finite())).then_some(values))
    }
}

/// Whether a text says that nothing is there.
fn is_empty(text: &str) -> bool {
    let text = text.trim();
    ["", "nan", "na", "null", "<na>", "n/a"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word))
}

/// The beginning of a text, for messages.
pub fn brief(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
