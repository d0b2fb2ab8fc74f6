//! What a samples table says of its samples, to hold a list of reviewed labels against.

use std::collections::BTreeMap;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Float32Type;
use polars::prelude::DataFrame;

use crate::error::{Error, Result};

/// A label of the table.
#[derive(Debug, Clone, PartialEq)]
pub enum OwnLabel {
    /// The name of a class.
    Class(String),
    /// A number.
    Number(f32),
}

/// The samples of a table with their labels in some of its columns.
#[derive(Debug, Default)]
pub struct OwnLabels {
    /// Row by sample.
    pub rows: BTreeMap<String, usize>,
    /// Its names of classes, in the order of `expression`.
    pub classes: Vec<String>,
    /// Split by row.
    pub splits: Vec<String>,
    /// By the name of the output, row by row.
    columns: BTreeMap<String, Vec<Option<OwnLabel>>>,
}

/// The column that holds the labels of an output as people read them.
fn column_of(output: &str) -> &str {
    match output {
        "expression" => "expression_name",
        other => other,
    }
}

impl OwnLabels {
    /// Those of `outputs` in a samples table; an output that it has no column for has no labels.
    ///
    /// # Errors
    /// [`Error::Data`] if a column is not of its type.
    pub fn of_table<'a>(
        table: &RecordBatch,
        classes: Vec<String>,
        outputs: impl Iterator<Item = &'a str>,
    ) -> Result<Self> {
        let texts = |name: &str| -> Result<Vec<Option<String>>> {
            let column = table
                .column_by_name(name)
                .and_then(|column| column.as_string_opt::<i32>());
            let column = column.ok_or_else(|| mistyped(name))?;
            Ok(column.iter().map(|text| text.map(str::to_owned)).collect())
        };
        let numbers = |name: &str| -> Result<Vec<Option<f32>>> {
            let column = table.column_by_name(name).ok_or_else(|| mistyped(name))?;
            let column = column.as_primitive_opt::<Float32Type>().ok_or_else(|| mistyped(name))?;
            Ok(column.iter().collect())
        };
        let has = |name: &str| table.column_by_name(name).is_some();
        Self::of(classes, outputs, has, texts, numbers)
    }

    /// As [`Self::of_table`], of a table that is not written yet.
    ///
    /// # Errors
    /// As [`Self::of_table`].
    pub fn of_frame<'a>(
        frame: &DataFrame,
        classes: Vec<String>,
        outputs: impl Iterator<Item = &'a str>,
    ) -> Result<Self> {
        let texts = |name: &str| -> Result<Vec<Option<String>>> {
            let column = frame.column(name).and_then(|column| column.str());
            let column = column.map_err(|_| mistyped(name))?;
            Ok(column.iter().map(|text| text.map(str::to_owned)).collect())
        };
        let numbers = |name: &str| -> Result<Vec<Option<f32>>> {
            let column = frame.column(name).and_then(|column| column.f32());
            Ok(column.map_err(|_| mistyped(name))?.iter().collect())
        };
        let has = |name: &str| frame.column(name).is_ok();
        Self::of(classes, outputs, has, texts, numbers)
    }

    fn of<'a>(
        classes: Vec<String>,
        outputs: impl Iterator<Item = &'a str>,
        has: impl Fn(&str) -> bool,
        texts: impl Fn(&str) -> Result<Vec<Option<String>>>,
        numbers: impl Fn(&str) -> Result<Vec<Option<f32>>>,
    ) -> Result<Self> {
        let mut columns = BTreeMap::new();
        for output in outputs {
            let name = column_of(output);
            if columns.contains_key(output) || !has(name) {
                continue;
            }
            let labels: Vec<Option<OwnLabel>> = if output == "expression" {
                let names = texts(name)?.into_iter();
                names.map(|name| name.map(OwnLabel::Class)).collect()
            } else {
                let known = |value: Option<f32>| value.filter(|value| !value.is_nan()).map(OwnLabel::Number);
                numbers(name)?.into_iter().map(known).collect()
            };
            columns.insert(output.to_owned(), labels);
        }
        let ids = texts("sample_id")?.into_iter().enumerate();
        Ok(Self {
            rows: ids.filter_map(|(row, id)| Some((id?, row))).collect(),
            classes,
            splits: texts("split")?.into_iter().map(Option::unwrap_or_default).collect(),
            columns,
        })
    }

    /// Whether the table has labels of an output.
    pub fn has(&self, output: &str) -> bool {
        self.columns.contains_key(output)
    }

    /// The label of a row; `None` if it has none.
    pub fn label(&self, row: usize, output: &str) -> Option<&OwnLabel> {
        self.columns.get(output)?.get(row)?.as_ref()
    }
}

fn mistyped(name: &str) -> Error {
    Error::unusable_table(format!(
        "the samples table has no column `{name}` of the documented type"
    ))
}
